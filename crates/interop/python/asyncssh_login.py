"""Logs in with asyncssh as `ssh` would: asyncssh_login.py USER PORT KEY-FILE KNOWN-HOSTS-LINE COMMAND [compress].
Standard input, standard output and the exit status are the command's. Everything that the library knows is offered."""
import asyncio
import os
import sys

import asyncssh
from asyncssh.compression import get_compression_algs
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_certificate_algs, get_public_key_algs

_, user, port, key, known, command, *words = sys.argv


def names(*lists):
    return [name.decode() for some in lists for name in some]


async def main():
    compressions = names(get_compression_algs())
    if "compress" in words:
        compressions = ["zlib@openssh.com"]
    connection = await asyncssh.connect(
        "127.0.0.1", int(port), username=user, client_keys=[key], known_hosts=asyncssh.import_known_hosts(known + "\n"),
        config=None, agent_path=None, request_pty=False, kex_algs=[name for name in names(get_kex_algs()) if not name.startswith("gss")],
        encryption_algs=names(get_encryption_algs()), mac_algs=names(get_mac_algs()), compression_algs=compressions,
        server_host_key_algs=names(get_certificate_algs(), get_public_key_algs()),
        signature_algs=names(get_public_key_algs()),
    )
    async with connection:
        done = await connection.run(command, input=sys.stdin.buffer.read(), encoding=None)
        sys.stdout.buffer.write(done.stdout)
        sys.stdout.buffer.flush()
        sys.stderr.write(done.stderr.decode())
        return done.exit_status

try:
    status = asyncio.run(main())
except (asyncssh.Error, OSError) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    status = 255
sys.stderr.flush()
os._exit(255 if status is None else status)
