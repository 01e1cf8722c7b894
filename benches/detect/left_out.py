"""How much of each source of attacks is caught by what the others show, too: what was learned from one source alone is left out.

    podwall judge --rows FILE... --out VERDICTS.tsv
    python3 benches/detect/left_out.py VERDICTS.tsv FILE...

FILEs are the JSON lines that were judged (`.gz` is unpacked); of each row `id`, `class` and `source` count, and `tier` where it has
one: only `core`. For each source, signs (of detectors and signatures) that no attack of another source shows are taken
away; an attack is still caught when the weights of the others reach 100, as the default sensitivity asks.
"""

import gzip
import json
import re
import sys
from collections import defaultdict

SIGN = re.compile(r"(?:^| )([a-z0-9-]+):(\d+)@")


def rows(paths):
    for path in paths:
        with gzip.open(path, "rt") if path.endswith(".gz") else open(path) as lines:
            yield from map(json.loads, lines)


def main(verdicts, *paths):
    told = {}
    with open(verdicts) as lines:
        for line in lines:
            identity, verdict, answer, *_ = line.rstrip("\n").split("\t")
            told[identity] = SIGN.findall(answer) if verdict == "deny" else None
    attacks = [(row["source"], told[row["id"]]) for row in rows(paths)
               if row["class"] == "attack" and row.get("tier", "core") == "core"]
    shown = defaultdict(set)
    for source, signs in attacks:
        for sign, _ in signs or []:
            shown[sign].add(source)
    counts = defaultdict(lambda: [0, 0, 0])
    for source, signs in attacks:
        left = sum(int(weight) for sign, weight in signs or [] if shown[sign] != {source})
        for name in (source, "all"):
            counts[name][0] += 1
            counts[name][1] += signs is not None
            counts[name][2] += left >= 100
    print(f"{'source':16} {'attacks':>8} {'caught':>8} {'by what others show':>20}")
    for name, (count, caught, left) in sorted(counts.items(), key=lambda item: (item[0] == "all", item)):
        print(f"{name:16} {count:8} {100 * caught / count:7.2f}% {100 * left / count:19.2f}%")


if __name__ == "__main__":
    main(*sys.argv[1:])
