//! What a PostgreSQL statement asks for: which tables for what, which columns and functions, with or without WHERE. Read
//! from the server's own tokens (`lexer`) by a machine that follows clauses and parentheses (`query`); no tree is
//! built, nothing recurses, every token is read a fixed number of times.
//!
//! Where the text leaves a choice, more is asked for rather than less: any name that could be a column counts as read,
//! any name before a parenthesis as called. Every `SELECT`, `FROM`, `JOIN`, `INTO` and `TABLE` must have a known role, or
//! the statement is [`Unreadable`]; so no table is overlooked.

mod arguments;
mod command;
mod define;
mod fingerprint;
mod keys;
mod lexer;
mod query;
#[cfg(test)]
mod tests;

pub use fingerprint::{fingerprint, literals, normalised};
pub use keys::Key;
pub use lexer::{Kind, Lexer, NAME_BYTES, Token};

use super::live::{Live, Unfold};
use std::fmt;

/// What one statement asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Its leading word, for records: `SELECT`, `BEGIN`.
    pub verb: &'static str,
    /// Tables with what is done to them, in the order they stand.
    pub tables: Vec<Table>,
    /// What is asked for besides tables: `(CALL, procedure)`, `(LISTEN, channel)`, `(DO, )`.
    pub others: Vec<Other>,
    /// Functions that are called, with their schema unless it is `pg_catalog`. Types with a size count too.
    pub functions: Vec<String>,
    /// Names that may be columns whose values are looked at.
    pub columns: Vec<String>,
    /// Columns may be read that are not named: `*`, a whole row, renamed columns.
    pub star: bool,
    /// `FOR UPDATE` and its kin.
    pub locking: bool,
    /// `RETURNING`: what is written is read too.
    pub returning: bool,
    /// A session setting that changes.
    pub setting: Option<Setting>,
    /// A prepared statement that is made, used or dropped by name in SQL.
    pub prepared: Option<Prepared>,
    /// Whether its literals change what it asks for, so that its fingerprint does not tell.
    pub by_literal: bool,
    /// What it hands on as more than values.
    pub live: Live,
    /// It stands in a string of another.
    pub within: bool,
}

impl Unfold for Statement {
    fn live(&self) -> &Live {
        &self.live
    }

    /// What is bound to it nobody knows, and what it runs by name is not looked up.
    fn within(mut self) -> Self {
        if !self.live.values.is_empty() || self.prepared.is_some() {
            self.other("UNREADABLE", "");
        }
        self.live.values.clear();
        Self { prepared: None, within: true, by_literal: true, ..self }
    }

    fn unread() -> Self {
        let mut unread = Self { verb: "SELECT", within: true, by_literal: true, ..Self::default() };
        unread.other("UNREADABLE", "");
        unread
    }
}

/// A table and what is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `TRUNCATE`, `COPY`, `LOCK`, `DDL`.
    pub action: &'static str,
    /// As written; nothing leaves it to the search path.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
    /// Whether an UPDATE or DELETE says which rows.
    pub has_where: bool,
}

/// Something asked for that is no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// `CALL`, `DO`, `DDL`, `ADMIN`, `EXPLAIN`, `LISTEN`, `NOTIFY`, `SET`, `SHOW`, `SESSION`, `COPY`, `PREPARE`.
    pub action: &'static str,
    /// The procedure, channel, setting or object; may be empty.
    pub name: String,
}

/// A setting of the session that a statement changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, lower case: `search_path`.
    pub name: String,
    /// Its new value, the parts of a list apart; nothing when it cannot be told or goes back to its default.
    pub value: Option<Vec<String>>,
}

/// What a statement does with SQL-level prepared statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// `PREPARE name AS …`: what is asked for is what its statement asks for.
    Make(String),
    /// `EXECUTE name`
    Use(String),
    /// `DEALLOCATE name`
    Drop(String),
    /// `DEALLOCATE ALL`, `DISCARD ALL`
    DropAll,
}

/// Why a text is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A string does not end.
    OpenString,
    /// A quoted name does not end.
    OpenName,
    /// A comment does not end.
    OpenComment,
    /// A comment that servers read differently (MySQL).
    Comment,
    /// `U&"…"`, whose name depends on what follows it.
    EscapedName,
    /// A byte that begins no token.
    Mark,
    /// A name that is no UTF-8.
    Encoding,
    /// Parentheses do not match.
    Parentheses,
    /// Parentheses nest deeper than [`MOST_DEPTH`].
    Depth,
    /// More tables or functions than [`MOST_NAMES`].
    Names,
    /// A keyword that has no role where it stands.
    Keyword,
    /// The statement ends before it is complete.
    Incomplete,
    /// A command that is not known.
    Command,
}

/// Parentheses that are followed into each other.
pub const MOST_DEPTH: usize = 128;
/// Tables, functions, names in `WITH`: each of them at most so many.
pub const MOST_NAMES: usize = 256;
/// Columns that are told apart; with more, any column may be read.
pub const MOST_COLUMNS: usize = 512;

/// What each statement of a text asks for. Empty statements ask for nothing and are left out.
///
/// # Errors
/// Why one of them is not understood; then none is.
pub fn statements(text: &[u8], backslash: bool) -> Result<Vec<Statement>, Unreadable> {
    statements_of(text, &tokens(text, backslash)?)
}

/// What each statement of a text asks for, whose tokens are known.
///
/// # Errors
/// Why one of them is not understood; then none is.
pub fn statements_of(text: &[u8], tokens: &[Token]) -> Result<Vec<Statement>, Unreadable> {
    let pieces = tokens.split(|token| token.kind == Kind::Semicolon).filter(|piece| !piece.is_empty());
    pieces.map(|piece| command::read(text, piece)).collect()
}

/// All tokens of a text.
///
/// # Errors
/// What the server's scanner refuses.
pub fn tokens(text: &[u8], backslash: bool) -> Result<Vec<Token>, Unreadable> {
    let mut lexer = Lexer::new(text, backslash);
    let mut tokens = Vec::with_capacity(text.len() / 5);
    while let Some(token) = lexer.read()? {
        tokens.push(token);
    }
    Ok(tokens)
}

/// The value of a string token, as far as it is plain: `'…'` without escapes.
pub(crate) fn literal(text: &[u8], token: &Token) -> Option<String> {
    let bytes = token.of(text);
    let inner = bytes.strip_prefix(b"'")?.strip_suffix(b"'")?;
    let inner = std::str::from_utf8(inner).ok()?;
    let plain = !inner.replace("''", "").contains(['\'', '\\']);
    plain.then(|| inner.replace("''", "'"))
}

impl Unreadable {
    /// In a few words, for the record.
    pub fn says(self) -> &'static str {
        match self {
            Self::OpenString => "a string does not end",
            Self::OpenName => "a quoted name does not end",
            Self::OpenComment => "a comment does not end",
            Self::Comment => "a comment is read differently by servers",
            Self::EscapedName => "a name is spelled with U&",
            Self::Mark => "a byte begins no token",
            Self::Encoding => "a name is no UTF-8",
            Self::Parentheses => "parentheses do not match",
            Self::Depth => "parentheses nest too deeply",
            Self::Names => "it names too many tables or functions",
            Self::Keyword => "a keyword stands where it has no role",
            Self::Incomplete => "it ends before it is complete",
            Self::Command => "the command is not known",
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.says())
    }
}
