# Files through sftp while both sides replace their keys every 64 KiB.
# Some of it can be compressed, some cannot.
{ random 1; yes 'the same line again' | head -c 1000000; random 1; } >large
for also in '' '-C' '-R 256 -B 262000'; do
    printf 'put large put\nget put got\nrm put\n' >batch
    sftp $also -v -F config -o RekeyLimit=64K -b batch peer >out 2>log
    cmp large got
    case $also in -C) how=zlib@openssh.com ;; *) how=none ;; esac
    for way in 'server->client' 'client->server'; do
        [ "$(grep -c "kex: $way cipher: .* compression: $how" log)" -gt 30 ]
    done
    [ "$(grep -c 'SSH2_MSG_NEWKEYS received' log)" -gt 30 ]
done
