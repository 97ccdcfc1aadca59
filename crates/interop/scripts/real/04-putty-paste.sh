# A megabyte pasted into a terminal and shown again, by a plink that has no need of further channels (`simple@`, with the
# largest window) and by one that may have (`winadj@`, with a small one that it opens again and again).
puttygen key -q -O private -o key.ppk
print=$(ssh-keygen -l -E sha256 -f known_hosts | cut -d ' ' -f 2)
plink="plink -batch -ssh -no-antispoof -noagent -hostkey $print -i key.ppk -P $PORT -l nacre"
{ seq -f 'line %08.0f of what is pasted' 1 33000; echo end; } >pasted
[ "$(stat -c %s pasted)" -gt 1000000 ]
mkfifo keys
for kind in simple winadj; do
    also=
    [ "$kind" = simple ] || also="-L 127.0.0.1:$(free_port):127.0.0.1:9"
    rm -f log
    ends_with 3 $plink $also -sshlog log -t 127.0.0.1 'stty -echo -onlcr; echo ready; sed /^end\$/q; exit 3' <keys >got &
    exec 3>keys
    await ready got
    cat pasted >&3
    wait $!
    exec 3>&-
    sed 1d got | cmp - pasted
    # The log shows packets in lines of sixteen bytes; their characters come last.
    cut -c 62- log | tr -d '\r\n' | grep -a -q "$kind@putty.projects.tartarus.org"
done
# Most that a terminal's programs are shown is read by nobody for a while.
ends_with 2 $plink $also 127.0.0.1 'seq 1 1000000; exit 2' | { sleep 1; cat; } >got
seq 1 1000000 | cmp - got
# What it is refused does not end it: an unknown request that wants an answer.
grep -q 'SSH2_MSG_CHANNEL_FAILURE\|SSH2_MSG_CHANNEL_SUCCESS' log
