"""What the record says of statements: who, where, on what, with which values (masked), how many rows, how long, what came of it."""

from clients_kit.checks import Failed, expect
from clients_kit.programs import Podwall, free_port, until

SHADOW = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: shadow}
owner: team-tests
trustDomain: cluster.test
mode: shadow
databases:
  - {name: orders only, from: 127.0.0.1, user: app, tables: {orders: [SELECT, INSERT]}}
"""


def counted(podwall, application):
    """The sums of all lines on statements of an application, by their text."""
    sums = {}
    for line in podwall.lines():
        if line["line"] == "statement" and line.get("application") == application:
            known = sums.setdefault(line["original"], {**line, "times": 0, "failed": 0, "rows": 0, "seconds": 0})
            for field in ("times", "failed", "rows", "seconds"):
                known[field] += line[field]
    return sums


def statements(door):
    """Every statement that ran is counted, with its rows, failures and time; the simple and the extended way."""
    import psycopg

    application, text = f"told-{door.name}", "select id from orders where amount > ? limit ?"
    door.empty()
    door.server.direct("INSERT INTO orders (item, amount) SELECT n::text, n FROM generate_series(1, 9) AS n")
    with door.psycopg(autocommit=True, application_name=application) as session:
        for limit in (2, 3):
            session.execute(f"SELECT id FROM orders WHERE amount > 0 LIMIT {limit}")
        for prepare in (False, True):
            session.execute("UPDATE orders SET item = 'x' WHERE amount > %s", (4,), prepare=prepare)
        for wrong in ("SELECT id / 0 FROM orders", "SELECT id FROM ledger"):
            try:
                session.execute(wrong)
            except psycopg.Error:
                continue
            raise Failed(f"{wrong} did not fail")
    done = "update orders set item = ? where amount > $1"
    sums = until("the lines", lambda: (seen := counted(door.podwall, application)) and done in seen and text in seen and seen, 10)
    select, update = sums[text], sums[done]
    expect("select", (select["times"], select["rows"], select["failed"], select["asks"]), (2, 5, 0, ["SELECT orders"]))
    expect("update", (update["times"], update["rows"], update["failed"], update["asks"]), (2, 10, 0, ["UPDATE orders"]))
    failed = sums["select id / ? from orders"]
    expect("failed", (failed["times"], failed["failed"], failed["rows"]), (1, 1, 0))
    expect("whose", (select["user"], select["database"], select["rule"], select["verdict"]),
           ("app", "shop", "the shop's own queries", "allow"))
    expect("took", 0 < select["longest"] <= select["seconds"] < 20, True)
    expect("what was denied has not run", [text for text in sums if "ledger" in text], [])
    door.empty()


def values(door):
    """Literals are masked, the same value always alike, and what they stand in is told."""
    events = []
    for value in ("4929 hunter2", "4929 hunter2", "other hunter2"):
        before = len(door.podwall.lines())
        done = door.psql(f"SELECT id FROM ledger WHERE entry = '{value}' AND id = 7")
        expect("denied", "42501" in done.stderr, True)
        fresh = until("its event", lambda: [line for line in door.podwall.lines()[before:] if line.get("reason") == "policy-no-rule"], 10)
        events.append(fresh[-1]["sql"])
    first, again, other = events
    expect("masks", (len(first["values"]), first["values"] == again["values"]), (2, True))
    expect("another value", (first["values"][0] != other["values"][0], first["values"][1]), (True, other["values"][1]))
    expect("what", (first["user"], first["database"], first["application"], first["asks"]), ("app", "shop", "psql", ["SELECT ledger"]))
    expect("what did not run", [field for field in ("rows", "seconds", "ended") if field in first], [])
    expect("fingerprints", first["fingerprint"], other["fingerprint"])
    expect("literals", "hunter2" in door.podwall.record.read_text(), False)


def shadow(binary, folder, certs, server):
    """What shadow mode lets pass is told with what became of it."""
    import psycopg

    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "postgres", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary, folder / "shadow", listeners, SHADOW, certs)
    server.direct("INSERT INTO orders (item) VALUES ('a'), ('b')")
    try:
        podwall.wait_ready()
        from clients_kit.postgres import PASSWORD

        address = {"host": "127.0.0.1", "port": port, "user": "app", "password": PASSWORD, "dbname": "shop"}
        with psycopg.connect(**address, autocommit=True) as session:
            session.execute("UPDATE orders SET amount = 3 WHERE item IN ('a', 'b')")
            for _ in range(3):
                session.execute("DELETE FROM orders WHERE item = %s", ("a",), prepare=True)
            try:
                session.execute("SELECT nothing FROM customers")
            except psycopg.errors.UndefinedColumn:
                pass
        told = until("three events", lambda: (seen := [line["sql"] for line in podwall.lines() if "sql" in line]) and len(seen) >= 3 and seen, 10)
        by_asks = {sql["asks"][0]: sql for sql in told}
        ended = {asks: (sql["ended"], sql["rows"]) for asks, sql in by_asks.items()}
        expect("ended", ended, {"UPDATE orders": ("completed", 2), "DELETE orders": ("completed", 1), "SELECT customers": ("42703", 0)})
        expect("took", all(0 < sql["seconds"] < 20 for sql in told), True)
        expect("values", len(by_asks["UPDATE orders"]["values"]), 3)
        expect("bound values", [value.startswith("[masked:") for value in by_asks["DELETE orders"]["values"]], [True])
    finally:
        podwall.end()
        server.direct("DELETE FROM orders")
