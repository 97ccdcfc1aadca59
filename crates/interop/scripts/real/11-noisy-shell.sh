# A start-up file that writes something: what does not go through the shell does not see it, what does says so and ends.
$SSH peer 'echo "echo welcome to this machine" >.bashrc'
[ "$($SSH peer 'echo "$0"')" = "$(printf 'welcome to this machine\nbash')" ]
random 4 >large
scp -s -q -F config large peer:large
scp -s -q -F config peer:large got
cmp large got
printf 'put large other\nget other got\n' | sftp -F config -b - peer >out
cmp large got
# The old protocol goes through the shell, whose words are no answer; the client shows them and ends.
ends_with 1 timeout 20 scp -O -q -F config large peer:old 2>said
[ "$(head -n 1 said)" = 'welcome to this machine' ]
