//! A stream of chunks as lines: line ends (`\n`, `\r\n`, `\r`) and terminal escapes taken off, unfinished lines kept for
//! the next chunk.

use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// Bytes of an unfinished line that are kept; of a longer one its beginning says enough.
const KEPT: usize = 256;
/// Lines of one chunk that are looked at: all of a chunk of 64 KiB, if they are not all empty.
const MOST: usize = 16_384;

/// What one direction keeps. `kept.len() <= KEPT`.
#[derive(Debug, Default)]
pub struct Lines {
    kept: Vec<u8>,
    /// Whether the kept line is longer than what is kept of it.
    cut: bool,
}

impl Lines {
    /// Shows the lines of the next chunk, and what stands behind the last of them.
    pub fn take(&mut self, bytes: &[u8], mut show: impl FnMut(&[&[u8]], &[u8])) {
        let head = memchr2(b'\n', b'\r', bytes);
        // The first line begins before this chunk.
        let joined: Vec<u8> = match head {
            _ if self.kept.is_empty() => Vec::new(),
            Some(end) => [&self.kept, bytes.get(..end.min(KEPT)).unwrap_or_default()].concat(),
            None => {
                self.keep(bytes);
                return show(&[], &plain(&self.kept));
            }
        };
        let mut pieces: Vec<&[u8]> = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).take(MOST).collect();
        let rest = if pieces.len() == MOST { b"".as_slice() } else { pieces.pop().unwrap_or_default() };
        if let Some(first) = pieces.first_mut().filter(|_| !joined.is_empty()) {
            *first = &joined;
        }
        let lines: Vec<Cow<'_, [u8]>> = pieces.iter().filter(|line| !line.is_empty()).map(|line| plain(line)).collect();
        let lines: Vec<&[u8]> = lines.iter().map(|line| &**line).collect();
        self.kept.clear();
        self.cut = false;
        self.keep(rest);
        show(&lines, &plain(&self.kept));
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT - self.kept.len();
        self.cut |= bytes.len() > room;
        self.kept.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
    }
}

/// A line without terminal escapes (ECMA-48 CSI and OSC).
fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    if memchr(0x1B, line).is_none() {
        return Cow::Borrowed(line);
    }
    let (mut text, mut rest) = (Vec::with_capacity(line.len()), line);
    while let Some(at) = memchr(0x1B, rest) {
        let (before, escape) = rest.split_at(at);
        text.extend_from_slice(before);
        rest = escape.get(escape_bytes(escape)..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    Cow::Owned(text)
}

/// How many bytes the escape at the beginning of `text` has; at least one.
fn escape_bytes(text: &[u8]) -> usize {
    let end = |from: usize, is_end: fn(&u8) -> bool| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().position(is_end).map_or(text.len(), |at| from + at + 1)
    };
    match text.get(1) {
        Some(b'[') => end(2, |byte| (0x40..=0x7E).contains(byte)),
        Some(b']') => end(2, |byte| *byte == 7),
        Some(_) => 2,
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&str]) -> Vec<(Vec<String>, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.take(chunk.as_bytes(), |lines, rest| {
                seen.push((lines.iter().map(|line| text(line)).collect(), text(rest)))
            });
        }
        seen
    }

    #[test]
    fn line_in_pieces_is_put_together() {
        let seen = lines(&["a\nui", "d", "=0\r\nb", "\n"]);
        let expected: &[(&[&str], &str)] = &[(&["a"], "ui"), (&[], "uid"), (&["uid=0"], "b"), (&["b"], "")];
        for (seen, (lines, rest)) in seen.iter().zip(expected) {
            assert_eq!((seen.0.as_slice(), seen.1.as_str()), (lines.map_strings().as_slice(), *rest));
        }
    }

    #[test]
    fn escapes_are_taken_off() {
        let seen = lines(&["\u{1b}[01;32mroot@h\u{1b}[00m:\u{1b}]0;t\u{7}/# "]);
        assert_eq!(seen[0].1, "root@h:/# ");
        assert_eq!(lines(&["a\u{1b}[", "b"])[0].1, "a");
    }

    #[test]
    fn kept_line_ends_at_its_limit() {
        let mut lines = Lines::default();
        for _ in 0..10 {
            lines.take(&[b'x'; 100], |_, rest| assert!(rest.len() <= KEPT));
        }
        assert_eq!(lines.kept.len(), KEPT);
    }

    trait MapStrings {
        fn map_strings(&self) -> Vec<String>;
    }

    impl MapStrings for &[&str] {
        fn map_strings(&self) -> Vec<String> {
            self.iter().map(|text| (*text).to_owned()).collect()
        }
    }
}
