//! PostgreSQL's own tokens, as its scanner (scan.l) cuts them; for statements that are to be understood, not guessed at.
//! What the scanner refuses, or reads in a way that depends on what is not known here, is [`Unreadable`].
//!
//! Tolerates bytes over 0x7f in names (any encoding whose other bytes are ASCII). Rejects strings, names and comments
//! that do not end, names spelled with `U&"…"`, and bytes that begin no token. Linear: every byte is read once.

use super::Unreadable;
use super::keys::Key;
use std::borrow::Cow;

/// One token. `start < end <= text.len()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bare word: a keyword or a name.
    Word(Key),
    /// `"a name"`.
    Quoted,
    /// A string in any quoting.
    Text,
    /// A number.
    Number,
    /// `$1`
    Parameter,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `.`
    Dot,
    /// `*` by itself.
    Star,
    /// Any other operator or mark: `=`, `::`, `[`, …
    Mark,
}

/// Names end after so many bytes (NAMEDATALEN - 1); the server cuts longer ones.
pub const NAME_BYTES: usize = 63;

/// Cuts a text into tokens; comments and white space are left out.
#[derive(Clone, Copy, Debug)]
pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// `standard_conforming_strings = off`: a backslash escapes in every `'…'`.
    backslash: bool,
}

impl<'a> Lexer<'a> {
    /// Tokens of `text`. `backslash` when the session has `standard_conforming_strings` off.
    pub fn new(text: &'a [u8], backslash: bool) -> Self {
        Self { text, at: 0, backslash }
    }

    /// The next token; nothing at the end.
    ///
    /// # Errors
    /// What the scanner refuses.
    pub fn read(&mut self) -> Result<Option<Token>, Unreadable> {
        self.skip_blank()?;
        let start = self.at;
        let Some(first) = self.peek(0) else { return Ok(None) };
        let kind = self.token(first)?;
        Ok(Some(Token { kind, start, end: self.at }))
    }

    fn token(&mut self, first: u8) -> Result<Kind, Unreadable> {
        match first {
            b'\'' => self.string(1, self.backslash),
            b'"' => self.quoted_name(),
            b'$' => self.dollar(),
            b'0'..=b'9' => Ok(self.number()),
            b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => Ok(self.number()),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => self.word(first),
            _ => self.mark(first),
        }
    }

    /// Steps over white space and comments. `/* … */` nests.
    fn skip_blank(&mut self) -> Result<(), Unreadable> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0c), _) => self.at += 1,
                (Some(b'-'), Some(b'-')) => self.skip_line(),
                (Some(b'/'), Some(b'*')) => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.rest(0);
        self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    }

    fn skip_comment(&mut self) -> Result<(), Unreadable> {
        let mut depth = 0_usize;
        while let Some(offset) = memchr::memchr2(b'/', b'*', self.rest(0)) {
            self.at += offset;
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => depth += 1,
                (Some(b'*'), Some(b'/')) => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(Unreadable::OpenComment)
    }

    /// A string whose first quote stands `prefix - 1` bytes ahead; pieces on further lines belong to it.
    fn string(&mut self, prefix: usize, backslash: bool) -> Result<Kind, Unreadable> {
        self.at += prefix;
        loop {
            let rest = self.rest(0);
            let found = if backslash { memchr::memchr2(b'\'', b'\\', rest) } else { memchr::memchr(b'\'', rest) };
            self.at += found.ok_or(Unreadable::OpenString)?;
            match (self.peek(0), self.peek(1)) {
                (Some(b'\\'), None) => return Err(Unreadable::OpenString),
                (Some(b'\\'), _) | (_, Some(b'\'')) => self.at += 2,
                _ => {
                    self.at += 1;
                    let Some(next) = self.continued() else { return Ok(Kind::Text) };
                    self.at = next;
                }
            }
        }
    }

    /// Where a string goes on that was closed: one past the next quote, if only white space with a line's end (and
    /// comments to the line's end) stands between.
    fn continued(&self) -> Option<usize> {
        let mut ahead = *self;
        let mut new_line = false;
        loop {
            match (ahead.peek(0), ahead.peek(1)) {
                (Some(b' ' | b'\t' | 0x0c), _) => ahead.at += 1,
                (Some(b'\n' | b'\r'), _) => {
                    new_line = true;
                    ahead.at += 1;
                }
                (Some(b'-'), Some(b'-')) => ahead.skip_line(),
                (Some(b'\''), _) if new_line => return Some(ahead.at + 1),
                _ => return None,
            }
        }
    }

    fn quoted_name(&mut self) -> Result<Kind, Unreadable> {
        self.at += 1;
        loop {
            self.at += memchr::memchr(b'"', self.rest(0)).ok_or(Unreadable::OpenName)? + 1;
            if self.peek(0) != Some(b'"') {
                return Ok(Kind::Quoted);
            }
            self.at += 1;
        }
    }

    /// `$1`, `$$ … $$`, `$tag$ … $tag$`.
    fn dollar(&mut self) -> Result<Kind, Unreadable> {
        let digits = self.count(1, |byte| byte.is_ascii_digit());
        if digits > 0 {
            self.at += 1 + digits;
            return Ok(Kind::Parameter);
        }
        let tag = self.count(1, |byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80);
        if self.peek(1 + tag) != Some(b'$') {
            return Err(Unreadable::Mark);
        }
        let delimiter = self.text.get(self.at..self.at + tag + 2).unwrap_or_default();
        self.at += delimiter.len();
        let end = memchr::memmem::find(self.rest(0), delimiter).ok_or(Unreadable::OpenString)?;
        self.at += end + delimiter.len();
        Ok(Kind::Text)
    }

    fn number(&mut self) -> Kind {
        if self.peek(0) == Some(b'0') && matches!(self.peek(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')) {
            let digits = self.count(2, |byte| byte.is_ascii_hexdigit() || byte == b'_');
            if digits > 0 {
                self.at += 2 + digits;
                return Kind::Number;
            }
        }
        let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
        self.at += self.count(0, is_digit);
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            self.at += 1 + self.count(1, is_digit);
        }
        let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
        if matches!(self.peek(0), Some(b'e' | b'E')) && self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1 + sign + self.count(1 + sign, |byte| byte.is_ascii_digit());
        }
        Kind::Number
    }

    /// A bare word, or a string with a prefix.
    fn word(&mut self, first: u8) -> Result<Kind, Unreadable> {
        match (first, self.peek(1), self.peek(2)) {
            (b'e' | b'E', Some(b'\''), _) => return self.string(2, true),
            (b'b' | b'B' | b'x' | b'X', Some(b'\''), _) => return self.string(2, false),
            (b'n' | b'N', Some(b'\''), _) => return self.string(2, self.backslash),
            (b'u' | b'U', Some(b'&'), Some(b'\'')) => return self.string(3, false),
            (b'u' | b'U', Some(b'&'), Some(b'"')) => return Err(Unreadable::EscapedName),
            _ => {}
        }
        let start = self.at;
        self.at += self.count(0, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80);
        let word = self.text.get(start..self.at).unwrap_or_default();
        Ok(Kind::Word(Key::of(word)))
    }

    /// Marks, and operators of any length; an operator ends where a comment begins.
    fn mark(&mut self, first: u8) -> Result<Kind, Unreadable> {
        let single = match first {
            b'(' => Kind::Open,
            b')' => Kind::Close,
            b',' => Kind::Comma,
            b';' => Kind::Semicolon,
            b'.' => Kind::Dot,
            b'[' | b']' | b':' => Kind::Mark,
            _ => {
                let length = self.operator();
                let kind = if first == b'*' && length == 1 { Kind::Star } else { Kind::Mark };
                self.at += length;
                return if length == 0 { Err(Unreadable::Mark) } else { Ok(kind) };
            }
        };
        self.at += 1;
        Ok(single)
    }

    fn operator(&self) -> usize {
        let mut length = 0;
        while let Some(byte) = self.peek(length) {
            let comment = matches!((byte, self.peek(length + 1)), (b'-', Some(b'-')) | (b'/', Some(b'*')));
            if comment || !b"~!@#^&|`?+-*/%<>=".contains(&byte) {
                break;
            }
            length += 1;
        }
        // An operator of several marks ends in `+` or `-` only if it holds one of `~!@#%^&|`?`.
        let keeps_sign = |op: &[u8]| op.iter().any(|byte| b"~!@#^&|`?%".contains(byte));
        while length > 1 {
            let op = self.text.get(self.at..self.at + length).unwrap_or_default();
            if !matches!(op.last(), Some(b'+' | b'-')) || keeps_sign(op) {
                break;
            }
            length -= 1;
        }
        length
    }

    fn count(&self, ahead: usize, wanted: impl Fn(u8) -> bool) -> usize {
        self.rest(ahead).iter().take_while(|byte| wanted(**byte)).count()
    }

    fn rest(&self, ahead: usize) -> &'a [u8] {
        self.text.get(self.at + ahead..).unwrap_or_default()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }
}

/// Tokens by their place in a statement.
pub(super) trait Places {
    /// What the token here is; nothing behind the last.
    fn kind(&self, at: usize) -> Option<Kind>;

    /// The keyword here, if a bare word is.
    fn key(&self, at: usize) -> Option<Key> {
        match self.kind(at) {
            Some(Kind::Word(key)) => Some(key),
            _ => None,
        }
    }

    /// The name that must be here.
    fn name(&self, text: &[u8], at: usize) -> Result<String, Unreadable>;
}

impl Places for [Token] {
    fn kind(&self, at: usize) -> Option<Kind> {
        self.get(at).map(|token| token.kind)
    }

    fn name(&self, text: &[u8], at: usize) -> Result<String, Unreadable> {
        let token = self.get(at).ok_or(Unreadable::Incomplete)?;
        match token.kind {
            Kind::Word(_) | Kind::Quoted => token.name(text).map(Cow::into_owned),
            _ => Err(Unreadable::Keyword),
        }
    }
}

impl Token {
    /// The bytes of the token.
    pub fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// The name that a word or quoted name spells: folded or unquoted, cut to what the server keeps.
    ///
    /// # Errors
    /// When it is no UTF-8: then no rule can name it.
    pub fn name<'a>(&self, text: &'a [u8]) -> Result<Cow<'a, str>, Unreadable> {
        let bytes = self.of(text);
        let quoted = self.kind == Kind::Quoted;
        let bare = if quoted { bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default() } else { bytes };
        let spelled = std::str::from_utf8(bare).map_err(|_| Unreadable::Encoding)?;
        let name = match quoted {
            true if spelled.contains('"') => Cow::Owned(spelled.replace("\"\"", "\"")),
            false if spelled.bytes().any(|byte| byte.is_ascii_uppercase()) => Cow::Owned(spelled.to_ascii_lowercase()),
            _ => Cow::Borrowed(spelled),
        };
        Ok(if name.len() <= NAME_BYTES { name } else { Cow::Owned(cut(&name).to_owned()) })
    }
}

/// The first [`NAME_BYTES`] of a name, no character cut in half.
fn cut(name: &str) -> &str {
    let end = (0..=NAME_BYTES).rev().find(|at| name.is_char_boundary(*at)).unwrap_or_default();
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, backslash: bool) -> Result<Vec<String>, Unreadable> {
        let mut lexer = Lexer::new(text.as_bytes(), backslash);
        let mut found = Vec::new();
        while let Some(token) = lexer.read()? {
            found.push(String::from_utf8_lossy(token.of(text.as_bytes())).into_owned());
        }
        Ok(found)
    }

    fn plain(text: &str) -> Vec<String> {
        tokens(text, false).unwrap()
    }

    #[test]
    fn backslash_escapes_only_where_the_server_says() {
        assert_eq!(plain(r"'a\' b"), [r"'a\'", "b"]);
        assert_eq!(plain(r"E'a\' b' c"), [r"E'a\' b'", "c"]);
        assert_eq!(tokens(r"'a\' b' c", true).unwrap(), [r"'a\' b'", "c"]);
        assert_eq!(plain(r"B'1\' x"), [r"B'1\'", "x"]);
    }

    #[test]
    fn string_goes_on_after_a_line_end() {
        assert_eq!(plain("'a'\n 'b' c"), ["'a'\n 'b'", "c"]);
        assert_eq!(plain("E'a' -- x\n '\\' b' c"), ["E'a' -- x\n '\\' b'", "c"]);
        assert_eq!(plain("'a' 'b'"), ["'a'", "'b'"]);
    }

    #[test]
    fn dollar_belongs_to_a_name_but_begins_a_string() {
        assert_eq!(plain("a$$b$$ $$'$$ $x$ $$ $x$ $1"), ["a$$b$$", "$$'$$", "$x$ $$ $x$", "$1"]);
        assert_eq!(tokens("$x$ a $y$", false), Err(Unreadable::OpenString));
    }

    #[test]
    fn comments_nest() {
        assert_eq!(plain("a /* /* */ b */ c -- d\n e"), ["a", "c", "e"]);
        assert_eq!(tokens("a /* /* */", false), Err(Unreadable::OpenComment));
        assert_eq!(plain("1+--2\n3"), ["1", "+", "3"]);
        assert_eq!(plain("1*/**/2"), ["1", "*", "2"]);
    }

    #[test]
    fn operators_are_as_long_as_the_server_reads_them() {
        assert_eq!(plain("a*-1 @- b->>'c'"), ["a", "*", "-", "1", "@-", "b", "->>", "'c'"]);
    }

    #[test]
    fn names_are_folded_unquoted_and_cut() {
        let name = |text: &str| {
            let token = Lexer::new(text.as_bytes(), false).read().unwrap().unwrap();
            token.name(text.as_bytes()).unwrap().into_owned()
        };
        assert_eq!(name("Users"), "users");
        assert_eq!(name(r#""Us""ers""#), r#"Us"ers"#);
        assert_eq!(name(&"a".repeat(64)), "a".repeat(63));
        assert_eq!(name(&format!("{}é", "a".repeat(62))), "a".repeat(62));
    }

    #[test]
    fn what_the_scanner_refuses_is_unreadable() {
        for text in ["'a", "\"a", "/*", "U&\"a\"", "\\", "{", "$", "\x0b", "a \u{1}"] {
            assert!(tokens(text, false).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn tokens_go_forward_and_stay_inside(text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut lexer = Lexer::new(&text, false);
            let mut at = 0;
            while let Ok(Some(token)) = lexer.read() {
                proptest::prop_assert!(at <= token.start && token.start < token.end && token.end <= text.len());
                at = token.end;
            }
        }
    }
}
