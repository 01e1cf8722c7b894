//! The parameters of `content-disposition` (RFC 6266, RFC 7578 §4.2): `form-data; name="a"; filename="b"`.
//!
//! Tolerated: unquoted values, empty parameters, `\"` in a quoted value, `name*` and `filename*` beside the plain ones
//! and encoded words (RFC 2047) in them (each is judged). Rejected by name: a parameter given twice, in pieces (`filename*0`), with single quotes round it, a
//! quoted value that is not closed or that has something behind it.

use crate::flow::{Chain, Kind, Layer, Reason};
use crate::protocol::body::collect::{Value, then};
use crate::protocol::body::media::cut;
use crate::protocol::body::{transfer, urlencoded};
use std::borrow::Cow;

/// `name` or `filename` given twice.
pub(super) const PARAMETER_TWICE: Reason =
    Reason::new("multipart-parameter-twice", Kind::Malformed, "content-disposition gives a name or filename twice");
/// `filename*0`.
pub(super) const PARAMETER_PIECES: Reason =
    Reason::new("multipart-parameter-pieces", Kind::Malformed, "content-disposition gives a name in pieces");
/// Quotes that parsers read differently.
pub(super) const PARAMETER_QUOTING: Reason =
    Reason::new("multipart-parameter-quoting", Kind::Malformed, "content-disposition quotes a name oddly");

/// One parameter that matters.
#[derive(Debug)]
pub(super) enum Parameter<'a> {
    Name(Value<'a>),
    FileName(Value<'a>),
    /// One that we give no meaning.
    Other,
}

impl<'a> Parameter<'a> {
    /// The same parameter with another value.
    fn with(&self, value: Value<'a>) -> Self {
        match self {
            Self::Name(_) => Self::Name(value),
            Self::FileName(_) => Self::FileName(value),
            Self::Other => Self::Other,
        }
    }
}

/// The parameters behind the disposition type.
pub(super) fn read(value: &[u8]) -> Result<Vec<Parameter<'_>>, Reason> {
    let (_, mut rest) = cut(value, b';');
    let mut found = Vec::new();
    let mut seen: Vec<&[u8]> = Vec::new();
    while !rest.trim_ascii().is_empty() {
        let end = rest.iter().position(|b| matches!(b, b'=' | b';')).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or((rest, b""));
        let name = name.trim_ascii();
        let Some(after) = after.strip_prefix(b"=") else {
            found.extend((!name.is_empty()).then_some(Parameter::Other));
            rest = after.get(1..).unwrap_or_default();
            continue;
        };
        let (value, after) = value_of(after)?;
        rest = after;
        let parameter = meaning(name, value)?;
        if let Parameter::Name(value) | Parameter::FileName(value) = &parameter {
            found.extend(words(value).map(|words| parameter.with(words)));
            if seen.iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
                return Err(PARAMETER_TWICE);
            }
            seen.push(name);
        }
        found.push(parameter);
    }
    Ok(found)
}

fn meaning<'a>(name: &[u8], value: Value<'a>) -> Result<Parameter<'a>, Reason> {
    let (plain, star) = match name.iter().position(|b| *b == b'*') {
        Some(at) => (name.get(..at).unwrap_or_default(), name.get(at..).unwrap_or_default()),
        None => (name, &b""[..]),
    };
    let of: fn(Value<'a>) -> Parameter<'a> = if plain.eq_ignore_ascii_case(b"name") {
        Parameter::Name
    } else if plain.eq_ignore_ascii_case(b"filename") {
        Parameter::FileName
    } else {
        return Ok(Parameter::Other);
    };
    match star {
        b"" => Ok(of(value)),
        b"*" => Ok(of(extended(&value))),
        _ => Err(PARAMETER_PIECES),
    }
}

/// RFC 8187: `UTF-8'en'%e2%82%ac` → `€`. What is not of that form is percent-decoded whole.
fn extended<'a>(value: &Value<'a>) -> Value<'a> {
    let text = value.raw;
    let (_, behind) = cut(text, b'\'');
    let (_, coded) = cut(behind, b'\'');
    let coded = if memchr::memchr_iter(b'\'', text).count() >= 2 { coded } else { text };
    let mut out = Vec::with_capacity(coded.len());
    let mut rest = coded;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = urlencoded::escape(rest).unwrap_or((*first, after));
        out.push(byte);
        rest = after;
    }
    Value { raw: text, canonical: Cow::Owned(out), chain: Chain::of(Layer::Percent) }
}

/// RFC 2047: `=?UTF-8?B?YQ==?=` → `a`, as some servers read names; nothing when there is no such word in it. Words are
/// decoded where they stand, whatever their charset.
fn words<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let mut rest = &*value.canonical;
    let mut out = Vec::new();
    let mut chain = None;
    while let Some(at) = memchr::memmem::find(rest, b"=?") {
        let (before, from) = rest.split_at_checked(at)?;
        let (_charset, coded) = cut(from.get(2..)?, b'?');
        let (coding, text) = cut(coded, b'?');
        let (text, after) = cut(text, b'?');
        let (decoded, layer) = match coding {
            b"B" | b"b" => (transfer::base64(text), Layer::Base64),
            b"Q" | b"q" => (transfer::quoted_printable(text), Layer::QuotedPrintable),
            _ => break,
        };
        out.extend_from_slice(before);
        out.extend_from_slice(&decoded);
        chain = Some(layer);
        rest = after.strip_prefix(b"=").unwrap_or(after);
    }
    out.extend_from_slice(rest);
    Some(Value { raw: value.raw, canonical: Cow::Owned(out), chain: then(value.chain, chain?) })
}

/// The value behind `=`, and what follows the next `;`.
fn value_of(text: &[u8]) -> Result<(Value<'_>, &[u8]), Reason> {
    let text = text.trim_ascii_start();
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let (value, rest) = cut(text, b';');
        let value = value.trim_ascii_end();
        let odd = value.starts_with(b"'") || value.contains(&b'"');
        return if odd { Err(PARAMETER_QUOTING) } else { Ok((Value::plain(value), rest)) };
    };
    let end = closing_quote(quoted).ok_or(PARAMETER_QUOTING)?;
    let (value, rest) = quoted.split_at_checked(end).ok_or(PARAMETER_QUOTING)?;
    let (between, rest) = cut(rest.get(1..).unwrap_or_default(), b';');
    if !between.trim_ascii().is_empty() {
        return Err(PARAMETER_QUOTING);
    }
    Ok((unquote(value), rest))
}

/// The first quote that no backslash stands before.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + if text.get(at + 1) == Some(&b'"') { 2 } else { 1 };
    }
}

/// Undoes `\"`; other backslashes mean themselves (paths of old browsers).
fn unquote(value: &[u8]) -> Value<'_> {
    if memchr::memmem::find(value, b"\\\"").is_none() {
        return Value::plain(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memmem::find(rest, b"\\\"") {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, b""));
        out.extend_from_slice(before);
        out.push(b'"');
        rest = from.get(2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Value { raw: value, canonical: Cow::Owned(out), chain: Chain::of(Layer::Backslash) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(value: &str) -> Vec<String> {
        let text = |value: Value<'_>| String::from_utf8_lossy(&value.canonical).into_owned();
        let name = |parameter| match parameter {
            Parameter::Name(value) => format!("name {}", text(value)),
            Parameter::FileName(value) => format!("file {}", text(value)),
            Parameter::Other => "other".into(),
        };
        read(value.as_bytes()).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn values_stand_with_or_without_quotes() {
        assert_eq!(found("form-data; name=\"a;b\"; filename=c d ;"), ["name a;b", "file c d"]);
        assert_eq!(found("form-data"), [""; 0]);
        assert_eq!(found("form-data;; x; y=1"), ["other", "other"]);
    }

    #[test]
    fn backslash_escapes_only_a_quote() {
        assert_eq!(found(r#"f; name="a\"b"; filename="C:\x\y""#), ["name a\"b", r"file C:\x\y"]);
    }

    #[test]
    fn extended_name_is_decoded() {
        assert_eq!(found("f; filename=a; filename*=UTF-8''%e2%82%ac.txt"), ["file a", "file €.txt"]);
    }

    #[test]
    fn encoded_words_are_decoded_too() {
        assert_eq!(
            found("f; filename=\"x=?utf-8?B?Li4v?=y=?utf-8?q?=2Fz?=\""),
            ["file x../y/z", "file x=?utf-8?B?Li4v?=y=?utf-8?q?=2Fz?="]
        );
        assert_eq!(found("f; name=\"a=?b\""), ["name a=?b"]);
    }

    #[test]
    fn odd_spellings_are_refused() {
        for (value, why) in [
            ("f; name=a; name=b", PARAMETER_TWICE),
            ("f; filename=\"a\"; FileName=\"b\"", PARAMETER_TWICE),
            ("f; filename*0=a; filename*1=b", PARAMETER_PIECES),
            ("f; name='a'", PARAMETER_QUOTING),
            ("f; name=\"a", PARAMETER_QUOTING),
            ("f; name=\"a\\\"", PARAMETER_QUOTING),
            ("f; name=\"a\"b", PARAMETER_QUOTING),
            ("f; name=a\"b\"", PARAMETER_QUOTING),
        ] {
            assert_eq!(read(value.as_bytes()).unwrap_err(), why, "{value}");
        }
    }
}
