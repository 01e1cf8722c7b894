"""Proof of injection: an application that pastes what it is sent into statements, a real PostgreSQL, and one sidecar that
sees both sides of it.

    tests/.venv/bin/python tests/correlation.py target/release/podwall [--corpus ROWS.jsonl.gz …]

HTTP inspection is off (an exception for every detector), and the proof is looked for before SQL detection is asked. Fifty users ask at once: attacks on the endpoints that paste,
ordinary and odd values on their twins with parameters and on a query builder's, and one of them sends the application's
own SQL as values. `--corpus` draws further attacks from files of rows (`value`), for measurements.
"""

import argparse
import contextlib
import gzip
import json
import re
import shutil
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clients_kit.checks import Failed, Skipped, Tally, expect, run
from clients_kit.postgres import PASSWORD, Postgres
from clients_kit.programs import Podwall, Program, certificates, free_port, listening, until
from correlation_kit import app, corpus

HERE = Path(__file__).parent
USERS = 50
SECRET = "the-crown-jewels-4711"
SCHEMA = f"""
CREATE TABLE items (id int PRIMARY KEY, name text, data jsonb);
INSERT INTO items SELECT n, 'item ' || n, jsonb_build_object('a', n) FROM generate_series(1, 20) AS n;
CREATE TABLE vault (id int PRIMARY KEY, secret text);
INSERT INTO vault VALUES (1, '{SECRET}');
CREATE ROLE app LOGIN PASSWORD '{PASSWORD}';
GRANT SELECT ON items, vault TO app;
"""
HTTP = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: shop}
owner: team-tests
inbound:
  - {name: all, from: any, methods: any, path: "/{rest...}"}
databases:
  - name: everything
    to: 127.0.0.1
    tables: {"*": "*", "pg_catalog.*": "*", "information_schema.*": "*"}
    statements: ["*"]
    functions: [pg_sleep, pg_read_file, query_to_xml, lo_import, dblink]
    settings: [any, search_path]
    unbounded: true
exceptions:
  - name: no inspection
    reason: what is denied is denied by proof
    path: "/{rest...}"
    signature: [code, crlf, html, ldap, lookup, nosql, path, peel, shell, signature, sql, template, url, xml, xpath]
"""
CLOSING = ["' OR '1'='1", "' OR 1=1 --", "x' UNION SELECT id, secret FROM vault --", "'; DROP TABLE items --", "' AND pg_sleep(0) IS NULL --",
           "' OR name LIKE '%", "'||(SELECT secret FROM vault)||'", "%' UNION SELECT id, secret FROM vault WHERE secret LIKE '%", "' OR''='", "'--"]
NUMERIC = ["1 OR 1=1", "1 UNION SELECT id, secret FROM vault", "1; DROP TABLE items", "(SELECT 1)", "1 AND 1=1", "1+1+1", "1--x", "1/**/OR/**/1=1",
           "CASE WHEN 1=1 THEN 1 ELSE 2 END", "ascii(substr((SELECT secret FROM vault),1,1))"]
ATTACKS = {
    "/literal": CLOSING,
    "/like": CLOSING,
    "/json": ["a}', secret FROM vault --", "a}' FROM items UNION SELECT id, secret FROM vault --", "a}' || (SELECT secret FROM vault) || '{b"],
    "/number": NUMERIC,
    "/in": [*NUMERIC, "1) OR (1=1", "1) UNION SELECT id, secret FROM vault WHERE (id=1"],
    "/order": ["(SELECT secret FROM vault)", "CASE WHEN (SELECT 1)=1 THEN id ELSE -id END", "name LIMIT 1", "name; DROP TABLE items", "name -- x",
               "id, (SELECT 1)", "name UNION SELECT 1"],
}
ORDINARY = {
    "/literal": ["item 1", "Zoë", "a or b", "SELECT committee", "1=1", "x--y", "select * from items"],
    "/like": ["item", "1 or 2", "50% off (today)", "drop table"],
    "/json": ["a", "a,b", "order by"],
    "/number": ["1", "-1", "17", "1.5", "'1'"],
    "/in": ["1", "1,2,3", "1, 2", "'1','2'", "-1,2"],
    "/order": ["name", "id desc", "name ASC, id DESC", "items.name", "name DESC NULLS LAST", "1, 2"],
    "/b/sort": ["name", "id desc", "name asc, id desc", "items.id DESC NULLS FIRST"],
    "/b/columns": ["id", "id,name", "items.id, items.name, data", "*", "items.*"],
    "/b/filter": ["name:eq:item 1", "name:like:%1%", "name:gt:O'Brien", "name:eq:' OR 1=1 --"],
}
# Values of corpora; each is asked in ten ways.
MOST_VALUES = 1500
ODD = ["O'Brien", "it's; really", "a -- b", "/* a */", "SELECT * FROM items WHERE id = 1", "' OR '1'='1", "name = 'x' OR 1=1", "(a)", "1, 2"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--corpus", type=Path, nargs="*", default=[])
    parser.add_argument("--no-sqlmap", action="store_true")
    arguments = parser.parse_args()
    tally = Tally()
    with contextlib.ExitStack() as made:
        folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="podwall-correlation-")))
        world = World(arguments.binary.resolve(), folder, made)
        tally.check("one application, both sides seen", world.begin)
        tally.check("ordinary values before anything is known", world.ordinary)
        tally.check("attacks", world.attacks)
        tally.check("everything at once", world.at_once)
        tally.check("events link both sides", world.linked)
        tally.check("values are forgotten with their requests", world.forgotten)
        if arguments.corpus:
            tally.check("attacks of others", world.corpus, arguments.corpus)
        if not arguments.no_sqlmap:
            tally.check("sqlmap", world.sqlmap)
        tally.check("the vault was never told", world.kept)
    tally.finish()


class World:
    def __init__(self, binary, folder, made):
        self.binary, self.folder, self.made = binary, folder, made
        self.lock, self.told = threading.Lock(), []

    def begin(self):
        certs = certificates(self.binary, self.folder / "certificates")
        self.server = Postgres(self.folder / "postgres")
        self.made.callback(self.server.end)
        self.server.direct("CREATE DATABASE shop", "postgres")
        expect("schema", self.server.direct(SCHEMA) is not None, True)
        application, inbound, outbound = free_port(), free_port(), free_port()
        self.podwall = Podwall(self.binary, self.folder / "sidecar", [
            {"listen": f"127.0.0.1:{inbound}", "tls": "off", "upstream": f"127.0.0.1:{application}"},
            {"listen": f"127.0.0.1:{outbound}", "direction": "outbound", "protocol": "postgres",
             "upstream": f"127.0.0.1:{self.server.port}"},
        ], HTTP, certs)
        self.made.callback(self.podwall.end)
        self.podwall.wait_ready()
        program = Program([sys.executable, HERE / "correlation_kit/app.py", str(application), str(outbound), PASSWORD], self.folder / "app.log")
        self.made.callback(program.end)
        until("the application listens", listening(application))
        self.url = f"http://127.0.0.1:{inbound}"

    def ask(self, path, value):
        """Status and text of an answer."""
        url = f"{self.url}{path}?{urllib.parse.urlencode({'v': value})}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        with self.lock:
            self.told.append(text)
        return status, text

    def denied(self, path, value):
        return "denied by the database's firewall policy" in self.ask(path, value)[1]

    def ordinary(self):
        wrong = [(path, value) for path, values in ORDINARY.items() for value in values if self.denied(path, value)]
        wrong += [(path, value) for path in app.TWINS for value in ODD if self.denied(path, value)]
        expect("denied", wrong, [])
        return f"{sum(map(len, ORDINARY.values())) + len(app.TWINS) * len(ODD)} values"

    def attacks(self):
        missed = [(path, value) for path, values in ATTACKS.items() for value in values if not self.denied(path, value)]
        expect("missed", missed, [])
        return f"{sum(map(len, ATTACKS.values()))} attacks, all denied"

    def at_once(self):
        """Fifty users; the first sends the application's own SQL as values, some attack, the others ask for what is theirs."""
        own = [sql.format(v="item 1", name="name", operator="=") for sql in [*app.PASTED.values(), *app.BUILT.values()]] + list(app.TWINS.values())
        counts, wrong = {"attacks": 0, "ordinary": 0, "own SQL": 0}, []

        def user(number):
            for turn in range(12):
                if number == 0:
                    sort, jobs = "own SQL", [(path, sql, False) for path in app.TWINS for sql in own]
                elif number < 15:
                    pairs = [(path, value) for path, values in ATTACKS.items() for value in values]
                    sort, jobs = "attacks", [(*pairs[(number * 17 + turn * 5 + more) % len(pairs)], True) for more in range(4)]
                else:
                    pairs = [(path, value) for path, values in ORDINARY.items() for value in values]
                    pairs += [(path, value) for path in app.TWINS for value in ODD]
                    sort, jobs = "ordinary", [(*pairs[(number * 13 + turn * 7 + more) % len(pairs)], False) for more in range(4)]
                for path, value, attack in jobs[turn % 3 :: 3] if number == 0 else jobs:
                    if self.denied(path, value) != attack:
                        wrong.append((path, value))
                    with self.lock:
                        counts[sort] += 1

        with ThreadPoolExecutor(USERS) as pool:
            list(pool.map(user, range(USERS)))
        expect("wrong", wrong, [])
        return ", ".join(f"{count} {sort}" for sort, count in counts.items()) + f" by {USERS} users; none wrong"

    def linked(self):
        status, text = self.ask("/literal", "linked' OR 'a'='a")
        event = re.search(r"event (\S+)", text)
        expect("event", (status, event is not None), (500, True))
        line = self.podwall.recorded(event=event[1])
        expect("reason", line["reason"], "sql-injection-proved")
        for part in ("closes a quote", "query-value v of GET http://", "caller 127.0.0.1"):
            if part not in line["detail"]:
                raise Failed(f"{part} is not in {line['detail']}")
        expect("sql", (line["sql"]["user"], line["sql"]["asks"]), ("app", ["SELECT items"]))

    def forgotten(self):
        """What was sent before is no evidence: the value stands in a statement that no request is in flight for."""
        attack = "forgotten' OR 'b'='b"
        expect("in flight", self.denied("/literal", attack), True)
        import psycopg

        port = next(listener for listener in json.loads(re.search(r"listeners: (.*)", (self.folder / "sidecar/podwall.yaml").read_text())[1])
                    if listener.get("direction") == "outbound")["listen"].rsplit(":", 1)[1]
        with psycopg.connect(host="127.0.0.1", port=port, user="app", password=PASSWORD, dbname="shop") as session:
            session.execute(f"SELECT id, name FROM items WHERE name = '{attack}'")

    def corpus(self, files):
        """Every value that changes a statement which the server would run is caught; none where it is a parameter."""
        address = {"host": "127.0.0.1", "port": self.server.port, "user": "app", "password": PASSWORD, "dbname": "shop"}
        all_values = corpus.values(files)[:MOST_VALUES]
        told, missed = [], []
        with ThreadPoolExecutor(8) as pool:
            for path in ("/literal", "/like", "/json", "/number", "/in", "/order"):
                changing = [value for value in all_values if corpus.changes(path, value)]
                caught = list(pool.map(lambda value: self.denied(path, value), changing))
                run = list(pool.map(lambda value: corpus.runs(address, path, value), changing))
                missed += [(path, value) for value, was, would in zip(changing, caught, run) if would and not was]
                told.append(f"{path} {sum(caught)} of {len(changing)}, of {sum(run)} that run {sum(map(all, zip(caught, run)))}")
            for path in ("/p/literal", "/p/like", "/p/json", "/p/order"):
                blocked = sum(pool.map(lambda value: self.denied(path, value), all_values))
                told.append(f"{path} {blocked} blocked of {len(all_values)}")
                expect(f"blocked on {path}", blocked, 0)
        print("  " + "; ".join(told))
        expect("missed", missed, [])
        return "; ".join(told)

    def sqlmap(self):
        if shutil.which("sqlmap") is None:
            raise Skipped("no sqlmap")
        done = run(["timeout", "-k", "5", "60", "sqlmap", "-u", f"{self.url}/literal?v=kettle*", "--batch", "--level", "2", "--risk", "3", "--dbms",
                    "postgresql", "--technique", "BEUS", "--retries", "0", "--threads", "4", "--skip-waf", "--flush-session", "--disable-coloring",
                    "--output-dir", str(self.folder / "sqlmap"), "--dump", "-D", "public", "-T", "vault"], timeout=90)
        said = done.stdout + done.stderr
        if SECRET in said or "sqlmap identified the following injection point" in said:
            raise Failed(f"an injection went through: {said[-1500:]}")
        return f"{len(self.podwall.lines())} lines of record"

    def kept(self):
        expect("told", [text for text in self.told if SECRET in text], [])


if __name__ == "__main__":
    main()
