"""Attacks of others, from corpora of requests or of statements: the values that were meant for SQL, and which of them change
a statement that they are pasted into."""

import base64
import collections
import gzip
import json
import re
from urllib.parse import parse_qsl, urlsplit

# Statements are made of few templates: where more bytes than this may follow, a value begins.
MOST_NEXT = 8
# What stands where one name stood, in tokens, and changes nothing: names and literals, with signs and directions.
NAME = r'(?:\?|"|\w+)'
ITEM = rf"(?:[-+] )?{NAME}(?: \. {NAME})*(?: (?:ASC|DESC))?(?: NULLS (?:FIRST|LAST))?"
LIST = rf"{ITEM}(?: , {ITEM})*"
WORD = re.compile(r"\s*\w+\s*")
# A name, and a string, that no statement holds otherwise.
HARMLESS = "kettle"


def values(files):
    """The values of queries, forms and statements, each once."""
    rows = [json.loads(line) for file in files for line in gzip.open(file, "rt")]
    found = dict.fromkeys(filter(None, map(of_request, rows)))
    statements = [row["sql"] for row in rows if row.get("class") == "attack" and "sql" in row]
    found |= dict.fromkeys(of_statements(statements))
    return [value for value in found if value and "\0" not in value and "\ufffd" not in value]


def of_request(row):
    request = row.get("request", {})
    if row.get("kind") != "sqli" or "path" not in request:
        return None
    pairs = parse_qsl(urlsplit(request["path"]).query, keep_blank_values=True)
    if "slot=form" in row.get("note", ""):
        pairs = parse_qsl(base64.b64decode(request.get("body_b64") or "").decode(errors="replace"), keep_blank_values=True)
    elif "slot=query" not in row.get("note", ""):
        return None
    return max((value for _, value in pairs), key=len, default="")


def of_statements(statements):
    """What differs between the statements of one template: what stands between their common beginning and end."""
    groups = [("", statements)] if statements else []
    while groups:
        head, group = groups.pop()
        by_next = collections.defaultdict(list)
        for statement in group:
            by_next[statement[len(head) : len(head) + 1]].append(statement)
        if len(by_next) <= MOST_NEXT:
            groups += [(head + byte, some) for byte, some in by_next.items() if byte]
            continue
        tail = group[0][len(head) :]
        while not all(statement.endswith(tail) for statement in group):
            tail = tail[1:]
        yield from (statement[len(head) : len(statement) - len(tail)] for statement in group)


def changes(server, statement, value):
    """Whether the server reads another statement than with a harmless value, or none at all. `statement` makes one of a value.

    Where a string stood, a string must stand; where a name stood, names and literals. One word is a name, though it may be one
    that the server does not take for one."""
    if WORD.fullmatch(value):
        return False
    harmless, tokens = server.tokens(statement(HARMLESS)), server.tokens(statement(value))
    shape = re.escape(" ".join(harmless)).replace(HARMLESS.upper(), LIST)
    return tokens is None or not re.fullmatch(shape, " ".join(tokens))
