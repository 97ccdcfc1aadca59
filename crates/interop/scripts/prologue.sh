# The start of every script, which gets its folder as its argument. `random` writes so many MiB that do not compress.
# Below, `$SSH peer` is the server.
# The trace goes where no command's standard error does.
exec 9>&2
BASH_XTRACEFD=9
set -eu
cd "$1"
export HOME="$1" SSH="ssh -F $1/config"
random() { head -c "${1}M" /dev/urandom; }
PORT=$(sed -n 's/^Port //p' config)
# Waits until a file has a line that matches; not for ever.
await() {
    set +x
    for waited in $(seq 1 400); do
        if grep -q -e "$1" "$2" 2>/dev/null; then
            set -x
            return 0
        fi
        sleep 0.05
    done
    echo "no line '$1' in $2:"
    cat "$2"
    return 1
}
# A port of the loopback that is free.
free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:0")->sockport'; }
# Runs a command that must end with this status.
ends_with() {
    ended=0 wanted=$1
    shift
    "$@" || ended=$?
    [ "$ended" = "$wanted" ]
}
