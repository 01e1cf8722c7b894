"""Records sessions of real drivers with a real PostgreSQL, with a sidecar between them that denies some of what they ask: both
what passes between client and sidecar and what passes between sidecar and server, message by message.

    tests/.venv/bin/python tests/tools/record_postgres.py target/debug/podwall tests/data/postgres

Writes one file for each session. A line is one message: who said it to whom (`client>` the client to the sidecar, `client<` the
sidecar to the client, `server>` and `server<` likewise), then its bytes, those that are no printable ASCII escaped.
"""

import asyncio
import contextlib
import socket
import struct
import sys
import tempfile
import threading
from pathlib import Path

import asyncpg
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))
from clients_kit.postgres import PASSWORD, Postgres  # noqa: E402
from clients_kit.programs import Podwall, certificates, free_port, until  # noqa: E402

SCHEMA = f"""
CREATE TABLE orders (id serial PRIMARY KEY, item text NOT NULL, amount int NOT NULL DEFAULT 1);
CREATE TABLE customers (id serial PRIMARY KEY, name text, password_hash text);
INSERT INTO customers (name, password_hash) VALUES ('Ann', 'h1');
CREATE ROLE app LOGIN PASSWORD '{PASSWORD}';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
"""
ALLOWLIST = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: recorded}\nowner: tests\n"


class Tee:
    """Passes bytes on, and notes the messages."""

    def __init__(self, name, to):
        self.name, self.to, self.lines, self.lock = name, to, [], threading.Lock()
        self.passing = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.to))
            self.passing += 2
            threading.Thread(target=self.pump, args=(client, server, ">", True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, "<", False), daemon=True).start()

    def pump(self, source, to, way, starts):
        held = b""
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                held += piece
                while message := first(held, starts):
                    held, starts = held[len(message):], False
                    with self.lock:
                        self.lines.append(f"{self.name}{way} {escaped(message)}")
                to.sendall(piece)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)
        with self.lock:
            self.passing -= 1

    def take(self):
        until("the end of the session", lambda: self.passing == 0)
        with self.lock:
            lines, self.lines = self.lines, []
        return lines


def first(held, starts):
    """The first message, whole; a startup message has no type."""
    at = 0 if starts else 1
    if len(held) < at + 4:
        return None
    size = at + struct.unpack_from("!I", held, at)[0]
    return held[:size] if len(held) >= size else None


def escaped(message):
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in message)


def denied(asking):
    try:
        asking()
    except psycopg.errors.InsufficientPrivilege:
        return
    raise SystemExit("was not denied")


def simple(address):
    """Texts, a transaction that a denial aborts, and copies, with libpq's simple queries."""
    with psycopg.connect(**address, autocommit=True, cursor_factory=psycopg.ClientCursor) as session:
        session.execute("INSERT INTO orders (item) VALUES ('a'), ('b')")
        session.execute("BEGIN")
        session.execute("INSERT INTO orders (item) VALUES ('lost')")
        denied(lambda: session.execute("UPDATE customers SET name = 'x' WHERE id = 1"))
        session.execute("COMMIT")
        session.execute("SET search_path = public")
        session.execute("BEGIN; DELETE FROM orders WHERE item = 'b'; COMMIT")
        with session.cursor().copy("COPY orders (item) FROM STDIN") as copy:
            copy.write_row(("c",))
        with session.cursor().copy("COPY (SELECT item FROM orders) TO STDOUT") as copy:
            list(copy)
        denied(lambda: session.execute("DELETE FROM orders"))


def extended(address):
    """Statements that are prepared, run again, and closed; one that is denied each time; a cursor."""
    with psycopg.connect(**address, autocommit=True, prepare_threshold=1) as session:
        for amount in range(3):
            session.execute("INSERT INTO orders (item, amount) VALUES (%s, %s)", (f"e{amount}", amount))
        for _ in range(2):
            denied(lambda: session.execute("SELECT password_hash FROM customers WHERE id = %s", (1,), prepare=True))
        with session.transaction(), session.cursor(name="rows") as rows:
            rows.execute("SELECT item FROM orders")
            rows.fetchmany(2)
        session.execute("DELETE FROM orders WHERE item = %s", ("e0",))


def pipeline(address):
    """Pipelines: one that goes well, one with a denial in its middle."""
    with psycopg.connect(**address, autocommit=True) as session:
        with session.pipeline():
            for amount in range(3):
                session.execute("INSERT INTO orders (item, amount) VALUES (%s, %s)", (f"p{amount}", amount))
        def bad():
            with session.pipeline():
                session.execute("INSERT INTO orders (item) VALUES (%s)", ("lost",))
                session.execute("UPDATE customers SET name = %s WHERE id = 1", ("x",))
                session.execute("INSERT INTO orders (item) VALUES (%s)", ("lost too",))
        denied(bad)
        session.execute("SELECT count(*) FROM orders WHERE item = %s", ("lost",))


def portals(address):
    """asyncpg: statements described before they run, portals that are read in portions, many rows of values at once."""
    async def act():
        session = await asyncpg.connect(host="127.0.0.1", port=address["port"], user="app", password=PASSWORD, database="shop",
                                        ssl=False)
        await session.executemany("INSERT INTO orders (item, amount) VALUES ($1, $2)", [("q", 1), ("r", 2)])
        async with session.transaction():
            cursor = await session.cursor("SELECT item FROM orders ORDER BY id")
            await cursor.fetch(2)
            await cursor.fetch(2)
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
            await session.fetch("SELECT password_hash FROM customers WHERE id = $1", 1)
        await session.fetchval("SELECT amount FROM orders WHERE item = $1", "q")
        await session.close()

    asyncio.run(act())


def main():
    binary, to = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    rules = (to / "allowlist.yaml").read_text()
    with tempfile.TemporaryDirectory(prefix="podwall-recording-") as folder, contextlib.ExitStack() as made:
        folder = Path(folder)
        server = Postgres(folder / "postgres")
        made.callback(server.end)
        server.direct("CREATE DATABASE shop", "postgres")
        assert server.direct(SCHEMA) is not None
        back, port = Tee("server", server.port), free_port()
        listener = {"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "postgres", "upstream": f"127.0.0.1:{back.port}"}
        podwall = Podwall(binary, folder / "sidecar", [listener], ALLOWLIST + rules, certificates(binary, folder / "certificates"))
        made.callback(podwall.end)
        podwall.wait_ready()
        front = Tee("client", port)
        for session in (simple, extended, pipeline, portals):
            session({"host": "127.0.0.1", "port": front.port, "user": "app", "password": PASSWORD, "dbname": "shop",
                     "sslmode": "disable", "gssencmode": "disable"})
            server.direct("DELETE FROM orders")
            lines = [f"# {session.__doc__}", *front.take(), *back.take()]
            (to / f"{session.__name__}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
