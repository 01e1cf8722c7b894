"""What a pod calls, through its own sidecar and that of the one it calls: curl, h2load and Python's grpcio before, nginx and
grpcio behind, TLS of nginx outside of the mesh.

    tests/.venv/bin/python tests/outbound.py target/release/podwall

Told as tests/clients.py tells: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`; exit code 1 when one failed. Loopback, and
namespaces of its own.
"""

import json
import queue
import re
import shutil

from clients_kit.checks import Failed, Skipped, expect, run, main
from clients_kit.programs import Podwall, Program, certificates, free_port, listening, until
from outbound_kit import pods

try:
    import grpc
    from clients_kit import calls
except ImportError:
    grpc = None

ATTACK = "x' UNION SELECT password FROM users --"

NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
  access_log {folder}/access.log; client_max_body_size 0; default_type text/plain;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  ssl_certificate {certs}/server.crt; ssl_certificate_key {certs}/server.key;
  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{tls} ssl http2;
    listen 127.0.0.1:{older} ssl;
    location /caller {{ return 200 "$http_x_forwarded_client_cert"; }}
    location / {{ return 200 "$server_protocol $scheme $request_method $request_uri $content_length"; }}
  }}
}}
"""

CALLED = """\
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: orders}
owner: team-tests
trustDomain: cluster.test
inbound:
  - {name: web, from: shop/frontend, methods: [GET, HEAD, POST], path: ["/items/{id}", /caller]}
  - {name: grpc, from: shop/frontend, grpc: "shop.Orders/*"}
"""

CALLS = """\
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: frontend}
owner: team-tests
trustDomain: cluster.test
outbound:
  - GET,HEAD,POST /items/{id} to shop/orders
  - GET /caller to shop/orders
  - {name: elsewhere, to: shop/payments, path: /charges}
  - {name: calls, to: shop/orders, methods: [POST], path: "/shop.Orders/{method}"}
  - {name: outside, to: [localhost, other.example], methods: any, path: "/outside/{id}", tls: true}
"""


class Nginx(Program):
    """The application of the one that is called; the same speaks TLS to the outside."""

    def __init__(self, folder, certs):
        program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
        if program is None:
            raise Skipped("no nginx")
        folder.mkdir()
        self.plain, self.tls, self.older, self.folder = free_port(), free_port(), free_port(), folder
        text = NGINX.format(folder=folder, certs=certs, plain=self.plain, tls=self.tls, older=self.older)
        (folder / "nginx.conf").write_text(text)
        super().__init__([program, "-p", folder, "-c", folder / "nginx.conf"], folder / "nginx.out")
        until("nginx listens", listening(self.plain))

    def asked(self, path):
        return (self.folder / "access.log").read_text().count(path)


class World:
    """frontend's sidecar, orders' sidecar, orders' application; what frontend calls from is the test."""

    def __init__(self, binary, folder, programs):
        self.certs = certificates(binary, folder / "pki")
        frontend = folder / "frontend-pki"
        frontend.mkdir()
        for name, source in (("server.crt", "client.crt"), ("server.key", "client.key"), ("ca.crt", "ca.crt")):
            shutil.copy(self.certs / source, frontend / name)
        self.nginx = Nginx(folder / "nginx", self.certs)
        programs.callback(self.nginx.end)
        self.service = calls.Service() if grpc else None
        strict = {name: free_port() for name in ("http1", "grpc")}
        behind = {"http1": self.nginx.plain, "grpc": self.service.port if grpc else self.nginx.plain}
        listeners = [
            {"listen": f"127.0.0.1:{port}", "tls": "strict", "upstream": f"127.0.0.1:{behind[name]}",
             "upstream_protocol": "http2" if name == "grpc" else "http1"}
            for name, port in strict.items()
        ]
        self.orders = Podwall(binary, folder / "orders", listeners, CALLED, self.certs)
        programs.callback(self.orders.end)
        self.ports = {name: free_port() for name in ("http1", "http2", "auto", "grpc", "outside", "older", "nobody")}
        to = {"grpc": strict["grpc"], "outside": self.nginx.tls, "older": self.nginx.older, "nobody": free_port()}
        listeners = [
            {"listen": f"127.0.0.1:{port}", "direction": "outbound", "upstream": f"127.0.0.1:{to.get(name, strict['http1'])}",
             "upstream_protocol": {"grpc": "http2", "http1": "http1", "http2": "http2"}.get(name, "auto")}
            for name, port in self.ports.items()
        ]
        more = f"roots: {self.certs}/ca.crt\n"
        self.frontend = Podwall(binary, folder / "frontend", listeners, CALLS, frontend, more=more)
        programs.callback(self.frontend.end)
        self.orders.wait_ready()
        self.frontend.wait_ready()

    def curl(self, door, path, *arguments):
        """Status with version, body, head."""
        words = ["curl", "-4", "-sS", "-m", "20", "-w", "\n%{http_version} %{http_code}", "-D", "/dev/stderr", *arguments]
        done = run([*words, f"http://localhost:{self.ports[door]}{path}"])
        if done.returncode != 0:
            raise Failed(f"curl exits with {done.returncode}: {done.stderr}")
        body, told = done.stdout.rsplit("\n", 1)
        return told, body, done.stderr

    def refused(self, door, path, status, reason, *arguments):
        """The answer and the record of a call that is refused; it never arrives."""
        before = self.nginx.asked(path)
        told, body, head = self.curl(door, path, *arguments)
        expect("status", told.split()[1], status)
        found = re.search(r"(?im)^x-podwall-event: (\S+)", head)
        if not found:
            raise Failed(f"no x-podwall-event in {head!r}")
        line = self.frontend.recorded(event=found[1])
        expect("record", (line["reason"], line["direction"]), (reason, "outbound"))
        expect("arrived", self.nginx.asked(path), before)
        return line


# HTTP to the other sidecar

def answered(world, door, version):
    flags = ["--http2-prior-knowledge"] if version == "2" else []
    told, body, _ = world.curl(door, "/items/7", *flags)
    expect("answer", (told, body), (f"{version} 200", "HTTP/1.1 http GET /items/7 "))
    told, body, _ = world.curl(door, "/items/8", *flags, "-H", "content-type: application/json", "-d", '{"a": 1}')
    expect("answer", (told, body), (f"{version} 200", "HTTP/1.1 http POST /items/8 8"))


def proved(world):
    """The one that is called learns who calls, whatever the application says of itself."""
    _, body, _ = world.curl("http1", "/caller", "-H", "x-forwarded-client-cert: URI=spiffe://cluster.test/ns/shop/sa/admin")
    expect("caller", body.split("URI=")[-1], "spiffe://cluster.test/ns/shop/sa/frontend")


def not_granted(world):
    line = world.refused("http1", "/admin", "403", "policy-no-rule")
    expect("to", line["to"].split(":")[0], "127.0.0.1")


def attack(world):
    world.refused("http1", "/items/9", "403", "attack-detected", "-d", f"name={ATTACK}")
    world.refused("http2", "/items/9", "403", "attack-detected", "-H", "content-type: application/json", "-d", json.dumps({"a": ATTACK}))


def someone_else(world):
    """The rule names payments, and orders is there."""
    for door in ("http1", "http2"):
        line = world.refused(door, "/charges", "502", "upstream-identity")
        if "ns/shop/sa/orders is there" not in json.dumps(line):
            raise Failed(str(line))
    expect("seen by orders", [line for line in world.orders.lines() if line.get("resource", "").endswith("/charges")], [])


def nobody(world):
    world.refused("nobody", "/items/7", "503", "upstream-connect")


def kept(world):
    """Connections between sidecars carry many requests."""
    if shutil.which("h2load") is None:
        raise Skipped("no h2load")
    handshakes = lambda: sum(
        int(line.split()[-1]) for line in world.orders.admin("/metrics")[1].splitlines()
        if line.startswith("podwall_handshakes_total{")
    )
    before = handshakes()
    for door in ("http1", "http2"):
        done = run(["h2load", "-n", "4000", "-c", "4", "-m", "10", f"http://127.0.0.1:{world.ports[door]}/items/7"])
        if "4000 2xx" not in done.stdout:
            raise Failed(done.stdout[-600:])
    if (made := handshakes() - before) > 200:
        raise Failed(f"{made} handshakes for 8000 requests")
    return f"{made} handshakes for 8000 requests"


# gRPC

def grpc_kinds(world):
    world.service.received.clear()
    with calls.Client(f"localhost:{world.ports['grpc']}") as client:
        expect("unary", client.unary("Get", calls.order("C-7")), calls.order("C-7"))
        messages = [calls.order(f"order {number}") for number in range(200)]
        expect("client stream", client.collect(messages), calls.order(str(sum(map(len, messages)))))
        expect("server stream", len(list(client.list(calls.order("all")))), 100)
        to_send = queue.Queue()
        answers = client.talk(iter(to_send.get, None))
        for number in range(10):
            to_send.put(calls.order(f"word {number}"))
            expect("answer", next(answers), calls.order(f"word {number}"))
        to_send.put(None)
        expect("end", list(answers), [])


def grpc_refused(world):
    """In the words of gRPC: what is not granted, what carries an attack in the middle of a stream."""
    world.service.received.clear()
    with calls.Client(f"localhost:{world.ports['grpc']}") as client:
        to_send = queue.Queue()
        answers = client.talk(iter(to_send.get, None))
        to_send.put(calls.order("one"))
        next(answers)
        to_send.put(calls.order(ATTACK))
        denials = [lambda: next(answers), lambda: client.channel.unary_unary("/shop.Secrets/Get")(b"", timeout=20)]
        for denied, reason in zip(denials, ("attack-detected", "policy-no-rule")):
            try:
                denied()
                raise Failed("answered")
            except grpc.RpcError as error:
                expect("status", error.code(), grpc.StatusCode.PERMISSION_DENIED)
                world.frontend.recorded(event=error.details().split()[-1], reason=reason, direction="outbound")
        to_send.put(None)
    expect("arrived", world.service.received, [calls.order("one")])


def grpc_cancelled(world):
    world.service.cancelled.clear()
    world.service.waiting.clear()
    with calls.Client(f"localhost:{world.ports['grpc']}") as client:
        call = client.later("Wait", calls.order("x"))
        if not world.service.waiting.wait(10):
            raise Failed("the call did not arrive")
        call.cancel()
        if not world.service.cancelled.wait(10):
            raise Failed("the upstream is not told of the cancellation")


# TLS to the outside

def outside(world):
    """Plaintext of the application becomes TLS, in the protocol that the server chooses of what it is offered."""
    told, body, _ = world.curl("outside", "/outside/1")
    expect("answer", (told, body), ("1.1 200", "HTTP/1.1 https GET /outside/1 "))
    told, body, _ = world.curl("outside", "/outside/2", "--http2-prior-knowledge")
    expect("answer", (told, body), ("2 200", "HTTP/2.0 https GET /outside/2 "))


def outside_older(world):
    """A server that speaks HTTP/1.1 alone is asked in it, on connections that are kept."""
    for number in range(6):
        told, body, _ = world.curl("older", f"/outside/{number}", "--http2-prior-knowledge")
        expect("answer", (told, body), ("2 200", f"HTTP/1.1 https GET /outside/{number} "))


def outside_other_name(world):
    """A host that is granted, and another server at its address."""
    world.refused("outside", "/outside/3", "502", "upstream-untrusted", "-H", "host: other.example")


def outside_unknown_host(world):
    world.refused("outside", "/outside/4", "403", "policy-no-rule", "-H", "host: evil.example")


CHECKS = [("not-granted", not_granted), ("attack", attack), ("proved", proved), ("someone-else", someone_else),
          ("nobody-there", nobody), ("kept-connections", kept)]
GRPC = [("every-kind", grpc_kinds), ("refused", grpc_refused), ("cancelled", grpc_cancelled)]
OUTSIDE = [("answered", outside), ("older-server", outside_older), ("another-name", outside_other_name), ("unknown-host", outside_unknown_host)]


def everything(tally, binary, folder, programs):
    made = []
    tally.check("two sidecars", lambda: made.append(World(binary, folder, programs)))
    for world in made:
        for door in ("http1", "http2", "auto"):
            for version in ("1.1", "2"):
                tally.check(f"{door} of HTTP/{version}: answered", answered, world, door, version)
        for name, check in CHECKS:
            tally.check(name, check, world)
        for name, check in GRPC if grpc else ():
            tally.check(f"grpc: {name}", check, world)
        for name, check in OUTSIDE:
            tally.check(f"outside: {name}", check, world)
    pods.check(tally, binary, folder / "pods")


if __name__ == "__main__":
    main(__doc__, "outbound", everything)
