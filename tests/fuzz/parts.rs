//! What holds for all bodies and all values: they are read and inspected within their budget.

use podwall::detect::Detectors;
use podwall::flow::{Found, Fuel, Part, Place};
use podwall::protocol::body::{self, Declared, Limits};
use std::sync::OnceLock;

/// Steps for one input; more than it can need in linear time.
const FUEL: u64 = 10_000_000;

pub(crate) fn bodies() -> Vec<Vec<u8>> {
    [
        "a=1&b=x%27y&c[]=+",
        "{\"a\": [1, \"x\\u0041\", null], \"b\": {\"c\": \"d\"}}",
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><a d='e'>&b;<![CDATA[x]]><!-- y --></a>",
        "{\"query\": \"query { a(b: \\\"c\\\") { d } }\", \"variables\": {\"x\": 1}}",
        "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n",
        "plain text with 'quotes'",
    ]
    .map(|body| body.as_bytes().to_vec())
    .to_vec()
}

pub(crate) fn body(bytes: &[u8]) {
    let types: [Option<&[u8]>; 4] =
        [None, Some(b"application/json"), Some(b"multipart/form-data; boundary=b"), Some(b"text/xml; charset=utf-16")];
    for content_type in types {
        let declared = Declared { content_type, content_encoding: None };
        let (limits, mut fuel) = (Limits::default(), Fuel::new(FUEL));
        if let Ok(opened) = body::open(bytes, &declared, &limits, &mut fuel) {
            let _ = opened.parts(&limits, &mut fuel);
        }
    }
}

pub(crate) fn values() -> Vec<Vec<u8>> {
    [
        "1' or '1'='1' -- ",
        "1 union select a, b from c where d = (select 1)",
        "; cat /etc/passwd | sh $(id) `id` && curl http://a",
        "<img src=x onerror=alert(1)><script>a</script>",
        "../../etc/passwd",
        "${jndi:ldap://a/b} {{7*7}} #{x} <%= y %>",
        "{\"$where\": \"this.a == 1\"} *)(uid=*))(|(uid=*",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">",
        "aHR0cDovL2EvYj9jPWQ= %2527 \\x41 \\u0041 &#65;",
        "an ordinary sentence, with a comma and 3 numbers: 1, 2.5",
    ]
    .map(|value| value.as_bytes().to_vec())
    .to_vec()
}

pub(crate) fn inspected(bytes: &[u8]) {
    static DETECTORS: OnceLock<Detectors> = OnceLock::new();
    let parts = [Part::plain(Place::QueryValue, b"q", bytes), Part::plain(Place::BodyText, b"", bytes)];
    let (mut found, mut fuel) = (Found::default(), Fuel::new(FUEL));
    DETECTORS.get_or_init(Detectors::default).inspect(&parts, &mut found, &mut fuel);
    assert!(!fuel.is_empty(), "the budget of {FUEL} steps was not enough for {} bytes", bytes.len());
}
