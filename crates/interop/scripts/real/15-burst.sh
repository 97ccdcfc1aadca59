# Thirty logins at once, three times.
for turn in 1 2 3; do
    for number in $(seq 1 30); do
        (
            [ "$($SSH peer "echo $number; sleep 0.2; echo over")" = "$(printf '%s\nover' "$number")" ]
            touch "done.$number"
        ) &
    done
    wait
    [ "$(ls done.* | wc -l)" = 30 ]
    rm done.*
done
