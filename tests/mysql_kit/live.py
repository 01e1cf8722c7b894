"""Values that are more than values: SQL in the strings of PREPARE and EXECUTE IMMEDIATE, and paths, written out, bound and sent ahead."""

import struct

import pymysql
from clients_kit.checks import expect
from clients_kit.mariadb import PASSWORD
from clients_kit.programs import Podwall, free_port

from .binary import Prepared

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {{name: live}}
owner: team-tests
trustDomain: cluster.test
exceptions:
  - {{name: files, reason: the reports are read from files, signature: sql-reach, port: {port}}}
databases:
  - name: reports
    from: 127.0.0.1
    protocol: mysql
    user: owner
    database: shop
    tables: {{orders: SELECT, customers: SELECT}}
    neverRead: [customers.password_hash]
    statements: [PREPARE]
    functions: [load_file]
"""
DENIED = [
    ("EXECUTE IMMEDIATE 'SELECT entry FROM ledger'", "policy-no-rule"),
    ("PREPARE s FROM 'SELECT password_hash FROM customers'", "policy-no-rule"),
    ("EXECUTE IMMEDIATE 'SELECT item FROM orders WHERE id = 1 OR 1=1 -- '", "attack-detected"),
    ("EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE ''SELECT entry FROM ledger'''", "policy-no-rule"),
    ("EXECUTE IMMEDIATE CONCAT('SELECT item', ' FROM orders')", "policy-no-rule"),
    ("PREPARE s FROM @sql", "policy-no-rule"),
    ("PREPARE s FROM 'SELECT LOAD_FILE(?)'", "policy-no-rule"),
    ("EXECUTE IMMEDIATE 'USE other'", "policy-no-rule"),
    ("EXECUTE IMMEDIATE 'SET NAMES gbk'", "mysql-setting"),
    ("SELECT LOAD_FILE('../../../../etc/passwd')", "attack-detected"),
]


def values(binary, folder, certs, server):
    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "mysql", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary, folder / "live", listeners, ALLOWLIST.format(port=port), certs)

    def outcome(act):
        try:
            act()
        except pymysql.MySQLError as error:
            event = error.args[1].split("event ")[-1].rstrip(")")
            return podwall.recorded(event=event)["reason"]
        return "granted"

    def load(path, ahead=()):
        statement = Prepared(session, "SELECT LOAD_FILE(?)")
        for piece in ahead:
            statement.send(b"\x18" + struct.pack("<IH", statement.number, 0) + piece)
        held = b"" if ahead else bytes([len(path)]) + path
        outcomes = outcome(lambda: statement.columns(statement.execute(b"\0\x01\xfd\0" + held).get_all_data()[0]))
        if outcomes == "granted":
            statement.rows(session._read_packet())
        return outcomes

    try:
        podwall.wait_ready()
        session = pymysql.connect(host="127.0.0.1", port=port, user="owner", password=PASSWORD, database="shop", autocommit=True)
        for _ in range(2):
            for sql in ("EXECUTE IMMEDIATE 'SELECT item FROM orders WHERE item = ''x'''", "PREPARE s FROM 'SELECT item FROM orders WHERE id = ?'",
                        "EXECUTE s USING 1", "SELECT LOAD_FILE('/tmp/podwall-nothing')"):
                expect(sql, outcome(lambda sql=sql: session.cursor().execute(sql)), "granted")
            for sql, reason in DENIED:
                expect(sql, outcome(lambda sql=sql: session.cursor().execute(sql)), reason)
        told = [load(b"/tmp/podwall-nothing"), load(b"/etc/passwd"), load(b"", (b"/etc/", b"passwd")), load(b"", (b"x" * 512,))]
        expect("bound", told, ["granted", "attack-detected", "attack-detected", "limit-mysql-value"])
        session.close()
        expect("values in the record", [text for text in ("FROM ledger'", "etc/passwd") if text in podwall.record.read_text()], [])
    finally:
        podwall.end()
    return f"{len(DENIED)} texts"
