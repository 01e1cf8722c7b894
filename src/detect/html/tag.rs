//! Tags as a lenient browser reads them: a name behind `<`, attributes in any quotes or none, separated by blanks,
//! slashes or nothing. A tag ends at `>`, at the next `<` outside of a value, or with the text.

use super::attribute::{self, Attribute};
use super::{Finding, stronger};
use crate::canon::cursor::{self, Cursor};
use crate::canon::lexicon::Lexicon;
use crate::detect::context::Strength::{self, Certain, Strong, Weak};

/// The clearest of the tags in `bytes`.
pub(super) fn find(bytes: &[u8]) -> Option<Finding> {
    let mut best = None;
    let mut cursor = Cursor::new(bytes, 0);
    let mut reader = Reader { bytes, page: page_mark(bytes), left: READ_FACTOR * bytes.len(), begun: Vec::new() };
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
    /// Names of elements that lead out, each with where the first of them begins; far behind when none does.
    begun: Vec<(&'static [u8], usize)>,
}

impl Reader<'_> {
    /// Reads the tag at `at`; leaves the cursor behind what was understood.
    fn read(&mut self, at: usize, cursor: &mut Cursor<'_>) -> Option<Finding> {
        let bytes = self.bytes;
        let spaced = !cursor.take_up_to(8, |b| b <= b' ').is_empty();
        let closing = cursor.eat(b"/");
        cursor.take_up_to(4, |b| b <= b' ' && closing);
        let name = cursor.take_up_to(32, |b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | 0));
        let name = without_prefix(name);
        if !name.first().is_some_and(u8::is_ascii_alphabetic) || spaced && !name.eq_ignore_ascii_case(b"script") {
            return None;
        }
        let behind_word = at.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(|b| b.is_ascii_alphanumeric());
        let page = self.page.is_some_and(|mark| mark < at);
        let sort = ELEMENTS.get(name).copied().unwrap_or(0);
        let opened = closing && sort & BREAKS_OUT != 0 && (page || self.was_opened(at, name));
        let mut tag = Tag { name, sort, closing, opened, page, behind_word, attributes: 0, known: false, best: None };
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

    /// Whether an element that leads out begins in the bytes before `at`; only the first 1024 are looked at, once for
    /// each name.
    fn was_opened(&mut self, at: usize, name: &[u8]) -> bool {
        let Some(name) = ELEMENTS.word(name) else { return false };
        let known = self.begun.iter().find(|(known, _)| *known == name).map(|(_, first)| *first);
        let first = known.unwrap_or_else(|| {
            let looked = self.bytes.get(..self.bytes.len().min(OPENED_WITHIN)).unwrap_or_default();
            let behind = |at: &usize| looked.get(at + 1..).unwrap_or_default();
            let found = memchr::memchr_iter(b'<', looked).find(|at| cursor::starts_with(behind(at), name));
            let first = found.unwrap_or(usize::MAX / 2);
            self.begun.push((name, first));
            first
        });
        at > OPENED_WITHIN || first + name.len() < at
    }
}

/// `script` of `x:script`, which runs in a document of XML; any other name as it is: `atom:link` is no link.
fn without_prefix(name: &[u8]) -> &[u8] {
    let local = name.iter().rposition(|b| *b == b':').and_then(|at| name.get(at + 1..));
    local.filter(|local| local.eq_ignore_ascii_case(b"script")).unwrap_or(name)
}

/// Bytes in which the beginning of an element is looked for; what ends behind them may have begun anywhere.
const OPENED_WITHIN: usize = 1024;

/// Where a whole page begins, in the first 512 bytes.
fn page_mark(bytes: &[u8]) -> Option<usize> {
    let start = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let marks = [&b"<html"[..], b"<!doctype html", b"<meta charset", b"<head>"];
    marks.iter().filter_map(|mark| cursor::find(start, mark)).min()
}

struct Tag<'a> {
    name: &'a [u8],
    sort: Sort,
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
            return (self.sort & BREAKS_OUT != 0).then_some(strength);
        }
        if self.behind_word && self.attributes == 0 && !self.name.eq_ignore_ascii_case(b"script") {
            return None;
        }
        if self.name.eq_ignore_ascii_case(b"script") {
            return Some(Strong);
        }
        if self.page && self.sort & OF_PAGES != 0 {
            return None;
        }
        if self.sort & ACTIVE != 0 {
            return Some(if closed && (self.known || self.attributes == 0) { Strong } else { Weak });
        }
        (self.sort & DOUBTFUL != 0).then_some(Weak)
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

/// What an element is; a set of the constants below.
type Sort = u8;

/// It loads or runs something by itself.
const ACTIVE: Sort = 1;
/// A whole page has it by right.
const OF_PAGES: Sort = 2;
/// It needs an attribute to do harm, but has no business in most values.
const DOUBTFUL: Sort = 4;
/// Its end leads out of where a value stands.
const BREAKS_OUT: Sort = 8;

#[rustfmt::skip] // a table
static ELEMENTS: Lexicon<Sort, 128> = Lexicon::of(&[
    (b"animate", DOUBTFUL), (b"applet", ACTIVE), (b"base", ACTIVE), (b"bgsound", ACTIVE),
    (b"body", OF_PAGES | DOUBTFUL), (b"embed", ACTIVE), (b"form", DOUBTFUL), (b"frame", ACTIVE),
    (b"frameset", ACTIVE), (b"html", OF_PAGES | DOUBTFUL), (b"iframe", ACTIVE | BREAKS_OUT), (b"ilayer", ACTIVE),
    (b"import", ACTIVE), (b"isindex", ACTIVE), (b"layer", ACTIVE), (b"link", ACTIVE | OF_PAGES), (b"math", DOUBTFUL),
    (b"meta", ACTIVE | OF_PAGES), (b"noscript", BREAKS_OUT), (b"object", ACTIVE), (b"script", BREAKS_OUT),
    (b"set", DOUBTFUL), (b"style", ACTIVE | OF_PAGES | BREAKS_OUT), (b"svg", DOUBTFUL), (b"template", BREAKS_OUT),
    (b"textarea", DOUBTFUL | BREAKS_OUT), (b"title", OF_PAGES | DOUBTFUL | BREAKS_OUT), (b"xml", ACTIVE),
    (b"xmp", DOUBTFUL | BREAKS_OUT), (b"xss", ACTIVE),
]);
