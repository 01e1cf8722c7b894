"""One text in many bodies: the ways in which a client could send it. Filler goes before it as a unit of its own, so that the
text lies where a window ends. Where there are no units (plain text, files, bytes) the text is a line of a document, and what a
document speaks of is another matter than what a value is."""

import base64
import gzip
import json
from dataclasses import dataclass
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

FILLER = "the kettle is on the shelf next to the tea "


@dataclass(frozen=True)
class Variant:
    """Which text in which form: its name, the carrier that brings it, its headers, its bytes, how finely they are cut, and
    the kind of document that it stands in, if it does."""

    name: str
    carrier: str
    headers: tuple
    body: bytes
    cut: int = 0
    document: str = ""


def filler(length):
    return (FILLER * (length // len(FILLER) + 1))[:length]


# Each shape: content type, and the body of a text behind filler.

def plain(text, before):
    return f"{before}\n{text}" if before else text


def form(text, before):
    pairs = [("note", before)] * bool(before) + [("q", text), ("page", "2")]
    return "&".join(f"{name}={quote_plus(value)}" for name, value in pairs)


def object_(text, before):
    return json.dumps({**({"note": before} if before else {}), "q": text, "page": 2})


def nested(text, before):
    return json.dumps({"order": {"notes": [before or "none", {"text": text}]}})


def lines(text, before):
    return "".join(json.dumps({"event": value}) + "\n" for value in (before or "begin", text, "end"))


def markup(text, before):
    return f"<order><note>{escape(before or 'none')}</note><item>{escape(text)}</item></order>"


def parts(text, before, disposition='form-data; name="q"', extra=""):
    head = f'--edge\r\nContent-Disposition: form-data; name="note"\r\n\r\n{before or "none"}\r\n'
    return f"{head}--edge\r\nContent-Disposition: {disposition}\r\n{extra}\r\n{text}\r\n--edge--\r\n"


def file(text, before):
    return parts(text, before, 'form-data; name="upload"; filename="notes.txt"', "Content-Type: text/plain\r\n")


MULTIPART = "multipart/form-data; boundary=edge"
SHAPES = {
    "text": ("text/plain", plain),
    "form": ("application/x-www-form-urlencoded", form),
    "json": ("application/json", object_),
    "json-nested": ("application/vnd.shop+json", nested),
    "json-lines": ("application/x-ndjson", lines),
    "xml": ("application/xml", markup),
    "multipart": (MULTIPART, parts),
    "multipart-file": (MULTIPART, file),
    # The type says something else.
    "opaque": ("application/octet-stream", plain),
    "untyped": ("", plain),
    "blanks": ("text/plain", lambda text, before: " " * len(before) + text),
    "json-as-text": ("text/plain", object_),
    "json-as-form": ("application/x-www-form-urlencoded", object_),
    "json-as-opaque": ("application/octet-stream", nested),
    "form-as-text": ("text/plain", form),
    "xml-as-text": ("text/plain", markup),
}

# Where windows end: what is awaited before types are believed, the overlap of windows, what is held whole.
SNIFF, OVERLAP, HELD = 512, 4096, 16 << 10
EDGES = [edge + delta for edge in (SNIFF, OVERLAP, HELD) for delta in (-90, -20, 5)]
PADDED = ["text", "blanks", "form", "json", "xml", "multipart", "multipart-file", "opaque"]
DOCUMENTS = {"text": "lines", "opaque": "lines", "multipart-file": "file"}


def http(text, carrier):
    """Over HTTP/1.1 or HTTP/2."""
    for name, (kind, shape) in SHAPES.items():
        body = shape(text, "").encode()
        headers = (("content-type", kind),) if kind else ()
        coded, file = (*headers, ("content-encoding", "gzip")), "file" * (name == "multipart-file")
        yield Variant(f"{carrier} {name}", carrier, headers, body, 0, file)
        yield Variant(f"{carrier} {name} gzip", carrier, coded, gzip.compress(body), 0, file)
        yield Variant(f"{carrier} {name} split", carrier, headers, body, 7, file)
    for name in PADDED:
        kind, shape = SHAPES[name]
        for edge in EDGES:
            # More blanks than are held whole pass in pieces, which no value does.
            document = DOCUMENTS.get(name) or "pieces" * (name == "blanks" and edge + len(text) > HELD)
            body, cut = shape(text, filler(edge)).encode(), 1000 * (edge % 2)
            yield Variant(f"{carrier} {name} behind {edge}", carrier, (("content-type", kind),), body, cut, document)


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


MESSAGES = {
    "field": lambda text, before: field(2, before) * bool(before) + field(1, text),
    "nested": lambda text, before: field(2, before) * bool(before) + field(4, field(1, b"C-7") + field(3, text)),
    "bytes": lambda text, before: field(2, before) * bool(before) + field(5, b"\0\1\2" + text),
    "json": lambda text, before: field(1, json.dumps({"note": before.decode(), "q": text.decode()}).encode()),
}


def framed(message, packed=False):
    content = gzip.compress(message) if packed else message
    return bytes([packed]) + len(content).to_bytes(4, "big") + content


def grpc(text, carrier="grpc"):
    """As messages of a call, and of gRPC-Web."""
    native = carrier == "grpc"
    kinds = ["application/grpc"] if native else ["application/grpc-web+proto", "application/grpc-web-text"]
    first = framed(MESSAGES["field"](b"C-7", b""))
    for kind in kinds:
        wrap = base64.b64encode if kind.endswith("text") else bytes
        headers, packed = (("content-type", kind), ("te", "trailers")), (("grpc-encoding", "gzip"),)
        for name, shape in MESSAGES.items():
            message = shape(text.encode(), b"")
            label = f"{kind} {name}"
            file = "bytes" * (name == "bytes")
            yield Variant(label, carrier, headers, wrap(framed(message)), 0, file)
            yield Variant(f"{label} gzip", carrier, headers + packed, wrap(framed(message, True)), 0, file)
            yield Variant(f"{label} split", carrier, headers, wrap(framed(message)), 3, file)
            yield Variant(f"{label} second", carrier, headers, wrap(first + framed(message)), 0, file)
        for edge in EDGES if native else EDGES[:6]:
            message = MESSAGES["field"](text.encode(), filler(edge).encode())
            yield Variant(f"{kind} behind {edge}", carrier, headers, wrap(framed(message)), 1000 * (edge % 2))


def websocket(text):
    """As messages of a WebSocket; `headers` says whether it is text."""
    for name in ("text", "json", "form", "xml"):
        body = SHAPES[name][1](text, "").encode()
        for opcode in ("text", "binary"):
            yield Variant(f"websocket {opcode} {name}", "websocket", ((opcode, ""),), body)
            yield Variant(f"websocket {opcode} {name} fragments", "websocket", ((opcode, ""),), body, 5)
        for edge in EDGES[:6]:
            body, cut = SHAPES[name][1](text, filler(edge)).encode(), 1000 * (edge % 2)
            yield Variant(f"websocket {name} behind {edge}", "websocket", (("text", ""),), body, cut, DOCUMENTS.get(name, ""))


def inside(text, carrier):
    """Behind filler in the same value: the same letter, the same words, and in front of more of them."""
    letters, words = "a" * 3000, filler(3000)
    for pad, value in (("letters", letters + text), ("words", f"{words} {text}"), ("more words", f"{text} {words}")):
        for name in ("form", "json", "json-nested", "xml", "multipart", "text"):
            kind, shape = SHAPES[name]
            yield Variant(f"{carrier} {name} in {pad}", carrier, (("content-type", kind),), shape(value, "").encode())


def variants(text, anywhere):
    """`anywhere` tells whether the text is what it is behind any other text, too."""
    for carrier in ("http1", "http2"):
        yield from http(text, carrier)
        if anywhere:
            yield from inside(text, carrier)
    yield from grpc(text)
    yield from grpc(text, "grpc-web")
    yield from websocket(text)
