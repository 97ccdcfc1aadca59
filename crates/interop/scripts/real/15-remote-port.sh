# `-R 0:`, the port that was asked for again after a link was lost, and what is refused.
$SSH -v -N -R 0:127.0.0.1:"$PORT" peer 2>said &
ssh=$!
await 'Allocated port [0-9]* for remote forward to 127.0.0.1:' said
port=$(sed -n 's/.*Allocated port \([0-9]*\) for remote.*/\1/p' said)
banner() {
    $SSH peer "perl -MIO::Socket::INET -e 'print scalar readline(IO::Socket::INET->new(PeerAddr => \"127.0.0.1:$1\") or die)'" >got
    grep -q '^SSH-2.0-' got
}
for turn in $(seq 1 10); do banner "$port"; done
# Taken: refused, and nothing else is harmed.
ends_with 255 $SSH -N -o ExitOnForwardFailure=yes -R "$port:127.0.0.1:$PORT" peer 2>refused
grep -q "remote port forwarding failed for listen port $port" refused
ends_with 255 $SSH -N -o ExitOnForwardFailure=yes -R "1:127.0.0.1:$PORT" peer 2>refused
grep -q 'remote port forwarding failed for listen port 1' refused
banner "$port"
# A client that is killed, and one that comes back at once, twenty times. It may be before the server has seen the end.
for turn in $(seq 1 20); do
    kill -KILL "$ssh"
    for try in $(seq 1 50); do
        rm -f ready
        $SSH -f -M -S "socket.$turn.$try" -N -o ExitOnForwardFailure=yes -R "$port:127.0.0.1:$PORT" peer 2>refused && break
        sleep 0.05
    done
    banner "$port"
    $SSH -S "socket.$turn.$try" -O check peer 2>pid
    ssh=$(sed -n 's/.*pid=\([0-9]*\).*/\1/p' pid)
done
# Given back when asked to.
$SSH -S "socket.$turn.$try" -O cancel -R "$port:127.0.0.1:$PORT" peer
ends_with 0 $SSH -f -N -o ExitOnForwardFailure=yes -R "$port:127.0.0.1:$PORT" peer
banner "$port"
