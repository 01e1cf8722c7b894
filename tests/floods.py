"""Floods of HTTP/2, each against a sidecar that also serves a polite client.

    tests/.venv/bin/python tests/floods.py target/release/podwall [--seconds 2]

For each flood: how often the polite client was answered and how long it waited (median, 99th of a hundred) beside what it
waits when all is quiet, how many connections the flood was ended on, how much of the sidecar's time it took, and for which reasons.
Where there are two cores or more the flood comes from one of its own, as from a machine of its own; otherwise the polite
client's wait would be for the flood's computing. Times are printed, never judged: a flood fails the test when the polite client is not answered, or when its connections are
not ended for one of the reasons that it may be ended for. Told as tests/clients.py tells. Loopback only.
"""

import argparse
import collections
import contextlib
import json
import multiprocessing
import os
import re
import socket
import statistics
import tempfile
import time
from pathlib import Path
from queue import Empty

import h2.config
import h2.connection
import h2.events
from clients_kit import chunked
from clients_kit.checks import Failed, Tally, expect
from clients_kit.programs import Podwall, certificates, free_port, until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PING, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
# Frames that are sent in one piece.
BATCH = 200
# The last is the flood's, the others everyone else's.
CORES = sorted(os.sched_getaffinity(0))


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


# RFC 7541: indexed `:method: GET` or `POST`, `:scheme: http`, `:path: /`; a literal `:authority: a`.
GET = bytes([0x82, 0x86, 0x84, 0x41, 0x01]) + b"a"
POST = bytes([0x83, 0x86, 0x84, 0x41, 0x01]) + b"a"


# What a flood sends, piece after piece, for as long as it is let.

def streams():
    return ([2 * number + 1 for number in range(start, start + BATCH)] for start in range(0, 1 << 29, BATCH))


def rapid_reset():
    for batch in streams():
        yield b"".join(
            frame(HEADERS, END_STREAM | END_HEADERS, id, GET) + frame(RESET, 0, id, bytes(3) + b"\x08") for id in batch
        )


def made_you_reset():
    """Streams that the server must reset: a window update of nothing."""
    for batch in streams():
        yield b"".join(frame(HEADERS, END_HEADERS, id, POST) + frame(WINDOW, 0, id, bytes(4)) for id in batch)


def continuations():
    yield frame(HEADERS, END_STREAM, 1, GET)
    while True:
        yield frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b") * BATCH


def header_bomb():
    """One entry of the table, named ten thousand times by one byte each, in every head."""
    value = b"b" * 3900
    entry = b"\x40\x01a\x7f" + bytes([((len(value) - 127) & 127) | 128, (len(value) - 127) >> 7]) + value
    yield frame(HEADERS, END_STREAM | END_HEADERS, 1, GET + entry)
    for batch in streams():
        for id in batch:
            yield frame(HEADERS, END_STREAM | END_HEADERS, id + 2, GET + b"\xbe" * 10_000)


def empty_data():
    yield frame(HEADERS, END_HEADERS, 1, POST)
    while True:
        yield frame(DATA, 0, 1) * BATCH


def pings():
    while True:
        yield frame(PING, 0, 0, bytes(8)) * BATCH


def settings():
    while True:
        yield frame(SETTINGS, 0, 0, bytes([0, 3, 0, 0, 0, 100])) * BATCH


def priorities():
    while True:
        yield frame(PRIORITY, 0, 1, bytes([0, 0, 0, 3, 7])) * BATCH


def window_updates():
    while True:
        yield frame(WINDOW, 0, 0, bytes([0, 0, 0, 1])) * BATCH


# Each with the reasons that it may be ended for.
FLOODS = {
    "rapid-reset": (rapid_reset, {"http2-reset-rate", "http2-protocol"}),
    "made-you-reset": (made_you_reset, {"http2-reset-rate", "http2-protocol"}),
    "continuations": (continuations, {"http2-continuations", "http2-protocol"}),
    "header-bomb": (header_bomb, {"http2-reset-rate", "http2-protocol"}),
    "empty-data": (empty_data, {"http2-control-rate", "http2-protocol"}),
    "pings": (pings, {"http2-control-rate"}),
    "settings": (settings, {"http2-control-rate"}),
    "priorities": (priorities, {"http2-control-rate"}),
    "window-updates": (window_updates, {"http2-control-rate"}),
}


def flood(name, port, end, told):
    """Connection after connection, each for as long as it is let, the first one to its end; tells how many there were, and
    how many bytes they took."""
    os.sched_setaffinity(0, CORES[-1:])
    connections, sent = 0, 0
    while time.monotonic() < end:
        pieces = FLOODS[name][0]()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as client:
            client.settimeout(5)
            connections += 1
            client.sendall(PREFACE + frame(SETTINGS, 0, 0))
            while time.monotonic() < end or connections == 1:
                piece = next(pieces)
                client.sendall(piece)
                sent += len(piece)
    told.put((connections, sent))


class Polite:
    """A client that asks again and again on one connection, a little apart."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.settimeout(10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.protocol.initiate_connection()

    def ask(self):
        stream = self.protocol.get_next_available_stream_id()
        head = [(":method", "GET"), (":scheme", "http"), (":authority", "shop"), (":path", "/hello/polite")]
        self.protocol.send_headers(stream, head, end_stream=True)
        self.socket.sendall(self.protocol.data_to_send())
        status = None
        while True:
            received = self.socket.recv(65536)
            if not received:
                raise Failed("the polite client's connection was ended")
            for event in self.protocol.receive_data(received):
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[b":status"]
                if isinstance(event, h2.events.StreamEnded):
                    return status
            if answer := self.protocol.data_to_send():
                self.socket.sendall(answer)

    def waits(self, seconds):
        """How long each answer took, in microseconds."""
        waits, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.perf_counter()
            expect("status", self.ask(), b"200")
            waits.append((time.perf_counter() - began) * 1e6)
            time.sleep(0.002)
        return waits


def decided(podwall):
    """How many connections were ended for which reason. The record has lines of the first of them, and sums of the rest."""
    status, text = podwall.admin("/metrics")
    expect("status of /metrics", status, 200)
    found = re.findall(r'(?m)^podwall_decisions_total\{.*?reason="(http2-[^"]+)".*?\} (\d+)', text)
    return collections.Counter({reason: int(count) for reason, count in found})


def at(waits, share):
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * share))]


def cpu(podwall):
    words = Path(f"/proc/{podwall.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def under(name, port, podwall, seconds):
    """One flood, between two times of quiet."""
    polite = Polite(port)
    polite.waits(0.2)
    quiet = polite.waits(seconds / 2)
    before = decided(podwall)
    queue = multiprocessing.Queue()
    began, spent = time.monotonic(), cpu(podwall)
    flooder = multiprocessing.Process(target=flood, args=(name, port, began + seconds, queue))
    flooder.start()
    try:
        waits = polite.waits(seconds)
        try:
            connections, sent = queue.get(timeout=30)
        except Empty:
            raise Failed("it was not ended") from None
    finally:
        flooder.kill()
        flooder.join()
    spent = (cpu(podwall) - spent) / (time.monotonic() - began)
    quiet += polite.waits(seconds / 2)
    ended = until("a reason", lambda: decided(podwall) - before)
    if not ended.keys() <= FLOODS[name][1]:
        raise Failed(f"ended for {dict(ended)}")
    half, most = statistics.median(waits) / statistics.median(quiet), at(waits, 0.99) / at(quiet, 0.99)
    return (
        f"{len(waits)} answers, median {statistics.median(waits):.0f} us ({half:.2f}x quiet), "
        f"p99 {at(waits, 0.99):.0f} us ({most:.2f}x); {connections} connections, {sent >> 10} KiB, "
        f"{spent * 100:.0f} % of a core; {dict(ended)}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podwall", type=Path)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--only", choices=FLOODS)
    options = parser.parse_args()
    os.sched_setaffinity(0, CORES[:-1] or CORES)
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="podwall-floods-") as folder, contextlib.ExitStack() as programs:
        folder = Path(folder)
        certs = certificates(options.podwall.resolve(), folder / "pki")
        port, upstream = free_port(), chunked.Server()
        listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "upstream": f"127.0.0.1:{upstream.port}"}]
        rule = {"name": "hello", "from": "any", "methods": "GET", "path": "/hello/{who}"}
        head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "hello"}, "owner": "team-tests"}
        allowlist = json.dumps({**head, "trustDomain": "cluster.test", "inbound": [rule]})
        podwall = Podwall(options.podwall.resolve(), folder / "sidecar", listeners, allowlist, certs)
        programs.callback(podwall.end)
        podwall.wait_ready()
        for name in [options.only] if options.only else FLOODS:
            tally.check(f"flood-{name}", under, name, port, podwall, options.seconds)
    tally.finish()


if __name__ == "__main__":
    main()
