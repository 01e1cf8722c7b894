"""HTTP/2 and gRPC through a real sidecar, by the clients that people have: curl, nghttp, h2load, Python's grpcio.

    tests/.venv/bin/python tests/http2.py target/release/podwall

Told as tests/clients.py tells: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`; exit code 1 when one failed. Loopback only.
"""

import base64
import gzip
import json
import queue
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import requests
from clients_kit import chunked
from clients_kit.checks import Failed, Skipped, expect, run, main
from clients_kit.programs import Podwall, Program, certificates, free_port, listening, until
from clients_kit.serving import Serving

try:
    import grpc
    from clients_kit import calls
except ImportError:
    grpc = None

ATTACK = "x' UNION SELECT password FROM users --"


@dataclass
class Door:
    """A port of the sidecar: its TLS, and what its upstream speaks."""

    name: str
    port: int
    tls: bool
    certs: Path

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    @property
    def files(self):
        return [str(self.certs / name) for name in ("ca.crt", "client.crt", "client.key")] if self.tls else []

    def curl(self, *arguments, path="/hello/curl", write=""):
        """Version, status, body and heads."""
        version = ["--http2"] if self.tls else ["--http2-prior-knowledge"]
        identity = [word for pair in zip(("--cacert", "--cert", "--key"), self.files) for word in pair]
        marked = ["-w", f"{write}\n%{{http_version}} %{{http_code}}", "-D", "/dev/stderr"]
        done = run(["curl", "-4", "-sS", *version, *identity, *marked, *arguments, self.url + path], 60)
        if done.returncode != 0:
            raise Failed(f"curl exits with {done.returncode}: {done.stderr}")
        body, told = done.stdout.rsplit("\n", 1)
        return told, body, done.stderr


def event_of(head):
    found = re.search(r"(?im)^x-podwall-event: (\S+)", head)
    if not found:
        raise Failed(f"no x-podwall-event in {head!r}")
    return found[1]


# curl, nghttp, h2load

def curl_get(door, _):
    told, body, _ = door.curl()
    expect("answer", (told, body), ("2 200", "hello\n"))


def curl_head(door, _):
    told, body, head = door.curl("-I")
    expect("status", told, "2 200")


def curl_post(door, _):
    text = json.dumps({"customer": "C-7", "items": [1, 2, 3]})
    told, body, _ = door.curl("-H", "content-type: application/json", "-d", text, path="/count")
    expect("answer", (told, body.strip()), ("2 200", str(len(text))))


def curl_denied(door, podwall):
    told, _, head = door.curl(path="/forbidden")
    expect("status", told, "2 403")
    line = podwall.recorded(event=event_of(head))
    expect("record", (line["reason"], line["protocol"], line["exchange"]), ("policy-no-rule", "http2", 1))


def curl_attack(door, podwall):
    for arguments in (["-d", f"name={ATTACK}"], ["-H", "content-type: application/json", "-d", json.dumps({"a": ATTACK})]):
        told, _, head = door.curl(*arguments, path="/count")
        expect("status", told, "2 403")
        expect("reason", podwall.recorded(event=event_of(head))["reason"], "attack-detected")


def curl_crumbs(door, podwall):
    """Cookies travel in crumbs, and are judged and forwarded as one."""
    told, _, head = door.curl("-H", f"cookie: a=1; b={ATTACK}")
    expect("status", told, "2 403")
    expect("reason", podwall.recorded(event=event_of(head))["reason"], "attack-detected")


def curl_too_large(door, podwall):
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"a" * (1 << 20))
        file.flush()
        told, _, head = door.curl("-H", "content-type: text/plain", "--data-binary", f"@{file.name}", path="/count")
    expect("status", told, "2 413")
    expect("reason", podwall.recorded(event=event_of(head))["reason"], "limit-inspect-bytes")


def curl_upload(door, _):
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"temperature,23.5,ok\n" * 400_000)
        file.flush()
        kind = "content-type: application/octet-stream"
        told, body, _ = door.curl("-H", kind, "--data-binary", f"@{file.name}", path="/upload")
    expect("answer", (told, body.split()[0]), ("2 200", "8000000"))


def nghttp(door, _):
    if shutil.which("nghttp") is None:
        raise Skipped("no nghttp")
    words = ["-H", "content-type: text/plain", "-d", "/etc/hostname"]
    if "http1" in door.name:
        words += ["--trailer", "x-check: 7"]  # nginx takes none in HTTP/2
    if door.tls:
        words += ["--cert", door.files[1], "--key", door.files[2]]
    done = run(["nghttp", "-nv", *words, f"{door.url}/count"])
    if ":status: 200" not in done.stdout:
        raise Failed(done.stdout[-600:])


def h2load(door, podwall):
    if shutil.which("h2load") is None:
        raise Skipped("no h2load")
    done = run(["h2load", "-n", "20000", "-c", "8", "-m", "20", f"{door.url}/hello/load"])
    if "20000 2xx" not in done.stdout:
        raise Failed(done.stdout[-600:])
    rate = re.search(r"(\S+) req/s", done.stdout)
    return f"20000 requests, {rate[1]}/s"


def http1_beside(door, _):
    """The same port still speaks HTTP/1.1."""
    with requests.Session() as session:
        session.trust_env = False
        if door.tls:
            session.verify, *cert = door.files
            session.cert = tuple(cert)
        expect("answer", session.get(f"{door.url}/hello/1").text, "hello\n")


WEB = [
    ("curl-get", curl_get), ("curl-head", curl_head), ("curl-post", curl_post), ("curl-denied", curl_denied),
    ("curl-attack", curl_attack), ("curl-crumbs", curl_crumbs), ("curl-too-large", curl_too_large),
    ("curl-upload", curl_upload), ("nghttp-trailers", nghttp), ("http1-beside", http1_beside),
]


# gRPC

def dial(door):
    return calls.Client(f"localhost:{door.port}", door.files)


def grpc_unary(door, _, service):
    with dial(door) as client:
        answer, call = client.channel.unary_unary("/shop.Orders/Get").with_call(calls.order("C-7"), timeout=20)
        expect("answer", answer, calls.order("C-7"))
        expect("trailers", dict(call.trailing_metadata()).get("x-served-by"), "orders")


def grpc_large(door, _, service):
    """A message of 4 MiB, both ways."""
    message = calls.order(content=(bytes(range(256)) * (16 << 10))[: (4 << 20) - 5])
    expect("bytes", len(message), 4 << 20)
    with dial(door) as client:
        expect("answer", client.unary("Get", message) == message, True)


def grpc_streams(door, _, service):
    with dial(door) as client:
        messages = [calls.order(f"order {number}") for number in range(500)]
        expect("client stream", client.collect(messages), calls.order(str(sum(map(len, messages)))))
        expect("server stream", len(list(client.list(calls.order("all")))), 100)


def grpc_talk(door, _, service):
    """Both ways at once: each answer is awaited before the next message is sent."""
    to_send = queue.Queue()
    with dial(door) as client:
        answers = client.talk(iter(to_send.get, None))
        for number in range(20):
            to_send.put(calls.order(f"word {number}"))
            expect("answer", next(answers), calls.order(f"word {number}"))
        to_send.put(None)
        expect("end", list(answers), [])


def grpc_gzip(door, podwall, service):
    with dial(door) as client:
        message = calls.order("some words, " * 100)
        expect("answer", client.unary("Get", message, compression=grpc.Compression.Gzip), message)
        denied(client, podwall, "Get", calls.order(ATTACK * 10), "attack-detected", compression=grpc.Compression.Gzip)


def grpc_cancel(door, _, service):
    service.cancelled.clear()
    service.waiting.clear()
    with dial(door) as client:
        call = client.later("Wait", calls.order("x"))
        if not service.waiting.wait(10):
            raise Failed("the call did not arrive")
        call.cancel()
        if not service.cancelled.wait(10):
            raise Failed("the upstream is not told of the cancellation")


def grpc_deadline(door, _, service):
    service.cancelled.clear()
    with dial(door) as client:
        try:
            client.unary("Wait", calls.order("x"), timeout=0.5)
            raise Failed("answered")
        except grpc.RpcError as error:
            expect("status", error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
    if not 0 < service.deadlines[-1] < 1:
        raise Failed(f"the upstream was given {service.deadlines[-1]} s")


def denied(client, podwall, method, message, reason, **options):
    try:
        client.unary(method, message, **options)
    except grpc.RpcError as error:
        expect("status", error.code(), grpc.StatusCode.PERMISSION_DENIED)
        event = error.details().split()[-1]
        expect("reason", podwall.recorded(event=event)["reason"], reason)
        return event
    raise Failed("answered")


def grpc_denied(door, podwall, service):
    with dial(door) as client:
        event = denied(client, podwall, "Secret", calls.order("x"), "policy-no-rule")
        expect("resource", podwall.recorded(event=event)["resource"], "http://localhost/shop.Orders/Secret")


def grpc_attack(door, podwall, service):
    """In a field, in a message within, as bytes; nothing of it arrives."""
    service.received.clear()
    inner = calls.order(ATTACK)
    nested = calls.varint(4 << 3 | 2) + calls.varint(len(inner)) + inner
    with dial(door) as client:
        for message in (calls.order(ATTACK), nested, calls.order("x", b"\0\1" + ATTACK.encode())):
            event = denied(client, podwall, "Get", message, "attack-detected")
            expect("places", {one["place"] for one in podwall.recorded(event=event)["evidence"]} <= {"message-field", "body-opaque", "body-text"}, True)
    expect("arrived", service.received, [])


def grpc_attack_in_stream(door, podwall, service):
    """The third message of a call is denied: two arrive, the call ends with a status."""
    service.received.clear()
    to_send = queue.Queue()
    with dial(door) as client:
        answers = client.talk(iter(to_send.get, None))
        for word in ("one", "two"):
            to_send.put(calls.order(word))
            expect("answer", next(answers), calls.order(word))
        to_send.put(calls.order(ATTACK))
        try:
            next(answers)
            raise Failed("answered")
        except grpc.RpcError as error:
            expect("status", error.code(), grpc.StatusCode.PERMISSION_DENIED)
            podwall.recorded(event=error.details().split()[-1], reason="attack-detected")
        finally:
            to_send.put(None)
    expect("arrived", service.received, [calls.order("one"), calls.order("two")])


def grpc_web(door, podwall):
    """gRPC-Web is judged by its messages, in bytes and in base64; and refused in its own words."""
    for kind, wrap in (("application/grpc-web+proto", bytes), ("application/grpc-web-text", base64.b64encode)):
        for text, status in (("good morning", None), (ATTACK, "7")):
            message = calls.order(text)
            packed = gzip.compress(message)
            for flag, content, more in ((0, message, {}), (1, packed, {"grpc-encoding": "gzip"})):
                framed = bytes([flag]) + len(content).to_bytes(4, "big") + content
                with tempfile.NamedTemporaryFile() as file:
                    file.write(wrap(framed))
                    file.flush()
                    headers = {"content-type": kind, **more}
                    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
                    _, _, head = door.curl(*words, "--data-binary", f"@{file.name}", path="/shop.Orders/Get")
                found = re.search(r"(?im)^grpc-status: (\S+)", head)
                if status:
                    expect(f"status of {kind}", found and found[1], status)
                    podwall.recorded(event=event_of(head), reason="attack-detected")
                elif "x-podwall-event" in head:
                    raise Failed(f"refused: {head}")


GRPC = [
    ("unary", grpc_unary), ("4-mib", grpc_large), ("streams", grpc_streams), ("both-ways", grpc_talk), ("gzip", grpc_gzip),
    ("cancelled", grpc_cancel), ("deadline", grpc_deadline), ("denied", grpc_denied), ("attack", grpc_attack),
    ("attack-in-stream", grpc_attack_in_stream),
]


# Everything in its order

NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} http2;
    location /hello/ {{ return 200 "hello\\n"; }}
    location / {{ proxy_pass http://127.0.0.1:{behind}; }}
  }}
}}
"""


def nginx(folder, behind):
    """nginx as an upstream of HTTP/2, before one of HTTP/1.1."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        return None, 0
    folder.mkdir()
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, behind=behind))
    server = Program([program, "-p", folder, "-c", folder / "nginx.conf"], folder / "nginx.out")
    until("nginx listens", listening(port))
    return server, port


class Frames(Serving):
    """An upstream that says what it says to the end of each request itself."""

    def __init__(self):
        self.streams = 0
        super().__init__()

    def talk(self, client):
        taken = 0
        with client, client.makefile("rb") as reader:
            reader.read(24)
            client.sendall(frame(4, 0, 0, b""))
            while len(head := reader.read(9)) == 9:
                reader.read(int.from_bytes(head[:3], "big"))
                if head[3] == 4 and not head[4]:
                    client.sendall(frame(4, 1, 0, b""))
                if head[3] in (0, 1) and head[4] & 1:
                    self.streams += 1
                    taken += 1
                    client.sendall(self.answer(taken, int.from_bytes(head[5:], "big")))


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def reset(stream, code):
    return frame(3, 0, stream, code.to_bytes(4, "big"))


class Resets(Frames):
    """Resets every stream before it answers."""

    def answer(self, _, stream):
        return reset(stream, 2)


class GoesAway(Frames):
    """Takes twenty requests of a connection: it refuses the second, and does not look at what comes after the last."""

    def __init__(self):
        self.answered = 0
        super().__init__()

    def answer(self, taken, stream):
        if taken > 20:
            return b""
        if taken == 2:
            return reset(stream, 7)
        self.answered += 1
        away = frame(7, 0, 0, stream.to_bytes(4, "big") + bytes(4)) if taken == 20 else b""
        return frame(1, 5, stream, b"\x88") + away


def goes_away(door, upstream):
    """What an upstream has not looked at is asked again, whatever it is, and never twice of one that has."""
    if shutil.which("h2load") is None:
        raise Skipped("no h2load")
    before = upstream.answered
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"a=1")
        file.flush()
        done = run(["h2load", "-n", "400", "-c", "1", "-m", "3", "-d", file.name, "-H", "content-type: text/plain",
                    f"{door.url}/count"])
    if "400 2xx" not in done.stdout:
        raise Failed(done.stdout[-600:])
    expect("answers", upstream.answered - before, 400)


def resets(door, podwall, upstream):
    """An upstream that resets is asked once more at most, and the client is told."""
    before = upstream.streams
    for number in (1, 2):
        told, _, head = door.curl()
        expect("status", told, "2 502")
        expect("reason", podwall.recorded(event=event_of(head))["reason"], "upstream-closed")
        if upstream.streams - before > 2 * number:
            raise Failed(f"asked {upstream.streams - before} times")


def drain(door, podwall, upstream):
    """A stream that is in flight ends well; the idle connection is told to go."""
    if shutil.which("nghttp") is None:
        raise Skipped("no nghttp")
    asking = Program(["nghttp", "-v", f"{door.url}/slow"], podwall.log.parent / "nghttp.log")
    if not upstream.slow_arrived.wait(10):
        raise Failed("the slow request did not arrive")
    podwall.terminate()
    until("/readyz says that it drains", lambda: podwall.admin("/readyz")[0] == 503)
    upstream.slow_may_end.set()
    expect("exit code", podwall.process.wait(30), 0)
    asking.process.wait(10)
    told = asking.log.read_text(errors="replace")
    if "recv GOAWAY" not in told or "begun, " not in told or "done" not in told:
        raise Failed(told[-800:])


def everything(tally, binary, folder, programs):
    certs = certificates(binary, folder / "pki")
    upstream = chunked.Server()
    server, http2 = nginx(folder / "nginx", upstream.port)
    behind = {"http1": (upstream.port, "http1")}
    if server:
        programs.callback(server.end)
        behind["http2"] = (http2, "http2")
    else:
        tally.check("upstream nginx", missing, "nginx")
    failing = Resets()
    behind["resets"] = (failing.port, "http2")
    leaving = GoesAway()
    behind["away"] = (leaving.port, "http2")
    service = None
    if grpc:
        service = calls.Service()
        programs.callback(service.end)
        behind["grpc"] = (service.port, "http2")
    else:
        tally.check("gRPC", missing, "grpcio")
    doors = [Door(f"{name} {'mtls' if tls else 'plain'}", free_port(), tls, certs) for name in behind for tls in (True, False)]
    podwall = start(binary, folder / "sidecar", doors, behind, certs)
    programs.callback(podwall.end)
    podwall.wait_ready()
    for door in doors:
        if door.name.startswith("resets"):
            tally.check(f"upstream-resets {door.name}", resets, door, podwall, failing)
            continue
        if door.name.startswith("away"):
            if not door.tls:
                tally.check(f"upstream-goes-away {door.name}", goes_away, door, leaving)
            continue
        if door.name.startswith("grpc"):
            for name, client in GRPC:
                tally.check(f"grpc-{name} {door.name}", client, door, podwall, service)
            continue
        for name, client in WEB:
            tally.check(f"{name} {door.name}", client, door, podwall)
        if not door.tls:
            tally.check(f"h2load {door.name}", h2load, door, podwall)
        if grpc and door.name.startswith("http1"):
            tally.check(f"grpc-web {door.name}", grpc_web, door, podwall)
    tally.check("sigterm", drain, next(door for door in doors if door.name == "http1 plain"), podwall, upstream)


def missing(name):
    raise Skipped(f"no {name}")


def allowlist(doors):
    rules = []
    for kind, tls, who in (("mtls", True, "shop/frontend"), ("plain", False, "any")):
        common = {"from": who, "port": [door.port for door in doors if door.tls == tls]}
        rules.append({"name": f"read {kind}", **common, "methods": "GET", "path": ["/hello/{who}", "/slow"]})
        rules.append({"name": f"count {kind}", **common, "methods": "POST", "path": "/count"})
        rules.append({"name": f"upload {kind}", **common, "methods": "POST", "path": "/upload", "stream": True})
        allowed = ["Get", "Wait", "Collect", "List", "Talk"]
        rules.append({"name": f"orders {kind}", **common, "grpc": [f"shop.Orders/{method}" for method in allowed]})
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "http2"}, "owner": "team-tests"}
    return json.dumps({**head, "trustDomain": "cluster.test", "inbound": rules})


def start(binary, folder, doors, behind, certs):
    listeners = []
    for door in doors:
        port, speaks = behind[door.name.split()[0]]
        listeners.append({
            "listen": f"127.0.0.1:{door.port}", "tls": "strict" if door.tls else "off",
            "upstream": f"127.0.0.1:{port}", "upstream_protocol": speaks,
        })
    return Podwall(binary, folder, listeners, allowlist(doors), certs)


if __name__ == "__main__":
    main(__doc__, "http2", everything)
