"""Speaks with service.py, once or many times at once: speak.py unix|tcp PATH-OR-PORT FIRST-LINE [TIMES]"""
import socket
import sys
import threading

kind, where, first = sys.argv[1:4]
times = int(sys.argv[4]) if len(sys.argv) > 4 else 1
good = []


def speak(number):
    if kind == "tcp":
        peer = socket.create_connection(("127.0.0.1", int(where)))
    else:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(where)
    peer.settimeout(60)
    payload = b"%d " % number * (2000000 // times)

    def feed():
        peer.sendall(payload)
        peer.shutdown(socket.SHUT_WR)

    threading.Thread(target=feed, daemon=True).start()
    got = b""
    while part := peer.recv(65536):
        got += part
    wanted = first.encode() + b"\n" + payload + b"\nafter the end: %d\n" % len(payload)
    assert got == wanted, (number, len(got), len(wanted), got[:100], got[-100:])
    good.append(number)


threads = [threading.Thread(target=speak, args=(number,)) for number in range(times)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(good) == times, f"{len(good)} of {times}"
