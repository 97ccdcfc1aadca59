"""Serves with paramiko: paramiko_server.py PORT AUTHORIZED-KEYS-FILE AUTHORITY-FILE MODULI-FILE HOST-KEY-FILE... Everything that
the library knows is offered. It has no certificates as a server, so the authority is not looked at. Commands run as an account
without rights, whoever logs in."""
import errno
import logging
import socket
import subprocess
import sys
import threading

import paramiko

_, port, authorized, _, moduli, *files = sys.argv
ACCOUNT = 1000
Transport = paramiko.Transport
Transport._preferred_kex = tuple(Transport._kex_info)
Transport._preferred_ciphers = tuple(Transport._cipher_info)
Transport._preferred_macs = tuple(Transport._mac_info)
Transport._preferred_keys = tuple(name for name in Transport._key_info if "-cert-" not in name)
Transport._preferred_pubkeys = Transport._preferred_keys
Transport._preferred_compression = ("none", "zlib@openssh.com")


def run(channel, command):
    child = subprocess.Popen(
        ["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        user=ACCOUNT, group=ACCOUNT, extra_groups=[],
    )

    def feed():
        try:
            while part := channel.recv(65536):
                while part:
                    part = part[child.stdin.write(part):]
        except BrokenPipeError:
            pass
        child.stdin.close()

    def tell(output, send):
        while part := output.read(65536):
            send(part)

    threading.Thread(target=feed, daemon=True).start()
    outputs = [
        threading.Thread(target=tell, args=(child.stdout, channel.sendall)),
        threading.Thread(target=tell, args=(child.stderr, channel.sendall_stderr)),
    ]
    for output in outputs:
        output.start()
    for output in outputs:
        output.join()
    channel.shutdown_write()
    channel.send_exit_status(child.wait())
    channel.close()


class Server(paramiko.ServerInterface):
    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in allowed else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=run, args=(channel, command.decode()), daemon=True).start()
        return True


def greet(stream):
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = Transport(stream)
    for key in host_keys:
        transport.add_server_key(key)
    transport.start_server(event=threading.Event(), server=Server())


logging.basicConfig(format="%(message)s", level=logging.INFO)
with open(authorized) as file:
    allowed = {line.split()[1] for line in file}
if not Transport.load_server_moduli(moduli):
    sys.exit(f"no moduli in {moduli}")
host_keys = [paramiko.PKey.from_path(file) for file in files]
try:
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=100)
except OSError as error:
    sys.exit("Address already in use" if error.errno == errno.EADDRINUSE else str(error))
print("listening on port", port, file=sys.stderr, flush=True)
while True:
    greet(listener.accept()[0])
