# A file system over sftp: what an editor does to save a file, what borg does to its repository, and borg itself.
mkdir mounted
$SSH peer 'mkdir mount'
sshfs -F "$1/config" -o reconnect peer:/home/nacre/mount mounted
grep -q ' fuse.sshfs ' /proc/mounts
cd mounted
cat >../dance.py <<'END'
import errno, os, stat

def write(name, text, *flags):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, text)
    os.fsync(fd)
    os.close(fd)

def read(name):
    with open(name, "rb") as file:
        return file.read()

# vim: a swap file that nobody else has made, the old file put aside, the new one written and flushed, the old one removed.
write("text", b"first")
for turn in range(30):
    os.close(os.open(".text.swp", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        os.open(".text.swp", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        pass
    else:
        raise AssertionError("O_EXCL")
    os.rename("text", "text~")
    write("text", b"turn %d" % turn)
    os.chmod("text", 0o640)
    os.unlink("text~")
    os.unlink(".text.swp")
    assert read("text") == b"turn %d" % turn
assert stat.S_IMODE(os.stat("text").st_mode) == 0o640
# Others: a new file that is renamed over the old one.
for turn in range(30):
    write("text.tmp", b"over %d" % turn)
    os.replace("text.tmp", "text")
    assert read("text") == b"over %d" % turn
assert sorted(os.listdir(".")) == ["text"]
# borg: segments that grow, are flushed, cut and renamed; a directory that is flushed; a lock that is a directory.
for turn in range(10):
    os.mkdir("lock.exclusive")
    try:
        os.mkdir("lock.exclusive")
    except FileExistsError:
        pass
    else:
        raise AssertionError("mkdir")
    with open("segment", "ab") as file:
        file.write(b"x" * 100000)
        file.flush()
        os.fsync(file.fileno())
    os.rmdir("lock.exclusive")
assert os.path.getsize("segment") == 1000000
with open("segment", "r+b") as file:
    file.truncate(300001)
    file.seek(300000)
    assert file.read() == b"x"
    file.seek(5000000)
    file.write(b"end")
assert os.path.getsize("segment") == 5000003
os.link("segment", "hard")
os.symlink("segment", "soft")
assert os.readlink("soft") == "segment" and os.path.getsize("soft") == 5000003
os.utime("segment", (1000000000, 1000000001))
assert os.stat("segment").st_mtime == 1000000001
free = os.statvfs(".")
assert free.f_blocks > 0 and free.f_bavail <= free.f_blocks
os.mkdir("full")
write("full/file", b"")
for wrong, call in [(errno.ENOENT, lambda: os.unlink("none")), (errno.EACCES, lambda: os.mkdir("/proc/self/cwd/closed/none"))]:
    try:
        if wrong == errno.EACCES:
            os.mkdir("closed")
            os.chmod("closed", 0o500)
        call()
    except OSError as error:
        assert error.errno == wrong, error
    else:
        raise AssertionError(wrong)
END
python3 ../dance.py
# Large files, and many.
cp ../large . 2>/dev/null || { head -c 20M /dev/urandom >../large; cp ../large .; }
cmp large ../large
mkdir many
for number in $(seq 1 200); do echo "$number" >"many/$number"; done
[ "$(cat many/* | sort -n | tail -n 1)" = 200 ]
[ "$(ls many | wc -l)" = 200 ]
rm -r many
# borg, with its repository there.
export BORG_BASE_DIR="$1/borg" BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes LC_ALL=C.UTF-8
borg init -e none repository
borg create repository::one ../large ../dance.py
borg create repository::two ../large
borg check --verify-data repository
borg delete repository::one
borg compact repository
cd ..
mkdir restored
(cd restored && borg extract ../mounted/repository::two)
find restored -name large -exec cmp {} large ';'
umount mounted
