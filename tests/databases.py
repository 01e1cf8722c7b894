"""PostgreSQL's own programs and drivers, through the front door of a real sidecar, to a real server.

    tests/.venv/bin/python tests/databases.py target/release/podwall

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed. Everything is on
loopback.
"""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import threading
import time
from pathlib import Path

from clients_kit import doors
from clients_kit.checks import Failed, Skipped, expect, run
from clients_kit.postgres import PASSWORD, Postgres
from clients_kit.programs import Podwall, certificates, free_port, until
from databases_kit import anew, drivers, live, named, observed, page, recorded, steps

try:
    import psycopg
except ImportError:
    psycopg = None
try:
    import asyncpg
except ImportError:
    asyncpg = None

SCHEMA = """
CREATE TABLE orders (id serial PRIMARY KEY, item text NOT NULL, amount int NOT NULL DEFAULT 1);
CREATE TABLE customers (id serial PRIMARY KEY, name text, password_hash text);
CREATE TABLE ledger (id serial PRIMARY KEY, entry text);
INSERT INTO customers (name, password_hash) VALUES ('Ann', 'h1'), ('Bob', 'h2');
CREATE ROLE app LOGIN PASSWORD '{password}';
CREATE ROLE report LOGIN PASSWORD '{password}';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app, report;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
"""

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: databases}
owner: team-tests
trustDomain: cluster.test
databases:
  - name: the shop's own queries
    SIDES
    user: app
    database: shop
    tables:
      orders: [SELECT, INSERT, UPDATE, DELETE, COPY]
      customers: [SELECT]
      pg_catalog.*: [SELECT]
    neverRead: [customers.password_hash]
    statements: [EXPLAIN, LISTEN, NOTIFY]
  - name: the owner's tools
    SIDES
    user: owner
    tables: {"*": "*", "pg_catalog.*": "*", pg_catalog.pg_subscription: SELECT, "information_schema.*": "*"}
    statements: ["*"]
    settings: [search_path, any]
    unbounded: true
  - name: reports
    SIDES
    user: report
    tables: {orders: SELECT}
    rows: 100
"""
INBOUND = ALLOWLIST.replace("SIDES", "from: [shop/frontend, 127.0.0.1]")
OUTBOUND = ALLOWLIST.replace("SIDES", "to: 127.0.0.1")

DENIED = [
    ("table", "SELECT * FROM ledger"),
    ("column", "SELECT password_hash FROM customers"),
    ("every column", "SELECT * FROM customers"),
    ("whole row", "SELECT customers FROM customers"),
    ("whole row by a function", "SELECT c.row_to_json FROM customers c"),
    ("function of a value", "SELECT ('/etc/passwd').pg_read_file"),
    ("function of an alias", "SELECT x.pg_read_file FROM lower('/etc/passwd') AS x"),
    ("large object", "SELECT lo_get(1)"),
    ("table of an extension", "SELECT query FROM pg_stat_statements"),
    ("settings as a table", "UPDATE pg_settings SET setting = 'pg_temp' WHERE name = 'search_path'"),
    ("kind", "UPDATE customers SET name = 'x' WHERE id = 1"),
    ("without where", "DELETE FROM orders"),
    ("function", "SELECT pg_read_file('/etc/passwd')"),
    ("sleep", "SELECT pg_sleep(0)"),
    ("sql in a function", "SELECT query_to_xml('SELECT 1', true, true, '')"),
    ("do", "DO $$ BEGIN NULL; END $$"),
    ("program", "COPY orders FROM PROGRAM 'id'"),
    ("role", "SET ROLE owner"),
    ("search path", "SET search_path = pg_temp"),
    ("strings", "SET standard_conforming_strings = off"),
    ("encoding", "SET client_encoding = 'SJIS'"),
    ("unreadable", "SELEC 1"),
    ("injection", "SELECT id FROM orders WHERE item = 'x' OR 1=1 --' AND amount = 1"),
    ("further statement", "SELECT id FROM orders WHERE id = 1; DROP TABLE orders"),
    ("modifying with", "WITH gone AS (DELETE FROM ledger WHERE true RETURNING *) SELECT count(*) FROM gone"),
    ("explain analyze", "EXPLAIN ANALYZE DELETE FROM orders"),
]


def check(tally, binary, folder, programs, only):
    made = {}
    certs = certificates(binary, folder / "certificates")
    tally.check("a cluster of its own", lambda: made.update(server=Postgres(folder / "postgres", certificates=certs)))
    if "server" not in made:
        return
    server = made["server"]
    programs.callback(server.end)
    server.direct("CREATE DATABASE shop", "postgres")
    server.direct("CREATE DATABASE copy", "postgres")
    expect("schema", server.direct(SCHEMA.format(password=PASSWORD)) is not None, True)
    alone = doors.chosen(tally, only)
    ways = doors.start("postgres", server, (INBOUND, OUTBOUND), certs, binary, folder, programs)
    inbound = ways.inbound
    rust_and_node = drivers.each(binary, certs)
    everything = (psql, psql_denied, pgbench, dump, rows, recorded.statements, recorded.values, *PSYCOPG, *ASYNCPG,
                  drivers.sqlalchemy, *rust_and_node)
    for name, port, podwall, functions in (
        ("plain", ways.plain, inbound, everything),
        ("sidecars", ways.outbound, ways.caller, everything),
        ("tls", ways.tls, inbound, (psql, psycopg_works, psycopg_cancels, positions, statement_log)),
    ):
        door = Door(name, port, server, podwall)
        for function in functions:
            alone(f"{function.__name__.replace('_', '-')} {name}", function, door)
    own_tls = Door("strict", ways.strict, server, inbound)
    alone("sqlalchemy strict", drivers.sqlalchemy, own_tls, certs)
    for driver in rust_and_node:
        if driver.__name__ != "tokio_postgres":  # has no TLS of its own
            alone(f"{driver.__name__} strict", driver, own_tls)
    door = Door("plain", ways.plain, server, inbound)
    alone("client that asks for TLS", asks_for_tls, own_tls, certs)
    alone("certificate for a name", named.shown, binary, folder, certs, server, INBOUND)
    alone("server that must be named", other_name, binary, folder, certs, server)
    alone("protocol 3.2 is negotiated", negotiated, door)
    alone("requests to cancel of others", cancels_of_others, door)
    alone("replication", replication, door)
    alone("base backup", backup, door, folder)
    alone("large objects", large_objects, door)
    alone("statements are counted by kind", counted, door)
    alone("user who is not granted", stranger, door)
    alone("what is no PostgreSQL", no_postgres, door)
    alone("literals are not recorded", masked, door)
    alone("the page is followed word by word", page.follows, binary, folder, server)
    alone("ways to authenticate", anew.authentication, door)
    alone("prepared under another policy", anew.reloaded, binary, folder, certs, server)
    alone("in step with the server", steps.kept, binary, folder, certs, server)
    alone("values that are more than values", live.values, binary, folder, certs, server)
    alone("what shows over time", observed.observers, binary, folder, certs, server)
    alone("shadow mode tells what became of it", recorded.shadow, binary, folder, certs, server)
    alone("server that is down", down, binary, folder, certs)


class Door:
    """One way in to the database."""

    def __init__(self, name, port, server, podwall):
        self.name, self.port, self.server, self.podwall = name, port, server, podwall

    def psql(self, sql, user="app", more=(), database="shop"):
        return self.server.psql(self.port, sql, database, user, more)

    def psycopg(self, **options):
        if psycopg is None:
            raise Skipped("no psycopg")
        address = {"host": "127.0.0.1", "port": self.port, "user": "app", "password": PASSWORD, "dbname": "shop"}
        return psycopg.connect(**{**address, "connect_timeout": 20, **options})

    async def asyncpg(self):
        if asyncpg is None:
            raise Skipped("no asyncpg")
        return await asyncpg.connect(host="127.0.0.1", port=self.port, user="app", password=PASSWORD, database="shop",
                                     timeout=20)

    def empty(self):
        self.server.direct("DELETE FROM orders")

    def orders(self):
        """The table as it is, seen without the sidecar."""
        return self.server.direct("SELECT string_agg(item, ',' ORDER BY id) FROM orders")


def psql(door):
    done = door.psql("INSERT INTO orders (item) VALUES ('it''s') RETURNING item")
    expect("psql", (done.returncode, done.stdout.split("\n")[0]), (0, "it's"))
    done = door.psql("\\d orders", user="owner")
    expect("describe", (done.returncode, "item" in done.stdout), (0, True))
    done = door.psql("\\copy (SELECT 1, 'a') TO STDOUT")
    expect("copy", (done.returncode, done.stdout.strip()), (0, "1\ta"))
    door.empty()


def psql_denied(door):
    for name, sql in DENIED:
        done = door.psql(sql)
        if done.returncode == 0 or "42501" not in done.stderr:
            raise Failed(f"{name}: {done.stdout} {done.stderr}")
        event = re.search(r"DETAIL:  event (\S+)", done.stderr)
        if not event:
            raise Failed(f"{name}: no event in {done.stderr}")
        door.podwall.recorded(event=event[1])
    return f"{len(DENIED)} statements"


def pgbench(door):
    def bench(*arguments):
        done = door.server.run([door.server.bin / "pgbench", *arguments], door.port)
        if done.returncode != 0:
            raise Failed(f"pgbench {arguments}: {done.stderr}")
        return done.stdout

    bench("-i", "-q", "-s", "1")
    for mode in ("simple", "extended", "prepared"):
        for builtin in ("select-only", "tpcb-like"):
            told = bench("-M", mode, "-b", builtin, "-c", "4", "-j", "2", "-t", "50")
            expect(f"{mode} {builtin}", "number of failed transactions: 0 " in told, True)
    pipeline = "\\startpipeline\nSELECT 1;\nSELECT abalance FROM pgbench_accounts WHERE aid = 1;\nSELECT 2;\n\\endpipeline\n"
    script = door.server.folder / "pipeline.sql"
    script.write_text(pipeline)
    script.chmod(0o644)
    told = bench("-M", "extended", "-n", "-f", str(script), "-c", "2", "-t", "50")
    expect("pipeline", "number of failed transactions: 0 " in told, True)


def dump(door):
    """A dump through the sidecar, restored through it, is the same as a dump without it."""
    door.server.direct("INSERT INTO ledger (entry) SELECT 'line ' || n FROM generate_series(1, 1000) AS n")

    def dumped(port, database, *more):
        done = door.server.run([door.server.bin / "pg_dump", *more], port, database)
        if done.returncode != 0:
            raise Failed(f"pg_dump: {done.stderr}")
        # A key that is drawn for each dump.
        return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))

    through = dumped(door.port, "shop")
    expect("dump", through, dumped(door.server.port, "shop"))
    door.server.direct("DROP SCHEMA public CASCADE; CREATE SCHEMA public", "copy")
    psql = [door.server.bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    done = door.server.run(psql, door.port, "copy", stdin=through)
    expect("restore", (done.returncode, done.stderr), (0, ""))
    expect("restored", dumped(door.server.port, "copy", "--data-only"), dumped(door.server.port, "shop", "--data-only"))
    return f"{len(through)} bytes"


def psycopg_works(door):
    door.empty()
    with door.psycopg(autocommit=True) as session:
        for number in range(12):  # enough for it to prepare the statement
            session.execute("INSERT INTO orders (item, amount) VALUES (%s, %s)", (f"i{number}", number))
        expect("rows", session.execute("SELECT sum(amount) FROM orders WHERE amount < %s", (5,)).fetchone(), (10,))
        with session.cursor().copy("COPY orders (item, amount) FROM STDIN") as copy:
            for number in range(1000):
                copy.write_row((f"c{number}", number))
        with session.cursor().copy("COPY (SELECT item FROM orders ORDER BY id) TO STDOUT") as copy:
            expect("copied", len(list(copy.rows())), 1012)
        with session.pipeline():
            answers = [session.execute("SELECT amount FROM orders WHERE item = %s", (f"i{number}",)) for number in range(5)]
            expect("pipeline", [answer.fetchone()[0] for answer in answers], list(range(5)))
        with session.transaction(), session.cursor(name="rows") as rows:
            rows.execute("SELECT item FROM orders ORDER BY id")
            expect("cursor", len(rows.fetchmany(10) + rows.fetchall()), 1012)
        session.execute("UPDATE orders SET amount = 0 WHERE item LIKE 'c%'")
        large = "x" * (3 << 20)
        session.execute("UPDATE orders SET item = %s WHERE item = 'i0'", (large,))
        expect("large", session.execute("SELECT length(item) FROM orders WHERE amount = 0 ORDER BY 1 DESC").fetchone(), (len(large),))
    door.empty()


def rows(door):
    """A statement brings as many rows as its rule allows, in whatever portions; with one more the session ends."""
    door.empty()
    door.server.direct("INSERT INTO orders (item) SELECT n::text FROM generate_series(1, 101) AS n")

    def all_at_once(session, more):
        return len(session.execute(f"SELECT id FROM orders LIMIT {100 + more}").fetchall())

    def prepared(session, more):
        return len(session.execute("SELECT id FROM orders LIMIT %s", (100 + more,), prepare=True).fetchall())

    def copied(session, more):
        with session.cursor().copy(f"COPY (SELECT id FROM orders LIMIT {100 + more}) TO STDOUT") as copy:
            return len(list(copy.rows()))

    def fetched(session, more):
        with session.transaction(), session.cursor(name="paged") as cursor:
            cursor.execute("SELECT id FROM orders")
            return sum(len(cursor.fetchmany(count)) for count in (60, 40 + more))

    for way in (all_at_once, prepared, copied, fetched):
        with door.psycopg(user="report", autocommit=True) as session:
            for _ in range(2):
                expect(f"{way.__name__}: at the ceiling", way(session, 0), 100)
        with door.psycopg(user="report", autocommit=True) as session:
            try:
                way(session, 1)
            except psycopg.Error as error:
                told = str(error)
            else:
                raise Failed(f"{way.__name__}: 101 rows came")
            expect(f"{way.__name__}: session ends", (session.closed, "the session is ended" in told), (True, True))
    door.empty()


def psycopg_listens(door):
    with door.psycopg(autocommit=True) as one, door.psycopg(autocommit=True) as other:
        one.execute("LISTEN news")
        other.execute("NOTIFY news, 'hello'")
        expect("news", [note.payload for note in one.notifies(timeout=10, stop_after=1)], ["hello"])


def psycopg_cancels(door):
    with door.psycopg(user="owner", autocommit=True) as session:
        session.execute("SET statement_timeout = '20s'")
        # The other way to cancel holds the interpreter while it waits, and so the relay in this process.
        timer = threading.Timer(0.5, session.cancel_safe)
        timer.start()
        began = time.monotonic()
        try:
            session.execute("SELECT count(*) FROM pg_class a, pg_class b, pg_class c, pg_class d, pg_class e")
        except psycopg.errors.QueryCanceled:
            expect("cancelled before it ended", time.monotonic() - began < 19, True)
            return
        raise Failed("was not cancelled")


def cancels_of_others(door):
    """A key cancels its own caller's statements, whichever worker the request comes to; from another address it does nothing."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as relay:
        def carry():
            client, server = relay.accept()[0], socket.create_connection(("127.0.0.1", door.port), 10)
            threading.Thread(target=copy, args=(client, server), daemon=True).start()
            copy(server, client, heard)

        def copy(from_, to, keep=None):
            with contextlib.suppress(OSError):
                while piece := from_.recv(4096):
                    # Kept first: who is sent a piece may look for it at once.
                    if keep is not None:
                        keep.append(piece)
                    to.sendall(piece)

        threading.Thread(target=carry, daemon=True).start()
        with door.psycopg(user="owner", autocommit=True, port=relay.getsockname()[1]) as session:
            said = b"".join(heard)
            at = said.index(b"K\0\0\0\x0c")
            request = struct.pack("!II", 16, 80877102) + said[at + 5:at + 13]

            def cancels(address):
                with socket.create_connection(("127.0.0.1", door.port), 10, (address, 0)) as wire:
                    wire.sendall(request)
                    return wire.recv(1)

            def outcome(address):
                # On every worker: which one takes a connection is the kernel's choice.
                timers = [threading.Timer(0.3, cancels, (address,)) for _ in range(12)]
                for timer in timers:
                    timer.start()
                try:
                    session.execute("SELECT pg_catalog.count(*) FROM generate_series(1, 4000000)")
                    return "ran"
                except psycopg.errors.QueryCanceled:
                    return "cancelled"
                finally:
                    for timer in timers:
                        timer.join()

            expect("from another address", outcome("127.0.0.2"), "ran")
            door.podwall.recorded(reason="postgres-cancel")
            # A request may come when the statement is over.
            until("its own caller's", lambda: outcome("127.0.0.1") == "cancelled", 30)


def psycopg_denied(door):
    with door.psycopg(autocommit=True) as session:
        for name, sql in DENIED:
            try:
                session.execute(sql)
            except psycopg.errors.InsufficientPrivilege as error:
                expect(name, error.diag.message_detail.startswith("event "), True)
                continue
            except psycopg.errors.SyntaxError as error:
                raise Failed(f"{name}: {error}") from error
            raise Failed(f"{name} was not denied")
        expect("session goes on", session.execute("SELECT 1").fetchone(), (1,))
        session.execute("INSERT INTO orders (item) VALUES (%s)", ("after",))


INSERT = "INSERT INTO orders (item) VALUES (%s)"
BAD = "UPDATE customers SET name = %s WHERE id = 1"


def positions(door):
    """Wherever a denied statement stands, the table holds after COMMIT what the client was told."""
    told = []

    def position(name, expected, act):
        door.empty()
        with door.psycopg(autocommit=True) as session:
            session.prepare_threshold = 0
            try:
                act(session)
                outcome = "no error"
            except psycopg.errors.InsufficientPrivilege:
                outcome = "denied"
            expect(f"{name}: session goes on", session.execute("SELECT 1").fetchone(), (1,))
        expect(name, (outcome, door.orders()), ("denied", expected))
        told.append(name)

    def alone(session):
        session.execute(BAD, ("x",))

    def between(session):
        session.execute(INSERT, ("a",))
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            session.execute(BAD, ("x",))
        session.execute(INSERT, ("b",))
        session.execute(BAD, ("x",))

    def in_transaction(session):
        with session.transaction():
            session.execute(INSERT, ("a",))
            session.execute(BAD, ("x",))

    def commit_all_the_same(session):
        session.execute("BEGIN")
        session.execute(INSERT, ("a",))
        try:
            session.execute(BAD, ("x",))
        finally:
            expect("commit", session.execute("COMMIT").statusmessage, "ROLLBACK")

    def savepoint(session):
        with session.transaction():
            session.execute(INSERT, ("a",))
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege), session.transaction():
                session.execute(BAD, ("x",))
            session.execute(INSERT, ("b",))
        session.execute(BAD, ("x",))

    def pipeline(at):
        def act(session):
            with session.pipeline():
                for number in range(3):
                    session.execute(BAD if number == at else INSERT, (str(number),))

        return act

    def simple(session):
        session.execute("INSERT INTO orders (item) VALUES ('a'); UPDATE customers SET name = 'x' WHERE id = 1")

    def copied(session):
        with session.transaction():
            session.execute(INSERT, ("a",))
            with session.cursor().copy("COPY customers (name) FROM STDIN") as copy:
                copy.write_row(("x",))

    def by_name(session):
        with session.transaction():
            session.execute(INSERT, ("a",))
            session.execute("PREPARE p AS UPDATE customers SET name = 'x' WHERE id = 1")

    def unknown_name(session):
        try:
            session.execute("EXECUTE nothing(1)")
        except psycopg.errors.InvalidSqlStatementName as error:
            raise psycopg.errors.InsufficientPrivilege("told so") from error

    position("alone", "", alone)
    position("between others", "a,b", between)
    position("in a transaction", "", in_transaction)
    position("commit after it", "", commit_all_the_same)
    position("in a savepoint", "a,b", savepoint)
    for number, where in enumerate(("first", "middle", "last")):
        position(f"{where} of a pipeline", "", pipeline(number))
    position("in a text of two", "", simple)
    position("a copy", "", copied)
    position("prepared by name", "", by_name)
    position("a name that was never prepared", "", unknown_name)
    expect("customers are untouched", door.server.direct("SELECT name FROM customers WHERE id = 1"), "Ann")
    door.empty()
    return f"{len(told)} positions"


def statement_log(door):
    """What the server has run is what was released, no more and no less."""
    application = f"log-{door.name}"
    released, denied = [], 0
    with door.psycopg(autocommit=True, application_name=application) as session:
        for number in range(30):
            sql = f"SELECT id FROM orders WHERE amount = {number}"
            if number % 3 == 1:
                sql = DENIED[number % len(DENIED)][1]
            try:
                session.execute(sql)
                released.append(sql)
            except psycopg.errors.InsufficientPrivilege:
                denied += 1
    expect("denied", denied, 10)
    expect("statements", door.server.statements(application), released)
    return f"{len(released)} released, {denied} denied"


PSYCOPG = [psycopg_works, psycopg_listens, psycopg_cancels, psycopg_denied, positions, statement_log]


def asyncpg_works(door):
    async def act():
        door.empty()
        session = await door.asyncpg()
        await session.executemany("INSERT INTO orders (item, amount) VALUES ($1, $2)", [(f"i{n}", n) for n in range(500)])
        prepared = await session.prepare("SELECT item FROM orders WHERE amount = $1")
        expect("prepared", [await prepared.fetchval(number) for number in (3, 4)], ["i3", "i4"])
        async with session.transaction():
            rows = [row["amount"] async for row in session.cursor("SELECT amount FROM orders ORDER BY amount", prefetch=50)]
        expect("cursor", rows, list(range(500)))
        await session.copy_records_to_table("orders", records=[("c", 1)] * 100, columns=["item", "amount"])
        expect("copied", await session.fetchval("SELECT count(*) FROM orders WHERE item = 'c'"), 100)
        await session.close()
        door.empty()

    asyncio.run(act())


def asyncpg_denied(door):
    async def act():
        session = await door.asyncpg()
        for name, sql in DENIED:
            try:
                await session.execute(sql)
            except asyncpg.InsufficientPrivilegeError as error:
                expect(name, error.detail.startswith("event "), True)
                continue
            raise Failed(f"{name} was not denied")
        for _ in range(2):
            try:
                await session.fetch("SELECT password_hash FROM customers WHERE id = $1", 1)
            except asyncpg.InsufficientPrivilegeError:
                continue
            raise Failed("parameterised: not denied")
        expect("session goes on", await session.fetchval("SELECT $1::int", 7), 7)
        await session.close()

    asyncio.run(act())


ASYNCPG = [asyncpg_works, asyncpg_denied]


def startup(minor=0, **parameters):
    """A startup message of protocol 3."""
    pairs = {"user": "app", "database": "shop", **parameters}
    body = b"".join(f"{name}\0{value}\0".encode() for name, value in pairs.items()) + b"\0"
    return struct.pack("!IHH", 8 + len(body), 3, minor) + body


SSL_REQUEST, GSS_REQUEST = (struct.pack("!II", 8, 80877100 + code) for code in (3, 4))


def asks_for_tls(door, certs):
    """libpq's own way to TLS on a strict port, one that begins with TLS at once, and what slips in before it."""
    keys = f"sslrootcert={certs}/ca.crt sslcert={certs}/client.crt sslkey={certs}/client.key"
    address = f"host=localhost hostaddr=127.0.0.1 port={door.port} user=app dbname=shop password='{PASSWORD}'"
    for mode, more, works in (("verify-full", keys, True), ("require", keys, True), ("disable", "", False), ("require", "sslcert= sslkey=", False)):
        done = run(["psql", "-X", "-At", f"{address} sslmode={mode} {more}", "-c", "SELECT 'in ' || 1"])
        expect(f"{mode} {more[:8]}", (done.returncode == 0, "in 1" in done.stdout), (works, works))
    context = ssl.create_default_context(cafile=certs / "ca.crt")
    context.load_cert_chain(certs / "client.crt", certs / "client.key")
    context.set_alpn_protocols(["postgresql"])

    def opened(asked):
        raw = socket.create_connection(("127.0.0.1", door.port), 10)
        for request, answer in asked:
            raw.sendall(request)
            expect("asked", raw.recv(1), answer)
        return context.wrap_socket(raw, server_hostname="localhost")

    for asked in ([], [(GSS_REQUEST, b"N"), (SSL_REQUEST, b"S")]):
        with opened(asked) as client:
            expect("alpn", client.selected_alpn_protocol(), "postgresql")
            client.sendall(startup())
            expect("begins", client.recv(1), b"R")
    with socket.create_connection(("127.0.0.1", door.port), 10) as client:
        client.sendall(SSL_REQUEST + startup())
        answer = b""
        with contextlib.suppress(OSError):
            while piece := client.recv(4096):
                answer += piece
        expect("slipped in", (answer[:1], b"SCRAM" in answer), (b"S", False))


def other_name(binary, folder, certs, server):
    """A server that proves another name, and one that speaks no TLS, are not spoken to."""
    port, plain = free_port(), free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        def refuses():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = silent.accept()
                    client.recv(8)
                    client.sendall(b"N")
                    heard.append(client.recv(100))
                    client.close()

        heard = []
        threading.Thread(target=refuses, daemon=True).start()
        name = {"roots": f"{certs}/ca.crt", "server_name": "other.shop"}
        podwall = Podwall(binary, folder / "named", [
            {"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "postgres",
             "upstream": f"127.0.0.1:{server.port}", "upstream_tls": name},
            {"listen": f"127.0.0.1:{plain}", "tls": "off", "protocol": "postgres",
             "upstream": f"127.0.0.1:{silent.getsockname()[1]}", "upstream_tls": name},
        ], INBOUND, certs)
        try:
            podwall.wait_ready()
            for to, reason in ((port, "upstream-untrusted"), (plain, "upstream-postgres-plaintext")):
                done = server.psql(to, "SELECT 1", user="app")
                expect(reason, (done.returncode != 0, "cannot be reached" in done.stderr), (True, True))
                podwall.recorded(reason=reason)
            until("it to be left", lambda: heard, 10)
            expect("heard", heard, [b""])
        finally:
            podwall.end()


def negotiated(door):
    """The server is left to say which version it speaks."""
    with socket.create_connection(("127.0.0.1", door.port), 10) as client:
        client.sendall(startup(2, **{"_pq_.something": "on"}))
        expect("answer", client.recv(1), b"v")


def large_objects(door):
    """libpq calls functions by their number for them."""
    for user, works in (("owner", True), ("app", False)):
        done = door.server.run([door.server.bin / "psql", "-X", "-v", "VERBOSITY=verbose", "-c", f"\\lo_import {__file__}"], door.port, user=user)
        expect(f"import by {user}", (done.returncode == 0, "lo_import" in done.stdout), (works, works))
        if not works:
            expect("told", "denied by the database's firewall policy" in done.stderr, True)
            door.podwall.recorded(action="FUNCTION", verdict="deny")
    expect("size", door.server.direct("SELECT sum(length(data)) FROM pg_largeobject"), str(Path(__file__).stat().st_size))


def backup(door, folder):
    """A base backup: commands of replication, and the log by a copy in both directions."""
    target = folder / "backup"
    command = [*door.server.user, door.server.bin / "pg_basebackup", "-D", target, "-X", "stream", "-c", "fast"]
    folder.chmod(0o777)
    done = door.server.run(command, door.port)
    expect("backup", (done.returncode, done.stderr), (0, ""))
    done = run([*door.server.user, door.server.bin / "pg_verifybackup", target])
    expect("verified", "backup successfully verified" in done.stdout, True)


def replication(door):
    with socket.create_connection(("127.0.0.1", door.port), 10) as client:
        client.sendall(startup(replication="database"))
        answer = client.recv(4096)
        expect("answer", (answer[:1], b"42501" in answer), (b"E", True))


def counted(door):
    text = door.podwall.admin("/metrics")[1]
    for kind, outcome in (("SELECT", "granted"), ("DELETE", "denied"), ("UNREADABLE", "denied")):
        line = f'podwall_statements_total{{direction="inbound",kind="{kind}",outcome="{outcome}"}}'
        expect(line, line in text, True)


def stranger(door):
    done = door.psql("SELECT 1", user="stranger")
    expect("refused", (done.returncode != 0, "denied by the database's firewall policy" in done.stderr), (True, True))


def no_postgres(door):
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x08\x00\x02\x00\x00", b"\x7f\xff\xff\xff\x00\x03\x00\x00"):
        with socket.create_connection(("127.0.0.1", door.port), 10) as client:
            client.sendall(said)
            client.settimeout(10)
            answer = b""
            while piece := client.recv(4096):
                answer += piece
            expect(f"{said[:8]}", answer[:1], b"E")


def masked(door):
    secret = "4929 1234 hunter2"
    door.psql(f"SELECT id FROM ledger WHERE entry = '{secret}'")
    door.psql(f"SELECT id FROM orders WHERE item = '{secret}' OR 1=1 --'")
    until("the event", lambda: "ledger where entry" in door.podwall.record.read_text(), 10)
    expect("literals in the record", "hunter2" in door.podwall.record.read_text(), False)


def down(binary, folder, certs):
    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "postgres", "upstream": f"127.0.0.1:{free_port()}"}]
    podwall = Podwall(binary, folder / "down", listeners, INBOUND, certs)
    try:
        podwall.wait_ready()
        done = run(["psql", "-X", f"host=127.0.0.1 port={port} user=app dbname=shop", "-c", "SELECT 1"])
        expect("told", (done.returncode != 0, "cannot be reached" in done.stderr), (True, True))
    finally:
        podwall.end()


if __name__ == "__main__":
    doors.main("databases", check)
