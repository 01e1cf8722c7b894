//! What of a statement is more than a value: SQL that stands in a string of it, or in a value that is bound to it, and paths
//! or programs that it hands on. Found by `canon::sql::postgres` and `canon::sql::mysql` in what they read; what stands in
//! strings is read as any statement is, and what stands in strings of that, up to [`MOST_TEXTS`]. Judges nothing.

use super::postgres::Unreadable;

/// Texts in strings of one text; with more, it is not understood.
pub const MOST_TEXTS: usize = 16;

/// What a statement hands on as more than values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// SQL that is written out, as the server will read it.
    pub texts: Vec<Box<str>>,
    /// Values to be bound that are SQL, by their number from 0.
    pub values: Vec<u16>,
    /// Its strings, and values that are bound to it, may be paths or programs.
    pub reaches: bool,
}

/// One statement, as a dialect reads it.
pub trait Unfold: Sized {
    /// What it hands on.
    fn live(&self) -> &Live;

    /// The same, as what stands in a string of another.
    fn within(self) -> Self;

    /// What stands for SQL that cannot be read.
    fn unread() -> Self;
}

/// Puts behind `statements` what stands in strings of them, and in strings of that; gives the texts.
pub fn unfold<S: Unfold>(statements: &mut Vec<S>, read: impl Fn(&[u8]) -> Result<Vec<S>, Unreadable>) -> Vec<Box<str>> {
    let mut texts: Vec<Box<str>> = Vec::new();
    let mut at = 0;
    while let Some(statement) = statements.get(at) {
        at += 1;
        for text in statement.live().texts.clone() {
            match read(text.as_bytes()) {
                Ok(found) if texts.len() < MOST_TEXTS => statements.extend(found.into_iter().map(S::within)),
                _ => statements.push(S::unread()),
            }
            if texts.len() < MOST_TEXTS {
                texts.push(text);
            }
        }
    }
    texts
}
