# MaxSessions 0: no session, but forwarding works.
ends_with 255 $SSH peer true 2>said
grep -q 'channel 0: open failed: connect failed: ' said || grep -q 'channel 0: open failed: ' said
cat said
local=$(free_port)
$SSH -o ExitOnForwardFailure=yes -f -N -L "127.0.0.1:$local:127.0.0.1:$PORT" peer
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:'"$local"'") or die; print scalar <$s>' >got
grep -q '^SSH-2.0-' got
