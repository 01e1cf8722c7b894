//! Words of a shell as the shell would see them: quotes taken off, escapes resolved, empty expansions dropped. One
//! reading serves POSIX sh, bash, PowerShell and cmd; where they differ the word keeps what either would make of it.
//!
//! Tolerated: anything; every byte belongs to some word, blank or operator. Limits: a word is read for at most
//! [`Word::MAX_BYTES`] bytes, and keeps [`Word::MAX_TEXT`] of what it spells.

use super::cursor::Cursor;

/// One word of a command line.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    text: [u8; Self::MAX_TEXT],
    len: usize,
    /// Where its spelling ends.
    pub end: usize,
    /// Quotes, escapes or empty expansions stand inside of it, where nothing honest puts them: `c'a't`, `c\at`, `c$@at`.
    pub spliced: bool,
    /// It has `*`, `?` or `[…]` outside of quotes.
    pub glob: bool,
    /// It has an expansion: `$x`, `${x}`.
    pub expands: bool,
    /// It begins with a quote.
    pub quoted: bool,
    /// It is the first item of a brace expansion that is not empty: `{cat,/etc/passwd}`, `{,id,}`.
    pub brace: bool,
}

impl Word {
    /// Bytes of a spelling that are read.
    pub const MAX_BYTES: usize = 96;
    /// Bytes of a word that are kept.
    pub const MAX_TEXT: usize = 64;

    /// What it spells, as far as it is kept.
    pub fn text(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    /// The last part of a path: `id` of `/usr/bin/id`; without `.exe`.
    pub fn command(&self) -> &[u8] {
        let text = self.text();
        let name = text.rsplit(|b| matches!(b, b'/' | b'\\')).next().unwrap_or_default();
        name.len()
            .checked_sub(4)
            .and_then(|at| name.split_at_checked(at))
            .map_or(name, |(stem, end)| if end.eq_ignore_ascii_case(b".exe") { stem } else { name })
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.text.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }
}

/// Lines that one command is continued over. Behind more of them a command is still found, as that of a line of its own.
const CONTINUED: usize = 8;

/// Goes past blanks as a shell reads them: spaces, tabs, `$IFS`, `${IFS…}`, a backslash before a line end. Tells whether
/// one of them was an `$IFS`, which nobody types who can type a space.
pub fn skip_blanks(cursor: &mut Cursor<'_>) -> bool {
    let mut disguised = false;
    let mut continued = 0;
    loop {
        match cursor.peek() {
            Some(b' ' | b'\t' | b'\r' | 0x0b | 0x0c) => cursor.skip(1),
            Some(b'\\') if cursor.peek_at(1) == Some(b'\n') && continued < CONTINUED => {
                continued += 1;
                cursor.skip(2);
            }
            Some(b'$') if eat_ifs(cursor) => disguised = true,
            _ => return disguised,
        }
    }
}

fn eat_ifs(cursor: &mut Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    let here = if ahead.eat(b"${IFS") {
        ahead.take_up_to(12, |b| b != b'}');
        ahead.eat(b"}")
    } else {
        ahead.eat(b"$IFS")
    };
    if here {
        ahead.eat(b"$9");
        *cursor = ahead;
    }
    here
}

/// Reads the word at `at`: up to a blank or an operator.
pub fn word(bytes: &[u8], at: usize) -> Word {
    let mut cursor = Cursor::new(bytes, at);
    let mut word = Word {
        text: [0; Word::MAX_TEXT],
        len: 0,
        end: at,
        spliced: false,
        glob: false,
        expands: false,
        quoted: matches!(cursor.peek(), Some(b'\'' | b'"')),
        brace: cursor.eat(b"{,") || cursor.eat(b"{"),
    };
    while cursor.at() < at + Word::MAX_BYTES && step(&mut cursor, &mut word) {}
    word.end = cursor.at();
    word
}

/// Takes one character, quotation or expansion; false at the end of the word.
fn step(cursor: &mut Cursor<'_>, word: &mut Word) -> bool {
    match cursor.peek() {
        None | Some(0..=b' ' | b';' | b'|' | b'&' | b'<' | b'>' | b'(' | b')' | b'`') => return false,
        Some(b',' | b'}') if word.brace => return false,
        Some(quote @ (b'\'' | b'"')) => return quotation(cursor, word, quote),
        Some(b'\\') if matches!(cursor.rest(), b"\\n" | b"\\r" | b"\\r\\n") => return false,
        Some(escape @ (b'\\' | b'^')) => escaped(cursor, word, escape),
        Some(b'$') => return expansion(cursor, word),
        Some(byte) => {
            word.glob |= matches!(byte, b'*' | b'?' | b'[');
            word.push(byte);
            cursor.skip(1);
        }
    }
    true
}

/// A quotation that ends within the word's limit; a lone quote ends the word, as what is left of the program around it.
fn quotation(cursor: &mut Cursor<'_>, word: &mut Word, quote: u8) -> bool {
    let mut ahead = *cursor;
    ahead.skip(1);
    let inside = ahead.take_up_to(Word::MAX_BYTES, |b| b != quote);
    if ahead.peek() != Some(quote) {
        return false;
    }
    ahead.skip(1);
    word.spliced |= word.len > 0 && inside.len() < 16 || ahead.peek().is_some_and(|b| b.is_ascii_alphanumeric());
    inside.iter().for_each(|byte| word.push(*byte));
    *cursor = ahead;
    true
}

fn escaped(cursor: &mut Cursor<'_>, word: &mut Word, escape: u8) {
    cursor.skip(1);
    match cursor.peek() {
        Some(b'\n') => cursor.skip(1),
        Some(byte) if byte.is_ascii_alphanumeric() => {
            word.spliced |= escape == b'^' || !word.text().contains(&b':');
            word.push(byte);
            cursor.skip(1);
        }
        Some(byte) if byte > b' ' && escape == b'\\' && byte != b';' => {
            word.push(byte);
            cursor.skip(1);
        }
        _ => {}
    }
}

/// `$@`, `$*` and `$1` are mostly empty; `$'…'` and `$"…"` are quotations; `$IFS` and `$(` end the word.
fn expansion(cursor: &mut Cursor<'_>, word: &mut Word) -> bool {
    match cursor.peek_at(1) {
        Some(b'@' | b'*' | b'#' | b'!' | b'0'..=b'9') => {
            word.spliced = true;
            cursor.skip(2);
        }
        Some(b'\'' | b'"') => {
            word.spliced = true;
            cursor.skip(1);
        }
        Some(b'(') | None => return false,
        _ if eat_ifs(&mut cursor.clone()) => return false,
        Some(b'{') => {
            cursor.skip(2);
            cursor.take_up_to(Word::MAX_BYTES, |b| b != b'}');
            cursor.skip(1);
            word.expands = true;
        }
        Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
            cursor.skip(1);
            cursor.take_up_to(Word::MAX_BYTES, |b| b.is_ascii_alphanumeric() || b == b'_');
            word.expands = true;
        }
        Some(_) => cursor.skip(1),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(spelling: &str) -> String {
        String::from_utf8_lossy(word(spelling.as_bytes(), 0).text()).into_owned()
    }

    #[test]
    fn quotes_and_escapes_come_off() {
        for spelling in ["cat", "c'a't", "c\"a\"t", "c\\at", "\\c\\a\\t", "c$@at", "c''at", "ca$1t", "c^at", "$'cat'"] {
            assert_eq!(text(spelling), "cat", "{spelling}");
        }
    }

    #[test]
    fn splicing_is_noticed() {
        assert!(word(b"c'a't", 0).spliced && word(b"who$@ami", 0).spliced);
        assert!(!word(b"cat", 0).spliced && !word(b"'cat' x", 0).spliced);
        assert!(!word(br"c:\windows", 0).spliced);
    }

    #[test]
    fn word_ends_at_operators() {
        for spelling in ["id;ls", "id|ls", "id&", "id>x", "id\nls", "id$IFS-a", "id${IFS}-a", "id)", "id`", "id'"] {
            assert_eq!(text(spelling), "id", "{spelling}");
        }
    }

    #[test]
    fn command_is_the_last_part_of_a_path() {
        assert_eq!(word(b"/usr/bin/id", 0).command(), b"id");
        assert_eq!(word(b"cmd.EXE", 0).command(), b"cmd");
        assert_eq!(word(b"{cat,/etc/hosts}", 0).command(), b"cat");
        assert_eq!(word(b"{,cat,/etc/hosts}", 0).command(), b"cat");
    }

    #[test]
    fn blanks_have_disguises() {
        let mut cursor = Cursor::new(b" \t${IFS}$IFS$9x", 0);
        assert!(skip_blanks(&mut cursor));
        assert_eq!(cursor.rest(), b"x");
        assert!(!skip_blanks(&mut Cursor::new(b"  x", 0)));
    }

    #[test]
    fn word_is_read_for_a_limited_length() {
        assert_eq!(word(&[b'a'; 1000], 0).end, Word::MAX_BYTES);
        assert_eq!(word(&[b'a'; 1000], 0).text().len(), Word::MAX_TEXT);
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_word(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..310) {
            let at = at.min(bytes.len());
            let word = word(&bytes, at);
            prop_assert!(word.end >= at && word.end <= at + 3 * Word::MAX_BYTES + 4);
        }
    }
}
