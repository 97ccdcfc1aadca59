# A command that writes much and ends at once, without and with a terminal: all of it arrives, and so does the status.
seq 1 100000 >wanted
sed 's/$/\r/' wanted >wanted-tty
for turn in $(seq 1 20); do
    ends_with 9 $SSH -T peer 'seq 1 100000; exit 9' >got
    cmp wanted got
    ends_with 8 $SSH -tt peer 'seq 1 100000; exit 8' </dev/null >got 2>said
    cmp wanted-tty got
    ends_with 7 $SSH -T peer 'seq 1 100000 >&2; exit 7' 2>got
    cmp wanted got
done
# A reader that comes late, when the command has long ended.
mkfifo late
ends_with 6 $SSH peer 'seq 1 3000000; exit 6' >late &
sleep 1.5
seq 1 3000000 | cmp - late
wait $!
# A command that leaves a program behind ends at once on a terminal, whoever still has it open.
started=$(date +%s)
ends_with 5 $SSH -tt peer 'setsid sleep 20 & echo started; exit 5' </dev/null >got 2>said
grep -q started got
[ "$(($(date +%s) - started))" -lt 10 ]
# And without a terminal as soon as nobody has its outputs open.
ends_with 4 $SSH peer 'setsid sleep 20 </dev/null >/dev/null 2>&1 & echo started; exit 4' >got
grep -q started got
[ "$(($(date +%s) - started))" -lt 15 ]
