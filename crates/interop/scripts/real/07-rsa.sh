# `server-sig-algs` is true: a key of a kind that is in it lets in, one of another kind is refused as any wrong key is.
sed -i '/^IdentityFile/d' config
alone=$SSH
SSH="$SSH -i key"
$SSH -v peer true 2>log
named=,$(sed -n 's/.*server-sig-algs=<\(.*\)>.*/\1/p' log | head -n 1),
case $named in *,ssh-ed25519,*) ;; *) exit 1 ;; esac
# Nothing that nobody should use any more.
case $named in *,ssh-rsa,* | *,ssh-dss,*) exit 1 ;; esac
# Whether the server names one of these.
names() { for name in "$@"; do case $named in *",$name,"*) return 0 ;; esac; done; return 1; }
make() {
    ssh-keygen -q -t "$2" -b "$3" -N '' -f "key.$1"
    $SSH peer 'cat >>.ssh/authorized_keys' <"key.$1.pub"
}
try() {
    if names "$2"; then
        ends_with 5 $alone -o PubkeyAcceptedAlgorithms="$2" -i "key.$1" peer 'exit 5'
    else
        ends_with 255 $alone -o PubkeyAcceptedAlgorithms="$2" -i "key.$1" peer 'exit 5' 2>said
        grep -q 'Permission denied (publickey' said
    fi
}
names rsa-sha2-512 && names rsa-sha2-256 && names ecdsa-sha2-nistp256
for size in 2048 3072 4096; do
    make "rsa$size" rsa "$size"
    try "rsa$size" rsa-sha2-512
    try "rsa$size" rsa-sha2-256
done
# By SHA-1 nobody gets in, whatever the client thinks of it.
ends_with 255 $alone -o PubkeyAcceptedAlgorithms=ssh-rsa -i key.rsa3072 peer 'exit 5' 2>said
grep -q 'Permission denied (publickey' said
for size in 256 384 521; do
    make "$size" ecdsa "$size"
    try "$size" "ecdsa-sha2-nistp$size"
done
make ed25519 ed25519 256
try ed25519 ssh-ed25519
# A refused key does not spoil the next one on the same connection.
ssh-keygen -q -t rsa -b 2048 -N '' -f key.stranger
ends_with 6 $alone -i key.stranger -i key peer 'exit 6'
puttygen key.rsa3072 -q -O private -o rsa.ppk
print=$(ssh-keygen -l -E sha256 -f known_hosts | cut -d ' ' -f 2)
plink="plink -batch -ssh -no-antispoof -noagent -hostkey $print -i rsa.ppk -P $PORT -l nacre 127.0.0.1"
ends_with 5 $plink 'exit 5'
