"""Backends that act on what they have before the rest has come: short reads like those of CGI, JSON lines one by one, gRPC
client streams, WebSocket messages. They say what they acted on: nothing of a unit that is denied.

    tests/.venv/bin/python tests/prefixes.py target/release/podwall

Told as tests/clients.py tells: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`; exit code 1 when one failed. Loopback only.
"""

import contextlib
import json
import queue
import random
import socket
import threading
from collections import defaultdict

import grpc
from clients_kit import calls
from clients_kit.checks import Failed, expect, main
from clients_kit.programs import Podwall, certificates, free_port, until
from clients_kit.serving import Serving
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

HELD = 16 << 10
# Whatever a backend has of a denied unit begins with this.
MARK = "MARKED"
ATTACK = f"{MARK} x' UNION SELECT card, cvv FROM payments --"


class Hasty(Serving):
    """An HTTP/1.1 server that acts on every byte of a body as soon as it has it."""

    def __init__(self):
        self.acted, self.busy = defaultdict(bytearray), 0
        super().__init__()

    def talk(self, client):
        with client, client.makefile("rb", buffering=0) as reader, contextlib.suppress(OSError, ValueError):
            while line := self.line(reader):
                headers = {}
                while field := self.line(reader):
                    name, _, value = field.partition(b": ")
                    headers[name.lower()] = value
                self.busy += 1
                try:
                    self.act(reader, headers, self.acted[int(headers[b"x-run"])])
                finally:
                    self.busy -= 1
                client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def act(self, reader, headers, acted):
        if b"transfer-encoding" not in headers:
            return self.take(reader, int(headers.get(b"content-length", 0)), acted)
        while size := int(self.line(reader), 16):
            self.take(reader, size, acted)
            self.line(reader)
        self.line(reader)

    def line(self, reader):
        line = b""
        while not line.endswith(b"\r\n") and (byte := reader.read(1)):
            line += byte
        return line.strip()

    def take(self, reader, left, acted):
        while left and (piece := reader.read(min(left, 7))):
            acted += piece
            left -= len(piece)


def play(doors, hasty, path, kind, bodies):
    """Sends each body, and gives what the backend acted on of each."""
    hasty.acted.clear()
    for run, pieces in enumerate(bodies):
        status = talk(doors["web"], path, pieces, f"{kind}\r\nx-run: {run}", run % 2 == 0)
        if status not in ("403", "reset"):
            raise Failed(f"status {status}")
    # Whatever has come before this one has been taken when it is answered.
    expect("status of an honest one", talk(doors["web"], path, [b"tea"], "text/plain\r\nx-run: -1"), "200")
    until("the backend is done", lambda: not hasty.busy)
    return [bytes(hasty.acted[run]).decode() for run in range(len(bodies))]


def talk(port, path, pieces, kind, chunked=True):
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        framing = "transfer-encoding: chunked" if chunked else f"content-length: {sum(map(len, pieces))}"
        client.sendall(f"POST {path} HTTP/1.1\r\nhost: shop\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n".encode())
        with contextlib.suppress(OSError):  # refused before its end
            for piece in pieces:
                client.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            client.sendall(b"0\r\n\r\n" if chunked else b"")
        answer = b""
        with contextlib.suppress(OSError):
            answer = client.recv(4096)
    return answer.split()[1].decode() if answer else "reset"


def cut(content, draw):
    """Pieces of random lengths."""
    at, found = 0, []
    while at < len(content):
        length = draw.choice((1, 3, 17, 200, 1500, 9000))
        found.append(content[at : at + length])
        at += length
    return found


def held(doors, hasty, podwall, _):
    """A body that is held whole: the backend acts on nothing of it, however it comes."""
    draw = random.Random(7)
    bodies = [{"note": "tea " * draw.randrange(500), "q": ATTACK, "rest": "more " * draw.randrange(500)} for _ in range(20)]
    pieces = [cut(json.dumps(body).encode(), draw) for body in bodies]
    expect("acted on", play(doors, hasty, "/held", "application/json", pieces), [""] * 20)


def json_lines(doors, hasty, podwall, _):
    """A stream of lines: those before the denied one may have been acted on, whole; of it and behind it, nothing."""
    draw = random.Random(11)
    before = [[json.dumps({"n": at, "note": "a kettle and two cups " * draw.randrange(1, 30)}) for at in range(120)]
              for _ in range(20)]
    behind = [json.dumps({"n": "bad", "q": ATTACK}), *[json.dumps({"n": "AFTER"})] * 5]
    pieces = [cut("".join(line + "\n" for line in [*lines, *behind]).encode(), draw) for lines in before]
    delivered = 0
    for lines, acted in zip(before, play(doors, hasty, "/stream", "application/x-ndjson", pieces)):
        if MARK in acted or "AFTER" in acted or '"bad"' in acted:
            raise Failed(f"acted on {acted[-200:]}")
        whole = acted.split("\n")[:-1]
        expect("lines before it", whole, lines[: len(whole)])
        delivered += len(whole)
    return f"{delivered} lines of 2400 were delivered before"


def halting(doors, hasty, podwall, _):
    """The denied line stops in its middle: the lines before it arrive meanwhile, and nothing of it."""
    hasty.acted.clear()
    before = "".join(json.dumps({"n": at, "note": "a kettle and two cups " * 20}) + "\n" for at in range(60))
    bad = json.dumps({"n": "bad", "q": ATTACK})
    for run, stop in enumerate((3, 12, 25, 31, 40, len(bad) - 2)):
        with socket.create_connection(("127.0.0.1", doors["web"]), 20) as client:
            head = f"POST /stream HTTP/1.1\r\nhost: shop\r\ncontent-type: application/x-ndjson\r\nx-run: {run}\r\n"
            client.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
            first = (before + bad[:stop]).encode()
            client.sendall(b"%x\r\n%s\r\n" % (len(first), first))
            until("the lines before it arrive", lambda: before.rstrip() in hasty.acted[run].decode())
            rest = (bad[stop:] + "\n").encode()
            client.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest))
            with contextlib.suppress(OSError):
                expect("status", client.recv(4096).split()[1:2] in ([b"403"], []), True)
        expect(f"acted on when it stops at {stop}", hasty.acted[run].decode().strip(), before.strip())


def multipart(doors, hasty, podwall, _):
    """A stream of fields: nothing of the content of the denied one."""
    draw = random.Random(13)
    field = lambda name, value: f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
    end = field("bad", ATTACK) + field("after", "AFTER") + "--edge--\r\n"
    bodies = ["".join(field(f"f{at}", "two cups of tea " * draw.randrange(1, 60)) for at in range(60)) for _ in range(10)]
    pieces = [cut((body + end).encode(), draw) for body in bodies]
    delivered = play(doors, hasty, "/stream", "multipart/form-data; boundary=edge", pieces)
    for acted in delivered:
        if MARK in acted or "AFTER" in acted:
            raise Failed(f"acted on {acted[-200:]}")
    return f"{sum(map(len, delivered))} bytes were delivered before"


def client_stream(doors, hasty, podwall, service):
    """A gRPC client stream: the service is handed each message as it comes, and never the denied one."""
    for position in (0, 1, 5):
        service.received.clear()
        to_send = queue.Queue()
        words = [f"order {number}" for number in range(position)]
        with calls.Client(f"127.0.0.1:{doors['grpc']}") as client:
            answer = client.channel.stream_unary("/shop.Orders/Collect").future(iter(to_send.get, None), timeout=20)
            for number, word in enumerate(words, 1):
                to_send.put(calls.order(word))
                until("the message arrives", lambda: len(service.received) == number)
            for word in (ATTACK, "AFTER"):
                to_send.put(calls.order(word))
            to_send.put(None)
            expect("status", answer.exception().code(), grpc.StatusCode.PERMISSION_DENIED)
        expect("acted on", service.received, [calls.order(word) for word in words])


def websocket(doors, hasty, podwall, _):
    """Messages in fragments: each is acted on when it is whole and judged, nothing of the denied one."""
    acted = []

    def back(connection):
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                acted.append(message)
                connection.send(message)

    server = serve(back, "127.0.0.1", doors["websocket-behind"], max_size=None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for position in (0, 1, 5):
            acted.clear()
            words = [f"word {number}" for number in range(position)]
            with connect(f"ws://127.0.0.1:{doors['websocket']}/live", proxy=None) as client:
                for word in words:
                    client.send(iter([word[:2], word[2:]]))
                    expect("echo", client.recv(timeout=10), word)
                with contextlib.suppress(ConnectionClosed):
                    client.send(iter([ATTACK[:9], ATTACK[9:20], ATTACK[20:]]))
                    client.send("AFTER")
                    client.recv(timeout=10)
                    raise Failed("answered")
            expect("acted on", acted, words)
    finally:
        server.shutdown()


CHECKS = [held, json_lines, halting, multipart, client_stream, websocket]


def everything(tally, binary, folder, programs):
    certs = certificates(binary, folder / "pki")
    hasty, service = Hasty(), calls.Service()
    programs.callback(service.end)
    doors = {name: free_port() for name in ("web", "grpc", "websocket", "websocket-behind")}
    behind = {"web": (hasty.port, "http1"), "grpc": (service.port, "http2"), "websocket": (doors["websocket-behind"], "http1")}
    listeners = [
        {"listen": f"127.0.0.1:{doors[name]}", "tls": "off", "upstream": f"127.0.0.1:{port}", "upstream_protocol": speaks}
        for name, (port, speaks) in behind.items()
    ]
    rules = [
        {"from": "any", "methods": "POST", "path": "/held"},
        {"from": "any", "methods": "POST", "path": "/stream", "stream": True},
        {"from": "any", "grpc": "shop.Orders/Collect"},
        {"from": "any", "methods": "GET", "path": "/live", "upgrade": ["websocket"]},
    ]
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "prefixes"}, "owner": "team-tests"}
    allowlist, limits = json.dumps({**head, "inbound": rules}), f"limits: {{inspect_bytes: {HELD >> 10}KiB}}\n"
    podwall = Podwall(binary, folder / "sidecar", listeners, allowlist, certs, more=limits)
    programs.callback(podwall.end)
    podwall.wait_ready()
    for check in CHECKS:
        tally.check(f"prefix-{check.__name__.replace('_', '-')}", check, doors, hasty, podwall, service)


if __name__ == "__main__":
    main(__doc__, "prefixes", everything)
