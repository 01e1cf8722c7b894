"""What detection would be worth on attacks from a source that nobody had looked at.

    podwall judge --config podwall.yaml --rows ROWS.jsonl.gz... --out VERDICTS.tsv
    python3 tests/tools/leave_out.py VERDICTS.tsv ROWS.jsonl.gz...

Rows are as `podwall judge --rows` takes them, with `source`, `class` and `tier` besides; the verdicts name every sign that
was found, with its weight. For each source, the signs that occur in attacks of no other source are taken away, as if they
had never been written, and its attacks are weighed again by what is left. What is printed for each source: its attacks, the
rate caught, the rate caught without the signs that only it supports, and those signs.

It errs on the lenient side: a sign that another source supports by one row stays whole, with every spelling in it. And on
the strict side: a detector tells only the clearest of its signs in a part, so that a weaker one that would have denied as well
is not counted when the clearest is taken away.
"""

import argparse
import collections
import gzip
import json
import re

SIGN = re.compile(r"(?:^|\s)([a-z0-9-]+):(\d+)@")


def rows(files):
    for name in files:
        with (gzip.open if name.endswith(".gz") else open)(name, "rt") as lines:
            yield from map(json.loads, lines)


def verdicts(name):
    """Of each row: whether it was denied, for evidence or not, and the weights of its signs."""
    found = {}
    with open(name, errors="replace") as lines:
        for line in lines:
            row, verdict, said = line.rstrip("\n").split("\t")[:3]
            signs = {sign: int(weight) for sign, weight in SIGN.findall(said)}
            found[row] = (verdict == "deny", "attack-detected" in said, signs)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verdicts")
    parser.add_argument("rows", nargs="+")
    parser.add_argument("--tier", default="core")
    parser.add_argument("--threshold", type=int, default=100, help="the weight that denies")
    options = parser.parse_args()
    judged = verdicts(options.verdicts)
    attacks = collections.defaultdict(list)
    supporters = collections.defaultdict(set)
    for row in rows(options.rows):
        if row.get("class") == "attack" and row.get("tier") == options.tier and row["id"] in judged:
            attacks[row["source"]].append(judged[row["id"]])
            for sign in judged[row["id"]][2]:
                supporters[sign].add(row["source"])

    totals = [0, 0, 0]
    for source, found in sorted(attacks.items()):
        own = {sign for sign, sources in supporters.items() if sources == {source}}
        caught = sum(denied for denied, _, _ in found)
        without = sum(
            denied and (not detected or sum(w for sign, w in signs.items() if sign not in own) >= options.threshold)
            for denied, detected, signs in found
        )
        totals = [total + more for total, more in zip(totals, (len(found), caught, without))]
        print(f"{source:20} {len(found):6} {rate(caught, len(found))} {rate(without, len(found))}  {' '.join(sorted(own))}")
    print(f"{'all':20} {totals[0]:6} {rate(totals[1], totals[0])} {rate(totals[2], totals[0])}")


def rate(part, whole):
    return f"{100 * part / max(whole, 1):6.2f} %"


if __name__ == "__main__":
    main()
