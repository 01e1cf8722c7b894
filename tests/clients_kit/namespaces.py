"""The pod as Kubernetes makes it: a network namespace in which nftables redirects every inbound connection to the
sidecar, and a caller in another one."""

import contextlib
import os
import shutil

from .checks import Failed, Skipped, expect, run
from .programs import Podwall, Program, until

RULES = """\
table inet podwall {
  chain inbound {
    type nat hook prerouting priority dstnat;
    meta nfproto ipv4 meta l4proto tcp redirect to :15006
    meta nfproto ipv6 meta l4proto tcp redirect to :15006
  }
}
"""
ALLOWLIST = """\
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: redirected}
owner: team-tests
inbound:
  - GET / from any on 8080
"""
ADDRESSES = {"ipv4": "10.99.7.{}", "ipv6": "fd99:7::{}"}


def check(tally, binary, folder, certs):
    with contextlib.ExitStack() as made:
        pod = {}
        tally.check("redirected: a pod of its own", lambda: pod.update(build(binary, folder, certs, made)))
        for family in ADDRESSES if pod else ():
            tally.check(f"redirected: declared port {family}", declared, pod, family)
            tally.check(f"redirected: undeclared port {family}", ended, pod, family, 9999, "port-undeclared")
            tally.check(f"redirected: own port {family}", ended, pod, family, 15006, "port-own")


def command(*words, **options):
    """A program without which nothing can be built here."""
    done = run(words, **options)
    if done.returncode != 0:
        raise Skipped(f"{' '.join(map(str, words))}: {done.stderr}")
    return done


def cabled(made, *ends):
    """Two namespaces with a cable between them, by what each is called and its addresses; gone when `made` ends."""
    names = [f"podwall-{who}-{os.getpid()}" for who, _ in ends]
    for name in names:
        command("ip", "netns", "add", name)
        made.callback(run, ["ip", "netns", "del", name])
        command("ip", "-n", name, "link", "set", "lo", "up")
    one, other = names
    command("ip", "-n", one, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", other)
    for name, (_, addresses) in zip(names, ends):
        for address in addresses:
            network = [f"{address}/64", "dev", "eth0", "nodad"] if ":" in address else [f"{address}/24", "dev", "eth0"]
            command("ip", "-n", name, "addr", "add", *network)
        command("ip", "-n", name, "link", "set", "eth0", "up")
    return names


def build(binary, folder, certs, made):
    """Two namespaces with a cable between them; the pod's has an application, a sidecar and the redirection."""
    for program in ("ip", "nft", "curl"):
        if shutil.which(program) is None:
            raise Skipped(f"no {program}")
    if os.geteuid() != 0:
        raise Skipped("not root")
    addresses = [[address.format(number) for address in ADDRESSES.values()] for number in (1, 2)]
    pod, caller = cabled(made, ("pod", addresses[0]), ("caller", addresses[1]))
    inside = ["ip", "netns", "exec", pod]
    command(*inside, "nft", "-f", "-", input=RULES)
    folder.mkdir()
    (folder / "served").mkdir()
    for port in ("8080", "9999"):
        server = ["python3", "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", folder / "served"]
        made.callback(Program([*inside, *server], folder / f"{port}.log").end)
        asked = [*inside, "curl", "-sS", f"http://127.0.0.1:{port}/"]
        until(f"the application on {port}", lambda asked=asked: run(asked).returncode == 0)
    ports = [{"port": 8080, "tls": "off"}]
    listeners = [{"listen": f"{any_of}:15006", "redirected": True, "ports": ports} for any_of in ("0.0.0.0", "[::]")]
    podwall = Podwall(binary, folder / "sidecar", listeners, ALLOWLIST, certs, inside)
    made.callback(podwall.end)
    podwall.wait_ready()
    return {"podwall": podwall, "from": ["ip", "netns", "exec", caller]}


def dial(pod, family, port):
    address = ADDRESSES[family].format(1)
    host = f"[{address}]" if family == "ipv6" else address
    asked = ["curl", "-gsS", "-m", "10", "-w", "%{http_code}", "-o", "/dev/null", f"http://{host}:{port}/"]
    return f"{host}:{port}", run([*pod["from"], *asked])


def declared(pod, family):
    expect("status", dial(pod, family, 8080)[1].stdout, "200")


def ended(pod, family, port, reason):
    """The connection ends without a byte, and the record tells where it wanted to go."""
    to, done = dial(pod, family, port)
    if done.returncode == 0:
        raise Failed(f"answered with {done.stdout}")
    pod["podwall"].recorded(reason=reason, to=to)
