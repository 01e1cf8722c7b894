"""Counts bytes that arrive: `python3 sink.py ADDRESS PORT FILE` writes the sum to FILE after each piece."""

import pathlib
import socket
import sys
import threading

total, lock = 0, threading.Lock()


def take(client):
    global total
    while piece := client.recv(4096):
        with lock:
            total += len(piece)
            pathlib.Path(sys.argv[3]).write_text(str(total))


listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    threading.Thread(target=take, args=(listener.accept()[0],), daemon=True).start()
