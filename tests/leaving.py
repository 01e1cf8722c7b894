"""What is granted and misused: budgets of bytes, tunnels and lookups inside of HTTP, miners, connections that a reload cuts.

    tests/.venv/bin/python tests/leaving.py target/release/podwall

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed. Needs root: everything
happens in network namespaces that it makes and removes itself. Each tunnel is tried past the sidecar first: it is a real one.
"""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from clients_kit.checks import Failed, Skipped, expect, main
from clients_kit.programs import Program, until
from egress import SAY, TALK, ssh
from egress_kit.world import HOSTILE, OTHER, PATH, WEB, WEB6, check_all

RULES = """\
- {name: small, to: raw.example, port: 7000, protocol: tcp, budget: 64KiB/h}
- {name: each, to: ["*.example", 10.99.54.0/24], port: 7008, protocol: tcp, budget: 64KiB/h}
- {name: told, to: raw.example, port: 7002, protocol: tcp, budget: 1KiB/h, action: record}
- {name: banned, to: raw.example, port: 7003, protocol: tcp, budget: 1KiB/h, action: ban 1h}
- {name: shells told, to: raw.example, port: 7004, protocol: tcp, action: record}
- {name: beats, to: raw.example, port: [7010, 7011, 7012, 7013, 7014, 7015], protocol: tcp}
- {name: beatless, to: raw.example, port: 7016, protocol: tcp, beacons: deny}
- {name: beats are recorded, to: raw.example, port: 7017, protocol: tcp, action: record}
- {name: posts, to: web.example, port: 80, budget: 200KiB/h}
- {name: live, to: web.example, port: [8081, 8084], upgrade: [websocket]}
- http to web.example:8082
- http to web.example:8083
- http to web.example:8085
- web.example:2375 docker
- raw.example:7005 redis
- six.example:7006 tcp
- raw.example:3306 mysql
- raw.example:3307 mysql
- raw.example:443 tls
- {name: to be withdrawn, to: raw.example, port: 7007, protocol: tcp}
- dns to login.example
"""
CACHES = f"""\
caches:
- {{name: sessions, to: raw.example, port: 6379, keys: {{"session:*": [read, write]}}}}
- {{name: by address, to: {OTHER}, port: 6380, keys: {{"session:*": read}}}}
"""
ALLOWLIST = """\
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: leaving}
owner: team-tests
"""


def rules(text, mode="enforce"):
    return f"{ALLOWLIST}mode: {mode}\noutbound:\n{text}{CACHES}"


def say(world, host, port, *pieces):
    return world.python(SAY.format(host=host, port=port, pieces=list(pieces))).stdout.strip()


def cut(said):
    """Nothing came back: a reset, be it before the first word; or before the client says that it is done (ENOTCONN)."""
    if said not in ("", "ConnectionResetError", "BrokenPipeError", "OSError"):
        raise Failed(f"said {said[:100]}")


def say_all(world, host, port, data, then=""):
    """More than fits a command."""
    file = world.folder / "said"
    file.write_bytes(data)
    code = SAY.format(host=host, port=port, pieces="PIECES").replace("'PIECES'", f"[open({str(file)!r}, 'rb').read()]")
    return world.python(code.replace("client.shutdown(socket.SHUT_WR)", then) if then else code).stdout.strip()


def talkers(world):
    """Servers that say everything in capital letters."""
    for address, ports in ((OTHER, (443, 7000, 7002, 7003, 7004, 7005, 7007, 7008, *range(7010, 7018))), (WEB, (7008,)), (HOSTILE, (7008,)), (WEB6, (7006, 7009))):
        for port in ports:
            code = TALK.format(address=address, port=port)
            if address == WEB6:
                code = code.replace("))", "), family=socket.AF_INET6)", 1)
            world.start(f"talker-{address}-{port}", sys.executable, "-c", code)
    for address, port in ((OTHER, 7007), (WEB6, 7009)):
        world.listening(address, port)


def budget_to_its_last_byte(world):
    answer = say_all(world, "raw.example", 7000, b"\x01" * 65536)
    expect("answer", (len(answer), answer[-8:]), (65536 * 4 + 10, "THE END'"))
    cut(say(world, "raw.example", 7000, b"\x01"))
    line = world.sidecar.recorded(reason="egress-budget", port=7000)
    expect("detail", line["detail"], "65537 bytes of 65536 per 3600 s would have left to raw.example")


def budget_of_each_destination(world):
    """One rule for names and a network: each destination has its own."""
    for host in ("raw.example", "web.example", HOSTILE):
        if not say_all(world, host, 7008, b"\x01" * 65536).endswith("THE END'"):
            raise Failed(f"{host}: within the budget")
    for host in ("raw.example", "web.example", HOSTILE):
        cut(say(world, host, 7008, b"\x01"))
        detail = f"65537 bytes of 65536 per 3600 s would have left to {host}"
        world.sidecar.recorded(reason="egress-budget", port=7008, detail=detail)


def budget_that_is_told(world):
    for _ in range(3):
        answer = say(world, "raw.example", 7002, b"\x01" * 3000)
        if not answer.endswith("THE END'"):
            raise Failed(f"did not pass: {answer[-40:]}")
    world.sidecar.recorded(reason="egress-budget", port=7002, mode="shadow")
    told = [line for line in world.sidecar.lines() if line.get("reason") == "egress-budget" and line.get("port") == 7002]
    expect("lines", len(told), 1)


def budget_that_bans(world):
    cut(say(world, "raw.example", 7003, b"\x01" * 3000))
    world.sidecar.recorded(reason="ban", port=7003)
    cut(say(world, "raw.example", 7002, b"\x01"))
    world.sidecar.recorded(reason="banned", port=7002)
    world.restart()


def budget_of_requests(world):
    body = world.folder / "body"
    body.write_bytes(b"x" * (100 << 10))
    post = ["-H", "Expect:", "--data-binary", f"@{body}", "http://web.example/"]
    expect("first", world.curl(*post).stdout[-3:], "501")
    expect("second", world.curl(*post).stdout[-3:], "403")
    world.sidecar.recorded(reason="egress-budget", port=80, action="POST")
    body.write_bytes(b"x" * (4 << 20))
    done = world.curl("-H", "Transfer-Encoding: chunked", "-H", "Expect:", "-T", body, "http://web.example/")
    if done.stdout[-3:] == "201":
        raise Failed(f"4 MiB left: {done.stdout}")
    line = world.sidecar.recorded(reason="egress-budget", port=80, action="PUT")
    if line.get("released", 0) > 200 << 10:
        raise Failed(f"{line['released']} bytes left")
    return f"{line.get('released', 0)} bytes of the streamed body had left"


def shell_that_is_told(world):
    answer = say(world, "raw.example", 7004, b"uid=0(root) gid=0(root) groups=0(root)\n")
    if "THE END" not in answer:
        raise Failed(f"did not pass: {answer}")
    world.sidecar.recorded(reason="attack-detected", port=7004, mode="shadow")


# What beats, at about one beat a second: a name, a port, whether each beat has a connection of its own, and how it is made.
BEATS = """
import json, os, socket, struct, threading, time
BEATS = 18
KINDS = {
    "sealed": (7010, False, lambda n: os.urandom(48)),
    "sealed, connection by connection": (7011, True, lambda n: os.urandom(48)),
    "keep-alive": (7012, False, lambda n: b"\\0\\0\\0\\x10\\xc0\\xff\\xee\\x90" + struct.pack(">Q", n)),
    "metrics pushes": (7013, True, lambda n: b"app.web-1.cpu 0.4%d %d\\n" % (n % 10, time.time())),
    "health checks": (7014, True, lambda n: b"\\x01ready?\\0\\xff\\xfe"),
    "connects alone": (7015, True, lambda n: b""),
    "plain where nothing beats": (7016, True, lambda n: b"alive\\n"),
    "sealed where it is recorded": (7017, False, lambda n: os.urandom(48)),
    "heartbeats of redis": (7005, False, lambda n: b"*1\\r\\n$4\\r\\nPING\\r\\n"),
}
answered = {name: 0 for name in KINDS}

def heard(client, bytes_sent):
    got = b""
    while len(got) < len(bytes_sent) and (more := client.recv(4096)):
        got += more
    return len(got) == len(bytes_sent)

def beat(name, port, anew, signal, began):
    client = None
    for n in range(BEATS):
        time.sleep(max(0, began + n + 0.03 * (n % 4) - time.monotonic()))
        try:
            if anew or client is None:
                client = socket.create_connection(("raw.example", port), 5)
                client.settimeout(5)
            beat = signal(n)
            client.sendall(beat)
            answered[name] += heard(client, beat)
            if anew:
                client.close()
        except OSError:
            if not anew:
                return

threads = [threading.Thread(target=beat, args=(name, *kind, time.monotonic())) for name, kind in KINDS.items()]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(answered))
"""


def beats(world):
    """What calls home is cut after eight even beats; what honest programs do at the same pace goes on."""
    answered = json.loads(world.python(BEATS).stdout)
    cut_off = {"sealed", "sealed, connection by connection", "plain where nothing beats"}
    # Eight in a row; a machine that stalls for half a beat makes it later, and never cuts what is honest.
    for name, beats_answered in answered.items():
        fits = 8 <= beats_answered < 18 if name in cut_off else beats_answered == 18
        expect(f"{name}: {beats_answered} answered", fits, True)
    found = {}
    for port, name, verdict, mode in (
        (7010, "beacon-sealed", "deny", "enforce"), (7011, "beacon-sealed", "deny", "enforce"),
        (7016, "beacon-regular", "deny", "enforce"), (7017, "beacon-sealed", "deny", "shadow"),
        (7012, "beacon-regular", "allow", "enforce"), (7013, "beacon-regular", "allow", "enforce"),
        (7014, "beacon-regular", "allow", "enforce"),
    ):
        line = world.sidecar.recorded(port=port, verdict=verdict, mode=mode)
        expect(f"{port}", line["evidence"][0]["signature"], name)
        found[port] = line["evidence"][0]["name"]
    for port in (7015, 7005):
        told = [line for line in world.sidecar.lines() if line.get("port") == port and line.get("line") == "judged"]
        expect(f"told of {port}", [line for line in told if "beacon" in json.dumps(line)], [])
    return f"{answered['sealed']} went on; {found[7011]}"


def named_inside(world):
    served = world.folder / "served"
    (served / "_ping").write_text("OK")
    world.start("docker", sys.executable, "-m", "http.server", 2375, "--bind", WEB, "--directory", served)
    world.listening(WEB, 2375)
    expect("docker", world.curl("http://web.example:2375/_ping").stdout, "OK\n200")
    expect("kubernetes", world.curl("http://web.example:2375/api/v1/pods").stdout[-3:], "403")
    line = world.sidecar.recorded(reason="policy-no-rule", resource="http://web.example/api/v1/pods")
    if "grants docker, not kubernetes" not in line["nearest"]:
        raise Failed(line["nearest"])


def lookup_in_http(world):
    expect("status", world.curl("-H", "Accept: application/dns-message", "http://web.example/any").stdout[-3:], "403")
    line = world.sidecar.recorded(reason="policy-no-rule", resource="http://web.example/any")
    if "grants http, not doh" not in line["nearest"]:
        raise Failed(line["nearest"])


# What the client sends is veiled by a key (0: it is not), so that a tunnel shows in what the server sends alone.
BRIDGE = """
import asyncio, websockets.asyncio.server as s
async def serve(socket):
    read, write = await asyncio.open_connection({address!r}, 22)
    async def up():
        async for message in socket:
            write.write(bytes(byte ^ {key} for byte in message))
        write.close()
    task = asyncio.create_task(up())
    while data := await read.read(65536):
        await socket.send(data)
async def main():
    async with s.serve(serve, {host!r}, {port}):
        await asyncio.Future()
asyncio.run(main())
"""
PROXY = """
import os, sys, threading, websockets.sync.client as c
socket = c.connect(sys.argv[1])
def up():
    while data := os.read(0, 65536):
        socket.send(bytes(byte ^ {key} for byte in data))
    socket.close()
threading.Thread(target=up, daemon=True).start()
for message in socket:
    os.write(1, message)
"""
GRPC_BRIDGE = """
import grpc, socket, threading
from concurrent.futures import ThreadPoolExecutor
from clients_kit.calls import content_of, order
def talk(key):
    def serve(messages, context):
        far = socket.create_connection(({address!r}, 22))
        def up():
            for message in messages:
                far.sendall(bytes(byte ^ key for byte in content_of(message)))
        threading.Thread(target=up, daemon=True).start()
        while data := far.recv(4096):
            yield order(content=data)
    return grpc.stream_stream_rpc_method_handler(serve)
server = grpc.server(ThreadPoolExecutor(8))
methods = {{"Plain": talk(0), "Veiled": talk(85)}}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", methods),))
server.add_insecure_port("{host}:8083")
server.start()
server.wait_for_termination()
"""
GRPC_PROXY = """
import grpc, os, sys
from clients_kit.calls import content_of, order
host, method = sys.argv[1:]
key = 85 if method == "Veiled" else 0
def up():
    while data := os.read(0, 4096):
        yield order(content=bytes(byte ^ key for byte in data))
with grpc.insecure_channel(host + ":8083") as channel:
    for message in channel.stream_stream("/t.T/" + method)(up()):
        os.write(1, content_of(message))
"""


def sshd(world):
    program = shutil.which("sshd", path=PATH)
    if program is None:
        raise Skipped("no sshd")
    key = world.folder / "host_key"
    if not key.exists():
        world.in_far("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        Path("/run/sshd").mkdir(exist_ok=True)
        words = ["-D", "-e", "-f", "/dev/null", "-o", f"HostKey={key}", "-o", "PidFile=none"]
        world.start("sshd", program, *words, "-o", f"ListenAddress={OTHER}:22")
        world.listening(OTHER, 22)


def logs_in(world, run, *options):
    """Whether ssh comes to the login."""
    words = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "ConnectTimeout=8", *options, "nobody@tunnel.example", "true"]
    return "Permission denied" in run(shutil.which("ssh"), *words, timeout=30).stderr


def tunnelled(world, by, **wanted):
    """No login through the sidecar, and one where nobody cuts it; the evidence. `by` makes the client's program of a host."""
    proxied = lambda host: ["-o", f"ProxyCommand={by(host)}"]
    if not logs_in(world, world.in_far, *proxied(WEB)):
        raise Failed("no tunnel where nobody cuts it")
    if logs_in(world, world.in_pod, *proxied("web.example")):
        raise Failed("it came to the login")
    line = world.sidecar.recorded(reason="attack-detected", **wanted)
    expect("signature", line["evidence"][0]["signature"], "tunnel-ssh")
    return line["evidence"][0]


def ssh_in_websocket(world, port, key):
    sshd(world)
    world.start(f"bridge-{port}", sys.executable, "-c", BRIDGE.format(address=OTHER, host=WEB, port=port, key=key))
    world.listening(WEB, port)
    proxy = world.folder / f"proxy-{port}.py"
    proxy.write_text(PROXY.format(key=key))
    evidence = tunnelled(world, lambda host: f"{sys.executable} {proxy} ws://{host}:{port}/", port=port)
    # Where nothing is veiled, either side may speak first.
    expect("in an answer", evidence["place"] == "response" or key == 0, True)


def ssh_in_grpc(world, method):
    sshd(world)
    names = {"address": OTHER, "host": WEB}
    path = {"env": {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "GRPC_DNS_RESOLVER": "native"}}
    proxy = world.folder / "grpc_proxy.py"
    if not proxy.exists():
        proxy.write_text(GRPC_PROXY.format(**names))
        world.start("grpc", sys.executable, "-c", GRPC_BRIDGE.format(**names), **path)
        world.listening(WEB, 8083)
    words = " ".join(f"{name}={path['env'][name]}" for name in ("PYTHONPATH", "GRPC_DNS_RESOLVER"))
    by = lambda host: f"env {words} {sys.executable} {proxy} {host} {method}"
    evidence = tunnelled(world, by, resource=f"http://web.example/t.T/{method}")
    expect("in an answer", evidence["place"] == "response" or method == "Plain", True)


ANSWERS = """
import http.server
class Serve(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        pieces = {answers!r}[self.path[1:]]
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        if len(pieces) == 1:
            self.send_header("Content-Length", str(len(pieces[0])))
            self.end_headers()
            self.wfile.write(pieces[0])
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\\r\\n\\r\\n")
http.server.ThreadingHTTPServer(({host!r}, 8085), Serve).serve_forever()
"""


def carrier_in_an_answer(world):
    """What an answer begins with is a tunnel; what a file holds, or a text says, is none."""
    data = Path(__file__).parent / "data/identify"
    banner = (data / "ssh.server.openssh").read_bytes().split(b"\n")[0] + b"\n"
    session = banner + b"\0\0\x05\x14\x06\x14" + bytes(1300)
    hello = b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03" + bytes(32) + b"\x20" + bytes(32) + b"\x13\x01\0" + bytes(50)
    tunnels = {"ssh": [banner, session[len(banner):]], "ssh-at-once": [session], "tls": [hello, b"more"]}
    benign = {"file": [b"captured\n" * 40 + session], "piece": [b"%PDF-1.7\n", session, hello], "banner": [banner],
              "scan": [banner, b"192.0.2.7 answers\n" + banner, banner], "text": [b"the banner " + banner]}
    world.start("answers", sys.executable, "-c", ANSWERS.format(answers={**tunnels, **benign}, host=WEB))
    world.listening(WEB, 8085)
    for name, pieces in benign.items():
        got = world.in_pod("curl", "-gsS", "-m", "15", "-o", world.folder / "got", f"http://web.example:8085/{name}")
        expect(name, (got.returncode, (world.folder / "got").read_bytes()), (0, b"".join(pieces)))
    for name, pieces in tunnels.items():
        done = world.in_pod("curl", "-gsS", "-m", "15", "-w", "%{http_code}", "-o", world.folder / "got",
                            f"http://web.example:8085/{name}")
        if (world.folder / "got").read_bytes()[: len(banner) + 1] == b"".join(pieces)[: len(banner) + 1]:
            raise Failed(f"{name} came through: {done.stdout}")
        line = world.sidecar.recorded(reason="attack-detected", resource=f"http://web.example/{name}")
        expect("place", line["evidence"][0]["place"], "response")


def ssh_in_bodies(world):
    """GNU httptunnel: bytes in the bodies of endless requests."""
    sshd(world)
    hts, htc = shutil.which("hts"), shutil.which("htc")
    if hts is None or htc is None:
        raise Skipped("no httptunnel")

    def tried(run, inside, host):
        server = world.start(f"hts-{host}", hts, "-w", "-S", "-F", f"{OTHER}:22", f"{WEB}:8082")
        world.listening(WEB, 8082)
        client = Program([*world.inside(inside), htc, "-w", "-F", "2222", f"{host}:8082"], world.folder / "htc.log")
        try:
            until("htc", lambda: "2222" in run("ss", "-tln").stdout)
            return logs_in(world, run, "-o", "HostName=127.0.0.1", "-p", "2222")
        finally:
            client.end()
            server.end()

    if not tried(world.in_far, world.far, WEB):
        raise Skipped("httptunnel builds no tunnel where nobody cuts it")
    if tried(world.in_pod, world.pod, "web.example"):
        raise Failed("it came to the login")
    # Its bodies never end and are not declared to be larger than is held: nothing of them goes on.
    line = next(line for line in reversed(world.sidecar.lines()) if line.get("port") == 8082)
    return f"ends with {line['reason']}"


def miner_where_redis_is(world):
    for login in (b'{"id":1,"method":"mining.subscribe","params":["m/1"]}\n',
                  b'{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4a","pass":"x","agent":"m/1"}}\n'):
        cut(say(world, "raw.example", 7005, login))
    line = world.sidecar.recorded(reason="egress-protocol", port=7005)
    expect("detail", line["detail"], "stratum on a port granted to redis")


def carrier_in_a_body(world):
    for bytes_sent in (b"SSH-2.0-OpenSSH_9.2\r\n", b"\x05\x01\0\x03\x0bapi.example\x01\xbb"):
        body = world.folder / "carrier"
        body.write_bytes(bytes_sent)
        done = world.curl("-H", "Content-Type: application/octet-stream", "--data-binary", f"@{body}", "http://web.example/")
        expect("status", done.stdout[-3:], "403")
    login = '{"id":1,"method":"mining.subscribe","params":["m/1"]}\n'
    expect("status", world.curl("-d", login, "http://web.example/").stdout[-3:], "403")


def tor(world):
    """The link of a real client to a relay is TLS for a name that nobody has looked up."""
    program = shutil.which("tor", path=PATH)
    if program is None:
        raise Skipped("no tor")
    (world.folder / "torrc").write_text("")
    expect("lookup", world.in_pod("getent", "hosts", "raw.example").returncode, 0)
    words = ["-f", world.folder / "torrc", "--DataDirectory", world.folder / "tor", "--SocksPort", "0"]
    client = world.start("tor", program, *words, "--UseBridges", "1", "--Bridge", f"{OTHER}:443", where=world.pod)
    try:
        line = world.sidecar.recorded(to=f"{OTHER}:443", protocol="tls", reason="egress-tls-name")
    finally:
        client.end()
    expect("detail", line["detail"], "a made-up name and no protocols, as Tor's links begin")


def version_6(world):
    answer = say(world, "six.example", 7006, b"\x01six")
    expect("answer", answer, repr(b"\x01SIXTHE END"))


def raw_version_6(world):
    cut(say(world, WEB6, 7009, b"\x01six"))
    line = world.sidecar.recorded(reason="egress-no-name", to=f"[{WEB6}]:7009")
    expect("resource", line["resource"], f"tcp://[{WEB6}]:7009")


def redis_judged(world):
    """Where rules for caches reach, each command is judged, and nothing else is spoken."""
    server, client = shutil.which("redis-server"), shutil.which("redis-cli")
    if server is None or client is None:
        raise Skipped("no redis")
    for port in (6379, 6380):
        world.start(f"redis-{port}", server, "--bind", OTHER, "--port", port, "--save", "", "--protected-mode", "no")
        world.listening(OTHER, port)
    ask = lambda host, port, *words: world.in_pod(client, "-h", host, "-p", port, *words).stdout.strip()
    expect("set", ask("raw.example", 6379, "SET", "session:1", "a"), "OK")
    expect("get", ask("raw.example", 6379, "GET", "session:1"), "a")
    for host, port, words in (("raw.example", 6379, ("GET", "other:1")), ("raw.example", 6379, ("CONFIG", "GET", "*")),
                              (OTHER, 6380, ("SET", "session:1", "a"))):
        if not ask(host, port, *words).startswith("NOPERM"):
            raise Failed(f"{words} on {port}: {ask(host, port, *words)}")
    world.sidecar.recorded(reason="policy-no-rule", port=6379, action="GET")
    cut(say(world, "raw.example", 6379, b"SSH-2.0-x\r\n"))
    world.sidecar.recorded(line="flow", address=f"{OTHER}:6379", protocol="redis")


GREET = """
import socket
server = socket.create_server(({address!r}, {port}))
while True:
    client, _ = server.accept()
    client.sendall({banner!r})
"""
HEAR = """
import socket, time
client = socket.create_connection(("raw.example", {port}), 10)
client.settimeout(8)
began = time.monotonic()
try:
    print(len(client.recv(4096)), time.monotonic() - began < 2)
except OSError as error:
    print(type(error).__name__)
"""


def greets(world, port, capture):
    banner = (Path(__file__).parent / "data/identify" / capture).read_bytes()
    world.start(f"greets-{port}", sys.executable, "-c", GREET.format(address=OTHER, port=port, banner=banner))
    world.listening(OTHER, port)
    return len(banner), world.python(HEAR.format(port=port)).stdout.strip()


def mysql_greets(world):
    """A client that says nothing before it is greeted is greeted at once."""
    length, heard = greets(world, 3306, "mysql.server.mariadb")
    expect("greeting", heard, f"{length} True")


def other_greeting(world):
    cut(greets(world, 3307, "ssh.server.openssh")[1])
    line = world.sidecar.recorded(reason="egress-protocol", port=3307)
    expect("detail", line["detail"], "ssh on a port granted to mysql")


def opening_bytes(world):
    """A ClientHello in records of one octet, to the last byte that is waited for."""
    message = b"\x01\x00\x3f\xf0\x03\x03" + bytes(16 << 10)
    hello = b"".join(b"\x16\x03\x01\x00\x01" + message[at : at + 1] for at in range(12000))[: 64 << 10]
    for bytes_sent, reason in ((len(hello) - 1, "egress-undecided"), (len(hello), "tls-hello-too-long")):
        say_all(world, "raw.example", 443, hello[:bytes_sent], then="pass")
        world.sidecar.recorded(reason=reason, port=443)


TALK_ON = """
import socket, sys
client = socket.create_connection(("raw.example", 7007), 10)
client.settimeout(20)
client.sendall(b"\\x01a")
print(client.recv(100), flush=True)
sys.stdin.readline()
try:
    client.sendall(b"\\x01b")
    print(client.recv(100), flush=True)
except OSError as error:
    print(type(error).__name__, flush=True)
"""


def counted(world):
    """What left is counted by what was spoken, and by nothing that a sender chooses."""
    text = world.sidecar.admin("/metrics")[1]
    rows = [line for line in text.splitlines() if line.startswith("podwall_egress_")]
    for wanted in ('connections_total{protocol="stratum",verdict="deny"}', 'connections_total{protocol="redis",verdict="judged"}',
                   'connections_total{protocol="mysql",verdict="allow"}', 'bytes_total{protocol="http1",way="out"}'):
        if not any(row.startswith(f"podwall_egress_{wanted} ") for row in rows):
            raise Failed(f"no {wanted} in {rows}")


def withdrawn(world):
    """A grant that a reload takes away takes its open connections along."""
    words = [*world.inside(world.pod), sys.executable, "-c", TALK_ON]
    talk = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        expect("before", talk.stdout.readline().strip(), repr(b"\x01A"))
        left = "".join(line for line in RULES.splitlines(True) if "withdrawn" not in line)
        (world.folder / "sidecar/allowlist.yaml").write_text(rules(left))
        until("a reload", lambda: any(line.get("line") == "reload" for line in world.sidecar.lines()), 30)
        talk.stdin.write("on\n")
        talk.stdin.flush()
        expect("after", talk.stdout.readline().strip(), "ConnectionResetError")
        world.sidecar.recorded(port=7007, reason="policy-no-rule")
    finally:
        talk.kill()
        talk.wait()


def shadow(world):
    """Everything goes, and the record says what would not have."""
    world.settings["allowlist"] = rules(RULES, "shadow")
    world.restart()
    expect("raw address", say(world, WEB6, 7009, b"\x01six"), repr(b"\x01SIXTHE END"))
    world.sidecar.recorded(reason="egress-no-name", mode="shadow", port=7009)
    if "Permission denied" not in ssh(world, "login.example", 22).stderr:
        raise Failed("ssh did not come to the login")
    world.sidecar.recorded(reason="policy-no-rule", mode="shadow", port=22)
    expect("kubernetes", world.curl("http://web.example:2375/api/v1/pods").stdout[-3:], "404")


def learned(world):
    """What was spoken becomes rules, and by these rules it goes on; what was no good does not become one."""
    text = f"{ALLOWLIST}mode: learn\noutbound: [dns to nothing.example]\n"
    world.settings["allowlist"] = text
    world.restart()
    sshd(world)

    def traffic():
        talk = say(world, "raw.example", 7004, b"\x01a")
        return "Permission denied" in ssh(world, "login.example", 22).stderr, talk

    expect("learning", traffic(), (True, repr(b"\x01ATHE END")))
    say(world, "raw.example", 7002, b"uid=0(root) gid=0(root) groups=0(root)\n")
    world.sidecar.recorded(line="learned", host="login.example", path="ssh")
    world.sidecar.recorded(line="learned", host="raw.example", port=7004, path="tcp")
    done = world.in_pod(world.folder / "podwall", "log", "learn", world.sidecar.record)
    expect("proposed", (done.returncode, "port: 7002" in done.stdout), (0, False))
    budgets = [line for line in done.stdout.splitlines() if line.startswith("    budget: 100KiB/h    # the busiest of ")]
    expect("budgets", len(budgets), 2)
    world.settings["allowlist"] = done.stdout.replace("mode: shadow", "mode: enforce")
    world.restart()
    expect("by what was learned", traffic(), (True, repr(b"\x01ATHE END")))
    cut(say(world, "raw.example", 7002, b"\x01a"))


CHECKS = [
    ("servers", talkers),
    ("budget: to its last byte", budget_to_its_last_byte),
    ("budget: each destination", budget_of_each_destination),
    ("budget: told", budget_that_is_told),
    ("budget: bans", budget_that_bans),
    ("budget: requests", budget_of_requests),
    ("shell that is told", shell_that_is_told),
    ("beacons, and what beats honestly", beats),
    ("docker is granted, kubernetes is not", named_inside),
    ("lookup in http", lookup_in_http),
    ("ssh in a websocket", ssh_in_websocket, 8081, 0),
    ("ssh in what a websocket's server sends", ssh_in_websocket, 8084, 85),
    ("ssh in messages of grpc", ssh_in_grpc, "Plain"),
    ("ssh in what a grpc server sends", ssh_in_grpc, "Veiled"),
    ("ssh in bodies", ssh_in_bodies),
    ("miner on a port granted to redis", miner_where_redis_is),
    ("ssh, socks, a miner in a body", carrier_in_a_body),
    ("ssh, tls in an answer", carrier_in_an_answer),
    ("tor", tor),
    ("ipv6: raw address", raw_version_6),
    ("ipv6", version_6),
    ("redis, command by command", redis_judged),
    ("mysql greets at once", mysql_greets),
    ("other greeting", other_greeting),
    ("opening: bytes that are waited for", opening_bytes),
    ("metrics", counted),
    ("reload withdraws a grant", withdrawn),
    ("shadow", shadow),
    ("learned rules", learned),
]


if __name__ == "__main__":
    main(__doc__, "leaving", partial(check_all, CHECKS, allowlist=rules(RULES), more="bans: {share: 100}\n"))
