//! Tags as a lenient browser reads them: a name behind `<`, attributes in any quotes or none, separated by blanks,
//! slashes or nothing. A tag ends at `>`, at the next `<` outside of a value, or with the text.

use super::attribute::{self, Attribute};
use super::{Finding, stronger};
use crate::canon::cursor::{self, Cursor};
use crate::detect::context::Strength::{self, Certain, Strong, Weak};

/// The clearest of the tags in `bytes`.
pub(super) fn find(bytes: &[u8]) -> Option<Finding> {
    let mut best = None;
    let mut cursor = Cursor::new(bytes, 0);
    let mut reader = Reader { bytes, page: page_mark(bytes), left: READ_FACTOR * bytes.len() };
    while let Some(at) = memchr::memchr(b'<', cursor.rest()).map(|at| cursor.at() + at) {
        cursor = Cursor::new(bytes, at + 1);
        best = stronger(best, reader.read(at, &mut cursor));
        if best.is_some_and(|finding| finding.strength == Certain) {
            return best;
        }
    }
    best
}

/// Whether a name, or what may stand before one, follows a `<`.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'<', bytes).any(|at| {
        let mut cursor = Cursor::new(bytes, at + 1);
        let spaced = !cursor.take_up_to(8, |b| b <= b' ').is_empty();
        match cursor.peek() {
            Some(b'/') => true,
            Some(b) if spaced => matches!(b, b's' | b'S'),
            other => other.is_some_and(|b| b.is_ascii_alphabetic()),
        }
    })
}

/// Bytes of tags read for each byte of text: a tag without an end is read again from inside of it, but not for ever.
const READ_FACTOR: usize = 3;

/// Reads tags.
struct Reader<'a> {
    bytes: &'a [u8],
    /// Where a whole page begins.
    page: Option<usize>,
    /// Bytes of tags that may still be read.
    left: usize,
}

impl Reader<'_> {
    /// Reads the tag at `at`; leaves the cursor behind what was understood.
    fn read(&mut self, at: usize, cursor: &mut Cursor<'_>) -> Option<Finding> {
        let bytes = self.bytes;
        let spaced = !cursor.take_up_to(8, |b| b <= b' ').is_empty();
        let closing = cursor.eat(b"/");
        cursor.take_up_to(4, |b| b <= b' ' && closing);
        let name = cursor.take_up_to(32, |b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | 0));
        if !name.first().is_some_and(u8::is_ascii_alphabetic) || spaced && !name.eq_ignore_ascii_case(b"script") {
            return None;
        }
        let behind_word = at.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(|b| b.is_ascii_alphanumeric());
        let page = self.page.is_some_and(|mark| mark < at);
        let opened = closing && (page || was_opened(bytes, at, name));
        let mut tag = Tag { name, closing, opened, page, behind_word, attributes: 0, known: false, best: None };
        let mut inner = *cursor;
        while let Some(attribute) = attribute::read(&mut inner) {
            tag.take(&attribute);
            if attribute.at.saturating_sub(at) > 4096 {
                break;
            }
        }
        self.left = self.left.saturating_sub(inner.at() - at);
        *cursor = if inner.before() == Some(b'>') || self.left == 0 { inner } else { *cursor };
        let closed = inner.before() == Some(b'>') || inner.is_at_end();
        let own = tag.own_strength(closed).map(|strength| (strength, "html-active-tag"));
        let (strength, name) = match (tag.best, own) {
            (Some(a), Some(b)) => Some(if b.0 > a.0 { b } else { a }),
            (a, b) => a.or(b),
        }?;
        Some(Finding { strength, name, at, end: inner.at() })
    }
}

/// Where a whole page begins, in the first 512 bytes.
fn page_mark(bytes: &[u8]) -> Option<usize> {
    let start = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let marks = [&b"<html"[..], b"<!doctype html", b"<meta charset", b"<head>"];
    marks.iter().filter_map(|mark| cursor::find(start, mark)).min()
}

/// Whether an element of this name begins in the bytes before `at`. At most 1024 of them are looked at.
fn was_opened(bytes: &[u8], at: usize, name: &[u8]) -> bool {
    let before = bytes.get(at.saturating_sub(1024)..at).unwrap_or_default();
    at > 1024
        || memchr::memchr_iter(b'<', before)
            .any(|at| cursor::starts_with(before.get(at + 1..).unwrap_or_default(), name))
}

struct Tag<'a> {
    name: &'a [u8],
    closing: bool,
    /// An element of its name has been opened before, or may have been: the value is a page.
    opened: bool,
    /// A word stands right before it: perhaps a type with its parameter, `List<Object>`.
    behind_word: bool,
    attributes: usize,
    /// It stands in a whole page, whose head has styles and links by right.
    page: bool,
    /// An attribute gives the element a source or target.
    known: bool,
    best: Option<(Strength, &'static str)>,
}

impl Tag<'_> {
    fn take(&mut self, attribute: &Attribute<'_>) {
        self.attributes += 1;
        self.known |= cursor::is_one_of(attribute.name, SOURCES);
        let judged = attribute.judge(self.name);
        if judged > self.best {
            self.best = judged;
        }
    }

    /// What the element does whatever its attributes say.
    fn own_strength(&self, closed: bool) -> Option<Strength> {
        if self.closing {
            let strength = if self.opened { Weak } else { Strong };
            return cursor::is_one_of(self.name, BREAKOUTS).then_some(strength);
        }
        if self.behind_word && self.attributes == 0 && !self.name.eq_ignore_ascii_case(b"script") {
            return None;
        }
        if self.name.eq_ignore_ascii_case(b"script") {
            return Some(Strong);
        }
        if self.page && cursor::is_one_of(self.name, OF_PAGES) {
            return None;
        }
        if cursor::is_one_of(self.name, ACTIVE) {
            return Some(if closed && (self.known || self.attributes == 0) { Strong } else { Weak });
        }
        cursor::is_one_of(self.name, DOUBTFUL).then_some(Weak)
    }
}

/// Attributes that name a source or a target, sorted.
const SOURCES: &[&str] = &[
    "action",
    "classid",
    "code",
    "codebase",
    "content",
    "data",
    "href",
    "http-equiv",
    "path",
    "rel",
    "sandbox",
    "src",
    "srcdoc",
    "type",
    "xlink:href",
];

/// Elements that load or run something by themselves, sorted.
const ACTIVE: &[&str] = &[
    "applet", "base", "bgsound", "embed", "frame", "frameset", "iframe", "ilayer", "import", "isindex", "layer",
    "link", "meta", "object", "style", "xml", "xss",
];

/// Elements that a whole page has by right, sorted.
const OF_PAGES: &[&str] = &["body", "html", "link", "meta", "style", "title"];

/// Elements that need an attribute to do harm, but have no business in most values, sorted.
const DOUBTFUL: &[&str] = &["animate", "body", "form", "html", "math", "set", "svg", "textarea", "title", "xmp"];

/// Elements whose end leads out of where a value stands, sorted.
const BREAKOUTS: &[&str] = &["iframe", "noscript", "script", "style", "template", "textarea", "title", "xmp"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [SOURCES, ACTIVE, OF_PAGES, DOUBTFUL, BREAKOUTS] {
            assert!(table.is_sorted());
        }
    }
}
