"""Header names: what a rule requires and what only we may write, under every name that servers fold onto it."""

from ..spelling import Act, arrives, head, line, passes, post, refused

KEYED = line(b"/keyed/a?case=CASE")
ACTS = (Act("GET", ("/keyed/a",)),)


def keyed(name, *lines):
    """The rule requires `x-tenant: acme`."""
    return refused(name, head(*lines, first=KEYED))


def ours(name, text):
    return refused(name, head(text + b": By=spiffe://cluster.test/ns/shop/sa/frontend"))


def named(name, *lines, **options):
    return refused(name, head(*lines, **options))


ALL = [
    arrives("what is required", head(b"x-tenant: acme", first=KEYED), acts=ACTS),
    arrives("what is required, in capitals", head(b"X-TENANT: acme", first=KEYED), acts=ACTS),
    arrives("what is required, with spaces around it", head(b"x-tenant: \t acme \t", first=KEYED), acts=ACTS),
    passes("what is required, twice", head(b"x-tenant: acme", b"x-tenant: acme", first=KEYED), acts=ACTS),
    keyed("not what is required"),
    keyed("another value", b"x-tenant: other"),
    keyed("an empty value", b"x-tenant:"),
    keyed("a value in capitals", b"x-tenant: ACME"),
    keyed("another value behind it", b"x-tenant: acme", b"x-tenant: other"),
    keyed("another value before it", b"x-tenant: other", b"x-tenant: acme"),
    keyed("another value in capitals", b"x-tenant: acme", b"X-Tenant: other"),
    keyed("a list of values", b"x-tenant: acme, other"),
    keyed("another value under another name", b"x-tenant: acme", b"x_tenant: other"),
    keyed("another value under a dotted name", b"x-tenant: acme", b"x.tenant: other"),
    keyed("another value under a name with a tilde", b"x-tenant: acme", b"x~tenant: other"),
    keyed("another name alone", b"x_tenant: acme"),
    keyed("another value with a space before the colon", b"x-tenant: acme", b"x-tenant : other"),
    keyed("another value behind a space", b"x-tenant: acme", b" x-tenant: other"),
    keyed("another value behind a bare CR", b"x-tenant: acme\rx-tenant: other"),
    keyed("another value behind a bare LF", b"x-tenant: acme\nx-tenant: other"),
    keyed("another value behind a zero byte", b"x-tenant: acme\0other"),
    keyed("a folded value", b"x-tenant: acme\r\n other"),
    keyed("a value that begins folded", b"x-tenant:\r\n acme"),
    keyed("a value behind a vertical tab", b"x-tenant: \x0bacme"),
    keyed("a value and a byte over 7 bits", b"x-tenant: acme\xa0"),
    keyed("the connection's alone", b"x-tenant: acme", b"connection: x-tenant"),
    keyed("the connection's alone, in capitals", b"x-tenant: acme", b"Connection: close, X-TENANT"),
    keyed("the connection's alone, in the second of two", b"x-tenant: acme", b"connection: close", b"connection: x-tenant"),
    keyed("the connection's alone, by another name", b"x-tenant: acme", b"proxy-connection: close", b"connection: x-tenant"),
    ours("a client certificate with underscores", b"x_forwarded_client_cert"),
    ours("a client certificate with an underscore", b"X-Forwarded_Client-Cert"),
    ours("a client certificate with dots", b"x.forwarded.client.cert"),
    ours("a client certificate with tildes", b"x~forwarded~client~cert"),
    ours("a client certificate with a space", b"x-forwarded-client-cert "),
    ours("a client certificate with a zero byte", b"x-forwarded-client-cert\0"),
    ours("a client certificate behind a space", b" x-forwarded-client-cert"),
    ours("a client certificate in other letters", b"x-forwarded-client-cer\xc5\xa3"),
    passes("a client certificate", head(b"x-forwarded-client-cert: By=me"), acts=[Act()]),
    passes("a client certificate in capitals", head(b"X-FORWARDED-CLIENT-CERT: By=me"), acts=[Act()]),
    passes("two client certificates", head(*[b"x-forwarded-client-cert: By=me"] * 2), acts=[Act()]),
    named(
        "a client certificate as the connection's", b"x-forwarded-client-cert: By=me", b"connection: x-forwarded-client-cert"
    ),
    named("a name of ours", b"x-podwall-event: 7"),
    named("a name of ours with underscores", b"x_podwall_event: 7"),
    named("an address with underscores", b"x_forwarded_for: 10.0.0.1"),
    named("a user with underscores", b"remote_user: root"),
    named("an authorization with underscores", b"proxy_authorization: Basic YTpi", b"author_ization: x"),
    named("cookies by a dotted name", b"coo.kie: a=b", b"content.type: a/b"),
    named("a content type with underscores", b"content_type: application/json"),
    named("two content types", b"content-type: text/plain", b"content-type: application/json"),
    named("two authorizations", b"authorization: Basic YTpi", b"authorization: Basic YTpj"),
    named("a name twice that folds", b"x-a-b: 1", b"x-a_b: 2"),
    named("another path", b"x-original-url: /admin/x"),
    named("another path in capitals", b"X-REWRITE-URL: /admin/x"),
    named("another path with underscores", b"x_original_url: /admin/x"),
    named("another path that is the same", b"x-original-url: /public/a"),
    named("a space in a name", b"x tenant: acme"),
    named("a space before the colon", b"x-a : b"),
    named("a tab before the colon", b"x-a\t: b"),
    named("no name", b": b"),
    named("no colon", b"x-a"),
    named("a name with a slash", b"x/a: b"),
    named("a name with parentheses", b"x(a): b"),
    named("a name with a byte over 7 bits", b"x-\xe4: b"),
    named("a name with a zero byte", b"x-\0a: b"),
    named("a first line that is folded", first=line() + b" x-a: b\r\n"),
    named("a value with a zero byte", b"x-a: b\0c"),
    named("a value with a control byte", b"x-a: b\x08c"),
    named("a value with DEL", b"x-a: b\x7fc"),
    named("a value with a bare CR", b"x-a: b\rc"),
    named("a connection option that is none", b"connection: x a"),
    named("the cookies as the connection's", b"cookie: a=b", b"connection: cookie"),
    named("the authorization as the connection's", b"authorization: Basic YTpi", b"connection: authorization"),
    named("an address as the connection's", b"x-forwarded-for: 10.0.0.1", b"connection: x-forwarded-for"),
    passes("a name with odd letters", head(b"x-!#$%&'*+.^`|~: b"), acts=[Act()]),
    passes("another method that is the same", post(b"", b"x-http-method-override: POST"), acts=[Act("POST")]),
    passes("a proxy", head(b"Proxy: http://internal.test"), acts=[Act()]),
    named("more connection options than anybody has", b"connection: " + b"close," * 33),
]
