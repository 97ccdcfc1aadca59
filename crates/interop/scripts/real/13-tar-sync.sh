# A stream into a command that answers when it has all of it.
mkdir tree
for number in $(seq 1 40); do random 1 >"tree/$number"; done
[ "$(tar -c tree | $SSH peer 'cat >tree.tar; sync tree.tar; echo done')" = done ]
tar -c tree | $SSH peer 'cat; sync tree.tar; echo done' >got
[ "$(tail -c 5 got)" = done ]
truncate -s -5 got
$SSH peer 'cat tree.tar' | cmp - got
$SSH peer 'cat tree.tar' | tar -x -C . --transform 's/^tree/back/'
diff -r tree back
$SSH peer 'mkdir there; tar -x -C there -f tree.tar; tar -c -C there tree' | tar -x --transform 's/^tree/again/'
diff -r tree again
$SSH peer 'rm -r tree.tar there'
