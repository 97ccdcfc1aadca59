# Both protocols of scp, between here and there and from there to there: a large file, a tree with its modes and times, many
# names at once, what is not there.
random 24 >large
mkdir -p tree/below
echo word >tree/below/file
echo 'with blanks' >'tree/a name with blanks'
chmod 640 tree/below/file
touch -d '2001-02-03 04:05:06' tree/below/file
$SSH peer 'mkdir -p scp && rm -rf scp/*'
for protocol in -s -O; do
    scp="scp $protocol -q -F config"
    $scp large peer:scp/large
    $scp peer:scp/large got
    cmp large got
    $scp -r -p tree peer:scp/
    $scp -r -p peer:scp/tree copy
    diff -r tree copy
    [ "$(stat -c '%a %Y' tree/below/file)" = "$(stat -c '%a %Y' copy/below/file)" ]
    $scp 'peer:scp/tree/*/f*' glob
    cmp tree/below/file glob
    $scp -3 peer:scp/large peer:scp/again
    [ "$($SSH peer 'cmp scp/large scp/again; echo same')" = same ]
    ends_with 1 $scp peer:scp/no-such-file none 2>said
    grep -q 'No such file or directory' said
    ends_with 1 $scp large peer:/root/none 2>said
    grep -q 'Permission denied' said
    # Limited by the client, which then reads slowly.
    $scp -l 200000 peer:scp/large slow
    cmp large slow
    rm -r got glob copy slow
    $SSH peer 'rm -r scp/*'
done
