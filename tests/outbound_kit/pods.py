"""Two pods as Kubernetes makes them, each a network namespace with a sidecar: what the one's application dials is redirected to
its sidecar on the way out, what reaches the other to its sidecar on the way in."""

import contextlib
import os
import shutil

from clients_kit.checks import Skipped, expect, run
from clients_kit.namespaces import cabled, command
from clients_kit.programs import Podwall, Program, certificates, until

# Only what the application's user dials: the sidecar's own connections leave as they are.
OUT = """\
table inet podwall {
  chain output {
    type nat hook output priority -100;
    meta skuid 65534 meta l4proto tcp redirect to :15001
  }
}
"""
IN = """\
table inet podwall {
  chain inbound {
    type nat hook prerouting priority dstnat;
    meta l4proto tcp redirect to :15006
  }
}
"""
HEAD = "apiVersion: podwall.dev/v1\nkind: Allowlist\nowner: team-tests\ntrustDomain: cluster.test\n"
CALLS = f"{HEAD}metadata: {{name: frontend}}\noutbound:\n  - GET / to shop/orders:8080\n  - GET /charges to shop/payments:8080\n"
CALLED = f"{HEAD}metadata: {{name: orders}}\ninbound:\n  - GET / from shop/frontend\n"
ADDRESSES = {"ipv4": "10.99.8.{}", "ipv6": "fd99:8::{}"}


def check(tally, binary, folder):
    with contextlib.ExitStack() as made:
        pods = {}
        tally.check("pods: two of them", lambda: pods.update(build(binary, folder, made)))
        for family in ADDRESSES if pods else ():
            tally.check(f"pods: granted {family}", granted, pods, family)
            tally.check(f"pods: not granted {family}", refused, pods, family, "/secret", "403", "policy-no-rule")
            tally.check(f"pods: someone else {family}", refused, pods, family, "/charges", "502", "upstream-identity")
            tally.check(f"pods: undeclared port {family}", undeclared, pods, family)


def build(binary, folder, made):
    for program in ("ip", "nft", "curl", "setpriv"):
        if shutil.which(program) is None:
            raise Skipped(f"no {program}")
    if os.geteuid() != 0:
        raise Skipped("not root")
    folder.mkdir()
    certs = certificates(binary, folder / "pki")
    own = folder / "frontend-pki"
    own.mkdir()
    for name, source in (("server.crt", "client.crt"), ("server.key", "client.key"), ("ca.crt", "ca.crt")):
        shutil.copy(certs / source, own / name)
    addresses = [[address.format(number) for address in ADDRESSES.values()] for number in (1, 2)]
    frontend, orders = cabled(made, ("frontend", addresses[0]), ("orders", addresses[1]))
    inside = {name: ["ip", "netns", "exec", name] for name in (frontend, orders)}
    command(*inside[frontend], "nft", "-f", "-", input=OUT)
    command(*inside[orders], "nft", "-f", "-", input=IN)
    (folder / "served").mkdir()
    server = ["python3", "-m", "http.server", "8080", "--bind", "127.0.0.1", "--directory", folder / "served"]
    made.callback(Program([*inside[orders], *server], folder / "application.log").end)
    asked = [*inside[orders], "curl", "-sS", "http://127.0.0.1:8080/"]
    until("the application", lambda: run(asked).returncode == 0)
    any_of = ("0.0.0.0", "[::]")
    listeners = [{"listen": f"{one}:15006", "redirected": True, "ports": [{"port": 8080}]} for one in any_of]
    called = Podwall(binary, folder / "orders", listeners, CALLED, certs, inside[orders])
    made.callback(called.end)
    outbound = {"direction": "outbound", "redirected": True, "ports": [{"port": 8080}]}
    listeners = [{"listen": f"{one}:15001", **outbound} for one in ("127.0.0.1", "[::1]")]
    calls = Podwall(binary, folder / "frontend", listeners, CALLS, own, inside[frontend])
    made.callback(calls.end)
    called.wait_ready()
    calls.wait_ready()
    application = [*inside[frontend], "setpriv", "--reuid", "65534", "--clear-groups"]
    return {"called": called, "calls": calls, "application": application}


def dial(pods, family, path, port=8080):
    address = ADDRESSES[family].format(2)
    host = f"[{address}]" if family == "ipv6" else address
    words = ["curl", "-gsS", "-m", "10", "-w", "%{http_code}", "-o", "/dev/null", f"http://{host}:{port}{path}"]
    return f"{host}:{port}", run([*pods["application"], *words])


def granted(pods, family):
    expect("status", dial(pods, family, "/")[1].stdout, "200")


def refused(pods, family, path, status, reason):
    """Refused by its own sidecar; the other one hears nothing of it."""
    to, done = dial(pods, family, path)
    expect("status", done.stdout, status)
    line = pods["calls"].recorded(reason=reason, to=to)
    expect("direction", line["direction"], "outbound")
    arrived = [line for line in pods["called"].lines() if line.get("resource", "").endswith(path)]
    expect("arrived", arrived, [])


def undeclared(pods, family):
    to, done = dial(pods, family, "/", 9999)
    if done.returncode == 0:
        expect("status", done.stdout, "nothing")
    pods["calls"].recorded(to=to, direction="outbound")
