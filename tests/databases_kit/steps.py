"""Who is in step with the server: what a client says out of the ordinary, in messages of its own making, must not make the sidecar
take a name, a ceiling or an answer for another one than the server does. Each case ends with what the policy does not grant."""

import contextlib
import socket
import struct

from clients_kit.checks import Failed, expect
from clients_kit.programs import Podwall, free_port

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: steps}
owner: team-tests
trustDomain: cluster.test
databases:
  - {name: steps, from: 127.0.0.1, user: steps, tables: {items: [SELECT, INSERT, COPY]}, settings: [search_path], rows: 10}
"""
SCHEMA = """
CREATE ROLE steps LOGIN; CREATE SCHEMA other;
CREATE TABLE items (item text); CREATE TABLE other.items (item text); INSERT INTO other.items VALUES ('secret');
INSERT INTO items SELECT 'n' || n FROM generate_series(1, 1000) n;
GRANT USAGE ON SCHEMA other TO steps; GRANT SELECT, INSERT ON items, other.items TO steps
"""
ONE = "SELECT item FROM items LIMIT 1"
ALL = "SELECT item FROM items"


def message(tag, body=b""):
    return tag + struct.pack("!I", len(body) + 4) + body


def text(sql):
    return message(b"Q", sql.encode() + b"\0")


def parse(name, sql):
    return message(b"P", name + b"\0" + sql.encode() + b"\0\0\0")


def bind(name, portal=b""):
    return message(b"B", portal + b"\0" + name + b"\0" + bytes(6))


def execute(portal=b"", rows=0):
    return message(b"E", portal + b"\0" + struct.pack("!I", rows))


def close(kind, name):
    return message(b"C", kind + name + b"\0")


SYNC = message(b"S")
PATH = text("SET search_path = other")
LONG = b"n" * 63
COPY = text("COPY items (item) FROM STDIN") + message(b"d", b"a\tb\n")


def runs(name):
    return bind(name) + execute() + SYNC


# Pieces, each with the answers that say "ready" before the next one is sent. `a` is what would tell the secret under the new path.
SECRETS = {
    "control": [(parse(b"a", ONE) + SYNC, 1), (PATH, 1), (runs(b"a"), 1)],
    "control, a text": [(PATH, 1), (text(ONE), 1)],
    "a text behind an error": [
        (parse(b"a", ONE) + SYNC, 1), (PATH, 1),
        (execute(b"nosuch") + text("SELECT 1") + parse(b"a", "SELECT 1") + runs(b"a"), 1),
        (parse(b"b", "SELECT 1") + runs(b"b"), 1), (parse(b"c", "SELECT 1") + runs(b"a"), 1)],
    "a text that would prepare": [
        (parse(b"a", ONE) + SYNC, 1), (PATH, 1), (parse(b"s", "PREPARE a AS SELECT 1") + runs(b"a"), 1)],
    "a text that would prepare, before": [
        (parse(b"a", ONE) + parse(b"s", "PREPARE a AS SELECT 1") + SYNC, 1), (PATH, 1), (runs(b"a"), 1)],
    "a text that fails to prepare": [
        (parse(b"a", ONE) + text("PREPARE a AS SELECT 1"), 1), (PATH, 1), (runs(b"a"), 1)],
    "a text that prepares later": [
        (parse(b"s", "PREPARE a AS " + ONE) + SYNC, 1), (parse(b"a", "SELECT 1") + SYNC, 1), (text("DEALLOCATE a"), 1),
        (runs(b"s"), 1), (PATH, 1), (runs(b"a"), 1)],
    "a text that prepares later, by text": [
        (parse(b"s", "PREPARE a AS " + ONE) + SYNC, 1), (parse(b"a", "SELECT 1") + SYNC, 1), (text("DEALLOCATE a"), 1),
        (runs(b"s"), 1), (PATH, 1), (text("EXECUTE a"), 1)],
    "a name that is cut": [
        (parse(LONG + b"2", "SELECT 1") + SYNC, 1), (close(b"S", LONG + b"1") + SYNC, 1), (parse(LONG + b"1", ONE) + SYNC, 1),
        (PATH, 1), (runs(LONG + b"2"), 1)],
    "a sync among data": [
        (parse(b"a", ONE) + SYNC, 1),
        (COPY + SYNC + message(b"c") + parse(b"x", "SELECT 1") + runs(b"x") + parse(b"a", "SELECT 1") + runs(b"a"), 4),
        (PATH, 1), (runs(b"a"), 1)],
}
SPELLINGS = [LONG + bytes([97 + at]) for at in range(8)]
CEILINGS = {
    "control": [(text(ALL), 1)],
    "control, pages": [(parse(b"p", ALL) + SYNC, 1), (text("BEGIN"), 1),
                       (bind(b"p", b"q") + execute(b"q", 6) + execute(b"q", 6) + SYNC, 1)],
    "behind a skipped text": [(execute(b"nosuch") + text("SELECT 1") + text("SELECT 1 FROM hidden") + SYNC, 1), (text(ALL), 1)],
    "behind skipped texts": [(execute(b"nosuch") + text("SELECT 1") + text("BEGIN") + SYNC, 1), (text(ALL), 1)],
    "one portal, many names": [
        (parse(b"p", ALL) + SYNC, 1), (text("BEGIN"), 1),
        (b"".join(bind(b"p", name) + close(b"P", other) for name, other in zip(SPELLINGS, SPELLINGS[1:] + SPELLINGS[:1]))
         + bind(b"p", LONG + b"z") + SYNC, 1),
        (b"".join(execute(name, 10) for name in SPELLINGS) + SYNC, 1)],
}
# What honest clients do all the same: the sidecar answers as the server does.
HONEST = {
    "a name given twice": [(parse(b"a", ONE) + parse(b"a", "SELECT 1") + SYNC, 1), (runs(b"a"), 1)],
    "the unnamed statement outlives DEALLOCATE ALL": [(parse(b"", ONE) + SYNC, 1), (text("DEALLOCATE ALL"), 1), (runs(b""), 1)],
    "texts behind an error": [(execute(b"nosuch") + text("SELECT 1") + SYNC, 1), (text(ONE), 1)],
    "texts prepared and dropped many times": [
        (text("PREPARE a AS SELECT 1"), 1), (text("EXECUTE a"), 1), (text("DEALLOCATE a"), 1)] * 100,
    "a copy whose sync comes first": [
        (parse(b"", "COPY items (item) FROM STDIN") + bind(b"") + execute() + SYNC + message(b"d", b"x\n") + message(b"c") + SYNC, 1),
        (text(ONE), 1)],
    "a copy that fails": [(COPY + message(b"c"), 1), (text(ONE), 1)],
}


class Wire:
    def __init__(self, port):
        self.socket, self.held = socket.create_connection(("127.0.0.1", port), 10), b""
        body = struct.pack("!I", 196608) + b"user\0steps\0database\0shop\0\0"
        self.socket.sendall(struct.pack("!I", len(body) + 4) + body)
        self.answers(1)

    def answers(self, count):
        """What comes up to so many answers that say "ready": types, and their bytes."""
        came = []
        while count:
            while len(self.held) < 5 or len(self.held) < (length := struct.unpack("!I", self.held[1:5])[0] + 1):
                piece = self.socket.recv(65536)
                if not piece:
                    raise ConnectionError
                self.held += piece
            came.append((self.held[:1], self.held[5:length]))
            self.held = self.held[length:]
            count -= came[-1][0] == b"Z"
        return came

    def says(self, pieces):
        """What is answered, up to the session's end."""
        came = []
        with contextlib.suppress(ConnectionError):
            for piece, count in pieces:
                self.socket.sendall(piece)
                came += self.answers(count)
        self.socket.close()
        return came


def kept(binary, folder, certs, server):
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("host all steps all trust\n" + before)
    server.direct("SELECT pg_reload_conf()")
    server.direct(SCHEMA)
    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "postgres", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary, folder / "steps", listeners, ALLOWLIST, certs)
    try:
        podwall.wait_ready()
        for name, pieces in SECRETS.items():
            told = Wire(server.port).says(pieces)
            if "control" in name and not any(b"secret" in body for _, body in told):
                raise Failed(f"{name}: nothing is kept secret")
            if any(b"secret" in body for _, body in Wire(port).says(pieces)):
                raise Failed(f"{name}: what is not granted came")
        for name, pieces in CEILINGS.items():
            rows = sum(tag == b"D" for tag, _ in Wire(port).says(pieces))
            if rows > 10:
                raise Failed(f"{name}: {rows} rows")
        for name, pieces in HONEST.items():
            told = [[tag for tag, _ in Wire(to).says(pieces)] for to in (server.port, port)]
            expect(name, told[1], told[0])
    finally:
        podwall.end()
        rules.write_text(before)
        server.direct("SELECT pg_reload_conf()")
    return f"{len(SECRETS)} ways to a secret, {len(CEILINGS)} over a ceiling, {len(HONEST)} that are honest"
