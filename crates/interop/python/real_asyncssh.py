"""The ways that asyncssh goes: real_asyncssh.py CASE USER PORT KEY-FILE HOST-KEY-LINE HOME. Status 0: passed. HOME is the
user's home on the server."""
import asyncio
import filecmp
import hashlib
import os
import subprocess
import sys

import asyncssh

_, _, USER, PORT, KEY, HOST, HOME = sys.argv
CASES = {}


def case(name):
    return lambda body: CASES.setdefault(name, body)


def connect(**more):
    known = asyncssh.import_known_hosts(f"[127.0.0.1]:{PORT} {HOST}\n")
    return asyncssh.connect("127.0.0.1", int(PORT), username=USER, client_keys=[KEY], known_hosts=known, agent_path=None,
                            config=None, **more)


def random_file(name, length):
    with open(name, "wb") as file:
        file.write(os.urandom(length))


def theirs(name):
    return os.path.join(HOME, name)


async def window(size, lines):
    wanted = hashlib.sha256()
    local = subprocess.Popen(["seq", "1", str(lines)], stdout=subprocess.PIPE)
    while part := local.stdout.read(1 << 20):
        wanted.update(part)
    async with connect() as connection:
        process = await connection.create_process(f"seq 1 {lines}; exit 3", encoding=None, window=size)
        got = hashlib.sha256()
        while part := await process.stdout.read(1 << 20):
            got.update(part)
        await process.wait()
        assert process.exit_status == 3
        assert got.digest() == wanted.digest(), "other bytes came"


@case("03-window-2GiB")
async def window_2():
    await window(1 << 31, 20_000_000)


@case("03-window-4GiB-1")
async def window_4():
    await window((1 << 32) - 1, 20_000_000)


@case("06-rekey-asyncssh")
async def rekey():
    random_file("here", 24 << 20)
    async with connect(rekey_bytes=65536) as connection:
        async with connection.start_sftp_client() as sftp:
            await sftp.put("here", "asyncssh-rekey")
            assert filecmp.cmp("here", theirs("asyncssh-rekey"), shallow=False), "other bytes went"
            await sftp.get("asyncssh-rekey", "back")
            assert filecmp.cmp("here", "back", shallow=False), "other bytes came"
            await sftp.remove("asyncssh-rekey")


@case("10-streamlocal-asyncssh")
async def streamlocal():
    async with connect() as connection:
        async def speak(number):
            # There is no session on this connection when the first of these are opened.
            reader, writer = await connection.open_unix_connection(b"/tmp/nacre-asyncssh-%d" % os.getpid())
            payload = b"%d " % number * 50000
            first = await reader.readline()
            writer.write(payload)
            writer.write_eof()
            got = await reader.read()
            writer.close()
            assert first == b"uid=%d gid=%d\n" % (os.stat(HOME).st_uid, os.stat(HOME).st_gid), first
            assert got == payload + b"\nafter the end: %d\n" % len(payload), (number, len(got))

        try:
            await speak(0)
            raise AssertionError("somebody listens already")
        except asyncssh.ChannelOpenError as refused:
            assert refused.code == asyncssh.OPEN_CONNECT_FAILED, refused
        service = await connection.create_process(f"python3 -u service.py /tmp/nacre-asyncssh-{os.getpid()}")
        assert await service.stdout.readline() == "serving\n"
        await asyncio.gather(*(speak(number) for number in range(60)))
        await connection.run(f"rm /tmp/nacre-asyncssh-{os.getpid()}", check=True)
        service.close()


@case("11-scp-asyncssh")
async def scp():
    random_file("here", 16 << 20)
    os.makedirs("tree/below")
    for number in range(50):
        random_file(f"tree/below/{number}", number * 1000)
    async with connect() as connection:
        await asyncssh.scp("here", (connection, "asyncssh-scp"))
        assert filecmp.cmp("here", theirs("asyncssh-scp"), shallow=False), "other bytes went"
        await asyncssh.scp((connection, "asyncssh-scp"), "back")
        assert filecmp.cmp("here", "back", shallow=False), "other bytes came"
        await asyncssh.scp("tree", (connection, "asyncssh-tree"), recurse=True, preserve=True)
        await asyncssh.scp((connection, "asyncssh-tree"), "copy", recurse=True, preserve=True)
        for number in range(50):
            assert filecmp.cmp(f"tree/below/{number}", f"copy/below/{number}", shallow=False), number
        try:
            await asyncssh.scp((connection, "no-such-file"), "none")
            raise AssertionError("a file that is not there")
        except asyncssh.SFTPError:
            pass
        async with connection.start_sftp_client() as sftp:
            await sftp.mput("tree", "asyncssh-mput", recurse=True)
            await sftp.rmtree("asyncssh-mput")
            await sftp.rmtree("asyncssh-tree")
            await sftp.remove("asyncssh-scp")


asyncio.run(CASES[sys.argv[1]]())
