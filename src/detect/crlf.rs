//! Line breaks that end a header, a command or a whole message inside a value: what stands behind the break decides. A
//! header that some server acts on, a status or request line, or a command of a mail protocol makes it an attack.
//!
//! Steps: at most 3 for each byte and 64 for each line.

use super::context::Strength::{self, Certain, Strong, Weak};
use super::finding::Finding;
use super::{Detector, Wake};
use crate::canon::cursor::{self, Ahead, Cursor};
use crate::flow::{Found, Fuel, Part, Place};

/// The registered detector.
pub(super) static CRLF: Crlf = Crlf;

/// Looks for lines that do not belong to the value they stand in.
#[derive(Debug)]
pub(super) struct Crlf;

const NAME: &str = "crlf";

impl Detector for Crlf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake { literals: &[" http/1", "\\r\\n", "\u{560a}", "\u{560d}"], bytes: &["\r", "\n"] }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let bytes = part.canonical.as_ref();
        if is_text(part.place) || fuel.spend(3 * bytes.len()).is_err() {
            return;
        }
        let in_path = matches!(part.place, Place::Path | Place::PathSegment);
        let lines = Lines { one: is_line(part.place), none: has_no_breaks(part.place), path: in_path };
        let Some((strength, name, at)) = find(bytes, lines, fuel) else { return };
        Finding { strength, name, at, end: bytes.len() }.report(NAME, part, found);
    }
}

/// Places whose values have lines by their nature.
fn is_text(place: Place) -> bool {
    matches!(place, Place::BodyOpaque | Place::BodyText | Place::FileContent | Place::GraphQl | Place::XmlMarkup)
}

/// Places whose values have no lines of their own.
fn is_line(place: Place) -> bool {
    matches!(
        place,
        Place::Path
            | Place::PathSegment
            | Place::QueryName
            | Place::QueryValue
            | Place::HeaderValue
            | Place::CookieName
            | Place::CookieValue
            | Place::FileName
            | Place::FormName
            | Place::JsonKey
    )
}

/// Places whose values cannot have line breaks unless they are hidden.
fn has_no_breaks(place: Place) -> bool {
    matches!(
        place,
        Place::HeaderValue
            | Place::CookieName
            | Place::CookieValue
            | Place::Path
            | Place::PathSegment
            | Place::QueryName
    )
}

/// What line breaks mean where a value stands.
#[derive(Clone, Copy)]
struct Lines {
    /// It has no lines of its own.
    one: bool,
    /// It cannot have any.
    none: bool,
    /// It is a path.
    path: bool,
}

fn find(bytes: &[u8], lines: Lines, fuel: &mut Fuel) -> Option<(Strength, &'static str, usize)> {
    let mut ahead = Marks::of(bytes);
    let mut best = request_line(bytes, 0, &mut ahead).then_some((Strong, "crlf-request", 0));
    if lines.one && bytes.len() >= 2 && bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) {
        return Some((Strong, "crlf-probe", 0));
    }
    if lines.path && memchr::memchr2(b'\r', b'\n', bytes).is_some() {
        best = Some((Strong, "crlf-path", 0));
    }
    let mut cursor = Cursor::new(bytes, 0);
    while let Some(at) = next_line(&mut cursor) {
        fuel.spend(64).ok()?;
        let line = cursor.rest();
        let shouted = line.first().is_some_and(u8::is_ascii_uppercase);
        let strength = if shouted && request_line(bytes, cursor.at(), &mut ahead)
            || cursor::starts_with(line, b"HTTP/1.")
            || cursor::starts_with(line, b"HTTP/2")
        {
            Some((Certain, "crlf-message"))
        } else if shouted && is_mail_command(line) {
            Some((Strong, "crlf-mail-command"))
        } else if lines.one && ahead.is_log_line(cursor.at()) {
            Some((Strong, "crlf-log-line"))
        } else if lines.one && begins_body(bytes, at, line) {
            Some((Strong, "crlf-body"))
        } else {
            header(line, lines).map(|strength| (strength, "crlf-header"))
        };
        if let Some((strength, name)) = strength.filter(|(s, _)| best.is_none_or(|(b, ..)| b < *s)) {
            best = Some((strength, name, at));
        }
    }
    best
}

/// Bytes looked through at once, so that those before a rare mark are not looked through again and again.
const WINDOW: usize = 128;

/// Goes behind the next line break, in any spelling that a server writes out as one; gives where it began.
fn next_line(cursor: &mut Cursor<'_>) -> Option<usize> {
    loop {
        let rest = cursor.rest();
        let window = rest.get(..rest.len().min(WINDOW)).unwrap_or_default();
        let near = memchr::memchr3(b'\r', b'\n', b'\\', window).unwrap_or(window.len());
        let wide = window.get(..near).and_then(|before| memchr::memchr(0xe5, before));
        cursor.skip(wide.unwrap_or(near));
        if wide.is_none() && near == WINDOW {
            continue;
        }
        let at = cursor.at();
        cursor.peek()?;
        let broken = cursor.eat(b"\\r\\n")
            || cursor.eat(b"\xe5\x98\x8d\xe5\x98\x8a")
            || cursor.eat(b"\xe5\x98\x8a\xe5\x98\x8d")
            || cursor.eat(b"\xe5\x98\x8a");
        if broken || !cursor.take_while(|b| matches!(b, b'\r' | b'\n')).is_empty() {
            cursor.take_up_to(8, |b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'));
            return Some(at);
        }
        cursor.skip(1);
    }
}

/// Markup behind an empty line: the body of an answer that the value would begin.
fn begins_body(bytes: &[u8], at: usize, line: &[u8]) -> bool {
    let breaks = bytes.get(at..).unwrap_or_default().iter().take_while(|b| matches!(b, b'\r' | b'\n'));
    breaks.filter(|b| **b == b'\n').count() >= 2
        && line.first() == Some(&b'<')
        && line.get(1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'!')
}

/// Bytes of a line in which its marks stand.
const LINE: usize = 512;

/// The marks of request lines and log lines, wherever they stand next.
struct Marks<'a> {
    version: Ahead<'a>,
    get: Ahead<'a>,
    post: Ahead<'a>,
    nobody: Ahead<'a>,
    protocol: Ahead<'a>,
}

impl<'a> Marks<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            version: Ahead::of(b" HTTP/1.", bytes),
            get: Ahead::of(b" \"GET /", bytes),
            post: Ahead::of(b" \"POST /", bytes),
            nobody: Ahead::of(b" - ", bytes),
            protocol: Ahead::of(b" HTTP/", bytes),
        }
    }

    /// A line of an access log that nobody wrote: `192.0.2.1 - admin […] "GET / HTTP/1.1" 200`.
    fn is_log_line(&mut self, at: usize) -> bool {
        let asks = self.get.within(at, LINE).is_some() || self.post.within(at, LINE).is_some();
        asks && self.nobody.within(at, LINE).is_some() && self.protocol.within(at, LINE).is_some()
    }
}

/// `GET /path HTTP/1.1`.
fn request_line(bytes: &[u8], at: usize, marks: &mut Marks<'_>) -> bool {
    let mut cursor = Cursor::new(bytes, at);
    let method = cursor.take_up_to(10, |b| b.is_ascii_uppercase());
    let known = matches!(
        method,
        b"GET" | b"POST" | b"PUT" | b"DELETE" | b"HEAD" | b"PATCH" | b"OPTIONS" | b"TRACE" | b"CONNECT"
    );
    if !known || cursor.take_up_to(1, |b| b == b' ').is_empty() || !matches!(cursor.peek(), Some(b'/' | b'h' | b'*')) {
        return false;
    }
    let behind = marks.version.within(cursor.at(), LINE).and_then(|version| bytes.get(version + 9..));
    behind.is_some_and(|rest| rest.is_empty() || rest.iter().take(3).any(|b| matches!(b, b'\r' | b'\n')))
}

/// Commands of SMTP, IMAP, POP and memcached that a line of a value would be taken for, sorted by length of use.
const COMMANDS: &[&[u8]] = &[
    b"RCPT TO:",
    b"MAIL FROM:",
    b"EHLO ",
    b"HELO ",
    b"AUTH LOGIN",
    b"STARTTLS",
    b"FLUSHALL",
    b"CONFIG SET ",
    b"SLAVEOF ",
    b"LOGIN ",
];

fn is_mail_command(line: &[u8]) -> bool {
    COMMANDS.iter().any(|command| line.starts_with(command))
        || imap(line)
        || line.starts_with(b"DATA\r\n")
        || line == b"QUIT"
        || line.starts_with(b"QUIT\r")
}

/// `V100 CAPABILITY`: a tag and a command of IMAP.
fn imap(line: &[u8]) -> bool {
    let mut cursor = Cursor::new(line, 0);
    let tag = cursor.take_up_to(7, |b| !b.is_ascii_whitespace());
    let spaced = cursor.take_up_to(1, |b| b.is_ascii_whitespace()).len() == 1;
    let command = cursor.take_up_to(12, |b| !b.is_ascii_whitespace());
    let tagged = spaced
        && tag.len() <= 6
        && tag.first().is_some_and(u8::is_ascii_uppercase)
        && tag.last().is_some_and(u8::is_ascii_digit);
    tagged
        && matches!(
            command,
            b"CAPABILITY" | b"FETCH" | b"LOGIN" | b"SELECT" | b"LIST" | b"CREATE" | b"DELETE" | b"LOGOUT"
        )
}

/// Headers that a server, a browser or a mail relay acts on, sorted.
const ACTED_ON: &[&str] = &[
    "bcc",
    "cc",
    "clear-site-data",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "content-type",
    "contenttype",
    "cookie",
    "host",
    "link",
    "location",
    "refresh",
    "set-cookie",
    "set-cookie2",
    "status",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-xss-protection",
];

/// Headers of mail and such that also stand in ordinary text of several lines, sorted.
const ALSO_TEXT: &[&str] =
    &["authorization", "cc", "connection", "cookie", "host", "link", "location", "status", "x-forwarded-for"];

/// How clearly a line is a header that does not belong to the value.
fn header(line: &[u8], lines: Lines) -> Option<Strength> {
    let mut cursor = Cursor::new(line, 0);
    let name = cursor.take_up_to(40, |b| b.is_ascii_alphanumeric() || b == b'-');
    cursor.take_up_to(2, |b| b == b' ');
    if name.is_empty() || !cursor.eat(b":") {
        return None;
    }
    let known = cursor::is_one_of(name, ACTED_ON);
    let own = cursor::starts_with(name, b"x-");
    match (lines.one, known || own) {
        (true, true) => Some(Certain),
        (true, false) => Some(if lines.none { Strong } else { Weak }),
        (false, true) if cursor::is_one_of(name, ALSO_TEXT) || own => Some(Weak),
        (false, true) => Some(Strong),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(place: Place, value: &str) -> u32 {
        let mut found = Found::default();
        CRLF.inspect(&Part::plain(place, b"q", value.as_bytes()), &mut found, &mut Fuel::new(1_000_000));
        found.total()
    }

    #[test]
    fn lines_that_do_not_belong_are_attacks() {
        for value in [
            "/home\r\nSet-Cookie: a=b",
            "x\nLocation: https://example.org",
            "x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n<p>",
            "x\r\nX-Admin: 1",
            "x HTTP/1.1\r\nHost: a\r\n\r\nGET /admin HTTP/1.1",
            "a@example.org\r\nBcc: b@example.org",
            "x\nRCPT TO: b@example.org\n",
            "x\nV1 CAPABILITY\nV2 FETCH 1",
            "x\u{560d}\u{560a}Set-Cookie: a=b",
            "a\nGET / HTTP/1.1",
            "x\r\n\r\n<html><body>",
            "x\n192.0.2.1 - admin [now] \"GET / HTTP/1.1\" 200",
            "\r\n",
        ] {
            assert!(total(Place::QueryValue, value) >= 100, "{value}");
        }
        assert!(total(Place::QueryName, "a\r\nNote: 1") >= 100);
        assert!(total(Place::HeaderValue, "x\rInjected: 1") >= 100 && total(Place::QueryValue, "x\rNote: 1") < 100);
    }

    #[test]
    fn lines_of_text_are_nothing() {
        for value in ["one\ntwo", "Dear all:\nsee below", "key: value\nother: value", "a\r\nb\r\n", "GET the milk"] {
            assert_eq!(total(Place::JsonValue, value), 0, "{value}");
        }
        assert!(total(Place::FormValue, "Name: Ada\r\nHost: the county\r\n") < 100);
    }

    #[test]
    fn tables_are_sorted() {
        assert!(ACTED_ON.is_sorted() && ALSO_TEXT.is_sorted());
    }

    proptest! {
        #[test]
        fn any_lines_are_read(text in "[\r\nA-Ca-c:/ 1\\\\rn]{0,200}") {
            let mut fuel = Fuel::new(100_000);
            CRLF.inspect(&Part::plain(Place::QueryValue, b"q", text.as_bytes()), &mut Found::default(), &mut fuel);
            prop_assert!(100_000 - fuel.left() <= text.len() as u64 * 67 + 64);
        }
    }
}
