"""Real resolvers, real clients, hostile answers and real tunnels, through the sidecar as the pod's resolver.

    tests/.venv/bin/python tests/dns.py target/release/podwall

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed. Needs root: everything
happens in network namespaces that it makes and removes itself.
"""

import contextlib
import hashlib
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from clients_kit.checks import Failed, Skipped, Tally, expect, run
from clients_kit.programs import until
from dns_kit.world import (
    HERE, NARROW, OPEN, PATH, RECURSOR, RESOLVER, SHADOW, TUNNEL, UNBOUND, World,
)

# What a tunnel may deliver before it is cut, and what it must deliver where nobody cuts it.
MOST_BYTES, SENT_BYTES = 2048, 16384
GROWTH_KIB = 64 << 10


def status(done):
    found = re.search(r"status: (\w+)", done.stdout)
    return found.group(1) if found else "no answer"


def answers(done):
    """Name, TTL, type and data of each record of the answer section."""
    section = re.search(r"ANSWER SECTION:\n(.*?)\n\n", done.stdout, re.S)
    return [line.split(None, 4) for line in section.group(1).splitlines()] if section else []


def granted(world):
    done = world.dig(NARROW, "aPi.eXample", "A")
    expect("status", status(done), "NOERROR")
    expect("record", [record[3:] for record in answers(done)], [["A", "203.0.113.7"]])
    if ";aPi.eXample." not in done.stdout:
        raise Failed("the question's letter case is lost")


def failover(world):
    """The first upstream of this sidecar does not exist."""
    for _ in range(3):
        expect("status", status(world.dig(NARROW, "a.granted.example", "TXT")), "NOERROR")


def denied(world):
    done = world.dig(NARROW, "other.example", "A")
    expect("status", status(done), "NXDOMAIN")
    event = re.search(r'EDE: 15 \(Blocked\): \((\S+)\)', done.stdout)
    if not event:
        raise Failed(f"no extended error: {done.stdout}")
    line = world.sidecars[NARROW].recorded(event=event.group(1))
    expect("reason", line["reason"], "policy-no-rule")
    expect("resource", (line["action"], line["resource"]), ("A", "dns:other.example"))


def denied_type(world):
    expect("status", status(world.dig(NARROW, "api.example", "TXT")), "NXDOMAIN")


def over_tcp(world):
    done = world.dig(NARROW, "+tcp", "+keepopen", "api.example", "A", "other.example", "A", "a.granted.example", "TXT")
    expect("statuses", re.findall(r"status: (\w+)", done.stdout), ["NOERROR", "NXDOMAIN", "NOERROR"])


def shadow(world):
    expect("status", status(world.dig(SHADOW, "a.granted.example", "A")), "NOERROR")
    line = world.sidecars[SHADOW].recorded(resource="dns:a.granted.example")
    expect("line", (line["mode"], line["verdict"]), ("shadow", "deny"))


def glibc(world):
    """ndots:5 asks for api.example.shop.svc.cluster.local first; that is no event."""
    done = world.in_pod("getent", "ahostsv4", "api.example")
    expect("address", done.stdout.split()[:1], ["203.0.113.7"])
    done = world.in_pod("getent", "ahostsv4", "orders")
    expect("a name of the cluster, not granted", done.returncode, 2)
    noise = [line for line in world.sidecars[NARROW].lines() if "api.example." in line.get("resource", "")]
    expect("events of the search list", noise, [])


MUSL = """\
#include <netdb.h>
int main(void) { struct addrinfo h = {.ai_family = AF_INET}, *r; return getaddrinfo("api.example", 0, &h, &r) ? 1 : 0; }
"""


def musl(world):
    if shutil.which("musl-gcc") is None:
        raise Skipped("no musl-gcc")
    source = world.folder / "musl.c"
    source.write_text(MUSL)
    expect("compiled", run(["musl-gcc", "-static", "-o", world.folder / "musl", source]).returncode, 0)
    expect("found", world.in_pod(world.folder / "musl").returncode, 0)


def unbound_upstream(world):
    unbound = shutil.which("unbound", path=PATH)
    if unbound is None:
        raise Skipped("no unbound")
    (world.folder / "unbound.conf").write_text(UNBOUND.format(RECURSOR=RECURSOR, folder=world.folder))
    world.start("unbound", world.far, unbound, "-d", "-c", world.folder / "unbound.conf")
    until("unbound answers", lambda: "203.0.113.7" in world.dig(RECURSOR, "api.example").stdout)
    from dns_kit import world as parts

    address = "127.0.0.4"
    parts.ALLOWLISTS[address] = parts.ALLOWLISTS[NARROW]
    sidecar = parts.Sidecar(world.binary, world.folder / address, address, [RECURSOR], world.inside(world.pod))
    world.made.callback(sidecar.end)
    sidecar.wait_ready()
    expect("record", [r[4] for r in answers(world.dig(address, "api.example"))], ["203.0.113.7"])


def dnsperf(world):
    if shutil.which("dnsperf") is None:
        raise Skipped("no dnsperf")
    names = world.folder / "names"
    names.write_text("api.example A\na.granted.example A\na.granted.example TXT\nother.example A\n")
    done = world.in_pod("dnsperf", "-s", NARROW, "-d", names, "-l", "3", "-c", "8", "-Q", "4000")
    lost = re.search(r"Queries lost:\s+(\d+)", done.stdout)
    expect("queries lost", lost and lost.group(1), "0")
    return re.search(r"Queries per second:\s+(\S+)", done.stdout).group(1) + " queries per second"


def big_text(world):
    """Over UDP it does not fit: dig is told so, and asks over TCP; so do we."""
    done = world.dig(OPEN, "text.texts.example", "TXT")
    expect("status", status(done), "NOERROR")
    expect("bytes", answers(done)[0][4].count("x"), 3000)
    cut = world.dig(OPEN, "+ignore", "text.texts.example", "TXT")
    if " tc" not in cut.stdout:
        raise Failed("not marked as cut")


def hostile(world, how, reason, server=OPEN):
    done = world.dig(server, f"{how}.hostile.example", "A")
    expect("answers", answers(done), [])
    world.sidecars[server].recorded(resource=f"dns:{how}.hostile.example", reason=reason)


def long_life(world):
    ttl = int(answers(world.dig(OPEN, "ttl.hostile.example"))[0][1])
    if ttl > 300:
        raise Failed(f"TTL {ttl}")


def many_records(world):
    expect("records", len(answers(world.dig(OPEN, "+tcp", "many.hostile.example"))), 1000)


def spoofed(world):
    expect("record", answers(world.dig(OPEN, "spoof.hostile.example"))[0][4], "203.0.113.7")


def ech(world):
    for name, shown in (("ech.hostile.example", False), ("ech.granted.example", True)):
        done = world.dig(NARROW, name, "TYPE65")
        expect("status", status(done), "NOERROR")
        expect(f"ech of {name}", "ech=" in done.stdout or "6B657921" in done.stdout.upper(), shown)


def excused(world):
    """Names that look like a tunnel's, where an exception names the domain, and where none does."""
    for domain, cut in (("lists.example", False), ("books.example", True)):
        names = [f"{hashlib.sha256(bytes([n])).hexdigest()[:40]}.{domain}" for n in range(8)]
        done = world.dig(OPEN, *(word for name in names for word in (name, "A")))
        expect(f"answers under {domain}", done.stdout.count("status: "), len(names))
        expect(f"denied under {domain}", "EDE: 15" in done.stdout, cut)


def zone_transfer(world):
    done = world.dig(OPEN, "hostile.example", "AXFR")
    world.sidecars[OPEN].recorded(reason="attack-detected", action="AXFR")
    if "Transfer failed" not in done.stdout:
        raise Failed(done.stdout)


def flood(world):
    """Questions that nobody answers, and one that somebody does; where nothing is cut."""
    sidecar = world.sidecars[SHADOW]
    before = sidecar.memory("VmRSS")
    world.in_pod(sys.executable, HERE / "flood.py", SHADOW, 20000)
    began = time.monotonic()
    expect("another name meanwhile", status(world.dig(SHADOW, "www.hostile.example")), "NOERROR")
    took, growth = time.monotonic() - began, sidecar.memory("VmRSS") - before
    if growth > GROWTH_KIB:
        raise Failed(f"grew by {growth} KiB")
    return f"{growth} KiB more, the other answer after {took:.2f} s"


def sink(world, name, address, port):
    file = world.folder / f"{name}.bytes"
    world.start(name, world.far, sys.executable, HERE / "sink.py", address, port, file)
    return lambda: int(file.read_text() or 0) if file.exists() else 0


SEND = """\
import socket, sys, time
client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
client.settimeout(20)
for _ in range(int(sys.argv[3]) // 256):
    client.sendall(b"secret" * 42 + b"....")
    time.sleep(0.005)
time.sleep(8)
"""


def deliver(world, address, port):
    with contextlib.suppress(Exception):
        world.in_pod(sys.executable, "-c", SEND, address, port, SENT_BYTES, timeout=60)


def dns2tcp(world):
    if shutil.which("dns2tcpc") is None or shutil.which("dns2tcpd") is None:
        raise Skipped("no dns2tcp")
    arrived = sink(world, "dns2tcp-sink", "127.0.0.1", 9000)
    config = world.folder / "dns2tcpd.conf"
    (world.folder / "empty").mkdir()
    config.write_text(
        f"listen = {TUNNEL}\nport = 53\nuser = root\nchroot = {world.folder}/empty\ndomain = t1.tunnel.example\n"
        "resources = sink:127.0.0.1:9000\n"
    )
    world.start("dns2tcpd", world.far, "dns2tcpd", "-F", "-d", "1", "-f", config)
    return through("dns2tcp", world, arrived, lambda server, port: world.start(
        f"dns2tcpc-{port}", world.pod, "dns2tcpc", "-z", "t1.tunnel.example", "-r", "sink", "-l", port, server
    ))


def through(name, world, arrived, tunnel):
    """The open path first: the tunnel is a real one. Then ours."""
    figures = []
    for server, port in ((RESOLVER, "7001"), (OPEN, "7002")):
        before = arrived()
        client = tunnel(server, port)
        time.sleep(3)
        deliver(world, "127.0.0.1", port)
        figures.append(arrived() - before)
        client.end()
    return cut(name, world, figures)


def cut(name, world, figures):
    past, ours = figures
    if past < SENT_BYTES // 2:
        raise Failed(f"the open path delivers {past} bytes: this tunnel proves nothing")
    if ours > MOST_BYTES:
        raise Failed(f"{ours} bytes came through")
    world.sidecars[OPEN].recorded(reason="attack-detected")
    return f"{past} bytes past us, {ours} through us"


def iodine(world):
    if shutil.which("iodine", path=PATH) is None or not Path("/dev/net/tun").exists():
        raise Skipped("no iodine, or no /dev/net/tun")
    server = shutil.which("iodined", path=PATH)
    world.start("iodined", world.far, server, "-f", "-c", "-P", "pw", "-l", TUNNEL, "-p", "5353", "10.98.0.1/24", "t2.tunnel.example")
    until("iodined has its device", lambda: "10.98.0.1" in run([*world.inside(world.far), "ip", "addr"]).stdout)
    arrived = sink(world, "iodine-sink", "10.98.0.1", 9001)
    figures = []
    for asked in (RESOLVER, OPEN):
        before = arrived()
        client = world.start(f"iodine-{asked}", world.pod, "iodine", "-f", "-r", "-P", "pw", asked, "t2.tunnel.example")
        time.sleep(6)
        deliver(world, "10.98.0.1", "9001")
        figures.append(arrived() - before)
        client.end()
    return cut("iodine", world, figures)


def main():
    binary, tally = Path(sys.argv[1]).resolve(), Tally()
    with contextlib.ExitStack() as made:
        folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="podwall-dns-")))
        worlds = []
        tally.check("dns: a pod and a world", lambda: worlds.append(World(binary, folder, made)))
        for world in worlds:
            world.binary = binary
            checks(tally, world)
    tally.finish()


def checks(tally, world):
    for check in (
        granted, failover, denied, denied_type, over_tcp, shadow, glibc, musl, unbound_upstream, dnsperf, big_text,
        long_life, many_records, spoofed, ech, excused, zone_transfer,
    ):
        tally.check(f"dns: {check.__name__.replace('_', ' ')}", check, world)
    for how, reason in (
        ("rebind", "dns-rebinding"), ("metadata", "dns-rebinding"), ("owner", "dns-answer-owner"),
        ("class", "dns-answer-class"), ("silent", "dns-upstream-silent"),
    ):
        tally.check(f"dns: hostile answer, {how}", hostile, world, how, reason)
    # Other resolvers would not hand it on.
    tally.check("dns: hostile answer, garbage", hostile, world, "garbage", "dns-upstream-broken", SHADOW)
    for check in (flood, dns2tcp, iodine):
        tally.check(f"dns: {check.__name__}", check, world)


if __name__ == "__main__":
    main()
