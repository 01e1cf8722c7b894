"""What shows only over time, through a sidecar of its own: guessed passwords, a hole that is felt out, one character after the other,
the first stacked text, mass reads. The application's own statements go on meanwhile."""

import contextlib
import time

from clients_kit.checks import Failed, expect
from clients_kit.postgres import PASSWORD
from clients_kit.programs import Podwall, free_port, until

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: observed}
owner: team-tests
trustDomain: cluster.test
databases:
  - {name: all, from: 127.0.0.1, tables: {"*": "*"}}
"""
OWN = "SELECT id FROM orders WHERE amount = 1"


def observers(binary, folder, certs, server):
    import psycopg

    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "postgres", "upstream": f"127.0.0.1:{server.port}"}]
    started = time.monotonic()
    podwall = Podwall(binary, folder / "observed", listeners, ALLOWLIST, certs)
    server.direct("INSERT INTO orders (item) VALUES ('secret')")

    def opened(user="app", password=PASSWORD):
        return psycopg.connect(host="127.0.0.1", port=port, user=user, password=password, dbname="shop", autocommit=True,
                               prepare_threshold=None, sslmode="disable")

    def denied(session, sql, signature):
        """Whether it is denied; for what is in the record."""
        try:
            session.execute(sql)
        except psycopg.errors.InsufficientPrivilege as error:
            line = podwall.recorded(event=error.diag.message_detail.removeprefix("event "))
            found = [evidence["signature"] for evidence in line["evidence"]]
            expect(f"evidence of {line['reason']}", signature in found, True)
            return True
        return False

    def probing():
        with opened() as session:
            session.execute(OWN)
            for number in range(8):
                with contextlib.suppress(psycopg.errors.UndefinedColumn):
                    session.execute(f"SELECT id FROM orders WHERE nothing{number} = 1")
            expect("new", denied(session, "SELECT item FROM orders WHERE id = 3", "sql-failing-variants"), True)
        with opened() as session:
            session.execute(OWN)
        return "8 variants"

    def blind():
        with opened("report") as session:
            for place in range(1, 20):
                piece = f"ascii(substr((SELECT item FROM orders LIMIT 1), {place}, 1))"
                if denied(session, f"SELECT id FROM orders WHERE amount = 1 AND {piece} > 64", "sql-blind-extraction"):
                    expect("pieces", place, 12)
                    return f"{place - 1} pieces"
        raise Failed("19 pieces were told")

    def timed():
        """One bit for each run, by how long it takes."""
        server.direct("CREATE FUNCTION slow(text) RETURNS int LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(0.5)'")
        try:
            with opened("report") as session:
                for place in range(1, 12):
                    letter = "a" if place % 2 else "z"
                    session.execute(f"SELECT id FROM orders WHERE CASE WHEN substr(item, 1, 1) > '{letter}' THEN slow(item) ELSE 0 END = 1")
        finally:
            server.direct("DROP FUNCTION slow")
        line = podwall.recorded(reason="sql-blind-timing")
        expect("told", (line["mode"], "500" in line["detail"] or "400" in line["detail"]), ("shadow", True))
        return "by time"

    def stacked():
        two = "UPDATE orders SET amount = 1 WHERE id = 1; UPDATE orders SET amount = 1 WHERE id = 2"
        with opened("owner") as session:
            for number in range(200):
                session.execute(f"SELECT id AS a{number} FROM orders")
            session.execute("BEGIN; UPDATE orders SET amount = 1 WHERE id = 1; COMMIT")
            expect("stacked", denied(session, two, "sql-first-stacked"), True)

    def reads():
        """Four windows with a few rows, then very many, within one: they are ten seconds long, from the sidecar's start on."""
        with opened("owner") as session:
            end = time.monotonic() + 41
            inside = lambda: 2 < (time.monotonic() - started) % 10 < 5
            until("a known kind of session", lambda: session.execute(OWN) and time.monotonic() > end and inside(), 120)
            session.execute("SELECT n FROM generate_series(1, 60000) AS n").fetchall()
        line = podwall.recorded(reason="sql-mass-read")
        expect("told", (line["mode"], int(line["detail"].split()[0]) >= 60000), ("shadow", True))
        return line["detail"]

    def guessing():
        for number in range(10):
            with contextlib.suppress(psycopg.OperationalError):
                opened(password=f"guess {number}").close()
        try:
            opened().close()
        except psycopg.OperationalError as error:
            expect("told", "denied by the database's firewall policy" in str(error), True)
        else:
            raise Failed("the next one got in")
        line = podwall.recorded(action="CONNECT")
        expect("evidence", [evidence["signature"] for evidence in line["evidence"]], ["sql-password-guessing"])

    try:
        podwall.wait_ready()
        return "; ".join(filter(None, (probing(), timed(), blind(), stacked(), reads(), guessing())))
    finally:
        podwall.end()
        server.direct("DELETE FROM orders")
