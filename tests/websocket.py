"""WebSockets through a real sidecar: Python's websockets on both sides, Node's own client, and npm's ws; on streams of HTTP/2
by Node's http2, as a client and as a server.

    tests/.venv/bin/python tests/websocket.py target/release/podwall

Told as tests/clients.py tells: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`; exit code 1 when one failed. Loopback only.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import quote

import h2.connection
import h2.events
from clients_kit.checks import Failed, Skipped, Tally, expect, run
from clients_kit.programs import Podwall, certificates, free_port
from clients_kit.serving import Serving

try:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect
    from websockets.sync.server import serve
except ImportError:
    connect = None

ATTACK = "x' UNION SELECT password FROM users --"
POLICY_VIOLATION = 1008
HERE = Path(__file__).parent
NODE_ENV = {**os.environ, "NODE_PATH": str(HERE / "node_modules")}


class Echo:
    """Sends every message back, and keeps what it was given."""

    def __init__(self):
        self.received = []
        self.closed = threading.Event()
        self.code = None
        self.offered = None
        self.server = serve(self.talk, "127.0.0.1", 0, max_size=None)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def talk(self, connection):
        self.closed.clear()
        self.offered = connection.request.headers.get("Sec-WebSocket-Extensions")
        try:
            for message in connection:
                self.received.append(message)
                connection.send(message)
        except ConnectionClosed:
            pass
        self.code = connection.close_code
        self.closed.set()


def dial(door, **options):
    port, files = door
    context = None
    if files:
        ca, cert, key = files
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(cert, key)
    scheme = "wss" if files else "ws"
    return connect(f"{scheme}://localhost:{port}/live", ssl=context, max_size=None, proxy=None, **options)


def messages(door, echo, _):
    """Text, bytes, what comes in fragments; the offer of compression does not reach the server."""
    with dial(door) as client:
        for message in ("good morning", b"\0\1\2" * 1000, "x" * 100_000):
            client.send(message)
            expect("echo", client.recv(timeout=10) == message, True)
        client.send(iter(["in ", "three ", "pieces"]))
        expect("echo", client.recv(timeout=10), "in three pieces")
        if not client.ping().wait(10):
            raise Failed("no pong")
    expect("offered", echo.offered, None)


def ends(client, podwall, reason):
    """The connection is closed with 1008 and the event's id."""
    try:
        client.recv(timeout=10)
    except ConnectionClosed as closed:
        expect("code", closed.rcvd and closed.rcvd.code, POLICY_VIOLATION)
        line = podwall.recorded(event=closed.rcvd.reason)
        expect("reason", line["reason"], reason)
        return
    raise Failed("answered")


def attack(door, echo, podwall):
    """A denied message does not arrive, in any form; the server is told that it is over."""
    pieces = iter([ATTACK[:12], ATTACK[12:20], ATTACK[20:]])
    for message in (ATTACK, ATTACK.encode(), json.dumps({"q": ATTACK}), pieces):
        echo.received.clear()
        with dial(door) as client:
            client.send("before")
            expect("echo", client.recv(timeout=10), "before")
            client.send(message)
            ends(client, podwall, "attack-detected")
        if not echo.closed.wait(10):
            raise Failed("the server is not told")
        expect("arrived", echo.received, ["before"])
        expect("the server's code", echo.code, POLICY_VIOLATION)


def too_large(door, echo, podwall):
    echo.received.clear()
    with dial(door) as client:
        client.send("a" * (256 << 10))
        expect("echo", len(client.recv(timeout=10)), 256 << 10)
        with contextlib.suppress(ConnectionClosed):
            client.send("a" * ((256 << 10) + 1))
        ends(client, podwall, "websocket-message-too-large")
    expect("arrived", len(echo.received), 1)


HANDSHAKE = (
    b"GET /live HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@contextlib.contextmanager
def raw(door):
    """A connection whose frames are written by hand; what it gives reads the answer to its end, the head apart."""
    port, files = door
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        if files:
            context = ssl.create_default_context(cafile=files[0])
            context.load_cert_chain(*files[1:])
            client = context.wrap_socket(client, server_hostname="localhost")
        client.sendall(HANDSHAKE)
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096) or b"\r\n\r\n"
        head, _, rest = head.partition(b"\r\n\r\n")

        def heard():
            said = rest
            with contextlib.suppress(OSError):
                while more := client.recv(4096):
                    said += more
            return head, said

        yield client, heard


def masked(first, payload):
    return bytes([first, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def malformed(door, echo, podwall):
    """What breaks the framing: closed, and told by its name."""
    for frames, reason in (
        (b"\x81\x02hi", "websocket-mask"),
        (masked(0xC1, b"hi"), "websocket-reserved"),
        (masked(0x80, b"hi"), "websocket-fragment"),
        (masked(0x01, b"a") + masked(0x81, b"b"), "websocket-fragment"),
        (masked(0x09, b"a"), "websocket-control"),
        (masked(0x81, b"\xff\xfe"), "websocket-text"),
        (masked(0x88, b"\x03"), "websocket-close"),
        (masked(0x88, b"\x03\xe8") + masked(0x81, b"more"), "websocket-after-close"),
    ):
        echo.received.clear()
        with raw(door) as (client, heard):
            client.sendall(frames)
            head, said = heard()
        expect("status", head.split()[1], b"101")
        at = said.rfind(b"\x88")
        expect(f"close after {frames}", said[at + 2 : at + 4], b"\x03\xf0")
        podwall.recorded(reason=reason, event=said[at + 4 :].decode())
        expect("arrived", echo.received, [])


class Wild(Serving):
    """A server that answers the handshake and then says what it is told to, right or wrong."""

    def __init__(self):
        self.says, self.extra = b"", b""
        super().__init__()

    def talk(self, client):
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096) or b"\r\n\r\n"
            proof = hashlib.sha1(b"dGhlIHNhbXBsZSBub25jZQ==" + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            client.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: "
                + base64.b64encode(proof) + b"\r\n" + self.extra + b"\r\n" + self.says
            )
            while client.recv(4096):
                pass


def server_malformed(door, wild, podwall):
    """A server that breaks the rules is cut off too: nothing of what breaks them arrives."""
    for frames, reason in (
        (masked(0x81, b"hi"), "websocket-mask"),
        (b"\xc1\x02hi", "websocket-reserved"),
        (b"\x80\x02hi", "websocket-fragment"),
        (b"\x09\x00", "websocket-control"),
        (b"\x81\x01\xff", "websocket-text"),
        (b"\x88\x02\x03\xed", "websocket-close"),
        (b"\x88\x00\x81\x02hi", "websocket-after-close"),
        (b"\x81\x7e\x00\x02hi", "websocket-length"),
    ):
        wild.says, wild.extra = b"\x81\x05first" + frames, b""
        with raw(door) as (_, heard):
            head, said = heard()
        if not said.startswith(b"\x81\x05first") or b"hi" in said:
            raise Failed(f"{frames}: the client heard {said}")
        podwall.recorded(reason=reason, upstream_status=101)
    wild.says, wild.extra = b"", b"sec-websocket-extensions: permessage-deflate\r\n"
    with raw(door) as (_, heard):
        head, _ = heard()
    expect("status when it compresses unasked", head.split()[1], b"502")
    podwall.recorded(reason="http1-switch-extension")


def watched(door, echo, podwall):
    """On a port that watches its answers, the server's messages are looked at like any answer."""
    card, key = "4111 1111 1111 1111", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg"
    with dial(door) as client:
        client.send(f"card {card} of ours")
        expect("echo", client.recv(timeout=10), f"card {'*' * len(card)} of ours")
        client.send(iter(["in ", "pieces ", card]))
        expect("echo", client.recv(timeout=10), "in pieces " + "*" * len(card))
        client.send(key)
        ends(client, podwall, "response-leak")


class Proxy(Serving):
    """A server that takes CONNECT, and answers what it is asked inside of the tunnel."""

    def __init__(self):
        self.received = []
        super().__init__()

    def talk(self, client):
        with client, client.makefile("rb") as reader, contextlib.suppress(OSError):
            while line := reader.readline():
                self.received.append(line)
                while reader.readline().strip():
                    pass
                if line.startswith(b"CONNECT"):
                    client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                else:
                    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\ninside")


GOOD = b"GET /live HTTP/1.1\r\nhost: shop\r\n\r\n"
# What must not go on inside of a tunnel, and what is said to it.
BAD = (
    (b"GET /secret HTTP/1.1\r\nhost: shop\r\n\r\n", b"403"),
    (f"GET /live?q={quote(ATTACK)} HTTP/1.1\r\nhost: shop\r\n\r\n".encode(), b"403"),
    (b"SSH-2.0-OpenSSH_9.2\r\n" * 4, b"400"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60), b"400"),
)


class Tunnel:
    """A CONNECT on a stream of HTTP/2, and what is sent and read through it."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.protocol = h2.connection.H2Connection()
        self.protocol.initiate_connection()
        self.protocol.send_headers(1, [(":method", "CONNECT"), (":authority", "shop:80")])
        self.status, self.data, self.ended = None, b"", False
        self.until(lambda: self.status)

    def until(self, done):
        self.socket.sendall(self.protocol.data_to_send())
        while not done() and not self.ended:
            for event in self.protocol.receive_data(self.socket.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    self.status = dict(event.headers)[b":status"]
                elif isinstance(event, h2.events.DataReceived):
                    self.data += event.data
                    self.protocol.acknowledge_received_data(event.flow_controlled_length, 1)
                self.ended |= isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset))
            self.socket.sendall(self.protocol.data_to_send())

    def ask(self, request, done):
        self.data = b""
        self.protocol.send_data(1, request)
        self.until(lambda: done(self.data))
        return self.data


def connect_tunnel_on_stream(door, proxy, podwall):
    """The same through a CONNECT on a stream of HTTP/2; and without a grant there is none."""
    for second, status in BAD:
        proxy.received.clear()
        tunnel = Tunnel(door[0])
        with tunnel.socket:
            expect("tunnel", tunnel.status, b"200")
            for _ in range(2):
                expect("inside", tunnel.ask(GOOD, lambda data: data.endswith(b"inside"))[:12], b"HTTP/1.1 200")
            said = tunnel.ask(second, lambda data: b"\r\n\r\n" in data)
            expect(f"status of {second[:20]}", said.split()[1], status)
        expect("arrived", [line.split()[0] for line in proxy.received], [b"CONNECT", b"GET", b"GET"])


def connect_denied_on_stream(door, echo, podwall):
    """No rule grants a tunnel."""
    tunnel = Tunnel(door[0])
    with tunnel.socket:
        tunnel.until(lambda: False)
        expect("status", (tunnel.status, tunnel.ended), (b"403", True))
    podwall.recorded(reason="policy-no-rule", action="CONNECT")


def connect_tunnel(door, proxy, podwall):
    """Inside of a granted CONNECT every request is judged like any other; what is none is refused."""
    opened = b"CONNECT shop:80 HTTP/1.1\r\nhost: shop:80\r\n\r\n"
    for second, status in BAD:
        proxy.received.clear()
        with socket.create_connection(("127.0.0.1", door[0]), 10) as client, client.makefile("rb") as reader:
            client.sendall(opened)
            expect("tunnel", reader.readline().split()[1], b"200")
            while reader.readline().strip():
                pass
            for _ in range(2):
                client.sendall(GOOD)
                expect("inside", reader.readline().split()[1], b"200")
                while reader.readline().strip():
                    pass
                expect("answer", reader.read(6), b"inside")
            client.sendall(second)
            expect(f"status of {second[:20]}", reader.readline().split()[1], status)
        expect("arrived", [line.split()[0] for line in proxy.received], [b"CONNECT", b"GET", b"GET"])


def tunnels(door, echo, podwall):
    """Nothing else is upgraded to: the offer does not reach the server, and what follows is read as HTTP."""
    port, _ = door
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"GET /live HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: tcp-tunnel\r\n\r\n")
        answer = client.recv(4096)
        if b" 101 " in answer:
            raise Failed(answer)
        client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 4)
        rest = b""
        with contextlib.suppress(OSError):
            while more := client.recv(4096):
                rest += more
    expect("status", rest.split()[1] if rest else b"", b"400")


NODE = """\
const url = process.argv[1];
const socket = new WebSocket(url);
const heard = [];
socket.onopen = () => socket.send("from node");
socket.onmessage = (event) => { heard.push(event.data); socket.send(process.argv[2]); };
socket.onclose = (event) => { console.log(JSON.stringify({ heard, code: event.code })); };
"""


def node(door, echo, podwall):
    """Node's own client, which takes no certificate."""
    if shutil.which("node") is None:
        raise Skipped("no node")
    # Version 20 has it behind a flag, which later ones take too.
    words = ["node", "--experimental-websocket", "-e", NODE, f"ws://localhost:{door[0]}/live", ATTACK]
    done = run(words, 60)
    if not done.stdout:
        raise Failed(done.stderr)
    found = json.loads(done.stdout)
    expect("heard and code", (found["heard"], found["code"]), (["from node"], POLICY_VIOLATION))


def node_ws(door, echo, podwall):
    """npm's ws, which offers compression."""
    if not (HERE / "node_modules" / "ws").is_dir():
        raise Skipped("no ws in tests/node_modules")
    port, files = door
    url = f"{'wss' if files else 'ws'}://localhost:{port}/live"
    done = run(["node", HERE / "clients_kit" / "node_websocket.js", url, ATTACK, *(files or [])], 60, env=NODE_ENV)
    if not done.stdout:
        raise Failed(done.stderr)
    found = json.loads(done.stdout)
    expect("heard", found["heard"], ["pong are you there", "text from node"])
    expect("code and extensions", (found["code"], found["extensions"]), (POLICY_VIOLATION, ""))
    podwall.recorded(event=found["reason"], reason="attack-detected")
    expect("offered", echo.offered, None)


STREAMS = Path(__file__).parent / "clients_kit" / "stream_socket.js"


class Streams:
    """Node's server of WebSockets on streams; what it was given."""

    def __init__(self):
        self.program = subprocess.Popen(["node", STREAMS, "serve"], stdout=subprocess.PIPE, text=True)
        self.port = self.told()["port"]

    def told(self):
        return json.loads(self.program.stdout.readline())

    def messages(self):
        """The messages of one conversation, and the code that ended it."""
        received, offered = [], self.told()
        while "message" in (told := self.told()):
            received.append(told["message"])
        return offered, received, told["code"]

    def end(self):
        self.program.kill()
        self.program.wait()


def talk(door, *messages, **more):
    if shutil.which("node") is None:
        raise Skipped("no node")
    port, files = door
    url = f"{'https' if files else 'http'}://localhost:{port}"
    call = {"url": url, **dict(zip(("ca", "cert", "key"), files or [])), "messages": messages, **more}
    done = run(["node", STREAMS, "talk", json.dumps(call)], 30)
    if done.returncode != 0:
        raise Failed(done.stderr)
    return json.loads(done.stdout)


def stream(door, echo, podwall):
    """A WebSocket on a stream: granted like any other, each message judged."""
    echo.received.clear()
    found = talk(door, "good morning", "x" * 1000)
    heard = (found["enabled"], found["status"], found["heard"], found["code"])
    expect("enabled, status, heard, code", heard, (True, 200, ["good morning", "x" * 1000], 1000))
    expect("offered", echo.offered, None)
    echo.received.clear()
    found = talk(door, "before", ATTACK)
    expect("heard and code", (found["heard"], found["code"]), (["before"], POLICY_VIOLATION))
    line = podwall.recorded(event=found["reason"])
    expect("record", (line["reason"], line["protocol"]), ("attack-detected", "http2"))
    if not echo.closed.wait(10):
        raise Failed("the server is not told")
    expect("arrived and code", (echo.received, echo.code), (["before"], POLICY_VIOLATION))


def stream_denied(door, echo, podwall):
    """What no rule grants, and what is no WebSocket."""
    found = talk(door, path="/other")
    expect("status", found["status"], 403)
    expect("reason", podwall.recorded(event=found["event"])["reason"], "policy-no-rule")
    found = talk(door, fields={":protocol": "connect-udp"})
    expect("status", found["status"], 501)
    expect("reason", podwall.recorded(event=found["event"])["reason"], "http2-connect")
    found = talk(door, fields={"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="})
    expect("status", found["status"], 400)


def stream_to_stream(door, streams, podwall):
    """The upstream is asked on a stream, too, if it says that it takes them."""
    offers = {"sec-websocket-extensions": "permessage-deflate", "sec-websocket-protocol": "chat"}
    found = talk(door, "good morning", "x" * 1000, fields=offers)
    heard = (found["status"], found["protocol"], found["heard"], found["code"])
    expect("status, protocol, heard, code", heard, (200, "chat", ["good morning", "x" * 1000], 1000))
    expect("arrived", streams.messages(), ({}, ["good morning", "x" * 1000], 1000))
    found = talk(door, "before", ATTACK)
    expect("heard and code", (found["heard"], found["code"]), (["before"], POLICY_VIOLATION))
    expect("arrived", streams.messages(), ({}, ["before"], POLICY_VIOLATION))


def own_to_stream(door, streams, _):
    """A client of HTTP/1.1 reaches it as well."""
    with dial(door) as client:
        client.send("good morning")
        expect("echo", client.recv(timeout=10), "good morning")
    expect("arrived", streams.messages(), ({}, ["good morning"], 1000))


BOTH = [
    ("stream", stream), ("stream-denied", stream_denied),
    ("messages", messages), ("attack", attack), ("too-large", too_large), ("malformed", malformed), ("node-ws", node_ws)]
PLAIN = [("node", node), ("tunnels", tunnels)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podwall", type=Path)
    options = parser.parse_args()
    tally = Tally()
    if connect is None:
        tally.check("websockets", missing)
        tally.finish()
    with tempfile.TemporaryDirectory(prefix="podwall-websocket-") as folder, contextlib.ExitStack() as programs:
        everything(tally, options.podwall.resolve(), Path(folder), programs)
    tally.finish()


def missing():
    raise Skipped("no Python package websockets")


def everything(tally, binary, folder, programs):
    certs = certificates(binary, folder / "pki")
    echo = Echo()
    files = [str(certs / name) for name in ("ca.crt", "client.crt", "client.key")]
    wild = Wild()
    doors = {"mtls": (free_port(), files), "plain": (free_port(), None), "watched": (free_port(), None)}
    behind = {name: echo.port for name in doors}
    doors["wild"], behind["wild"] = (free_port(), None), wild.port
    proxy = Proxy()
    doors["proxy"], behind["proxy"] = (free_port(), None), proxy.port
    listeners = [
        {"listen": f"127.0.0.1:{port}", "tls": "strict" if files else "off", "upstream": f"127.0.0.1:{behind[name]}"}
        for name, (port, files) in doors.items()
    ]
    if shutil.which("node"):
        streams = Streams()
        programs.callback(streams.end)
        doors["streams"] = (free_port(), None)
        listeners.append(
            {
                "listen": f"127.0.0.1:{doors['streams'][0]}", "tls": "off", "upstream": f"127.0.0.1:{streams.port}",
                "upstream_protocol": "http2",
            }
        )
    rule = {"name": "live", "from": "any", "methods": "GET", "path": "/live", "upgrade": ["websocket"]}
    plain = {"name": "plain", "from": "any", "methods": "GET", "path": "/live"}
    tunnel = {"name": "tunnel", "from": "any", "methods": "CONNECT", "port": doors["proxy"][0]}
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "live"}, "owner": "team-tests"}
    ports = {doors["watched"][0]: {"responses": {"cardNumbers": "mask", "privateKeys": "block"}}}
    allowlist = json.dumps({**head, "trustDomain": "cluster.test", "inbound": [rule, plain, tunnel], "ports": ports})
    podwall = Podwall(binary, folder / "sidecar", listeners, allowlist, certs)
    programs.callback(podwall.end)
    podwall.wait_ready()
    for name in ("mtls", "plain"):
        for check, function in BOTH + PLAIN * (name == "plain"):
            tally.check(f"websocket-{check} {name}", function, doors[name], echo, podwall)
    tally.check("websocket-watched", watched, doors["watched"], echo, podwall)
    tally.check("websocket-connect", connect_tunnel, doors["proxy"], proxy, podwall)
    tally.check("websocket-connect http2", connect_tunnel_on_stream, doors["proxy"], proxy, podwall)
    tally.check("websocket-connect http2 denied", connect_denied_on_stream, doors["plain"], echo, podwall)
    tally.check("websocket-server-malformed", server_malformed, doors["wild"], wild, podwall)
    if shutil.which("node"):
        tally.check("websocket-stream-to-stream", stream_to_stream, doors["streams"], streams, podwall)
        tally.check("websocket-own-to-stream", own_to_stream, doors["streams"], streams, podwall)


if __name__ == "__main__":
    main()
