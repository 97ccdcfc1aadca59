# The start of every script, which gets its folder as its argument. `random` writes so many MiB that do not compress.
# Below, `$SSH peer` is the server.
set -eu
cd "$1"
export HOME="$1" SSH="ssh -F $1/config"
random() { head -c "${1}M" /dev/urandom; }
