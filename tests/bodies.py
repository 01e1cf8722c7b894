"""Bodies as hostile clients spell them: nested codings, charsets, oddities of multipart, duplicate keys, types that
contradict the bytes. Each spelling carries an attack and is refused; the same spelling of an honest text passes, unless the
spelling itself is refused, by the name that stands beside it.

    tests/.venv/bin/python tests/bodies.py target/release/podwall

Told as tests/clients.py tells: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`; exit code 1 when one failed. Loopback only.
"""

import base64
import gzip
import json
import quopri
import zlib

from clients_kit import chunked
from clients_kit.checks import Failed, expect, main
from clients_kit.programs import Podwall, certificates, free_port
from frontdoor_kit.carriers import Http1, Http2
from frontdoor_kit.shapes import Variant

ATTACK = "x' UNION SELECT card, cvv FROM payments --"
HONEST = "Conan O'Brien, two kettles"
JSON, FORM, TEXT, XML = "application/json", "application/x-www-form-urlencoded", "text/plain", "application/xml"
FORM_DATA = "multipart/form-data; boundary=edge"


def raw_deflate(content):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


def packed(*packers):
    """JSON inside of these codings, the last one outermost."""

    def build(text):
        content = json.dumps({"q": text}).encode()
        for packer in packers:
            content = packer(content)
        return content

    return build


def in_json(text):
    return json.dumps({"q": text}).encode()


def encoded(charset, template="{}"):
    return lambda text: template.format(text).encode(charset)


def utf7(text):
    """Every character but letters, digits and blanks in the shifted form."""
    return "".join(
        char if char.isalnum() or char == " "
        else "+" + base64.b64encode(char.encode("utf-16-be")).decode().rstrip("=") + "-" for char in text
    ).encode()


def part(disposition='form-data; name="q"', headers="", content="{}", line="\r\n", edge="edge"):
    def build(text):
        rows = [f"--{edge}", f"Content-Disposition: {disposition.format(text)}", *headers.split("\n")[: bool(headers)],
                "", content.format(text), f"--{edge}--", ""]
        return line.join(rows).encode()

    return build


def quoted_printable(text):
    return quopri.encodestring(text.encode(), quotetabs=True).decode()


def percent(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


def escaped(text):
    return "".join(f"\\u{ord(char):04x}" for char in text)


NEVER = None  # no honest twin: the spelling stands in for the attack alone

# name, content type, other headers, body of a text, the reason that an honest text is refused for ("" when it passes)
SPELLINGS = [
    ("gzip", JSON, {"content-encoding": "gzip"}, packed(gzip.compress), ""),
    ("x-gzip", JSON, {"content-encoding": "x-gzip"}, packed(gzip.compress), ""),
    ("deflate", JSON, {"content-encoding": "deflate"}, packed(zlib.compress), ""),
    ("deflate-raw", JSON, {"content-encoding": "deflate"}, packed(raw_deflate), ""),
    ("gzip-twice", JSON, {"content-encoding": "gzip, gzip"}, packed(gzip.compress, gzip.compress), ""),
    ("deflate-in-gzip", JSON, {"content-encoding": "deflate, gzip"}, packed(zlib.compress, gzip.compress), ""),
    ("gzip-two-members", JSON, {"content-encoding": "gzip"},
     lambda text: gzip.compress(b'{"a": 1, ') + gzip.compress(in_json(text)[1:]), ""),
    ("gzip-tail", JSON, {"content-encoding": "gzip"}, lambda text: gzip.compress(b"{}") + in_json(text), "body-coding-"),
    ("gzip-not", JSON, {"content-encoding": "gzip"}, in_json, "body-coding-"),
    ("gzip-cut", JSON, {"content-encoding": "gzip"}, lambda text: gzip.compress(in_json(text))[:-9], "body-coding-"),
    ("gzip-bomb", TEXT, {"content-encoding": "gzip"}, lambda text: gzip.compress(bytes(200 << 20)), "body-decoded-"),
    ("codings-many", JSON, {"content-encoding": "gzip, gzip, gzip, gzip, gzip"}, packed(*[gzip.compress] * 5), "body-codings"),
    ("coding-unknown", JSON, {"content-encoding": "snappy"}, in_json, "body-coding-unknown"),
    ("utf-16-bom", f"{JSON}; charset=utf-16", {}, encoded("utf-16", '{{"q": "{}"}}'), ""),
    ("utf-16le", f"{TEXT}; charset=utf-16le", {}, encoded("utf-16-le"), ""),
    ("utf-16be", f"{TEXT}; charset=UTF-16BE", {}, encoded("utf-16-be"), ""),
    ("utf-16-undeclared", JSON, {}, encoded("utf-16-le", '{{"q": "{}"}}'), ""),
    ("utf-32", f"{TEXT}; charset=utf-32", {}, encoded("utf-32"), ""),
    ("utf-32-undeclared", JSON, {}, encoded("utf-32-be", '{{"q": "{}"}}'), ""),
    ("utf-7", f"{TEXT}; charset=utf-7", {}, utf7, "body-charset"),
    ("ebcdic", f"{TEXT}; charset=ibm037", {}, encoded("cp037"), "body-charset"),
    ("charset-unknown", f"{TEXT}; charset=x-own", {}, encoded("utf-8"), "body-charset"),
    ("latin-1", f"{TEXT}; charset=iso-8859-1", {}, encoded("latin-1", "gr\xfc\xdfe {}"), ""),
    ("xml-utf-16", XML, {}, encoded("utf-16", '<?xml version="1.0" encoding="utf-16"?><a>{}</a>'), ""),
    ("bom-json", JSON, {}, lambda text: b"\xef\xbb\xbf" + in_json(text), ""),
    ("plus-json", "application/vnd.shop.order+json", {}, in_json, ""),
    ("json-lines", "application/x-ndjson", {}, lambda text: b'{"a": 1}\n' + in_json(text) + b"\n", ""),
    ("json-lines-as-json", JSON, {}, lambda text: b'{"a": 1}\n' + in_json(text), ""),
    ("json-sequence", "application/json-seq", {}, lambda text: b'\x1e{"a": 1}\n\x1e' + in_json(text) + b"\n", ""),
    ("key-twice-first", JSON, {}, lambda text: b'{"q": "tea", ' + in_json(text)[1:], ""),
    ("key-twice-last", JSON, {}, lambda text: in_json(text)[:-1] + b', "q": "tea"}', ""),
    ("key", JSON, {}, lambda text: json.dumps({text: 1}).encode(), ""),
    ("unicode-escapes", JSON, {}, lambda text: f'{{"q": "{escaped(text)}"}}'.encode(), ""),
    ("json-in-json", JSON, {}, lambda text: in_json(in_json(text).decode()), ""),
    ("json-deep", JSON, {}, lambda text: b"[" * 200 + in_json(text) + b"]" * 200, "json-depth"),
    ("form-in-percent", FORM, {}, lambda text: f"q={percent(text)}".encode(), ""),
    ("form-pair-twice", FORM, {}, lambda text: f"q=tea&q={percent(text)}".encode(), ""),
    ("xml-references", XML, {}, lambda text: f"<a>{''.join(f'&#{ord(c)};' for c in text)}</a>".encode(), ""),
    ("xml-cdata", XML, {}, lambda text: f"<a><![CDATA[{text}]]></a>".encode(), ""),
    ("multipart", FORM_DATA, {}, part(), ""),
    ("multipart-quoted", 'multipart/form-data; boundary="edge"', {}, part(), ""),
    ("multipart-upper", "Multipart/Form-Data; BOUNDARY=edge", {}, part(), ""),
    ("multipart-base64", FORM_DATA, {}, lambda text: part(headers="Content-Transfer-Encoding: base64")(
        base64.b64encode(text.encode()).decode()), ""),
    ("multipart-quoted-printable", FORM_DATA, {}, lambda text: part(
        headers="Content-Transfer-Encoding: quoted-printable")(quoted_printable(text)), ""),
    ("multipart-encoding-unknown", FORM_DATA, {}, part(headers="Content-Transfer-Encoding: x-own"), "multipart-unknown-transfer"),
    ("multipart-json", FORM_DATA, {}, lambda text: part(headers="Content-Type: application/json")(
        in_json(text).decode()), ""),
    ("multipart-filename", FORM_DATA, {}, part('form-data; name="f"; filename="{}"', content="hello"), ""),
    ("multipart-filename-star", FORM_DATA, {}, lambda text: part(
        f"form-data; name=\"f\"; filename*=UTF-8''{percent(text)}", content="hello")(text), ""),
    ("multipart-filenames", FORM_DATA, {}, lambda text: part(
        f"form-data; name=\"f\"; filename=\"a.txt\"; filename*=UTF-8''{percent(text)}", content="hello")(text), ""),
    ("multipart-name", FORM_DATA, {}, part('form-data; name="{}"', content="hello"), ""),
    ("multipart-nested", FORM_DATA, {}, lambda text: part(
        headers="Content-Type: multipart/mixed; boundary=inner")(part(edge="inner")(text).decode()), ""),
    ("multipart-line-feeds", FORM_DATA, {}, part(line="\n"), ""),
    ("multipart-unfinished", FORM_DATA, {}, lambda text: part()(text)[:-10], "multipart-unclosed"),
    ("multipart-preamble", FORM_DATA, {}, lambda text: text.encode() + b"\r\n" + part()("tea"), ""),
    ("multipart-epilogue", FORM_DATA, {}, lambda text: part()("tea") + text.encode(), ""),
    ("multipart-two-boundaries", "multipart/form-data; boundary=edge; boundary=other", {}, part(), "body-type-parameter-twice"),
    ("multipart-no-boundary", "multipart/form-data", {}, part(), "multipart-no-boundary"),
    ("multipart-as-text", TEXT, {}, part(), ""),
    ("json-as-form", FORM, {}, in_json, ""),
    ("json-as-xml", XML, {}, in_json, ""),
    ("xml-as-json", JSON, {}, lambda text: f"<a>{text}</a>".encode(), ""),
    ("form-as-json", JSON, {}, lambda text: f"q={percent(text)}&page=2".encode(), ""),
    ("escapes-as-text", TEXT, {}, lambda text: f'{{"q": "{escaped(text)}"}}'.encode(), ""),
    ("escapes-as-form", FORM, {}, lambda text: f'{{"q": "{escaped(text)}"}}'.encode(), ""),
    ("references-as-text", TEXT, {}, lambda text: f"<a>{''.join(f'&#x{ord(c):x};' for c in text)}</a>".encode(), ""),
    ("graphql", JSON, {}, lambda text: json.dumps({"query": "query { order(name: " + json.dumps(text) + ") { id } }"}).encode(), ""),
    ("type-none", "", {}, in_json, ""),
    ("type-of-none", "application/x-own", {}, in_json, ""),
    ("type-invalid", "application", {}, in_json, None),
]


def spelling(door, podwall, name, kind, headers, build, honest):
    """The attack is refused before its backend sees it; the honest twin passes, or is refused by name."""
    fields = tuple(headers.items()) + ((("content-type", kind),) if kind else ())
    status, event = door.send(Variant(name, "", fields, build(ATTACK)))
    if status not in ("400", "403", "413", "501"):
        raise Failed(f"the attack: {status}")
    reason = podwall.recorded(event=event)["reason"]
    if not (reason == "attack-detected" or honest and reason.startswith(honest)):
        raise Failed(f"the attack is refused as {reason}")
    if honest is NEVER:
        return reason
    status, event = door.send(Variant(name, "", fields, build(HONEST)))
    found = "" if status == "200" else podwall.recorded(event=event)["reason"]
    if not (found == honest or honest and found.startswith(honest)):
        raise Failed(f"the honest twin: {status} {found}, expected {honest or 'that it passes'}")
    return "" if reason == "attack-detected" and not found else f"{reason}, {found}"


def twice(door, podwall):
    """Two types are none."""
    kinds = (("content-type", JSON), ("content-type", FORM))
    status, event = door.send(Variant("", "", kinds, in_json(HONEST)))
    expect("status", status, "400")
    expect("reason", podwall.recorded(event=event)["reason"], "http1-header-repeated")


def everything(tally, binary, folder, programs):
    certs = certificates(binary, folder / "pki")
    backend = chunked.Server()
    port = free_port()
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "upstream": f"127.0.0.1:{backend.port}"}]
    rules = [{"from": "any", "methods": "POST", "path": "/count"}]
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": "bodies"}, "owner": "team-tests"}
    podwall = Podwall(binary, folder / "sidecar", listeners, json.dumps({**head, "inbound": rules}), certs)
    programs.callback(podwall.end)
    podwall.wait_ready()
    for version, carrier in (("http1", Http1), ("http2", Http2)):
        door = carrier(port, "/count")
        for name, kind, headers, build, honest in SPELLINGS:
            tally.check(f"body-{name} {version}", spelling, door, podwall, name, kind, headers, build, honest)
        tally.check(f"body-two-types {version}", twice, door, podwall)


if __name__ == "__main__":
    main(__doc__, "bodies", everything)
