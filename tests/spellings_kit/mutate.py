"""Spellings that nobody thought of: those of the table changed at random, and paths, hosts and headers of telling pieces."""

import random

from . import table
from .spelling import Spelling, head, line, post

TELLING = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\x0b", b"\x0c", b"\x85", b"\xa0", b":", b";", b",", b"%", b"#", b"?", b"&", b"=",
    b"/", b"//", b"\\", b"..", b".", b"@", b'"', b"'", b"(", b"{", b"0", b"1", b"5", b"-", b"+", b"_", b"\xff", b"\xc0\xaf",
    b"%2f", b"%5c", b"%2e", b"%00", b"%25", b"%3b", b"%3f", b"%0a", b"%61", b"admin", b"/admin/x", b"a.test", b"internal.test",
    b"GET ", b"POST ", b"HTTP/1.1", b"HTTP/1.0", b"chunked", b"close", b"\r\n\r\n", b"0\r\n\r\n", b"\r\n ", b"Host: internal.test\r\n",
    b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: x-tenant\r\n",
    b"x_tenant: other\r\n", b"x-tenant: acme\r\n", b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"Trailer: x-a\r\n",
    b"X_Forwarded_Client_Cert: a\r\n", b"GET /admin/x?case=CASE HTTP/1.1\r\nHost: a.test\r\n\r\n",
]  # fmt: skip
PATHS = [
    b"/", b"/", b"/", b"//", b"\\", b".", b"..", b";", b";a=b", b"%2f", b"%2F", b"%5c", b"%2e", b"%2e%2e", b"%252e", b"%252f", b"%25",
    b"%00", b"%20", b"%09", b"%0a", b"%3b", b"%3f", b"%23", b"admin", b"admin", b"ADMIN", b"%61dmin", b"%2561dmin", b"public", b"a",
    b"b", b"@", b":", b":80", b"a.test", b"internal.test", b"http://", b"http:", b"~", b"*", b"%c0%af", b"%c0%ae", b"%ef%bc%8f",
    b"%e2%88%95", b"%u002f", b"|", b"^", b"\xe4", b"?", b"#", b"+", b"$", b"!", b"'", b",", b"&", b"=",
]  # fmt: skip
HOSTS = [
    b"a.test", b"a.test", b"internal.test", b":80", b":", b":0", b".", b"@", b"/", b"\\", b"?", b"#", b",", b" ", b"\t", b"\0", b"%2e",
    b"[", b"]", b"::1", b"127.0.0.1", b"A.TEST", b"_", b"-", b'"', b"\xe4", b"xn--a", b"localhost", b"1", b"0x7f", b"http://",
]  # fmt: skip
NAMES = [b"x-tenant", b"X-Tenant", b"x_tenant", b"x.tenant", b"x-forwarded-client-cert", b"X_Forwarded-Client_Cert", b"host", b"connection",
    b"content-length", b"content_length", b"transfer-encoding", b"transfer_encoding", b"te", b"trailer", b"upgrade", b"expect",
    b"x-http-method-override", b"x-original-url", b"keep-alive", b"proxy-connection", b"content-type", b"x-podwall-a", b"cookie"]  # fmt: skip
VALUES = [b"acme", b"other", b"5", b"0", b"05", b"chunked", b"identity", b"close", b"keep-alive", b"x-tenant", b"a.test", b"trailers",
    b"100-continue", b"websocket", b"h2c", b"DELETE", b"POST", b"/admin/x", b"", b"host", b"upgrade", b"content-length"]  # fmt: skip
AROUND = [b"", b"", b"", b" ", b"\t", b"\r\n ", b"\0", b"\x0b", b",", b", ", b";", b'"', b"\n", b"\r"]


class Mutator:
    """Draws spellings for ever, the same ones from the same seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seeds = [one for _, one in table.numbered().values() if 0 < sum(map(size, one.steps)) < 4000]

    def draw(self):
        make = self.random.choice((self.changed, self.changed, self.spliced, self.path, self.host, self.fields, self.chunks))
        return make()

    def changed(self):
        """A spelling of the table with a few bytes changed."""
        seed = self.random.choice(self.seeds)
        return self.made(self.bent(b"".join(plain(seed))), seed.door)

    def spliced(self):
        """The beginning of one spelling, the end of another."""
        one, other = (b"".join(plain(self.random.choice(self.seeds))) for _ in range(2))
        return self.made(one[: self.random.randrange(len(one) + 1)] + other[self.random.randrange(len(other) + 1) :])

    def path(self):
        pieces = b"".join(self.random.choices(PATHS, k=self.random.randrange(1, 9)))
        target = self.random.choice((b"/", b"/", b"", b"/public/", b"http://a.test/")) + pieces
        return self.made(
            head(first=line(target + self.random.choice((b"?case=CASE", b"")))), self.random.choice(("wide", "narrow"))
        )

    def host(self):
        hosts = [
            b"".join(self.random.choices(HOSTS, k=self.random.randrange(1, 4))) for _ in range(self.random.choice((1, 1, 2)))
        ]
        target = self.random.choice((b"/public/a", b"/public/a", b"http://a.test/via/a", b"http://%s/via/a" % hosts[0]))
        lines = b"\r\n".join(self.random.choice((b"host: ", b"Host:", b"host :", b" host: ")) + host for host in hosts)
        return self.made(head(first=line(target + b"?case=CASE"), host=lines))

    def fields(self):
        """Header lines of telling names and values, before a short body."""
        pick = self.random.choice
        lines = [
            pick(NAMES) + pick(AROUND) + b":" + pick(AROUND) + pick(VALUES) + pick(AROUND)
            for _ in range(self.random.randrange(1, 5))
        ]
        target = pick((b"/public/a?case=CASE", b"/keyed/a?case=CASE"))
        body = pick((b"", b"12345", b"5\r\n12345\r\n0\r\n\r\n", b"0\r\n\r\n"))
        return self.made(head(*lines, first=line(target, pick((b"GET", b"POST")))) + body + pick((b"", head())))

    def chunks(self):
        """A chunked body of telling pieces, before another request."""
        pieces = [
            b"5",
            b"\r\n",
            b"\r\n",
            b"12345",
            b"0",
            b";",
            b"\n",
            b"\r",
            b" ",
            b"A",
            b"x",
            b"0\r\n\r\n",
            b"5\r\n12345\r\n",
            b"x-a: b\r\n",
            b"a=b",
            b'"',
        ]
        body = b"".join(self.random.choices(pieces, k=self.random.randrange(1, 9)))
        target = self.random.choice((b"/public/a?case=CASE", b"/stream/a?case=CASE"))
        return self.made(
            post(b"", framing=[b"transfer-encoding: chunked"], target=target) + body + self.random.choice((b"", head()))
        )

    def bent(self, data):
        for _ in range(self.random.choice((1, 1, 1, 1, 2, 3))):
            at = self.random.randrange(len(data) + 1)
            end = min(len(data), at + self.random.choice((0, 0, 1, 2, 9)))
            new = self.random.choice(
                (self.random.choice(TELLING), bytes([self.random.randrange(256)]), data[at:end] * 2, b"")
            )
            data = data[:at] + new + data[end:]
        return data

    def made(self, data, door="narrow"):
        """In one piece, or in two."""
        cut = self.random.choice((0, self.random.randrange(len(data) + 1)))
        return Spelling("random", tuple(step for step in (data[:cut], data[cut:]) if step) or (b"\r\n",), door=door)


def plain(spelling):
    return [step for step in spelling.steps if isinstance(step, bytes)]


def size(step):
    return len(step) if isinstance(step, bytes) else 0
