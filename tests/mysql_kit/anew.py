"""What is judged anew: statements that were prepared under another policy, by their names and by their numbers."""

import pymysql
from clients_kit.checks import Failed, expect
from clients_kit.mariadb import PASSWORD
from clients_kit.programs import Podwall, free_port, until

from .binary import Prepared

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: anew}
owner: team-tests
trustDomain: cluster.test
databases:
  - {name: orders, from: 127.0.0.1, protocol: mysql, user: owner, database: shop, tables: {orders: SELECT}, rows: 2}
  - {name: names, from: 127.0.0.1, protocol: mysql, user: owner, database: shop, statements: [PREPARE]}
"""
CHANGED = ALLOWLIST.replace("orders: SELECT", "customers: SELECT")
MANY = "EXECUTE p; EXECUTE missing; PREPARE p FROM 'SELECT name FROM customers WHERE id = 2'"


def reloaded(binary, folder, certs, server):
    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "mysql", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary, folder / "anew", listeners, ALLOWLIST, certs)
    session = None

    def outcome(sql):
        try:
            with session.cursor() as cursor:
                cursor.execute(sql)
                return "ran"
        except pymysql.MySQLError as error:
            return "denied" if error.args[0] == 1142 and "event " in error.args[1] else error.args[0]

    def by_number():
        try:
            statement.columns(statement.execute(b"\0\x01\x03\0\0\0\0\0").get_all_data()[0])
            return statement.rows(session._read_packet())
        except pymysql.MySQLError as error:
            return "denied" if error.args[0] == 1142 else error.args[0]

    def becomes(allowlist, sign):
        (folder / "anew" / "allowlist.yaml").write_text(allowlist)
        until("the policy has changed", lambda: outcome(sign) == "ran", 20)

    try:
        podwall.wait_ready()
        session = pymysql.connect(host="127.0.0.1", port=port, user="owner", password=PASSWORD, database="shop", autocommit=True,
                                  client_flag=65536)
        statement = Prepared(session, "SELECT id FROM orders WHERE id = ?")
        told = [outcome(sql) for sql in ("PREPARE p FROM 'SELECT id FROM orders WHERE id = 0'", "EXECUTE p", "EXECUTE `P`")]
        expect("before", [*told, by_number()], ["ran"] * 3 + [0])
        expect("unknown", [outcome("EXECUTE nobody"), outcome("PREPARE q FROM @sql")], ["denied"] * 2)
        expect("in the server", server.direct("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'"), "Prepared_stmt_count\t2")

        becomes(CHANGED, "SELECT name FROM customers WHERE id = 1")
        expect("after", [outcome("EXECUTE p"), outcome("EXECUTE P USING @a"), outcome(MANY), by_number()], ["denied"] * 4)
        expect("made anew", [outcome("PREPARE p FROM 'SELECT name FROM customers WHERE id = 1'"), outcome("EXECUTE p")], ["ran"] * 2)
        expect("dropped", [outcome("DEALLOCATE PREPARE p"), outcome("EXECUTE p")], ["ran", "denied"])

        becomes(ALLOWLIST, "SELECT id FROM orders WHERE id = 0")
        expect("as before", by_number(), 0)
        server.direct("INSERT INTO orders (item) SELECT seq FROM seq_1_to_3")
        expect("rows", [outcome(sql) for sql in ("PREPARE r FROM 'SELECT id FROM orders LIMIT 2'", "EXECUTE r",
                                                 "PREPARE r FROM 'SELECT id FROM orders'")], ["ran"] * 3)
        if outcome("EXECUTE r") == "ran":
            raise Failed("three rows came by name where two may")
    finally:
        server.direct("DELETE FROM orders")
        podwall.end()
