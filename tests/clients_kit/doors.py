"""The ways in to a database that tests of databases try: plaintext, mTLS between two sidecars, TLS to the server."""

import argparse
import contextlib
import tempfile
from collections import namedtuple
from pathlib import Path

from .checks import Tally
from .programs import Podwall, free_port

Doors = namedtuple("Doors", "plain strict tls outbound inbound caller")


def start(protocol, server, allowlists, certs, binary, folder, programs):
    """The ports of all doors, and the two sidecars behind them: the database's own, and that of a pod that calls it.

    `allowlists` are theirs, in that order.
    """
    plain, strict, tls, outbound = (free_port() for _ in range(4))
    ours = {"protocol": protocol, "upstream": f"127.0.0.1:{server.port}"}
    to_server = {"roots": f"{certs}/ca.crt", "server_name": "localhost"}
    to_sidecar = {"identities": ["spiffe://cluster.test/ns/shop/sa/orders"]}
    inbound = Podwall(binary, folder / "sidecar", [
        {"listen": f"127.0.0.1:{plain}", "tls": "off", **ours},
        {"listen": f"127.0.0.1:{strict}", "tls": "strict", **ours},
        {"listen": f"127.0.0.1:{tls}", "tls": "off", **ours, "upstream_tls": to_server},
    ], allowlists[0], certs, record="aggregate_interval: 1s")
    programs.callback(inbound.end)
    caller = Podwall(binary, folder / "caller", [
        {"listen": f"127.0.0.1:{outbound}", "direction": "outbound", "protocol": protocol,
         "upstream": f"127.0.0.1:{strict}", "upstream_tls": to_sidecar},
    ], allowlists[1], certs, certificate="client", record="aggregate_interval: 1s")
    programs.callback(caller.end)
    inbound.wait_ready()
    caller.wait_ready()
    return Doors(plain, strict, tls, outbound, inbound, caller)


def chosen(tally, only):
    """Checks under titles, but those that do not have `only` in them."""

    def alone(title, function, *arguments):
        if only in title:
            tally.check(title, function, *arguments)

    return alone


def main(name, check):
    """Runs `check(tally, binary, folder, programs, only)` with what the command line says, in a folder of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("--only", default="", help="part of the names of checks")
    arguments = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix=f"podwall-{name}-") as folder, contextlib.ExitStack() as programs:
        check(tally, arguments.binary.resolve(), Path(folder), programs, arguments.only)
    tally.finish()
