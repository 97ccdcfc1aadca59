# What runs on a terminal over a connection that ends is told so.
$SSH -M -S socket -f -N peer
status=0
$SSH -tt -S socket peer 'trap "echo hung up >ended; exit" HUP; echo ready; while :; do sleep 0.05; done' >out || status=$? &
until grep -q ready out; do sleep 0.05; done
$SSH -S socket -O exit peer 2>said
wait
$SSH peer 'until [ -e ended ]; do sleep 0.05; done; cat ended; rm ended' >out
[ "$(cat out)" = 'hung up' ]
