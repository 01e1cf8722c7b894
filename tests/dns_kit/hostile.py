"""A resolver that answers as it should not: run as `python3 hostile.py ADDRESS`. The first label of a name says how."""

import socket
import struct
import sys
import threading

A, TXT, HTTPS = 1, 16, 65
LONG = b"".join(bytes([200]) + b"x" * 200 for _ in range(15))


def question(query):
    """The name's labels, where the question ends, and its type."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]])
        at += 1 + query[at]
    return labels, at + 5, struct.unpack_from(">H", query, at + 1)[0]


def record(kind, data, owner=b"\xc0\x0c", of=1, ttl=60):
    return owner + struct.pack(">HHIH", kind, of, ttl, len(data)) + data


def records(how, kind):
    return {
        b"rebind": [record(A, bytes([10, 1, 2, 3]))],
        b"metadata": [record(A, bytes([169, 254, 169, 254]))],
        b"owner": [record(A, bytes([203, 0, 113, 9]), b"\x04bank\x07example\x00")],
        b"class": [record(A, bytes([203, 0, 113, 9]), of=3)],
        b"ttl": [record(A, bytes([203, 0, 113, 9]), ttl=2**31 - 1)],
        b"many": [record(A, bytes([203, 0, 113, n % 250])) for n in range(1000)],
        b"text": [record(TXT, LONG)],
        b"ech": [record(HTTPS, b"\x00\x01\x00\x00\x01\x00\x03\x02h2\x00\x05\x00\x04key!")],
    }.get(how, [record(A, bytes([203, 0, 113, 7]))] if kind == A else [])


def answer(query, stream):
    labels, end, kind = question(query)
    how = labels[0].lower()
    if how.startswith(b"silent"):
        return []
    found = records(how, kind)
    head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0)
    whole = head + query[12:end] + b"".join(found)
    if how == b"garbage":
        return [head + query[12:end] + b"\xc0\xff\xff"]
    if how == b"spoof":
        forged = query[12:end] + record(A, bytes([198, 51, 100, 66]))
        return [bytes([query[0] ^ 1, query[1]]) + head[2:] + forged, whole]
    if len(whole) > 1232 and not stream:
        return [query[:2] + struct.pack(">HHHHH", 0x8380, 1, 0, 0, 0) + query[12:end]]
    return [whole]


def over_tcp(address):
    listener = socket.create_server((address, 53))
    while True:
        client, _ = listener.accept()
        with client:
            length = struct.unpack(">H", client.recv(2, socket.MSG_WAITALL))[0]
            for reply in answer(client.recv(length, socket.MSG_WAITALL), True):
                client.sendall(struct.pack(">H", len(reply)) + reply)


def main():
    address = sys.argv[1]
    threading.Thread(target=over_tcp, args=(address,), daemon=True).start()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    while True:
        query, client = udp.recvfrom(4096)
        for reply in answer(query, False):
            udp.sendto(reply, client)


if __name__ == "__main__":
    main()
