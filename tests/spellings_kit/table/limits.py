"""The same attack just behind each limit, where a guard that looks only so far would not see it."""

import json

from ..spelling import Act, arrives, chunked, head, line, passes, post, posted, refused
from .attacks import FORM, JSON, MULTIPART, OBJECT, QUERY, SQL, part

# What the sidecar holds whole, and its limits of a head; deploy/configuration.md has them.
HELD = 256 << 10
HEADERS, TARGET, HEADER, HEAD, TRAILERS = 100, 8 << 10, 16 << 10, 32 << 10, 8 << 10
WELL = b"all is well, "
STREAM = b"/stream/a?case=CASE"


def filler(size):
    return (WELL * (size // len(WELL) + 1))[:size]


def fields(size):
    """The beginning of a JSON object of about so many bytes."""
    return b"{" + b"".join(b'"k%d":"all is well",' % number for number in range(size // 24))


def sized(count):
    """Header lines that make `count` of them, with those that every request has."""
    return [b"x-%d: y" % number for number in range(count - 2)]


def cut(name, *steps):
    """A body that is streamed: what went before the attack may have been delivered, the attack is not."""
    return refused(name, *steps)


def stream(body, kind, *split):
    return post(body, target=STREAM, kind=kind)


ALL = [
    arrives("a body that is just held", post(filler(HELD)), acts=[posted(filler(HELD))]),
    arrives("chunks that are just held", chunked(filler(HELD - 9), filler(9)), acts=[posted(filler(HELD - 9) + filler(9))]),
    arrives("a body that is streamed", post(filler(HELD + 1), target=STREAM), acts=[posted(filler(HELD + 1), "/stream/a")]),
    arrives(
        "a body that is streamed for long",
        post(filler(HELD * 5), target=STREAM),
        acts=[posted(filler(HELD * 5), "/stream/a")],
    ),
    passes(
        "chunks that are streamed",
        chunked(filler(HELD), filler(HELD), target=STREAM),
        acts=[posted(filler(HELD) * 2, "/stream/a")],
    ),
    # Some take a hundred; two tell the application of its caller.
    arrives("as many headers as every server takes", head(*sized(HEADERS - 3)), acts=[Act()]),
    passes("as many headers as there may be", head(*sized(HEADERS)), acts=[Act()]),
    refused("at the end of a body that is just held", post(filler(HELD - len(SQL)) + SQL)),
    refused("behind what is held", post(filler(HELD) + SQL)),
    refused("over the end of what is held", post(filler(HELD - 20) + SQL)),
    refused("far behind what is held", post(filler(HELD * 2) + SQL)),
    refused("behind what is held, in chunks", chunked(filler(HELD), SQL)),
    refused("behind what is held, in JSON", post(fields(HELD) + OBJECT[1:], kind=JSON)),
    refused("behind what is held, after 100", post(filler(HELD) + SQL, b"expect: 100-continue")),
    refused("at the end of a form that is just held", post(b"a=" + filler(HELD - 3 - len(QUERY)) + b"&" + QUERY, kind=FORM)),
    refused("at the end of JSON that is just held", post(fields(HELD // 2)[:-1] + b"," + OBJECT[1:], kind=JSON)),
    cut("in what is streamed first", stream(SQL + filler(HELD), b"text/plain")),
    cut("in what is streamed, behind what is held", stream(filler(HELD) + SQL, b"text/plain")),
    cut("in what is streamed, over the end of what is held", stream(filler(HELD - 20) + SQL + filler(99), b"text/plain")),
    cut("in what is streamed, far behind", stream(filler(HELD * 4) + SQL + filler(99), b"text/plain")),
    cut("in what is streamed, as octets", stream(filler(HELD) + SQL, b"application/octet-stream")),
    cut("in what is streamed, as JSON", stream(fields(HELD * 2) + OBJECT[1:], JSON)),
    cut("in what is streamed, as a form", stream(b"a=" + filler(HELD).replace(b" ", b"+") + b"&b=" + QUERY, FORM)),
    cut(
        "in what is streamed, as a multipart form",
        stream(part(b"a", filler(HELD)) + part(b"b", SQL) + b"--b--\r\n", MULTIPART),
    ),
    cut("in what is streamed, in the last chunk", chunked(filler(HELD), filler(HELD), SQL, target=STREAM)),
    cut("in what is streamed, over two chunks", chunked(filler(HELD), SQL[:12], SQL[12:], target=STREAM)),
    cut(
        "in what is streamed, in a trailer",
        chunked(filler(HELD), filler(99), last=b"0\r\nx-note: " + SQL + b"\r\n\r\n", target=STREAM),
    ),
    cut("in what is streamed, over two reads", stream(filler(HELD) + SQL, b"text/plain")[:-25], SQL[-25:]),
    refused("a stream that breaks its chunks", chunked(filler(HELD), filler(99), last=b"zz\r\n", target=STREAM)),
    refused("a stream that breaks off", stream(filler(HELD * 2), b"text/plain")[:-9]),
    refused("a stream of what is forbidden", post(filler(HELD * 2), target=b"/admin/x?case=CASE")),
    refused("in the last header there may be", head(*sized(HEADERS - 1), b"x-note: " + SQL)),
    refused("one header behind the last", head(*sized(HEADERS), b"x-note: " + SQL)),
    refused("many headers behind the last", head(*sized(300), b"x-note: " + SQL)),
    refused("at the end of a long header", head(b"x-note: " + filler(HEADER - 60) + SQL)),
    refused("behind the end of a long header", head(b"x-note: " + filler(HEADER) + SQL)),
    refused(
        "at the end of a long head", head(*[b"x-%d: %s" % (number, filler(7000)) for number in range(4)], b"x-note: " + SQL)
    ),
    refused(
        "behind the end of a long head",
        head(*[b"x-%d: %s" % (number, filler(8000)) for number in range(4)], b"x-note: " + SQL),
    ),
    refused(
        "at the end of a long target", head(first=line(b"/public/a?case=CASE&a=" + b"y" * (TARGET - 120) + b"&q=" + QUERY))
    ),
    refused("behind the end of a long target", head(first=line(b"/public/a?case=CASE&a=" + b"y" * TARGET + b"&q=" + QUERY))),
    refused(
        "behind 255 query keys",
        head(first=line(b"/public/a?case=CASE" + b"".join(b"&a%d=1" % n for n in range(254)) + b"&q=" + QUERY)),
    ),
    refused(
        "behind 256 query keys",
        head(first=line(b"/public/a?case=CASE" + b"".join(b"&a%d=1" % n for n in range(255)) + b"&q=" + QUERY)),
    ),
    refused("behind 900 query keys", head(first=line(b"/public/a?case=CASE" + b"&a=1" * 900 + b"&q=" + QUERY))),
    refused("behind 2000 form keys", post(b"a=1&" * 2000 + b"q=" + QUERY, kind=FORM)),
    refused("behind 1000 cookies", head(b"cookie: " + b"a=b; " * 1000 + b"c=" + SQL)),
    refused(
        "behind 20000 JSON numbers", post(b'{"a":[' + b"1," * 20000 + json.dumps(SQL.decode()).encode() + b"]}", kind=JSON)
    ),
    refused("in JSON 30 levels deep", post(b'{"a":' * 30 + OBJECT + b"}" * 30, kind=JSON)),
    refused("in JSON 5000 levels deep", post(b"[" * 5000 + json.dumps(SQL.decode()).encode() + b"]" * 5000, kind=JSON)),
    refused("in XML 500 levels deep", post(b"<a>" * 500 + SQL + b"</a>" * 500, kind=b"application/xml")),
    refused(
        "behind 500 fields of a multipart form",
        post(part(b"a", b"1") * 500 + part(b"b", SQL) + b"--b--\r\n", kind=MULTIPART),
    ),
    refused(
        "in the last trailer there may be",
        chunked(
            b"a", last=b"0\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(HEADERS - 1)) + b"x-note: " + SQL + b"\r\n\r\n"
        ),
    ),
    refused(
        "one trailer behind the last",
        chunked(
            b"a", last=b"0\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(HEADERS)) + b"x-note: " + SQL + b"\r\n\r\n"
        ),
    ),
    refused(
        "at the end of long trailers",
        chunked(b"a", last=b"0\r\nx-a: " + filler(TRAILERS - 100) + b"\r\nx-note: " + SQL + b"\r\n\r\n"),
    ),
    refused(
        "behind the end of long trailers",
        chunked(b"a", last=b"0\r\nx-a: " + filler(TRAILERS) + b"\r\nx-note: " + SQL + b"\r\n\r\n"),
    ),
]
