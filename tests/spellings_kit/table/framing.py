"""Where a body ends: Content-Length and Transfer-Encoding in every doubtful combination (RFC 9112 §6)."""

from ..spelling import INNER, Act, arrives, chunk, chunked, head, line, passes, post, posted, refused

# Ends a chunked body, and goes on behind it.
SMUGGLED = b"0\r\n\r\n" + INNER
TE = b"transfer-encoding: chunked"


def length(name, *lines, body=b"12345" + INNER, **options):
    """A body of five bytes, if the lines say so; a request of its own behind it, if they do not."""
    return refused(name, post(body, framing=list(lines), **options))


def coding(name, *lines):
    """Chunked or not: behind the last chunk there is another request."""
    return refused(name, post(SMUGGLED, framing=list(lines)))


def both(name, *lines):
    return refused(name, post(SMUGGLED, framing=list(lines)))


LAZY = b"/public/lazy?case=CASE"
UNREAD = Act("POST", ("/public/lazy",), None)
WHOLE = b"content-length: %d" % len(SMUGGLED)

ALL = [
    arrives("GET", head(), acts=[Act()]),
    arrives("POST with its length", post(b"a=1"), acts=[posted(b"a=1")]),
    arrives("POST of nothing", post(b""), acts=[posted(b"")]),
    arrives("POST in chunks", chunked(b"one ", b"two"), acts=[posted(b"one two")]),
    arrives("POST byte by byte", post(b"a=1"), dripped=True, acts=[posted(b"a=1")]),
    arrives("length with zeros before it", post(b"12345", framing=[b"content-length: 0005"]), acts=[posted(b"12345")]),
    arrives("length with spaces around it", post(b"12345", framing=[b"content-length: \t 5 \t "]), acts=[posted(b"12345")]),
    arrives("length in capitals", post(b"12345", framing=[b"CONTENT-LENGTH: 5"]), acts=[posted(b"12345")]),
    arrives("coding in capitals", chunked(b"12345", coding=b"TRANSFER-ENCODING: CHUNKED"), acts=[posted(b"12345")]),
    arrives(
        "coding with spaces around it", chunked(b"12345", coding=b"transfer-encoding:\t chunked \t"), acts=[posted(b"12345")]
    ),
    both("length, then coding", WHOLE, TE),
    both("coding, then length", TE, WHOLE),
    both("short length, then coding", b"content-length: 4", TE),
    both("coding, then short length", TE, b"content-length: 4"),
    both("length of nothing with coding", b"content-length: 0", TE),
    both("length with coding in capitals", WHOLE, b"TRANSFER-ENCODING: CHUNKED"),
    both("length with coding of another name", WHOLE, b"transfer-encoding: identity"),
    both("length that is none with coding", b"content-length: x", TE),
    both("length with coding after a tab", WHOLE, b"transfer-encoding:\tchunked"),
    both("length with coding and a space before the colon", WHOLE, b"transfer-encoding : chunked"),
    both("length with folded coding", WHOLE, b"transfer-encoding:\r\n chunked"),
    both("length with coding after a folded line", WHOLE, b"x-a: b\r\n transfer-encoding: chunked"),
    both("length with coding after a bare CR", WHOLE, b"x-a: b\rtransfer-encoding: chunked"),
    both("length with coding after a bare LF", WHOLE, b"x-a: b\ntransfer-encoding: chunked"),
    both("length with coding by its other name", WHOLE, b"transfer_encoding: chunked"),
    both("length with coding after a zero byte", WHOLE, b"transfer-encoding: \0chunked"),
    both("length with coding and a vertical tab", WHOLE, b"transfer-encoding: \x0bchunked"),
    both("length hidden by Connection, with coding", WHOLE, TE, b"connection: content-length"),
    both("coding hidden by Connection, with length", WHOLE, TE, b"connection: transfer-encoding"),
    length("two lengths, the first right", b"content-length: 5", b"content-length: %d" % (5 + len(INNER))),
    length("two lengths, the second right", b"content-length: %d" % (5 + len(INNER)), b"content-length: 5"),
    length("two lengths that agree", b"content-length: 5", b"content-length: 5"),
    length("two lengths of other cases", b"content-length: 0", b"Content-LENGTH: 5"),
    length("a list of lengths", b"content-length: 5, 5"),
    length("a list of lengths that differ", b"content-length: 0, 5"),
    length("a length and a comma", b"content-length: 5,"),
    length("a length with plus", b"content-length: +5"),
    length("a length with minus", b"content-length: -5"),
    length("a length of minus nothing", b"content-length: -0"),
    length("a length in hexadecimal", b"content-length: 0x5"),
    length("a length with a fraction", b"content-length: 5.0"),
    length("a length with an exponent", b"content-length: 5e0"),
    length("a length with an underscore", b"content-length: 0_5"),
    length("a length in quotes", b'content-length: "5"'),
    length("a length and a word", b"content-length: 5 bytes"),
    length("a length and a zero byte", b"content-length: 5\0"),
    length("a length and a vertical tab", b"content-length: 5\x0b"),
    length("a length in other digits", "content-length: \u0665".encode()),
    length("a length of nothing at all", b"content-length:"),
    length("a length over 64 bits", b"content-length: 18446744073709551621"),
    length("a folded length", b"content-length:\r\n 5"),
    length("a length that goes on folded", b"content-length: 0\r\n 5"),
    length("a length and a space before the colon", b"content-length : 5"),
    length("a length and a tab before the colon", b"content-length\t: 5"),
    length("a length by its other name", b"content_length: 5"),
    length("a length by a dotted name", b"content.length: 5"),
    length("a length behind a space", b" content-length: 5"),
    length("a length after a bare CR", b"x-a: b\rcontent-length: 5"),
    length("a length after a bare LF", b"x-a: b\ncontent-length: 5"),
    length("a length after a folded line", b"x-a: b\r\n content-length: 5"),
    length("a length with a zero byte in its name", b"content-\0length: 5"),
    length("a line without a colon", b"content-length 5"),
    length("a line without a name", b": 5"),
    coding("coding identity", b"transfer-encoding: identity"),
    coding("coding identity, chunked", b"transfer-encoding: identity, chunked"),
    coding("coding chunked, identity", b"transfer-encoding: chunked, identity"),
    coding("coding gzip, chunked", b"transfer-encoding: gzip, chunked"),
    coding("coding chunked twice in a list", b"transfer-encoding: chunked, chunked"),
    coding("coding chunked twice", TE, TE),
    coding("coding chunked, then identity", TE, b"transfer-encoding: identity"),
    coding("coding identity, then chunked", b"transfer-encoding: identity", TE),
    coding("coding with a letter before it", b"transfer-encoding: xchunked"),
    coding("coding with a letter after it", b"transfer-encoding: chunkedx"),
    coding("coding with a parameter", b"transfer-encoding: chunked;q=1"),
    coding("coding in quotes", b'transfer-encoding: "chunked"'),
    coding("coding with a comma before it", b"transfer-encoding: ,chunked"),
    coding("coding with a comma after it", b"transfer-encoding: chunked,"),
    coding("coding of nothing", b"transfer-encoding:"),
    coding("coding and a vertical tab", b"transfer-encoding: \x0bchunked"),
    coding("coding and a form feed after it", b"transfer-encoding: chunked\x0c"),
    coding("coding and a zero byte after it", b"transfer-encoding: chunked\0"),
    coding("coding and a byte over 7 bits", b"transfer-encoding: \xa0chunked"),
    coding("coding in other letters", "transfer-encoding: chun\u212aed".encode()),
    coding("coding folded", b"transfer-encoding:\r\n chunked"),
    coding("coding that goes on folded", b"transfer-encoding: chunked\r\n , identity"),
    coding("coding with a space before the colon", b"transfer-encoding : chunked"),
    coding("coding by its other name", b"transfer_encoding: chunked"),
    coding("coding after a bare LF", b"x-a: b\ntransfer-encoding: chunked"),
    refused("coding in HTTP/1.0", head(TE, first=line(method=b"POST", version=b"HTTP/1.0")) + SMUGGLED),
    refused(
        "coding in HTTP/1.0 kept alive",
        head(TE, b"connection: keep-alive", first=line(method=b"POST", version=b"HTTP/1.0")) + SMUGGLED,
    ),
    refused("a length that is not reached", post(b"12345", framing=[b"content-length: 50"])),
    refused("chunks that do not end", chunked(b"12345", last=b"")),
    passes("request hidden in a body with a length", post(INNER), acts=[posted(INNER)]),
    passes("request hidden in chunks", chunked(INNER), acts=[posted(INNER)]),
    passes("request hidden in the body of GET", head(b"content-length: %d" % len(INNER)) + INNER, acts=[Act(body=INNER)]),
    passes("request hidden in the chunks of GET", head(TE) + chunk(INNER) + b"0\r\n\r\n", acts=[Act(body=INNER)]),
    # One of the servers has a handler there that does not read bodies.
    passes("request in a body that stays unread", post(INNER, target=LAZY), acts=[UNREAD]),
    passes("request behind an empty line in a body that stays unread", post(b"\r\n" + INNER, target=LAZY), acts=[UNREAD]),
    passes(
        "request of HTTP/0.9 in a body that stays unread", post(b"GET /admin/x?case=CASE\r\n", target=LAZY), acts=[UNREAD]
    ),
    passes("request in chunks that stay unread", chunked(INNER, target=LAZY), acts=[UNREAD]),
    passes("request behind a body", post(b"12345") + INNER, acts=[posted(b"12345")]),
    passes("request behind chunks", chunked(b"12345") + INNER, acts=[posted(b"12345")]),
    passes("body behind a GET without a length", head() + INNER, acts=[Act()]),
    passes("body behind a POST without a length", post(INNER, framing=[]), acts=[posted(b"")]),
    refused(
        "HEAD of what is forbidden, with a body",
        head(b"content-length: 5", first=line(b"/admin/x?case=CASE", b"HEAD")) + b"12345",
    ),
]
