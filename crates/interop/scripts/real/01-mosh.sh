# A mosh session: its server is started by a command on a terminal that ends at once, and goes on without it.
export LC_ALL=C.UTF-8 TERM=xterm
mkfifo keys
script -q -f -e -c "stty rows 24 cols 80; mosh --ssh='$SSH' --predict=never peer -- sh -c 'printf \"gr\\303\\274n \"; stty size; exec cat'" shown <keys >out 2>&1 &
exec 3>keys
await 'grün [0-9]* [0-9]*' shown
echo 'typed: müde' >&3
await 'typed: müde' shown
printf '\004' >&3
exec 3>&-
wait $!
grep -q 'mosh is exiting' shown
