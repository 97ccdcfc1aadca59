"""Logs in with paramiko as `ssh` would: paramiko_login.py USER PORT KEY-FILE KNOWN-HOSTS-LINE COMMAND [compress].
Standard input, standard output and the exit status are the command's. Everything that the library knows is offered."""
import base64
import os
import socket
import sys
import threading

import paramiko

_, user, port, key, known, command, *words = sys.argv
Transport = paramiko.Transport
Transport._preferred_kex = tuple(Transport._kex_info)
Transport._preferred_ciphers = tuple(Transport._cipher_info)
Transport._preferred_macs = tuple(Transport._mac_info)
Transport._preferred_keys = tuple(name for name in Transport._key_info if "-cert-" not in name)
Transport._preferred_pubkeys = Transport._preferred_keys
Transport._preferred_compression = ("zlib@openssh.com",) if "compress" in words else ("none", "zlib@openssh.com")


def main():
    transport = Transport(socket.create_connection(("127.0.0.1", int(port))))
    transport.start_client(timeout=30)
    _, kind, blob, *_ = known.split()
    if transport.get_remote_server_key().asbytes() != base64.b64decode(blob):
        raise paramiko.SSHException(f"another host key than {kind}")
    loaded = paramiko.PKey.from_path(key)
    if os.path.exists(key + "-cert.pub"):
        loaded.load_certificate(key + "-cert.pub")
    transport.auth_publickey(user, loaded)
    channel = transport.open_session()
    channel.exec_command(command)

    def feed():
        channel.sendall(sys.stdin.buffer.read())
        channel.shutdown_write()

    threading.Thread(target=feed, daemon=True).start()
    while part := channel.recv(65536):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
    status = channel.recv_exit_status()
    transport.close()
    return status

try:
    status = main()
except (paramiko.SSHException, OSError, EOFError) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    status = 255
sys.stderr.flush()
os._exit(status if status >= 0 else 255)
