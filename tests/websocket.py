"""WebSockets through a real sidecar: Python's websockets on both sides, and Node's own client.

    tests/.venv/bin/python tests/websocket.py target/release/podwall

Told as tests/clients.py tells: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`; exit code 1 when one failed. Loopback only.
"""

import argparse
import contextlib
import json
import socket
import ssl
import tempfile
import threading
from pathlib import Path

from clients_kit.checks import Failed, Skipped, Tally, expect, run
from clients_kit.programs import Podwall, certificates, free_port

try:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect
    from websockets.sync.server import serve
except ImportError:
    connect = None

ATTACK = "x' UNION SELECT password FROM users --"
POLICY_VIOLATION = 1008


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


def malformed(door, echo, podwall):
    """A frame that is not masked: closed, and told by its name."""
    port, files = door
    if files:
        raise Skipped("in plaintext only")
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(
            b"GET /live HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        if b" 101 " not in head:
            raise Failed(head)
        client.sendall(b"\x81\x02hi")
        rest = b""
        while more := client.recv(4096):
            rest += more
        expect("close", rest[:1] + rest[2:4], b"\x88\x03\xf0")
    podwall.recorded(reason="websocket-mask")


NODE = """\
const url = process.argv[1];
const socket = new WebSocket(url);
const heard = [];
socket.onopen = () => socket.send("from node");
socket.onmessage = (event) => { heard.push(event.data); socket.send(process.argv[2]); };
socket.onclose = (event) => { console.log(JSON.stringify({ heard, code: event.code })); };
"""


def node(door, echo, podwall):
    port, files = door
    if files:
        raise Skipped("in plaintext only: Node's own client takes no client certificate")
    probe = run(["node", "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"])
    if probe.returncode != 0:
        raise Skipped("this Node has no WebSocket of its own")
    done = run(["node", "-e", NODE, f"ws://localhost:{port}/live", ATTACK], 30)
    found = json.loads(done.stdout)
    expect("heard and code", (found["heard"], found["code"]), (["from node"], POLICY_VIOLATION))


CHECKS = [
    ("messages", messages), ("attack", attack), ("too-large", too_large), ("malformed", malformed), ("node", node),
]


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
    doors = {"mtls": (free_port(), files), "plain": (free_port(), None)}
    listeners = [
        {"listen": f"127.0.0.1:{port}", "tls": "strict" if files else "off", "upstream": f"127.0.0.1:{echo.port}"}
        for port, files in doors.values()
    ]
    rule = {"name": "live", "from": "any", "methods": "GET", "path": "/live", "upgrade": ["websocket"]}
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "live"}, "owner": "team-tests"}
    allowlist = json.dumps({**head, "trustDomain": "cluster.test", "inbound": [rule]})
    podwall = Podwall(binary, folder / "sidecar", listeners, allowlist, certs)
    programs.callback(podwall.end)
    podwall.wait_ready()
    for name, door in doors.items():
        for check, function in CHECKS:
            tally.check(f"websocket-{check} {name}", function, door, echo, podwall)


if __name__ == "__main__":
    main()
