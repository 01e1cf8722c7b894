//! The HTTP field names that mean something to us, with what each may and may not do. One table: framing, emission,
//! trailers, `Connection`, the folding check and the views of a head all read it. Names come in any letter case.

/// A field name that means something to us.
#[derive(Debug, PartialEq, Eq)]
pub struct Name {
    /// The name in lower case.
    pub lower: &'static str,
    /// What the codec does with it.
    pub is: Is,
    rules: u8,
}

/// What the codec does with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// Nothing more than its rules say.
    Plain,
    /// RFC 9110 §7.2.
    Host,
    /// RFC 9110 §8.6.
    ContentLength,
    /// RFC 9112 §6.1.
    TransferEncoding,
    /// RFC 9110 §7.6.1.
    Connection,
    /// RFC 9110 §7.8.
    Upgrade,
    /// RFC 9110 §10.1.1.
    Expect,
    /// RFC 9110 §10.1.4.
    Te,
    /// RFC 9110 §6.6.2.
    Trailer,
    /// Asks the server to act under another method.
    MethodOverride,
    /// Asks the server to act on another path.
    PathOverride,
    /// RFC 6265 §4.2.
    Cookie,
    /// RFC 6455 §11.3.1.
    WebSocketKey,
    /// RFC 6455 §11.3.3.
    WebSocketAccept,
    /// `x-forwarded-client-cert`: set by us, never believed.
    ClientCertificate,
    /// RFC 7239.
    Forwarded,
    /// `x-forwarded-for`.
    ForwardedFor,
    /// `x-forwarded-proto`.
    ForwardedProto,
    /// Names a host besides Host.
    ForwardedHost,
    /// Names the client's address, and nothing else.
    ClientAddress,
    /// Anything else that only an intermediary before the sender could know.
    ForwardedElse,
}

/// Belongs to one connection; never forwarded as it came.
const HOP: u8 = 1;
/// `Connection` may not name it.
const END: u8 = 2;
/// A message has at most one.
const ONCE: u8 = 4;
/// May not stand in a trailer (RFC 9110 §6.5.1).
const HEAD: u8 = 8;
/// What belongs to a whole message and to its head alone.
const CORE: u8 = END | HEAD;

impl Name {
    const fn plain(lower: &'static str, rules: u8) -> Self {
        Self { lower, is: Is::Plain, rules }
    }

    const fn means(lower: &'static str, is: Is, rules: u8) -> Self {
        Self { lower, is, rules }
    }

    /// Whether it belongs to one connection only.
    pub fn is_hop_by_hop(&self) -> bool {
        self.rules & HOP != 0
    }

    /// Whether `Connection` may not name it.
    pub fn is_end_to_end(&self) -> bool {
        self.rules & END != 0
    }

    /// Whether a second one leaves open which of both counts.
    pub fn is_single(&self) -> bool {
        self.rules & ONCE != 0
    }

    /// Whether it may not stand in a trailer.
    pub fn is_head_only(&self) -> bool {
        self.rules & HEAD != 0
    }
}

/// Sorted by length; [`known`] looks only at the names of the right length.
static TABLE: &[Name] = &[
    Name::means("te", Is::Te, HOP | HEAD),
    Name::plain("via", HEAD),
    Name::plain("date", END),
    Name::means("host", Is::Host, CORE | ONCE),
    Name::plain("vary", CORE),
    Name::plain("allow", END),
    // No request has it; gateways make it the variable that names a proxy (CVE-2016-5385).
    Name::plain("proxy", HOP | HEAD),
    Name::plain("range", CORE),
    Name::plain("accept", END),
    Name::means("cookie", Is::Cookie, CORE),
    Name::means("expect", Is::Expect, HOP | HEAD | ONCE),
    Name::plain("origin", CORE),
    Name::plain("pragma", HEAD),
    Name::plain("server", END),
    Name::means("x-host", Is::ForwardedHost, CORE),
    Name::plain("baggage", END),
    Name::plain("expires", CORE),
    Name::plain("referer", END),
    Name::means("trailer", Is::Trailer, HEAD),
    Name::means("upgrade", Is::Upgrade, HOP | HEAD),
    Name::plain("if-match", CORE),
    Name::plain("if-range", CORE),
    Name::plain("location", CORE),
    Name::means("forwarded", Is::Forwarded, CORE),
    Name::means("x-real-ip", Is::ClientAddress, CORE),
    Name::means("connection", Is::Connection, HOP | HEAD),
    Name::plain("keep-alive", HOP | HEAD),
    Name::plain("set-cookie", CORE),
    Name::plain("user-agent", END),
    Name::means("remote-user", Is::ForwardedElse, CORE),
    Name::plain("traceparent", END),
    Name::means("x-client-ip", Is::ClientAddress, CORE),
    Name::plain("content-type", CORE | ONCE),
    Name::plain("max-forwards", CORE),
    Name::plain("x-request-id", END),
    Name::plain("authorization", CORE | ONCE),
    Name::plain("cache-control", CORE),
    Name::plain("content-range", CORE),
    Name::plain("if-none-match", CORE),
    Name::means("x-http-method", Is::MethodOverride, CORE),
    Name::means("x-remote-user", Is::ForwardedElse, CORE),
    Name::means("x-rewrite-url", Is::PathOverride, CORE),
    Name::means("content-length", Is::ContentLength, CORE | ONCE),
    Name::plain("http2-settings", HOP | HEAD),
    Name::means("true-client-ip", Is::ClientAddress, CORE),
    Name::means("x-original-url", Is::PathOverride, CORE),
    Name::plain("accept-encoding", END),
    Name::means("x-forwarded-for", Is::ForwardedFor, CORE),
    Name::means("x-forwarded-ssl", Is::ForwardedElse, CORE),
    Name::means("x-original-host", Is::ForwardedHost, CORE),
    Name::means("cf-connecting-ip", Is::ClientAddress, CORE),
    Name::plain("content-encoding", CORE),
    Name::plain("content-language", CORE),
    Name::plain("content-location", CORE),
    Name::means("fastly-client-ip", Is::ClientAddress, CORE),
    Name::plain("proxy-connection", HOP | HEAD),
    Name::plain("www-authenticate", CORE),
    Name::means("x-forwarded-host", Is::ForwardedHost, CORE),
    Name::means("x-forwarded-port", Is::ForwardedElse, CORE),
    Name::means("x-forwarded-user", Is::ForwardedElse, CORE),
    Name::plain("if-modified-since", CORE),
    Name::means("sec-websocket-key", Is::WebSocketKey, CORE | ONCE),
    Name::means("transfer-encoding", Is::TransferEncoding, HOP | CORE | ONCE),
    Name::means("x-forwarded-email", Is::ForwardedElse, CORE),
    Name::means("x-forwarded-proto", Is::ForwardedProto, CORE),
    Name::means("x-method-override", Is::MethodOverride, CORE),
    Name::plain("proxy-authenticate", HOP | HEAD),
    Name::means("x-forwarded-prefix", Is::ForwardedElse, CORE),
    Name::plain("content-disposition", CORE | ONCE),
    Name::plain("if-unmodified-since", CORE),
    Name::plain("proxy-authorization", HOP | CORE),
    Name::means("x-cluster-client-ip", Is::ClientAddress, CORE),
    Name::means("sec-websocket-accept", Is::WebSocketAccept, CORE | ONCE),
    Name::means("x-http-host-override", Is::ForwardedHost, CORE),
    Name::plain("sec-websocket-version", CORE | ONCE),
    Name::plain("sec-websocket-protocol", CORE),
    Name::means("x-http-method-override", Is::MethodOverride, CORE),
    Name::means("x-forwarded-client-cert", Is::ClientCertificate, CORE),
    Name::plain("sec-websocket-extensions", CORE),
    Name::plain("proxy-authentication-info", HOP | HEAD),
];

/// Longest name of the table.
const LONGEST: usize = 25;

/// `STARTS[n]..STARTS[n + 1]` are the names of `n` bytes.
static STARTS: [u8; LONGEST + 2] = starts();

#[allow(clippy::indexing_slicing)] // evaluated by the compiler, where a wrong index is an error
const fn starts() -> [u8; LONGEST + 2] {
    let mut starts = [0; LONGEST + 2];
    let mut length = 0;
    let mut at = 0;
    while length < starts.len() {
        while at < TABLE.len() && TABLE[at].lower.len() < length {
            at += 1;
        }
        starts[length] = at as u8;
        length += 1;
    }
    starts
}

/// The entry for a name in any letter case.
pub(super) fn known(name: &[u8]) -> Option<&'static Name> {
    let start = usize::from(*STARTS.get(name.len())?);
    let end = usize::from(*STARTS.get(name.len() + 1)?);
    // Names of one length rarely begin and end alike, so that one comparison is usually enough.
    let (first, last) = (name.first()?.to_ascii_lowercase(), name.last()?.to_ascii_lowercase());
    TABLE.get(start..end)?.iter().find(|entry| {
        let lower = entry.lower.as_bytes();
        lower.first() == Some(&first)
            && lower.last() == Some(&last)
            && (lower == name || lower.eq_ignore_ascii_case(name))
    })
}

/// Prefixes that only intermediaries write, so that no other spelling may fold onto them.
const GUARDED: [&[u8]; 4] = [OWN_PREFIX, FORWARDED_PREFIX, b"x-envoy-", b"content-"];

/// Names that begin so tell of those before the sender.
const FORWARDED_PREFIX: &[u8] = b"x-forwarded-";

/// Names that begin so are ours.
const OWN_PREFIX: &[u8] = b"x-podwall-";

/// RFC 9110 §5.6.2: the bytes of methods and field names.
pub(super) fn is_token(b: u8) -> bool {
    TOKENS.get(usize::from(b)).is_some_and(|token| *token)
}

static TOKENS: [bool; 256] = tokens();

#[allow(clippy::indexing_slicing)] // evaluated by the compiler, where a wrong index is an error
const fn tokens() -> [bool; 256] {
    let mut tokens = [false; 256];
    let mut b = 0u8;
    while b < 0x80 {
        tokens[b as usize] = b.is_ascii_alphanumeric();
        b += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < marks.len() {
        tokens[marks[at] as usize] = true;
        at += 1;
    }
    tokens
}

/// Whether a name is ours alone.
pub(super) fn is_own(name: &[u8]) -> bool {
    name.split_at_checked(OWN_PREFIX.len()).is_some_and(|(start, _)| start.eq_ignore_ascii_case(OWN_PREFIX))
}

/// Whether a name says by its prefix that it tells of those before the sender.
pub(super) fn is_forwarding(name: &[u8]) -> bool {
    let start = name.split_at_checked(FORWARDED_PREFIX.len());
    start.is_some_and(|(start, _)| start.eq_ignore_ascii_case(FORWARDED_PREFIX))
}

/// Whether a name begins with a prefix that only heads have.
pub(super) fn is_guarded(name: &[u8]) -> bool {
    let folded = folded(name);
    GUARDED.iter().any(|prefix| folded.starts_with(prefix))
}

/// Whether a name has a byte that some servers fold into `-` or `_` (CGI and WSGI fold `-`, PHP also `.`).
pub(super) fn is_odd(name: &[u8]) -> bool {
    !name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Whether some server takes a name with odd bytes for one that means something to us.
pub(super) fn folds_onto_known(name: &[u8]) -> bool {
    let folded = folded(name);
    known(&folded).is_some() || is_guarded(name)
}

/// A name as the servers that fold most read it.
pub(super) fn folded(name: &[u8]) -> Vec<u8> {
    fold(name).collect()
}

fn fold(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().map(|b| if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() } else { b'-' })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_by_length_and_lower_case() {
        assert!(
            TABLE.windows(2).all(|pair| (pair[0].lower.len(), pair[0].lower) < (pair[1].lower.len(), pair[1].lower))
        );
        assert!(TABLE.iter().all(|name| name.lower == name.lower.to_ascii_lowercase()));
        assert_eq!(TABLE.last().map(|name| name.lower.len()), Some(LONGEST));
    }

    #[test]
    fn every_name_is_found_in_any_case() {
        for name in TABLE {
            assert_eq!(known(name.lower.to_ascii_uppercase().as_bytes()), Some(name));
        }
        assert_eq!(known(b""), None);
        assert_eq!(known(&[b'x'; 100]), None);
    }

    #[test]
    fn underscores_and_dots_fold() {
        assert!(folds_onto_known(b"X_Forwarded_Client_Cert"));
        assert!(folds_onto_known(b"content.length"));
        assert!(folds_onto_known(b"X_Podwall_Event"));
        assert!(!folds_onto_known(b"user_id"));
        assert_eq!(folded(b"X_Foo"), folded(b"x-foo"));
    }
}
