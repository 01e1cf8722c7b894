//! A plain text without the values in it, byte by byte: what tells apart statements of which only literals differ, without
//! cutting them into tokens first. Two texts of one shape have the same tokens but for the content of strings and the
//! digits of numbers; and no string of them spells a name that stands just before it.
//!
//! Not plain, and so without a shape: comments, backslashes, dollar quotes, `[`, `{`, `@`, `#`, and names in quotes of the other
//! dialect. Linear, one pass.

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
    let mut reader = Reader { text, at: 0, words: [&[]; 2] };
    while let Some(byte) = reader.text.get(reader.at).copied() {
        let plain = match byte {
            b'\'' => reader.string(out),
            b'0'..=b'9' => {
                reader.number(out);
                true
            }
            b'"' if names == Names::Double => reader.name(byte, out),
            b'`' if names == Names::Backtick => reader.name(byte, out),
            b'$' if names == Names::Double => reader.parameter(out),
            b'\\' | b'[' | b'{' | b'}' | b'@' | b'#' | b'`' | b'"' => false,
            b'-' | b'/' | b'*' => reader.mark(byte, out),
            _ if is_word(byte) => {
                let end = reader.end(reader.at, is_word);
                reader.words = [reader.words[1], reader.put(end, out)];
                true
            }
            _ => {
                reader.put(reader.at + 1, out);
                true
            }
        };
        if !plain {
            return false;
        }
    }
    true
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// The last two words.
    words: [&'a [u8]; 2],
}

impl<'a> Reader<'a> {
    /// Copies the text up to `end`.
    fn put(&mut self, end: usize, out: &mut Vec<u8>) -> &'a [u8] {
        let piece = self.text.get(self.at..end).unwrap_or_default();
        out.extend_from_slice(piece);
        self.at = end;
        piece
    }

    /// Where the bytes end, from `at` on, that are wanted.
    fn end(&self, at: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len())
    }

    fn before(&self) -> u8 {
        self.at.checked_sub(1).and_then(|at| self.text.get(at)).copied().unwrap_or(b' ')
    }

    fn string(&mut self, out: &mut Vec<u8>) -> bool {
        if is_word(self.before()) || self.before() == b'&' {
            return false;
        }
        let mut end = self.at + 1;
        loop {
            let rest = self.text.get(end..).unwrap_or_default();
            let Some(offset) = memchr::memchr2(b'\'', b'\\', rest) else { return false };
            end += offset + 1;
            match (rest.get(offset), rest.get(offset + 1)) {
                (Some(b'\\'), _) => return false,
                (_, Some(b'\'')) => end += 1,
                _ => break,
            }
        }
        let content = self.text.get(self.at + 1..end - 1).unwrap_or_default();
        // What everything is like, and what a name before it is compared with, tells.
        let tells = self.words.contains(&content) || content.trim_ascii().iter().all(|byte| *byte == b'%');
        if tells {
            self.put(end, out);
        } else {
            out.extend_from_slice(b"''");
            self.at = end;
        }
        true
    }

    fn number(&mut self, out: &mut Vec<u8>) {
        let mut end = self.end(self.at, |byte| byte.is_ascii_digit());
        let fraction = end + 1;
        if self.text.get(end) == Some(&b'.') && self.text.get(fraction).is_some_and(u8::is_ascii_digit) {
            end = self.end(fraction, |byte| byte.is_ascii_digit());
        }
        let stuck = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'\'' | b'"' | b':');
        let plain = !stuck(self.before()) && !self.text.get(end).copied().is_some_and(stuck);
        if plain {
            out.push(b'0');
            self.at = end;
        } else {
            self.put(end, out);
        }
    }

    fn name(&mut self, quote: u8, out: &mut Vec<u8>) -> bool {
        let end = self.end(self.at + 1, |byte| !matches!(byte, b'"' | b'`' | b'\'' | b'\\'));
        let closed = self.text.get(end) == Some(&quote);
        let inside = self.text.get(self.at + 1..end).unwrap_or_default();
        self.put(end + 1, out);
        self.words = [self.words[1], inside];
        closed
    }

    fn parameter(&mut self, out: &mut Vec<u8>) -> bool {
        let end = self.end(self.at + 1, |byte| byte.is_ascii_digit());
        let plain = end > self.at + 1 && !is_word(self.before());
        self.put(end, out);
        plain
    }

    /// A mark that may begin or end a comment.
    fn mark(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        let next = self.text.get(self.at + 1).copied();
        self.put(self.at + 1, out);
        !matches!((byte, next), (b'-', Some(b'-')) | (b'/', Some(b'*')) | (b'*', Some(b'/')))
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
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
