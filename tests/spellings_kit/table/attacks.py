"""One plain attack in every place of a request where it could hide. Each is written by hand for this test."""

import base64
import gzip
import json
import zlib

from ..spelling import Act, chunk, chunked, head, line, passes, post, posted, refused
from ..wire import CONTINUE

SQL = b"x' UNION SELECT card, cvv FROM payments-- "
QUERY = b"x%27%20UNION%20SELECT%20card,cvv%20FROM%20payments--%20"
FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"
MULTIPART = b"multipart/form-data; boundary=b"


def body(name, content, kind, *fields, **options):
    return refused(name, post(content, *fields, kind=kind, **options))


def part(name, content, more=b""):
    return b'--b\r\ncontent-disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name, more, content)


def commented(comment, content):
    """gzip with a comment in its head, where only who does not unpack it sees it."""
    packed = gzip.compress(content)
    return packed[:3] + bytes([packed[3] | 16]) + packed[4:10] + comment + b"\0" + packed[10:]


def coded(content, coding):
    field = b'--b\r\ncontent-disposition: form-data; name="a"\r\ncontent-transfer-encoding: %s\r\n\r\n%s\r\n--b--\r\n'
    return field % (coding, content)


GZIP = b"content-encoding: gzip"
TEXT = json.dumps(SQL.decode()).encode()
OBJECT = json.dumps({"a": 1, "b": [2, {"c": SQL.decode()}]}).encode()
ALL = [
    refused("in the query", head(first=line(b"/public/a?case=CASE&q=" + QUERY))),
    passes("in the query of what comes second", head() + head(first=line(b"/public/a?case=CASE&q=" + QUERY)), acts=[Act()]),
    refused("in the name of a query key", head(first=line(b"/public/a?case=CASE&%s=1" % QUERY))),
    refused("in a query without keys", head(first=line(b"/public/a?case=CASE&" + QUERY))),
    refused("in a query, encoded twice", head(first=line(b"/public/a?case=CASE&q=" + QUERY.replace(b"%", b"%25")))),
    refused(
        "in a query, over two values",
        head(first=line(b"/public/a?case=CASE&q=x%27%20UNION%20SELECT%20card&q=cvv%20FROM%20payments--%20")),
    ),
    refused("in the path", head(first=line(b"/public/%s?case=CASE" % QUERY))),
    refused("in a header", head(b"x-note: " + SQL)),
    refused("in a header, twice", head(b"x-note: all is well", b"x-note: " + SQL)),
    refused("in a cookie", head(b"cookie: a=b; c=" + SQL.replace(b",", b"%2c"))),
    refused("in the user agent", head(b"user-agent: " + SQL)),
    refused("in the referrer", head(b"referer: http://a.test/?q=" + QUERY)),
    refused("in credentials", head(b"authorization: Bearer " + SQL)),
    refused("in basic credentials", head(b"authorization: Basic " + base64.b64encode(SQL + b":p"))),
    refused("in a cookie in quotes", head(b'cookie: c="x\\047 UNION SELECT card\\054 cvv FROM payments-- "')),
    refused("in a cookie, encoded", head(b"cookie: c=" + QUERY)),
    refused("in a forwarded address", head(b"x-forwarded-for: " + SQL)),
    refused("in HTTP/1.0", head(first=line(b"/public/a?case=CASE&q=" + QUERY, version=b"HTTP/1.0"))),
    body("in a form", b"a=1&b=" + QUERY, FORM),
    body("in a form key", QUERY + b"=1", FORM),
    body("in a form that is said to be text", b"a=1&b=" + QUERY, b"text/plain"),
    body("in JSON", OBJECT, JSON),
    body("in a JSON key", json.dumps({SQL.decode(): 1}).encode(), JSON),
    body("in JSON with escapes", OBJECT.replace(b"UNION", b"\\u0055NION").replace(b"'", b"\\u0027"), JSON),
    body("in JSON that is said to be a form", OBJECT, FORM),
    body("in JSON that is said to be octets", OBJECT, b"application/octet-stream"),
    body("in JSON without a type", OBJECT, None),
    body("in JSON of another name", OBJECT, b"application/vnd.api+json; charset=utf-8"),
    body("in JSON behind other JSON", b'{"a":1}\n' + OBJECT, JSON),
    body("in JSON with a comment", b"/* all is well */" + OBJECT, JSON),
    body("in JSON as UTF-16", OBJECT.decode().encode("utf-16"), JSON),
    body("in a form as UTF-16", (b"a=" + SQL).decode().encode("utf-16-le"), FORM + b"; charset=utf-16le"),
    body("in text", SQL, b"text/plain"),
    body("in XML", b"<a><b>" + SQL + b"</b></a>", b"application/xml"),
    body("in an XML attribute", b'<a b="' + SQL + b'"/>', b"application/xml"),
    body("in XML with entities", b"<a>" + SQL.replace(b"'", b"&#39;").replace(b"U", b"&#x55;") + b"</a>", b"text/xml"),
    body("in CDATA", b"<a><![CDATA[" + SQL + b"]]></a>", b"application/xml"),
    body("in a field of a multipart form", part(b"a", b"1") + part(b"b", SQL) + b"--b--\r\n", MULTIPART),
    body("in a name of a multipart form", part(SQL.replace(b'"', b""), b"1") + b"--b--\r\n", MULTIPART),
    body("in a file name of a multipart form", part(b"a", b"1", b'; filename="%s"' % SQL) + b"--b--\r\n", MULTIPART),
    body("before a multipart form", SQL + b"\r\n" + part(b"a", b"1") + b"--b--\r\n", MULTIPART),
    body("behind a multipart form", part(b"a", b"1") + b"--b--\r\n" + SQL, MULTIPART),
    body(
        "in a multipart form of bare LF",
        (part(b"a", b"1") + part(b"b", SQL) + b"--b--\r\n").replace(b"\r\n", b"\n"),
        MULTIPART,
    ),
    body("in a multipart form without its end", part(b"a", b"1") + part(b"b", SQL), MULTIPART),
    body(
        "in a multipart form with another boundary",
        part(b"a", b"1") + part(b"b", SQL) + b"--b--\r\n",
        b"multipart/form-data; boundary=c",
    ),
    body("in a multipart form without a boundary", part(b"a", SQL) + b"--b--\r\n", b"multipart/form-data"),
    body("in gzip", gzip.compress(OBJECT), JSON, b"content-encoding: gzip"),
    body("in gzip twice", gzip.compress(gzip.compress(OBJECT)), JSON, b"content-encoding: gzip, gzip"),
    body("in the second member of gzip", gzip.compress(b'{"a":1}') + gzip.compress(OBJECT), JSON, b"content-encoding: gzip"),
    body("in gzip by its older name", gzip.compress(OBJECT), JSON, b"content-encoding: x-gzip"),
    body("in gzip in capitals", gzip.compress(OBJECT), JSON, b"content-encoding: GZIP"),
    body("in deflate", zlib.compress(OBJECT), JSON, b"content-encoding: deflate"),
    body("in bare deflate", zlib.compress(OBJECT, wbits=-15), JSON, b"content-encoding: deflate"),
    body("said to be gzip", OBJECT, JSON, b"content-encoding: gzip"),
    body("in a coding that nobody knows", OBJECT, JSON, b"content-encoding: rot13"),
    body("behind gzip", gzip.compress(b"a=1") + b"&q=" + QUERY, FORM, GZIP),
    body("in a comment of gzip", commented(b"&q=" + QUERY + b"&", b"a=1"), FORM, GZIP),
    body("in gzip, for who does not unpack it", gzip.compress(b"a=1&q=" + QUERY, 0), FORM, GZIP),
    body("in a form that is said to be UTF-16", b"a=1&q=" + QUERY, FORM + b"; charset=utf-16le"),
    body("in text that is said to be UTF-16", SQL + b"  ", b"text/plain; charset=utf-16"),
    body("in JSON that is said to be EBCDIC", OBJECT, JSON + b"; charset=ibm037"),
    body("in EBCDIC", OBJECT.decode().encode("cp037"), JSON + b"; charset=ibm037"),
    body("in a form that is said to be UTF-7", b"a=1&q=" + QUERY, FORM + b"; charset=utf-7"),
    body("in UTF-7", SQL.replace(b"'", b"+ACc-"), b"text/plain; charset=utf-7"),
    body("in two charsets", OBJECT, JSON + b"; charset=utf-8; charset=utf-16"),
    body("in the second of two JSON keys", b'{"a":"well","a":%s}' % TEXT, JSON),
    body("in the first of two JSON keys", b'{"a":%s,"a":"well"}' % TEXT, JSON),
    body("in JSON behind a byte order mark", b"\xef\xbb\xbf" + OBJECT, JSON),
    body("in JSON with single quotes", b"{'a': \"%s\"}" % SQL, JSON),
    body("in JSON without its end", OBJECT[:-3], JSON),
    body("in JSON with NaN", b'{"a":NaN,"b":%s}' % TEXT, JSON),
    body("in JSON within JSON", json.dumps({"a": OBJECT.decode()}).encode(), JSON),
    body("in JSON within a form", b"a=" + OBJECT.replace(b" ", b"+").replace(b"'", b"%27"), FORM),
    body("in a form, encoded twice", b"a=" + QUERY.replace(b"%", b"%25"), FORM),
    body("in a form with semicolons", b"a=1;b=" + QUERY, FORM),
    body("in a form, over two values", b"b=x%27+UNION+SELECT+card&b=cvv+FROM+payments--+", FORM),
    body("over CDATA", b"<a>x' UN<![CDATA[ION SEL]]>ECT card, cvv FROM payments-- </a>", b"application/xml"),
    body("over comments in XML", b"<a>x' UN<!-- -->ION SELECT card, cvv FROM payments-- </a>", b"application/xml"),
    body("in an entity in XML", b'<!DOCTYPE a [<!ENTITY e "%s">]><a>&e;</a>' % SQL, b"application/xml"),
    body("in XML as UTF-16", "<a>x' UNION SELECT card FROM payments-- </a>".encode("utf-16"), b"application/xml"),
    body("with two boundaries", part(b"a", b"1") + b"--c\r\n" + part(b"b", SQL) + b"--b--\r\n", MULTIPART + b"; boundary=c"),
    body("with a boundary in quotes", part(b"a", SQL) + b"--b--\r\n", b'multipart/form-data; boundary="b"'),
    body("with a boundary of another kind", part(b"a", SQL) + b"--b--\r\n", b"multipart/form-data; boundary*=utf-8''b"),
    body("in multipart that is no form", part(b"a", SQL) + b"--b--\r\n", b"multipart/mixed; boundary=b"),
    body("in base64 in a multipart form", coded(base64.b64encode(SQL), b"base64"), MULTIPART),
    body(
        "quoted in a multipart form", coded(SQL.replace(b"'", b"=27").replace(b"U", b"=55"), b"quoted-printable"), MULTIPART
    ),
    body("with identity", OBJECT, JSON, b"content-encoding: identity"),
    refused("in the body of GET", head(b"content-length: %d" % len(OBJECT), b"content-type: application/json") + OBJECT),
    refused(
        "in HTTP/1.0's body", head(b"content-length: %d" % len(SQL), first=line(method=b"POST", version=b"HTTP/1.0")) + SQL
    ),
    refused("in one chunk", chunked(OBJECT, kind=JSON)),
    refused("in the last chunk", chunked(b"all is well ", b"so far ", SQL)),
    refused("in the last chunk of JSON", chunked(OBJECT[:9], OBJECT[9:20], OBJECT[20:], kind=JSON)),
    refused("in chunks of one byte", chunked(*(OBJECT[at : at + 1] for at in range(len(OBJECT))), kind=JSON)),
    refused("in a trailer", chunked(b"all is well", last=b"0\r\nx-note: " + SQL + b"\r\n\r\n")),
    refused("in the last trailer", chunked(b"all is well", last=b"0\r\nx-a: b\r\nx-b: c\r\nx-note: " + SQL + b"\r\n\r\n")),
    refused("after 100", post(OBJECT, b"expect: 100-continue", kind=JSON)[: -len(OBJECT)], CONTINUE, OBJECT),
    refused(
        "after 100 in the last chunk",
        chunked(last=b"", fields=[b"expect: 100-continue"]),
        CONTINUE,
        chunk(b"all is well ") + chunk(SQL) + b"0\r\n\r\n",
    ),
    refused("after 100, not waiting", post(OBJECT, b"expect: 100-continue", kind=JSON)),
    refused("byte by byte", post(SQL), dripped=True),
    passes("in the body of what comes second", post(b"12345") + post(OBJECT, kind=JSON), acts=[posted(b"12345")]),
    passes("in what comes fiftieth", head() * 49 + head(b"x-note: " + SQL), acts=[Act()] * 49),
    passes("in what comes first", head(b"x-note: " + SQL) + head(), acts=[Act()]),
    passes("in the body of what comes first", post(OBJECT, kind=JSON) + head(), acts=[Act()]),
    refused("in what is forbidden", post(OBJECT, kind=JSON, target=b"/admin/x?case=CASE")),
]
