# lftp, which asks for many blocks at once and mirrors trees.
random 24 >large
mkdir -p tree/below
for number in $(seq 1 100); do seq 1 "$number" >"tree/below/$number"; done
cat >commands <<END
set sftp:connect-program "ssh -a -x -F $1/config"
set sftp:auto-confirm yes
set net:max-retries 1
set net:timeout 30
set cmd:fail-exit yes
open sftp://nacre:@peer
mkdir lftp
cd lftp
put large
get large -o got
mirror -R tree tree
mirror tree copy
mv large moved
cls -1
chmod 600 moved
pget -n 4 moved -o parts
rm -r tree
rm moved
cd ..
rmdir lftp
END
lftp -f commands >out 2>&1 || { cat out; exit 1; }
cmp large got
cmp large parts
diff -r tree copy
