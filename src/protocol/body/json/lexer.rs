//! JSON tokens. Lenient: knows comments, single quotes and bare words, and says so; never fails, never goes back.

use crate::protocol::body::swar;

/// One token. Everything but `Odd` is RFC 8259.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol::body) enum Token<'a> {
    /// What stands between double quotes, and whether it holds a backslash.
    Text { inside: &'a [u8], escaped: bool },
    /// `{` (true) or `[`.
    Open(bool),
    /// `}` (true) or `]`.
    Close(bool),
    /// `:`
    Colon,
    /// `,`
    Comma,
    /// A number or literal; also spellings like `01` or `NaN` that mean nothing else anywhere.
    Number,
    /// A bare word, a text in single quotes or without its closing quote; empty for a comment.
    Odd(&'a [u8]),
}

/// Cuts a text into tokens.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocol::body) struct Lexer<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Lexer<'a> {
    pub(in crate::protocol::body) fn new(text: &'a [u8]) -> Self {
        Self { rest: text, length: text.len() }
    }

    /// Offset of what comes next.
    pub(in crate::protocol::body) fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    /// Takes `sign` when it comes next, without a blank before it: cheaper than a token where it is likely.
    #[inline]
    pub(in crate::protocol::body) fn eat(&mut self, sign: u8) -> bool {
        match self.rest.split_first() {
            Some((first, after)) if *first == sign => {
                self.rest = after;
                true
            }
            _ => false,
        }
    }

    /// Takes a string in double quotes when it comes next, without a blank before it; whether it holds a backslash.
    #[inline(always)] // called for every string
    pub(in crate::protocol::body) fn eat_text(&mut self) -> Option<(&'a [u8], bool)> {
        let (inside, escaped, after) = quoted(self.rest.strip_prefix(b"\"")?, b'"')?;
        self.rest = after;
        Some((inside, escaped))
    }

    /// Takes a number or literal when it comes next and structure follows it, without blanks.
    #[inline(always)] // called for every number
    pub(in crate::protocol::body) fn eat_number(&mut self) -> bool {
        let after = match self.rest {
            [b'n', b'u', b'l', b'l', after @ ..]
            | [b't', b'r', b'u', b'e', after @ ..]
            | [b'f', b'a', b'l', b's', b'e', after @ ..] => after,
            rest => behind_digits(rest).unwrap_or_default(),
        };
        let ends = matches!(after.first(), Some(b',' | b'}' | b']'));
        if ends {
            self.rest = after;
        }
        ends
    }

    /// Takes `}` (true) or `]` when it comes next, without a blank before it.
    #[inline]
    pub(in crate::protocol::body) fn eat_close(&mut self) -> Option<bool> {
        if self.eat(b'}') { Some(true) } else { self.eat(b']').then_some(false) }
    }

    /// Takes `{` (true) or `[` when it comes next, without a blank before it.
    #[inline]
    pub(in crate::protocol::body) fn eat_open(&mut self) -> Option<bool> {
        if self.eat(b'{') { Some(true) } else { self.eat(b'[').then_some(false) }
    }

    /// Takes the blanks that come next; whether there were any.
    #[inline]
    pub(in crate::protocol::body) fn eat_blanks(&mut self) -> bool {
        let before = self.rest.len();
        while let [b' ' | b'\n' | b'\r' | b'\t', after @ ..] = self.rest {
            self.rest = after;
        }
        self.rest.len() < before
    }

    /// The next token.
    pub(in crate::protocol::body) fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let (first, after) = self.rest.split_first()?;
            let token = match first {
                b'"' => {
                    self.rest = after;
                    return Some(self.text(b'"'));
                }
                b' ' | b'\n' | b'\r' | b'\t' | 0x1e => {
                    self.rest = after;
                    continue;
                }
                b',' => Token::Comma,
                b':' => Token::Colon,
                b'{' => Token::Open(true),
                b'}' => Token::Close(true),
                b'[' => Token::Open(false),
                b']' => Token::Close(false),
                _ => return Some(self.odd()),
            };
            self.rest = after;
            return Some(token);
        }
    }

    /// What stands before the closing `quote`; the opening one is taken.
    fn text(&mut self, quote: u8) -> Token<'a> {
        let (inside, escaped, after) = match quoted(self.rest, quote) {
            Some(text) => text,
            None => return Token::Odd(std::mem::take(&mut self.rest)),
        };
        self.rest = after;
        if quote == b'"' { Token::Text { inside, escaped } } else { Token::Odd(inside) }
    }

    /// What begins with none of the usual: a number, a literal, or what is not JSON.
    fn odd(&mut self) -> Token<'a> {
        match self.rest {
            [b'\'', after @ ..] => {
                self.rest = after;
                self.text(b'\'')
            }
            [b'/', b'/', ..] | [b'#', ..] => self.skip_past(b"\n"),
            [b'/', b'*', after @ ..] => {
                self.rest = after;
                self.skip_past(b"*/")
            }
            _ => self.word(),
        }
    }

    /// Takes a number, if it is one up to a sign that may follow it.
    fn number(&mut self) -> bool {
        let Some(after) = behind_digits(self.rest) else { return false };
        let ends = matches!(after.first(), None | Some(b',' | b'}' | b']' | b':' | b' ' | b'\n' | b'\r' | b'\t'));
        if ends {
            self.rest = after;
        }
        ends
    }

    fn skip_past(&mut self, end: &[u8]) -> Token<'a> {
        let at = memchr::memmem::find(self.rest, end).map_or(self.rest.len(), |at| at + end.len());
        self.rest = self.rest.get(at..).unwrap_or_default();
        Token::Odd(b"")
    }

    /// A number, a literal, or bare words up to the next sign of structure.
    fn word(&mut self) -> Token<'a> {
        if self.number() {
            return Token::Number;
        }
        let plain =
            |b: &u8| !matches!(b, b',' | b'{' | b'}' | b'[' | b']' | b':' | b'"' | b' ' | b'\n' | b'\r' | b'\t');
        let length = self.rest.iter().take_while(|b| plain(b)).count();
        let (word, after) = self.rest.split_at_checked(length).unwrap_or((self.rest, b""));
        let ends = !matches!(after.first(), Some(b'"' | b'{' | b'['));
        let literal = matches!(word, b"true" | b"false" | b"null" | b"NaN" | b"Infinity" | b"-Infinity");
        if ends && literal {
            self.rest = after;
            return Token::Number;
        }
        let ends = |b: &u8| matches!(b, b',' | b'{' | b'}' | b'[' | b']' | b':' | b'"' | b'\n');
        let length = self.rest.iter().position(ends).unwrap_or(self.rest.len()).max(1);
        let (words, after) = self.rest.split_at_checked(length).unwrap_or((self.rest, b""));
        self.rest = after;
        Token::Odd(words.trim_ascii())
    }
}

/// What follows a number, whatever it is.
#[inline]
fn behind_digits(mut rest: &[u8]) -> Option<&[u8]> {
    let ([b'-', b'0'..=b'9', ..] | [b'0'..=b'9', ..]) = rest else { return None };
    while let [b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-', after @ ..] = rest {
        rest = after;
    }
    Some(rest)
}

/// What stands before the closing `quote`, whether a backslash is in it, and what follows.
#[inline(always)] // called for every string
fn quoted(text: &[u8], quote: u8) -> Option<(&[u8], bool, &[u8])> {
    let (end, escaped) = closing_quote(text, quote)?;
    let (inside, after) = text.split_at_checked(end)?;
    Some((inside, escaped, after.get(1..)?))
}

/// Where the first `quote` stands that no backslash escapes, and whether there is a backslash before it.
#[inline(always)] // called for every string
pub(in crate::protocol::body) fn closing_quote(text: &[u8], quote: u8) -> Option<(usize, bool)> {
    let first = swar::find2(quote, b'\\', text)?;
    if text.get(first) == Some(&quote) {
        return Some((first, false));
    }
    behind_escape(text, quote, first)
}

/// The same for a text with a backslash at `first`, and no quote before it.
#[cold]
fn behind_escape(text: &[u8], quote: u8, first: usize) -> Option<(usize, bool)> {
    // From the first escape on, only quotes are looked at: each is an end unless an odd run of backslashes precedes it.
    let mut from = first;
    loop {
        let end = from + memchr::memchr(quote, text.get(from..)?)?;
        let inside = text.get(first..end)?;
        let backslashes = inside.iter().rev().take_while(|b| **b == b'\\').count();
        if backslashes % 2 == 0 {
            return Some((end, true));
        }
        from = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        let mut lexer = Lexer::new(text.as_bytes());
        std::iter::from_fn(|| lexer.next()).collect()
    }

    fn text(inside: &str) -> Token<'_> {
        Token::Text { inside: inside.as_bytes(), escaped: inside.contains('\\') }
    }

    #[test]
    fn escaped_quote_does_not_end_a_text() {
        assert_eq!(tokens(r#""a\"b" "c\\""#), [text(r#"a\"b"#), text(r"c\\")]);
    }

    #[test]
    fn text_without_end_is_odd() {
        assert_eq!(tokens("\"ab"), [Token::Odd(b"ab")]);
        assert_eq!(tokens("\"ab\\"), [Token::Odd(b"ab\\")]);
    }

    #[test]
    fn numbers_are_no_words() {
        assert_eq!(tokens("-1.5e+7 0 true NaN"), [Token::Number; 4]);
        assert_eq!(tokens("1x"), [Token::Odd(b"1x")]);
        assert_eq!(tokens("--1"), [Token::Odd(b"--1")]);
    }

    #[test]
    fn comment_hides_its_quotes() {
        assert_eq!(tokens("/* \" */ 1 // \"\n2"), [Token::Odd(b""), Token::Number, Token::Odd(b""), Token::Number]);
        assert_eq!(tokens("/* open"), [Token::Odd(b"")]);
    }

    #[test]
    fn words_end_at_structure() {
        assert_eq!(tokens("a b: c d}"), [Token::Odd(b"a b"), Token::Colon, Token::Odd(b"c d"), Token::Close(true)]);
    }
}
