//! Multipart bodies (RFC 2046 §5.1, RFC 7578): cuts them into entities, each with its [`Heading`] and content.
//!
//! Tolerated: a preamble and an epilogue (both are judged as text), blanks behind a boundary, bare LF as line end when it
//! is used throughout, no blank line after an entity's headers when it has no content. Rejected by name: what two parsers
//! would cut in two ways: see the reasons below.

mod heading;
mod parameter;

pub(super) use heading::{Heading, Transfer};

use super::Limits;
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use memchr::memmem::Finder;

/// No delimiter at all.
pub(super) const NO_DELIMITER: Reason =
    Reason::new("multipart-no-delimiter", Kind::Malformed, "the declared boundary does not stand in the body");
/// The body ends without `--boundary--`.
pub(super) const UNCLOSED: Reason =
    Reason::new("multipart-unclosed", Kind::Malformed, "the body ends without its closing boundary");
/// A line that begins with the boundary and goes on.
pub(super) const BOUNDARY_SUFFIX: Reason =
    Reason::new("multipart-boundary-suffix", Kind::Malformed, "a line begins with the boundary and goes on with more");
/// A delimiter behind the closing one.
pub(super) const AFTER_CLOSE: Reason =
    Reason::new("multipart-after-close", Kind::Malformed, "a boundary stands behind the closing one");
/// Delimiters with CRLF and with bare LF.
pub(super) const MIXED_LINE_ENDS: Reason =
    Reason::new("multipart-mixed-line-ends", Kind::Malformed, "boundary or header lines end in CRLF and in bare LF");
/// An entity whose headers do not end.
pub(super) const NO_BLANK_LINE: Reason =
    Reason::new("multipart-no-blank-line", Kind::Malformed, "the headers of a multipart entity do not end");
/// More entities than [`Limits::entities`].
pub(super) const TOO_MANY_ENTITIES: Reason =
    Reason::new("multipart-entities", Kind::TooLarge, "the multipart body has too many entities");
/// Deeper than [`Limits::multipart_depth`].
pub(super) const TOO_DEEP: Reason =
    Reason::new("multipart-depth", Kind::TooLarge, "multipart bodies are nested too deeply");

/// One entity: its headers, read, and its content as it stands.
#[derive(Debug)]
pub(super) struct Entity<'a> {
    pub(super) heading: Heading<'a>,
    pub(super) content: &'a [u8],
}

/// A multipart body, cut.
#[derive(Debug, Default)]
pub(super) struct Cut<'a> {
    /// What stands before the first and behind the last boundary.
    pub(super) around: Vec<&'a [u8]>,
    pub(super) entities: Vec<Entity<'a>>,
}

/// How lines end, once one has been seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineEnd {
    CrLf,
    Lf,
}

/// A delimiter line found in a body.
#[derive(Debug)]
pub(super) struct Delimiter {
    /// Where the content before it ends, its line end not included.
    pub(super) content_end: usize,
    /// Where the next line begins.
    pub(super) next_line: usize,
    pub(super) closing: bool,
}

/// Cuts `body` at the lines that begin with `--boundary`.
///
/// # Errors
/// Boundaries or headers that could be read in more than one way; more entities than `limits` allow.
pub(super) fn cut<'a>(body: &'a [u8], boundary: &[u8], limits: &Limits) -> Result<Cut<'a>, Malformed> {
    let mut cutter = Cutter::new(boundary);
    let mut found = Cut::default();
    let Some(first) = cutter.find(body, 0)? else { return refuse(0, NO_DELIMITER) };
    found.around.extend(body.get(..first.content_end));
    let mut open = first;
    while !open.closing {
        let Some(next) = cutter.find(body, open.next_line)? else { return refuse(body.len(), UNCLOSED) };
        if found.entities.len() >= limits.entities {
            return refuse(open.next_line, TOO_MANY_ENTITIES);
        }
        let text = body.get(open.next_line..next.content_end.max(open.next_line)).unwrap_or_default();
        found.entities.push(cutter.entity(text, open.next_line, limits)?);
        open = next;
    }
    if let Some(beyond) = cutter.find(body, open.next_line)? {
        return refuse(beyond.content_end, AFTER_CLOSE);
    }
    found.around.extend(body.get(open.next_line..));
    Ok(found)
}

/// Finds delimiter lines, and sees to it that all lines end alike.
#[derive(Debug)]
pub(super) struct Cutter {
    /// Finds `--boundary`.
    finder: Finder<'static>,
    line_end: Option<LineEnd>,
}

impl Cutter {
    pub(super) fn new(boundary: &[u8]) -> Self {
        Self { finder: Finder::new(&[b"--", boundary].concat()).into_owned(), line_end: None }
    }

    /// Where `--boundary` stands at the start of a line, at `from` or behind. `body` begins at the start of a line.
    pub(super) fn at(&self, body: &[u8], mut from: usize) -> Option<usize> {
        loop {
            let at = from + self.finder.find(body.get(from..)?)?;
            if at == 0 || body.get(at - 1) == Some(&b'\n') {
                return Some(at);
            }
            from = at + 1;
        }
    }

    /// Whether `line` may be the beginning of a delimiter line, or of one that has not arrived whole.
    pub(super) fn may_begin(&self, line: &[u8]) -> bool {
        line.starts_with(self.finder.needle()) || self.finder.needle().starts_with(line)
    }

    /// The first delimiter line at `from` or behind.
    fn find(&mut self, body: &[u8], from: usize) -> Result<Option<Delimiter>, Malformed> {
        self.at(body, from).map(|at| self.delimiter(body, at)).transpose()
    }

    /// The delimiter line whose boundary stands at `at`.
    pub(super) fn delimiter(&mut self, body: &[u8], at: usize) -> Result<Delimiter, Malformed> {
        let content_end = at - self.seen(body.get(..at), at)?;
        let after = body.get(at + self.finder.needle().len()..).unwrap_or_default();
        let closing = after.starts_with(b"--");
        let rest = if closing { after.get(2..).unwrap_or_default() } else { after };
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let line = rest.get(blanks..).unwrap_or_default();
        let end = match line {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            [] if closing => 0,
            _ => return refuse(at, BOUNDARY_SUFFIX),
        };
        let next_line = body.len() - line.len() + end;
        self.seen(body.get(..next_line).filter(|_| end > 0), at)?;
        Ok(Delimiter { content_end, next_line, closing })
    }

    /// Parts an entity's headers from its content at the first blank line.
    pub(super) fn entity<'a>(&mut self, text: &'a [u8], at: usize, limits: &Limits) -> Result<Entity<'a>, Malformed> {
        let mut lines = Vec::new();
        let mut rest = text;
        loop {
            let Some(end) = memchr::memchr(b'\n', rest) else {
                // Without content, the blank line's end may be that of the boundary.
                return if rest.is_empty() { finish(&lines, rest, at, limits) } else { refuse(at, NO_BLANK_LINE) };
            };
            let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, b""));
            rest = after;
            let ending = self.seen(Some(line), at)?;
            let line = line.get(..line.len() - ending).unwrap_or_default();
            if line.is_empty() {
                return finish(&lines, rest, at, limits);
            }
            if lines.len() >= limits.entity_headers {
                return refuse(at, heading::TOO_MANY_HEADERS);
            }
            lines.push(line);
        }
    }

    /// Notes how the line that ends `text` ends; the length of its end.
    fn seen(&mut self, text: Option<&[u8]>, at: usize) -> Result<usize, Malformed> {
        note(&mut self.line_end, text.unwrap_or_default()).map_err(|why| Malformed { at, why })
    }
}

/// Notes the line end that `text` ends in, if it does, and refuses one that differs from those before; its length.
fn note(seen: &mut Option<LineEnd>, text: &[u8]) -> Result<usize, Reason> {
    let (end, length) = match text {
        [.., b'\r', b'\n'] => (LineEnd::CrLf, 2),
        [.., b'\n'] => (LineEnd::Lf, 1),
        _ => return Ok(0),
    };
    match seen.replace(end) {
        Some(earlier) if earlier != end => Err(MIXED_LINE_ENDS),
        _ => Ok(length),
    }
}

fn finish<'a>(lines: &[&'a [u8]], content: &'a [u8], at: usize, limits: &Limits) -> Result<Entity<'a>, Malformed> {
    let heading = Heading::read(lines, limits).map_err(|why| Malformed { at, why })?;
    Ok(Entity { heading, content })
}

fn refuse<T>(at: usize, why: Reason) -> Result<T, Malformed> {
    Err(Malformed { at, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contents(body: &[u8]) -> Vec<&[u8]> {
        cut(body, b"b", &Limits::default()).unwrap().entities.iter().map(|entity| entity.content).collect()
    }

    fn refused(body: &str) -> Reason {
        cut(body.as_bytes(), b"b", &Limits::default()).unwrap_err().why
    }

    #[test]
    fn entities_stand_between_boundaries() {
        assert_eq!(contents(b"--b\r\nA: 1\r\n\r\none\r\n--b\r\n\r\ntwo\r\n\r\n--b--\r\n"), [&b"one"[..], b"two\r\n"]);
        assert_eq!(contents(b"--b--"), [b""; 0]);
        assert_eq!(contents(b"--b\r\n--b--"), [b""]);
        assert_eq!(contents(b"--b\r\nA: 1\r\n\r\n\r\n--b--"), [b""]);
        assert_eq!(contents(b"--b\r\nA: 1\r\n\r\n--b--"), [b""]);
    }

    #[test]
    fn boundary_inside_a_line_is_content() {
        assert_eq!(contents(b"--b\r\n\r\nx--b\r\n--b--"), [b"x--b"]);
    }

    #[test]
    fn bare_lf_throughout_is_read() {
        assert_eq!(contents(b"--b\nA: 1\n\none\n--b--\n"), [b"one"]);
    }

    #[test]
    fn preamble_and_epilogue_are_kept() {
        let found = cut(b"before\r\n--b\r\n\r\n1\r\n--b--\r\nafter", b"b", &Limits::default()).unwrap();
        assert_eq!(found.around, [&b"before"[..], b"after"]);
    }

    #[test]
    fn what_parsers_cut_differently_is_refused() {
        assert_eq!(refused(""), NO_DELIMITER);
        assert_eq!(refused("a=1"), NO_DELIMITER);
        assert_eq!(refused("--b\r\n\r\none"), UNCLOSED);
        assert_eq!(refused("--b\r\n\r\none\r\n--bb\r\n--b--"), BOUNDARY_SUFFIX);
        assert_eq!(refused("--b\rA: 1"), BOUNDARY_SUFFIX);
        assert_eq!(refused("--b--\r\n--b\r\n"), AFTER_CLOSE);
        assert_eq!(refused("--b\r\n\r\none\n--b--\r\n"), MIXED_LINE_ENDS);
        assert_eq!(refused("--b\r\nA: 1\n\r\none\r\n--b--\r\n"), MIXED_LINE_ENDS);
        assert_eq!(refused("--b\r\nA: 1\r\n--b--"), NO_BLANK_LINE);
    }

    #[test]
    fn entities_are_limited() {
        let limits = Limits { entities: 2, ..Limits::default() };
        let body = |count| "--b\r\n\r\nx\r\n".repeat(count) + "--b--";
        assert!(cut(body(2).as_bytes(), b"b", &limits).is_ok());
        assert_eq!(cut(body(3).as_bytes(), b"b", &limits).unwrap_err().why, TOO_MANY_ENTITIES);
    }

    #[test]
    fn headers_are_limited() {
        let limits = Limits { entity_headers: 2, ..Limits::default() };
        let body = |count| format!("--b\r\n{}\r\nx\r\n--b--", "A: 1\r\n".repeat(count));
        assert!(cut(body(2).as_bytes(), b"b", &limits).is_ok());
        assert_eq!(cut(body(3).as_bytes(), b"b", &limits).unwrap_err().why, heading::TOO_MANY_HEADERS);
    }

    proptest! {
        #[test]
        fn what_is_joined_is_cut_again(contents in prop::collection::vec("[ -~\r\n]{0,40}", 0..6)) {
            prop_assume!(contents.iter().all(|content| !content.contains("--bound")));
            let mut body = String::new();
            for (number, content) in contents.iter().enumerate() {
                body += &format!("--bound\r\nContent-Disposition: form-data; name=\"{number}\"\r\n\r\n{content}\r\n");
            }
            body += "--bound--\r\n";
            let found = cut(body.as_bytes(), b"bound", &Limits::default()).unwrap();
            let found: Vec<_> = found.entities.iter().map(|entity| entity.content).collect();
            prop_assert_eq!(found, contents.iter().map(String::as_bytes).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_survived(body in "(--b|--|\r\n|\n|\r|A: 1|; name=|\"|[a-z ]|\\\\){0,40}") {
            let _ = cut(body.as_bytes(), b"b", &Limits::default());
        }
    }
}
