# A client that answers no more, as behind a link that is gone: its port is free again once the server has given it up.
port=$(free_port)
$SSH -v -N -o ExitOnForwardFailure=yes -R "$port:127.0.0.1:$PORT" peer 2>said &
await 'remote forward success' said
kill -STOP $!
ends_with 255 $SSH -N -o ExitOnForwardFailure=yes -R "$port:127.0.0.1:$PORT" peer 2>refused
until $SSH -f -N -o ExitOnForwardFailure=yes -R "$port:127.0.0.1:$PORT" peer 2>refused; do sleep 0.1; done
kill -KILL $!
$SSH peer "perl -MIO::Socket::INET -e 'print scalar readline(IO::Socket::INET->new(PeerAddr => \"127.0.0.1:$port\") or die)'" >got
grep -q '^SSH-2.0-' got
