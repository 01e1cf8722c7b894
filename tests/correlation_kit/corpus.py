"""Attacks of others, from corpora of requests: the values that were meant for SQL, which of them change a statement that they are pasted
into, and which of them the server would have run."""

import base64
import gzip
import json
import re
from urllib.parse import parse_qsl, urlsplit

import psycopg

from . import app

# What may stand outside of literals without changing what a statement does: numbers, strings, names, directions.
PLAIN = re.compile(r"\s*[-+]?[\w.']+(\s+(asc|desc))?(\s*,\s*[-+]?[\w.']+(\s+(asc|desc))?)*\s*", re.IGNORECASE)


def values(files):
    """The values of queries and forms, each once."""
    found = {}
    for file in files:
        for line in gzip.open(file, "rt"):
            row = json.loads(line)
            request = row.get("request", {})
            if row.get("kind") != "sqli" or "path" not in request:
                continue
            pairs = parse_qsl(urlsplit(request["path"]).query, keep_blank_values=True)
            if "slot=form" in row.get("note", ""):
                pairs = parse_qsl(base64.b64decode(request.get("body_b64") or "").decode(errors="replace"), keep_blank_values=True)
            if "slot=form" in row.get("note", "") or "slot=query" in row.get("note", ""):
                longest = max((value for _, value in pairs), key=len, default="")
                if longest and "\0" not in longest and "\ufffd" not in longest:
                    found[longest] = None
    return list(found)


def changes(path, value):
    """Whether it leaves the literal that it is pasted into, or is more than names and literals where it stands by itself."""
    if path in ("/literal", "/like", "/json"):
        return "'" in value.replace("''", "")
    return not PLAIN.fullmatch(value)


def runs(address, path, value):
    """Whether the server would run it: without an error, or so long that it must be stopped."""
    try:
        with psycopg.connect(**address, options="-c statement_timeout=500") as session:
            session.execute(app.statement(path, value)[0])
            session.rollback()
    except psycopg.errors.QueryCanceled:
        return True
    except (psycopg.Error, UnicodeError):
        return False
    return True
