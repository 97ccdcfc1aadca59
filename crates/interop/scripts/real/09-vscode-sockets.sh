# Its variant with Unix sockets: the server there listens on one, a port or a socket here leads to it, and back.
$SSH peer 'mkdir sockets'
mkfifo script.in
local=$(free_port)
$SSH -T -o ExitOnForwardFailure=yes -o StreamLocalBindUnlink=yes -L "127.0.0.1:$local:/home/nacre/sockets/there" \
    -L "$1/here:/home/nacre/sockets/there" -R "/home/nacre/sockets/back:$1/own" -R "/home/nacre/sockets/port:127.0.0.1:$PORT" \
    peer bash <script.in >out 2>said &
ssh=$!
exec 3>script.in
echo 'python3 -u service.py sockets/there' >&3
await serving out
for turn in 1 2 3; do
    python3 speak.py unix here 'uid=1000 gid=1000'
    python3 speak.py tcp "$local" 'uid=1000 gid=1000'
done
# The other way: a socket there leads to a service here, which sees the client's own user.
python3 -u service.py own >own.out &
await serving own.out
$SSH peer 'python3 - unix sockets/back "uid=0 gid=0"' <speak.py
# A socket there is its user's, and nobody else's.
[ "$($SSH peer 'stat -c "%U %a %F" sockets/back')" = 'nacre 600 socket' ]
$SSH peer 'perl -MIO::Socket::UNIX -e "print scalar readline(IO::Socket::UNIX->new(\"sockets/port\"))"' >got
grep -q '^SSH-2.0-' got
# What is in the way stays, as the server was not told otherwise.
ends_with 255 $SSH -N -o ExitOnForwardFailure=yes -R "/home/nacre/sockets/back:$1/own" peer 2>said
grep -q 'remote port forwarding failed for listen path /home/nacre/sockets/back' said
# Nothing that is in the way of somebody else is made.
ends_with 255 $SSH -N -o ExitOnForwardFailure=yes -R "/root/back:$1/own" peer 2>said
grep -q 'remote port forwarding failed for listen path /root/back' said
kill "$ssh"
