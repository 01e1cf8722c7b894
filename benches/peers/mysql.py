"""What a judged query of MariaDB costs: CPU time of Podwall and of haproxy in TCP mode, same server, same run, in turns.

    tests/.venv/bin/python benches/peers/mysql.py target/release/podwall [--rounds 3] [--transactions 5000]

sysbench's point selects over 4 connections, as texts and as prepared statements; one worker each, every statement judged
(allowlist, detectors), counters and record on.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from clients_kit.checks import run  # noqa: E402
from clients_kit.mariadb import PASSWORD, MariaDB  # noqa: E402
from clients_kit.programs import Podwall, Program, certificates, free_port, listening, until  # noqa: E402
from postgres import cpu_ns  # noqa: E402

ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: bench}
owner: team-bench
trustDomain: cluster.test
databases:
  - name: sysbench
    protocol: mysql
    from: 127.0.0.1
    user: owner
    tables: {"*": "*"}
    statements: ["*"]
    unbounded: true
"""
HAPROXY = """\
global
    nbthread 1
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend database
    bind 127.0.0.1:{port}
    default_backend server
backend server
    server one 127.0.0.1:{server}
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--transactions", type=int, default=5000)
    arguments = parser.parse_args()
    os.environ["PODWALL_WORKERS"] = "1"
    with contextlib.ExitStack() as made:
        folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="podwall-bench-")))
        server = MariaDB(folder / "mariadb", more=["--general-log=0"])
        made.callback(server.end)
        server.direct(f"CREATE DATABASE shop; CREATE USER owner@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO owner@'%'", "mysql")
        port, other = free_port(), free_port()
        binary = arguments.binary.resolve()
        listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "protocol": "mysql", "upstream": f"127.0.0.1:{server.port}"}]
        podwall = Podwall(binary, folder / "sidecar", listeners, ALLOWLIST, certificates(binary, folder / "certificates"))
        made.callback(podwall.end)
        podwall.wait_ready()
        (folder / "haproxy.cfg").write_text(HAPROXY.format(port=other, server=server.port))
        haproxy = Program(["haproxy", "-db", "-f", folder / "haproxy.cfg"], folder / "haproxy.log")
        made.callback(haproxy.end)
        until("haproxy listens", listening(other))

        def sysbench(to, mode, *words):
            done = run(["sysbench", "oltp_point_select", "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={to}", "--mysql-user=owner",
                        f"--mysql-password={PASSWORD}", "--mysql-db=shop", f"--db-ps-mode={mode}", "--tables=1", "--table-size=1000", *words], 600)
            if done.returncode != 0:
                raise SystemExit(f"sysbench: {done.stdout} {done.stderr}")

        def cost(program, to, mode):
            """CPU microseconds for each query."""
            count = 4 * arguments.transactions
            before = cpu_ns(program.process.pid)
            sysbench(to, mode, "--threads=4", f"--events={count}", "--time=0", "run")
            return (cpu_ns(program.process.pid) - before) / 1000 / count

        sysbench(server.port, "auto", "prepare")
        for name, mode in (("texts", "disable"), ("prepared", "auto")):
            rounds = [(cost(podwall, port, mode), cost(haproxy, other, mode)) for _ in range(arguments.rounds)]
            ours, theirs = (min(column) for column in zip(*rounds))
            print(f"{name:>9}: podwall {ours:5.1f} µs, haproxy {theirs:5.1f} µs of CPU per query: {ours / theirs:.2f}x (minima)", flush=True)


if __name__ == "__main__":
    main()
