"""What is bound to prepared statements: masked into events as literals are, however it is sent; what breaks its form is refused."""

import json
import struct
from pathlib import Path

import pymysql
from clients_kit.checks import Failed, Skipped, expect, run
from clients_kit.mariadb import PASSWORD
from clients_kit.programs import Podwall, free_port, until

from .binary import Prepared

SHADOW = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: shadow}
owner: team-tests
trustDomain: cluster.test
mode: shadow
databases:
  - {name: orders only, from: 127.0.0.1, protocol: mysql, user: app, tables: {orders: [SELECT, INSERT]}}
"""
DELETE = "DELETE FROM ledger WHERE entry = ? AND id = ? AND entry <> ?"
VALUES = ("hunter2 of the ledger", 7, "2026-01-31 23:59:58")
BOUND = b"\x15" + VALUES[0].encode() + struct.pack("<i", 7) + b"\x07" + struct.pack("<HBBBBB", 2026, 1, 31, 23, 59, 58)
TYPES = b"\x01\xfd\0\x03\0\x0c\0"


def recorded(binary_, folder, certs, server):
    """The same values as literals, bound, bound again without their types, and sent ahead, through PyMySQL and mysql2."""
    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "mysql", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary_, folder / "shadow", listeners, SHADOW, certs)

    def event(send):
        before = len(podwall.lines())
        send()
        fresh = until("its event", lambda: [line["sql"] for line in podwall.lines()[before:] if "sql" in line and "ended" in line["sql"]], 10)
        expect("one event", (len(fresh), fresh[0]["asks"], fresh[0]["ended"]), (1, ["DELETE shop.ledger"], "completed"))
        return fresh[0]["values"]

    try:
        podwall.wait_ready()
        session = pymysql.connect(host="127.0.0.1", port=port, user="app", password=PASSWORD, database="shop", autocommit=True)
        told = {"literals": event(lambda: session.cursor().execute(DELETE.replace("?", "%s"), VALUES))}
        told["bound"] = event(lambda: Prepared(session, DELETE).execute(b"\0" + TYPES + BOUND))
        told["sent ahead"] = event(lambda: ahead(session))
        for client, masks in told.items():
            expect(client, (len(masks), masks), (3, told["literals"]))
        nulls = event(lambda: Prepared(session, DELETE).execute(b"\x05" + TYPES + BOUND[22:26]))
        expect("NULL is no value", nulls, [told["literals"][1]])
        expect("mysql2", event(lambda: node(port)), told["literals"])
        expect("literals", VALUES[0] in podwall.record.read_text(), False)
    finally:
        podwall.end()


def ahead(session):
    delete = Prepared(session, DELETE)
    for piece in (b"hunter2 ", b"of the ledger"):
        delete.send(b"\x18" + struct.pack("<IH", delete.number, 0) + piece)
    delete.execute(b"\0" + TYPES + BOUND[22:])


def node(port):
    if not (Path(__file__).parent.parent / "node_modules/mysql2").is_dir():
        raise Skipped("no mysql2")
    done = run(["node", Path(__file__).parent / "node_values.js", str(port), PASSWORD, DELETE, json.dumps(VALUES)])
    expect("mysql2", (done.returncode, done.stderr), (0, ""))


EVERY_TYPE = [
    (1, b"\xff", "-1"), (2, b"\x39\x30", "12345"), (3, b"\xfe\xff\xff\xff", "-2"), (8, b"\x01\0\0\0\0\0\0\x80", "-9223372036854775807"),
    (4, b"\0\0\xc0\x3f", "1.5"), (5, b"\0\0\0\0\0\0\xf8\xbf", "-1.5"),
    (10, b"\x04\xea\x07\x01\x1f", "2026-01-31"), (12, b"\x07\xea\x07\x01\x1f\x17\x3b\x3b", "2026-01-31 23:59:59"),
    (7, b"\x0b\xea\x07\x01\x1f\x17\x3b\x3b\x01\0\0\0", "2026-01-31 23:59:59.000001"), (11, b"\x08\x01\x01\0\0\0\x02\x03\x04", "-26:03:04"),
    (11, b"\x0c\0\0\0\0\0\x02\x03\x04\x40\xe2\x01\0", "02:03:04.123456"), (0, b"\x041.50", "1.50"), (246, b"\x0212", "12"),
    *((kind, b"\xfc\x03\0abc", "abc") for kind in (15, 247, 248, 249, 250, 251, 252, 253, 254)),
]


# INT24, YEAR, BIT, GEOMETRY, as they are documented.
OF_NO_BYTES = [(9, b"\x07\0\0\0"), (13, b"\xea\x07"), (16, b"\x03abc"), (255, b"\x03abc")]


def values_of_every_type(door):
    """Each is as long as the server takes it to be: the number behind it arrives."""
    door.empty()
    read_otherwise(door.server)
    session = door.pymysql(autocommit=True)
    differs = []
    for kind, value, text in EVERY_TYPE:
        insert = Prepared(session, "INSERT INTO orders (item, amount) VALUES (CONCAT(?), ?)")
        try:
            insert.execute(bytes([0, 1, kind, 0, 3, 0]) + value + struct.pack("<i", 77))
        except pymysql.MySQLError as error:
            differs.append((kind, error.args[0]))
            continue
        found = door.server.direct("SELECT item, amount FROM orders ORDER BY id DESC LIMIT 1").split("\t")
        if found[1] != "77" or float_or(found[0]) != float_or(text):
            differs.append((kind, found))
    expect("types that the server reads otherwise", differs, [])
    session.close()
    door.empty()
    return f"{len(EVERY_TYPE)} values"


def read_otherwise(server):
    """Why some types are refused: the server, without a sidecar, takes their bytes for the next value's."""
    session = pymysql.connect(host="127.0.0.1", port=server.port, user="app", password=PASSWORD, database="shop", autocommit=True)
    for kind, value in OF_NO_BYTES:
        insert = Prepared(session, "INSERT INTO orders (item, amount) VALUES (IFNULL(?, 'nothing'), ?)")
        insert.execute(bytes([0, 1, kind, 0, 3, 0]) + value + struct.pack("<i", 77))
        found = server.direct("SELECT item, amount FROM orders ORDER BY id DESC LIMIT 1").split("\t")
        expect(f"type {kind}", found, ["nothing", str(*struct.unpack("<i", (value + struct.pack("<i", 77))[:4]))])
    session.close()


def float_or(text):
    """The server writes decimals with as many digits as the column has."""
    try:
        return float(text)
    except ValueError:
        return text.removesuffix(".000000")


def values(door):
    """Types are those that were told last; what was sent ahead is forgotten once it was run."""
    door.empty()
    session = door.pymysql(autocommit=True)
    insert = Prepared(session, "INSERT INTO orders (item, amount) VALUES (?, ?)")
    insert.execute(b"\0\x01\xfd\0\x03\0\x03one" + struct.pack("<i", 1))
    insert.execute(b"\0\0\x03two" + struct.pack("<i", 2))
    insert.send(b"\x18" + struct.pack("<IH", insert.number, 0) + b"three")
    insert.execute(b"\0\0" + struct.pack("<i", 3))
    insert.execute(b"\0\0\x04four" + struct.pack("<i", 4))
    expect("orders", door.orders(), "one,two,three,four")
    session.close()
    door.empty()


def values_malformed(door):
    """Nothing of what breaks its form is run, and it is recorded."""
    door.empty()
    good = b"\0\x01\xfd\0\x03\0\x04evil" + struct.pack("<i", 1)
    bad = [good[:cut] for cut in range(len(good))]
    bad += [good + b"x", b"\0\x02" + good[2:], good.replace(b"\xfd", b"\xc8"),
            *(b"\0\x01" + bytes([kind, 0, 3, 0]) + value + struct.pack("<i", 1) for kind, value in OF_NO_BYTES),
            good.replace(b"\x04evil", b"\xfbevil"),
            good.replace(b"\x04evil", b"\xfe" + b"\xff" * 8 + b"evil"), b"\0\0\x04evil" + struct.pack("<i", 1)]
    for payload in bad:
        session = door.pymysql(autocommit=True)
        insert = Prepared(session, "INSERT INTO orders (item, amount) VALUES (?, ?)")
        try:
            insert.execute(payload)
        except pymysql.MySQLError as error:
            expect(repr(payload), (error.args[0], "event " in error.args[1]), (1835, True))
        else:
            raise Failed(f"ran: {payload}")
        session._force_close()
    session = door.pymysql(autocommit=True)
    insert = Prepared(session, "INSERT INTO orders (item, amount) VALUES (?, ?)")
    insert.send(b"\x18" + struct.pack("<IH", insert.number, 2) + b"no such value")
    try:
        insert.execute(good)
    except pymysql.MySQLError as error:
        expect("no such value", error.args[0], 1835)
    else:
        raise Failed("ran with a value that the statement does not have")
    expect("nothing ran", door.orders(), "")
    door.podwall.recorded(reason="mysql-form")
    return f"{len(bad) + 1} executions"
