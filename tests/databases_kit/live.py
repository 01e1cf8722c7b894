"""Values that are more than values: SQL and paths that granted functions take, written out and bound, warm and cold."""

from clients_kit.checks import expect
from clients_kit.postgres import PASSWORD
from clients_kit.programs import Podwall, free_port

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {{name: live}}
owner: team-tests
trustDomain: cluster.test
exceptions:
  - {{name: files, reason: the reports are read from files, signature: sql-reach, port: {port}}}
databases:
  - name: search
    from: 127.0.0.1
    user: owner
    tables: {{orders: SELECT, customers: SELECT}}
    neverRead: [customers.password_hash]
    functions: [ts_stat, pg_read_file]
"""
GRANTED = "SELECT to_tsvector(item) FROM orders"
WORDS = "SELECT count(*) FROM ts_stat({})"
# What stands in the string, and what the record says of it.
DENIED = [
    ("SELECT to_tsvector(entry) FROM ledger", "policy-no-rule"),
    ("SELECT to_tsvector(password_hash) FROM customers", "policy-no-rule"),
    ("SELECT to_tsvector(item) FROM orders WHERE item = 'x' OR 1=1 --", "attack-detected"),
    ("SELECT count(*) FROM ts_stat('SELECT to_tsvector(entry) FROM ledger')", "policy-no-rule"),
    ("SELEC", "policy-no-rule"),
]


def values(binary, folder, certs, server):
    import psycopg

    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "postgres", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary, folder / "live", listeners, ALLOWLIST.format(port=port), certs)
    server.direct("INSERT INTO orders (item) VALUES ('tea')")

    def outcome(session, sql, values=None, **how):
        """What comes, or why nothing does."""
        try:
            return session.cursor(binary=how.pop("binary", False)).execute(sql, values, **how).fetchone()
        except psycopg.errors.InsufficientPrivilege as error:
            return podwall.recorded(event=error.diag.message_detail.removeprefix("event "))["reason"]

    def quoted(text):
        return "'" + text.replace("'", "''") + "'"

    try:
        podwall.wait_ready()
        with psycopg.connect(host="127.0.0.1", port=port, user="owner", password=PASSWORD, dbname="shop", autocommit=True,
                             sslmode="disable") as session:
            ways = [("written out", lambda text: outcome(session, WORDS.format(quoted(text))))]
            ways += [(f"bound, prepared {prepare}, binary {binary}",
                      lambda text, how={"prepare": prepare, "binary": binary}: outcome(session, WORDS.format("%s::text"), (text,), **how))
                     for prepare in (False, True) for binary in (False, True)]
            for name, way in ways:
                for _ in range(2):
                    expect(f"granted, {name}", way(GRANTED), (1,))
                    expect(f"denied, {name}", [way(text) for text, _ in DENIED], [reason for _, reason in DENIED])
            expect("put together", outcome(session, WORDS.format("'SELECT to_tsvector(item) FROM ' || %s"), ("orders",)), "policy-no-rule")
            expect("given by EXECUTE", outcome(session, "PREPARE p AS " + WORDS.format("$1")), "policy-no-rule")
            padded = [GRANTED + " " * count for count in (4000, 300 << 10)]
            expect("long", [outcome(session, WORDS.format("%s"), (text,)) for text in padded], [(1,), "limit-postgres-value"])
            for path, expected in (("PG_VERSION", ("15\n",)), ("../../../../etc/passwd", "attack-detected")):
                expect(path, outcome(session, f"SELECT pg_read_file('{path}')"), expected)
                expect(f"{path}, bound", outcome(session, "SELECT pg_read_file(%s)", (path,), prepare=True), expected)
            other = "x' OR 1=1 --; SELECT pg_read_file('/etc/passwd')"
            expect("a value that is only one", outcome(session, "SELECT count(*) FROM orders WHERE item = %s", (other,)), (0,))
        expect("values in the record", [text for text in ("tsvector(entry", "etc/passwd") if text in podwall.record.read_text()], [])
    finally:
        podwall.end()
        server.direct("DELETE FROM orders")
    return f"{len(DENIED)} texts, {len(ways)} ways"
