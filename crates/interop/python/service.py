"""A service on a Unix socket: says who has connected, then gives back what it is sent, and after its end how much that was.
service.py PATH"""
import os
import socket
import struct
import sys
import threading


def serve(peer):
    pid, uid, gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    peer.sendall(b"uid=%d gid=%d\n" % (uid, gid))
    count = 0
    while part := peer.recv(65536):
        count += len(part)
        peer.sendall(part)
    peer.sendall(b"\nafter the end: %d\n" % count)
    peer.close()


path = sys.argv[1]
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(100)
print("serving", flush=True)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
