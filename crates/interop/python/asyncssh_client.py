"""The cases with asyncssh as client: asyncssh_client.py CASE USER PORT KEY-FILE HOST-KEY-LINE. Status 0: passed."""
import asyncio
import hashlib
import logging
import sys

import asyncssh

REKEY = 65536
CASES = {}


def case(name):
    return lambda body: CASES.setdefault(name, body)


def connect(**more):
    _, _, user, port, key, host, *_ = sys.argv
    known = asyncssh.import_known_hosts(f"[127.0.0.1]:{port} {host}\n")
    return asyncssh.connect(
        "127.0.0.1", int(port), username=user, client_keys=[key], known_hosts=known, config=None,
        agent_path=None, request_pty=False, **more,
    )


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"expected {str(expected)[:300]}, got {str(got)[:300]}")


class Exchanges(logging.Handler):
    """Counts the key exchanges that the library tells of."""

    def __init__(self):
        super().__init__()
        self.count = 0
        logger = logging.getLogger("asyncssh")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        asyncssh.set_debug_level(2)

    def emit(self, record):
        self.count += "Completed key exchange" in record.getMessage()


@case("exec, status")
async def statuses():
    async with connect() as connection:
        for status in (0, 7, 255):
            done = await connection.run(f"echo to stdout; echo to stderr >&2; exit {status}")
            equal((done.exit_status, done.stdout, done.stderr), (status, "to stdout\n", "to stderr\n"))


@case("signals")
async def signals():
    async with connect() as connection:
        done = await connection.run("echo before; kill -KILL $$")
        equal((done.stdout, done.exit_signal[0]), ("before\n", "KILL"))
        process = await connection.create_process("trap 'echo caught; exit 9' USR1; echo ready; while :; do sleep 0.05; done")
        equal(await process.stdout.readline(), "ready\n")
        process.send_signal("USR1")
        done = await process.wait()
        equal((done.stdout, done.exit_status), ("caught\n", 9))


@case("10 MB, rekey")
async def bulk():
    exchanges = Exchanges()
    payload = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(312500))
    async with connect(rekey_bytes=REKEY) as connection:
        done = await connection.run("cat", input=payload, encoding=None)
        equal((done.exit_status, len(done.stdout)), (0, len(payload)))
        if done.stdout != payload:
            raise AssertionError("other bytes came back")
    if exchanges.count < 20:
        raise AssertionError(f"only {exchanges.count} key exchanges")


@case("two outputs")
async def two_outputs():
    command = "umask 077; file=$(mktemp); cat >$file; cat $file & cat $file >&2; wait; rm $file"
    payload = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(50000))
    async with connect() as connection:
        done = await connection.run(command, input=payload, encoding=None)
        if (done.stdout, done.stderr, done.exit_status) != (payload, payload, 0):
            raise AssertionError(f"{len(done.stdout)}, {len(done.stderr)} bytes of {len(payload)}, status {done.exit_status}")


@case("terminal")
async def terminal():
    command = "stty size; echo TERM=$TERM; until [ \"$(stty size)\" = '40 120' ]; do sleep 0.05; done; stty -a | grep -o 'intr = [^;]*'; exit 3"
    async with connect() as connection:
        process = await connection.create_process(
            command, request_pty="force", term_type="vt220", term_size=(99, 33), term_modes={asyncssh.PTY_VINTR: 2}
        )
        equal(await process.stdout.readline(), "33 99\r\n")
        equal(await process.stdout.readline(), "TERM=vt220\r\n")
        process.change_terminal_size(120, 40)
        done = await process.wait()
        equal((done.stdout, done.exit_status), ("intr = ^B\r\n", 3))


@case("half-close")
async def half_close():
    async with connect() as connection:
        done = await connection.run("cat >/dev/null; sleep 0.2; echo after the end; exit 4", input="x" * 1000)
        equal((done.stdout, done.exit_status), ("after the end\n", 4))
        done = await connection.run("echo first; exec >&-; sleep 0.2; echo still here >&2; exit 5")
        equal((done.stdout, done.stderr, done.exit_status), ("first\n", "still here\n", 5))


@case("environment")
async def environment():
    async with connect() as connection:
        words = {"NACRE_WORD": "accepted word", "OTHER_WORD": "not accepted"}
        done = await connection.run("echo \"$NACRE_WORD/$OTHER_WORD\"", env=words)
        equal(done.stdout, "accepted word/\n")


@case("refused")
async def refused():
    async with connect() as connection:
        done = await connection.run("no-such-command")
        equal((done.exit_status, done.stdout), (127, ""))
        try:
            await connection.run(subsystem="no-such-subsystem")
        except asyncssh.ChannelOpenError:
            pass
        else:
            raise AssertionError("the subsystem was not refused")
        # The refusal has ended nothing but its channel.
        equal((await connection.run("echo alive")).stdout, "alive\n")


@case("wrong key")
async def wrong_key():
    try:
        async with connect():
            raise AssertionError("let in")
    except asyncssh.PermissionDenied:
        pass


@case("10 sessions")
async def sessions():
    async with connect() as connection:
        processes = [await connection.create_process(f"read line; echo $line {n}; exit {n}") for n in range(10)]
        try:
            await connection.run("true")
        except asyncssh.ChannelOpenError:
            pass
        else:
            raise AssertionError("an eleventh session was let in")
        for process in reversed(processes):
            process.stdin.write("word\n")
        for n, process in enumerate(processes):
            done = await process.wait()
            equal((done.stdout, done.exit_status), (f"word {n}\n", n))
        equal((await connection.run("echo again")).stdout, "again\n")


asyncio.run(CASES[sys.argv[1]]())
