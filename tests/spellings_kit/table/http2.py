"""The same over HTTP/2: what its frames can say and the lines of HTTP/1.1 cannot, and what they say differently."""

from ..http2 import Stream
from ..spelling import CASE, INNER, Act, arrives, passes, posted, refused
from .attacks import OBJECT, QUERY, SQL

PUBLIC = b"/public/a?case=CASE"
FORBIDDEN = b"/admin/x?case=CASE"
SMUGGLED = b"0\r\n\r\n" + INNER


def stream(*fields, method=b"GET", path=PUBLIC, authority=b"a.test", frames=(), trailers=(), scheme=b"http"):
    """A request; a pseudo-header that is None is left out."""
    pseudo = ((b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", path))
    named = tuple(field for field in pseudo if field[1] is not None)
    return Stream((*named, (b"x-case", CASE), *fields), frames, tuple(trailers))


def post(*frames, fields=(), **options):
    return stream(*fields, method=b"POST", frames=frames, **options)


def bad(name, *fields, **options):
    return refused(name, stream(*fields, **options))


def length(name, *values, body=b"12345"):
    return refused(name, post(body, fields=[(b"content-length", value) for value in values]))


def path(name, spelled):
    return bad(name, path=spelled)


ALL = [
    arrives("GET", stream(), acts=[Act()]),
    arrives("HEAD", stream(method=b"HEAD"), acts=[Act("HEAD")]),
    arrives("POST with its length", post(b"a=1", fields=[(b"content-length", b"3")]), acts=[posted(b"a=1")]),
    arrives("POST without a length", post(b"one ", b"two"), acts=[posted(b"one two")]),
    passes("POST with trailers", post(b"12345", trailers=[(b"x-checksum", b"7")]), acts=[posted(b"12345")]),
    # The library leaves them out.
    passes("pseudo-headers in trailers", post(b"12345", trailers=[(b":path", b"/admin/x")]), acts=[posted(b"12345")]),
    passes("host instead of authority", stream((b"host", b"a.test"), authority=None), acts=[Act()]),
    passes("host beside authority", stream((b"host", b"A.test:80")), acts=[Act()]),
    passes("a request in the body", post(INNER), acts=[posted(INNER)]),
    passes("a fragment", stream(path=b"/public/a?case=CASE#/../admin"), acts=[Act()]),
    passes("crumbs of cookies", stream((b"cookie", b"a=b"), (b"cookie", b"c=d")), acts=[Act()]),
    path("forbidden", FORBIDDEN),
    path("forbidden behind dots", b"/public/../admin/x?case=CASE"),
    path("forbidden behind encoded dots", b"/public/%2e%2e/admin/x?case=CASE"),
    path("a request line in the path", b"/admin/x?case=CASE HTTP/1.1\r\nhost: a.test\r\n\r\n"),
    path("a line end in the path", b"/public/a?case=CASE\r\nx-tenant: acme"),
    path("a space in the path", b"/admin/x?case=CASE x"),
    path("a version in the path", b"/admin/x?case=CASE HTTP/1.1"),
    path("a tab in the path", b"/admin/x\t?case=CASE"),
    path("a zero byte in the path", b"/admin/x\0?case=CASE"),
    path("another host in the path", b"http://internal.test/public/a?case=CASE"),
    path("the same host in the path", b"http://a.test/public/a?case=CASE"),
    path("another host behind slashes", b"//internal.test/public/a?case=CASE"),
    path("no slash", b"admin/x?case=CASE"),
    path("nothing", b""),
    path("everything", b"*"),
    path("none", None),
    bad("a request line in the method", method=b"GET /admin/x?case=CASE HTTP/1.1\r\nhost: a.test\r\n\r\nGET"),
    bad("a space in the method", method=b"GET /admin/x?case=CASE"),
    bad("a method in small letters", method=b"get"),
    bad("DELETE", method=b"DELETE"),
    bad("CONNECT", method=b"CONNECT", path=None, scheme=None, authority=b"a.test:80"),
    bad("CONNECT of a protocol", (b":protocol", b"websocket"), method=b"CONNECT"),
    bad("no method", method=None),
    bad("another scheme", scheme=b"file"),
    bad("a scheme that is a target", scheme=b"http://internal.test/admin?"),
    bad("another authority", authority=b"internal.test"),
    bad("a user in the authority", authority=b"a.test@internal.test"),
    bad("a path in the authority", authority=b"a.test/admin"),
    bad("a line end in the authority", authority=b"a.test\r\nx-tenant: acme"),
    bad("two words in the authority", authority=b"a.test internal.test"),
    bad("an empty authority", authority=b""),
    bad("no authority", authority=None),
    bad("another host", (b"host", b"internal.test")),
    bad("two hosts", (b"host", b"a.test"), (b"host", b"internal.test")),
    bad("two hosts, no authority", (b"host", b"a.test"), (b"host", b"internal.test"), authority=None),
    bad("two paths", (b":path", FORBIDDEN)),
    bad("two authorities", (b":authority", b"internal.test")),
    bad("two methods", (b":method", b"DELETE")),
    bad("a pseudo-header of another name", (b":admin", b"1")),
    bad("a pseudo-header of answers", (b":status", b"200")),
    bad("a name in capitals", (b"X-Note", b"a")),
    bad("a name with a colon", (b"x-a: b", b"c")),
    bad("a name with a line end", (b"x-a\r\nx-tenant", b"acme"), path=b"/keyed/a?case=CASE"),
    bad("a name with a space", (b"x-tenant ", b"acme"), path=b"/keyed/a?case=CASE"),
    bad("a name with a zero byte", (b"x-\0a", b"b")),
    bad("an empty name", (b"", b"b")),
    bad("a name with underscores", (b"x_forwarded_client_cert", b"By=me")),
    bad("a name of ours", (b"x-podwall-event", b"7")),
    bad("a value with a line end", (b"x-a", b"b\r\nx-tenant: acme"), path=b"/keyed/a?case=CASE"),
    bad("a value with a bare LF", (b"x-a", b"b\nx-tenant: acme"), path=b"/keyed/a?case=CASE"),
    bad("a value with a bare CR", (b"x-a", b"b\rx-tenant: acme"), path=b"/keyed/a?case=CASE"),
    bad("a value that is another request", (b"x-a", b"b\r\n\r\n" + INNER)),
    bad("a value with a zero byte", (b"x-a", b"b\0c")),
    bad("what is required, twice", (b"x-tenant", b"acme"), (b"x-tenant", b"other"), path=b"/keyed/a?case=CASE"),
    bad(
        "what is required, by another name too", (b"x-tenant", b"acme"), (b"x_tenant", b"other"), path=b"/keyed/a?case=CASE"
    ),
    bad("connection", (b"connection", b"x-case")),
    bad("keep-alive", (b"keep-alive", b"1")),
    bad("upgrade", (b"upgrade", b"websocket")),
    bad("another path", (b"x-original-url", b"/admin/x")),
    bad("another method", (b"x-http-method-override", b"DELETE"), method=b"POST"),
    refused("coding", post(SMUGGLED, fields=[(b"transfer-encoding", b"chunked")])),
    refused("coding behind a line end", post(SMUGGLED, fields=[(b"x-a", b"b\r\ntransfer-encoding: chunked")])),
    refused("coding in capitals", post(SMUGGLED, fields=[(b"Transfer-Encoding", b"chunked")])),
    length("a length that is too short", b"4"),
    length("a length of nothing", b"0", body=INNER),
    length("a length that is too long", b"50"),
    length("a list of lengths", b"5, 5"),
    length("two lengths", b"5", b"0"),
    length("two lengths that agree", b"5", b"5"),
    length("a length with plus", b"+5"),
    refused("a length and no body", stream((b"content-length", b"5"), method=b"POST")),
    refused("a length in trailers", post(b"12345", trailers=[(b"content-length", b"0")])),
    refused("a coding in trailers", post(b"12345", trailers=[(b"transfer-encoding", b"chunked")])),
    refused("a line end in trailers", post(b"12345", trailers=[(b"x-a", b"b\r\n\r\n" + b"GET /admin/x HTTP/1.1")])),
    refused("an attack in the query", stream(path=b"/public/a?case=CASE&q=" + QUERY)),
    refused("an attack in a header", stream((b"x-note", SQL.strip()))),
    refused(
        "an attack in a cookie's crumb", stream((b"cookie", b"a=b"), (b"cookie", b"c=" + SQL.strip().replace(b",", b"%2c")))
    ),
    refused("an attack in the body", post(OBJECT, fields=[(b"content-type", b"application/json")])),
    refused("an attack over two frames", post(OBJECT[:35], OBJECT[35:], fields=[(b"content-type", b"application/json")])),
    refused("an attack in a trailer", post(b"all is well", trailers=[(b"x-note", SQL.strip())])),
    passes(
        "an attack in the second of three streams", stream(), stream((b"x-note", SQL.strip())), stream(), acts=[Act(), Act()]
    ),
]
