"""Two network namespaces with a cable between them: a pod with its sidecars, and a world with resolvers and those who
wait at the far end of a tunnel. Nothing reaches any other network."""

import os
import shutil
import sys
from pathlib import Path

from clients_kit.checks import Skipped, run
from clients_kit.namespaces import cabled
from clients_kit.programs import Podwall, Program, until

HERE = Path(__file__).parent
POD, RESOLVER, HOSTILE, TUNNEL, RECURSOR, SILENT = (f"10.99.53.{n}" for n in (1, 2, 3, 4, 5, 99))
OPEN, NARROW, SHADOW = "127.0.0.1", "127.0.0.2", "127.0.0.3"

HEAD = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: lookups}\nowner: team-tests\n"
ALLOWLISTS = {
    OPEN: HEAD
    + """\
outbound:
- {name: every name, to: '*', protocol: dns, types: any}
exceptions:
- {name: lists ask by hash, reason: a test, signature: dns-tunnel, domain: '*.lists.example'}
""",
    NARROW: HEAD
    + """\
outbound:
- dns to api.example
- dns to www.hostile.example
- {name: texts, to: ['*.granted.example', big.example], protocol: dns, types: [A, AAAA, TXT]}
- {name: hidden, to: ech.hostile.example, protocol: dns, types: [HTTPS]}
- {name: shown, to: ech.granted.example, protocol: dns, types: [HTTPS, ECH]}
""",
    SHADOW: HEAD + "mode: shadow\noutbound:\n- dns to api.example\n",
}
DNSMASQ = """\
no-resolv
no-hosts
keep-in-foreground
bind-interfaces
listen-address={RESOLVER}
cache-size=10000
host-record=api.example,203.0.113.7
host-record=api.example,2001:db8:53::7
host-record=a.granted.example,203.0.113.8
host-record=orders.shop.svc.cluster.local,10.96.0.9
txt-record=a.granted.example,"hello"
server=/hostile.example/texts.example/ech.granted.example/{HOSTILE}
server=/t1.tunnel.example/{TUNNEL}
server=/t2.tunnel.example/{TUNNEL}#5353
local=/example/cluster.local/
"""
UNBOUND = """\
server:
  interface: {RECURSOR}
  access-control: 10.99.53.0/24 allow
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  directory: "{folder}"
  module-config: "iterator"
  local-zone: "example." static
  local-data: "api.example. 60 IN A 203.0.113.7"
remote-control:
  control-enable: no
"""


# Ordinary names, none of which looks like another: what is measured must be granted, not denied.
SHOPS = (
    "anchor barley candle dolphin ember falcon garden harbor island jasmine kettle lantern meadow nectar orchid pepper "
    "quartz raven saddle timber umbrella velvet walnut yellow zephyr acorn butter copper domino engine fabric ginger "
    "hazel ivory jungle kernel lemon mirror novel oyster"
).split()


def shop(number):
    return SHOPS[number % len(SHOPS)]


class Sidecar(Podwall):
    """A sidecar that is only the pod's resolver."""

    def __init__(self, binary, folder, address, upstreams, inside, workers=2):
        folder.mkdir()
        self.inside, self.record, self.address = list(inside), folder / "record.jsonl", address
        self.admin_port = 15000 + int(address.rsplit(".", 1)[1])
        (folder / "allowlist.yaml").write_text(ALLOWLISTS[address])
        (folder / "podwall.yaml").write_text(f"""\
apiVersion: podwall.dev/v1
kind: Podwall
listeners: []
dns:
  listen: ["{address}:53"]
  upstreams: [{", ".join(f'"{upstream}:53"' for upstream in upstreams)}]
  search: [shop.svc.cluster.local, svc.cluster.local, cluster.local]
  upstream_deadline: 500ms
  deadline: 3s
allowlists: [{folder}/allowlist.yaml]
record:
  file: {{path: {self.record}}}
  repeats: 1000
admin: {{listen: "127.0.0.1:{self.admin_port}"}}
workers: {workers}
""")
        command_line = [*self.inside, binary, "run", "--config", folder / "podwall.yaml"]
        Program.__init__(self, command_line, folder / "podwall.log")


class World:
    """Everything, ended by `made` (an ExitStack)."""

    def __init__(self, binary, folder, made, workers=2, wild=False):
        if os.geteuid() != 0:
            raise Skipped("not root")
        for program in ("ip", "dig", "dnsmasq"):
            if shutil.which(program, path=PATH) is None:
                raise Skipped(f"no {program}")
        self.folder, self.made = folder, made
        self.pod, self.far = cabled(made, ("lookups", [POD]), ("world", [RESOLVER, HOSTILE, TUNNEL, RECURSOR]))
        self.resolv_conf(NARROW)
        wildcards = "".join(
            f"address=/{shop(n)}.example/203.0.113.5\nhost-record=kept-{n}.{shop(n)}.example,203.0.113.6,60\n"
            for n in range(200 if wild else 0)
        )
        (folder / "dnsmasq.conf").write_text(DNSMASQ.format(**globals()) + wildcards)
        dnsmasq = shutil.which("dnsmasq", path=PATH)
        self.start("dnsmasq", self.far, dnsmasq, "--conf-file=" + str(folder / "dnsmasq.conf"), "--user=root")
        self.start("hostile", self.far, sys.executable, HERE / "hostile.py", HOSTILE)
        until("dnsmasq answers", lambda: self.dig(RESOLVER, "api.example").stdout)
        upstreams = {OPEN: [RESOLVER], NARROW: [SILENT, RESOLVER], SHADOW: [HOSTILE]}
        self.sidecars = {}
        for address, asked in upstreams.items():
            sidecar = Sidecar(binary, folder / address, address, asked, self.inside(self.pod), workers)
            made.callback(sidecar.end)
            self.sidecars[address] = sidecar.wait_ready()

    @staticmethod
    def inside(name):
        return ["ip", "netns", "exec", name]

    def start(self, name, where, *words, **options):
        program = Program([*self.inside(where), *map(str, words)], self.folder / f"{name}.log", **options)
        self.made.callback(program.end)
        return program

    def in_pod(self, *words, timeout=60):
        return run([*self.inside(self.pod), *map(str, words)], timeout)

    def dig(self, server, *words):
        return self.in_pod("dig", f"@{server}", "+tries=1", "+time=5", *words)

    def resolv_conf(self, server):
        """What programs in the pod find as /etc/resolv.conf; `ip netns exec` binds it there."""
        folder = Path("/etc/netns") / self.pod
        folder.mkdir(parents=True, exist_ok=True)
        self.made.callback(shutil.rmtree, folder, True)
        search = "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
        (folder / "resolv.conf").write_text(f"nameserver {server}\n{search}")


PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
