"""LOCAL INFILE: files of clients, where that is granted; and servers that ask for files out of the blue."""

import contextlib

import pymysql
from clients_kit.checks import Failed, expect
from clients_kit.mariadb import PASSWORD
from clients_kit.programs import Podwall, free_port

from .rogue import SILENCE, Rogue

LINES = 200_000
LOAD = "LOAD DATA LOCAL INFILE '{}' INTO TABLE loaded (id, text)"
SECRET = "a secret of the client's\n"


def rule(kinds):
    return f"""
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {{name: files}}
owner: team-tests
trustDomain: cluster.test
databases:
  - {{name: loads, from: 127.0.0.1, protocol: mysql, user: app, database: shop, tables: {{loaded: [{kinds}]}}}}
"""


def fails(code, do):
    try:
        do()
    except pymysql.MySQLError as error:
        expect("error", (error.args[0], error.args[0] != 1142 or "event " in error.args[1]), (code, True))
    else:
        raise Failed(f"no error {code}")


class Way:
    """A sidecar of its own before a server, with one rule."""

    def __init__(self, binary, folder, name, certs, port, kinds):
        self.port = free_port()
        listeners = [{"listen": f"127.0.0.1:{self.port}", "tls": "off", "protocol": "mysql", "upstream": f"127.0.0.1:{port}"}]
        self.podwall = Podwall(binary, folder / name, listeners, rule(kinds), certs)

    def __enter__(self):
        self.podwall.wait_ready()
        return self

    def __exit__(self, *_):
        self.podwall.end()

    @contextlib.contextmanager
    def cursor(self, **options):
        address = {"host": "127.0.0.1", "port": self.port, "user": "app", "password": PASSWORD, "database": "shop"}
        with pymysql.connect(**address, autocommit=True, read_timeout=20, local_infile=True, **options) as session, session.cursor() as cursor:
            yield cursor


def granted(binary, folder, certs, server):
    """Where COPY on the table is granted, and nowhere else; from small files and large ones, by two clients."""
    server.direct("CREATE TABLE loaded (id int PRIMARY KEY, text text); CREATE TABLE unloaded (id int, text text)")
    data = folder / "data.tsv"
    data.write_text("".join(f"{n}\tline {n} of the file\n" for n in range(LINES)))
    empty = folder / "empty.tsv"
    empty.write_text("")
    with Way(binary, folder, "loads", certs, server.port, "SELECT, INSERT, COPY") as way:
        count = ("SELECT COUNT(*), SUM(id), MAX(LENGTH(text)) FROM loaded")
        whole = f"{LINES}\t{LINES * (LINES - 1) // 2}\t{len(f'line {LINES - 1} of the file')}"
        with way.cursor(client_flag=65536) as cursor:
            expect("rows", cursor.execute(LOAD.format(data)), LINES)
            expect("in the table", server.direct(count), whole)
            expect("an empty file", cursor.execute(LOAD.format(empty)), 0)
            expect("again, what is there stays", cursor.execute(LOAD.format(data)), 0)
            cursor.execute("SELECT 1")
            expect("goes on", cursor.fetchone(), (1,))
            fails(1017, lambda: cursor.execute(LOAD.format("/no/such/file")))
        with way.cursor(client_flag=65536) as cursor:
            several = "; ".join([LOAD.format(empty), "SELECT 1", LOAD.format(empty).replace("(id, text)", "(id)")])
            cursor.execute(several)
            results = 1
            while cursor.nextset():
                results += 1
            expect("results", results, 3)
            for text in (LOAD.format(data).replace("loaded", "unloaded"), LOAD.format(data).replace("INTO TABLE", "REPLACE INTO TABLE"),
                         LOAD.format(data).replace("LOCAL ", ""), LOAD.format(str(data).replace("/", "\\\\/"))):
                fails(1142, lambda: cursor.execute(text))
        server.direct("DELETE FROM loaded")
        done = server.client(way.port, LOAD.format(data) + ";", more=["--local-infile=1"])
        expect("the client", (done.returncode, done.stderr, server.direct(count)), (0, "", whole))
    with Way(binary, folder, "loads-not", certs, server.port, "SELECT, INSERT") as way, way.cursor() as cursor:
        fails(1142, lambda: cursor.execute(LOAD.format(data)))
        # What is not offered is not taken: the server is told of a client that sends no files.
    server.direct("DROP TABLE loaded; DROP TABLE unloaded")
    return f"{data.stat().st_size} bytes"


def out_of_the_blue(binary, folder, certs):
    """The client is asked for a file that it has not named: it hears nothing of it, the session ends, and it is recorded."""
    secret = folder / "secret"
    secret.write_text(SECRET)
    asks = b"\xfb" + str(secret).encode()
    stories = {
        "a query": ({b"\x03SELECT": asks}, "SELECT 1"),
        "another file": ({b"\x03LOAD": asks}, LOAD.format("/dev/null")),
        "a part of its name": ({b"\x03LOAD": asks[:-1]}, LOAD.format(secret)),
        "a name that is too long": ({b"\x03LOAD": asks + b"x" * 5000}, LOAD.format(secret)),
        "again": ({b"\x03LOAD": asks, b"a secret": SILENCE, b"": asks}, LOAD.format(secret)),
    }
    for number, (story, (says, text)) in enumerate(stories.items()):
        rogue = Rogue(says)
        with Way(binary, folder, f"rogue-{number}", certs, rogue.port, "SELECT, INSERT, COPY") as way:
            try:
                with way.cursor() as cursor:
                    fails(1142, lambda: cursor.execute(text))
                way.podwall.recorded(reason="mysql-local-infile")
            except pymysql.InterfaceError:
                pass  # the session is over before the client says goodbye
            finally:
                rogue.end()
        sent = b"".join(rogue.heard).count(SECRET.encode())
        expect(f"{story}: files sent", sent, int(story == "again"))
    in_login = Rogue({}, login=asks)
    with Way(binary, folder, "rogue-login", certs, in_login.port, "SELECT, INSERT, COPY") as way:
        fails(1042, lambda: way.cursor().__enter__())
        way.podwall.recorded(reason="mysql-local-infile")
    in_login.end()
    expect("in the login", [packet for packet in in_login.heard if b"secret" in packet and packet != asks], [])
    return f"{len(stories) + 1} servers"
