"""A session in which any one packet is dropped, doubled or cut, on either side of the sidecar: the server runs nothing but what
is granted, and the session ends or goes on, but does not hang."""

import contextlib
import socket
import threading

import pymysql
from clients_kit.checks import Failed, expect
from clients_kit.mariadb import PASSWORD
from clients_kit.programs import Podwall, free_port

GRANTED = ["SELECT COUNT(*) FROM orders WHERE id = 7001", "SELECT item FROM orders WHERE id = ?", "SELECT item FROM orders WHERE id = 7002",
           "INSERT INTO orders (item) VALUES ('lost-1')", "BEGIN", "COMMIT", "SET NAMES utf8mb4", "SET AUTOCOMMIT = 0", "SET AUTOCOMMIT = 1", "ROLLBACK"]
DENIED = [b"\x03DROP TABLE orders", b"\x03SELECT entry FROM ledger WHERE id = 7003", b"\x16SELECT entry FROM ledger WHERE id = ?", b"\x02other",
          b"\x0c\x01\0\0\0"]
STALLED = 0.25


class Cable:
    """Carries packets both ways; changes the one that stands at a place in a direction."""

    def __init__(self, to):
        self.to, self.change, self.counts = to, None, {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
                self.counts = {"up": 0, "down": 0}
                for way, one, other in (("up", near, far), ("down", far, near)):
                    threading.Thread(target=self.carry, args=(way, one, other, self.counts), daemon=True).start()

    def carry(self, way, one, other, counts):
        with contextlib.suppress(OSError), one.makefile("rb") as source:
            while len(header := source.read(4)) == 4:
                packet = header + source.read(int.from_bytes(header[:3], "little"))
                counts[way] += 1
                if self.change and self.change[:2] == (way, counts[way]):
                    packet = CHANGES[self.change[2]](packet)
                other.sendall(packet)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def shorten(packet):
    payload = packet[4 : 4 + len(packet[4:]) // 2]
    return len(payload).to_bytes(3, "little") + packet[3:4] + payload


CHANGES = {"dropped": lambda packet: b"", "doubled": lambda packet: packet * 2, "cut": lambda packet: packet[: len(packet) // 2], "shortened": shorten}


def play(port):
    """Everything a session does; it may end at any point."""
    with contextlib.suppress(pymysql.MySQLError, OSError, AssertionError, IndexError, ValueError, AttributeError, TypeError):
        session = pymysql.connect(host="127.0.0.1", port=port, user="app", password=PASSWORD, database="shop", connect_timeout=STALLED * 4,
                                  read_timeout=STALLED, write_timeout=STALLED)
        with contextlib.suppress(pymysql.MySQLError), session.cursor() as cursor:
            cursor.execute(GRANTED[0])
            cursor.execute("BEGIN")
            cursor.execute(GRANTED[3])
        for payload in (DENIED[0], b"\x16" + GRANTED[1].encode(), *DENIED[1:], b"\x0e"):
            with contextlib.suppress(pymysql.MySQLError):
                command(session, payload)
        with contextlib.suppress(pymysql.MySQLError), session.cursor() as cursor:
            cursor.execute(GRANTED[2])
        session.close()


def command(session, payload):
    session._next_seq_id = 0
    session.write_packet(payload)
    session._next_seq_id = 1
    packet = session._read_packet()
    if payload[0] == 0x16:
        for _ in range(4):  # what its value and its column are, each with an end
            session._read_packet()
        number = packet.get_all_data()[1:5]
        session._next_seq_id = 0
        session.write_packet(b"\x17" + number + b"\0\x01\0\0\0\0\x01\x03\0\x07\0\0\0")
        session._next_seq_id = 1
        for _ in range(4):
            session._read_packet()
        session._next_seq_id = 0
        session.write_packet(b"\x19" + number)


def lost(binary, folder, certs, server, allowlist):
    far = Cable(server.port)
    port = free_port()
    podwall = Podwall(binary, folder / "lost", [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "mysql",
                                                 "upstream": f"127.0.0.1:{far.port}"}], allowlist, certs)
    try:
        podwall.wait_ready()
        near = Cable(port)
        before = len(server.log_of("app"))
        play(near.port)
        expect("as it is", [text for text in GRANTED[:3] if text not in "\n".join(server.log_of("app")[before:])], [])
        runs = 0
        for cable, way in ((near, "up"), (far, "down")):
            for place in range(1, cable.counts[way] + 1):
                for change in CHANGES:
                    cable.change = (way, place, change)
                    play(near.port)
                    runs += 1
            cable.change = None
        known = [text.replace("?", "7") for text in GRANTED] + GRANTED
        strange = {line for line in server.log_of("app")[before:] if line not in known}
        expect("statements that are not granted", strange, set())
        status, _ = podwall.admin("/readyz")
        expect("still there", status, 200)
        if runs < 100:
            raise Failed(f"only {runs} sessions")
        return f"{runs} sessions with a packet dropped, doubled or cut"
    finally:
        podwall.end()
