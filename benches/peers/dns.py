"""What a forwarded question costs: CPU time of Podwall, dnsmasq and unbound, same questions, same upstream, same run.

    tests/.venv/bin/python benches/peers/dns.py target/release/podwall [--rounds 5] [--seconds 3] [--rate 5000]

Everything runs in two network namespaces of its own (root). Two kinds of rounds: `forwarded`, where no answer may be kept
(their TTL is 0), and `cached`, where all are. Podwall judges every question (allowlist, observers); one worker.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from clients_kit.programs import until  # noqa: E402
from dns_kit.world import OPEN, PATH, RESOLVER, World, shop  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
DNSMASQ, UNBOUND = "127.0.0.21", "127.0.0.22"
UNBOUND_CONF = """\
server:
  interface: {UNBOUND}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  num-threads: 1
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  directory: "{folder}"
  module-config: "iterator"
  outgoing-range: 4096
  num-queries-per-thread: 2048
forward-zone:
  name: "."
  forward-addr: {RESOLVER}
remote-control:
  control-enable: no
"""


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def child(program):
    """The process that `ip netns exec` became."""
    return program.process.pid


def load(world, server, names, arguments):
    words = ["dnsperf", "-s", server, "-d", names, "-l", arguments.seconds, "-Q", arguments.rate, "-c", "10", "-q", "500"]
    done = world.in_pod(*words, timeout=arguments.seconds + 60)
    completed = int(re.search(r"Queries completed:\s+(\d+)", done.stdout).group(1))
    lost = int(re.search(r"Queries lost:\s+(\d+)", done.stdout).group(1))
    return completed, lost


def peers(world):
    dnsmasq, unbound = (shutil.which(name, path=PATH) for name in ("dnsmasq", "unbound"))
    (world.folder / "unbound.conf").write_text(UNBOUND_CONF.format(**globals(), folder=world.folder))
    words = ["--no-resolv", "--no-hosts", "--keep-in-foreground", "--bind-interfaces", "--user=root", "--cache-size=10000"]
    words += [f"--listen-address={DNSMASQ}", f"--server={RESOLVER}", "--dns-forward-max=10000", "--conf-file=/dev/null"]
    yield "podwall", OPEN, world.sidecars[OPEN]
    yield "dnsmasq", DNSMASQ, world.start("dnsmasq-peer", world.pod, dnsmasq, *words)
    yield "unbound", UNBOUND, world.start("unbound-peer", world.pod, unbound, "-d", "-c", world.folder / "unbound.conf")


def names(world):
    """Hosts whose answers may not be kept, and hosts whose answers may."""
    for name, label in (("forwarded", "host"), ("cached", "kept")):
        (world.folder / name).write_text("".join(f"{label}-{n}.{shop(n)}.example A\n" for n in range(200)))


def measure(world, program, server, name, arguments):
    """Microseconds of CPU for each question."""
    before = cpu(child(program))
    completed, lost = load(world, server, world.folder / name, arguments)
    if lost > completed // 100:
        raise SystemExit(f"{server} lost {lost} of {completed + lost} questions")
    return (cpu(child(program)) - before) / max(completed, 1) * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as made:
        folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="podwall-dns-")))
        world = World(arguments.binary.resolve(), folder, made, workers=1, wild=True)
        names(world)
        running = list(peers(world))
        for peer, server, _ in running:
            until(f"{peer} answers", lambda server=server: "203.0.113.7" in world.dig(server, "api.example").stdout)
        for name in ("forwarded", "cached"):
            rounds(world, running, name, arguments)
        denied = [line for line in world.sidecars[OPEN].lines() if line.get("verdict") == "deny"]
        if denied:
            raise SystemExit(f"{len(denied)} events: what was measured is not what was meant: {denied[0]}")


def rounds(world, running, name, arguments):
    """Each peer in turns; ratios of the same round, so that what else the machine does falls on all alike."""
    costs = {peer: [] for peer, _, _ in running}
    for _ in range(arguments.rounds):
        for peer, server, program in running:
            costs[peer].append(measure(world, program, server, name, arguments))
    for peer, own in costs.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(costs["podwall"], own))
        figures = f"median {statistics.median(own):5.1f}, {min(own):5.1f} to {max(own):5.1f}"
        print(f"{name:>9} {peer:>8}: µs CPU for each question: {figures}; podwall costs {ratio:.2f}x", flush=True)


if __name__ == "__main__":
    main()
