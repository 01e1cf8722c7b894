"""MariaDB's own programs, PyMySQL and mysql2, through the front door of a real sidecar, to a real server.

    tests/.venv/bin/python tests/mysql.py target/release/podwall

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed. Everything is on
loopback. No server of MySQL is in Debian: what is shown here is shown of MariaDB.
"""

import contextlib
import json
import re
import shutil
import socket
import struct
from pathlib import Path

from clients_kit import doors
from clients_kit.checks import Failed, Skipped, expect, run
from clients_kit.mariadb import PASSWORD, MariaDB
from clients_kit.programs import certificates
from mysql_kit import anew, binary, catalogues, files, live, lost, redirected, tls, values, warm

try:
    import pymysql
except ImportError:
    pymysql = None

HERE = Path(__file__).parent
SCHEMA = f"""
CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, item text NOT NULL, amount int NOT NULL DEFAULT 1);
CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, name text, password_hash text);
CREATE TABLE ledger (id int AUTO_INCREMENT PRIMARY KEY, entry text);
INSERT INTO customers (name, password_hash) VALUES ('Ann', 'h1'), ('Bob', 'h2');
CREATE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END;
CREATE USER app@'%' IDENTIFIED BY '{PASSWORD}', report@'%' IDENTIFIED BY '{PASSWORD}', owner@'%' IDENTIFIED BY '{PASSWORD}',
    stranger@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO app@'%', report@'%', owner@'%', stranger@'%';
"""
ALLOWLIST = (HERE / "data/mysql/allowlist.yaml").read_text()
INBOUND = ALLOWLIST.replace("SIDES", "from: [shop/frontend, 127.0.0.1]")
OUTBOUND = ALLOWLIST.replace("SIDES", "to: 127.0.0.1")

DENIED = [
    ("table", "SELECT * FROM ledger"),
    ("definition", "DROP TABLE orders"),
    ("column", "SELECT password_hash FROM customers"),
    ("column in a condition", "SELECT name FROM customers WHERE password_hash LIKE 'h%'"),
    ("every column", "SELECT * FROM customers"),
    ("quoted column", "SELECT `Password_Hash` FROM customers"),
    ("kind", "UPDATE customers SET name = 'x' WHERE id = 1"),
    ("without where", "DELETE FROM orders"),
    ("joined update", "UPDATE orders JOIN customers ON orders.id = customers.id SET customers.name = 'x' WHERE 1"),
    ("another database", "SELECT id FROM other.orders"),
    ("catalogue", "SELECT user FROM mysql.user"),
    ("file", "SELECT LOAD_FILE('/etc/passwd')"),
    ("outfile", "SELECT id FROM orders INTO OUTFILE '/tmp/podwall-never'"),
    ("infile", "LOAD DATA INFILE '/etc/passwd' INTO TABLE orders (item)"),
    ("sleep", "SELECT SLEEP(0)"),
    ("sleep in do", "DO SLEEP(0)"),
    ("executable comment", "SELECT 1 /*!40101 , password_hash FROM customers */"),
    ("comment of MariaDB", "SELECT 1 /*M!100100 , password_hash FROM customers */"),
    ("prepare", "PREPARE s FROM 'SELECT * FROM ledger'"),
    ("immediate", "EXECUTE IMMEDIATE 'DROP TABLE orders'"),
    ("account", "CREATE USER x IDENTIFIED BY 'y'"),
    ("global", "SET GLOBAL general_log = 0"),
    ("charset", "SET NAMES gbk"),
    ("mode", "SET sql_mode = 'ORACLE'"),
    ("mode of one statement", "SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR SELECT 1"),
    ("kill", "KILL 1"),
    ("unreadable", "SELEC 1"),
    ("injection", "SELECT id FROM orders WHERE item = 'x' OR 1=1 -- ' AND amount = 1"),
    ("handler", "HANDLER ledger OPEN"),
]


class Door:
    """One way in to the database."""

    def __init__(self, name, port, server, podwall):
        self.name, self.port, self.server, self.podwall = name, port, server, podwall

    def client(self, sql, **options):
        return self.server.client(self.port, sql, **options)

    def pymysql(self, **options):
        if pymysql is None:
            raise Skipped("no PyMySQL")
        address = {"host": "127.0.0.1", "port": self.port, "user": "app", "password": PASSWORD, "database": "shop"}
        return pymysql.connect(**{**address, "connect_timeout": 10, "read_timeout": 20, **options})

    def empty(self):
        self.server.direct("DELETE FROM orders")

    def orders(self):
        """The table as it is, seen without the sidecar."""
        return self.server.direct("SELECT COALESCE(GROUP_CONCAT(item ORDER BY id), '') FROM orders")


def client(door):
    done = door.client("INSERT INTO orders (item) VALUES ('it''s'); SELECT item FROM orders WHERE id > 0 /* all */;", more=["-N"])
    expect("client", (done.returncode, done.stdout.strip(), done.stderr), (0, "it's", ""))
    done = door.client("SHOW TABLES; DESCRIBE orders; USE shop; SELECT DATABASE();", user="owner", more=["-N", "--auto-rehash"])
    expect("owner", (done.returncode, done.stdout.count("orders")), (0, 1))
    door.empty()


def client_denied(door):
    for name, sql in DENIED:
        done = door.client(sql + ";", more=["--skip-reconnect"])
        if done.returncode == 0 or "ERROR 1142 (42000)" not in done.stderr:
            raise Failed(f"{name}: {done.stdout} {done.stderr}")
        event = re.search(r"\(event (\S+)\)", done.stderr)
        if not event:
            raise Failed(f"{name}: no event in {done.stderr}")
        door.podwall.recorded(event=event[1])
    return f"{len(DENIED)} statements"


def executes_comments_as_the_server(door):
    done = door.client("SELECT 1 /*!50701 , password_hash FROM customers */ + /*!40101 1 */ + /*M!999999 x */ 1;", more=["-N"])
    expect("sum", (done.returncode, done.stdout.strip()), (0, "3"))


def pymysql_works(door):
    door.empty()
    with door.pymysql(autocommit=True) as session, session.cursor() as cursor:
        cursor.executemany("INSERT INTO orders (item, amount) VALUES (%s, %s)", [(f"i{n}'\\\"", n) for n in range(50)])
        cursor.execute("SELECT SUM(amount), COUNT(*) FROM orders WHERE amount < %s", (5,))
        expect("sum", [int(value) for value in cursor.fetchone()], [10, 5])
        cursor.execute("SELECT item FROM orders WHERE amount = 7")
        expect("item", cursor.fetchone(), ("i7'\\\"",))
        cursor.execute("UPDATE orders SET amount = 0 WHERE item LIKE 'i1%'")
        cursor.execute("INSERT INTO orders (item) VALUES (%s)", ("Zoë 漢字",))
        cursor.execute("SELECT item FROM orders WHERE id = LAST_INSERT_ID()")
        expect("utf-8", cursor.fetchone(), ("Zoë 漢字",))
        session.ping()
        session.select_db("shop")
        cursor.execute("CALL two()")
        results = [cursor.fetchall()]
        while cursor.nextset():
            results.append(cursor.fetchall())
        expect("results of a procedure", [result for result in results if result], [((1,),), ((2,),)])
    with door.pymysql(client_flag=65536) as session, session.cursor() as cursor:
        cursor.execute("SELECT 1;\nSELECT 2")
        found = [cursor.fetchone()[0]]
        while cursor.nextset():
            found.append((cursor.fetchone() or [None])[0])
        expect("many statements", found, [1, 2])
    door.empty()


def pymysql_denied(door):
    """Each denial leaves both ends agreed: the session goes on, and what was granted is there."""
    door.empty()
    for at in range(3):
        with door.pymysql(autocommit=False) as session, session.cursor() as cursor:
            for step in range(3):
                sql = "DELETE FROM ledger WHERE id = 1" if step == at else f"INSERT INTO orders (item) VALUES ('t{at}{step}')"
                try:
                    cursor.execute(sql)
                except pymysql.MySQLError as error:
                    expect("error", (step, error.args[0], "event " in error.args[1]), (at, 1142, True))
            session.commit()
    expect("kept", door.orders(), "t01,t02,t10,t12,t20,t21")
    with door.pymysql(client_flag=65536) as session, session.cursor() as cursor:
        try:
            cursor.execute("INSERT INTO orders (item) VALUES ('x'); DROP TABLE orders")
        except pymysql.MySQLError as error:
            expect("stacked", error.args[0], 1142)
        else:
            raise Failed("a further statement ran")
    expect("nothing of it", door.orders(), "t01,t02,t10,t12,t20,t21")
    door.empty()


def large(door):
    """Rows, values and results of many sizes, on both sides of 16 MiB."""
    door.server.direct("SET GLOBAL max_allowed_packet = 67108864", "mysql")
    door.server.direct("CREATE TABLE IF NOT EXISTS large (id int PRIMARY KEY, data longtext)")
    with door.pymysql(user="owner", autocommit=True, max_allowed_packet=64 << 20) as session, session.cursor() as cursor:
        for size in (250, 251, 65535, 65536, (1 << 24) - 5, (1 << 24) - 4, 1 << 24, 20 << 20):
            cursor.execute(f"SELECT REPEAT('x', {size}), 1")
            row = cursor.fetchone()
            expect("row", (len(row[0]), row[1]), (size, 1))
        cursor.execute("SELECT seq FROM seq_1_to_20000")
        expect("rows", len(cursor.fetchall()), 20000)
    try:
        with door.pymysql(user="owner", max_allowed_packet=64 << 20) as session, session.cursor() as cursor:
            cursor.execute("SELECT LENGTH('" + "x" * (300 << 10) + "')")
    except pymysql.MySQLError as error:
        return f"a statement of 300 KiB: {error.args[0]}"
    raise Failed("a statement went on that is longer than is inspected")


def rows(door):
    """A statement brings as many rows as its rule allows; with one more the session ends."""
    door.empty()
    door.server.direct("INSERT INTO orders (item) SELECT seq FROM seq_1_to_101")
    with door.pymysql(user="report") as session, session.cursor() as cursor:
        cursor.execute("SELECT id FROM orders LIMIT 100")
        expect("at the ceiling", len(cursor.fetchall()), 100)
    try:
        with door.pymysql(user="report") as session, session.cursor() as cursor:
            cursor.execute("SELECT id FROM orders LIMIT 101")
    except pymysql.MySQLError:
        return door.empty()
    raise Failed("101 rows came")


def mysql2(door):
    if shutil.which("node") is None or not (HERE / "node_modules/mysql2").is_dir():
        raise Skipped("no mysql2")
    done = run(["node", HERE / "mysql_kit/node_mysql2.js", str(door.port), PASSWORD])
    expect("mysql2", (done.returncode, done.stderr), (0, ""))
    told = json.loads(done.stdout)
    expect("told", told, {"text": [{"item": "it's"}], "bound": [{"item": "a", "amount": 7}], "denied": [1142, 1142],
                          "after": [{"n": 2}], "long": 60000, "changed": "shop"})
    door.empty()


def dump(door):
    """A dump through the sidecar is the same as one without it, and can be restored through it."""
    door.server.direct("INSERT INTO ledger (entry) SELECT CONCAT('line ', seq) FROM seq_1_to_1000")

    def dumped(port, database, *more):
        done = door.server.client(port, "", user="owner", database=database, program="mariadb-dump", more=["--skip-dump-date", *more])
        if done.returncode != 0:
            raise Failed(f"mariadb-dump: {done.stderr}")
        return done.stdout

    through = dumped(door.port, "shop")
    expect("dump", through, dumped(door.server.port, "shop"))
    door.server.direct("DROP DATABASE IF EXISTS copy; CREATE DATABASE copy", "mysql")
    done = door.client(through, user="owner", database="copy")
    expect("restore", (done.returncode, done.stderr), (0, ""))
    plain = ("--compact", "--no-create-info")
    expect("restored", dumped(door.server.port, "copy", *plain), dumped(door.server.port, "shop", *plain))
    door.server.direct("DELETE FROM ledger")
    return f"{len(through)} bytes"


def sysbench(door):
    """Transactions of reads and writes, as texts and as prepared statements, several at once."""
    if shutil.which("sysbench") is None:
        raise Skipped("no sysbench")
    told = []
    for script, mode in (("oltp_read_write", "auto"), ("oltp_read_write", "disable"), ("oltp_point_select", "auto")):
        bench = ["sysbench", script, "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={door.port}", "--mysql-user=owner",
                 f"--mysql-password={PASSWORD}", "--mysql-db=shop", f"--db-ps-mode={mode}", "--tables=1", "--table-size=200", "--threads=4",
                 "--events=40", "--time=0"]
        for step in ("prepare", "run", "cleanup"):
            done = run([*bench, step], 120)
            if done.returncode != 0:
                raise Failed(f"{script} {step}: {done.stdout[-300:]} {done.stderr[-300:]}")
            told += re.findall(r"transactions: +(\d+)", done.stdout)
    expect("transactions", told, ["40", "40", "40"])


def statement_log(door):
    """The server has run what was granted, and nothing of what was denied."""
    marks = [f"mark-{door.name}-{n}" for n in range(20)]
    for at, mark in enumerate(marks):
        table = "ledger" if at % 2 else "orders"
        door.client(f"SELECT COUNT(*) FROM {table} WHERE id = 0 AND CONCAT(id, '') = '{mark}';")
    expect("run", door.server.statements(marks),
           [f"SELECT COUNT(*) FROM orders WHERE id = 0 AND CONCAT(id, '') = '{mark}'" for mark in marks[::2]])


def modes(door):
    """Strings end where the session's modes say."""
    with door.pymysql(autocommit=True) as session, session.cursor() as cursor:
        cursor.execute(r"SELECT 'a\'b'")
        expect("escaped", cursor.fetchone(), ("a'b",))
        cursor.execute("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")
        cursor.execute("SELECT 'a\\\\' , 'b'")
        expect("literal", cursor.fetchone(), ("a\\\\", "b"))
        # Read with escapes it would be one string.
        denied(cursor, "SELECT 'a\\' , (SELECT entry FROM ledger) , 'b'")
        cursor.execute("SET SESSION sql_mode = 'ANSI_QUOTES'")
        denied(cursor, 'SELECT "password_hash" FROM customers')
        cursor.execute('SELECT "name" FROM customers WHERE id = 1')
        expect("quoted", cursor.fetchone(), ("Ann",))
        cursor.execute("SET SESSION sql_mode = ''")
        cursor.execute('SELECT "password_hash" FROM customers LIMIT 1')
        expect("string", cursor.fetchone(), ("password_hash",))


def denied(cursor, sql):
    try:
        cursor.execute(sql)
    except pymysql.MySQLError as error:
        expect(sql, error.args[0], 1142)
    else:
        raise Failed(f"ran: {sql}")


def databases_followed(door):
    """Names without a database are those of the database in use, however it came into use."""
    with door.pymysql(autocommit=True) as session, session.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM orders")
        denied(cursor, "USE other")
        try:
            session.select_db("other")
        except pymysql.MySQLError as error:
            expect("select_db", error.args[0], 1044)
        cursor.execute("SELECT DATABASE()")
        expect("database", cursor.fetchone(), ("shop",))
    with door.pymysql(user="owner", autocommit=True) as session, session.cursor() as cursor:
        cursor.execute("USE other")
        cursor.execute("SELECT id FROM orders")
        expect("other", cursor.fetchall(), ((77,),))


def stranger(door):
    try:
        door.pymysql(user="stranger").close()
    except pymysql.MySQLError as error:
        expect("stranger", (error.args[0], "event " in error.args[1]), (1044, True))
    else:
        raise Failed("a user without a rule came in")
    try:
        door.pymysql(password="wrong").close()
    except pymysql.MySQLError as error:
        return expect("wrong password", error.args[0], 1045)
    raise Failed("a wrong password came in")


def local_infile(door):
    """Where it is granted to someone it is offered; who may not is denied."""
    for user, code in (("app", 1142), ("owner", None)):
        with door.pymysql(local_infile=True, user=user, autocommit=True) as session, session.cursor() as cursor:
            try:
                cursor.execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE orders (item)")
                expect(user, code, None)
            except pymysql.MySQLError as error:
                expect(user, error.args[0], code)
    expect("loaded", door.orders(), Path("/etc/hostname").read_text().strip())
    door.empty()


def refused_commands(door):
    """Commands that are not carried are answered with an error, and the session goes on."""
    for number in (0x00, 0x05, 0x06, 0x07, 0x08, 0x0a, 0x0b, 0x0c, 0x0d, 0x0f, 0x10, 0x12, 0x13, 0x14, 0x15, 0x1d, 0x1e, 0x20, 0xfa, 0xfe):
        session = door.pymysql()
        session._next_seq_id = 0
        session.write_packet(bytes([number]) + b"\x01\0\0\0")
        session._next_seq_id = 1
        try:
            session._read_packet()
        except pymysql.MySQLError as error:
            expect(f"command {number:#x}", error.args[0], 1047)
        else:
            raise Failed(f"command {number:#x} went on")
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
            expect("goes on", cursor.fetchone(), (1,))
        session.close()


def no_mysql(door):
    """What is no MySQL is refused, and the server hears nothing of it."""
    for sent in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, struct.pack("<I", 0x01000000), struct.pack("<IIIB23x", 0x01000020, 0x0800, 0, 45)):
        with socket.create_connection(("127.0.0.1", door.port), 20) as wire:
            wire.settimeout(20)
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: wire.recv(4096), b""))
            greeting = int.from_bytes(answer[:3], "little") + 4
            rest = answer[greeting:]
            if rest and rest[4] != 0xff:
                raise Failed(f"{sent[:8]}: {rest[:80]}")


def masked(door):
    """Literals are in no record."""
    door.client("SELECT 'tell-nobody-1' FROM ledger;")
    with contextlib.suppress(pymysql.MySQLError), door.pymysql() as session, session.cursor() as cursor:
        cursor.execute("SELECT id FROM orders WHERE item = 'x' OR 'tell-nobody-2' = 'tell-nobody-2' -- '")
    door.podwall.recorded(reason="policy-no-rule", action="SELECT")
    expect("record", "tell-nobody" in door.podwall.record.read_text(), False)


def counted(door):
    status, text = door.podwall.admin("/metrics")
    found = re.search(r'podwall_statements_total\{[^}]*kind="SELECT"[^}]*\} (\d+)', text)
    if status != 200 or not found:
        raise Failed(f"{status} {[line for line in text.splitlines() if 'statement' in line][:5]}")
    return found[0]


EVERYTHING = (client, client_denied, executes_comments_as_the_server, pymysql_works, pymysql_denied, large, rows, mysql2, sysbench, dump,
              statement_log, modes, databases_followed, catalogues.catalogues, stranger, local_infile, binary.binary, binary.cursors, values.values,
              values.values_of_every_type, values.values_malformed)


def check(tally, binary, folder, programs, only):
    made = {}
    certs = certificates(binary, folder / "certificates")
    tally.check("a server of its own", lambda: made.update(server=MariaDB(folder / "mariadb", certs)))
    if "server" not in made:
        return
    server = made["server"]
    programs.callback(server.end)
    server.direct("CREATE DATABASE shop; CREATE DATABASE other; CREATE TABLE other.orders SELECT 77 AS id", "mysql")
    load(server)
    alone = doors.chosen(tally, only)
    ways = doors.start("mysql", server, (INBOUND, OUTBOUND), certs, binary, folder, programs)
    inbound = ways.inbound
    for name, port, podwall in (("plain", ways.plain, inbound), ("sidecars", ways.outbound, ways.caller), ("tls", ways.tls, inbound)):
        for function in EVERYTHING:
            alone(f"{function.__name__.replace('_', '-')} {name}", function, Door(name, port, server, podwall))
    door = Door("plain", ways.plain, server, inbound)
    for function in (refused_commands, no_mysql, masked, counted):
        alone(function.__name__.replace("_", "-"), function, door)
    alone("values are recorded", values.recorded, binary, folder, certs, server)
    alone("values that are more than values", live.values, binary, folder, certs, server)
    alone("prepared under another policy", anew.reloaded, binary, folder, certs, server)
    alone("warm as cold", warm.as_cold, binary, folder, certs, server)
    alone("files of clients", files.granted, binary, folder, certs, server)
    alone("files out of the blue", files.out_of_the_blue, binary, folder, certs)
    alone("tls that is asked for", tls.asked_for, binary, folder, certs, server)
    alone("tls of a sidecar that is not awaited", tls.sidecar_to_permissive, binary, folder, certs, server)
    alone("tls by the database's name", tls.shown, binary, folder, certs, server)
    alone("tls on one side only", tls.half_in_tls, binary, folder, certs)
    alone("redirected connections", redirected.judged, binary, folder, server)
    alone("packets that are lost", lost.lost, binary, folder, certs, server, INBOUND)


def load(server):
    """The schema, with a procedure of several statements in it."""
    head, procedure, tail = re.split(r"(CREATE PROCEDURE .*END;)", SCHEMA)
    done = run(["mariadb", "--no-defaults", f"--socket={server.socket}", "-uroot", "shop"],
               input=f"{head}\ndelimiter //\n{procedure}//\ndelimiter ;\n{tail}")
    if done.returncode != 0:
        raise Failed(done.stderr)


if __name__ == "__main__":
    doors.main("mysql", check)
