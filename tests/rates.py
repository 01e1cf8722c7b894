"""Rates under real load: many callers on many connections to two workers, and h2load. Answers are counted: what a burst
allows passes and not one more, whoever asks and however fast; every refusal says when to ask again; a flood does not use up
what the others are granted.

    tests/.venv/bin/python tests/rates.py target/release/podwall

Told as tests/clients.py tells: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`; exit code 1 when one failed. Loopback only.
"""

import http.client
import json
import re
import shutil
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
from clients_kit import calls, chunked
from clients_kit.checks import Failed, Skipped, expect, run, main
from clients_kit.programs import Podwall, certificates, free_port

RATES = [
    {"name": "burst", "path": "/burst", "perCaller": "1/h burst 50"},
    {"name": "total", "path": "/total", "total": "1/h burst 300"},
    {"name": "alone", "path": "/alone", "total": "1/h burst 100"},
    {"name": "both", "path": "/both", "perCaller": "1/h burst 40", "total": "1/h burst 1000"},
    {"name": "shared", "path": "/shared", "total": "100/s burst 100"},
    {"name": "narrow", "path": "/slow", "total": {"concurrent": 4}},
    {"name": "load", "path": "/load", "perCaller": "1/h burst 500"},
    {"name": "calls", "path": "/shop.Orders/Get", "perCaller": "1/h burst 10"},
]


class Caller:
    """A caller with an address of its own; what it was answered."""

    def __init__(self, port, number):
        self.port, self.address, self.answers = port, f"127.0.1.{number}", Counter()

    def ask(self, path, count):
        """So many requests on one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(self.address, 0))
        found = Counter()
        for _ in range(count):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 429 and not int(answer.getheader("retry-after", 0)) > 0:
                raise Failed("a 429 without retry-after")
            found[answer.status] += 1
        connection.close()
        return found


def together(jobs):
    """Runs what is to be done at the same time, and adds up what was answered."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [job.result() for job in [pool.submit(*job) for job in jobs]]


def per_caller(port, _):
    """Eight callers, four connections each: every one gets its burst, and not one more."""
    callers = [Caller(port, number) for number in range(1, 9)]
    found = together([(caller.ask, "/burst", 30) for caller in callers for _ in range(4)])
    for at, caller in enumerate(callers):
        answers = sum(found[4 * at : 4 * at + 4], Counter())
        expect(f"answers of {caller.address}", dict(answers), {200: 50, 429: 70})


def in_total(port, _):
    """Of 800 requests of ten callers no more than the total allows, and no caller is left without."""
    found = together([(Caller(port, number).ask, "/total", 40) for number in range(10, 20) for _ in range(2)])
    granted = [found[at][200] + found[at + 1][200] for at in range(0, 20, 2)]
    if sum(granted) > 300 or min(granted) == 0:
        raise Failed(f"granted: {granted}")
    return f"granted: {granted}"


def alone(port, _):
    """One caller gets half of a common burst at once, however many connections it has: the rest is kept for others, and
    the second caller has its share of it."""
    found = together([(Caller(port, 60).ask, "/alone", 50) for _ in range(4)])
    expect("answers", dict(sum(found, Counter())), {200: 50, 429: 150})
    expect("the second caller's first", Caller(port, 61).ask("/alone", 1)[200], 1)


def both(port, _):
    """The stricter of two ceilings holds: the caller's, here."""
    found = together([(Caller(port, number).ask, "/both", 20) for number in range(20, 24) for _ in range(4)])
    expect("answers", dict(sum(found, Counter())), {200: 160, 429: 160})


def fair(port, _):
    """Five polite callers, each far below its share, beside a flood of what all may have together."""
    done = threading.Event()

    def flood():
        found, caller = Counter(), Caller(port, 30)
        while not done.is_set():
            found += caller.ask("/shared", 20)
        return found

    def polite(number):
        found, caller = Counter(), Caller(port, number)
        for _ in range(25):
            found += caller.ask("/shared", 1)
            time.sleep(0.1)  # what makes it polite: ten requests per second at most
        return found

    with ThreadPoolExecutor(9) as pool:
        floods = [pool.submit(flood) for _ in range(4)]
        polites = [pool.submit(polite, number) for number in range(31, 36)]
        answers = [one.result() for one in polites]
        done.set()
        flooded = sum((one.result() for one in floods), Counter())
    for found in answers:
        if found[200] < 23:
            raise Failed(f"a polite caller was answered {dict(found)}, the flood {dict(flooded)}")
    if flooded[429] == 0:
        raise Failed("the flood was none")
    return f"polite callers: {sum(found[200] for found in answers)} of 125 granted; the flood: {dict(flooded)}"


def at_once(port, backend):
    """Four at once, and no fifth, from whatever connection."""
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(Caller(port, 40 + number).ask, "/slow", 1) for number in range(16)]
        while sum(one.done() for one in asked) < 12:
            time.sleep(0.01)
        backend.slow_may_end.set()
        found = sum((one.result() for one in asked), Counter())
    expect("answers", dict(found), {200: 4, 429: 12})


def h2load(port, _):
    """h2load over eight connections of HTTP/2, 2,000 requests: the burst passes, and not one more."""
    if shutil.which("h2load") is None:
        raise Skipped("no h2load")
    done = run(["h2load", "-n", "2000", "-c", "8", "-m", "10", f"http://127.0.0.1:{port}/load"])
    found = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    expect("answers", found and found.groups(), ("500", "0", "1500", "0"))


def grpc_calls(port, _):
    """gRPC callers are told RESOURCE_EXHAUSTED, and when to ask again."""
    found = Counter()
    with calls.Client(f"127.0.0.1:{port}") as client:
        futures = [client.later("Get", calls.order("C-7")) for _ in range(40)]
        for future in futures:
            error = future.exception()
            found[error.code() if error else None] += 1
            if error:
                told = dict(error.trailing_metadata())
                expect("when", int(told["retry-after"]) * 1000, int(told["grpc-retry-pushback-ms"]))
    expect("answers", dict(found), {None: 10, grpc.StatusCode.RESOURCE_EXHAUSTED: 30})


CHECKS = [per_caller, in_total, alone, both, at_once, h2load, fair]


def everything(tally, binary, folder, programs):
    certs = certificates(binary, folder / "pki")
    backend, service = chunked.Server(), calls.Service()
    programs.callback(service.end)
    web, rpc = free_port(), free_port()
    listeners = [
        {"listen": f"127.0.0.1:{web}", "tls": "off", "upstream": f"127.0.0.1:{backend.port}"},
        {"listen": f"127.0.0.1:{rpc}", "tls": "off", "upstream": f"127.0.0.1:{service.port}", "upstream_protocol": "http2"},
    ]
    rules = [
        {"from": "any", "methods": "GET", "path": "/{rest...}"},
        {"from": "any", "grpc": "shop.Orders/Get"},
    ]
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "rates"}, "owner": "team-tests"}
    allowlist = json.dumps({**head, "inbound": rules, "rates": RATES})
    podwall = Podwall(binary, folder / "sidecar", listeners, allowlist, certs)
    programs.callback(podwall.end)
    podwall.wait_ready()
    for check in CHECKS:
        tally.check(f"rates-{check.__name__.replace('_', '-')}", check, web, backend)
    tally.check("rates-grpc", grpc_calls, rpc, backend)


if __name__ == "__main__":
    main(__doc__, "rates", everything)
