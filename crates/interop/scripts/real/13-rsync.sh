# A hundred times there and a hundred times back, with something changed each time.
mkdir from back
for number in $(seq 1 50); do seq 1 $((number * 100)) >"from/$number"; done
random 3 >from/large
for turn in $(seq 1 100); do
    echo "$turn" >>"from/$((turn % 50 + 1))"
    rsync -a --delete -e "$SSH" from/ peer:rsync-there/
    rsync -a --delete -e "$SSH" peer:rsync-there/ back/
    diff -r from back
done
$SSH peer 'rm -r rsync-there'
