//! Attributes of a tag, and values that would end an attribute and begin another one.

use super::Finding;
use super::script;
use crate::canon::cursor::{self, Cursor};
use crate::detect::context::Strength::{self, Certain, Strong, Weak};

/// One attribute; `value` is empty when it has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    /// Where it starts.
    pub(super) at: usize,
}

/// The next attribute of a tag; none at its end, which is passed if it is `>`.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>) -> Option<Attribute<'a>> {
    cursor.take_while(|b| b <= b' ' || matches!(b, b'/' | b'"' | b'\'' | b'`' | b'+' | b',' | b';' | b'%' | b'&'));
    let at = cursor.at();
    match cursor.peek()? {
        b'>' => {
            cursor.skip(1);
            return None;
        }
        b'<' => return None,
        _ => {}
    }
    let mut name =
        cursor.take_while(|b| b > b' ' && !matches!(b, b'/' | b'>' | b'<' | b'=' | b'"' | b'\'' | b'`' | b'+'));
    if name.is_empty() {
        name = cursor.take_up_to(1, |_| true);
    }
    let mut ahead = *cursor;
    ahead.take_while(|b| b <= b' ' || b == b'+');
    if !ahead.eat(b"=") {
        return Some(Attribute { name, value: b"", at });
    }
    ahead.take_while(|b| b <= b' ' || b == b'+');
    let value = value(&mut ahead);
    *cursor = ahead;
    Some(Attribute { name, value, at })
}

fn value<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    match cursor.peek() {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            cursor.skip(1);
            let value = cursor.take_while(|b| b != quote);
            cursor.skip(1);
            value
        }
        _ => cursor.take_while(|b| b > b' ' && b != b'>'),
    }
}

impl Attribute<'_> {
    /// How clearly the attribute of a tag of this name runs something.
    pub(super) fn judge(&self, tag: &[u8]) -> Option<(Strength, &'static str)> {
        if is_handler(self.name) {
            return self.judge_handler();
        }
        if script::scheme(self.value).is_some() {
            return Some((Certain, "html-script-url"));
        }
        if self.name.eq_ignore_ascii_case(b"style") {
            let strength = if script::runs_from_style(self.value) { Certain } else { Strong };
            let odd = strength == Certain || self.value.contains(&b'}') || cursor::contains(self.value, b"url(");
            return odd.then_some((strength, "html-active-style"));
        }
        if cursor::is_one_of(self.name, TELLING) && !self.value.starts_with(b"{") {
            return Some((Strong, "html-active-attribute"));
        }
        let elsewhere = self.name.eq_ignore_ascii_case(b"xlink:href") && !self.value.starts_with(b"#");
        if elsewhere || self.value.iter().filter(|b| **b == b'&').count() >= 3 && self.value.starts_with(b"&#") {
            return Some((Strong, "html-active-attribute"));
        }
        if tag.eq_ignore_ascii_case(b"meta") && self.name.eq_ignore_ascii_case(b"charset") {
            return (!is_plain_charset(self.value)).then_some((Strong, "html-active-attribute"));
        }
        let animates =
            matches!(tag.first(), Some(b's' | b'S' | b'a' | b'A')) && self.name.eq_ignore_ascii_case(b"attributename");
        (animates && !self.value.is_empty()).then_some((Strong, "html-active-attribute"))
    }

    /// A handler in braces is a component of a front-end framework, in its source code.
    fn judge_handler(&self) -> Option<(Strength, &'static str)> {
        let framework = self.value.starts_with(b"{");
        if self.value.is_empty() {
            return self.name.get(2..).is_some_and(begins_event).then_some((Strong, "html-event-handler"));
        }
        let runs = self.value.iter().any(|b| matches!(b, b'(' | b'`' | b'=' | b'.' | b'[' | b':' | b'\\' | b'&'));
        (!framework).then_some((if runs { Certain } else { Strong }, "html-event-handler"))
    }
}

/// Whether text in this character set spells its marks as ASCII does.
fn is_plain_charset(name: &[u8]) -> bool {
    const PLAIN: &[&[u8]] = &[b"utf-8", b"utf8", b"iso-8859", b"windows-125", b"us-ascii", b"ascii", b"latin", b"koi8"];
    name.is_empty() || PLAIN.iter().any(|plain| cursor::starts_with(name, plain))
}

/// Attributes that say what an element loads, runs or sends, sorted.
const TELLING: &[&str] =
    &["dataformatas", "datasrc", "ev:event", "ev:handler", "folder", "formaction", "http-equiv", "srcdoc", "xmlns:ev"];

/// `onclick`: `on` and three letters or more.
fn is_handler(name: &[u8]) -> bool {
    let Some((on, event)) = name.split_at_checked(2) else { return false };
    let letters = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'\\' | b'%' | 0);
    on.eq_ignore_ascii_case(b"on") && event.len() >= 3 && event.iter().all(letters)
}

/// Whether this is the name of an event's handler.
pub(super) fn is_event(name: &[u8]) -> bool {
    is_handler(name) && name.get(2..).is_some_and(begins_event)
}

/// How the names of events begin, sorted: in the open, where `one=1` is a parameter, a handler must be one of them.
pub(super) const EVENTS: &[&str] = &[
    "abort",
    "activate",
    "after",
    "animation",
    "autocomplete",
    "before",
    "begin",
    "blur",
    "bounce",
    "cancel",
    "canplay",
    "cell",
    "change",
    "click",
    "close",
    "compositi",
    "contextm",
    "controls",
    "copy",
    "cuechange",
    "cut",
    "dataavail",
    "datasetch",
    "dblclick",
    "deactivate",
    "drag",
    "drop",
    "duration",
    "emptied",
    "end",
    "error",
    "filterch",
    "finish",
    "focus",
    "formdata",
    "gesture",
    "gotpointer",
    "hashchange",
    "help",
    "input",
    "invalid",
    "key",
    "layout",
    "load",
    "locsecap",
    "lose",
    "lostpoint",
    "message",
    "mouse",
    "move",
    "orientation",
    "outofsync",
    "page",
    "paste",
    "pause",
    "play",
    "pointer",
    "popstate",
    "progress",
    "property",
    "ratechange",
    "readystate",
    "repeat",
    "reset",
    "resize",
    "resume",
    "reverse",
    "row",
    "scroll",
    "search",
    "seek",
    "select",
    "show",
    "stalled",
    "start",
    "stop",
    "storage",
    "submit",
    "suspend",
    "syncrest",
    "time",
    "toggle",
    "touch",
    "trackch",
    "transition",
    "unhandled",
    "unload",
    "urlflip",
    "volume",
    "waiting",
    "webkit",
    "wheel",
    "xss",
    "zoom",
];

/// A handler outside of any tag: behind a quote that ends the attribute the value stands in, or where the value begins.
pub(super) fn find_breakout(bytes: &[u8]) -> Option<Finding> {
    for equals in memchr::memchr_iter(b'=', bytes) {
        let before = bytes.get(equals.saturating_sub(40)..equals).unwrap_or_default().trim_ascii_end();
        let letters = before.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
        let (outside, name) = before.split_at_checked(before.len() - letters)?;
        if !is_handler(name) || !name.get(2..).is_some_and(begins_event) || bytes.get(equals + 1) == Some(&b'=') {
            continue;
        }
        let outside = outside.last().copied();
        if outside.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'$' | b'{' | b'?')) {
            continue;
        }
        let ends = bytes.get(equals + 1..).unwrap_or_default().trim_ascii().is_empty();
        if ends && bytes.len() <= 64 && matches!(outside, Some(b'"' | b'\'' | b'`')) {
            return Some(Finding { strength: Strong, name: "html-event-handler", at: 0, end: bytes.len() });
        }
        let mut cursor = Cursor::new(bytes, equals + 1);
        cursor.take_up_to(8, |b| b <= b' ' || matches!(b, b'"' | b'\'' | b'`' | b'\\' | b';'));
        if let Some(strength) = handler_code(&cursor, outside) {
            return Some(Finding {
                strength,
                name: "html-event-handler",
                at: equals.saturating_sub(letters),
                end: cursor.at(),
            });
        }
    }
    None
}

fn begins_event(event: &[u8]) -> bool {
    EVENTS.iter().any(|prefix| cursor::starts_with(event, prefix.as_bytes()))
}

/// Whether what stands behind `=` is code: a call, an assignment, a template, a script's scheme.
fn handler_code(cursor: &Cursor<'_>, before: Option<u8>) -> Option<Strength> {
    let code = cursor.rest();
    let code = code.get(..code.len().min(64)).unwrap_or_default();
    let word = code
        .iter()
        .position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'_' | b'$' | b'.' | b'\\'))
        .unwrap_or(code.len());
    let next = code.get(word).copied();
    let chained = code.get(word..).is_some_and(|rest| rest.starts_with(b"?.") || rest.starts_with(b"=>"));
    let runs = chained
        || matches!(next, Some(b'(' | b'`' | b'[' | b'=' | b':' | b'+' | b'/'))
            && next != code.first().copied().filter(|b| *b == b'/');
    if !runs || code.starts_with(b"{") || code.starts_with(b"(") && cursor::contains(code, b"=>") {
        return None;
    }
    let quoted = matches!(before, Some(b'"' | b'\'' | b'`' | b' ' | b'/' | b'\t' | b'\n' | b'+') | None);
    Some(if quoted { Strong } else { Weak })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_in_any_quotes() {
        let mut cursor = Cursor::new(b" a=1 b='x y'/c=\"z\" d e = f>rest", 0);
        let all: Vec<_> =
            std::iter::from_fn(|| read(&mut cursor)).map(|a| (a.name.to_vec(), a.value.to_vec())).collect();
        let text: Vec<_> = all.iter().map(|(n, v)| format!("{}={}", n.escape_ascii(), v.escape_ascii())).collect();
        assert_eq!(text, ["a=1", "b=x y", "c=z", "d=", "e=f"]);
        assert_eq!(cursor.rest(), b"rest");
    }

    #[test]
    fn tables_are_sorted() {
        assert!(TELLING.is_sorted() && EVENTS.is_sorted());
    }
}
