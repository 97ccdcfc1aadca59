# The old protocol of scp, both ways: a large file, a folder with its modes and times, a file that is not there.
random 10 >large
mkdir -p tree/below
echo word >tree/below/file
chmod 640 tree/below/file
scp -O -q -F config large peer:large
scp -O -q -F config peer:large back
cmp large back
scp -O -q -r -p -F config tree peer:
scp -O -q -r -p -F config peer:tree copy
diff -r tree copy
[ "$(stat -c '%a %Y' tree/below/file)" = "$(stat -c '%a %Y' copy/below/file)" ]
if scp -O -q -F config peer:no-such-file none 2>said; then exit 1; fi
grep -q 'No such file or directory' said
