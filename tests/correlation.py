"""Proof of injection: an application that pastes what it is sent into statements, a real PostgreSQL, a real MariaDB, and one
sidecar that sees both sides of it.

    tests/.venv/bin/python tests/correlation.py target/release/podwall [--only mariadb] [--corpus ROWS.jsonl.gz …]

HTTP inspection is off (an exception for every detector), and the proof is looked for before SQL detection is asked. Fifty users ask at
once: attacks on the endpoints that paste, ordinary and odd values on their twins with parameters and on those of query
builders, and one of them sends all of the application's own SQL as values. `--corpus` draws further attacks from files of
rows (`value`), for measurements.

Whether a value changes a statement is not for this program to say, nor for the sidecar: the server's own reading of it is
compared with that of the same statement with a harmless value in it (`correlation_kit/servers.py`).
"""

import argparse
import contextlib
import json
import os
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
from clients_kit.programs import Podwall, Program, certificates, free_port, listening, until
from correlation_kit import corpus, statements, values
from correlation_kit.drivers import DRIVERS
from correlation_kit.servers import SECRET, SERVERS

HERE = Path(__file__).parent
USERS = 50
DENIAL = "denied by the database's firewall policy"
PROOF = "sql-injection-proved"
PROVED = rf'podwall_decisions_total\{{[^}}]*reason="{PROOF}"[^}}]*\}} (\d+)'
ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {{name: shop}}
owner: team-tests
mode: {mode}
inbound:
  - {{name: all, from: any, methods: any, path: "/{{rest...}}"}}
databases:
  - name: everything
    protocol: {protocol}
    to: 127.0.0.1
    statements: ["*"]
    unbounded: true{more}
exceptions:
  - name: no inspection
    reason: what is denied is denied by proof
    path: "/{{rest...}}"
    signature: [code, crlf, html, ldap, lookup, nosql, path, peel, shell, signature, sql, template, url, xml, xpath]
"""
EXCEPTED = "  - {name: builder, reason: it takes conditions, path: /literal, parameter: v, signature: correlate}\n"
# Values of corpora; each is asked in more than twenty ways.
MOST_VALUES = 3000
MOST_TOLD = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--only", choices=SERVERS)
    parser.add_argument("--corpus", type=Path, nargs="*", default=[])
    parser.add_argument("--no-sqlmap", action="store_true")
    arguments = parser.parse_args()
    tally = Tally()
    for name, server in SERVERS.items():
        if arguments.only in (None, name):
            with contextlib.ExitStack() as made:
                folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="podwall-correlation-")))
                everything(tally, World(server, arguments.binary.resolve(), folder, made), arguments)
    tally.finish()


def everything(tally, world, arguments):
    def check(title, function, *more):
        tally.check(f"{title} {world.dialect}", function, *more)

    check("one application, both sides seen", world.begin)
    check("ordinary values before anything is known", world.ordinary)
    check("attacks", world.attacks)
    check("what the server reads", world.read)
    check("everything at once", world.at_once)
    check("events link both sides", world.linked)
    check("more than is remembered", world.overflows)
    check("excepted routes", world.excepted)
    if arguments.corpus:
        check("attacks of others", world.corpus, arguments.corpus)
    if not arguments.no_sqlmap:
        check("sqlmap extracts, not acted on", world.sqlmap_extracts)
        check("sqlmap gets nothing", world.sqlmap_gets_nothing)
    check("values are forgotten with their requests", world.forgotten)
    check("the vault was never told", world.kept)


class World:
    """One application, its database and its sidecar."""

    def __init__(self, server, binary, folder, made):
        self.dialect, self.binary, self.folder, self.made = server.name, binary, folder, made
        self.statements = statements.DIALECTS[self.dialect]
        self.pairs = values.ordinary(self.dialect, self.statements.twins)
        self.lock, self.told = threading.Lock(), []

    def begin(self):
        self.certs = certificates(self.binary, self.folder / "certificates")
        self.server = SERVERS[self.dialect](self.folder)
        self.made.callback(self.server.end)
        self.podwall, self.url, self.outbound = self.sidecar("enforce")

    def sidecar(self, mode, exceptions=""):
        """A sidecar and the application behind it: the sidecar itself, the application's address and the database's port."""
        application, inbound, outbound = free_port(), free_port(), free_port()
        allowlist = ALLOWLIST.format(mode=mode, protocol=self.server.protocol, more=self.server.more)
        podwall = Podwall(self.binary, self.folder / f"{mode}{len(exceptions)}", [
            {"listen": f"127.0.0.1:{inbound}", "tls": "off", "upstream": f"127.0.0.1:{application}"},
            {"listen": f"127.0.0.1:{outbound}", "direction": "outbound", "protocol": self.server.protocol,
             "upstream": f"127.0.0.1:{self.server.port}"},
        ], allowlist + exceptions, self.certs)
        self.made.callback(podwall.end)
        podwall.wait_ready()
        command = [sys.executable, "-m", "correlation_kit.app", self.dialect, str(application), str(outbound), self.server.password]
        program = Program(command, self.folder / f"app-{mode}{len(exceptions)}.log", env={**os.environ, "PYTHONPATH": str(HERE)})
        self.made.callback(program.end)
        until("the application listens", listening(application))
        return podwall, f"http://127.0.0.1:{inbound}", outbound

    def ask(self, path, value):
        """Status and text of an answer."""
        url = f"{self.url}{path}?{urllib.parse.urlencode({'v': value}, errors='surrogatepass')}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        with self.lock:
            self.told.append(text)
        return status, text

    def denied(self, pair):
        return DENIAL in self.ask(*pair)[1]

    def proved(self, pairs, pool):
        """Which pairs are denied; all by proof, or they have not been caught by it."""
        before = self.proofs()
        texts = list(pool.map(lambda pair: self.ask(*pair)[1], pairs))
        denied = [DENIAL in text for text in texts]
        if self.proofs() - before != sum(denied):
            by_event = {line.get("event"): line.get("reason") for line in self.podwall.lines()}
            for number, text in enumerate(texts):
                event = re.search(r"event (\w+)", text)
                if denied[number] and by_event.get(event[1], PROOF) != PROOF:
                    denied[number] = False
            expect("denied by proof", self.proofs() - before, sum(denied))
        return denied

    def proofs(self):
        return sum(map(int, re.findall(PROVED, self.podwall.admin("/metrics")[1])))

    def ordinary(self):
        with ThreadPoolExecutor(1) as pool:
            wrong = [pair for pair, was in zip(self.pairs, self.proved(self.pairs, pool)) if was]
        expect("denied", wrong, [])
        return f"{len(self.pairs)} values"

    def attacks(self):
        pairs = values.attacks(self.dialect)
        with ThreadPoolExecutor(8) as pool:
            missed = [pair for pair, was in zip(pairs, self.proved(pairs, pool)) if not was]
        expect("missed", missed, [])
        return f"{len(pairs)} attacks, all denied"

    def changes(self, pair):
        path, value = pair
        return corpus.changes(self.server, lambda value: self.statements.of(path, value)[0], value)

    def read(self):
        """That the attacks are some, and the ordinary values none, by the server's own reading."""
        harmless = [pair for pair in values.attacks(self.dialect) if not self.changes(pair)]
        harmful = [pair for pair in self.pairs if pair[0] in self.statements.pasted and self.changes(pair)]
        expect("attacks that change nothing, ordinary values that do", (harmless, harmful), ([], []))

    def at_once(self):
        """Fifty users; the first sends the application's own SQL as values, some attack, the others ask for what is theirs."""
        own = self.statements.pieces(self.server.asked())
        attacks, counts, wrong = values.attacks(self.dialect), {"attacks": 0, "ordinary": 0, "own SQL": 0}, []

        def user(number, connections=1):
            if number == 0:
                twins = list(self.statements.twins)
                ways = [twins[: len(twins) // 2], twins[len(twins) // 2 :]]
                sort, jobs, connections = "own SQL", [(way[turn % len(way)], sql) for turn, sql in enumerate(own) for way in ways], 8
            elif number < 15:
                sort, jobs = "attacks", some(attacks, number)
            else:
                sort, jobs = "ordinary", some(self.pairs, number)
            with ThreadPoolExecutor(connections) as mine:
                found = [pair for pair, was in zip(jobs, mine.map(self.denied, jobs)) if was != (sort == "attacks")]
            with self.lock:
                counts[sort] += len(jobs)
                wrong.extend(found)

        def some(pairs, number):
            return [pairs[(number * 17 + turn * 5) % len(pairs)] for turn in range(48)]

        with ThreadPoolExecutor(USERS) as pool:
            list(pool.map(user, range(USERS)))
        expect("wrong", wrong, [])
        return ", ".join(f"{count} {sort}" for sort, count in counts.items()) + f" by {USERS} users; none wrong"

    def linked(self):
        status, text = self.ask("/literal", "linked' OR 'a'='a")
        event = re.search(r"event (\w+)", text)
        expect("event", (status, event is not None), (500, True))
        line = self.podwall.recorded(event=event[1])
        expect("reason", line["reason"], PROOF)
        for part in ("closes a quote", "query-value v of GET http://", "caller 127.0.0.1"):
            if part not in line["detail"]:
                raise Failed(f"{part} is not in {line['detail']}")
        expect("sql", (line["sql"]["user"], line["sql"]["asks"]), ("app", [f"SELECT {self.server.items}"]))

    def overflows(self):
        """More values than are remembered are told of, and the request goes on."""
        many = urllib.parse.urlencode([(f"n{number}", f"{number}' OR {number}") for number in range(300)])
        with urllib.request.urlopen(f"{self.url}/literal?v=kettle&{many}", timeout=30) as answer:
            expect("status", answer.status, 200)
        line = self.podwall.recorded(reason="correlate-overflow")
        expect("told", (line["mode"], line["resource"].startswith("http://")), ("shadow", True))

    def excepted(self):
        """A route that is meant to take SQL, and the same value on others."""
        podwall, url, _ = self.sidecar("enforce", EXCEPTED)
        attack = urllib.parse.urlencode({"v": "x' OR 'a'='a"})
        told = []
        for path in ("/literal", "/like"):
            with contextlib.suppress(urllib.error.HTTPError):
                told.append((path, urllib.request.urlopen(f"{url}{path}?{attack}", timeout=30).status))
        expect("what went on", told, [("/literal", 200)])
        podwall.recorded(reason=PROOF)

    def forgotten(self):
        """What was sent before is no evidence: the value stands in a statement that no request is in flight for. It is the
        application's own from then on, so this comes last."""
        attack = "forgotten' OR 'b'='b"
        expect("in flight", self.denied(("/literal", attack)), True)
        DRIVERS[self.dialect](self.outbound, self.server.password).written(self.statements.of("/literal", attack)[0])

    def corpus(self, files):
        """Every value that changes a statement is caught; none where it is a parameter."""
        every = corpus.values(files)[:MOST_VALUES]
        missed, blocked = [], []
        with ThreadPoolExecutor(8) as pool:
            for path in self.statements.pasted:
                pairs = [(path, value) for value in every]
                changing = [pair for pair, changes in zip(pairs, pool.map(self.changes, pairs)) if changes]
                ran = list(pool.map(lambda pair: self.server.runs(self.statements.of(*pair)[0]), changing))
                caught = self.proved(changing, pool)
                missed += [(*pair, "runs" if runs else "fails") for pair, was, runs in zip(changing, caught, ran) if not was]
                print(f"  {path}: {sum(caught)} of {len(changing)} that change it, {sum(map(all, zip(caught, ran)))} of {sum(ran)} that run", flush=True)
            for path in [*self.statements.twins, "/q/sort", "/q/columns", "/q/filter"]:
                pairs = [(path, f"name:eq:{value}" if path == "/q/filter" else value) for value in every]
                found = [pair for pair, was in zip(pairs, self.proved(pairs, pool)) if was]
                blocked += found
                print(f"  {path}: {len(found)} blocked of {len(pairs)}", flush=True)
        for pair in [*missed, *blocked][:MOST_TOLD]:
            print(f"  wrong: {pair}")
        expect("missed, blocked", (len(missed), len(blocked)), (0, 0))
        return f"{len(every)} values"

    def sqlmap(self, url):
        """What it says when it is done, or out of time."""
        if shutil.which("sqlmap") is None:
            raise Skipped("no sqlmap")
        output = tempfile.mkdtemp(dir=self.folder)
        done = run(["timeout", "-k", "5", "60", "sqlmap", "-u", f"{url}/literal?v=kettle*", "--batch", "--level", "2", "--risk", "3", "--dbms",
                    "postgresql" if self.dialect == "postgres" else "mysql", "--technique", "BEUS", "--retries", "0", "--threads", "4",
                    "--skip-waf", "--flush-session", "--disable-coloring", "--output-dir", output, "--dump",
                    "-D", self.server.schema, "-T", "vault"], timeout=90)
        return done.stdout + done.stderr

    def sqlmap_extracts(self):
        """The same sidecars and the same application, but no verdict is acted on: or what follows would prove nothing."""
        said = self.sqlmap(self.sidecar("shadow")[1])
        if SECRET not in said:
            raise Failed(f"nothing was extracted: {said[-1500:]}")

    def sqlmap_gets_nothing(self):
        before = self.proofs()
        said = self.sqlmap(self.url)
        if SECRET in said or "sqlmap identified the following injection point" in said:
            raise Failed(f"an injection went through: {said[-1500:]}")
        if self.proofs() == before:
            raise Failed(f"nothing was tried: {said[-1500:]}")
        return f"{self.proofs() - before} statements denied by proof"

    def kept(self):
        expect("told", [text for text in self.told if SECRET in text], [])


if __name__ == "__main__":
    main()
