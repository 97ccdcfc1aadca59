#!/bin/sh
# Makes the files beside it anew, in the folder it is run in, with the ssh-keygen and openssl in PATH. README.md says
# with which ones they were made.
set -eu
export TZ=UTC LC_ALL=C
out=$PWD
work=$(mktemp -d)
cd "$work"

keygen() { ssh-keygen -q "$@"; }

# Keys without a passphrase. The security keys have no device behind them: the public keys of others in their form.
keygen -t ed25519 -N '' -C 'ed25519 comment' -f ed25519
for bits in 256 384 521; do keygen -t ecdsa -b $bits -N '' -C "ecdsa$bits comment" -f ecdsa$bits; done
keygen -t rsa -b 2048 -N '' -C 'rsa comment' -f rsa
keygen -t mldsa44-ed25519 -N '' -C 'mldsa44 comment' -f mldsa44
blob() { cut -d' ' -f2 "$1.pub" | base64 -d; }
printf 'sk-ssh-ed25519@openssh.com %s sk-ed25519 comment\n' "$(
    { printf '\0\0\0\032sk-ssh-ed25519@openssh.com'; blob ed25519 | tail -c 36; printf '\0\0\0\004ssh:'; } | base64 -w0
)" > sk-ed25519.pub
printf 'sk-ecdsa-sha2-nistp256@openssh.com %s sk-ecdsa comment\n' "$(
    { printf '\0\0\0\042sk-ecdsa-sha2-nistp256@openssh.com'; blob ecdsa256 | tail -c 81; printf '\0\0\0\004ssh:'; } |
        base64 -w0
)" > sk-ecdsa.pub
own='ed25519 ecdsa256 ecdsa384 ecdsa521 rsa mldsa44'
all="$own sk-ed25519 sk-ecdsa"

# Public keys, with what ssh-keygen says of them.
for key in $all; do
    echo "## $key"
    cat $key.pub
    for hash in md5 sha1 sha256 sha384 sha512; do ssh-keygen -l -v -E $hash -f $key.pub; done
done > "$out/public.txt"
for key in ed25519 ecdsa521 rsa; do
    echo "## $key"
    # The comment names who ran it and where.
    ssh-keygen -e -m RFC4716 -f $key.pub | sed "s/by .* from/by user@host from/"
done > "$out/rfc4716.txt"

# Private keys of openssh-key-v1 with each cipher; one round of bcrypt keeps tests quick.
ciphers='aes128-ctr aes192-ctr aes256-ctr aes128-cbc aes192-cbc aes256-cbc 3des-cbc aes128-gcm@openssh.com
aes256-gcm@openssh.com chacha20-poly1305@openssh.com'
for key in $own; do echo "## $key"; cat $key; done > "$out/openssh-none.txt"
for cipher in $ciphers; do
    for key in $own; do
        cp $key copy
        ssh-keygen -q -p -a 1 -Z $cipher -P '' -N passphrase -f copy > log
        echo "## $key"
        cat copy
    done > "$out/openssh-${cipher%@*}.txt"
done
cp ed25519 copy
ssh-keygen -q -p -P '' -N passphrase -f copy > log
{ echo '## ed25519'; cat copy; } > "$out/openssh-default.txt"

# Private keys in PEM: as ssh-keygen and openssl write them, without a passphrase and with one.
{
    for key in ecdsa256 ecdsa384 ecdsa521 rsa; do
        for format in PEM PKCS8; do
            cp $key copy
            ssh-keygen -q -p -m $format -P '' -N '' -f copy > log
            echo "## $key $format"
            cat copy
            ssh-keygen -q -p -m $format -P '' -N passphrase -f copy > log
            echo "## $key $format passphrase"
            cat copy
        done
    done
    # ssh-keygen writes no PEM of Ed25519.
    openssl genpkey -algorithm ed25519 -out openssl-ed25519
    echo "## openssl-ed25519 PKCS8"
    cat openssl-ed25519
    for prf in hmacWithSHA1 hmacWithSHA256 hmacWithSHA512; do
        for cipher in aes-128-cbc aes-192-cbc aes-256-cbc; do
            echo "## openssl-ed25519 PKCS8 passphrase $prf $cipher"
            openssl pkcs8 -topk8 -in openssl-ed25519 -v2 $cipher -v2prf $prf -iter 2048 -passout pass:passphrase
        done
    done
    cp rsa copy
    ssh-keygen -q -p -m PEM -P '' -N '' -f copy > log
    for cipher in aes128 aes192 aes256 des3; do
        echo "## rsa PEM passphrase $cipher"
        openssl rsa -traditional -$cipher -in copy -passout pass:passphrase 2> log
    done
    echo "## openssl-ed25519 PKCS8 passphrase des3"
    openssl pkcs8 -topk8 -in openssl-ed25519 -v2 des3 -passout pass:passphrase
    for bits in 256 384 521; do
        cp ecdsa$bits short
        ssh-keygen -q -p -m PEM -P '' -N '' -f short > log
        echo "## ecdsa$bits PEM without public"
        openssl ec -in short -no_public 2> log
        echo "## ecdsa$bits PKCS8 without public"
        openssl ec -in short -no_public 2> log | openssl pkcs8 -topk8 -nocrypt
        for form in compressed hybrid; do
            echo "## ecdsa$bits PEM $form"
            openssl ec -in short -conv_form $form 2> log
        done
    done
} > "$out/pem.txt"
# Those keys again, as ssh-keygen sees them.
chmod 600 openssl-ed25519
{ echo "## openssl-ed25519"; ssh-keygen -y -f openssl-ed25519; } > "$out/pem-public.txt"
# Keys that are larger than most libraries take, and what they say of the word data with SHA-1, SHA-256 and SHA-512.
{
    printf data > data
    for bits in 8196 16384; do
        openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:$bits -out large$bits
        chmod 600 large$bits
        echo "## $bits"
        ssh-keygen -y -f large$bits
        for hash in sha1 sha256 sha512; do openssl dgst -$hash -sign large$bits data | base64 -w0; echo; done
    done
    echo "## 8196 private"
    cat large8196
} > "$out/rsa-large.txt"
# What is not read, each for its own reason.
{
    echo "## scrypt"
    openssl pkcs8 -topk8 -in openssl-ed25519 -scrypt -scrypt_N 1024 -passout pass:passphrase
    echo "## pbes1"
    openssl pkcs8 -topk8 -in openssl-ed25519 -v1 PBE-SHA1-3DES -passout pass:passphrase
    echo "## x25519"
    openssl genpkey -algorithm x25519
    echo "## ed448"
    openssl genpkey -algorithm ed448
    echo "## secp256k1"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1
    echo "## certificate-request"
    openssl req -new -key copy -subj /CN=nobody
    echo "## public"
    openssl rsa -in copy -pubout 2> log
} > "$out/pem-refused.txt"

# Certificates, each with what ssh-keygen says of it.
for ca in ed25519 ecdsa; do keygen -t $ca -N '' -C "$ca authority" -f ca-$ca; done
for bits in 384 521; do keygen -t ecdsa -b $bits -N '' -C "ecdsa$bits authority" -f ca-ecdsa$bits; done
keygen -t rsa -b 2048 -N '' -C 'rsa authority' -f ca-rsa
keygen -t mldsa44-ed25519 -N '' -C 'mldsa44 authority' -f ca-mldsa44
window='-V 20240101000000Z:20400101000000Z'
sign() {
    name=$1 key=$2
    shift 2
    cp $key.pub copy.pub
    keygen -I "$name" "$@" copy.pub
    echo "## $name"
    cat copy-cert.pub
    ssh-keygen -L -f copy-cert.pub
}
{
    for key in $all; do sign "user $key" $key -s ca-ed25519 $window -z 7 -n alice,bob; done
    for key in $all; do sign "host $key" $key -s ca-ed25519 $window -h -n host.example.org,*.example.net; done
    for ca in ed25519 ecdsa ecdsa384 ecdsa521 mldsa44; do sign "by $ca" ed25519 -s ca-$ca $window -n alice; done
    for algorithm in rsa-sha2-256 rsa-sha2-512 ssh-rsa; do
        sign "by $algorithm" ed25519 -s ca-rsa -t $algorithm $window -n alice
    done
    option() { name=$1; shift; sign "$name" ed25519 -s ca-ed25519 $window -n alice "$@"; }
    option 'force-command' -O force-command='echo "a b"; exit 3'
    option 'source-address' -O source-address=192.0.2.0/24,2001:db8::/32,198.51.100.7
    option 'verify-required' -O verify-required
    option 'no-touch-required' -O no-touch-required
    option 'clear' -O clear
    for flag in agent-forwarding port-forwarding pty user-rc x11-forwarding; do
        option "no-$flag" -O no-$flag
        option "permit-$flag" -O clear -O permit-$flag
    done
    option 'all' -O verify-required -O source-address=192.0.2.1/32 -O no-touch-required -O force-command=/bin/true
    option 'unknown critical' -O critical:x@example.org=y -O force-command=/bin/true
    option 'unknown extension' -O extension:x@example.org=y -O extension:a@example.org
    sign 'nobody' ed25519 -s ca-ed25519 $window
    sign 'forever' ed25519 -s ca-ed25519 -n alice
    sign 'largest serial' ed25519 -s ca-ed25519 -n alice -z 18446744073709551615 -V always:20400101000000Z
} > "$out/certificates.txt"
for ca in ca-*.pub; do echo "## ${ca%.pub}"; cat $ca; done > "$out/authorities.txt"
{ echo "## ca-ed25519"; cat ca-ed25519; } > "$out/authority-private.txt"
rm -r "$work"
