# A gigabyte that does not compress, pushed.
export GIT_SSH_COMMAND="$SSH" GIT_CONFIG_NOSYSTEM=1
git config --global user.name nacre
git config --global user.email nacre@localhost
git config --global core.compression 0
git config --global core.bigFileThreshold 1m
git config --global gc.auto 0
git init -q -b main work
$SSH peer 'git init -q --bare -b main large.git; git -C large.git config core.bigFileThreshold 1m'
cd work
for number in $(seq 1 16); do random 64 >"$number"; done
git add .
git commit -q -m one
git push -q peer:large.git main
cd ..
head=$(git -C work rev-parse HEAD)
[ "$($SSH peer git -C large.git rev-parse main)" = "$head" ]
[ "$($SSH peer du -sm large.git | cut -f 1)" -gt 1000 ]
[ "$($SSH peer 'git -C large.git cat-file -p main:7' | sha1sum)" = "$(sha1sum <work/7)" ]
$SSH peer 'rm -rf large.git'
