# Files through sftp while both sides replace their keys every 64 KiB.
random 2 >large
for also in '' '-C' '-R 256 -B 262000'; do
    printf 'put large put\nget put got\nrm put\n' >batch
    sftp $also -v -F config -o RekeyLimit=64K -b batch peer >out 2>log
    cmp large got
    [ "$(grep -c 'SSH2_MSG_NEWKEYS received' log)" -gt 30 ]
done
