"""What a judged transaction costs: CPU time of Podwall and pgbouncer (session mode), same server, same run, in turns.

    tests/.venv/bin/python benches/peers/postgres.py target/release/podwall [--rounds 12] [--transactions 12000]

pgbench's select-only transaction from one client (pgbench's own default) and from four, as simple queries and as prepared
statements; one worker each, every statement judged (allowlist, detectors), counters and record on. Rounds are short and
alternate who begins, because the speed of a shared machine changes within a minute; the ratio is that of the sums. What
each session costs to open is part of its round. Then the median latency of one client with each between it and the server,
what an idle session holds, and what one more session costs to open, with one transaction: Podwall lets the server
authenticate each, pgbouncer believes the client and has connections to the server already.
"""

import argparse
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from clients_kit.postgres import PASSWORD, Postgres  # noqa: E402
from clients_kit.programs import Podwall, Program, certificates, free_port, listening, until  # noqa: E402

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: bench}
owner: team-bench
trustDomain: cluster.test
databases:
  - name: pgbench
    from: 127.0.0.1
    user: owner
    tables: {"*": "*", "pg_catalog.*": "*"}
    statements: ["*"]
    unbounded: true
"""
PGBOUNCER = """\
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = trust
auth_file = {folder}/users
pool_mode = session
max_client_conn = 500
default_pool_size = 200
log_connections = 0
log_disconnections = 0
unix_socket_dir =
"""
IDLE = 80
SESSIONS = 200


def cpu_ns(pid):
    """CPU time of all threads of a process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def rss_kib(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


def pgbouncer(folder, server):
    folder.mkdir()
    port = free_port()
    (folder / "users").write_text(f'"owner" "{PASSWORD}"\n')
    (folder / "pgbouncer.ini").write_text(PGBOUNCER.format(server=server, port=port, folder=folder))
    for path in [folder, *folder.iterdir()]:
        path.chmod(0o755)
    user = ["-u", "postgres"] if os.geteuid() == 0 else []
    program = Program(["/usr/sbin/pgbouncer", *user, folder / "pgbouncer.ini"], folder / "log")
    until("pgbouncer listens", listening(port))
    return program, port


class Bench:
    def __init__(self, server, arguments):
        self.server, self.arguments = server, arguments

    def pgbench(self, port, *words):
        done = self.server.run([self.server.bin / "pgbench", "-n", "-S", *words], port)
        if done.returncode != 0 or "number of failed transactions: 0 " not in done.stdout:
            raise SystemExit(f"pgbench: {done.stdout} {done.stderr}")

    def cost(self, program, port, mode, clients):
        """CPU microseconds for each transaction."""
        transactions = self.arguments.transactions // clients
        before = cpu_ns(program.process.pid)
        self.pgbench(port, "-M", mode, "-c", str(clients), "-j", "1", "-t", str(transactions))
        return (cpu_ns(program.process.pid) - before) / 1000 / (clients * transactions)

    def opening(self, program, port):
        """CPU microseconds for a session of one transaction."""
        before = cpu_ns(program.process.pid)
        self.pgbench(port, "-C", "-c", "1", "-t", str(SESSIONS))
        return (cpu_ns(program.process.pid) - before) / 1000 / SESSIONS

    def costs(self, programs, mode, clients):
        """The costs of each program, in turns: a list for each."""
        costs = [[] for _ in programs]
        for turn in range(self.arguments.rounds):
            for at in (range(len(programs)), reversed(range(len(programs))))[turn % 2]:
                costs[at].append(self.cost(*programs[at], mode, clients))
        return costs

    def latency(self, port, mode):
        """The median over transactions of one client, in microseconds."""
        prefix = self.server.folder / f"latency-{port}"
        self.server.run(["rm", "-f", *self.server.folder.glob(f"{prefix.name}.*")], port)
        self.pgbench(port, "-M", mode, "-c", "1", "-t", "2000", "-l", f"--log-prefix={prefix}")
        logs = self.server.folder.glob(f"{prefix.name}.*")
        return statistics.median(int(line.split()[2]) for log in logs for line in log.read_text().splitlines())


def idle(program, port):
    """KiB that one more idle session holds."""
    import psycopg

    def opened(stack, count):
        address = f"host=127.0.0.1 port={port} user=owner password='{PASSWORD}' dbname=shop"
        for _ in range(count):
            session = stack.enter_context(psycopg.connect(address, autocommit=True))
            session.execute("SELECT 1")

    with contextlib.ExitStack() as stack:
        opened(stack, 10)
        before = rss_kib(program.process.pid)
        opened(stack, IDLE)
        return (rss_kib(program.process.pid) - before) / IDLE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--transactions", type=int, default=12000)
    parser.add_argument("--only", default="cpu,latency,idle,open")
    arguments = parser.parse_args()
    os.environ["PODWALL_WORKERS"] = "1"
    with contextlib.ExitStack() as made:
        folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="podwall-bench-")))
        server = Postgres(folder / "postgres", log_statement="none")
        made.callback(server.end)
        server.direct("CREATE DATABASE shop", "postgres")
        bench = Bench(server, arguments)
        server.run([server.bin / "pgbench", "-i", "-q", "-s", "1"], server.port)
        port = free_port()
        listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "postgres",
                      "upstream": f"127.0.0.1:{server.port}"}]
        binary = arguments.binary.resolve()
        podwall = Podwall(binary, folder / "sidecar", listeners, ALLOWLIST, certificates(binary, folder / "certificates"))
        made.callback(podwall.end)
        podwall.wait_ready()
        bouncer, bouncer_port = pgbouncer(folder / "pgbouncer", server.port)
        made.callback(bouncer.end)
        programs = [(podwall, port), (bouncer, bouncer_port)]
        total = [0, 0]
        for clients, mode in itertools.product((1, 4), ("simple", "prepared")) if "cpu" in arguments.only else ():
            ours, theirs = bench.costs(programs, mode, clients)
            print(f"{mode:>9}, {clients} of pgbench's clients: podwall {statistics.median(ours):5.1f} µs, "
                  f"pgbouncer {statistics.median(theirs):5.1f} µs of CPU per transaction (medians); "
                  f"{sum(ours) / sum(theirs):.2f}x", flush=True)
            total = [total[0] + sum(ours), total[1] + sum(theirs)]
        if total[1]:
            print(f"      all: {total[0] / total[1]:.2f}x", flush=True)
        for mode in ("simple", "prepared") if "latency" in arguments.only else ():
            direct, through, bounced = (statistics.median(bench.latency(to, mode) for _ in range(min(arguments.rounds, 5)))
                                        for to in (server.port, port, bouncer_port))
            print(f"{mode:>9}: median latency {direct:.0f} µs direct, podwall +{through - direct:.0f}, "
                  f"pgbouncer +{bounced - direct:.0f}", flush=True)
        if "idle" in arguments.only:
            print(f"     idle: podwall {idle(podwall, port):.1f} KiB, pgbouncer {idle(bouncer, bouncer_port):.1f} KiB per session")
        if "open" in arguments.only:
            ours, theirs = (min(bench.opening(*program) for _ in range(3)) for program in programs)
            print(f"     open: podwall {ours:.0f} µs, pgbouncer {theirs:.0f} µs of CPU per session of one transaction (minima)")


if __name__ == "__main__":
    main()
