//! Why `httparse` would not read a head: looks at its lines again, slowly, and names the rule that is broken.
//! Only called for heads that are refused.

use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use crate::protocol::names::is_token;

/// A carriage return without a line feed after it.
pub const BARE_CR: Reason = Reason::new("http1-bare-cr", Kind::Malformed, "a carriage return stands alone");
/// The method is no token, or over 32 bytes.
pub const METHOD: Reason = Reason::new("http1-method", Kind::Malformed, "the method is no token of at most 32 bytes");
/// The request line has not exactly three words with one space between them.
pub const REQUEST_LINE: Reason = Reason::new(
    "http1-request-line",
    Kind::Malformed,
    "the request line is not method, target and version with one space between",
);
/// The target holds a byte that no target has.
pub const TARGET_BYTE: Reason = Reason::new(
    "http1-target-byte",
    Kind::Malformed,
    "the target holds a control byte, a fragment or a byte over 7 bits",
);
/// Neither HTTP/1.0 nor HTTP/1.1.
pub const VERSION: Reason =
    Reason::new("http1-version", Kind::Unsupported, "the version is neither HTTP/1.0 nor HTTP/1.1");
/// The status line is malformed.
pub const STATUS_LINE: Reason = Reason::new("http1-status-line", Kind::Malformed, "the status line is malformed");
/// A header line begins with whitespace.
pub const FOLDED_LINE: Reason =
    Reason::new("http1-obs-fold", Kind::Malformed, "a header line begins with whitespace (obsolete folding)");
/// A header line has no colon.
pub const NO_COLON: Reason = Reason::new("http1-no-colon", Kind::Malformed, "a header line has no colon");
/// A header has no name.
pub const NAME_EMPTY: Reason = Reason::new("http1-name-empty", Kind::Malformed, "a header has no name");
/// Whitespace before the colon.
pub const SPACE_BEFORE_COLON: Reason =
    Reason::new("http1-space-before-colon", Kind::Malformed, "whitespace between a header's name and its colon");
/// A header name is no token.
pub const NAME_BYTE: Reason = Reason::new("http1-name-byte", Kind::Malformed, "a header name is no token");
/// A header value holds a control byte.
pub const VALUE_BYTE: Reason = Reason::new("http1-value-byte", Kind::Malformed, "a header value holds a control byte");
/// Malformed in a way that has no name of its own.
pub const HEAD: Reason = Reason::new("http1-head", Kind::Malformed, "the head cannot be read");

/// Longest method; the longest registered one has 17 bytes.
pub const MAX_METHOD_BYTES: usize = 32;

/// Visible ASCII but `#`.
pub fn is_target(b: u8) -> bool {
    matches!(b, b'!'..=b'~') && b != b'#'
}

/// Names the fault of a request head that starts at `at`.
pub fn fault_in_request(head: &[u8], at: usize) -> Malformed {
    fault(head, at, request_line)
}

/// Names the fault of a response head that starts at `at`.
pub fn fault_in_response(head: &[u8], at: usize) -> Malformed {
    fault(head, at, |_| Some(STATUS_LINE))
}

/// Names the fault of a block of header lines that starts at `at`.
pub fn fault_in_fields(block: &[u8], at: usize) -> Malformed {
    field_fault(block, at).unwrap_or(Malformed::new(at, HEAD))
}

fn fault(head: &[u8], at: usize, first: impl Fn(&[u8]) -> Option<Reason>) -> Malformed {
    let (line, rest) = split_line(head);
    let in_first = if line.contains(&b'\r') { Some(BARE_CR) } else { None };
    let in_fields = || field_fault(rest, at + head.len() - rest.len());
    // A status line has no check of its own: it is at fault when nothing else is.
    let named = in_first.or_else(|| first(line).filter(|why| *why != STATUS_LINE)).map(|why| Malformed::new(at, why));
    named.or_else(in_fields).unwrap_or_else(|| Malformed::new(at, first(line).unwrap_or(HEAD)))
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    (line, rest.get(2..).unwrap_or_default())
}

fn request_line(line: &[u8]) -> Option<Reason> {
    let mut words = line.split(|b| *b == b' ');
    let (method, target, version) = (words.next()?, words.next(), words.next());
    if method.is_empty() || !method.iter().all(|b| is_token(*b)) {
        return Some(METHOD);
    }
    let (Some(target), Some(version), None) = (target, version, words.next()) else { return Some(REQUEST_LINE) };
    if target.is_empty() {
        return Some(REQUEST_LINE);
    }
    if !target.iter().all(|b| is_target(*b)) {
        return Some(TARGET_BYTE);
    }
    match version {
        b"HTTP/1.0" | b"HTTP/1.1" => None,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Some(VERSION)
        }
        _ => Some(REQUEST_LINE),
    }
}

fn field_fault(mut block: &[u8], mut at: usize) -> Option<Malformed> {
    while !block.is_empty() {
        let (line, rest) = split_line(block);
        if line.is_empty() {
            return None;
        }
        if let Some(why) = field_line(line) {
            return Some(Malformed::new(at, why));
        }
        at += block.len() - rest.len();
        block = rest;
    }
    None
}

fn field_line(line: &[u8]) -> Option<Reason> {
    if line.contains(&b'\r') {
        return Some(BARE_CR);
    }
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Some(FOLDED_LINE);
    }
    let Some(colon) = line.iter().position(|b| *b == b':') else { return Some(NO_COLON) };
    let (name, value) = line.split_at_checked(colon)?;
    match name.last() {
        None => Some(NAME_EMPTY),
        Some(b' ' | b'\t') => Some(SPACE_BEFORE_COLON),
        _ if !name.iter().all(|b| is_token(*b)) => Some(NAME_BYTE),
        _ if value.iter().any(|b| *b == 0x7f || (*b < b' ' && *b != b'\t')) => Some(VALUE_BYTE),
        _ => None,
    }
}
