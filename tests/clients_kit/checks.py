"""Checks, and how they are told: one line each."""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path


class Failed(Exception):
    """What was found instead of what should have been."""


class Skipped(Exception):
    """What is missing here."""


def expect(what, found, expected):
    if found != expected:
        raise Failed(f"{what}: found {found!r:.300}, expected {expected!r:.300}")


def run(command, timeout=120, **options):
    """Runs a program to its end; its output is text."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)


class Tally:
    """Counts and prints."""

    def __init__(self):
        self.counts = {"ok": 0, "FAIL": 0, "SKIPPED": 0}

    def check(self, name, function, *arguments):
        """Runs one check. What it returns are figures worth reading."""
        try:
            outcome, why = "ok", function(*arguments)
        except Skipped as missing:
            outcome, why = "SKIPPED", str(missing)
        except Failed as failed:
            outcome, why = "FAIL", str(failed)
        except Exception as error:  # a client that breaks is a finding, not the end of the run
            where = traceback.extract_tb(error.__traceback__)[-1]
            outcome, why = "FAIL", f"{type(error).__name__}: {error} (line {where.lineno} of {where.name})"
        self.counts[outcome] += 1
        why = " ".join(str(why).split())[:600] if why else ""
        print(f"{outcome} {name}: {why}" if why else f"{outcome} {name}", flush=True)

    def finish(self):
        counts = self.counts
        print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['SKIPPED']} skipped")
        sys.exit(1 if counts["FAIL"] else 0)


def main(doc, name, everything):
    """Runs `everything(tally, binary, folder, programs)` with the program that is named, in a folder of its own."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("podwall", type=Path)
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix=f"podwall-{name}-") as folder, contextlib.ExitStack() as programs:
        everything(tally, options.podwall.resolve(), Path(folder), programs)
    tally.finish()
