"""How chunks and trailers are spelled (RFC 9112 §7.1)."""

from ..spelling import INNER, Act, arrives, chunked, head, passes, posted, refused


def chunks(name, body):
    """A chunked body, spelled out; where it ends early, another request is behind it."""
    return refused(name, chunked(last=body))


def trailers(name, lines, **options):
    return refused(name, chunked(b"12345", last=b"0\r\n" + lines + b"\r\n\r\n", **options))


ALL = [
    arrives(
        "size in capitals", chunked(b"A" * 171, last=b"0\r\n\r\n").replace(b"ab\r\n", b"AB\r\n"), acts=[posted(b"A" * 171)]
    ),
    arrives("size with zeros before it", chunked(last=b"000005\r\n12345\r\n0\r\n\r\n"), acts=[posted(b"12345")]),
    arrives("last size of many zeros", chunked(b"12345", last=b"0000\r\n\r\n"), acts=[posted(b"12345")]),
    arrives("a thousand chunks", chunked(*[b"ab"] * 1000), acts=[posted(b"ab" * 1000)]),
    chunks("extension", b"5;a=b\r\n12345\r\n0\r\n\r\n"),
    chunks("extension in quotes over lines", b'5;a="\r\n12345\r\n0\r\n\r\n' + INNER + b'"\r\n'),
    chunks("extension with a bare LF", b"5;a\nb\r\n12345\r\n0\r\n\r\n"),
    chunks("extension with a bare CR", b"5;a\rb\r\n12345\r\n0\r\n\r\n"),
    chunks("extension of the last chunk", b"5\r\n12345\r\n0;a=b\r\n\r\n"),
    chunks("extension of the last chunk that is another request", b"5\r\n12345\r\n0;\n" + INNER),
    chunks("space after the size", b"5 \r\n12345\r\n0\r\n\r\n"),
    chunks("space before the size", b" 5\r\n12345\r\n0\r\n\r\n"),
    chunks("tab after the size", b"5\t\r\n12345\r\n0\r\n\r\n"),
    chunks("size with plus", b"+5\r\n12345\r\n0\r\n\r\n"),
    chunks("size with minus", b"-5\r\n12345\r\n0\r\n\r\n"),
    chunks("last size with minus", b"5\r\n12345\r\n-0\r\n\r\n"),
    chunks("size with 0x", b"0x5\r\n12345\r\n0\r\n\r\n"),
    chunks("size with an underscore", b"0_5\r\n12345\r\n0\r\n\r\n"),
    chunks("size of nothing", b"\r\n12345\r\n0\r\n\r\n"),
    chunks("size of a word", b"five\r\n12345\r\n0\r\n\r\n"),
    chunks("size in other digits", "\u0665\r\n12345\r\n0\r\n\r\n".encode()),
    chunks("size of 64 bits and more", b"10000000000000005\r\n12345\r\n0\r\n\r\n"),
    chunks("size of 32 bits and more", b"100000005\r\n12345\r\n0\r\n\r\n"),
    chunks("size with a zero byte", b"5\0\r\n12345\r\n0\r\n\r\n"),
    chunks("size line with a bare LF", b"5\n12345\r\n0\r\n\r\n"),
    chunks("size line with a bare CR", b"5\r12345\r\n0\r\n\r\n"),
    chunks("size line with two CR", b"5\r\r\n12345\r\n0\r\n\r\n"),
    chunks("data that ends in a bare LF", b"5\r\n12345\n0\r\n\r\n"),
    chunks("data that ends in a bare CR", b"5\r\n12345\r0\r\n\r\n"),
    chunks("data that ends in nothing", b"5\r\n123450\r\n\r\n"),
    chunks("data that is longer than its size", b"5\r\n1234567\r\n0\r\n\r\n"),
    chunks("data that is shorter than its size", b"5\r\n123\r\n0\r\n\r\n" + INNER),
    chunks("data behind its size that is two bytes of anything", b"5\r\n12345XX0\r\n\r\n" + INNER),
    chunks("last chunk with a bare LF", b"5\r\n12345\r\n0\n\n" + INNER),
    chunks("last chunk without its empty line", b"5\r\n12345\r\n0\r\n" + INNER),
    chunks("last chunk whose empty line is a bare LF", b"5\r\n12345\r\n0\r\n\n" + INNER),
    passes("request behind the last chunk", chunked(b"12345") + INNER, acts=[posted(b"12345")]),
    passes("a trailer", chunked(b"12345", last=b"0\r\nx-checksum: 7\r\n\r\n"), acts=[posted(b"12345")]),
    passes(
        "a trailer that was announced",
        chunked(b"12345", last=b"0\r\nx-checksum: 7\r\n\r\n", fields=[b"trailer: x-checksum"]),
        acts=[posted(b"12345")],
    ),
    trailers("a trailer with a length", b"content-length: 0"),
    trailers("a trailer with a coding", b"transfer-encoding: chunked"),
    trailers("a trailer with a host", b"host: internal.test"),
    trailers("a trailer with an authorization", b"authorization: Basic YTpi"),
    trailers("a trailer with a client certificate", b"x-forwarded-client-cert: By=me"),
    trailers("a trailer with a client certificate by another name", b"x_forwarded_client_cert: By=me"),
    trailers("a trailer with an address", b"x-forwarded-for: 10.0.0.1"),
    trailers("a trailer with another method", b"x-http-method-override: DELETE"),
    trailers("a trailer with another path", b"x-original-url: /admin/x"),
    trailers("a trailer with what a rule requires", b"x-tenant: acme", target=b"/keyed/a?case=CASE"),
    trailers("a folded trailer", b"x-a: b\r\n x-tenant: acme"),
    trailers("a trailer with a bare LF", b"x-a: b\nx-b: c"),
    trailers("a trailer with a bare CR", b"x-a: b\rx-b: c"),
    trailers("a trailer without a colon", b"x-a"),
    trailers("a trailer with a space before the colon", b"x-a : b"),
    trailers("a trailer that is another request", INNER.strip()),
    refused("chunks of what is forbidden", chunked(b"12345", target=b"/admin/x?case=CASE")),
    passes(
        "chunks, then what is forbidden, then what is granted",
        chunked(b"12345") + INNER + head(),
        acts=[posted(b"12345"), Act()],
    ),
]
