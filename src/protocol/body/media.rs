//! What the head declares about a body: media type, charset, boundary (RFC 9110 §8.3, RFC 2046 §5.1.1).
//!
//! Tolerated: any case, blanks round `;`, unknown parameters, a type we do not know or cannot read (then the bytes alone
//! decide). Rejected by name: parameters that two parsers would read differently: given twice with different values,
//! continued (`boundary*0`), with escapes, a boundary outside RFC 2046.

use super::charset::Charset;
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use crate::protocol::head::Header;

/// Two `content-type` headers that differ.
pub(super) const TYPE_TWICE: Reason =
    Reason::new("body-type-twice", Kind::Malformed, "the head has two content-type headers that differ");
/// Two `content-encoding` headers.
pub(super) const CODING_TWICE: Reason =
    Reason::new("body-coding-twice", Kind::Malformed, "the head has two content-encoding headers");
/// Two `charset` or `boundary` parameters that disagree.
pub(super) const PARAMETER_TWICE: Reason =
    Reason::new("body-type-parameter-twice", Kind::Malformed, "content-type gives a charset or boundary twice");
/// `boundary*`, `charset*0`: few parsers know RFC 2231 here.
pub(super) const PARAMETER_EXTENDED: Reason =
    Reason::new("body-type-parameter-extended", Kind::Malformed, "content-type has an RFC 2231 charset or boundary");
/// A quoted value with a backslash, or a quote that is not closed, or something behind it.
pub(super) const PARAMETER_QUOTING: Reason =
    Reason::new("body-type-parameter-quoting", Kind::Malformed, "content-type quotes a charset or boundary oddly");
/// `multipart/…` without a boundary.
pub(super) const NO_BOUNDARY: Reason =
    Reason::new("multipart-no-boundary", Kind::Malformed, "content-type multipart has no boundary");
/// Not `1*70<bchars>`, or ends in a space.
pub(super) const BAD_BOUNDARY: Reason = Reason::new(
    "multipart-bad-boundary",
    Kind::Malformed,
    "the boundary has characters or a length that RFC 2046 forbids",
);

/// RFC 2046 §5.1.1: the longest boundary.
pub(super) const MAX_BOUNDARY: usize = 70;

/// What the head says about a body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Declared<'a> {
    /// The value of `content-type`.
    pub content_type: Option<&'a [u8]>,
    /// The value of `content-encoding`.
    pub content_encoding: Option<&'a [u8]>,
}

impl<'a> Declared<'a> {
    /// What these headers declare.
    ///
    /// # Errors
    /// A second `content-type` that differs, a second `content-encoding`: servers choose differently among them.
    pub fn of(headers: impl Iterator<Item = Header<'a>>) -> Result<Self, Malformed> {
        let mut declared = Self::default();
        for header in headers {
            if header.is_named("content-type") {
                if declared.content_type.replace(header.value).is_some_and(|earlier| earlier != header.value) {
                    return refuse(TYPE_TWICE);
                }
            } else if header.is_named("content-encoding") && declared.content_encoding.replace(header.value).is_some() {
                return refuse(CODING_TWICE);
            }
        }
        Ok(declared)
    }
}

/// A content type as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Media<'a> {
    pub(super) family: Family<'a>,
    pub(super) charset: Option<Charset>,
}

/// What a media type lets one expect of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family<'a> {
    /// Nothing declared, or nothing we can read.
    Unknown,
    /// Anything with `json` in its subtype.
    Json,
    /// Anything with `xml` in its subtype.
    Xml,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/…` with its boundary.
    Multipart(&'a [u8]),
    /// `application/graphql`.
    GraphQl,
    /// Other `text/…`.
    Text,
    /// Some other type.
    Other,
}

impl<'a> Media<'a> {
    /// Reads the value of a `content-type` header; an empty one declares nothing.
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let (kind, parameters) = cut(value, b';');
        let found = Parameters::collect(parameters)?;
        let charset = found.charset.map(Charset::parse).transpose()?;
        let kind = kind.trim_ascii();
        let family =
            if starts_with(kind, b"multipart/") { Family::Multipart(boundary(found.boundary)?) } else { family(kind) };
        Ok(Self { family, charset })
    }
}

fn family<'a>(kind: &[u8]) -> Family<'a> {
    let (main, subtype) = cut(kind, b'/');
    if subtype.is_empty() || kind.contains(&b',') {
        return Family::Unknown;
    }
    if contains(subtype, b"json") || subtype.eq_ignore_ascii_case(b"csp-report") {
        return Family::Json;
    }
    if contains(subtype, b"xml") {
        return Family::Xml;
    }
    if subtype.eq_ignore_ascii_case(b"x-www-form-urlencoded") {
        return Family::Form;
    }
    if subtype.eq_ignore_ascii_case(b"graphql") {
        return Family::GraphQl;
    }
    if main.eq_ignore_ascii_case(b"text") { Family::Text } else { Family::Other }
}

/// The parameters that change how bytes are read.
#[derive(Default)]
struct Parameters<'a> {
    charset: Option<&'a [u8]>,
    boundary: Option<&'a [u8]>,
}

impl<'a> Parameters<'a> {
    fn collect(mut rest: &'a [u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        while !rest.is_empty() {
            let (name, after) = name_of(rest);
            let ours = matters(name)?;
            let (value, after) = value_of(after, ours)?;
            rest = after;
            if let (true, Some(value)) = (ours, value) {
                let slot = if starts_with(name, b"charset") { &mut found.charset } else { &mut found.boundary };
                if slot.replace(value).is_some_and(|earlier| earlier != value) {
                    return refuse(PARAMETER_TWICE);
                }
            }
        }
        Ok(found)
    }
}

/// Whether a parameter of this name changes how bytes are read.
fn matters(name: &[u8]) -> Result<bool, Malformed> {
    if name.eq_ignore_ascii_case(b"charset") || name.eq_ignore_ascii_case(b"boundary") {
        return Ok(true);
    }
    if starts_with(name, b"charset*") || starts_with(name, b"boundary*") {
        return refuse(PARAMETER_EXTENDED);
    }
    Ok(false)
}

/// The name before `=`, and what follows the name. Without `=` before the next `;` everything up to there is the name.
fn name_of(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| matches!(b, b'=' | b';')).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (name.trim_ascii(), rest)
}

/// The value behind `=`, without quotes, and what follows the next `;`.
fn value_of(text: &[u8], ours: bool) -> Result<(Option<&[u8]>, &[u8]), Malformed> {
    let Some(text) = text.strip_prefix(b"=") else {
        return Ok((None, text.get(1..).unwrap_or_default()));
    };
    let text = text.trim_ascii_start();
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let (value, rest) = cut(text, b';');
        let value = value.trim_ascii_end();
        let odd = value.iter().any(|b| matches!(b, b'"' | b'\\' | b',' | b' ' | b'\t'));
        return if ours && odd { refuse(PARAMETER_QUOTING) } else { Ok((Some(value), rest)) };
    };
    let (value, rest) = cut(quoted, b'"');
    let closed = value.len() < quoted.len();
    let (between, rest) = cut(rest, b';');
    if ours && (!closed || value.contains(&b'\\') || !between.trim_ascii().is_empty()) {
        return refuse(PARAMETER_QUOTING);
    }
    Ok((Some(value), rest))
}

fn boundary(value: Option<&[u8]>) -> Result<&[u8], Malformed> {
    let Some(value) = value else { return refuse(NO_BOUNDARY) };
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(b);
    let sound = (1..=MAX_BOUNDARY).contains(&value.len()) && value.iter().all(allowed) && !value.ends_with(b" ");
    if sound { Ok(value) } else { refuse(BAD_BOUNDARY) }
}

fn refuse<T>(why: Reason) -> Result<T, Malformed> {
    Err(Malformed { at: 0, why })
}

/// What stands before the first `at`, and what behind it.
pub(super) fn cut(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    let Some(here) = memchr::memchr(at, text) else { return (text, b"") };
    let (before, rest) = text.split_at_checked(here).unwrap_or((text, b""));
    (before, rest.get(1..).unwrap_or_default())
}

/// Whether `text` starts with `word`, in any case.
pub(super) fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Whether `word` stands in `text`, in any case. For short texts.
fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family_of(value: &str) -> Family<'_> {
        Media::parse(value.as_bytes()).unwrap().family
    }

    fn refused(value: &str) -> Reason {
        Media::parse(value.as_bytes()).unwrap_err().why
    }

    #[test]
    fn families_are_told_apart() {
        for json in
            ["application/json", "Application/JSON;charset=utf-8", "application/vnd.api+json", "application/x-ndjson"]
        {
            assert_eq!(family_of(json), Family::Json, "{json}");
        }
        assert_eq!(family_of("application/soap+xml; action=x"), Family::Xml);
        assert_eq!(family_of("application/x-www-form-urlencoded"), Family::Form);
        assert_eq!(family_of("application/graphql"), Family::GraphQl);
        assert_eq!(family_of("text/plain"), Family::Text);
        assert_eq!(family_of("image/png"), Family::Other);
        for unknown in ["", "json", "application/json, text/plain", ";charset=utf-8"] {
            assert_eq!(family_of(unknown), Family::Unknown, "{unknown}");
        }
    }

    #[test]
    fn contradicting_heads_are_refused() {
        let header = |name: &'static str, value: &'static str| Header {
            name: name.as_bytes(),
            value: value.as_bytes(),
            known: None,
            forwarded: true,
        };
        let of = |headers: &[Header<'static>]| Declared::of(headers.iter().copied());
        let declared =
            of(&[header("A", "b"), header("Content-Type", "a/b"), header("content-encoding", "br")]).unwrap();
        assert_eq!((declared.content_type, declared.content_encoding), (Some(&b"a/b"[..]), Some(&b"br"[..])));
        assert!(of(&[header("Content-Type", "a/b"), header("content-type", "a/b")]).is_ok());
        assert_eq!(of(&[header("Content-Type", "a/b"), header("content-type", "a/c")]).unwrap_err().why, TYPE_TWICE);
        let twice = [header("Content-Encoding", "identity"), header("content-encoding", "gzip")];
        assert_eq!(of(&twice).unwrap_err().why, CODING_TWICE);
    }

    #[test]
    fn boundary_is_read_with_or_without_quotes() {
        assert_eq!(family_of("multipart/form-data; boundary=----x=1"), Family::Multipart(b"----x=1"));
        assert_eq!(family_of("multipart/mixed; a=\"b;c\"; Boundary=\"a b:c\"; d"), Family::Multipart(b"a b:c"));
    }

    #[test]
    fn boundary_oddities_are_refused() {
        assert_eq!(refused("multipart/form-data"), NO_BOUNDARY);
        assert_eq!(refused("multipart/form-data; boundary="), BAD_BOUNDARY);
        assert_eq!(refused("multipart/form-data; boundary=a; boundary=b"), PARAMETER_TWICE);
        assert_eq!(refused("multipart/form-data; boundary*=utf-8''a"), PARAMETER_EXTENDED);
        assert_eq!(refused("multipart/form-data; boundary*0=a"), PARAMETER_EXTENDED);
        assert_eq!(refused("multipart/form-data; boundary=\"a"), PARAMETER_QUOTING);
        assert_eq!(refused("multipart/form-data; boundary=\"a\"b"), PARAMETER_QUOTING);
        assert_eq!(refused("multipart/form-data; boundary=\"a\\b\""), PARAMETER_QUOTING);
        assert_eq!(refused("multipart/form-data; boundary=a,b"), PARAMETER_QUOTING);
        assert_eq!(refused("multipart/form-data; boundary=a\"b"), PARAMETER_QUOTING);
        assert_eq!(refused("multipart/form-data; boundary=a!b"), BAD_BOUNDARY);
        assert_eq!(refused("multipart/form-data; boundary=\"a \""), BAD_BOUNDARY);
    }

    #[test]
    fn boundary_is_limited_at_70() {
        let longest = format!("multipart/form-data; boundary={}", "a".repeat(MAX_BOUNDARY));
        assert!(Media::parse(longest.as_bytes()).is_ok());
        assert_eq!(refused(&format!("{longest}a")), BAD_BOUNDARY);
    }

    #[test]
    fn same_charset_twice_is_no_contradiction() {
        assert!(Media::parse(b"text/plain; charset=utf-8; charset=utf-8").is_ok());
        assert_eq!(refused("text/plain; charset=utf-8; charset=utf-16"), PARAMETER_TWICE);
    }
}
