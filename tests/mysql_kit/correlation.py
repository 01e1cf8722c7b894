"""Proof of injection on MariaDB: what a request sends and what changes a statement is denied, whatever is granted; with
inspection of HTTP off."""

import sys
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clients_kit.checks import expect
from clients_kit.mariadb import PASSWORD
from clients_kit.programs import Podwall, Program, free_port, listening, until

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: shop}
owner: team-tests
inbound:
  - {name: all, from: any, methods: any, path: "/{rest...}"}
databases:
  - name: everything
    protocol: mysql
    to: 127.0.0.1
    tables: {"*": "*", "mysql.*": "*", "information_schema.*": "*"}
    statements: ["*"]
    functions: [sleep, benchmark, load_file, extractvalue, updatexml]
    settings: [names, sql_mode]
    unbounded: true
exceptions:
  - name: no inspection
    reason: what is denied is denied by proof
    path: "/{rest...}"
    signature: [code, crlf, html, ldap, lookup, nosql, path, peel, shell, signature, sql, template, url, xml, xpath]
"""
CLOSING = ["' OR '1'='1", "' OR 1=1 -- ", "' OR 1=1#", "x' UNION SELECT id, secret FROM vault -- ", "'; DROP TABLE items -- ",
           "' AND SLEEP(0) IS NULL # ", "'||(SELECT secret FROM vault)||'", "' OR''='", "'/*!50000OR*/1=1#", "' XOR '1"]
NUMERIC = ["1 OR 1=1", "1 UNION SELECT id, secret FROM vault", "1; DROP TABLE items", "(SELECT 1)", "1 && 1", "1/**/OR/**/1=1",
           "1 /*!40101 UNION SELECT id, secret FROM vault*/", "IF(1=1,1,2)", "1 RLIKE 1"]
ATTACKS = {
    "/literal": CLOSING,
    "/like": CLOSING,
    "/double": [value.replace("'", '"') for value in CLOSING],
    "/number": NUMERIC,
    "/in": [*NUMERIC, "1) OR (1=1", "1) UNION SELECT id, secret FROM vault WHERE (id=1"],
    "/order": ["(SELECT secret FROM vault)", "IF((SELECT 1)=1,id,-id)", "name LIMIT 1", "name; DROP TABLE items", "id, (SELECT 1)"],
}
ODD = ["O'Brien", 'say "no"', "it's; really", "a -- b", "a # b", "/* a */", "back\\slash", "\\' OR 1=1 -- ", "' OR '1'='1", "name = 'x' OR 1=1",
       "SELECT * FROM items WHERE id = 1", "(a)", "1, 2"]
ORDINARY = {
    "/literal": ["item 1", "Zoë", "a or b", "SELECT committee", "1=1", "x--y", "a # b"],
    "/double": ["item 1", "it's", "SELECT committee"],
    "/like": ["item", "1 or 2", "50% off (today)", "drop table"],
    "/number": ["1", "-1", "17", "1.5", "'1'"],
    "/in": ["1", "1,2,3", "1, 2", "'1','2'", "-1,2"],
    "/order": ["name", "id desc", "name ASC, id DESC", "items.name", "1, 2"],
    "/p/literal": ODD,
    "/p/number": ODD,
    "/p/like": ODD,
}


def proved(binary, folder, certs, server):
    server.direct("CREATE TABLE items (id int PRIMARY KEY, name text); CREATE TABLE vault (id int PRIMARY KEY, secret text);"
                  "INSERT INTO items SELECT seq, CONCAT('item ', seq) FROM seq_1_to_20; INSERT INTO vault VALUES (1, 'the-crown-jewels')")
    application, inbound, outbound = free_port(), free_port(), free_port()
    podwall = Podwall(binary, folder / "correlation", [
        {"listen": f"127.0.0.1:{inbound}", "tls": "off", "upstream": f"127.0.0.1:{application}"},
        {"listen": f"127.0.0.1:{outbound}", "direction": "outbound", "protocol": "mysql", "upstream": f"127.0.0.1:{server.port}"},
    ], ALLOWLIST, certs)
    program = Program([sys.executable, Path(__file__).parent / "app.py", str(application), str(outbound), PASSWORD], folder / "app.log")
    try:
        podwall.wait_ready()
        until("the application listens", listening(application))

        def denied(pair):
            url = f"http://127.0.0.1:{inbound}{pair[0]}?{urllib.parse.urlencode({'v': pair[1]})}"
            try:
                with urllib.request.urlopen(url, timeout=30) as answer:
                    text = answer.read().decode()
            except urllib.error.HTTPError as error:
                text = error.read().decode()
            expect("told", "the-crown-jewels" in text, False)
            return "denied by the database's firewall policy" in text

        pairs = [(path, value) for path, values in ORDINARY.items() for value in values]
        attacks = [(path, value) for path, values in ATTACKS.items() for value in values]
        with ThreadPoolExecutor(16) as pool:
            wrong = [pair for pair, was in zip(pairs, pool.map(denied, pairs)) if was]
            missed = [pair for pair, was in zip(attacks, pool.map(denied, attacks)) if not was]
        expect("wrongly denied, missed", (wrong, missed), ([], []))
        podwall.recorded(reason="sql-injection-proved")
        return f"{len(attacks)} attacks denied, {len(pairs)} ordinary values not"
    finally:
        program.end()
        podwall.end()
