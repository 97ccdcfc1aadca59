# More sessions over one connection than MaxSessions (10): those over it are refused with words that tools know, go on with
# a connection of their own, and disturb none of the others.
$SSH -M -S socket -f -N peer
for number in $(seq 1 15); do
    (
        ends_with "$number" $SSH -o ControlMaster=auto -S socket peer "touch max.$number
            until [ \$(ls max.* | wc -l) = 15 ]; do sleep 0.05; done; cat; exit $number" <key >"out.$number" 2>"said.$number"
        cmp key "out.$number"
        touch "done.$number"
    ) &
done
wait
[ "$(ls done.* | wc -l)" = 15 ]
$SSH peer 'rm max.*'
[ "$(cat said.* | grep -c 'mux_client_request_session: session request failed: Session open refused by peer')" = 5 ]
[ "$(cat said.* | grep -c 'ControlSocket .*socket already exists, disabling multiplexing')" = 5 ]
# Once they have ended there is room again.
for turn in $(seq 1 25); do
    $SSH -S socket -o ProxyCommand=false peer true
done
$SSH -S socket -O exit peer 2>said
