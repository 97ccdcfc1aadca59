# push, clone, fsck, pull, and a push that the server's hook refuses.
export GIT_SSH_COMMAND="$SSH" GIT_CONFIG_NOSYSTEM=1
git config --global user.name nacre
git config --global user.email nacre@localhost
git init -q -b main work
$SSH peer git init -q --bare -b main all.git
(
    cd work
    for file in $(seq 1 300); do mkdir -p "$((file % 10))"; seq 1 "$file" >"$((file % 10))/$file"; done
    random 5 >blob
    git add .
    git commit -q -m one
    git push -q peer:all.git main
    echo two >two
    git add .
    git commit -q -m two
    git push -q ssh://peer/home/nacre/all.git main
)
git clone -q peer:all.git copy
git -C copy fsck --full --strict
[ "$(git -C copy rev-parse HEAD)" = "$(git -C work rev-parse HEAD)" ]
echo three >work/three
git -C work add three
git -C work commit -q -m three
git -C work push -q peer:all.git main
git -C copy pull -q
diff -r --exclude=.git work copy
[ -e copy/three ]
# What the server's hook says is seen, and so is its refusal.
$SSH peer 'printf "#!/bin/sh\necho not today >&2\nexit 1\n" >all.git/hooks/pre-receive; chmod +x all.git/hooks/pre-receive'
git -C work commit -q --allow-empty -m four
if git -C work push -q peer:all.git main 2>said; then exit 1; fi
grep -q 'remote: not today' said
