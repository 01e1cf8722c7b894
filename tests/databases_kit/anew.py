"""What is judged anew: prepared statements after the policy has changed; and every way to prove oneself that a server may ask for."""

import contextlib

from clients_kit.checks import Failed, expect
from clients_kit.postgres import PASSWORD
from clients_kit.programs import Podwall, free_port, until

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: anew}
owner: team-tests
trustDomain: cluster.test
databases:
  - {name: orders, from: 127.0.0.1, user: owner, tables: {orders: [SELECT, DDL]}}
"""
# What `a` was prepared with runs `b`, and the other way round.
EACH_OTHER = ("PREPARE a AS SELECT 1", "BEGIN; PREPARE b AS SELECT 2; EXECUTE a; COMMIT", "DEALLOCATE a",
              "BEGIN; PREPARE a AS SELECT 3; EXECUTE b; COMMIT")


def reloaded(binary, folder, certs, server):
    """What was prepared by the protocol and by SQL, and what runs it in other words."""
    import psycopg

    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "postgres", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary, folder / "anew", listeners, ALLOWLIST, certs)
    ways = ("EXECUTE p", "CREATE TABLE made AS EXECUTE p", "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM orders")
    try:
        podwall.wait_ready()
        with psycopg.connect(host="127.0.0.1", port=port, user="owner", password=PASSWORD, dbname="shop", autocommit=True,
                             sslmode="disable") as session:
            def outcome(sql, values=None, prepare=None):
                try:
                    session.execute(sql, values, prepare=prepare)
                    return "ran"
                except psycopg.errors.InsufficientPrivilege:
                    return "denied"

            prepared = lambda: outcome("SELECT id FROM orders WHERE id = %s", (1,), True)
            expect("before", [outcome("PREPARE p AS SELECT id FROM orders"), prepared(), prepared(), outcome(ways[0])], ["ran"] * 4)
            expect("made", [outcome(sql) for sql in EACH_OTHER], ["ran"] * 4)
            (folder / "anew" / "allowlist.yaml").write_text(ALLOWLIST.replace("orders: [SELECT, DDL]", "made: DDL, customers: SELECT"))
            until("the policy has changed", lambda: outcome("SELECT name FROM customers WHERE id = 1") == "ran", 20)
            expect("after", [prepared(), *map(outcome, ways)], ["denied"] * 4)
            expect("texts that run each other", outcome("EXECUTE a"), "ran")
    finally:
        podwall.end()


def authentication(door):
    """In plaintext, as MD5, and none; SCRAM is what all other checks use. Wrong passwords stay wrong."""
    import psycopg

    rules = door.server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    told = []
    try:
        for way in ("password", "md5", "trust"):
            hashed = "md5" if way == "md5" else "scram-sha-256"
            door.server.direct(f"SET password_encryption = '{hashed}'; ALTER ROLE report PASSWORD '{PASSWORD}'")
            rules.write_text("host all report all " + way + "\n" + before)
            door.server.direct("SELECT pg_reload_conf()")

            def asked():
                return door.server.direct(f"SELECT auth_method FROM pg_hba_file_rules WHERE user_name = '{{report}}'") == way

            until(f"{way} is asked for", asked)
            with door.psycopg(user="report", autocommit=True) as session:
                expect(way, session.execute("SELECT count(*) FROM orders").fetchone(), (0,))
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                    session.execute("SELECT entry FROM ledger")
                    raise Failed(f"{way}: not denied")
            if way != "trust":
                with contextlib.suppress(psycopg.OperationalError):
                    door.psycopg(user="report", password="wrong").close()
                    raise Failed(f"{way}: a wrong password went through")
            told.append(way)
    finally:
        rules.write_text(before)
        door.server.direct(f"SET password_encryption = 'scram-sha-256'; ALTER ROLE report PASSWORD '{PASSWORD}'")
        door.server.direct("SELECT pg_reload_conf()")
    return ", ".join(told)
