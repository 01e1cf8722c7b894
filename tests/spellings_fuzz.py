"""Random spellings through the sidecar to every real server: none may act on what the sidecar did not write.

    tests/.venv/bin/python tests/spellings_fuzz.py target/release/podwall [--count 2000] [--seed 1]

What the sidecar wrote is told by a reader that knows its one spelling only. The same seed draws the same spellings.
Prints one line per disagreement, with the bytes that led to it. Exit code 1 when there is one.
"""

import argparse
import contextlib
import tempfile
from pathlib import Path

from clients_kit.checks import Tally, expect
from spellings_kit import verify
from spellings_kit.backends import START, TAPE
from spellings_kit.doors import each, opened, through
from spellings_kit.mutate import Mutator

# Drawn, sent and compared together.
BATCH = 250


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podwall", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="podwall-spellings-") as folder, contextlib.ExitStack() as programs:
        backends, port, _ = opened(tally, [*START, *TAPE], options.podwall.resolve(), Path(folder), programs)
        fuzz(tally, backends, port, options)
    tally.finish()


def fuzz(tally, backends, port, options):
    mutator, released = Mutator(options.seed), 0
    for begin in range(0, options.count, BATCH):
        drawn = {b"%04d" % number: ("random", mutator.draw()) for number in range(1000, 1000 + BATCH)}
        exchanged = each(backends, through, drawn, port)
        acted = {backend.name: {act["id"]: act for act in backend.settled()} for backend in backends}
        written = {number: told(acted["tape"], exchanged["tape"][number]) for number in drawn}
        released += len(acted["tape"])
        found = [one for name in acted for one in compared(name, drawn, exchanged[name], acted[name], written)]
        tally.check(f"random spellings {begin} to {begin + BATCH - 1}", expect, "disagreements", len(found), 0)
        for one in found:
            print(f"  {one}")
    print(f"{released} requests were released")


def told(acted, exchanged):
    """What the client was told that the server acted on, in this order. An error page has an id too, and no act."""
    return [acted[answer.acted] for answer in exchanged[0] if answer.acted in acted]


def compared(name, drawn, exchanged, acted, written):
    """What one server acted on, spelling by spelling, against what was written for it and against what is granted."""
    silent = dict(acted)
    for number, (_, spelling) in drawn.items():
        answers, closed = exchanged[number]
        problems = [] if closed else [f"neither answered nor closed: {answers}"]
        left = list(written[number])
        for act in told(acted, exchanged[number]):
            del silent[act["id"]]
            problems += verify.forged(act) + verify.outside(act, spelling.door)
            while left and not alike(act, left[0]):
                left.pop(0)
            if not left:
                problems.append(f"acted on what was not written: {verify.described(act)}")
            left = left[1:]
        yield from (f"{name}: {problem} because of {spelling.door} {spelling.steps}" for problem in problems)
    for act in silent.values():
        spelling = drawn.get(verify.case_of(act))
        yield f"{name}: nobody was told of {verify.described(act)} because of {spelling and spelling[1].steps}"


def alike(act, written):
    unread = act["body"] == "" and "/public/lazy" in act["target"]
    return act["method"] == written["method"] and (unread or act["body"] == written["body"])


if __name__ == "__main__":
    main()
