//! XML tokens. Never fails and never goes back: what has no end, or begins like nothing known, is `Odd`.

use memchr::memmem;

/// One token; none of its texts is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Character data.
    Text(&'a [u8]),
    /// What stands in a CDATA section.
    CData(&'a [u8]),
    /// What stands in a comment.
    Comment(&'a [u8]),
    /// What stands between `<?` and `?>`.
    Instruction(&'a [u8]),
    /// A whole document type declaration.
    Declaration(&'a [u8]),
    /// A start tag: its name, and all between the name and its end.
    Start { name: &'a [u8], attributes: &'a [u8], empty: bool },
    /// An end tag's name.
    End(&'a [u8]),
    /// What is no token, or one without an end.
    Odd(&'a [u8]),
}

/// Cuts a text into tokens.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: text, length: text.len() }
    }

    /// Offset of what comes next.
    pub(super) fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        match self.rest {
            [] => None,
            [b'<', b'?', ..] => Some(self.until(2, b"?>", Token::Instruction)),
            [b'<', b'!', b'-', b'-', ..] => Some(self.until(4, b"-->", Token::Comment)),
            [b'<', b'!', b'[', b'C', b'D', b'A', b'T', b'A', b'[', ..] => Some(self.until(9, b"]]>", Token::CData)),
            [b'<', b'!', rest @ ..] if rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"doctype")) => {
                Some(self.declaration())
            }
            [b'<', b'/', ..] => Some(self.until(2, b">", |name| Token::End(name.trim_ascii_end()))),
            [b'<', next, ..] if starts_name(*next) => Some(self.start()),
            [b'<', ..] => Some(self.odd(1)),
            _ => {
                let end = memchr::memchr(b'<', self.rest).unwrap_or(self.rest.len());
                Some(Token::Text(self.cut(end)))
            }
        }
    }

    /// Takes the first `length` bytes.
    fn cut(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, b""));
        self.rest = rest;
        taken
    }

    /// Something that begins like a token and is none, with the text behind it.
    fn odd(&mut self, from: usize) -> Token<'a> {
        let behind = self.rest.get(from..).unwrap_or_default();
        let end = memchr::memchr(b'<', behind).map_or(self.rest.len(), |at| at + from);
        Token::Odd(self.cut(end))
    }

    /// The token between `skip` bytes and `end`; `Odd` when there is no end.
    fn until(&mut self, skip: usize, end: &[u8], token: impl Fn(&'a [u8]) -> Token<'a>) -> Token<'a> {
        let inside = self.rest.get(skip..).unwrap_or_default();
        match memmem::find(inside, end) {
            Some(at) => {
                self.cut(skip + at + end.len());
                token(inside.get(..at).unwrap_or_default())
            }
            None => Token::Odd(self.cut(self.rest.len())),
        }
    }

    fn start(&mut self) -> Token<'a> {
        let inside = self.rest.get(1..).unwrap_or_default();
        let Some(end) = tag_end(inside) else { return Token::Odd(self.cut(self.rest.len())) };
        self.cut(end + 2);
        let tag = inside.get(..end).unwrap_or_default();
        let empty = tag.ends_with(b"/");
        let tag = tag.strip_suffix(b"/").unwrap_or(tag);
        let name = tag.iter().position(|b| b.is_ascii_whitespace() || *b == b'/').unwrap_or(tag.len());
        let (name, attributes) = tag.split_at_checked(name).unwrap_or((tag, b""));
        Token::Start { name, attributes, empty }
    }

    /// Up to the `>` that stands outside quotes, comments, instructions and the brackets of the internal subset.
    fn declaration(&mut self) -> Token<'a> {
        let mut depth = 0usize;
        let mut at = 2;
        while let Some(rest) = self.rest.get(at..).filter(|rest| !rest.is_empty()) {
            let step = match rest {
                [quote @ (b'"' | b'\''), inside @ ..] => memchr::memchr(*quote, inside).map(|end| end + 2),
                [b'<', b'!', b'-', b'-', inside @ ..] => memmem::find(inside, b"-->").map(|end| end + 7),
                [b'<', b'?', inside @ ..] => memmem::find(inside, b"?>").map(|end| end + 4),
                [b'>', ..] if depth == 0 => return Token::Declaration(self.cut(at + 1)),
                [b'[', ..] => {
                    depth += 1;
                    Some(1)
                }
                [b']', ..] => {
                    depth = depth.saturating_sub(1);
                    Some(1)
                }
                _ => Some(1),
            };
            let Some(step) = step else { break };
            at += step;
        }
        Token::Odd(self.cut(self.rest.len()))
    }
}

/// Where the `>` outside quotes stands.
fn tag_end(inside: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr3(b'>', b'"', b'\'', inside.get(from..)?)?;
        let quote = *inside.get(at)?;
        if quote == b'>' {
            return Some(at);
        }
        from = at + 2 + memchr::memchr(quote, inside.get(at + 1..)?)?;
    }
}

fn starts_name(b: u8) -> bool {
    b.is_ascii_alphabetic() || matches!(b, b'_' | b':' | 0x80..)
}

/// The attributes of a tag: name and raw value; nothing for one that XML does not allow (then the rest of that one is
/// skipped).
#[derive(Clone, Debug)]
pub(super) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn take_while(&mut self, keep: impl Fn(&u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|b| !keep(b)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, b""));
        self.rest = rest;
        taken
    }

    /// What stands in quotes, if a quote is next.
    fn quoted(&mut self) -> Option<&'a [u8]> {
        let (quote, inside) = self.rest.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
        let end = memchr::memchr(*quote, inside)?;
        let (value, rest) = inside.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(value)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Option<(&'a [u8], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let blanks = self.take_while(u8::is_ascii_whitespace);
        if self.rest.is_empty() {
            return None;
        }
        let name = self.take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b'=' | b'"' | b'\'' | b'<'));
        let Some(after) = self.rest.trim_ascii_start().strip_prefix(b"=") else {
            if name.is_empty() {
                self.skip();
            }
            return Some(None);
        };
        self.rest = after.trim_ascii_start();
        let value = self.quoted();
        if value.is_none() {
            self.skip();
        }
        let sound = !name.is_empty() && !blanks.is_empty();
        Some(value.filter(|_| sound).map(|value| (name, value)))
    }
}

impl Attributes<'_> {
    /// Goes on behind what is no attribute: at least one byte.
    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.take_while(|b| !b.is_ascii_whitespace());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        let mut lexer = Lexer::new(text.as_bytes());
        std::iter::from_fn(|| lexer.next()).collect()
    }

    #[test]
    fn tag_ends_outside_quotes() {
        let start = Token::Start { name: b"a", attributes: b" b='>' c=\"'>\"", empty: true };
        assert_eq!(tokens("<a b='>' c=\"'>\"/>x"), [start, Token::Text(b"x")]);
    }

    #[test]
    fn declaration_ends_outside_its_subset() {
        let text = "<!DOCTYPE a [<!ENTITY b \"]>\"><!-- ]> ' --><?p ]> \" ?>]>";
        assert_eq!(tokens(&format!("{text}x")), [Token::Declaration(text.as_bytes()), Token::Text(b"x")]);
    }

    #[test]
    fn what_has_no_end_is_odd() {
        for text in ["<a", "<a b='>", "<!-- x", "<?x", "<![CDATA[x", "<!DOCTYPE [>", "< x", "<!x"] {
            assert_eq!(tokens(text), [Token::Odd(text.as_bytes())], "{text}");
        }
    }

    #[test]
    fn attributes_are_read_one_by_one() {
        let found: Vec<_> = Attributes::new(b" a = '1' b=2 c d=\"\" e='3'f='4'").collect();
        assert_eq!(found, [Some((&b"a"[..], &b"1"[..])), None, None, Some((b"d", b"")), Some((b"e", b"3")), None]);
    }
}
