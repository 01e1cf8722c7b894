//! Cuts bytes into SQL tokens under one reading. Never fails: what no dialect knows becomes [`Kind::Unknown`].

use super::{Comment, Kind, Operator, Reading, Token, Word};

/// Reads tokens one after the other. Copying it is how one looks ahead.
#[derive(Clone, Copy, Debug)]
pub struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    reading: Reading,
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blank();
        let start = self.at;
        let first = self.peek(0)?;
        let kind = self.token(first);
        if self.at == start {
            self.at += 1;
        }
        self.at = self.at.min(self.bytes.len());
        Some(Token { kind, start, end: self.at })
    }
}

impl<'a> Lexer<'a> {
    /// Bytes of the tag of a dollar quote; PostgreSQL's names are no longer.
    const LONGEST_TAG: usize = 63;

    /// Tokens from byte `at` on; `at` stands outside of strings and comments.
    pub fn new(bytes: &'a [u8], at: usize, reading: Reading) -> Self {
        Self { bytes, at, reading }
    }

    /// The end of the string that byte `at` stands in, one past its closing `quote`; nothing when it does not end.
    pub fn leave_string(bytes: &[u8], at: usize, quote: u8, reading: Reading) -> Option<usize> {
        let mut lexer = Lexer::new(bytes, at, reading);
        lexer.string(quote, reading.backslash).then_some(lexer.at)
    }

    /// The first byte behind white space: of the next token, or of a comment before it.
    pub fn first_ahead(&self) -> Option<u8> {
        let mut lexer = *self;
        lexer.skip_blank();
        lexer.peek(0)
    }

    /// Goes to the end of a token that a copy of this lexer has read.
    pub fn go_to(&mut self, end: usize) {
        self.at = end;
    }

    /// Where the next token is looked for.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Steps over white space, and over `*/`, which ends an executable comment or one that nests.
    fn skip_blank(&mut self) {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(0..=0x20 | 0x7f | 0xa0), _) => self.at += 1,
                (Some(b'+'), _) if self.reading.plus_is_space => self.at += 1,
                (Some(0xc2), Some(0xa0)) => self.at += 2,
                (Some(b'*'), Some(b'/')) if self.peek(2) != Some(b'*') => self.at += 2,
                (Some(b'/'), Some(b'*')) if self.begins_executable() => self.enter_executable(),
                _ => return,
            }
        }
    }

    /// Steps over `/*!`, `/*M!` and the version after it (five or six digits).
    fn enter_executable(&mut self) {
        self.at += if self.peek(2) == Some(b'!') { 3 } else { 4 };
        let digits = (0..6).take_while(|ahead| self.peek(*ahead).is_some_and(|byte| byte.is_ascii_digit())).count();
        self.at += digits;
    }

    fn begins_executable(&self) -> bool {
        let mark = (self.peek(2), self.peek(3));
        self.reading.executable_comments && matches!(mark, (Some(b'!'), _) | (Some(b'M'), Some(b'!')))
    }

    fn token(&mut self, first: u8) -> Kind {
        match first {
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            b'\'' | b'"' => {
                self.at += 1;
                Kind::Text { closed: self.string(first, self.reading.backslash) }
            }
            b'`' => {
                self.at += 1;
                self.string(first, false);
                Kind::Name
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => self.word(),
            b'@' => self.variable_or_operator(),
            b'$' => self.dollar(),
            b'[' if self.reading.bracket_names => self.bracket(),
            b'-' if self.peek(1) == Some(b'-') => self.line_comment(),
            b'#' if self.reading.hash_comment => self.line_comment(),
            b'/' if self.peek(1) == Some(b'*') => self.block_comment(),
            _ => self.mark(first),
        }
    }

    /// Single marks and operators.
    fn mark(&mut self, first: u8) -> Kind {
        let (kind, length) = match (first, self.peek(1), self.peek(2)) {
            (b'(' | b'{', _, _) => (Kind::Open, 1),
            (b')' | b'}', _, _) => (Kind::Close, 1),
            (b',', _, _) => (Kind::Comma, 1),
            (b';', _, _) => (Kind::Semicolon, 1),
            (b'.', _, _) => (Kind::Dot, 1),
            (b'?', Some(b'|' | b'&'), _) => (Kind::Operator(Operator::Compare), 2),
            (b'?', _, _) => (Kind::Variable, 1),
            (b'\\', Some(b'N'), _) => (Kind::Number, 2),
            (b':', Some(b':'), _) => (Kind::Operator(Operator::Cast), 2),
            (b':', Some(b'='), _) => (Kind::Operator(Operator::Assign), 2),
            (b':', Some(next), _) if next.is_ascii_alphanumeric() => (Kind::Variable, 1 + self.name_length(1)),
            _ => match operator(first, self.peek(1), self.peek(2)) {
                Some((operator, length)) => (Kind::Operator(operator), length),
                None => (Kind::Unknown, 1),
            },
        };
        self.at += length;
        kind
    }

    /// Digits, a fraction, an exponent; hex and bits. `12abc` is a word, `12union` a number and a keyword.
    fn number(&mut self) -> Kind {
        if self.peek(0) == Some(b'0') && matches!(self.peek(1), Some(b'x' | b'X' | b'b' | b'B')) {
            self.at += 2;
            self.take(|byte| byte.is_ascii_hexdigit());
            return Kind::Number;
        }
        self.take(|byte| byte.is_ascii_digit());
        let whole = self.at;
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            self.take(|byte| byte.is_ascii_digit());
        }
        if self.exponent() {
            return Kind::Comment(Comment::Block { closed: true });
        }
        let tail = self.bytes.iter().skip(self.at).take_while(|byte| is_name(**byte) && byte.is_ascii()).count();
        if self.at == whole && tail > 0 && !self.keyword_follows(tail) {
            self.at += tail;
            return Kind::Word(Word::Other);
        }
        Kind::Number
    }

    /// Whether the `tail` bytes behind a number are a keyword, or one after Oracle's `f` or `d`.
    fn keyword_follows(&mut self, tail: usize) -> bool {
        let end = self.at + tail;
        if self.keyword(self.at, end) != Word::Other {
            return true;
        }
        let typed =
            matches!(self.peek(0), Some(b'f' | b'F' | b'd' | b'D')) && self.keyword(self.at + 1, end) != Word::Other;
        self.at += usize::from(typed);
        typed
    }

    /// Takes an exponent. Says whether the number is one that MySQL drops: `1.e` before a parenthesis or a name.
    fn exponent(&mut self) -> bool {
        if !matches!(self.peek(0), Some(b'e' | b'E')) {
            return false;
        }
        let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
        let digit = self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit());
        let fraction = self.at > 0 && self.bytes.get(self.at - 1) == Some(&b'.');
        if digit {
            self.at += 1 + sign;
            self.take(|byte| byte.is_ascii_digit());
        } else if fraction && matches!(self.peek(1), Some(b'(' | b'.' | b'`')) {
            self.at += 1;
            return true;
        }
        false
    }

    /// A bare word, or a string with a prefix.
    fn word(&mut self) -> Kind {
        let start = self.at;
        let end = start + self.name_length(0);
        self.at = end;
        if self.peek(0) == Some(b'&')
            && self.peek(1) == Some(b'\'')
            && matches!(self.bytes.get(start..end), Some(b"u" | b"U"))
        {
            self.at += 2;
            return Kind::Text { closed: self.string(b'\'', false) };
        }
        if self.peek(0) == Some(b'\'')
            && let Some(kind) = self.prefixed(start, end)
        {
            return kind;
        }
        Kind::Word(self.keyword(start, end))
    }

    /// `N'…'`, `E'…'`, `X'…'`, `B'…'`, `U&'…'`, `_utf8'…'`, `q'[…]'`.
    fn prefixed(&mut self, start: usize, end: usize) -> Option<Kind> {
        let prefix = self.bytes.get(start..end)?;
        match prefix {
            [b'n' | b'N' | b'x' | b'X' | b'b' | b'B'] => {
                self.at += 1;
                Some(Kind::Text { closed: self.string(b'\'', self.reading.backslash) })
            }
            [b'e' | b'E'] => {
                self.at += 1;
                Some(Kind::Text { closed: self.string(b'\'', true) })
            }
            [b'q' | b'Q'] | [b'n' | b'N', b'q' | b'Q'] if self.reading.q_quotes => {
                self.at += 1;
                Some(Kind::Text { closed: self.q_string() })
            }
            [b'_', _, ..] if self.reading.backslash => {
                self.at += 1;
                Some(Kind::Text { closed: self.string(b'\'', true) })
            }
            _ => None,
        }
    }

    /// To one past the closing quote, or to the end. A doubled quote stands for itself.
    fn string(&mut self, quote: u8, backslash: bool) -> bool {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let found = if backslash { memchr::memchr2(quote, b'\\', rest) } else { memchr::memchr(quote, rest) };
            let Some(offset) = found else {
                self.at = self.bytes.len();
                return false;
            };
            self.at += offset;
            if self.peek(0) == Some(b'\\') || self.peek(1) == Some(quote) {
                self.at = (self.at + 2).min(self.bytes.len());
                continue;
            }
            self.at += 1;
            return true;
        }
    }

    /// Oracle's `q'[ … ]'`: ends with the counterpart of its first byte and a quote.
    fn q_string(&mut self) -> bool {
        let close = match self.peek(0) {
            Some(b'[') => b']',
            Some(b'(') => b')',
            Some(b'{') => b'}',
            Some(b'<') => b'>',
            Some(other) => other,
            None => return false,
        };
        self.at += 1;
        self.through(&[close, b'\''])
    }

    /// `$$ … $$`, `$tag$ … $tag$`, `$1`.
    fn dollar(&mut self) -> Kind {
        if !self.reading.dollar_quotes {
            self.at += 1 + self.name_length(1);
            return Kind::Variable;
        }
        let is_tag = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let tag = 1 + self.bytes.iter().skip(self.at + 1).take(Self::LONGEST_TAG).take_while(is_tag).count();
        if self.peek(tag) != Some(b'$') {
            self.at += tag;
            return Kind::Variable;
        }
        let (start, end) = (self.at, self.at + tag + 1);
        self.at = end;
        let delimiter = self.bytes.get(start..end).unwrap_or_default();
        Kind::Text { closed: self.through(delimiter) }
    }

    /// `[a name]`; a list or an index is none.
    fn bracket(&mut self) -> Kind {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        let length =
            rest.iter().take(64).take_while(|byte| is_name(**byte) || matches!(byte, b' ' | b'.' | b'-')).count();
        if length > 0 && rest.get(length) == Some(&b']') {
            self.at += length + 2;
            return Kind::Name;
        }
        self.at += 1;
        Kind::Unknown
    }

    /// `@a`, `@@a`, `@'a'`, `@`; `@>` and `@@` between operands are not told apart from it by this reader.
    fn variable_or_operator(&mut self) -> Kind {
        if self.peek(1) == Some(b'>') {
            self.at += 2;
            return Kind::Operator(Operator::Compare);
        }
        self.at += 1;
        if self.peek(0) == Some(b'@') {
            self.at += 1;
        }
        match self.peek(0) {
            Some(quote @ (b'\'' | b'"' | b'`')) => {
                self.at += 1;
                self.string(quote, self.reading.backslash);
            }
            _ => self.take(|byte| is_name(byte) || byte == b'.'),
        }
        Kind::Variable
    }

    fn line_comment(&mut self) -> Kind {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        Kind::Comment(Comment::Line)
    }

    fn block_comment(&mut self) -> Kind {
        self.at += 2;
        Kind::Comment(Comment::Block { closed: self.through(b"*/") })
    }

    /// To one past the next occurrence of `end`, or to the end of all.
    fn through(&mut self, end: &[u8]) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = memchr::memmem::find(rest, end);
        self.at += found.map_or(rest.len(), |offset| offset + end.len());
        found.is_some()
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) {
        self.at += self.bytes.iter().skip(self.at).take_while(|byte| wanted(**byte)).count();
    }

    /// Bytes of a name from `ahead` on. A no-break space ends it, also in its two-byte spelling.
    fn name_length(&self, ahead: usize) -> usize {
        let rest = self.bytes.get(self.at + ahead..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is_name(**byte) && **byte != 0xa0).count();
        let spaced = rest.get(length) == Some(&0xa0) && length > 0 && rest.get(length - 1) == Some(&0xc2);
        length - usize::from(spaced)
    }

    fn keyword(&self, start: usize, end: usize) -> Word {
        Word::of(self.bytes.get(start..end).unwrap_or_default())
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// The longest operator at the front, and its length.
fn operator(first: u8, second: Option<u8>, third: Option<u8>) -> Option<(Operator, usize)> {
    Some(match (first, second, third) {
        (b'&', Some(b'&'), _) => (Operator::And, 2),
        (b'|', Some(b'|'), _) => (Operator::Pipes, 2),
        (b'-' | b'#', Some(b'>'), Some(b'>')) | (b'<', Some(b'-'), Some(b'>')) => (Operator::Arithmetic, 3),
        (b'<', Some(b'='), Some(b'>')) => (Operator::Compare, 3),
        (b'!', Some(b'~'), Some(b'*')) => (Operator::Compare, 3),
        (b'<', Some(b'='), _) | (b'<', Some(b'>'), _) | (b'>', Some(b'='), _) | (b'!', Some(b'='), _) => {
            (Operator::Compare, 2)
        }
        (b'=', Some(b'='), _) | (b'~', Some(b'*'), _) | (b'!', Some(b'~'), _) | (b'<', Some(b'@'), _) => {
            (Operator::Compare, 2)
        }
        (b'^', Some(b'='), _) => (Operator::Compare, 2),
        (b'<', Some(b'<'), _) | (b'>', Some(b'>'), _) | (b'-', Some(b'>'), _) => (Operator::Arithmetic, 2),
        (b'#', Some(b'>'), _) => (Operator::Arithmetic, 2),
        (b'=' | b'<' | b'>', _, _) => (Operator::Compare, 1),
        (b'!', _, _) => (Operator::Not, 1),
        (b'~', _, _) => (Operator::Tilde, 1),
        (b'+' | b'-', _, _) => (Operator::Sign, 1),
        (b'*', _, _) => (Operator::Star, 1),
        (b'/' | b'%' | b'&' | b'|' | b'^' | b'#', _, _) => (Operator::Arithmetic, 1),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds(text: &str, reading: Reading) -> Vec<Kind> {
        Lexer::new(text.as_bytes(), 0, reading).map(|token| token.kind).collect()
    }

    fn mysql(text: &str) -> Vec<Kind> {
        kinds(text, Reading::MYSQL)
    }

    fn standard(text: &str) -> Vec<Kind> {
        kinds(text, Reading::STANDARD)
    }

    const CLOSED: Kind = Kind::Text { closed: true };
    const OPEN: Kind = Kind::Text { closed: false };

    #[test]
    fn backslash_escapes_in_mysql_only() {
        assert_eq!(mysql(r"'a\'b'"), [CLOSED]);
        assert_eq!(standard(r"'a\'c'"), [CLOSED, Kind::Word(Word::Other), OPEN]);
        assert_eq!(standard(r"E'a\'b'"), [CLOSED]);
    }

    #[test]
    fn doubled_quote_stands_for_itself() {
        assert_eq!(mysql("'a''b'"), [CLOSED]);
        assert_eq!(Lexer::leave_string(b"O''Hara' x", 0, b'\'', Reading::STANDARD), Some(8));
        assert_eq!(Lexer::leave_string(b"O''Hara", 0, b'\'', Reading::STANDARD), None);
    }

    #[test]
    fn prefixes_belong_to_their_string() {
        assert_eq!(mysql("N'a' x'41' _utf8'a'"), [CLOSED, CLOSED, CLOSED]);
        assert_eq!(standard("q'[it's]' U&'a'"), [CLOSED, CLOSED]);
    }

    #[test]
    fn dollar_quotes_end_with_their_own_tag() {
        assert_eq!(standard("$$it's$$ $a$ $b$ $a$ $1"), [CLOSED, CLOSED, Kind::Variable]);
        assert_eq!(mysql("$a"), [Kind::Variable]);
    }

    #[test]
    fn executable_comment_is_code_in_mysql_only() {
        assert_eq!(mysql("/*!50001union*/"), [Kind::Word(Word::Union)]);
        assert_eq!(standard("/*!50001union*/"), [Kind::Comment(Comment::Block { closed: true })]);
    }

    #[test]
    fn comments_end_where_they_end() {
        assert_eq!(mysql("-- a\n1 # b"), [Kind::Comment(Comment::Line), Kind::Number, Kind::Comment(Comment::Line)]);
        assert_eq!(mysql("/* a"), [Kind::Comment(Comment::Block { closed: false })]);
    }

    #[test]
    fn number_ends_before_a_keyword_but_not_within_a_word() {
        assert_eq!(mysql("1union"), [Kind::Number, Kind::Word(Word::Union)]);
        assert_eq!(mysql("1.5e3union"), [Kind::Number, Kind::Word(Word::Union)]);
        assert_eq!(mysql("21st"), [Kind::Word(Word::Other)]);
        assert_eq!(mysql("0x41 .5 \\N"), [Kind::Number, Kind::Number, Kind::Number]);
    }

    #[test]
    fn no_break_space_is_space() {
        assert_eq!(mysql("1\u{a0}union"), [Kind::Number, Kind::Word(Word::Union)]);
        assert_eq!(Lexer::new(b"or\xa01", 0, Reading::MYSQL).count(), 2);
    }

    #[test]
    fn bracket_quotes_a_name_but_not_a_list() {
        assert_eq!(standard("[a b]"), [Kind::Name]);
        assert_eq!(standard("[1,2]").first(), Some(&Kind::Unknown));
    }

    proptest! {
        #[test]
        fn tokens_go_forward_and_stay_inside(bytes in proptest::collection::vec(any::<u8>(), 0..300), standard in any::<bool>()) {
            let reading = if standard { Reading::STANDARD } else { Reading::MYSQL };
            let mut at = 0;
            for token in Lexer::new(&bytes, 0, reading) {
                prop_assert!(at <= token.start && token.start < token.end && token.end <= bytes.len());
                at = token.end;
            }
        }
    }
}
