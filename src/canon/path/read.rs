//! Spells one path under each combination of readings that its features and the port's settings leave open.

use super::refused::READINGS;
use super::{Decoding, Params, Paths, Readings, Separator, Slashes};
use crate::canon::percent;
use crate::flow::Reason;
use std::borrow::Cow;
use std::fmt::Write;

/// One way to read a path, but for its repeated slashes.
#[derive(Clone, Copy, Debug)]
struct Reading {
    encoded_slash: bool,
    backslash: Backslash,
    params: Cut,
}

/// Which backslashes separate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backslash {
    None,
    /// As URL parsers do.
    Raw,
    /// As servers on Windows do.
    All,
}

/// Which parameters are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    None,
    /// Before decoding, in every segment, as servlet containers do.
    Raw,
    /// After decoding, in every segment.
    Decoded,
    /// Before decoding, in the last segment, as RFC 2396 parsers do.
    Last,
}

/// What becomes of repeated slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Merge {
    Kept,
    Merged,
    /// Only those at the start, as Python's `http.server` does.
    Leading,
    /// Two at the start begin a host, as in a reference without a scheme (RFC 3986 §4.2).
    Host,
    /// Two or more at the start begin a host, as in WHATWG URLs.
    LaxHost,
    /// As `LaxHost`, and what follows merged.
    LaxHostMerged,
}

/// What in a path makes for more than one reading.
#[derive(Clone, Copy, Debug)]
struct Features {
    encoded_slash: bool,
    raw_backslash: bool,
    encoded_backslash: bool,
    params: bool,
}

impl Features {
    fn of(path: &[u8]) -> Self {
        let escapes = memchr::memchr_iter(b'%', path).filter_map(|at| percent::escape(path.get(at + 1..)?));
        let (mut slash, mut backslash, mut params) = (false, false, path.contains(&b';'));
        for byte in escapes {
            slash |= byte == b'/';
            backslash |= byte == b'\\';
            params |= byte == b';';
        }
        Self { encoded_slash: slash, raw_backslash: path.contains(&b'\\'), encoded_backslash: backslash, params }
    }
}

/// Every reading of a path that [`super::refused::check`] let pass, and that can be decoded `layers` times more than once.
pub(super) fn all<'a>(path: &[u8], how: &Readings, layers: usize) -> Result<Paths<'a>, Reason> {
    let mut found = Vec::new();
    collect(path, how, &mut found)?;
    if how.decoding == Decoding::Both {
        let mut path = Cow::Borrowed(path);
        collect_cut(&path, how, &mut found)?;
        for _ in 0..layers {
            path = Cow::Owned(percent::decode(&path).bytes.into_owned());
            collect(&path, how, &mut found)?;
            collect_cut(&path, how, &mut found)?;
        }
    }
    let mut found = found.into_iter();
    let first = found.next().map_or(Cow::Borrowed("/"), Cow::Owned);
    Ok(Paths { first, others: found.collect() })
}

/// The path up to what is a question mark or a number sign once it is decoded: what is behind it is no path for whoever
/// is handed the decoded path as a target (nginx's `proxy_pass` with `$uri`, rewrites of httpd before 2.4.60).
fn collect_cut(path: &[u8], how: &Readings, found: &mut Vec<String>) -> Result<(), Reason> {
    let ends = |at: &usize| matches!(path.get(at + 1..).and_then(percent::escape), Some(b'?' | b'#'));
    match memchr::memchr_iter(b'%', path).find(ends).and_then(|at| path.get(..at)) {
        Some(before) => collect(before, how, found),
        None => Ok(()),
    }
}

/// Whether a path has doubts that servers resolve in different orders: repeated slashes with an encoded one (merged
/// before or after decoding), a host at the start, a backslash that browsers never send with any other doubt.
fn is_tangled(path: &[u8], how: &Readings, features: Features) -> bool {
    let repeated = how.slashes == Slashes::Both && path.windows(2).any(|pair| pair == b"//");
    let encoded = how.encoded_slash == Separator::Both && features.encoded_slash;
    let params = how.params == Params::Both && features.params;
    let backslash = how.backslash == Separator::Both && features.raw_backslash;
    let host = how.slashes == Slashes::Both && has_odd_host(path);
    host || (repeated && encoded) || (backslash && (repeated || encoded || params || features.encoded_backslash))
}

fn collect(path: &[u8], how: &Readings, found: &mut Vec<String>) -> Result<(), Reason> {
    let features = Features::of(path);
    if is_tangled(path, how, features) {
        return Err(READINGS);
    }
    for reading in combinations(how, features) {
        let bytes = spell(path, reading);
        let doubled = bytes.windows(2).any(|pair| pair == b"//");
        if doubled && how.slashes == Slashes::Both && has_odd_host(&bytes) {
            return Err(READINGS);
        }
        for slashes in if doubled { merges(how) } else { &[Merge::Kept] } {
            let text = text(merged(bytes.clone(), *slashes));
            if !found.contains(&text) {
                found.push(text);
            }
        }
        if found.len() > Paths::MAX {
            return Err(READINGS);
        }
    }
    Ok(())
}

fn merges(how: &Readings) -> &'static [Merge] {
    match how.slashes {
        Slashes::Both => {
            &[Merge::Kept, Merge::Merged, Merge::Leading, Merge::Host, Merge::LaxHost, Merge::LaxHostMerged]
        }
        Slashes::Merged => &[Merge::Merged],
        Slashes::Kept => &[Merge::Kept],
    }
}

fn combinations(how: &Readings, features: Features) -> impl Iterator<Item = Reading> {
    let encoded_slash: &[bool] = match how.encoded_slash {
        Separator::Both if features.encoded_slash => &[false, true],
        Separator::Separator => &[true],
        _ => &[false],
    };
    let backslash: &[Backslash] = match how.backslash {
        Separator::Both if features.raw_backslash && features.encoded_backslash => {
            &[Backslash::None, Backslash::Raw, Backslash::All]
        }
        Separator::Both if features.raw_backslash || features.encoded_backslash => &[Backslash::None, Backslash::All],
        Separator::Separator => &[Backslash::All],
        _ => &[Backslash::None],
    };
    let params: &[Cut] = match how.params {
        Params::Both if features.params => &[Cut::None, Cut::Raw, Cut::Decoded, Cut::Last],
        Params::Cut if features.params => &[Cut::Raw, Cut::Decoded],
        _ => &[Cut::None],
    };
    encoded_slash.iter().flat_map(move |encoded_slash| {
        backslash.iter().flat_map(move |backslash| {
            let (encoded_slash, backslash) = (*encoded_slash, *backslash);
            params.iter().map(move |params| Reading { encoded_slash, backslash, params: *params })
        })
    })
}

/// The path decoded once, under one reading.
fn spell(path: &[u8], reading: Reading) -> Vec<u8> {
    let (path, params) = match reading.params {
        Cut::Last => (without_last_params(path, reading), Cut::None),
        params => (path, params),
    };
    let mut bytes = Vec::with_capacity(path.len() + 1);
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        let escaped = if *byte == b'%' { percent::escape(after) } else { None };
        rest = after.get(if escaped.is_some() { 2 } else { 0 }..).unwrap_or_default();
        let separates = match (byte, escaped) {
            (b'/', _) => true,
            (b'\\', _) => reading.backslash != Backslash::None,
            (_, Some(b'/')) => reading.encoded_slash,
            (_, Some(b'\\')) => reading.backslash == Backslash::All,
            _ => false,
        };
        match (byte, escaped) {
            _ if separates => bytes.push(b'/'),
            (b';', _) if params == Cut::Raw => rest = after_params(rest, reading, false),
            (b';', _) | (_, Some(b';')) if params == Cut::Decoded => rest = after_params(rest, reading, true),
            (_, Some(b'/')) => bytes.extend_from_slice(b"%2F"),
            (_, Some(b'%')) | (b'%', None) => bytes.extend_from_slice(b"%25"),
            (_, Some(escaped)) => bytes.push(escaped),
            (byte, None) => bytes.push(*byte),
        }
    }
    bytes
}

/// What follows the parameters that `rest` begins with: the next separator and all after it.
fn after_params(rest: &[u8], reading: Reading, decoded: bool) -> &[u8] {
    let escape = |at: usize| rest.get(at + 1..).and_then(percent::escape);
    let ends = |(at, byte): (usize, &u8)| match byte {
        b'/' => true,
        b'\\' => reading.backslash != Backslash::None,
        b'%' if decoded => match escape(at) {
            Some(b'/') => reading.encoded_slash,
            Some(b'\\') => reading.backslash == Backslash::All,
            _ => false,
        },
        _ => false,
    };
    let end = rest.iter().enumerate().position(ends).unwrap_or(rest.len());
    rest.get(end..).unwrap_or_default()
}

fn without_last_params(path: &[u8], reading: Reading) -> &[u8] {
    let separates = |b: &u8| *b == b'/' || (*b == b'\\' && reading.backslash != Backslash::None);
    let last = path.iter().rposition(separates).unwrap_or_default();
    let end = path.iter().skip(last).position(|b| *b == b';').map_or(path.len(), |at| last + at);
    path.get(..end).unwrap_or(path)
}

/// Whether a path begins as a reference with a host that parsers end in different places.
fn has_odd_host(path: &[u8]) -> bool {
    let separates = |b: &u8| matches!(b, b'/' | b'\\');
    let host = || path.split(separates).find(|segment| !segment.is_empty()).unwrap_or_default();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    path.iter().take(2).filter(|b| separates(b)).count() == 2 && !host().iter().all(plain)
}

fn merged(mut bytes: Vec<u8>, slashes: Merge) -> Vec<u8> {
    if bytes.starts_with(b"//") {
        let leading = bytes.iter().take_while(|b| **b == b'/').count();
        let before_host = match slashes {
            Merge::Host => Some(2),
            Merge::LaxHost | Merge::LaxHostMerged => Some(leading),
            Merge::Kept | Merge::Merged | Merge::Leading => None,
        };
        let end = |start| bytes.iter().skip(start).position(|b| *b == b'/').map_or(bytes.len(), |at| at + start);
        let dropped = before_host.map_or(if slashes == Merge::Leading { leading - 1 } else { 0 }, end);
        bytes.drain(..dropped);
    }
    if matches!(slashes, Merge::Merged | Merge::LaxHostMerged) {
        bytes.dedup_by(|after, before| *after == b'/' && *before == b'/');
    }
    if bytes.is_empty() {
        bytes.push(b'/');
    }
    bytes
}

/// As text; what is none stays an escape.
fn text(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(not_text) => not_text.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
