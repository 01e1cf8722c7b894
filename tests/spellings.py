"""What a server acts on equals what was judged: hundreds of spellings, each through the sidecar to every real server.

    tests/.venv/bin/python tests/spellings.py target/release/podwall [--only TEXT]

One line per spelling: `ok NAME`, `FAIL NAME: which server acted on what`. Then the same spellings without the sidecar:
a check that finds nothing there would find nothing at all. Exit code 1 when one failed. Everything is on loopback.
"""

import argparse
import contextlib
import re
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clients_kit.checks import Failed, Tally, expect
from clients_kit.programs import until
from spellings_kit import table, verify, wire
from spellings_kit.backends import START
from spellings_kit.doors import each, opened, steps, through
from spellings_kit.http2 import Stream

# Seconds. A server alone may wait for more for ever.
ALONE = 0.4


def alone(backend, spellings):
    """Every spelling to the server alone; what is HTTP/2, as a gateway would write it that believes everything."""
    with ThreadPoolExecutor(16) as pool:
        for number, (_, spelling) in spellings.items():
            sent = [step.naive() if isinstance(step, Stream) else step for step in steps(spelling, number)]
            pool.submit(wire.exchange, backend.port, sent, ALONE, half_close=False)


def by_case(acts):
    """What was acted on, by the spelling that it belongs to."""
    sorted_out = {}
    for act in acts:
        sorted_out.setdefault(verify.case_of(act), []).append(act)
    return sorted_out


def agrees(number, spelling, exchanged, acted):
    found = [
        f"{name}: {problem}"
        for name in acted
        for problem in verify.behind(spelling, number, acted[name].get(number, []), exchanged[name][number])
    ]
    if found:
        raise Failed("; ".join(found))


def accounted(spellings, acted):
    """Every act belongs to a spelling."""
    expect("acts that belong to nothing", [act for number in set(acted) - set(spellings) for act in acted[number]], [])


def released(podwall, exchanged):
    """As many answers came from servers as the sidecar says that servers gave."""
    answers = sum(not answer.event for every in exchanged.values() for answers, _ in every.values() for answer in answers)
    until("the sidecar's count", lambda: counted(podwall) >= answers)
    expect("requests that were answered", counted(podwall), answers)
    return f"{answers} requests"


def counted(podwall):
    lines = re.findall(r'(?m)^podwall_requests_total\{.*code="\dxx".*\} (\d+)', podwall.admin("/metrics")[1])
    return sum(map(int, lines))


def dangerous(spellings, acted):
    """The refused spellings that a server alone disagrees about."""
    refused = {number: spelling for number, (_, spelling) in spellings.items() if not spelling.acts}
    return {number for number, one in refused.items() if verify.disagreements(one, number, acted.get(number, []))}


def real(spellings, wrong):
    """Without the sidecar the same comparison finds disagreements, in every family."""
    families = Counter(name.split(":")[0] for number, (name, _) in spellings.items() if number in wrong)
    told = ", ".join(f"{family} {count}" for family, count in families.items())
    expect("families that harm nobody", {name.split(":")[0] for name, _ in spellings.values()} - set(families), set())
    return f"{len(wrong)} spellings that are refused are acted on ({told})"


def everything(tally, binary, folder, only, programs):
    backends, port, podwall = opened(tally, START, binary, folder, programs)
    spellings = {number: pair for number, pair in table.numbered().items() if only in pair[0]}
    exchanged = each(backends, through, spellings, port)
    acted = {backend.name: by_case(backend.settled()) for backend in backends}
    for number, (name, spelling) in spellings.items():
        tally.check(name, agrees, number, spelling, exchanged, acted)
    tally.check("requests released", released, podwall, exchanged)
    each(backends, alone, spellings)
    harmed = set()
    for backend in backends:
        tally.check(f"{backend.name} acted on nothing else", accounted, spellings, acted[backend.name])
        wrong = dangerous(spellings, by_case(backend.settled()))
        tally.check(f"{backend.name} without the sidecar", expect, "acted on nothing", not wrong, False)
        harmed |= wrong
    tally.check("without the sidecar", real, spellings, harmed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podwall", type=Path)
    parser.add_argument("--only", default="", help="only spellings with this in their names")
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="podwall-spellings-") as folder, contextlib.ExitStack() as programs:
        everything(tally, options.podwall.resolve(), Path(folder), options.only, programs)
    tally.finish()


if __name__ == "__main__":
    main()
