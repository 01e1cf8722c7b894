"""The sidecar in front of the backends: two doors to each, one that grants little and one that forbids little."""

import json
from concurrent.futures import ThreadPoolExecutor

from clients_kit.programs import Podwall, certificates, free_port

from . import http2
from .backends import Backend
from .http2 import Stream
from .spelling import CASE
from .wire import CONTINUE, exchange

DOORS = ("narrow", "wide")
# Seconds. Behind the sidecar everything ends by itself.
PATIENCE = 30


def rules(port):
    """The narrow doors grant little; the wide ones grant all but /admin."""
    common = {"from": "127.0.0.1", "host": "a.test", "port": [port[key] for key in port if key[1] == "narrow"]}
    wide = {"from": "127.0.0.1", "host": "a.test", "port": [port[key] for key in port if key[1] == "wide"]}
    return [
        {"name": "public", **common, "methods": ["GET", "POST"], "path": "/public/{rest...}"},
        {"name": "keyed", **common, "methods": "GET", "path": "/keyed/{id}", "headers": {"x-tenant": ["acme"]}},
        {"name": "search", **common, "methods": "GET", "path": "/search", "query": ["q", "case"]},
        {"name": "item", **common, "methods": "GET", "path": "/item/{id}"},
        {"name": "via", **common, "methods": "GET", "path": "/via/{rest...}", "absoluteForm": True},
        {"name": "stream", **common, "methods": "POST", "path": "/stream/{id}", "stream": True},
        {"name": "everything", **wide, "methods": ["GET", "POST"], "path": "/{rest...}"},
    ]


def allowlist(port):
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "spellings"}, "owner": "team-tests"}
    return json.dumps({**head, "inbound": rules(port), "deny": [{"name": "admin", "path": ["/admin", "/admin/{rest...}"]}]})


def sidecar(binary, folder, backends, port):
    listeners = [
        {"listen": f"127.0.0.1:{port[backend.name, door]}", "tls": "off", "upstream": f"127.0.0.1:{backend.port}"}
        for backend in backends
        for door in DOORS
    ]
    certs = certificates(binary, folder / "pki")
    return Podwall(binary, folder / "sidecar", listeners, allowlist(port), certs)


def steps(spelling, number):
    numbered = [step if step is CONTINUE else step.replace(CASE, number) for step in spelling.steps]
    return [bytes([byte]) for byte in b"".join(numbered)] if spelling.dripped else numbered


def each(backends, function, *arguments):
    """The same for every backend, side by side."""
    with ThreadPoolExecutor(len(backends)) as pool:
        running = {backend.name: pool.submit(function, backend, *arguments) for backend in backends}
        return {name: ran.result() for name, ran in running.items()}


def opened(tally, names, binary, folder, programs):
    """The backends that could be started, the ports of their doors, and the sidecar. All end with `programs`."""
    backends = []
    for name in names:
        tally.check(f"start {name}", start, name, folder, backends, programs)
    port = {(backend.name, door): free_port() for backend in backends for door in DOORS}
    podwall = sidecar(binary, folder, backends, port)
    programs.callback(podwall.end)
    return backends, port, podwall.wait_ready()


def start(name, folder, backends, programs):
    backend = Backend(name, folder / name)
    programs.callback(backend.end)
    backends.append(backend)


def through(backend, spellings, port):
    """Every spelling through the sidecar, one after the other, so that a connection it spoils meets the next one."""

    def one(number, spelling):
        door, sent = port[backend.name, spelling.door], steps(spelling, number)
        if isinstance(sent[0], Stream):
            return http2.exchange(door, sent, PATIENCE)
        return exchange(door, sent, PATIENCE, half_close=True)

    return {number: one(number, spelling) for number, (_, spelling) in spellings.items()}
