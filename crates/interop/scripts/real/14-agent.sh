# The user's agent on the next host and on the one after it: where OpenSSH has its socket, for nobody else, gone in the end.
eval "$(ssh-agent -s)" >agent
ssh-add -q key
[ -z "$($SSH peer 'echo $SSH_AUTH_SOCK')" ]
$SSH -A peer 'echo "$SSH_AUTH_SOCK"; stat -c "%a %U %F" "$SSH_AUTH_SOCK" "$(dirname "$SSH_AUTH_SOCK")"; ssh-add -l' >got
grep -q '^/home/nacre/.ssh/agent/s\.' got
grep -q '^600 nacre socket$' got
grep -q '^700 nacre directory$' got
print=$(ssh-keygen -l -f key.pub 2>/dev/null || ssh-keygen -l -f key)
grep -q "$(echo "$print" | cut -d ' ' -f 2)" got
[ "$($SSH peer "test -e $(head -n 1 got) || echo gone")" = gone ]
# On a terminal too; then hop by hop, each login with that agent and no key of its own.
$SSH -A -tt peer 'ssh-add -l' </dev/null 2>said | grep -q "$(echo "$print" | cut -d ' ' -f 2)"
hop="ssh -A -p $PORT -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR nacre@127.0.0.1"
[ "$($SSH -A peer "$hop $hop 'echo third hop; ssh-add -l | wc -l'")" = "$(printf 'third hop\n1')" ]
# Many at once, over one connection.
$SSH -A -M -S socket -f -N peer
for number in $(seq 1 8); do
    (
        for turn in $(seq 1 5); do [ "$($SSH -A -S socket peer 'ssh-add -l | wc -l')" = 1 ]; done
        touch "done.$number"
    ) &
done
wait
[ "$(ls done.* | wc -l)" = 8 ]
$SSH -S socket -O exit peer 2>said
kill "$SSH_AGENT_PID"
