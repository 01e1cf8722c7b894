"""What a spelling is: bytes, the door that they are sent to, and what may be acted on because of them."""

from dataclasses import dataclass

# Stands for the spelling's own number wherever it is written, so that what is acted on can be told apart.
CASE = b"CASE"

# Who looks for what is forbidden asks for this.
INNER = b"GET /admin/x?case=CASE HTTP/1.1\r\nhost: a.test\r\nx-case: CASE\r\n\r\n"


@dataclass(frozen=True)
class Act:
    """One request that was judged and released: whatever reads it must find this in it. Without a body: any."""

    method: str = "GET"
    paths: tuple = ("/public/a",)
    body: bytes | None = b""


@dataclass(frozen=True)
class Spelling:
    """`steps` are sent one after the other on one connection. `acts` may be acted on, in this order, and nothing else;
    with `plain` every backend must act on all of them."""

    name: str
    steps: tuple
    acts: tuple = ()
    door: str = "narrow"
    plain: bool = False
    # Whether it is sent byte by byte.
    dripped: bool = False


def line(target=b"/public/a?case=CASE", method=b"GET", version=b"HTTP/1.1"):
    return b" ".join((method, target, version)) + b"\r\n"


def head(*fields, first=None, host=b"host: a.test"):
    """A head of these header lines; `first` is its request line, CRLF included."""
    named = [name for name in (host, b"x-case: CASE") if name]
    return (first or line()) + b"".join(name + b"\r\n" for name in (*named, *fields)) + b"\r\n"


def post(body=b"", *fields, target=b"/public/a?case=CASE", kind=b"text/plain", framing=None, **options):
    """A POST with its length, unless `framing` is other header lines."""
    framed = [b"content-length: %d" % len(body)] if framing is None else framing
    typed = [b"content-type: " + kind] if kind else []
    return head(*typed, *framed, *fields, first=line(target, b"POST"), **options) + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunked(*pieces, last=b"0\r\n\r\n", coding=b"transfer-encoding: chunked", fields=(), **options):
    """A POST in chunks: pieces of content, or with `last` other bytes at the end."""
    return post(b"".join(map(chunk, pieces)) + last, *fields, framing=[coding], **options)


def posted(body, *paths):
    return Act("POST", paths or ("/public/a",), body)


def refused(name, *steps, **options):
    """Nothing may be acted on."""
    return Spelling(name, steps, (), **options)


def passes(name, *steps, acts, **options):
    """What is acted on, where anything is, must be this."""
    return Spelling(name, steps, tuple(acts), **options)


def arrives(name, *steps, acts, **options):
    """Every backend acts on this."""
    return Spelling(name, steps, tuple(acts), plain=True, **options)
