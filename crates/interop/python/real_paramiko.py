"""The ways that paramiko goes: real_paramiko.py CASE USER PORT KEY-FILE HOST-KEY-LINE HOME. Status 0: passed. HOME is the
user's home on the server."""
import base64
import filecmp
import hashlib
import os
import socket
import subprocess
import sys

import paramiko

_, _, USER, PORT, KEY, HOST, HOME = sys.argv
CASES = {}


def case(name):
    return lambda body: CASES.setdefault(name, body)


def connect(key=None):
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", int(PORT))))
    host_key = paramiko.Ed25519Key(data=base64.b64decode(HOST.split()[1]))
    transport.connect(hostkey=host_key, username=USER, pkey=key or paramiko.Ed25519Key.from_private_key_file(KEY))
    return transport


def place(name, length):
    """A file in the user's home there, of bytes that do not repeat."""
    path = os.path.join(HOME, name)
    with open("/dev/urandom", "rb") as source, open(path, "wb") as file:
        for _ in range(length >> 20):
            file.write(source.read(1 << 20))
    os.chown(path, os.stat(HOME).st_uid, os.stat(HOME).st_gid)
    return path


@case("02-paramiko-get-1GiB")
def get():
    there = place("paramiko-large", 1 << 30)
    transport = connect()
    sftp = paramiko.SFTPClient.from_transport(transport)
    # It asks for all of the file before the first answer, 32 KiB at a time.
    sftp.get("paramiko-large", "here")
    assert filecmp.cmp(there, "here", shallow=False), "other bytes came"
    sftp.remove("paramiko-large")
    # And with only so many outstanding, as it can be told.
    place("paramiko-small", 64 << 20)
    sftp.get("paramiko-small", "here", max_concurrent_prefetch_requests=16)
    assert filecmp.cmp(os.path.join(HOME, "paramiko-small"), "here", shallow=False), "other bytes came"
    sftp.put("here", "paramiko-back")
    assert filecmp.cmp(os.path.join(HOME, "paramiko-back"), "here", shallow=False), "other bytes went"
    for name in ("paramiko-small", "paramiko-back"):
        sftp.remove(name)
    transport.close()


def windows(size, lines):
    wanted = hashlib.sha256()
    local = subprocess.Popen(["seq", "1", str(lines)], stdout=subprocess.PIPE)
    while part := local.stdout.read(1 << 20):
        wanted.update(part)
    transport = connect()
    channel = transport.open_session(window_size=size)
    channel.exec_command(f"seq 1 {lines}; exit 3")
    got = hashlib.sha256()
    while part := channel.recv(1 << 20):
        got.update(part)
    assert channel.recv_exit_status() == 3
    assert got.digest() == wanted.digest(), "other bytes came"
    # Nothing of it spoils a channel beside it, or one with the usual window.
    for window in (size, None):
        channel = transport.open_session(window_size=window)
        channel.exec_command("cat")
        channel.sendall(b"word")
        channel.shutdown_write()
        assert channel.recv(100) == b"word" and channel.recv_exit_status() == 0
    transport.close()


@case("03-window-2GiB")
def window_2():
    # A tenth of the window is consumed before the library gives it back.
    windows(1 << 31, 32_000_000)


@case("03-window-4GiB-1")
def window_4():
    windows((1 << 32) - 1, 55_000_000)


@case("06-rekey-paramiko")
def rekey():
    there = place("paramiko-rekey", 24 << 20)
    transport = connect()
    # With less it was seen to stand still, with a stock server too.
    transport.packetizer.REKEY_BYTES = 1 << 20
    sftp = paramiko.SFTPClient.from_transport(transport)
    sftp.get("paramiko-rekey", "here", max_concurrent_prefetch_requests=8)
    assert filecmp.cmp(there, "here", shallow=False), "other bytes came"
    sftp.put("here", "paramiko-rekey-back")
    assert filecmp.cmp(os.path.join(HOME, "paramiko-rekey-back"), "here", shallow=False), "other bytes went"
    for name in ("paramiko-rekey", "paramiko-rekey-back"):
        sftp.remove(name)
    transport.close()


@case("07-rsa-paramiko")
def rsa():
    key = paramiko.RSAKey.generate(3072)
    with open(os.path.join(HOME, ".ssh/authorized_keys"), "a") as file:
        file.write(f"ssh-rsa {key.get_base64()}\n")
    transport = connect()
    named = transport.server_extensions.get("server-sig-algs", b"").decode().split(",")
    assert {"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"} <= set(named), named
    assert "ssh-rsa" not in named, named
    transport.close()
    connect(key).close()
    # A key that lets in, after one on the same connection that does not.
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", int(PORT))))
    transport.start_client(timeout=20)
    try:
        transport.auth_publickey(USER, paramiko.RSAKey.generate(2048))
        raise AssertionError("let in with an unknown key")
    except paramiko.AuthenticationException:
        pass
    transport.auth_publickey(USER, paramiko.Ed25519Key.from_private_key_file(KEY))
    assert transport.is_authenticated()
    transport.close()


CASES[sys.argv[1]]()
