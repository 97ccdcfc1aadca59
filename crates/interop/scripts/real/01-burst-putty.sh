# What 01-burst-exit does, with PuTTY's and dropbear's clients.
puttygen key -q -O private -o key.ppk
print=$(ssh-keygen -l -E sha256 -f known_hosts | cut -d ' ' -f 2)
plink="plink -batch -ssh -no-antispoof -noagent -hostkey $print -i key.ppk -P $PORT -l nacre"
dropbearconvert openssh dropbear key key.dropbear 2>said
dbclient="dbclient -y -i key.dropbear -p $PORT -l nacre"
seq 1 100000 >wanted
sed 's/$/\r/' wanted >wanted-tty
for turn in $(seq 1 10); do
    for client in "$plink" "$dbclient"; do
        ends_with 9 $client -T 127.0.0.1 'seq 1 100000; exit 9' </dev/null >got 2>said
        cmp wanted got
    done
    ends_with 8 $plink -t 127.0.0.1 'seq 1 100000; exit 8' </dev/null >got 2>said
    cmp wanted-tty got
done
