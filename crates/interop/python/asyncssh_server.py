"""Serves with asyncssh: asyncssh_server.py PORT AUTHORIZED-KEYS-FILE AUTHORITY-FILE MODULI-FILE HOST-KEY-FILE... Everything that
the library knows is offered. Commands run as an account without rights, whoever logs in."""
import asyncio
import copy
import errno
import socket
import subprocess
import sys
import warnings

import asyncssh
from asyncssh.compression import get_compression_algs
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_public_key_algs

_, port, authorized, authority, _, *host_keys = sys.argv
ACCOUNT = 1000
# Of algorithms that are old.
warnings.simplefilter("ignore")


def names(some):
    return [name.decode() for name in some]


async def run(process):
    # What is drained has been sent.
    process.channel.set_write_buffer_limits(0)
    child = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", process.command or "exit 1", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        user=ACCOUNT, group=ACCOUNT, extra_groups=[],
    )

    async def feed():
        try:
            while part := await process.stdin.read(65536):
                child.stdin.write(part)
                await child.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            # The command may end before its input does.
            pass
        child.stdin.close()

    async def tell(output, to):
        while part := await output.read(65536):
            to.write(part)
            await to.drain()

    feeding = asyncio.create_task(feed())
    await asyncio.gather(tell(child.stdout, process.stdout), tell(child.stderr, process.stderr))
    # Leaving sends no end of the data by itself, and forgets one that waits behind data.
    process.stdout.write_eof()
    process.exit(await child.wait())
    feeding.cancel()


async def greet(stream, keys, **options):
    try:
        # A pair keeps the algorithm that a client has chosen, so each connection has its own.
        await asyncssh.run_server(stream, server_host_keys=[copy.copy(key) for key in keys], **options)
    except (asyncssh.Error, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)


async def main():
    with open(authorized) as file:
        lines = file.read()
    with open(authority) as file:
        lines += "".join(f"cert-authority {line}" for line in file)
    options = {
        "config": None, "process_factory": run, "encoding": None,
        "authorized_client_keys": asyncssh.import_authorized_keys(lines),
        "kex_algs": [name for name in names(get_kex_algs()) if not name.startswith("gss")],
        "encryption_algs": names(get_encryption_algs()), "mac_algs": names(get_mac_algs()),
        "compression_algs": names(get_compression_algs()), "signature_algs": names(get_public_key_algs()),
    }
    keys = asyncssh.load_keypairs(host_keys)
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=100)
    listener.setblocking(False)
    print("listening on port", port, file=sys.stderr, flush=True)
    greeted = set()
    while True:
        stream, _ = await asyncio.get_running_loop().sock_accept(listener)
        task = asyncio.create_task(greet(stream, keys, **options))
        greeted.add(task)
        task.add_done_callback(greeted.discard)


try:
    asyncio.run(main())
except OSError as error:
    sys.exit("Address already in use" if error.errno == errno.EADDRINUSE else str(error))
