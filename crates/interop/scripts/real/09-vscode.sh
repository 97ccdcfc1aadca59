# The shape of VS Code: a shell that gets its script on its input, with SOCKS beside it, over which all the traffic goes to
# a server that the script has started.
socks=$(free_port)
mkfifo script.in
$SSH -T -D "127.0.0.1:$socks" peer bash <script.in >out 2>said &
ssh=$!
exec 3>script.in
echo 'echo "$0 is ready: uid=$(id -u)"' >&3
await 'bash is ready: uid=1000' out
cat >&3 <<'END'
mkdir -p vscode && cd vscode
for number in 1 2 3 4 5 6 7 8; do head -c 5M /dev/urandom >$number; done
sha256sum ? >sums
python3 -u -m http.server --bind 127.0.0.1 0 >../vscode.log 2>&1 &
until grep -q 'port [0-9]' ../vscode.log; do sleep 0.05; done
echo "listeningOn=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' ../vscode.log)="
END
await listeningOn= out
there=$(sed -n 's/listeningOn=\(.*\)=/\1/p' out)
fetch() { curl -sS --fail --max-time 60 "$@"; }
fetch --socks5-hostname "127.0.0.1:$socks" "http://localhost:$there/sums" >sums
[ "$(wc -l <sums)" = 8 ]
# Large ones side by side, by name and by address, in both versions of the protocol.
for turn in 1 2; do
    fetching=
    for number in 1 2 3 4 5 6 7 8; do
        case $number in
        [1-4]) through='--socks5-hostname' host=localhost ;;
        [56]) through='--socks5' host=127.0.0.1 ;;
        *) through='--socks4' host=127.0.0.1 ;;
        esac
        fetch "$through" "127.0.0.1:$socks" -o "$number" "http://$host:$there/$number" &
        fetching="$fetching $!"
    done
    # The shell answers all the while.
    echo "echo turn $turn" >&3
    await "turn $turn" out
    for one in $fetching; do wait "$one"; done
    sha256sum -c --quiet sums
    rm ?
done
# Many short ones.
for turn in $(seq 1 60); do fetch --socks5-hostname "127.0.0.1:$socks" "http://localhost:$there/sums" | cmp - sums; done
# What is not there ends that connection, and no other.
for url in http://localhost:9/ http://no-such-name.invalid/; do
    ! curl -sS --max-time 20 --socks5-hostname "127.0.0.1:$socks" "$url" 2>refused
    ! grep -q 'timed out' refused
done
fetch --socks5-hostname "127.0.0.1:$socks" "http://localhost:$there/sums" | cmp - sums
# The end of the script is the end of all of it.
echo 'kill %1; cd; rm -r vscode vscode.log; exit 12' >&3
exec 3>&-
ended=0
wait "$ssh" || ended=$?
[ "$ended" = 12 ]
