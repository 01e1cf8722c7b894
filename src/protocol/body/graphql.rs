//! GraphQL documents (October 2021 edition, §2): told from other text by their tokens, and searched for their strings.
//!
//! A text counts as a document when every byte of it belongs to a token, its brackets close, and it begins with `{`,
//! `query`, `mutation`, `subscription` or `fragment`. What only resembles one stays what it was.

use super::collect::{Parts, Value};
use super::json::undo_escapes;
use crate::flow::Place;
use crate::protocol::Malformed;
use std::borrow::Cow;

/// Bytes kept of the name before a string: many strings may share one.
const MAX_NAME: usize = 64;

/// A string in a document, and the name before it.
#[derive(Debug, PartialEq, Eq)]
struct Text<'a> {
    name: &'a [u8],
    inside: &'a [u8],
    block: bool,
}

/// Adds `value` as a document with its strings when it is one; whether it was.
pub(super) fn read<'a>(
    value: &Value<'a>,
    name: &'a [u8],
    depth: usize,
    parts: &mut Parts<'a>,
) -> Result<bool, Malformed> {
    let Some(texts) = texts(&value.canonical, depth) else { return Ok(false) };
    for text in texts {
        let inside = if text.block { Value::plain(text.inside) } else { undo_escapes(text.inside) };
        let canonical = Cow::Owned(inside.canonical.into_owned());
        let chain = super::collect::join(value.chain, inside.chain);
        let name = text.name.get(..MAX_NAME).unwrap_or(text.name);
        parts.add(Place::GraphQl, Cow::Owned(name.to_vec()), Value { raw: value.raw, canonical, chain })?;
    }
    parts.add(Place::GraphQl, Cow::Borrowed(name), value.clone())?;
    Ok(true)
}

/// The strings of a document and its comments; nothing when the text is no document.
fn texts(text: &[u8], depth: usize) -> Option<Vec<Text<'_>>> {
    memchr::memchr(b'{', text)?;
    let mut scanner = Scanner { rest: text.trim_ascii_start(), open: Vec::new(), name: b"", found: Vec::new() };
    let first = scanner.rest.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(scanner.rest.len());
    let opens = matches!(scanner.rest.get(..first)?, b"query" | b"mutation" | b"subscription" | b"fragment");
    if !opens && scanner.rest.first() != Some(&b'{') {
        return None;
    }
    while !scanner.rest.is_empty() {
        scanner.step(depth)?;
    }
    scanner.open.is_empty().then_some(scanner.found)
}

struct Scanner<'a> {
    rest: &'a [u8],
    /// Closing brackets that are awaited.
    open: Vec<u8>,
    name: &'a [u8],
    found: Vec<Text<'a>>,
}

impl<'a> Scanner<'a> {
    /// Takes one token.
    fn step(&mut self, depth: usize) -> Option<()> {
        let (first, after) = self.rest.split_first()?;
        match first {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b'!' | b'$' | b'&' | b':' | b'=' | b'@' | b'|' => self.rest = after,
            b'{' | b'(' | b'[' => {
                if self.open.len() >= depth {
                    return None;
                }
                self.open.push(if *first == b'(' { b')' } else { first + 2 });
                self.rest = after;
            }
            b'}' | b')' | b']' => {
                self.open.pop().filter(|awaited| awaited == first)?;
                self.rest = after;
            }
            b'#' => {
                let end = memchr::memchr(b'\n', after).unwrap_or(after.len());
                self.text(after, end, end, true)?;
            }
            b'"' => self.string()?,
            b'.' => self.rest = self.rest.strip_prefix(b"...")?,
            b'-' | b'0'..=b'9' => self.number(after),
            _ => self.word()?,
        }
        Some(())
    }

    /// Keeps the first `length` bytes of `from` as a text and goes on behind `end` bytes.
    fn text(&mut self, from: &'a [u8], length: usize, end: usize, block: bool) -> Option<()> {
        self.found.push(Text { name: self.name, inside: from.get(..length)?, block });
        self.rest = from.get(end..)?;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        if let Some(inside) = self.rest.strip_prefix(b"\"\"\"") {
            let end = memchr::memmem::find(inside, b"\"\"\"")?;
            return self.text(inside, end, end + 3, true);
        }
        let inside = self.rest.get(1..)?;
        let mut end = 0;
        loop {
            end += memchr::memchr3(b'"', b'\\', b'\n', inside.get(end..)?)?;
            match inside.get(end)? {
                b'"' => return self.text(inside, end, end + 1, false),
                b'\\' => end += 2,
                _ => return None,
            }
        }
    }

    fn number(&mut self, after: &'a [u8]) {
        let in_number = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
        let length = after.iter().position(|b| !in_number(b)).unwrap_or(after.len());
        self.rest = after.get(length..).unwrap_or_default();
    }

    fn word(&mut self) -> Option<()> {
        let length = self.rest.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(length).filter(|(name, _)| !name.is_empty())?;
        (self.name, self.rest) = (name, rest);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::body::Limits;

    fn found(text: &str) -> Option<Vec<(String, String)>> {
        let mut parts = Parts::new(&Limits::default(), 0);
        let is_document = read(&Value::plain(text.as_bytes()), b"query", 10, &mut parts).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        is_document.then(|| parts.list.iter().map(|part| (text(&part.name), text(&part.canonical))).collect())
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn strings_are_named_by_their_argument() {
        let text = "query Q($a: [Int!] = [1, -2.5e3]) @d { user(id: \"x\\\"\\u0041\", n: \"\"\"b \"q\" \"\"\") { ...F } # c\n }";
        assert_eq!(
            found(text),
            Some(vec![pair("id", "x\"A"), pair("n", "b \"q\" "), pair("F", " c"), pair("query", text)])
        );
    }

    #[test]
    fn what_does_not_close_is_no_document() {
        for text in
            ["{", "{a)", "}", "{a} ; x", "{a(b: \"c)}", "{a(b: 'c')}", "select 1", "query", "{..}", "{a}' or 1=1"]
        {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| format!("{}{}", "{a".repeat(depth), "}".repeat(depth));
        assert!(found(&nested(10)).is_some());
        assert!(found(&nested(11)).is_none());
    }
}
