"""Real clients and real upstreams, through the front door of a real sidecar.

    tests/.venv/bin/python tests/clients.py target/release/podwall [--big-mib 1024]

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed. Everything is on
loopback, or in network namespaces that it makes and removes itself.
"""

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import ssl
import tempfile
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import requests
from clients_kit import chunked, namespaces
from clients_kit.checks import Failed, Skipped, Tally, expect, run
from clients_kit.programs import HERE, Podwall, certificates, free_port, listening, nginx, node, until

# One MiB of measurements, always the same.
BLOCK = b"".join(b"%07d,%04d,23.5,ok\n" % (number, number * 37 % 9973 % 10000) for number in range(1 << 16))[: 1 << 20]
GROWTH_KIB = 64 << 10


@dataclass
class Door:
    """One way in: a port of the sidecar, and the upstream behind it."""

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

    def curl(self, *arguments, path="/hello/curl", write="", timeout=60):
        """Status, body, head (all heads that came); what else curl is to `write` follows the body on a line of its own."""
        ca, cert, key = self.files or ("", "", "")
        identity = ["--cacert", ca, "--cert", cert, "--key", key] if self.tls else []
        marked = ["-w", f"{write}\n%{{http_code}}", "-D", "/dev/stderr"]
        done = run(["curl", "-4", "-sS", "--http1.1", *identity, *marked, *arguments, self.url + path], timeout)
        if done.returncode != 0:
            raise Failed(f"curl exits with {done.returncode}: {done.stderr}")
        body, status = done.stdout.rsplit("\n", 1)
        return int(status), body, done.stderr

    def session(self):
        session = requests.Session()
        session.trust_env = False
        if self.tls:
            session.verify, *cert = self.files
            session.cert = tuple(cert)
        return session

    def context(self):
        if not self.tls:
            return None
        ca, cert, key = self.files
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(cert, key)
        return context


def refused(podwall, status, event, reason="policy-no-rule"):
    """A denial is told to the caller by its id, and to the record by its reason."""
    expect("status", status, 403)
    if not event:
        raise Failed("no x-podwall-event")
    expect("reason in the record", podwall.recorded(event=event)["reason"], reason)


# curl

def curl_get(door, _):
    status, body, _ = door.curl()
    expect("answer", (status, body), (200, "hello\n"))


def curl_head(door, _):
    status, body, head = door.curl("-I")
    expect("status", status, 200)
    if "hello" in body or not head.startswith("HTTP/1.1 200"):
        raise Failed(f"a body on HEAD: {body!r}")


def curl_post_json(door, _):
    text = json.dumps({"customer": "C-7", "items": [1, 2, 3]})
    status, body, _ = door.curl("-H", "content-type: application/json", "-d", text, path="/count")
    expect("answer", (status, body.strip()), (200, str(len(text))))


def curl_chunked_upload(door, _):
    arguments = ["-H", "transfer-encoding: chunked", "-H", "content-type: text/plain", "--data-binary", "four words go up"]
    status, body, _ = door.curl(*arguments, path="/count")
    expect("answer", (status, body.strip()), (200, "16"))


def with_file(size):
    file = tempfile.NamedTemporaryFile()
    file.write((BLOCK * (size // len(BLOCK) + 1))[:size])
    file.flush()
    return file


def curl_expect_continue(door, _):
    """The body goes up only after our own 100; what is held, is counted by the upstream."""
    with with_file(200 << 10) as file:
        arguments = ["-H", "expect: 100-continue", "--expect100-timeout", "30", "-H", "content-type: application/octet-stream"]
        status, body, head = door.curl(*arguments, "--data-binary", f"@{file.name}", path="/count")
    expect("answer", (status, body.strip()), (200, str(200 << 10)))
    if "100 Continue" not in head:
        raise Failed(f"no 100 Continue: {head}")


def curl_expect_too_large(door, podwall):
    """A body that is larger than is held is refused before the client sends any of it."""
    with with_file(1 << 20) as file:
        arguments = ["-H", "expect: 100-continue", "--expect100-timeout", "30", "--data-binary", f"@{file.name}"]
        status, body, head = door.curl(*arguments, path="/count", write="\n%{size_upload}")
    expect("status and bytes sent", (status, body.split()[-1]), (413, "0"))
    event = re.search(r"(?im)^x-podwall-event: (\S+)", head)
    expect("reason", podwall.recorded(event=event and event[1])["reason"], "limit-inspect-bytes")


def curl_keep_alive(door, _):
    urls = [f"{door.url}/hello/{number}" for number in range(9)]
    status, body, _ = door.curl(*urls, path="/hello/9", write="%{num_connects}")
    found = re.sub("hello|200", "", body).split()
    expect("connections opened", found, ["1", *["0"] * 9])


def curl_http10(door, _):
    status, body, head = door.curl("--http1.0")
    expect("answer", (status, body), (200, "hello\n"))
    if "transfer-encoding" in head.lower():
        raise Failed("chunks for an HTTP/1.0 client")


def curl_denied(door, podwall):
    status, _, head = door.curl(path="/forbidden")
    event = re.search(r"(?im)^x-podwall-event: (\S+)", head)
    refused(podwall, status, event and event[1])


# requests, aiohttp, Node, wrk

def requests_session(door, podwall):
    with door.session() as session:
        for number in range(5):
            expect("GET", session.get(f"{door.url}/hello/{number}").text, "hello\n")
        expect("POST", session.post(f"{door.url}/count", json={"a": [1, 2]}).text.strip(), "13")
        pieces = (piece for piece in (b"one ", b"two ", b"three"))
        plain = {"content-type": "text/plain"}
        expect("generator", session.post(f"{door.url}/count", data=pieces, headers=plain).text.strip(), "13")
        denied = session.delete(f"{door.url}/hello/1")
        refused(podwall, denied.status_code, denied.headers.get("x-podwall-event"))
        pools = session.get_adapter(door.url).poolmanager.pools
        expect("connections", sum(pools[key].num_connections for key in pools.keys()), 1)


def aiohttp_concurrent(door, podwall):
    async def ask():
        connector = aiohttp.TCPConnector(ssl=door.context() or True, limit=50)
        async with aiohttp.ClientSession(connector=connector) as session:
            async def one(number):
                async with session.get(f"{door.url}/hello/{number}") as answer:
                    return answer.status, await answer.text()

            answers = await asyncio.gather(*(one(number) for number in range(50)))
            async with session.get(f"{door.url}/forbidden") as denied:
                return answers, denied.status, denied.headers.get("x-podwall-event")

    answers, status, event = asyncio.run(ask())
    expect("answers", answers, [(200, "hello\n")] * 50)
    refused(podwall, status, event)


def node_client(door, podwall):
    if shutil.which("node") is None:
        raise Skipped("no node")
    done = run(["node", HERE / "node_client.js", door.url, *door.files])
    if done.returncode != 0:
        raise Failed(done.stderr)
    answers = json.loads(done.stdout)
    expect("GET", answers["get"]["body"], "hello\n")
    expect("POST", answers["post"]["body"].strip(), "34")
    expect("chunked", answers["chunked"]["body"].strip(), "13")
    expect("kept alive", [one["reused"] for one in answers.values()], [False, True, True, True])
    refused(podwall, answers["denied"]["status"], answers["denied"]["event"])


def wrk(door, podwall):
    if shutil.which("wrk") is None:
        raise Skipped("no wrk")
    before = len(podwall.lines())
    done = run(["wrk", "-t", "2", "-c", "32", "-d", "3s", f"{door.url}/hello/wrk"])
    if "Socket errors" in done.stdout or "Non-2xx" in done.stdout or done.returncode != 0:
        raise Failed(done.stdout + done.stderr)
    found = re.search(r"(\d+) requests in", done.stdout)
    if not found or int(found[1]) == 0:
        raise Failed(done.stdout)
    judged = [line for line in podwall.lines()[before:] if line["line"] == "judged"]
    # When its time is over wrk drops its connections, some of them inside a request.
    expect("refusals recorded", [line for line in judged if line["reason"] != "client-broke-off"], [])
    rate = re.search(r"Requests/sec:\s+(\S+)", done.stdout)
    return f"{found[1]} requests, {rate[1]}/s, no errors"


def wrk_denied(door, podwall):
    """A flood of denials: each is answered, the first ones are recorded, the others are counted."""
    if shutil.which("wrk") is None:
        raise Skipped("no wrk")
    done = run(["wrk", "-t", "1", "-c", "8", "-d", "1s", f"{door.url}/flood"])
    total = re.search(r"(\d+) requests in", done.stdout)
    refusals = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    if not total or not refusals or "Socket errors" in done.stdout:
        raise Failed(done.stdout + done.stderr)
    expect("denials", refusals[1], total[1])
    podwall.recorded(line="judged", original="/flood", port=door.port, reason="policy-no-rule")
    return f"{total[1]} denials"


CLIENTS = [
    ("curl-get", curl_get), ("curl-head", curl_head), ("curl-post-json", curl_post_json),
    ("curl-chunked-upload", curl_chunked_upload), ("curl-expect-continue", curl_expect_continue),
    ("curl-expect-too-large", curl_expect_too_large), ("curl-keep-alive", curl_keep_alive),
    ("curl-http1.0", curl_http10), ("curl-denied", curl_denied), ("requests-session", requests_session),
    ("aiohttp-50", aiohttp_concurrent), ("node-client", node_client),
]


# Identities

def no_certificate(door, podwall):
    """Strict: who shows no certificate gets no answer."""
    done = run(["curl", "-4", "-sS", "--http1.1", "--cacert", door.files[0], f"{door.url}/hello/x"])
    if done.returncode == 0:
        raise Failed(f"answered {done.stdout!r}")
    podwall.recorded(line="handshake")


def other_identity(door, podwall):
    """The server's own certificate proves another identity than the one that is granted."""
    own = [str(door.certs / name) for name in ("server.crt", "server.key")]
    answer = requests.get(f"{door.url}/hello/x", verify=door.files[0], cert=tuple(own), timeout=30)
    refused(podwall, answer.status_code, answer.headers.get("x-podwall-event"))


# What is long, large or slow

def events(door, upstream):
    """The second event is sent only after the client has read the first."""
    upstream.second_event.clear()
    with door.session() as session, session.get(f"{door.url}/events", stream=True, timeout=20) as answer:
        expect("content-type", answer.headers["content-type"], "text/event-stream")
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        expect("first", next(lines), "data: first")
        upstream.second_event.set()
        expect("rest", [line for line in lines if line], ["data: second"])


@contextlib.contextmanager
def bounded(podwall, told):
    """The peak of resident memory while something large passes."""
    podwall.reset_peak()
    before = podwall.memory("VmRSS")
    yield
    peak = podwall.memory("VmHWM")
    told.append(f"resident {before / 1024:.1f} MiB before, {peak / 1024:.1f} MiB at the peak")
    if peak - before > GROWTH_KIB:
        raise Failed(told[-1])


def download(door, podwall, mib):
    told = [f"{mib} MiB"]
    with bounded(podwall, told):
        status, body, _ = door.curl("-o", "/dev/null", path="/download", write="%{size_download}", timeout=600)
        expect("status and bytes", (status, body), (200, str(mib << 20)))
    return ", ".join(told)


def upload(door, podwall, mib, sized):
    """Every byte arrives: the upstream answers with count and checksum."""
    check = 0
    for _ in range(mib):
        check = zlib.crc32(BLOCK, check)
    told = [f"{mib} MiB"]
    body = (BLOCK for _ in range(mib))
    headers = {"content-type": "application/octet-stream"}
    if sized:
        # With a length of its own, requests sends the generator's pieces as they are.
        headers["content-length"] = str(mib << 20)
    with bounded(podwall, told), door.session() as session:
        asked = requests.Request("POST", f"{door.url}/upload", data=body, headers=headers).prepare()
        if sized:
            del asked.headers["transfer-encoding"]
        settings = session.merge_environment_settings(asked.url, {}, False, session.verify, session.cert)
        answer = session.send(asked, timeout=600, **settings)
        if event := answer.headers.get("x-podwall-event"):
            raise Failed(f"refused: {podwall.recorded(event=event)}")
        expect("answer", (answer.status_code, answer.text), (200, f"{mib << 20} {check}"))
    return ", ".join(told)


def attacked(size):
    """A file of measurements in JSON, one of which near its beginning is none."""
    rows = b'"ok",23.5,' * (1 << 17)
    file = tempfile.NamedTemporaryFile()
    file.write(b"[" + rows + b"\"x' UNION SELECT card, cvv FROM payments--\"," + rows * (size // len(rows)) + b"0]")
    file.flush()
    return file


def curl_upload_refused(door, podwall, path, status, reason, chunked):
    """The answer is seen by a client that is in the middle of sending."""
    with attacked(64 << 20) as file:
        framing = ["-H", "transfer-encoding: chunked"] if chunked else []
        arguments = ["-H", "expect:", "-H", "content-type: application/json", *framing, "--data-binary", f"@{file.name}"]
        found, _, head = door.curl(*arguments, path=path)
    event = re.search(r"(?im)^x-podwall-event: (\S+)", head)
    expect("reason", podwall.recorded(event=event and event[1])["reason"], reason)
    expect("status", found, status)


def requests_upload_refused(door, podwall, path, status, reason, chunked):
    """This client reads the answer only after it has sent everything."""
    with attacked(64 << 20) as file, door.session() as session:
        data = iter(lambda: file.read(1 << 16), b"") if chunked else file
        file.seek(0)
        answer = session.post(door.url + path, data=data, headers={"content-type": "application/json"}, timeout=60)
    expect("status", answer.status_code, status)
    expect("reason", podwall.recorded(event=answer.headers.get("x-podwall-event"))["reason"], reason)


def upload_refused(tally, door, podwall):
    for client, name in ((curl_upload_refused, "curl"), (requests_upload_refused, "requests")):
        for chunked in (True, False):
            framing = "chunked" if chunked else "length"
            for path, status, reason in (("/upload", 403, "attack-detected"), ("/count", 413, "limit-inspect-bytes")):
                name_of = f"refused-upload {name} {framing} {path} {door.name}"
                tally.check(name_of, client, door, podwall, path, status, reason, chunked)


# The admin endpoint

def admin(podwall, path, part):
    status, text = podwall.admin(path)
    expect("status", status, 200)
    if part not in text:
        raise Failed(f"no {part!r} in {text[:200]!r}")


def admin_refuses(podwall):
    for method in ("POST", "PUT", "DELETE"):
        for path in ("/metrics", "/status", "/livez", "/readyz"):
            expect(f"{method} {path}", podwall.admin(path, method)[0], 405)


def drain(door, podwall, upstream):
    """What is in flight ends well, nothing new is taken, and the process ends with 0."""
    answers = []

    def ask():
        with door.session() as session:
            answers.append(session.get(f"{door.url}/slow", timeout=30))

    with door.session() as idle:
        idle.get(f"{door.url}/hello/idle")  # a connection that is kept open must not hold up the end
        asking = threading.Thread(target=ask)
        asking.start()
        if not upstream.slow_arrived.wait(10):
            raise Failed("the slow request did not arrive")
        podwall.terminate()
        until("/readyz says that it drains", lambda: podwall.admin("/readyz")[0] == 503)
        until("no new connections", lambda: not listening(door.port)())
        upstream.slow_may_end.set()
        asking.join(30)
        expect("exit code", podwall.process.wait(30), 0)
    expect("answer", [(one.status_code, one.text) for one in answers], [(200, "begun, done")])
    last = podwall.lines()[-1]
    expect("last line of the record", (last["line"], last["why"]), ("stop", "SIGTERM"))


# Everything in its order

def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podwall", type=Path)
    parser.add_argument("--big-mib", type=int, default=1024, help="size of the large download and upload")
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="podwall-clients-") as folder, contextlib.ExitStack() as programs:
        everything(tally, options.podwall.resolve(), Path(folder), options.big_mib, programs)
    tally.finish()


def everything(tally, binary, folder, mib, programs):
    certs = certificates(binary, folder / "pki")
    upstream = chunked.Server()
    ports = {"chunked": upstream.port}
    for name, (server, port) in (("nginx", nginx(folder / "nginx", mib << 20)), ("node", node(folder / "node"))):
        if server is None:
            tally.check(f"upstream {name}", missing, name)
            continue
        programs.callback(server.end)
        ports[name] = port
    doors = [Door(f"{name} {'mtls' if tls else 'plain'}", free_port(), tls, certs) for name in ports for tls in (True, False)]
    podwall = start(binary, folder / "sidecar", doors, ports, certs)
    programs.callback(podwall.end)
    podwall.wait_ready()
    by_name = {door.name: door for door in doors}
    for door in doors:
        for name, client in CLIENTS:
            tally.check(f"{name} {door.name}", client, door, podwall)
        if not door.tls:
            tally.check(f"wrk {door.name}", wrk, door, podwall)
    for name in ("mtls", "plain"):
        tally.check(f"server-sent-events {name}", events, by_name[f"chunked {name}"], upstream)
        if "nginx" in ports:
            tally.check(f"download {name}", download, by_name[f"nginx {name}"], podwall, mib)
        for sized in (True, False):
            framing = "length" if sized else "chunked"
            tally.check(f"upload {framing} {name}", upload, by_name[f"chunked {name}"], podwall, mib, sized)
    for name in ("mtls", "plain"):
        upload_refused(tally, by_name[f"chunked {name}"], podwall)
    strict = by_name["chunked mtls"]
    tally.check("no-certificate", no_certificate, strict, podwall)
    tally.check("other-identity", other_identity, strict, podwall)
    for path, part in (("/metrics", "podwall_"), ("/status", "version"), ("/livez", "ok"), ("/readyz", "ok")):
        tally.check(f"admin {path}", admin, podwall, path, part)
    tally.check("admin refuses to write", admin_refuses, podwall)
    tally.check("wrk-denied", wrk_denied, by_name["chunked plain"], podwall)
    tally.check("sigterm", drain, strict, podwall, upstream)
    namespaces.check(tally, binary, folder / "namespaces", certs)


def missing(name):
    raise Skipped(f"no {name}")


def allowlist(doors):
    """Over mTLS an identity is granted; in plaintext, an address."""
    rules = []
    for kind, tls, who in (("mtls", True, "shop/frontend"), ("plain", False, "127.0.0.1")):
        common = {"from": who, "port": [door.port for door in doors if door.tls == tls]}
        read = ["/hello/{who}", "/download", "/events", "/slow"]
        rules.append({"name": f"read {kind}", **common, "methods": "GET", "path": read})
        rules.append({"name": f"count {kind}", **common, "methods": "POST", "path": "/count"})
        rules.append({"name": f"upload {kind}", **common, "methods": "POST", "path": "/upload", "stream": True})
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "clients"}, "owner": "team-tests"}
    return json.dumps({**head, "trustDomain": "cluster.test", "inbound": rules})


def start(binary, folder, doors, ports, certs):
    listeners = []
    for door in doors:
        upstream = ports[door.name.split()[0]]
        mode = "strict" if door.tls else "off"
        listeners.append({"listen": f"127.0.0.1:{door.port}", "tls": mode, "upstream": f"127.0.0.1:{upstream}"})
    return Podwall(binary, folder, listeners, allowlist(doors), certs)


if __name__ == "__main__":
    main()
