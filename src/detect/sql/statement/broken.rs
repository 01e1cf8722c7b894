//! Statements that no server would take: what a value leaves behind when it was written for another place than the one it
//! came to stand in, and what its author tries first. An application's own statements parse.

use super::{Purpose, Sign, Statement};
use crate::canon::sql::{Kind, Word};

/// Tokens looked back at for an ORDER BY.
const NEAR: usize = 256;

impl Statement<'_> {
    /// `'… MD5('A')…'`: a string, and a word or number right behind its quote.
    pub(super) fn cut_string(&self, at: usize) -> Option<Sign> {
        let (text, next) = (self.tokens.get(at)?, self.tokens.get(at + 1)?);
        let strange = matches!(next.kind, Kind::Number | Kind::Word(Word::Other));
        // `MEN'S`, `6''9`: an apostrophe of a name that is quoted by nothing, in a text that only looks like a statement.
        let named = at.checked_sub(1).and_then(|before| self.tokens.get(before)).is_some_and(|before| {
            before.end == text.start && matches!(before.kind, Kind::Word(_) | Kind::Number | Kind::Name)
        });
        let cut =
            !named && text.kind == Kind::Text { closed: true } && self.is_text(at) && strange && text.end == next.start;
        cut.then(|| self.sign("sql-cut-string", 100, at, at + 1))
    }

    /// `= limit`, `= (delete)`: a word that begins a clause or a statement, where a value must stand.
    pub(super) fn misplaced(&self, at: usize) -> Option<Sign> {
        let clause = matches!(
            self.word(at)?,
            Word::Delete
                | Word::Drop
                | Word::Limit
                | Word::Having
                | Word::Where
                | Word::Order
                | Word::Union
                | Word::Into
        );
        let mut before = at.checked_sub(1)?;
        while self.kind(before) == Some(Kind::Open) {
            before = before.checked_sub(1)?;
        }
        let goes_on = matches!(self.kind(at + 1), Some(Kind::Dot | Kind::Open));
        (clause && !goes_on && self.is_mark_compare(before)).then(|| self.sign("sql-misplaced-word", 100, before, at))
    }

    /// `ORDER BY 1 UNION SELECT …`: nothing may follow an order but its limit.
    pub(super) fn union_behind_order(&self, at: usize) -> Option<Sign> {
        if self.word(at)? != Word::Union || !matches!(self.word(at + 1), Some(Word::Select | Word::All)) {
            return None;
        }
        let mut depth = 0_usize;
        for back in (at.saturating_sub(NEAR)..at).rev() {
            match self.kind(back)? {
                Kind::Close => depth += 1,
                Kind::Open if depth == 0 => return None,
                Kind::Open => depth -= 1,
                Kind::Semicolon => return None,
                Kind::Word(Word::Order) if depth == 0 => return Some(self.sign("sql-union", 100, at, at + 1)),
                _ => {}
            }
        }
        None
    }

    /// `= "&"`, `= " or "" "`: a name in quotes that is none, where the server takes double quotes for those of names.
    pub(super) fn odd_name(&self, at: usize) -> Option<Sign> {
        let inside = self.bytes(at).strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let named = self.names_only && self.is_mark_compare(at.checked_sub(1)?);
        let odd = !inside.is_empty() && !inside.iter().any(u8::is_ascii_alphanumeric)
            || memchr::memmem::find(inside, b"\"\"").is_some()
            || inside.contains(&b'(') && inside.contains(&b'=');
        (named && odd).then(|| self.sign("sql-odd-name", 100, at, at))
    }

    /// Whether a call makes bytes in such a number that it takes long: `randomblob(500000000)`. A few are a value.
    pub(super) fn makes_few_bytes(&self, at: usize) -> bool {
        let makes = ["randomblob", "zeroblob"].iter().any(|name| self.bytes(at).eq_ignore_ascii_case(name.as_bytes()));
        let arguments = (at + 2..at + 12).take_while(|at| !matches!(self.kind(*at), None | Some(Kind::Close)));
        let large = |at: usize| match self.kind(at) {
            Some(Kind::Number) => self.bytes(at).len() > MOST_DIGITS,
            _ => false,
        };
        makes && self.purpose(at) == Purpose::Wait && !arguments.into_iter().any(large)
    }
}

/// Digits of a number of bytes that are made at once.
const MOST_DIGITS: usize = 6;
