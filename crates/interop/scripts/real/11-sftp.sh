# The interactive client's whole vocabulary.
random 8 >large
mkdir tree
for number in 1 2 3; do echo "$number" >"tree/$number"; done
cat >batch <<'END'
mkdir sftp
cd sftp
pwd
put large
put -r tree
put -p large kept
chmod 600 large
rename large moved
ln -s moved link
ln moved hard
ls -l
ls -la /
df -h
get -a moved large
get -r tree got
cp moved copy
get link followed
symlink nowhere dangling
-ls no-such-file
-mkdir tree
rm copy
rm tree/*
rmdir tree
version
END
sftp -F config -b batch peer >out 2>said
diff -r tree got
cmp large followed
grep -q "Can't ls: \"/home/nacre/sftp/no-such-file\" not found" said
grep -q '^SFTP protocol version 3' out
[ "$($SSH peer 'cd sftp; stat -c %a moved; readlink link dangling; stat -c %h hard; ls | wc -l')" = "$(printf '600\nmoved\nnowhere\n2\n5')" ]
# Resumed, both ways.
head -c 3000000 large >part
$SSH peer 'head -c 3000000 sftp/moved >sftp/part'
printf 'reget sftp/moved part\nreput large sftp/part\n' | sftp -F config -b - peer >out
cmp large part
$SSH peer 'cmp sftp/moved sftp/part; rm -r sftp'
# A large directory.
$SSH peer 'mkdir many && cd many && seq -f "a-file-with-a-longer-name-%05.0f" 1 5000 | xargs touch'
printf 'ls -1 many\n' | sftp -F config -b - peer >out
[ "$(grep -c a-file out)" = 5000 ]
$SSH peer 'rm -r many'
