"""What was judged before is not judged anew, and yet nothing that changes its meaning is forgotten: databases, modes, the policy."""

import pymysql
from clients_kit.checks import expect
from clients_kit.mariadb import PASSWORD
from clients_kit.programs import Podwall, free_port, until

RULES = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: warm}
owner: team-tests
trustDomain: cluster.test
databases:
  - {name: shop, from: 127.0.0.1, protocol: mysql, user: owner, database: shop, tables: {orders: SELECT}, settings: [sql_mode]}
  - {name: other, from: 127.0.0.1, protocol: mysql, user: owner, database: other, tables: {ledger: SELECT}, settings: [sql_mode]}
"""


def as_cold(binary, folder, certs, server):
    """One statement, again and again with other values, while what it means changes under it."""
    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "mysql", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary, folder / "warm", listeners, RULES, certs)

    def connect(database="shop"):
        return pymysql.connect(host="127.0.0.1", port=port, user="owner", password=PASSWORD, database=database, autocommit=True)

    numbers = iter(range(1000, 10_000))

    def verdict(session, template="SELECT id FROM orders WHERE id = {}"):
        try:
            with session.cursor() as cursor:
                cursor.execute(template.format(next(numbers)))
        except pymysql.MySQLError as error:
            return error.args[0]
        return "granted"

    try:
        podwall.wait_ready()
        session = connect()
        for _ in range(3):
            expect("in shop", verdict(session), "granted")
        for use in (lambda: session.query("USE other"), lambda: session.select_db("other")):
            use()
            expect("in other", [verdict(session), verdict(session)], [1142, 1142])
            session.query("USE shop")
            expect("in shop again", [verdict(session), verdict(session)], ["granted", "granted"])
        expect("in other from the start", verdict(connect("other")), 1142)
        quoted = "SELECT id FROM orders WHERE item = 'x' AND id = {}"
        expect("a value", [verdict(session, quoted), verdict(session, quoted.replace("'x'", "'y'"))], ["granted"] * 2)
        # What the value says counts where it says something.
        for said in ("'item'", "'x' OR 1=1 -- '", "'x' OR 'a'='a'", "id"):
            told = verdict(session, quoted.replace("'x'", said)), verdict(connect(), quoted.replace("'x'", said))
            expect(f"warm and cold: {said}", told[0], told[1])
        session.query("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")
        expect("strings end elsewhere", verdict(session, "SELECT id FROM orders WHERE item = 'x\\' UNION SELECT id FROM ledger WHERE id = {} -- '"), 1142)
        expect("still in shop", verdict(session), "granted")
        (folder / "warm" / "allowlist.yaml").write_text(RULES.replace("orders: SELECT", "customers: SELECT"))
        until("the policy has changed", lambda: verdict(session) == 1142, 20)
        expect("under another policy", verdict(session), 1142)
    finally:
        podwall.end()
