//! A plain text without the values in it, byte by byte: what tells apart statements of which only literals differ, without
//! cutting them into tokens first. Two texts of one shape have the same tokens but for the content of strings and the
//! digits of numbers; and no string of them spells a name that stands just before it.
//!
//! Not plain, and so without a shape: comments, backslashes, dollar quotes, `[`, `{`, `@`, `#`, and names in quotes of the other
//! dialect. Linear, one pass.

use std::ops::Range;

/// Which quotes names have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// `"a"`, as PostgreSQL has them; `$1` is a parameter.
    Double,
    /// `` `a` ``, as MySQL and MariaDB have them; `"a"` is one thing or the other, and has no shape.
    Backtick,
}

/// Puts the shape of a text into `out`, behind what is there: plain strings become `''`, plain numbers `0`. Says whether the
/// text is plain; if it is not, what was put there means nothing.
pub fn shape(text: &[u8], names: Names, out: &mut Vec<u8>) -> bool {
    spell(text, names, out, |_| {})
}

/// A plain value of a text, which its shape does not have.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// Where it stands.
    pub(super) range: Range<usize>,
    /// Of a string, where the two words stand that it may not spell.
    pub(super) words: Option<[Range<usize>; 2]>,
}

/// The same as [`shape`]; tells of each value that is left out, in their order.
pub(super) fn spell(text: &[u8], names: Names, out: &mut Vec<u8>, mut value: impl FnMut(Value)) -> bool {
    let mut reader = Reader { text, at: 0, kept: 0, words: [0..0, 0..0] };
    while let Some(byte) = text.get(reader.at).copied() {
        let plain = match class(byte) {
            Class::Word => reader.word(),
            Class::Plain => {
                reader.at += 1;
                true
            }
            Class::Digit => {
                if let Some(range) = reader.number(out) {
                    value(Value { range, words: None });
                }
                true
            }
            Class::Quote => match reader.string(out) {
                Ok(None) => true,
                Ok(Some(range)) => {
                    value(Value { range, words: Some(reader.words.clone()) });
                    true
                }
                Err(NotPlain) => false,
            },
            Class::Mark => reader.mark(byte),
            Class::Telling => match byte {
                b'"' if names == Names::Double => reader.name(byte),
                b'`' if names == Names::Backtick => reader.name(byte),
                b'$' if names == Names::Double => reader.parameter(),
                b'$' => reader.word(),
                _ => false,
            },
        };
        if !plain {
            return false;
        }
    }
    reader.keep(out);
    true
}

/// What a byte may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing that counts.
    Plain,
    /// A word; it goes on with digits and `$`.
    Word,
    Digit,
    /// A string.
    Quote,
    /// A comment, or its end.
    Mark,
    /// What depends on the dialect, or is never plain.
    Telling,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::cast_possible_truncation, clippy::indexing_slicing)] // byte < 256
        {
            classes[byte] = match byte as u8 {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => Class::Word,
                b'0'..=b'9' => Class::Digit,
                b'\'' => Class::Quote,
                b'-' | b'/' | b'*' => Class::Mark,
                b'\\' | b'[' | b'{' | b'}' | b'@' | b'#' | b'`' | b'"' | b'$' => Class::Telling,
                _ => Class::Plain,
            };
        }
        byte += 1;
    }
    classes
};

/// What words consist of.
const WORDS: [bool; 256] = {
    let mut words = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::indexing_slicing)] // byte < 256
        {
            words[byte] = matches!(CLASSES[byte], Class::Word | Class::Digit) || byte == b'$' as usize;
        }
        byte += 1;
    }
    words
};

fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Telling)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// What stands before `at` and is not yet put into the shape begins here.
    kept: usize,
    /// Where the last two words stand.
    words: [Range<usize>; 2],
}

/// The text is not plain.
struct NotPlain;

impl<'a> Reader<'a> {
    /// Goes on to `end`: what is passed stays in the shape.
    fn pass(&mut self, end: usize) -> Range<usize> {
        let passed = self.at..end;
        self.at = end;
        passed
    }

    /// Puts what has been passed into the shape.
    fn keep(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text.get(self.kept..self.at).unwrap_or_default());
        self.kept = self.at;
    }

    /// Goes on to `end`: in the shape, `this` stands for it.
    fn replace(&mut self, end: usize, this: &[u8], out: &mut Vec<u8>) -> Range<usize> {
        self.keep(out);
        out.extend_from_slice(this);
        self.kept = end;
        self.pass(end)
    }

    fn word(&mut self) -> bool {
        let end = end(self.text, self.at, is_word);
        self.is_word(self.at..end);
        self.at = end;
        true
    }

    fn is_word(&mut self, word: Range<usize>) {
        self.words.swap(0, 1);
        self.words[1] = word;
    }

    fn before(&self) -> u8 {
        self.at.checked_sub(1).and_then(|at| self.text.get(at)).copied().unwrap_or(b' ')
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Result<Option<Range<usize>>, NotPlain> {
        if is_word(self.before()) || self.before() == b'&' {
            return Err(NotPlain);
        }
        let end = string_end(self.text, self.at).ok_or(NotPlain)?;
        if tells(self.text, self.at..end, self.text, &self.words) {
            self.pass(end);
            return Ok(None);
        }
        Ok(Some(self.replace(end, b"''", out)))
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Option<Range<usize>> {
        let end = number_end(self.text, self.at);
        let stuck = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'\'' | b'"' | b':');
        let plain = !stuck(self.before()) && !self.text.get(end).copied().is_some_and(stuck);
        if plain {
            Some(self.replace(end, b"0", out))
        } else {
            self.pass(end);
            None
        }
    }

    fn name(&mut self, quote: u8) -> bool {
        let end = end(self.text, self.at + 1, |byte| !matches!(byte, b'"' | b'`' | b'\'' | b'\\'));
        let closed = self.text.get(end) == Some(&quote);
        self.is_word(self.at + 1..end);
        self.pass(end + 1);
        closed
    }

    fn parameter(&mut self) -> bool {
        let end = end(self.text, self.at + 1, |byte| byte.is_ascii_digit());
        let plain = end > self.at + 1 && !is_word(self.before());
        self.pass(end);
        plain
    }

    /// A mark that may begin or end a comment.
    fn mark(&mut self, byte: u8) -> bool {
        let next = self.text.get(self.at + 1).copied();
        self.at += 1;
        !matches!((byte, next), (b'-', Some(b'-')) | (b'/', Some(b'*')) | (b'*', Some(b'/')))
    }
}

/// Where the bytes end, from `at` on, that are wanted.
fn end(text: &[u8], at: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len())
}

/// Where the number ends that stands at `at`, with its fraction.
pub(super) fn number_end(text: &[u8], at: usize) -> usize {
    let whole = end(text, at, |byte| byte.is_ascii_digit());
    let fraction = whole + 1;
    let has_fraction = text.get(whole) == Some(&b'.') && text.get(fraction).is_some_and(u8::is_ascii_digit);
    if has_fraction { end(text, fraction, |byte| byte.is_ascii_digit()) } else { whole }
}

/// Where the string ends whose quote stands at `at`; nothing where it does not end, or has a backslash.
pub(super) fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut end = at + 1;
    loop {
        let rest = text.get(end..)?;
        let offset = memchr::memchr2(b'\'', b'\\', rest)?;
        end += offset + 1;
        match (rest.get(offset), rest.get(offset + 1)) {
            (Some(b'\\'), _) => return None,
            (_, Some(b'\'')) => end += 1,
            _ => return Some(end),
        }
    }
}

/// Whether a string tells something by its content: what everything is like does, and what a name before it, of `words` in
/// `spelt`, is compared with.
pub(super) fn tells(text: &[u8], string: Range<usize>, spelt: &[u8], words: &[Range<usize>; 2]) -> bool {
    let content = text.get(string.start + 1..string.end - 1).unwrap_or_default();
    words.iter().any(|word| spelt.get(word.clone()).unwrap_or_default() == content)
        || content.trim_ascii().iter().all(|byte| *byte == b'%')
}

fn is_word(byte: u8) -> bool {
    WORDS.get(usize::from(byte)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::sql::mysql;
    use crate::canon::sql::postgres::{normalised, tokens};

    fn of(text: &str) -> Option<String> {
        let mut out = Vec::new();
        shape(text.as_bytes(), Names::Double, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn values_do_not_count() {
        assert_eq!(of("SELECT a FROM t1 WHERE b = 17").unwrap(), "SELECT a FROM t1 WHERE b = 0");
        assert_eq!(of("SELECT 'it''s', 1.5, $1").unwrap(), "SELECT '', 0, $1");
        assert_eq!(of("INSERT INTO t VALUES ('a', -2)"), of("INSERT INTO t VALUES ('bcd', -345)"));
    }

    #[test]
    fn value_that_tells_is_kept() {
        for kept in ["SELECT 1 WHERE name LIKE '%'", "SELECT 1 WHERE a.name = 'name'", "SELECT 1 WHERE a LIKE ' % '"] {
            assert_ne!(of(kept), of("SELECT 1 WHERE name LIKE 'x'"), "{kept}");
            assert!(of(kept).unwrap().ends_with(&kept[kept.len() - 3..]), "{kept}");
        }
    }

    #[test]
    fn what_is_not_plain_has_no_shape() {
        for text in
            ["a -- b", "a /* b", "E'a'", "'a\\'", "$$a$$", "a[1]", "@a", "'a", "\"a'\"", "\"a", "U&'a'", "$", "*/"]
        {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(of("1e5, 0x1f, 1union, t.1").unwrap(), "1e5, 0x1f, 1union, t.1");
    }

    #[test]
    fn names_of_the_other_dialect_have_no_shape() {
        let mysql = |text: &str| {
            let mut out = Vec::new();
            shape(text.as_bytes(), Names::Backtick, &mut out).then(|| String::from_utf8(out).unwrap())
        };
        assert_eq!(mysql("SELECT `a`.`b` FROM t$1 WHERE c = 'x'").unwrap(), "SELECT `a`.`b` FROM t$1 WHERE c = ''");
        for text in
            ["\"a\"", "`a", "`a'`", "a = \"b\"", "`a\"b`", "/*! a */", "a # b", "@a", "{d '1'}", "_utf8'a'", "N'a'"]
        {
            assert_eq!(mysql(text), None, "{text}");
        }
        assert_eq!(of("`a`"), None);
        assert_ne!(mysql("SELECT 1 WHERE `name` = 'name'"), mysql("SELECT 1 WHERE `name` = 'x'"));
    }

    proptest::proptest! {
        #[test]
        fn one_shape_is_one_statement(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 1..12),
            values in proptest::collection::vec(proptest::sample::select(VALUES), 24),
            (backslash, ansi_quotes) in proptest::prelude::any::<(bool, bool)>(),
        ) {
            let spelled = |values: &[&str]| {
                let values = values.iter().cycle();
                pieces.iter().zip(values).map(|(piece, value)| piece.replace('?', value)).collect::<String>()
            };
            let (one, other) = (spelled(&values[..12]), spelled(&values[12..]));
            let normal = |text: &str| tokens(text.as_bytes(), false).map(|tokens| normalised(text.as_bytes(), &tokens));
            if of(&one).is_some() && of(&one) == of(&other) {
                proptest::prop_assert_eq!(normal(&one), normal(&other), "{} {}", one, other);
            }
            let mode = mysql::Mode { backslash, ansi_quotes, ..mysql::Mode::default() };
            let normal = |text: &str| mysql::tokens(text.as_bytes(), mode).map(|tokens| mysql::normalised(text.as_bytes(), &tokens));
            let of = |text: &str| {
                let mut out = Vec::new();
                shape(text.as_bytes(), Names::Backtick, &mut out).then_some(out)
            };
            if of(&one).is_some() && of(&one) == of(&other) {
                proptest::prop_assert_eq!(normal(&one), normal(&other), "{} {}", one, other);
            }
        }
    }

    const PIECES: &[&str] = &[
        "SELECT ",
        "a",
        " = ?",
        " ? ",
        "?",
        "'?'",
        " '?' ",
        ", ",
        "(?)",
        ".",
        "$1",
        " -",
        "--",
        "\n",
        "\"?\"",
        "`?`",
        "_utf8",
        " -- ",
        "e",
        "IN (?, ?)",
        ";",
        " LIKE '?'",
        "'?''?'",
        "::",
        " || ",
        "1",
    ];
    const VALUES: &[&str] = &["1", "22", "3.5", "x", "it''s", "a", "%", "", "'", "1e3", "--", "0", "\\"];
}
