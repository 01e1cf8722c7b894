"""A pod whose outbound connections nftables redirects to its sidecar, and a world of servers behind a cable, as
Kubernetes would make them. Nothing reaches any other network."""

import os
import shutil
import sys
import time
from pathlib import Path

from clients_kit.checks import Skipped, run
from clients_kit.namespaces import cabled, command
from clients_kit.programs import Podwall, Program, until

HERE = Path(__file__).parent
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SIDECAR_USER = 61337
POD, RESOLVER, WEB, OTHER, HOSTILE = (f"10.99.54.{n}" for n in (1, 2, 10, 11, 12))
POD6, WEB6 = "fd99:54::1", "fd99:54::10"
RULES = f"""\
table inet podwall {{
  chain outbound {{
    type nat hook output priority -100;
    meta skuid {SIDECAR_USER} return
    ip daddr 127.0.0.0/8 return
    ip6 daddr ::1 return
    meta nfproto ipv4 meta l4proto tcp redirect to :15001
    meta nfproto ipv6 meta l4proto tcp redirect to :15001
  }}
  chain others {{
    type filter hook output priority 0;
    meta skuid {SIDECAR_USER} accept
    oifname "lo" accept
    meta l4proto udp drop
  }}
}}
"""
DNSMASQ = f"""\
no-resolv
no-hosts
keep-in-foreground
bind-interfaces
listen-address={RESOLVER}
host-record=web.example,{WEB}
host-record=secure.example,{WEB}
host-record=denied.example,{WEB}
host-record=mail.example,{OTHER}
host-record=login.example,{OTHER}
host-record=raw.example,{OTHER}
host-record=catalog.shop.svc.cluster.local,{WEB}
host-record=cdn.example,{WEB}
host-record=six.example,{WEB6}
cname=alias.example,cdn.example
local=/example/cluster.local/
"""
ALLOWLIST = f"""\
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {{name: egress}}
owner: team-tests
outbound:
- GET /{{rest...}} to web.example:80
- GET / to alias.example:80
- GET / to catalog.shop.svc.cluster.local:80
- secure.example:443 https
- mail.example:25 smtp
- login.example:22 ssh
- raw.example:7000 tcp
- {OTHER}:7001 tcp
- dns to denied.example
- {{name: ssh is not http, to: web.example, port: 2222}}
"""


class Sidecar(Podwall):
    """A sidecar for what leaves the pod, as a user of its own, whom the redirection leaves alone."""

    def __init__(self, binary, folder, inside, allowlist=ALLOWLIST, more=""):
        self.inside, self.folder, self.record, self.admin_port = list(inside), folder, folder / "record.jsonl", 15020
        (folder / "allowlist.yaml").write_text(allowlist)
        (folder / "podwall.yaml").write_text(f"""\
apiVersion: podwall.dev/v1
kind: Podwall
listeners:
- {{listen: "127.0.0.1:15001", direction: outbound, redirected: true}}
- {{listen: "[::1]:15001", direction: outbound, redirected: true}}
dns:
  upstreams: ["{RESOLVER}:53"]
  search: [shop.svc.cluster.local, svc.cluster.local, cluster.local]
  inside: [example]
allowlists: [{folder}/allowlist.yaml]
record:
  file: {{path: {self.record}}}
  repeats: 1000
  aggregate_interval: 1s
limits: {{connect_deadline: 2s, header_deadline: 3s}}
workers: 2
{more}""")
        os.chown(folder, SIDECAR_USER, SIDECAR_USER)
        user = ["setpriv", f"--reuid={SIDECAR_USER}", f"--regid={SIDECAR_USER}", "--clear-groups"]
        words = [*self.inside, *user, binary, "run", "--config", folder / "podwall.yaml"]
        Program.__init__(self, words, folder / "podwall.log")


class World:
    """Everything, ended by `made` (an ExitStack)."""

    def __init__(self, binary, folder, made, **settings):
        if os.geteuid() != 0:
            raise Skipped("not root")
        for program in ("ip", "nft", "curl", "dnsmasq", "setpriv", "openssl"):
            if shutil.which(program, path=PATH) is None:
                raise Skipped(f"no {program}")
        self.folder, self.made = folder, made
        folder.chmod(0o755)
        shutil.copy(binary, folder / "podwall")
        self.pod, self.far = cabled(made, ("egress", [POD, POD6]), ("far", [RESOLVER, WEB, OTHER, HOSTILE, WEB6]))
        for setting in ("net.ipv4.ip_unprivileged_port_start=0",):
            command(*self.inside(self.pod), "sysctl", "-qw", setting)
        command(*self.inside(self.pod), "nft", "-f", "-", input=RULES)
        self.resolv_conf()
        (folder / "dnsmasq.conf").write_text(DNSMASQ)
        self.start("dnsmasq", shutil.which("dnsmasq", path=PATH), f"--conf-file={folder}/dnsmasq.conf", "--user=root")
        self.servers()
        (folder / "sidecar").mkdir()
        self.settings = settings
        self.sidecar = Sidecar(folder / "podwall", folder / "sidecar", self.inside(self.pod), **settings)
        made.callback(lambda: self.sidecar.end())
        self.sidecar.wait_ready()

    def restart(self):
        """Another sidecar with the same files."""
        self.sidecar.end()
        self.sidecar = Sidecar(self.folder / "podwall", self.folder / "sidecar", self.inside(self.pod), **self.settings)
        self.sidecar.wait_ready()

    def servers(self):
        """Web servers in plaintext and TLS; the others start with their checks."""
        served = self.folder / "served"
        served.mkdir()
        (served / "index.html").write_text("the page\n")
        for port in (80, 8080):
            self.start(f"http-{port}", sys.executable, "-m", "http.server", port, "--bind", WEB, "--directory", served)
        keys = self.folder / "keys"
        keys.mkdir()
        command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=secure.example",
                "-addext", "subjectAltName=DNS:secure.example,DNS:denied.example",
                "-keyout", keys / "key.pem", "-out", keys / "cert.pem")
        for address in (WEB, OTHER):
            tls = ["openssl", "s_server", "-accept", f"{address}:443", "-www", "-key", keys / "key.pem"]
            self.start(f"tls-{address}", *tls, "-cert", keys / "cert.pem")
        self.authority = keys / "cert.pem"
        self.listening(WEB, 80)
        self.listening(WEB, 443)

    @staticmethod
    def inside(name):
        return ["ip", "netns", "exec", name]

    def start(self, name, *words, where=None, **options):
        program = Program([*self.inside(where or self.far), *map(str, words)], self.folder / f"{name}.log", **options)
        self.made.callback(program.end)
        return program

    def listening(self, address, port):
        probe = f"import socket; socket.create_connection(({address!r}, {port}), 1).close()"
        until(f"{address}:{port} listens", lambda: self.in_far(sys.executable, "-c", probe).returncode == 0)

    def in_far(self, *words, timeout=60):
        return run([*self.inside(self.far), *map(str, words)], timeout)

    def in_pod(self, *words, timeout=60, **options):
        return run([*self.inside(self.pod), *map(str, words)], timeout, **options)

    def curl(self, *words):
        began = time.monotonic()
        done = self.in_pod("curl", "-gsS", "-m", "15", "-w", "\n%{http_code}", *words)
        done.seconds = time.monotonic() - began
        return done

    def python(self, code):
        """What a program in the pod prints, with a resolver that is the sidecar."""
        return self.in_pod(sys.executable, "-c", code)

    def resolv_conf(self):
        """What programs in the pod find as /etc/resolv.conf; `ip netns exec` binds it there."""
        folder = Path("/etc/netns") / self.pod
        folder.mkdir(parents=True, exist_ok=True)
        self.made.callback(shutil.rmtree, folder, True)
        search = "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
        (folder / "resolv.conf").write_text(f"nameserver 127.0.0.1\n{search}")


def check_all(checks, tally, binary, folder, made, **settings):
    """Each check with one world that is made for all, if it can be."""
    world = {}

    def build():
        world["is"] = World(binary, folder, made, **settings)

    tally.check("a pod and a world", build)
    for name, check, *arguments in checks if world else ():
        tally.check(name, check, world["is"], *arguments)
