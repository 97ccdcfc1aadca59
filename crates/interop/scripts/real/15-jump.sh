# Through one and two hosts, on which there is no session.
for name in far farther; do sed "s/^Host peer/Host $name/" config; done >more
cat more >>config
ends_with 7 $SSH -J peer far 'echo jumped; exit 7' >got
[ "$(cat got)" = jumped ]
seq 1 2000000 >wanted
$SSH -J peer,farther far cat <wanted >got
cmp wanted got
for turn in $(seq 1 10); do [ "$($SSH -J peer far echo "$turn")" = "$turn" ]; done
# Bare: a connection with nothing on it but one forwarded one.
$SSH -W "127.0.0.1:$PORT" peer </dev/null >got 2>said || true
grep -q '^SSH-2.0-' got
scp -q -F config -o ProxyJump=peer wanted far:jumped
$SSH -J peer far 'cat jumped; rm jumped' | cmp - wanted
