//! Script: URLs whose scheme is script, and expressions that an intruder puts where an application builds script or
//! markup. A word of the language is nothing; calling it, or reaching for the page's secrets, is.

use super::{Finding, stronger};
use crate::canon::cursor;
use crate::detect::context::Strength::{Certain, Strong, Weak};
use crate::detect::literals::{Idiom, Idioms, compile};
use std::borrow::Cow;

#[rustfmt::skip] // a table
pub(super) const TABLE: &[Idiom] = &[
    ("alert(", Strong, "html-script-call"), ("alert`", Strong, "html-script-call"),
    ("prompt(", Strong, "html-script-call"), ("prompt`", Strong, "html-script-call"),
    ("confirm(", Strong, "html-script-call"), ("confirm`", Strong, "html-script-call"),
    ("alert.call(", Strong, "html-script-call"), ("alert.apply(", Strong, "html-script-call"),
    ("=alert;", Strong, "html-script-call"), ("alert?.(", Strong, "html-script-call"),
    ("prompt.call(", Strong, "html-script-call"), ("confirm.call(", Strong, "html-script-call"),
    (".map(alert", Strong, "html-script-call"), (".map(confirm", Strong, "html-script-call"),
    (".find(alert", Strong, "html-script-call"), (".filter(alert", Strong, "html-script-call"),
    ("index(alert", Strong, "html-script-call"), (".foreach(alert", Strong, "html-script-call"),
    (".some(alert", Strong, "html-script-call"), (".every(alert", Strong, "html-script-call"),
    (".sort(alert", Strong, "html-script-call"), ("['alert']", Strong, "html-script-hidden"),
    ("[\"alert\"]", Strong, "html-script-hidden"), ("['eval']", Strong, "html-script-hidden"),
    ("[`alert`]", Strong, "html-script-hidden"), ("${alert}", Strong, "html-script-call"),
    ("call`${", Strong, "html-script-call"), ("alert\\`", Strong, "html-script-call"),
    ("confirm\\`", Strong, "html-script-call"), ("prompt\\`", Strong, "html-script-call"),
    (".findindex(alert", Strong, "html-script-call"), (".reduce(alert", Strong, "html-script-call"),
    (".flatmap(alert", Strong, "html-script-call"), ("=&{()}", Strong, "html-script-call"),
    ("cookie;expires=", Strong, "html-script-page"), ("document.cookie=", Strong, "html-script-page"),
    (",alert)", Strong, "html-script-call"), (",alert,", Weak, "html-script-call"),
    ("while(+", Strong, "html-script-call"), ("while(-", Strong, "html-script-call"),
    ("eval(", Strong, "html-script-call"), ("eval`", Strong, "html-script-call"),
    ("eval.call", Strong, "html-script-call"), ("eval.apply", Strong, "html-script-call"),
    ("msgbox(", Strong, "html-script-call"), ("msgbox ", Weak, "html-script-call"),
    ("print?.(", Strong, "html-script-call"), ("settimeout(", Weak, "html-script-call"),
    ("setinterval(", Weak, "html-script-call"), ("settimeout`", Strong, "html-script-call"),
    ("function('", Weak, "html-script-call"), ("new function(", Strong, "html-script-call"),
    ("function`", Strong, "html-script-call"), ("document.cookie", Strong, "html-script-page"),
    ("document.domain", Strong, "html-script-page"), ("document.write(", Strong, "html-script-page"),
    ("document.writeln(", Strong, "html-script-page"), ("document.location", Strong, "html-script-page"),
    ("document[", Strong, "html-script-page"), ("document.body", Weak, "html-script-page"),
    ("document.createelement(", Strong, "html-script-page"), ("document.forms", Weak, "html-script-page"),
    ("window.location", Strong, "html-script-page"), ("window.name", Weak, "html-script-page"),
    ("window.open(", Strong, "html-script-page"), ("location.hash", Strong, "html-script-page"),
    ("location=", Weak, "html-script-page"), ("location.href", Strong, "html-script-page"),
    ("location.replace(", Strong, "html-script-page"), (".cookie;", Weak, "html-script-page"),
    (".innerhtml", Strong, "html-script-page"), (".outerhtml", Strong, "html-script-page"),
    ("insertadjacenthtml", Strong, "html-script-page"), ("xmlhttprequest", Strong, "html-script-page"),
    ("fetch('//", Strong, "html-script-page"), ("fetch('http", Strong, "html-script-page"),
    ("fetch(`", Strong, "html-script-page"), ("import('", Weak, "html-script-page"),
    ("import(`", Weak, "html-script-page"), ("string.fromcharcode", Certain, "html-script-hidden"),
    ("fromcharcode(", Strong, "html-script-hidden"), ("constructor.constructor", Certain, "html-script-hidden"),
    ("[\"constructor\"]", Strong, "html-script-hidden"), ("['constructor']", Strong, "html-script-hidden"),
    (".constructor(", Strong, "html-script-hidden"), ("constructor`", Strong, "html-script-hidden"),
    ("atob(", Strong, "html-script-hidden"), ("atob`", Certain, "html-script-hidden"),
    (".source+/", Certain, "html-script-hidden"), ("window[", Strong, "html-script-hidden"),
    ("self[", Strong, "html-script-hidden"), ("top[", Strong, "html-script-hidden"),
    ("this[", Weak, "html-script-hidden"), ("parent[", Strong, "html-script-hidden"),
    ("frames[", Strong, "html-script-hidden"), ("globalthis[", Strong, "html-script-hidden"),
    ("expression(", Weak, "html-active-style"), ("-moz-binding", Strong, "html-active-style"),
    ("@import", Weak, "html-active-style"), ("@im\\port", Strong, "html-active-style"),
    ("behavior:url", Strong, "html-active-style"), ("behavior: url", Strong, "html-active-style"),
    ("\u{bc}script", Strong, "html-active-tag"), ("\u{ff1c}script", Strong, "html-active-tag"),
    ("\u{ff1c}img", Strong, "html-active-tag"), ("\u{ff1c}svg", Strong, "html-active-tag"),
    ("javascript:", Strong, "html-script-url"), ("vbscript:", Strong, "html-script-url"),
    ("data:text/html", Strong, "html-script-url"), ("livescript:", Strong, "html-script-url"),
    ("data:image/svg+xml", Weak, "html-script-url"), ("javascript&colon;", Certain, "html-script-url"),
    ("alert\\\\`", Strong, "html-script-call"), ("expression\\28", Strong, "html-active-style"),
    ("\"'`-->", Strong, "html-breakout"), ("'\"-->", Strong, "html-breakout"), ("\"'-->", Strong, "html-breakout"),
    ("while(!", Strong, "html-script-call"), ("console.info(", Weak, "html-script-call"),
];
static IDIOMS: Idioms = Idioms::new(TABLE, || compile(TABLE));

/// The clearest script in `bytes`.
pub(super) fn find(bytes: &[u8]) -> Option<Finding> {
    let joined = joined(bytes);
    let plain = clearest(bytes);
    let hidden = joined.as_deref().and_then(clearest).map(|f| Finding {
        at: 0,
        end: bytes.len(),
        name: "html-script-hidden",
        ..f
    });
    let plain =
        plain.map(|f| if f.strength == Weak && leaves_string(bytes) { Finding { strength: Strong, ..f } } else { f });
    stronger(stronger(stronger(plain, hidden), punctuation(bytes)), spaced(bytes))
}

/// `x";f(1)//`: a quote near the start, and behind it what continues or ends the expression that it was in.
fn leaves_string(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(16)).unwrap_or_default();
    let Some(at) = start.iter().position(|b| matches!(b, b'\'' | b'"' | b'`')) else { return false };
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let mark = rest.iter().find(|b| !matches!(b, b' ' | b')' | b'}' | b']'));
    let word = start.get(..at).unwrap_or_default();
    word.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'\\')
        && mark.is_some_and(|b| matches!(b, b';' | b'+' | b'-' | b'*' | b'|' | b'&' | b'^' | b','))
}

/// `al&Tab;ert(1)`: words with the entities of blanks inside, which nobody writes there.
fn spaced(bytes: &[u8]) -> Option<Finding> {
    let blank = |rest: &[u8]| [&b"&tab;"[..], b"&newline;"].into_iter().find(|name| cursor::starts_with(rest, name));
    let first = memchr::memchr_iter(b'&', bytes).find(|at| bytes.get(*at..).is_some_and(|rest| blank(rest).is_some()));
    first.filter(|_| bytes.len() <= JOINED)?;
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, tail)) = rest.split_first() {
        let name = blank(rest);
        text.extend(name.is_none().then_some(*byte));
        rest = name.map_or(tail, |name| rest.get(name.len()..).unwrap_or_default());
    }
    clearest(&text).map(|f| Finding {
        at: 0,
        end: bytes.len(),
        strength: f.strength.max(Strong),
        name: "html-script-hidden",
    })
}

fn clearest(bytes: &[u8]) -> Option<Finding> {
    IDIOMS.find(bytes).into_iter().filter(|idiom| is_script(bytes, idiom)).max_by_key(|finding| finding.strength)
}

/// Whether an idiom is the word it seems to be, and not the end of another (`myalert(`) or the start of prose.
fn is_script(bytes: &[u8], idiom: &Finding) -> bool {
    let before = idiom.at.checked_sub(1).and_then(|at| bytes.get(at)).copied();
    let after = bytes.get(idiom.end).copied();
    let after_next = bytes.get(idiom.end + 1).copied();
    let letters = bytes.get(idiom.at).is_some_and(u8::is_ascii_alphabetic);
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let ahead = idiom.at.checked_sub(2).and_then(|at| bytes.get(at)).copied();
    let hyphened = before == Some(b'-') && ahead.is_some_and(word);
    let whole = !letters || !before.is_some_and(word) && !hyphened;
    let prose = idiom.name == "html-script-url"
        && (after.is_none() || after == Some(b' ') && after_next.is_some_and(|b| b.is_ascii_alphabetic()));
    let empty = idiom.name == "html-script-call" && after == Some(b')') && before == Some(b'.');
    let assigned = bytes.get(idiom.end - 1) == Some(&b'=');
    (whole || assigned) && !prose && !empty
}

/// Whether a text is one that [`joined`] would join.
pub(super) fn may_join(bytes: &[u8]) -> bool {
    let quote = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|b| matches!(b, b'\'' | b'"' | b'`'));
    let joins = |at: usize| {
        let spaced = bytes.get(at + 1) == Some(&b' ');
        quote(at.checked_sub(1 + usize::from(spaced))) && quote(Some(at + 1 + usize::from(spaced)))
    };
    bytes.len() <= JOINED && memchr::memchr_iter(b'+', bytes).any(joins)
}

/// Longest text whose joints are taken out.
const JOINED: usize = 1024;

/// The text with the joints of concatenated strings taken out: `'al'+'ert'` becomes `'alert'`. Only when it has any.
fn joined(bytes: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'+', bytes)?;
    let has = |joint: &[u8]| memchr::memmem::find(bytes, joint).is_some();
    if bytes.len() > JOINED || !(has(b"'+'") || has(b"\"+\"") || has(b"`+`") || has(b"' + '")) {
        return None;
    }
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let joint = [&b"'+'"[..], b"\"+\"", b"`+`", b"' + '"].into_iter().find(|joint| rest.starts_with(joint));
        if let Some(joint) = joint {
            rest = rest.get(joint.len()..).unwrap_or_default();
        } else {
            text.push(*first);
            rest = tail;
        }
    }
    // The call that follows a joined name stands behind quotes and brackets.
    text.retain(|b| !matches!(b, b'\'' | b'"' | b'`' | b']' | b')'));
    Some(text)
}

/// Whether there is a pair of brackets beside another mark of such programs, as [`punctuation`] looks for.
pub(super) fn may_be_punctuation(bytes: &[u8]) -> bool {
    let mark = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|b| b"[](!+".contains(b));
    is_lettered_program(bytes)
        || memchr::memmem::find_iter(bytes, b"[]").any(|at| mark(Some(at + 2)) || mark(at.checked_sub(1)))
}

/// A program of brackets, exclamation marks and plus signs, with names of one letter at most.
fn punctuation(bytes: &[u8]) -> Option<Finding> {
    let program = is_program_of_marks(bytes) || is_lettered_program(bytes);
    program.then_some(Finding { strength: Certain, name: "html-script-hidden", at: 0, end: bytes.len() })
}

fn is_program_of_marks(bytes: &[u8]) -> bool {
    if memchr::memmem::find(bytes, b"[]").is_none() {
        return false;
    }
    let blanks = bytes.iter().filter(|b| b.is_ascii_whitespace()).count();
    let is_mark = |b: &&u8| matches!(b, b'[' | b']' | b'(' | b')' | b'!' | b'+' | b'{' | b'}');
    let marks = bytes.iter().filter(is_mark).count();
    marks >= 24 && marks * 10 >= (bytes.len() - blanks) * 9
}

/// Brackets and plus signs around single letters, each of them alone: the names of functions are put together from the
/// letters of `[]+{}` and `!O+B`.
fn is_lettered_program(bytes: &[u8]) -> bool {
    if !(60..=4096).contains(&bytes.len()) || memchr::memmem::find(bytes, b"(").is_none() {
        return false;
    }
    let (mut last, mut brackets, mut pluses, mut marks, mut all) = (b' ', 0_usize, 0_usize, 0_usize, 0_usize);
    for byte in bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()) {
        let letter = byte.is_ascii_alphabetic();
        if letter && last.is_ascii_alphabetic() || !letter && !b"[](){}!+,=.`01-~".contains(&byte) {
            return false;
        }
        brackets += usize::from(byte == b'[');
        pluses += usize::from(byte == b'+');
        marks += usize::from(!letter);
        all += 1;
        last = byte;
    }
    brackets >= 4 && pluses >= 12 && marks * 2 >= all
}

/// A value that is as a whole a URL with a scheme that is script.
pub(super) fn find_url(bytes: &[u8]) -> Option<Finding> {
    let end = scheme(bytes)?;
    Some(Finding { strength: Strong, name: "html-script-url", at: 0, end })
}

/// Schemes whose URLs are programs.
const SCHEMES: &[&[u8]] = &[
    b"javascript:",
    b"vbscript:",
    b"livescript:",
    b"mocha:",
    b"data:text/html",
    b"data:image/svg+xml",
    b"data:text/xml",
    b"data:application/xhtml",
    b"data:text/javascript",
    b"data:application/javascript",
    b"data:application/x-javascript",
    b"data:;base64",
    b"data:text/plainalert",
    b"mhtml:http",
    b"data:,",
    b"feed:javascript:",
    b"view-source:javascript:",
];

/// Whether a URL's scheme is script, read as browsers read it: blanks, controls and entities inside of it do not count.
/// Gives where it ends.
pub(super) fn scheme(value: &[u8]) -> Option<usize> {
    let start = value.iter().position(|b| *b > b' ' && !matches!(b, b'"' | b'\'' | b'`' | b'(')).unwrap_or(0);
    let head = value.get(start..value.len().min(start + 160)).unwrap_or_default();
    let head = squeezed(head);
    if !matches!(head.first()? | 0x20, b'd' | b'f' | b'j' | b'l' | b'm' | b'v') {
        return None;
    }
    let scheme = SCHEMES.iter().find(|scheme| cursor::starts_with(&head, scheme))?;
    let rest = head.get(scheme.len()..).unwrap_or_default();
    let prose = value.get(start + scheme.len()) == Some(&b' ')
        && rest.iter().all(|b| b.is_ascii_alphabetic() || *b == b'.' || *b == b',');
    let image = scheme.ends_with(b"svg+xml") && cursor::starts_with(rest, b";base64");
    (!rest.is_empty() && !prose && !image).then_some(start + scheme.len().min(value.len()))
}

/// Whether a style runs a program: an expression, a binding, a behaviour, a URL that is script. Comments and escapes
/// inside of the words do not count.
pub(super) fn runs_from_style(value: &[u8]) -> bool {
    let mut plain = Vec::with_capacity(value.len().min(1024));
    let mut rest = value.get(..value.len().min(1024)).unwrap_or_default();
    while let Some((first, tail)) = rest.split_first() {
        if let Some(comment) = rest.strip_prefix(b"/*") {
            let end = memchr::memmem::find(comment, b"*/").map_or(comment.len(), |at| at + 2);
            rest = comment.get(end..).unwrap_or_default();
            continue;
        }
        if let Some((byte, length)) = style_escape(rest) {
            plain.extend(byte.filter(|b| *b > b' '));
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        plain.extend((*first > b' ' && *first != b'\\').then_some(*first));
        rest = tail;
    }
    [&b"expression("[..], b"-moz-binding", b"behavior:", b"behaviour:", b"javascript:", b"vbscript:", b"@import"]
        .iter()
        .any(|word| cursor::contains(&plain, word))
}

/// `\28`, `\000072 `: a character of a style by its number, of six hex digits at most, and the blank that ends it.
fn style_escape(rest: &[u8]) -> Option<(Option<u8>, usize)> {
    let digits = rest.strip_prefix(b"\\")?;
    let count = digits.iter().take(6).take_while(|b| b.is_ascii_hexdigit()).count();
    let code = digits.iter().take(count).filter_map(|b| hex(*b)).fold(0_u32, |code, b| code << 4 | u32::from(b));
    let blank = usize::from(digits.get(count) == Some(&b' '));
    (count >= 2).then(|| (u8::try_from(code).ok(), 1 + count + blank))
}

/// Without blanks, controls, backslash escapes of controls, and with entities of the characters that schemes are made of.
fn squeezed(head: &[u8]) -> Cow<'_, [u8]> {
    let odd = |b: &u8| *b <= b' ' || matches!(b, b'&' | b'\\' | 0x7f.. | b'%');
    if !head.iter().any(odd) {
        return Cow::Borrowed(head);
    }
    let mut text = Vec::with_capacity(head.len());
    let mut rest = head;
    while let Some((first, tail)) = rest.split_first() {
        let (byte, length) = if *first == b'&' { entity(rest) } else { escape(rest) };
        text.extend(byte.filter(|b| *b > b' ' && *b < 0x7f));
        rest = rest.get(length..).unwrap_or(tail);
    }
    Cow::Owned(text)
}

/// A backslash escape of a control or of any byte (`\x0a`, `\r`, `\xE2`), which some templates decode; or one byte.
fn escape(rest: &[u8]) -> (Option<u8>, usize) {
    match rest {
        [b'\\', b'x' | b'X', a, b, ..] => (hex(*a).zip(hex(*b)).map(|(a, b)| (a << 4) | b), 4),
        [b'\\', b'r' | b'n' | b't' | b'0', ..] => (None, 2),
        [b'%', a @ (b'0' | b'1'), b, ..] if b.is_ascii_hexdigit() => {
            (hex(*a).zip(hex(*b)).map(|(a, b)| (a << 4) | b), 3)
        }
        [first, ..] => (Some(*first), 1),
        [] => (None, 1),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The character of a numeric entity, with or without its semicolon, and of the named ones that schemes are hidden with.
fn entity(rest: &[u8]) -> (Option<u8>, usize) {
    for (name, byte) in [
        (&b"&tab;"[..], b'\t'),
        (b"&newline;", b'\n'),
        (b"&colon;", b':'),
        (b"&lpar;", b'('),
        (b"&sol;", b'/'),
        (b"&amp;", b'&'),
        (b"&nbsp;", b' '),
    ] {
        if cursor::starts_with(rest, name) {
            return (Some(byte), name.len());
        }
    }
    let Some(digits) = rest.strip_prefix(b"&#") else { return (Some(b'&'), 1) };
    let (radix, skip) = if matches!(digits.first(), Some(b'x' | b'X')) { (16, 1) } else { (10, 0) };
    let digits = digits.get(skip..).unwrap_or_default();
    let count = digits.iter().take(9).take_while(|b| char::from(**b).is_digit(radix)).count();
    let value = digits
        .iter()
        .take(count)
        .fold(0_u32, |sum, b| sum.saturating_mul(radix).saturating_add(char::from(*b).to_digit(radix).unwrap_or(0)));
    let semicolon = usize::from(digits.get(count) == Some(&b';'));
    (u8::try_from(value).ok(), 2 + skip + count + semicolon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_read_through_their_disguises() {
        for value in [
            "javascript:x()",
            " JaVaScRiPt:x",
            "java\tscript:x",
            "&#106;avascript:x",
            "javascript&colon;x",
            "&#x6A;avascript&#58;x",
            "vbscript:x",
            "data:text/html,x",
            "\\x09javascript:x",
        ] {
            assert!(scheme(value.as_bytes()).is_some(), "{value}");
        }
    }

    #[test]
    fn other_schemes_are_none() {
        for value in [
            "https://example.com",
            "data:image/png;base64,AAAA",
            "javascript",
            "JavaScript: a language for pages",
            "mailto:a@example.com",
            "",
        ] {
            assert!(scheme(value.as_bytes()).is_none(), "{value}");
        }
    }
}
