# WinSCP's relatives: pscp in both protocols, and psftp.
puttygen key -q -O private -o key.ppk
print=$(ssh-keygen -l -E sha256 -f known_hosts | cut -d ' ' -f 2)
how="-batch -noagent -hostkey $print -i key.ppk -P $PORT -l nacre"
random 24 >large
mkdir tree
for number in 1 2 3; do echo "$number" >"tree/$number"; done
touch -d '2001-02-03 04:05:06' tree/2
for protocol in -sftp -scp; do
    pscp="pscp $protocol -q $how"
    $SSH peer 'mkdir putty'
    $pscp large 127.0.0.1:putty/large
    $pscp 127.0.0.1:putty/large got
    cmp large got
    $pscp -r -p tree 127.0.0.1:putty
    $pscp -r -p 127.0.0.1:putty/tree copy
    diff -r tree copy
    [ "$(stat -c %Y copy/2)" = "$(stat -c %Y tree/2)" ]
    ends_with 1 $pscp 127.0.0.1:putty/no-such-file none 2>said
    rm -r got copy
    $SSH peer 'rm -r putty'
done
cat >batch <<'END'
mkdir putty
cd putty
put large
put -r tree
mv large moved
chmod 640 moved
ls
get moved got
get -r tree copy
reget moved got
del tree/*
rmdir tree
del moved
cd ..
rmdir putty
quit
END
psftp $how -b batch 127.0.0.1 >out 2>&1 || { cat out; exit 1; }
cmp large got
diff -r tree copy
