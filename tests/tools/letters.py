#!/usr/bin/env python3
"""How src/behave/dns/letters.txt was made: what the letters of words cost, given the two before them.

Source: the word lists of Debian's wamerican, wdutch, wfrench, witalian, wngerman, wportuguese and wspanish (no list of
domain names, and nothing that the tests are measured on). Letters without accents, words of 2 to 14 letters, at most
60,000 of each list drawn with a fixed seed, American English counted four times, because names lean to it. Names are
often two words without a space between them, so each pair of words counts joined as well as apart.

Probability of a letter: of its three letters, smoothed by its two, smoothed by its one; 3 % are spread evenly, so that
nothing is impossible. Cost: the negative logarithm in steps of 0.08, written as a character from `!` on: one line for
each pair of letters before (a space is the beginning), one column for each letter after (the last is the end).

    apt-get download wamerican ... && dpkg -x ... lists && letters.py lists/usr/share/dict > src/behave/dns/letters.txt
"""
import collections
import math
import pathlib
import random
import sys
import unicodedata

LISTS = ["american-english", "french", "ngerman", "italian", "portuguese", "spanish", "dutch"]
BEFORE = " abcdefghijklmnopqrstuvwxyz"
AFTER = "abcdefghijklmnopqrstuvwxyz$"


def words(path):
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        plain = "".join(c for c in unicodedata.normalize("NFD", line.strip().lower()) if "a" <= c <= "z")
        if 2 <= len(plain) <= 14:
            found.append(plain)
    random.seed(7)
    random.shuffle(found)
    return found[:60000]


def count(folder):
    three = collections.Counter()
    for name in LISTS:
        weight = 4 if name == "american-english" else 1
        found = words(folder / name)
        for at in range(0, len(found) - 1, 2):
            for word in (found[at], found[at] + found[at + 1]):
                spelled = " " + word + "$"
                for a, b, c in zip(spelled, spelled[1:], spelled[2:]):
                    three[a, b, c] += weight
    return three


def main():
    three = count(pathlib.Path(sys.argv[1]))
    two, one, after_two, after_one = (collections.Counter() for _ in range(4))
    for (a, b, c), times in three.items():
        two[b, c] += times
        one[c] += times
        after_two[a, b] += times
        after_one[b] += times
    total = sum(one.values())
    for a in BEFORE:
        for b in BEFORE:
            line = ""
            for c in AFTER:
                p1 = (one[c] + 1) / (total + 28)
                p2 = (two[b, c] + 30 * p1) / (after_one[b] + 30)
                p3 = (three[a, b, c] + 60 * p2) / (after_two[a, b] + 60)
                line += chr(33 + min(93, round(-math.log(0.97 * p3 + 0.03 / 27) / 0.08)))
            print(line)


if __name__ == "__main__":
    main()
