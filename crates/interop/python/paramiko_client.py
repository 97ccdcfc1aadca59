"""The cases with paramiko as client: paramiko_client.py CASE USER PORT KEY-FILE HOST-KEY-LINE. Status 0: passed."""
import base64
import contextlib
import hashlib
import logging
import socket
import sys
import threading

import paramiko

# Bytes after which the library exchanges keys again in the case that is about it. More often, and it was seen to stand
# still, with a stock server.
REKEY = 1 << 20
CASES = {}


def case(name):
    return lambda body: CASES.setdefault(name, body)


@contextlib.contextmanager
def connect(rekey=None):
    _, _, user, port, key, host, *_ = sys.argv
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", int(port))))
    if rekey:
        transport.packetizer.REKEY_BYTES = rekey
    try:
        host_key = paramiko.Ed25519Key(data=base64.b64decode(host.split()[1]))
        transport.connect(hostkey=host_key, username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
        yield transport
    finally:
        transport.close()


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"expected {str(expected)[:300]}, got {str(got)[:300]}")


class Exchanges(logging.Handler):
    """Counts the key exchanges that the library tells of."""

    def __init__(self):
        super().__init__()
        self.count = 0
        logger = logging.getLogger("paramiko")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)

    def emit(self, record):
        self.count += "Switch to new keys" in record.getMessage()


def finish(channel, given=b""):
    """Feeds the channel and reads both of its outputs to their ends, all at once."""
    outputs = {}

    def feed():
        channel.sendall(given)
        channel.shutdown_write()

    def read(name, recv):
        parts = []
        while part := recv(65536):
            parts.append(part)
        outputs[name] = b"".join(parts)

    work = [(feed, ()), (read, ("stdout", channel.recv)), (read, ("stderr", channel.recv_stderr))]
    threads = [threading.Thread(target=target, args=args, daemon=True) for target, args in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return channel.recv_exit_status(), outputs["stdout"], outputs["stderr"]


def run(transport, command, given=b"", **environment):
    channel = transport.open_session()
    for name, value in environment.items():
        channel.set_environment_variable(name, value)
    channel.exec_command(command)
    return finish(channel, given)


@case("exec, status")
def statuses():
    with connect() as transport:
        for status in (0, 7, 255):
            done = run(transport, f"echo to stdout; echo to stderr >&2; exit {status}")
            equal(done, (status, b"to stdout\n", b"to stderr\n"))


@case("signals")
def signals():
    with connect() as transport:
        # The library knows no signals: all that it can say of one is that there was no status.
        equal(run(transport, "echo before; kill -KILL $$"), (-1, b"before\n", b""))


@case("10 MB, rekey")
def bulk():
    exchanges = Exchanges()
    payload = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(312500))
    with connect(REKEY) as transport:
        status, stdout, _ = run(transport, "cat", payload)
        equal((status, len(stdout)), (0, len(payload)))
        if stdout != payload:
            raise AssertionError("other bytes came back")
    if exchanges.count < 20:
        raise AssertionError(f"only {exchanges.count} key exchanges")


@case("two outputs")
def two_outputs():
    command = "umask 077; file=$(mktemp); cat >$file; cat $file & cat $file >&2; wait; rm $file"
    payload = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(50000))
    with connect() as transport:
        status, stdout, stderr = run(transport, command, payload)
        if (status, stdout, stderr) != (0, payload, payload):
            raise AssertionError(f"{len(stdout)}, {len(stderr)} bytes of {len(payload)}, status {status}")


@case("terminal")
def terminal():
    command = "stty size; echo TERM=$TERM; until [ \"$(stty size)\" = '40 120' ]; do sleep 0.05; done; exit 3"
    with connect() as transport:
        channel = transport.open_session()
        channel.get_pty("vt220", 99, 33)
        channel.exec_command(command)
        shown = b""
        while not shown.endswith(b"TERM=vt220\r\n"):
            part = channel.recv(1000)
            if not part:
                raise AssertionError(f"ended after {shown}")
            shown += part
        equal(shown, b"33 99\r\nTERM=vt220\r\n")
        channel.resize_pty(120, 40)
        equal(channel.recv_exit_status(), 3)


@case("half-close")
def half_close():
    with connect() as transport:
        done = run(transport, "cat >/dev/null; sleep 0.2; echo after the end; exit 4", b"x" * 1000)
        equal(done, (4, b"after the end\n", b""))
        done = run(transport, "echo first; exec >&-; sleep 0.2; echo still here >&2; exit 5")
        equal(done, (5, b"first\n", b"still here\n"))


@case("environment")
def environment():
    with connect() as transport:
        done = run(transport, "echo \"$NACRE_WORD/$OTHER_WORD\"", NACRE_WORD="accepted word", OTHER_WORD="not accepted")
        equal(done, (0, b"accepted word/\n", b""))


@case("refused")
def refused():
    with connect() as transport:
        status, stdout, _ = run(transport, "no-such-command")
        equal((status, stdout), (127, b""))
        channel = transport.open_session()
        try:
            channel.invoke_subsystem("no-such-subsystem")
        except paramiko.SSHException:
            pass
        else:
            raise AssertionError("the subsystem was not refused")
        # The refusal has ended nothing but its channel.
        equal(run(transport, "echo alive"), (0, b"alive\n", b""))


@case("wrong key")
def wrong_key():
    try:
        with connect():
            raise AssertionError("let in")
    except paramiko.AuthenticationException:
        pass


@case("10 sessions")
def sessions():
    with connect() as transport:
        channels = [transport.open_session() for _ in range(10)]
        for n, channel in enumerate(channels):
            channel.exec_command(f"read line; echo $line {n}; exit {n}")
        try:
            transport.open_session()
        except paramiko.ChannelException:
            pass
        else:
            raise AssertionError("an eleventh session was let in")
        for n, channel in reversed(list(enumerate(channels))):
            equal(finish(channel, b"word\n"), (n, b"word %d\n" % n, b""))
            channel.close()
        equal(run(transport, "echo again"), (0, b"again\n", b""))


CASES[sys.argv[1]]()
