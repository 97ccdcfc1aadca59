# Both sides ask every second whether the other is there, and each answers, with and without a terminal.
ends_with 3 $SSH -o ServerAliveInterval=1 -o ServerAliveCountMax=2 peer 'sleep 6; echo alive; exit 3' >got
grep -q alive got
ends_with 4 $SSH -tt -o ServerAliveInterval=1 -o ServerAliveCountMax=2 peer 'sleep 5; exit 4' </dev/null >got 2>said
# A client that answers no more is given up, and what it ran on a terminal ends.
$SSH -tt peer 'echo pid=$$; trap "echo hung-up >ended; exit" HUP; while :; do sleep 0.05; done' </dev/null >got 2>said &
await pid= got
kill -STOP $!
$SSH peer 'for turn in $(seq 1 200); do [ ! -e ended ] || exit 0; sleep 0.05; done; exit 1'
kill -KILL $!
