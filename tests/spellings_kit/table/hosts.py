"""Hosts: one place under many names, and two places in one request (RFC 9112 §3.2)."""

from ..spelling import Act, arrives, head, line, passes, refused


def via(target):
    """uvicorn with h11 gives its handler the whole target as path."""
    return passes(
        f"in the target: {target}", head(first=line(target.encode() + b"?case=CASE")), acts=[Act("GET", ("/via/a", target))]
    )


def host(name, value):
    return refused(name, head(host=b"host: " + value))


def other(name, *lines, first=None):
    return refused(name, head(*lines, first=first, host=None))


def absolute(name, target, value=b"a.test"):
    return refused(name, head(first=line(target), host=b"host: " + value))


ALL = [
    arrives("with its port", head(host=b"host: a.test:80"), acts=[Act()]),
    arrives("in capitals", head(host=b"HOST: A.Test"), acts=[Act()]),
    arrives("with spaces around it", head(host=b"host:  a.test \t"), acts=[Act()]),
    passes("with another port", head(host=b"host: a.test:9999"), acts=[Act()]),
    passes("with a dot behind it", head(host=b"host: a.test."), acts=[Act()]),
    passes("without spaces", head(host=b"host:a.test"), acts=[Act()]),
    host("another", b"internal.test"),
    host("empty", b""),
    host("a dot alone", b"."),
    host("with a letter before it", b"xa.test"),
    host("with a letter behind it", b"a.testx"),
    host("a name below it", b"b.a.test"),
    host("with two dots behind it", b"a.test.."),
    host("with a user", b"a.test@internal.test"),
    host("as a user", b"internal.test@a.test"),
    host("with an empty port", b"a.test:"),
    host("with a port that is none", b"a.test:x"),
    host("with a name as port", b"a.test:internal.test"),
    host("with port 0", b"a.test:0"),
    host("with a port over 65535", b"a.test:65616"),
    host("with two ports", b"a.test:80:80"),
    host("with a path", b"a.test/admin"),
    host("with a query", b"a.test?x"),
    host("with a fragment", b"a.test#internal.test"),
    host("with a backslash", b"a.test\\internal.test"),
    host("a list", b"a.test, internal.test"),
    host("two words", b"a.test internal.test"),
    host("with a tab", b"a.test\tinternal.test"),
    host("with a zero byte", b"a.test\0internal.test"),
    host("with a bare CR", b"a.test\rinternal.test"),
    host("with a bare LF", b"internal.test\nx-a: b"),
    host("with an escape", b"a%2etest"),
    host("in other letters", "\uff41.test".encode()),
    host("in other letters of one byte", b"\xe1.test"),
    host("with a quote", b'"a.test"'),
    host("in brackets", b"[a.test]"),
    host("with a scheme", b"http://a.test"),
    host("an address", b"127.0.0.1"),
    host("an address in short", b"127.1"),
    host("an address as a number", b"2130706433"),
    host("an address of version 6", b"[::1]"),
    host("an address with a zone", b"[fe80::1%25lo]"),
    host("folded", b"a.test\r\n internal.test"),
    host("folded at the start", b"\r\n internal.test"),
    other("none"),
    other("none in HTTP/1.0", first=line(version=b"HTTP/1.0")),
    other("two", b"host: a.test", b"host: internal.test"),
    other("two, the other first", b"host: internal.test", b"host: a.test"),
    other("two that agree", b"host: a.test", b"host: a.test"),
    other("two, one in capitals", b"host: a.test", b"HOST: internal.test"),
    other("two, one empty", b"host: a.test", b"host:"),
    other("two, one with a space before the colon", b"host: a.test", b"host : internal.test"),
    other("two, one behind a space", b"host: a.test", b" host: internal.test"),
    other("two, one behind a bare CR", b"host: a.test\rhost: internal.test"),
    other("two, one behind a bare LF", b"host: a.test\nhost: internal.test"),
    other("only with a space before the colon", b"host : a.test"),
    other("two in HTTP/1.0", b"host: a.test", b"host: internal.test", first=line(version=b"HTTP/1.0")),
    other("hidden by Connection", b"host: a.test", b"connection: host"),
    via("http://a.test/via/a"),
    via("HTTP://A.TEST:80/via/a"),
    via("http://a.test./via/a"),
    via("https://a.test/via/a"),
    absolute("in the target where it is not granted", b"http://a.test/public/a?case=CASE"),
    absolute("in the target, another", b"http://internal.test/via/a?case=CASE"),
    absolute("in the target, and another in Host", b"http://a.test/via/a?case=CASE", b"internal.test"),
    absolute("in the target and in Host, another", b"http://internal.test/via/a?case=CASE", b"internal.test"),
    absolute("in the target, another port", b"http://a.test:81/via/a?case=CASE"),
    absolute("in the target, a scheme that is none", b"file://a.test/via/a?case=CASE"),
    absolute("in the target, one slash", b"http:/a.test/via/a?case=CASE"),
    absolute("in the target, three slashes", b"http:///via/a?case=CASE"),
    absolute("in the target, backslashes", b"http:\\\\a.test\\via\\a?case=CASE"),
    absolute("in the target, a user", b"http://internal.test@a.test/via/a?case=CASE"),
    absolute("in the target, as a user", b"http://a.test@internal.test/via/a?case=CASE"),
    absolute("in the target, a user of a path", b"http://a.test\\@internal.test/via/a?case=CASE"),
    absolute("in the target, an empty one", b"http://?case=CASE"),
    absolute("in the target, without a path", b"http://a.test?case=CASE"),
    absolute("in the target, what is forbidden", b"http://a.test/admin/x?case=CASE"),
    absolute("in the target, two slashes", b"http://a.test//admin/x?case=CASE"),
    absolute("in the target, another target", b"http://a.test/via/http://internal.test/../../admin?case=CASE"),
    absolute("in the target, dots", b"http://a.test/via/../admin/x?case=CASE"),
    refused("in the target, none in Host", head(first=line(b"http://a.test/via/a?case=CASE"), host=None)),
    refused("in the target of a path", head(first=line(b"//internal.test/public/a?case=CASE"))),
    refused("in the target of a path with backslashes", head(first=line(b"/\\internal.test/public/a?case=CASE"))),
    refused("in the target alone", head(first=line(b"a.test:80"))),
]
