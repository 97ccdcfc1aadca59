# Ten sessions that all run at once over one connection, each with an input, an output and a status of its own.
$SSH -M -S socket -f -N peer
$SSH -S socket -O check peer 2>said
grep -q 'Master running' said
for number in $(seq 1 10); do
    (
        status=0
        seq 1 "$((number * 10000))" |
            $SSH -S socket peer "touch here.$number; until [ -e here.10 ] && [ \$(ls here.* | wc -l) = 10 ]
                do sleep 0.05; done; cat; exit $number" >"out.$number" || status=$?
        [ "$status" = "$number" ]
        seq 1 "$((number * 10000))" | cmp - "out.$number"
        touch "done.$number"
    ) &
done
wait
[ "$(ls done.* | wc -l)" = 10 ]
$SSH -S socket peer 'rm here.*'
$SSH -S socket -O exit peer 2>said
