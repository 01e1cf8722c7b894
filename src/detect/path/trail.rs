//! Where a path leads: how far upwards, by what detours, to which files.

use super::secrets;
use super::spelling::{self, Token};
use crate::canon::cursor::Cursor;
use crate::detect::context::Strength;

/// What was seen along the path.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// Parts that lead upwards.
    pub(super) ups: usize,
    /// Upward parts right behind one another, most of them.
    pub(super) run: usize,
    /// Parts of more dots than a name has, which lead upwards once a filter has taken some of them out.
    pub(super) floods: usize,
    /// Parts that lead nowhere: `/./././`.
    pub(super) stays: usize,
    /// Dots or separators in spellings that only hide them.
    pub(super) hidden: usize,
    /// Upward parts that survive a filter: `....//`, `..;/`.
    pub(super) evasions: usize,
    /// A NUL byte.
    pub(super) nul: bool,
    /// A file or folder that is a secret, and how secret.
    pub(super) secret: Option<Strength>,
    /// The path starts the value, or what stands before it ends there.
    pub(super) rooted: bool,
    /// Where the first sign starts and the last one ends.
    pub(super) at: usize,
    pub(super) end: usize,
}

impl Trail {
    /// Reads all of a value as a path.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut trail = Self { at: bytes.len(), ..Self::default() };
        let mut segment = Segment::default();
        let mut cursor = Cursor::new(bytes, 0);
        let mut run = 0;
        let mut plain = Vec::with_capacity(bytes.len());
        while !cursor.is_at_end() {
            let at = cursor.at();
            if segment.dots < 2 || segment.others > 0 {
                let word = cursor.take_while(spelling::is_ordinary);
                segment.push_ordinary(word.len(), at);
                plain.extend_from_slice(word);
                if !word.is_empty() {
                    continue;
                }
            }
            let (token, hidden) = segment.bare_separator(&mut cursor).unwrap_or_else(|| spelling::token(&mut cursor));
            trail.hidden += usize::from(hidden);
            spell_out(&mut plain, token);
            match token {
                Token::Separator => run = trail.close(&segment, at, run, true),
                Token::Dot => segment.dots += 1,
                Token::Other(0) => trail.nul = true,
                Token::Other(byte) => segment.push(byte, at),
            }
            if token == Token::Separator {
                segment = Segment { at: cursor.at(), ..Segment::default() };
            }
        }
        trail.close(&segment, bytes.len(), run, false);
        trail.name_secret(&plain, bytes.len());
        trail
    }

    /// Ends a segment; gives the number of upward segments in a row.
    fn close(&mut self, segment: &Segment, end: usize, run: usize, separated: bool) -> usize {
        if segment.is_up() {
            self.note(segment.at, end);
            self.ups += 1;
            self.evasions += usize::from(separated && segment.is_evasion());
            self.run = self.run.max(run + 1);
            return run + 1;
        }
        if separated && segment.is_flood() {
            self.note(segment.at, end);
            self.floods += 1;
        }
        self.stays += usize::from(separated && segment.is_stay());
        self.stays += usize::from(segment.at > 0 && segment.dots > 4) * 4;
        if segment.others == 0 && (segment.dots == 0 || segment.is_stay()) { run } else { 0 }
    }

    fn note(&mut self, at: usize, end: usize) {
        self.at = self.at.min(at);
        self.end = self.end.max(end);
    }

    /// Looks for names of secret files in the path as it was spelled out.
    fn name_secret(&mut self, plain: &[u8], len: usize) {
        let climbs = self.ups + self.floods > 0;
        for secret in secrets::find(plain, climbs) {
            self.rooted |= secret.at <= 1;
            self.secret = self.secret.max(Some(secret.strength));
            if !climbs {
                self.note(0, len);
            }
        }
    }
}

/// Whether a dot stands where it may make a part lead elsewhere: beside another one, a separator, or what servers drop.
pub(super) fn may_turn(bytes: &[u8]) -> bool {
    let junk = |b: u8| b < b' ' || b == b'?' || b >= 0x80;
    memchr::memchr_iter(b'.', bytes).any(|at| {
        let after = bytes.get(at + 1).copied();
        let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        after.is_some_and(|b| matches!(b, b'.' | b'/' | b'\\' | b';') || junk(b)) || before.is_some_and(junk)
    })
}

/// Adds a character in its plain spelling: `/` for every separator, repeated ones dropped, blanks for controls.
fn spell_out(plain: &mut Vec<u8>, token: Token) {
    match token {
        Token::Dot => plain.push(b'.'),
        Token::Separator if plain.last() == Some(&b'/') => {}
        Token::Separator => plain.push(b'/'),
        Token::Other(byte) => plain.push(byte.max(b' ')),
    }
}

/// What stands between two separators.
#[derive(Debug, Default)]
struct Segment {
    at: usize,
    dots: usize,
    others: usize,
    /// What is not a dot is junk that some servers drop: `;x`, `?`, controls.
    junk: usize,
}

impl Segment {
    /// `2f` or `5c` right behind two dots: an escape that has lost its mark.
    fn bare_separator(&self, cursor: &mut Cursor<'_>) -> Option<(Token, bool)> {
        let bare = self.dots >= 2 && self.others == 0 && (cursor.eat(b"2f") || cursor.eat(b"5c"));
        bare.then_some((Token::Separator, true))
    }

    fn push(&mut self, byte: u8, at: usize) {
        if self.others + self.dots == 0 {
            self.at = at;
        }
        self.others += 1;
        self.junk += usize::from(self.dots >= 2 && byte == b';' || byte < b' ' || byte == b'?' || byte >= 0xc0);
    }

    /// Adds bytes that are neither dots nor junk.
    fn push_ordinary(&mut self, count: usize, at: usize) {
        if count > 0 && self.others + self.dots == 0 {
            self.at = at;
        }
        self.others += count;
    }

    /// `..`, `....`, `..;`, and `?.`, which is what is left of a dot that was decoded twice.
    fn is_up(&self) -> bool {
        self.others <= self.junk && (2..=4).contains(&(self.dots + self.junk.min(1))) && self.dots >= 1
    }

    /// `.`
    fn is_stay(&self) -> bool {
        self.dots == 1 && self.others == 0
    }

    /// `......`
    fn is_flood(&self) -> bool {
        self.dots > 4 && self.others == 0
    }

    fn is_evasion(&self) -> bool {
        self.dots == 4 || self.junk > 0
    }
}
