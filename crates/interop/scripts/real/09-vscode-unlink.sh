# The name of a Unix socket there that was used before, by one who is gone and by one who is not.
python3 -u service.py own >own.out &
await serving own.out
$SSH -N -o ExitOnForwardFailure=yes -R "/home/nacre/back:$1/own" peer &
until $SSH peer '[ -S back ]'; do sleep 0.05; done
$SSH peer 'python3 - unix back "uid=0 gid=0"' <speak.py
kill -KILL $!
for turn in 1 2 3; do
    $SSH -f -N -o ExitOnForwardFailure=yes -R "/home/nacre/back:$1/own" peer
    $SSH peer 'python3 - unix back "uid=0 gid=0"' <speak.py
done
# Only a socket is ever replaced.
$SSH peer 'echo precious >file'
$SSH -f -N -R "/home/nacre/file:$1/own" peer 2>said || true
