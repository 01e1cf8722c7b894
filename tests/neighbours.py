"""Real neighbours: Envoy and Caddy before the sidecar (mTLS with a certificate of their own, HTTP/1.1 and HTTP/2) and
behind it; tonic and grpc-js as callers, tonic as a service. Works unchanged; denials arrive as errors their users understand.

    tests/.venv/bin/python tests/neighbours.py target/release/podwall target/debug/tonic

Told as tests/clients.py tells: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`; exit code 1 when one failed. Loopback only.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import tempfile
import threading
import zlib
from pathlib import Path

import requests
from clients_kit import calls, chunked, proxies
from clients_kit.checks import Failed, Skipped, Tally, expect, run
from clients_kit.programs import Podwall, Program, certificates, free_port, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

import grpc

HERE = Path(__file__).parent
ATTACK = "x' UNION SELECT password FROM users --"
FRONTEND = "spiffe://cluster.test/ns/shop/sa/frontend"


# What any neighbour must let through unchanged; `url` is where the client asks.

def ask(url, method="GET", certs=None, **options):
    with requests.Session() as session:
        session.trust_env = False
        if certs:
            session.verify, session.cert = str(certs / "ca.crt"), (str(certs / "client.crt"), str(certs / "client.key"))
        return session.request(method, url, timeout=30, **options)


def pass_through(url, certs, podwall, caller):
    """Reads, writes, streams."""
    answer = ask(f"{url}/hello/neighbour", certs=certs)
    expect("get", (answer.status_code, answer.text), (200, "hello\n"))
    answer = ask(f"{url}/count", "POST", certs, json={"customer": "C-7", "items": [1, 2, 3]})
    expect("post", (answer.status_code, answer.text.strip()), (200, str(len('{"customer": "C-7", "items": [1, 2, 3]}'))))
    content = b"temperature,23.5,ok\n" * 200_000
    answer = ask(f"{url}/upload", "POST", certs, data=iter([content[:100_000], content[100_000:]]),
                 headers={"content-type": "application/octet-stream"})
    expect("upload", (answer.status_code, answer.text), (200, f"{len(content)} {zlib.crc32(content)}"))


def denials(url, certs, podwall, caller):
    """A denial keeps its status, its text and the event's id on its way back, and the record names the neighbour."""
    for path, options, reason in (
        ("/forbidden", {}, "policy-no-rule"),
        (f"/hello/a?q={requests.utils.quote(ATTACK)}", {}, "attack-detected"),
        ("/count", {"method": "POST", "json": {"name": ATTACK}}, "attack-detected"),
    ):
        answer = ask(url + path, certs=certs, **options)
        expect(f"status of {path}", answer.status_code, 403)
        event = answer.json()["event"]
        expect("event", answer.headers["x-podwall-event"], event)
        line = podwall.recorded(event=event)
        expect("reason", line["reason"], reason)
        if caller:
            expect("caller", line["caller"], caller)
    answer = ask(f"{url}/count", "POST", certs, data="a" * (1 << 20), headers={"content-type": "text/plain"})
    expect("too large", answer.status_code, 413)


def sockets(url, certs, podwall, caller):
    """WebSockets through both."""
    target = url.replace("http", "ws", 1) + "/live"
    with connect(target, max_size=None, proxy=None) as client:
        client.send("good morning")
        expect("echo", client.recv(timeout=10), "good morning")
        client.send(ATTACK)
        try:
            client.recv(timeout=10)
        except ConnectionClosed as closed:
            expect("code", closed.rcvd and closed.rcvd.code, 1008)
            podwall.recorded(event=closed.rcvd.reason, reason="attack-detected")
            return
    raise Failed("answered")


def grpc_calls(target, podwall, service):
    """grpcio through a neighbour: every kind of call, and a refusal in gRPC's own words."""
    with calls.Client(target) as client:
        expect("unary", client.unary("Get", calls.order("C-7")), calls.order("C-7"))
        messages = [calls.order(f"order {number}") for number in range(50)]
        expect("client stream", client.collect(messages), calls.order(str(sum(map(len, messages)))))
        expect("server stream", len(list(client.list(calls.order("all")))), 100)
        expect("both ways", list(client.talk(iter(messages))), messages)
        try:
            client.unary("Get", calls.order(ATTACK))
        except grpc.RpcError as error:
            expect(f"status of {error.details()!r}", error.code(), grpc.StatusCode.PERMISSION_DENIED)
            podwall.recorded(event=error.details().split()[-1], reason="attack-detected")
            return
    raise Failed("answered")


# tonic and grpc-js

def tonic_calls(binary, url, files, podwall, received):
    """Every kind of call of a tonic client, its refusals, and that nothing of what was refused arrived."""
    before = len(received())
    done = run([binary, "call", url, *map(str, files)], 120)
    if done.returncode:
        raise Failed(done.stderr)
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    for name in ("unary", "4-mib", "gzip", "client-stream", "server-stream", "both-ways", "cancelled", "unary-afterwards"):
        expect(name, told.get(name), "ok")
    expect("deadline", told["deadline"].split()[0] in ("DeadlineExceeded", "Cancelled"), True)
    for name, reason in (
        ("denied", "policy-no-rule"), ("attack", "attack-detected"), ("attack-gzip", "attack-detected"),
        ("attack-in-stream", "attack-detected"),
    ):
        status, _, message = told[name].partition(" ")
        expect(name, status, "PermissionDenied")
        podwall.recorded(event=message.split()[-1], reason=reason)
    words = received()[before:]
    if any("UNION" in word for word in words) or "fourth" in words:
        raise Failed(f"arrived: {words[-5:]}")
    expect("before the attack", words[-3:], ["first", "second", "still here"])


def javascript_calls(url, files, podwall):
    """grpc-js: unary, streams, a refusal, and one for its rate that says when to ask again."""
    if not (HERE / "node_modules" / "@grpc" / "grpc-js").is_dir() or shutil.which("node") is None:
        raise Skipped("no node, or no @grpc/grpc-js in tests/node_modules")
    script = HERE / "clients_kit" / "node_grpc.js"
    done = run(["node", script, url, ATTACK, *map(str, files)], 60, env={**os.environ, "NODE_PATH": str(HERE / "node_modules")})
    if not done.stdout:
        raise Failed(done.stderr)
    told = json.loads(done.stdout)
    expect("unary", told["unary"], "C-7")
    expect("streams", (told["collected"], told["listed"]), (True, 100))
    expect("attack", told["attack"]["code"], grpc.StatusCode.PERMISSION_DENIED.value[0])
    podwall.recorded(event=told["attack"]["details"].split()[-1], reason="attack-detected")
    limited = told["limited"]
    expect("rate", limited["code"], grpc.StatusCode.RESOURCE_EXHAUSTED.value[0])
    seconds = int(limited["retry"][0])
    expect("when to ask again", (3500 < seconds <= 3600, limited["pushback"]), (True, [str(seconds * 1000)]))


class Echo:
    """A WebSocket server that sends everything back."""

    def __init__(self):
        self.server = serve(self.talk, "127.0.0.1", 0, max_size=None)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def talk(self, connection):
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                connection.send(message)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podwall", type=Path)
    parser.add_argument("tonic", type=Path)
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="podwall-neighbours-") as folder, contextlib.ExitStack() as programs:
        everything(tally, options.podwall.resolve(), options.tonic.resolve(), Path(folder), programs)
    tally.finish()


def missing(name):
    raise Skipped(f"no {name}")


def allowlist(ports):
    granted = [
        {"methods": "GET", "path": "/hello/{who}"},
        {"methods": "POST", "path": "/count"},
        {"methods": "POST", "path": "/upload", "stream": True},
        {"methods": "GET", "path": "/live", "upgrade": ["websocket"]},
        {"grpc": [f"shop.Orders/{method}" for method in ("Get", "Wait", "Collect", "List", "Talk", "Seldom")]},
    ]
    callers = {"mtls": "shop/frontend", "plain": "any"}
    rules = [
        {"name": f"{kind} {number}", "from": who, "port": ports[kind], **rule}
        for kind, who in callers.items() for number, rule in enumerate(granted)
    ]
    rates = [{"name": "seldom", "path": "/shop.Orders/Seldom", "perCaller": "1/h"}]
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "neighbours"}, "owner": "team-tests"}
    return json.dumps({**head, "trustDomain": "cluster.test", "inbound": rules, "rates": rates})


def everything(tally, binary, tonic, folder, programs):
    certs = certificates(binary, folder / "pki")
    backend, service, echo = chunked.Server(), calls.Service(), Echo()
    programs.callback(service.end)
    served = Program([tonic, "serve"], folder / "tonic.log")
    programs.callback(served.end)
    said = lambda kind: [line.split(" ", 1)[1] for line in served.log.read_text().splitlines() if line.startswith(f"{kind} ")]
    tonic_port = int(until("tonic listens", lambda: said("listening"))[0])

    # What stands behind the sidecar, each with a port for mTLS and one in plaintext.
    behind = {"web": (backend.port, "http1"), "grpc": (service.port, "http2"), "tonic": (tonic_port, "http2"),
              "echo": (echo.port, "http1")}
    neighbours = {"envoy": proxies.envoy, "caddy": proxies.caddy}
    running = {name: start for name, start in neighbours.items() if proxies.program(name)}
    back = {}
    for name in neighbours.keys() - running.keys():
        tally.check(name, missing, name)
    for name, start in running.items():
        back[name] = free_port()
        routes = [proxies.Route(back[name], backend.port)]
        programs.callback(start(folder / f"{name}-behind", routes, certs).end)
        behind[f"{name} http1"], behind[f"{name} http2"] = (back[name], "http1"), (back[name], "http2")
    ports = {(name, kind): free_port() for name in behind for kind in ("mtls", "plain")}
    listeners = [
        {"listen": f"127.0.0.1:{port}", "tls": "strict" if kind == "mtls" else "off",
         "upstream": f"127.0.0.1:{behind[name][0]}", "upstream_protocol": behind[name][1]}
        for (name, kind), port in ports.items()
    ]
    by_kind = {kind: [port for (_, of), port in ports.items() if of == kind] for kind in ("mtls", "plain")}
    podwall = Podwall(binary, folder / "sidecar", listeners, allowlist(by_kind), certs)
    programs.callback(podwall.end)
    podwall.wait_ready()

    for name, start in running.items():
        fronts = {(to, version): free_port() for to in ("web", "grpc", "echo") for version in ("1", "2")}
        routes = [proxies.Route(port, ports[to, "mtls"], version, tls=True) for (to, version), port in fronts.items()]
        programs.callback(start(folder / f"{name}-before", routes, certs).end)
        for version in ("1", "2"):
            url = f"http://127.0.0.1:{fronts['web', version]}"
            for check in (pass_through, denials):
                tally.check(f"{name}-before http{version} {check.__name__}", check, url, None, podwall, FRONTEND)
        tally.check(f"{name}-before sockets", sockets, f"http://127.0.0.1:{fronts['echo', '1']}", None, podwall, FRONTEND)
        tally.check(f"{name}-before grpc", grpc_calls, f"127.0.0.1:{fronts['grpc', '2']}", podwall, service)
        for speaks in ("http1", "http2"):
            for kind, files in (("mtls", certs), ("plain", None)):
                url = f"http{'s' if files else ''}://localhost:{ports[f'{name} {speaks}', kind]}"
                for check in (pass_through, denials):
                    tally.check(f"{name}-behind {speaks} {kind} {check.__name__}", check, url, files, podwall, None)
    files = [certs / name for name in ("ca.crt", "client.crt", "client.key")]
    for kind, words in (("mtls", files), ("plain", [])):
        scheme = "https" if words else "http"
        for to, received in (("tonic", lambda: said("received")), ("grpc", lambda: texts(service))):
            url = f"{scheme}://localhost:{ports[to, kind]}"
            service.cancelled.clear()
            tally.check(f"tonic-to-{to} {kind}", tonic_calls, tonic, url, words, podwall, received)
        tally.check(f"grpc-js {kind}", javascript_calls, f"{scheme}://localhost:{ports['grpc', kind]}", words, podwall)
    tally.check("tonic-deadlines", deadlines, said)


def deadlines(said):
    """`grpc-timeout` arrives as the client set it."""
    found = said("deadline")
    if not any(re.search(r"\d{5,6}u|\d{2,3}m", one) for one in found):
        raise Failed(found)


def texts(service):
    """What was received, as texts: field 1 of each message."""
    found = []
    for message in service.received:
        length = message[1] if message[:1] == b"\x0a" else 0
        found.append(message[2 : 2 + length].decode(errors="replace"))
    return found


if __name__ == "__main__":
    main()
