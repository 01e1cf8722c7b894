"""A server of a few lines: a socket of its own, and a thread for each connection that talks as its class says."""

import contextlib
import socket
import threading


class Serving:
    """`talk(client)` is the conversation; `port` is where it listens."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):  # it ends
            while True:
                client, _ = self.socket.accept()
                threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    def end(self):
        self.socket.close()
