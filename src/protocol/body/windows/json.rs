//! JSON, string by string: one document of any length, or a series of them (NDJSON).

use super::{OVERLAP_BYTES, all_but_overlap, mark};
use crate::flow::{Extent, Place};
use crate::protocol::Malformed;
use crate::protocol::body::Limits;
use crate::protocol::body::collect::Parts;
use crate::protocol::body::json::{Lexer, TOO_DEEP, Token, add_string, closing_quote};

/// JSON that passes in pieces.
#[derive(Debug, Default)]
pub(super) struct Json {
    /// Whether the window begins inside a long string.
    inside: bool,
    depth: usize,
}

/// A string whose role the next token tells.
struct Pending<'a> {
    at: usize,
    inside: &'a [u8],
    escaped: bool,
}

impl Json {
    /// Adds the strings of the window. How much of it is finished, and whether all of it was JSON's tokens.
    pub(super) fn read<'a>(
        &mut self,
        text: &'a [u8],
        last: bool,
        parts: &mut Parts<'a>,
        limits: &Limits,
    ) -> Result<(usize, bool), Malformed> {
        let mut at = 0;
        if self.inside {
            let before = parts.list.len();
            let (end, escaped) = closing_quote(text, b'"').unwrap_or((text.len(), true));
            add_string(Place::JsonValue, b"", text.get(..end).unwrap_or_default(), escaped, parts)?;
            mark(parts, before, Extent::Next);
            if end == text.len() {
                return Ok((seam(text), true));
            }
            self.inside = false;
            at = end + 1;
        }
        let (done, sound) = self.tokens(text.get(at..).unwrap_or_default(), last, parts, limits)?;
        if text.len() - at - done > OVERLAP_BYTES {
            self.inside = text.get(at + done) == Some(&b'"');
            return Ok((seam(text), sound));
        }
        Ok((at + done, sound))
    }

    /// Adds the strings of a text that begins with a token. Where its unfinished last token begins, and whether all of it
    /// was JSON's tokens.
    fn tokens<'a>(
        &mut self,
        text: &'a [u8],
        last: bool,
        parts: &mut Parts<'a>,
        limits: &Limits,
    ) -> Result<(usize, bool), Malformed> {
        let mut lexer = Lexer::new(text);
        let mut sound = true;
        let mut key: &[u8] = b"";
        let mut pending: Option<Pending<'a>> = None;
        loop {
            let begins = lexer.at();
            let Some(token) = lexer.next() else { break };
            if let Some(string) = pending.take() {
                let is_key = token == Token::Colon;
                string.add(is_key, key, parts)?;
                key = if is_key { string.inside } else { key };
            }
            let unfinished = !last && lexer.at() == text.len();
            match token {
                Token::Text { inside, escaped } => pending = Some(Pending { at: begins, inside, escaped }),
                Token::Open(_) if sound && self.depth >= limits.depth => {
                    return Err(Malformed { at: begins, why: TOO_DEEP });
                }
                Token::Open(_) => self.depth += 1,
                Token::Close(_) => self.depth = self.depth.saturating_sub(1),
                Token::Number if unfinished => return Ok((blanks(text, begins), sound)),
                Token::Odd(inside) => {
                    let before = parts.list.len();
                    add_string(Place::JsonValue, key, inside, true, parts)?;
                    if unfinished {
                        mark(parts, before, Extent::First);
                        return Ok((blanks(text, begins), sound));
                    }
                    sound = false;
                }
                Token::Colon | Token::Comma | Token::Number => {}
            }
        }
        // Whether a last string is a key shows in the next piece; until then it is a value.
        match pending {
            Some(string) => {
                string.add(false, key, parts)?;
                Ok((if last { text.len() } else { blanks(text, string.at) }, sound))
            }
            None => Ok((text.len(), sound)),
        }
    }
}

impl<'a> Pending<'a> {
    fn add(&self, is_key: bool, key: &'a [u8], parts: &mut Parts<'a>) -> Result<(), Malformed> {
        let (place, name) = if is_key { (Place::JsonKey, &b""[..]) } else { (Place::JsonValue, key) };
        add_string(place, name, self.inside, self.escaped, parts)
    }
}

/// Where the token begins that stands at `at` behind blanks.
fn blanks(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    text.len() - rest.trim_ascii_start().len()
}

/// All but the overlap, and never a piece of an escape: no odd run of backslashes stands before the seam, nor `\u` with
/// fewer than four digits.
fn seam(text: &[u8]) -> usize {
    let end = all_but_overlap(text);
    let before = text.get(..end).unwrap_or_default();
    let near = before.get(before.len().saturating_sub(5)..).unwrap_or_default();
    let back = near.iter().rev().position(|b| *b == b'\\').map_or(0, |back| back + 1);
    let end = end - back;
    let run = before.get(..end).unwrap_or_default().iter().rev().take_while(|b| **b == b'\\').count();
    end - run % 2
}
