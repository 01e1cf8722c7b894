//! MySQL's and MariaDB's own tokens, as their scanner (sql_lex.cc) cuts them under the session's modes; for statements that
//! are to be understood, not guessed at. What the scanner refuses, or reads in a way that depends on what is not known here,
//! is [`Unreadable`].
//!
//! Comments that are read as code (`/*! … */`, `/*M! … */`) are, if the server's version says so. Rejects such comments
//! inside each other, or with an end of a statement in them; strings, names and comments that do not end; bytes over 0x7f
//! in bare words unless the client's character set is UTF-8; `{` and `}`. Linear: every byte is read once.

use super::Unreadable;
use super::keys::Key;
use super::mode::Mode;
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
    /// `` `a name` ``, or `"a name"` under ANSI_QUOTES.
    Quoted,
    /// A string in any quoting.
    Text,
    /// A number.
    Number,
    /// `?`
    Parameter,
    /// `@a`, `@@session.a`
    Variable,
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
    /// Any other operator or mark: `=`, `:=`, `||`, …
    Mark,
}

/// Cuts a text into tokens; comments and white space are left out.
#[derive(Clone, Copy, Debug)]
pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    mode: Mode,
    /// Inside a comment that is read as code.
    executing: bool,
    /// The last token was a name: a dot that touches it joins the next word to it.
    behind_name: bool,
}

impl<'a> Lexer<'a> {
    /// Tokens of `text` under the session's modes.
    pub fn new(text: &'a [u8], mode: Mode) -> Self {
        Self { text, at: 0, mode, executing: false, behind_name: false }
    }

    /// The next token; nothing at the end.
    ///
    /// # Errors
    /// What the scanner refuses.
    pub fn read(&mut self) -> Result<Option<Token>, Unreadable> {
        let before = self.at;
        self.skip_blank()?;
        let start = self.at;
        let Some(first) = self.peek(0) else {
            return if self.executing { Err(Unreadable::OpenComment) } else { Ok(None) };
        };
        let joined = self.behind_name && start == before;
        let kind = self.token(first, joined)?;
        self.behind_name = matches!(kind, Kind::Word(_) | Kind::Quoted) || joined && kind == Kind::Dot;
        Ok(Some(Token { kind, start, end: self.at }))
    }

    fn token(&mut self, first: u8, joined: bool) -> Result<Kind, Unreadable> {
        let dotted = joined && self.at.checked_sub(1).and_then(|at| self.text.get(at)) == Some(&b'.');
        match first {
            b'\'' => self.string(1, b'\'', self.mode.backslash),
            b'"' if self.mode.ansi_quotes => self.quoted(b'"'),
            b'"' => self.string(1, b'"', self.mode.backslash),
            b'`' => self.quoted(b'`'),
            b'@' => self.variable(),
            b'0'..=b'9' if dotted => self.word(),
            b'0'..=b'9' => self.number(),
            b'.' if !joined && self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            b'\\' if self.peek(1) == Some(b'N') && !self.peek(2).is_some_and(is_word) => {
                self.at += 2;
                Ok(Kind::Word(Key::Null))
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | 0x80.. => self.word(),
            _ => self.mark(first),
        }
    }

    /// Steps over white space, comments, and the marks of comments that are read as code.
    fn skip_blank(&mut self) -> Result<(), Unreadable> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c), _) => self.at += 1,
                (Some(b'#'), _) => self.skip_line(),
                // Without a blank behind it, it is two signs.
                (Some(b'-'), Some(b'-')) if self.peek(2).is_none_or(|byte| byte <= b' ' || byte == 0x7f) => {
                    self.skip_line();
                }
                (Some(b'/'), Some(b'*')) => self.comment()?,
                (Some(b'*'), Some(b'/')) if self.executing => {
                    self.at += 2;
                    self.executing = false;
                }
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.rest(0);
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    /// `/* … */`, which does not nest; or one that is read as code, of which only the mark is stepped over.
    fn comment(&mut self) -> Result<(), Unreadable> {
        let maria = self.mode.server.mariadb && self.peek(2) == Some(b'M') && self.peek(3) == Some(b'!');
        if self.peek(2) != Some(b'!') && !maria {
            return self.skip_comment(true);
        }
        if self.executing {
            return Err(Unreadable::Comment);
        }
        let mark = if maria { 4 } else { 3 };
        let digits = self.count(mark, |byte| byte.is_ascii_digit());
        let length = match digits {
            0..=4 => 0,
            5 => 5,
            // Versions of MySQL differ in how many digits they take.
            _ if !self.mode.server.mariadb => return Err(Unreadable::Comment),
            _ => 6,
        };
        let version = self.rest(mark).iter().take(length).fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        if length > 0 && !self.mode.server.executes(version, maria) {
            return self.skip_comment(false);
        }
        self.at += mark + length;
        self.executing = true;
        Ok(())
    }

    /// Whether a further `/*` in a skipped comment opens one of its own differs between kinds of comment and servers.
    fn skip_comment(&mut self, plain: bool) -> Result<(), Unreadable> {
        let body = self.rest(2);
        let end = memchr::memmem::find(body, b"*/").ok_or(Unreadable::OpenComment)?;
        let inner = body.get(..end).unwrap_or_default();
        if !plain && memchr::memmem::find(inner, b"/*").is_some() {
            return Err(Unreadable::Comment);
        }
        self.at += end + 4;
        Ok(())
    }

    /// A string whose first quote stands `prefix - 1` bytes ahead.
    fn string(&mut self, prefix: usize, quote: u8, backslash: bool) -> Result<Kind, Unreadable> {
        self.at += prefix;
        loop {
            let rest = self.rest(0);
            let found = if backslash { memchr::memchr2(quote, b'\\', rest) } else { memchr::memchr(quote, rest) };
            self.at += found.ok_or(Unreadable::OpenString)?;
            match (self.peek(0), self.peek(1)) {
                (Some(b'\\'), None) if backslash => return Err(Unreadable::OpenString),
                (Some(b'\\'), _) if backslash => self.at += 2,
                (_, Some(next)) if next == quote => self.at += 2,
                _ => {
                    self.at += 1;
                    return Ok(Kind::Text);
                }
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<Kind, Unreadable> {
        self.at += 1;
        loop {
            self.at += memchr::memchr(quote, self.rest(0)).ok_or(Unreadable::OpenName)? + 1;
            if self.peek(0) != Some(quote) {
                return Ok(Kind::Quoted);
            }
            self.at += 1;
        }
    }

    /// `@a`, `@'a'`, `` @`a` ``, `@@a`, `@@session.a`; `@` alone stands between a user and a host.
    fn variable(&mut self) -> Result<Kind, Unreadable> {
        let marks = if self.peek(1) == Some(b'@') { 2 } else { 1 };
        self.at += marks;
        match self.peek(0) {
            Some(quote @ b'`') => {
                self.quoted(quote)?;
            }
            Some(quote @ (b'\'' | b'"')) if marks == 1 => {
                self.string(1, quote, self.mode.backslash && !(quote == b'"' && self.mode.ansi_quotes))?;
            }
            _ => {
                let length = self.count(0, |byte| is_word(byte) || byte == b'.');
                self.is_readable(length)?;
                self.at += length;
            }
        }
        Ok(Kind::Variable)
    }

    /// A number; or a word that begins with digits.
    fn number(&mut self) -> Result<Kind, Unreadable> {
        let digits = self.count(0, |byte| byte.is_ascii_digit());
        let prefix = self.peek(1).filter(|_| digits == 1 && self.peek(0) == Some(b'0'));
        let radix: Option<fn(u8) -> bool> = match prefix {
            Some(b'x') => Some(|byte: u8| byte.is_ascii_hexdigit()),
            Some(b'b') => Some(|byte: u8| matches!(byte, b'0' | b'1')),
            _ => None,
        };
        if let Some(wanted) = radix {
            let length = self.count(2, wanted);
            if length > 0 && !self.peek(2 + length).is_some_and(is_word) {
                self.at += 2 + length;
                return Ok(Kind::Number);
            }
            return self.word();
        }
        if digits > 0 && self.peek(digits).is_some_and(is_word) && self.exponent(digits) == 0 {
            return self.word();
        }
        self.at += digits;
        if self.peek(0) == Some(b'.') {
            self.at += 1 + self.count(1, |byte| byte.is_ascii_digit());
        }
        self.at += self.exponent(0);
        Ok(Kind::Number)
    }

    /// The length of `e5`, `E-5`.
    fn exponent(&self, ahead: usize) -> usize {
        if !matches!(self.peek(ahead), Some(b'e' | b'E')) {
            return 0;
        }
        let sign = usize::from(matches!(self.peek(ahead + 1), Some(b'+' | b'-')));
        match self.count(ahead + 1 + sign, |byte| byte.is_ascii_digit()) {
            0 => 0,
            digits => 1 + sign + digits,
        }
    }

    /// A bare word, or a string with a prefix.
    fn word(&mut self) -> Result<Kind, Unreadable> {
        let length = self.count(0, is_word);
        self.is_readable(length)?;
        let word = self.rest(0).get(..length).unwrap_or_default();
        let quote = self.peek(length).filter(|byte| matches!(byte, b'\'' | b'"'));
        let introduces = matches!(word, [b'_', ..] | [b'n' | b'N' | b'x' | b'X' | b'b' | b'B']);
        if let Some(quote) = quote.filter(|_| introduces)
            && !(quote == b'"' && (self.mode.ansi_quotes || !word.starts_with(b"_")))
        {
            return self.string(length + 1, quote, self.mode.backslash);
        }
        self.at += length;
        // Joined to another name by a dot, no word is a keyword.
        let joins = self.peek(0) == Some(b'.') && self.peek(1).is_some_and(is_word);
        Ok(Kind::Word(if joins { Key::Other } else { Key::of(word) }))
    }

    /// In other character sets than UTF-8 a byte over 0x7f may be a blank.
    fn is_readable(&self, length: usize) -> Result<(), Unreadable> {
        let word = self.rest(0).get(..length).unwrap_or_default();
        if self.mode.utf8 || word.is_ascii() { Ok(()) } else { Err(Unreadable::Encoding) }
    }

    fn mark(&mut self, first: u8) -> Result<Kind, Unreadable> {
        let kind = match first {
            b'(' => Kind::Open,
            b')' => Kind::Close,
            b',' => Kind::Comma,
            b'.' => Kind::Dot,
            b'?' => Kind::Parameter,
            b'*' => Kind::Star,
            b';' if self.executing => return Err(Unreadable::Comment),
            b';' => Kind::Semicolon,
            b'=' | b'<' | b'>' | b'!' | b'|' | b'&' | b'+' | b'-' | b'/' | b'%' | b'^' | b'~' | b':' => {
                return Ok(self.operator());
            }
            _ => return Err(Unreadable::Mark),
        };
        self.at += 1;
        Ok(kind)
    }

    /// `<=>`, `:=`, `->>` are one token; how others are cut changes nothing.
    fn operator(&mut self) -> Kind {
        let pairs: [&[u8]; 12] = [b"<=>", b"->>", b"->", b":=", b"<=", b">=", b"<>", b"!=", b"||", b"&&", b"<<", b">>"];
        let length = pairs.iter().find(|pair| self.rest(0).starts_with(pair)).map_or(1, |pair| pair.len());
        self.at += length;
        Kind::Mark
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

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
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

    /// Whether it is this bare word, in any letter case.
    pub(super) fn is(&self, text: &[u8], word: &str) -> bool {
        matches!(self.kind, Kind::Word(_)) && self.of(text).eq_ignore_ascii_case(word.as_bytes())
    }

    /// The name that a word or quoted name spells, in its own letter case: whether that counts is the server's affair.
    ///
    /// # Errors
    /// When it is no UTF-8: then no rule can name it.
    pub fn name<'a>(&self, text: &'a [u8]) -> Result<Cow<'a, str>, Unreadable> {
        let bytes = self.of(text);
        if self.kind != Kind::Quoted {
            return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Unreadable::Encoding);
        }
        let bare = bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default();
        let spelled = std::str::from_utf8(bare).map_err(|_| Unreadable::Encoding)?;
        let (one, two) = if bytes.starts_with(b"`") { ("`", "``") } else { ("\"", "\"\"") };
        Ok(if spelled.contains(one) { Cow::Owned(spelled.replace(two, one)) } else { Cow::Borrowed(spelled) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::sql::mysql::Server;

    fn tokens(text: &str, mode: Mode) -> Result<Vec<String>, Unreadable> {
        let mut lexer = Lexer::new(text.as_bytes(), mode);
        let mut found = Vec::new();
        while let Some(token) = lexer.read()? {
            found.push(String::from_utf8_lossy(token.of(text.as_bytes())).into_owned());
        }
        Ok(found)
    }

    fn plain(text: &str) -> Vec<String> {
        tokens(text, Mode::default()).unwrap()
    }

    #[test]
    fn strings_end_where_the_mode_says() {
        assert_eq!(plain(r"'a\' b' c"), [r"'a\' b'", "c"]);
        assert_eq!(plain(r#""a""b" 'it''s'"#), [r#""a""b""#, "'it''s'"]);
        let literal = Mode { backslash: false, ..Mode::default() };
        assert_eq!(tokens(r"'a\' b", literal).unwrap(), [r"'a\'", "b"]);
        let ansi = Mode { ansi_quotes: true, ..Mode::default() };
        assert_eq!(tokens(r#""a\" b"#, ansi).unwrap(), [r#""a\""#, "b"]);
        assert_eq!(plain(r"_utf8mb4'a\'b' N'c' x'41'"), [r"_utf8mb4'a\'b'", "N'c'", "x'41'"]);
    }

    #[test]
    fn comments_are_those_of_the_server() {
        assert_eq!(plain("a -- b\n c --d # e\n f"), ["a", "c", "-", "-", "d", "f"]);
        assert_eq!(plain("a /* ' */ b /* /* */ c"), ["a", "b", "c"]);
        assert_eq!(tokens("a /* b", Mode::default()), Err(Unreadable::OpenComment));
    }

    #[test]
    fn comments_are_code_where_the_version_says_so() {
        let of = |version: &str| Mode { server: Server::of(version.as_bytes()), ..Mode::default() };
        let maria = of("5.5.5-10.11.6-MariaDB-1");
        assert_eq!(tokens("a /*!40101 b */ c", maria).unwrap(), ["a", "b", "c"]);
        assert_eq!(tokens("a /*! b */ c", maria).unwrap(), ["a", "b", "c"]);
        assert_eq!(tokens("a /*!50701 b */ c", maria).unwrap(), ["a", "c"]);
        assert_eq!(tokens("a /*M!100100 b */ c", maria).unwrap(), ["a", "b", "c"]);
        assert_eq!(tokens("a /*M!110100 b */ c", maria).unwrap(), ["a", "c"]);
        let mysql = of("8.0.36");
        assert_eq!(tokens("a /*!50701 b */ c", mysql).unwrap(), ["a", "b", "c"]);
        assert_eq!(tokens("a /*!90000 b */ c", mysql).unwrap(), ["a", "c"]);
        assert_eq!(tokens("a /*M!100100 b */ c", mysql).unwrap(), ["a", "c"]);
        assert_eq!(tokens("a /*!500001 b */ c", mysql), Err(Unreadable::Comment));
        for text in ["/*! a", "/*! a; b */", "/*! a /*! b */ */", "/*!99999 /* b */ */"] {
            assert!(tokens(text, maria).is_err(), "{text}");
        }
    }

    #[test]
    fn words_may_begin_with_digits() {
        assert_eq!(
            plain("1a 1e5union 1.union 0x41 0xz 1e 2.5e-3"),
            ["1a", "1e5", "union", "1.", "union", "0x41", "0xz", "1e", "2.5e-3"]
        );
        assert_eq!(plain("t.1a t.5 .5"), ["t", ".", "1a", "t", ".", "5", ".5"]);
    }

    #[test]
    fn variables_are_one_token() {
        assert_eq!(
            plain("@a:=1 @@session.b @`c` @'d' u@h"),
            ["@a", ":=", "1", "@@session.b", "@`c`", "@'d'", "u", "@h"]
        );
    }

    #[test]
    fn what_the_scanner_refuses_is_unreadable() {
        for text in ["'a", "`a", "\"a", "/*", "{d '1'}", "a\0b", "\\", "[a]"] {
            assert!(tokens(text, Mode::default()).is_err(), "{text:?}");
        }
        let latin = Mode { utf8: false, ..Mode::default() };
        assert_eq!(tokens("SELECT\u{a0}1", latin), Err(Unreadable::Encoding));
        assert!(tokens("SELECT 'é'", latin).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn tokens_go_forward_and_stay_inside(text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut lexer = Lexer::new(&text, Mode::default());
            let mut at = 0;
            while let Ok(Some(token)) = lexer.read() {
                proptest::prop_assert!(at <= token.start && token.start < token.end && token.end <= text.len());
                at = token.end;
            }
        }
    }
}
