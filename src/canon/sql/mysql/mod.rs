//! What a statement of MySQL or MariaDB asks for: which tables for what, which columns and functions, with or without WHERE.
//! Read from the server's own tokens (`lexer`) by a machine that follows clauses and parentheses (`query`); no tree is
//! built, nothing recurses, every token is read a fixed number of times.
//!
//! Where the text leaves a choice, more is asked for rather than less: any name that could be a column counts as read, any
//! name before a parenthesis as called, any table of a joined UPDATE as changed unless the columns say otherwise. A keyword
//! without a known role makes the statement [`Unreadable`]; so no table is overlooked.

mod command;
mod define;
mod fingerprint;
mod keys;
mod lexer;
mod mode;
mod query;
mod set;
mod show;
#[cfg(test)]
mod tests;

use super::live::{Live, Unfold};
pub use super::postgres::{MOST_COLUMNS, MOST_DEPTH, MOST_NAMES, Other, Prepared, Table, Unreadable, fingerprint};
pub use fingerprint::{literals, normalised};
pub use keys::Key;
pub use lexer::{Kind, Lexer, Token};
pub use mode::{Mode, Server};

/// What one statement asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Its leading word, for records: `SELECT`, `BEGIN`.
    pub verb: &'static str,
    /// Tables with what is done to them, in the order they stand; schemas are databases.
    pub tables: Vec<Table>,
    /// What is asked for besides tables: `(CALL, procedure)`, `(ADMIN, )`.
    pub others: Vec<Other>,
    /// Functions that are called, lower case, with their database if it is written.
    pub functions: Vec<String>,
    /// Names that may be columns whose values are looked at, lower case.
    pub columns: Vec<String>,
    /// Columns may be read that are not named.
    pub star: bool,
    /// `FOR UPDATE` and its kin.
    pub locking: bool,
    /// `RETURNING`: what is written is read too.
    pub returning: bool,
    /// Settings of the session that it changes, in order.
    pub settings: Vec<Setting>,
    /// `LOAD DATA LOCAL INFILE`: the file of the client's that it reads.
    pub file: Option<String>,
    /// Databases besides the one in use whose catalogue it tells.
    pub shows: Vec<String>,
    /// `PREPARE`, `EXECUTE`, `DEALLOCATE`, with the name in lower case.
    pub prepared: Option<Prepared>,
    /// `USE database`
    pub uses: Option<String>,
    /// Whether its literals change what it asks for, so that its fingerprint does not tell.
    pub by_literal: bool,
    /// What it hands on as more than values.
    pub live: Live,
    /// It stands in a string of another: what it changes may come to hold later, or never.
    pub within: bool,
}

impl Unfold for Statement {
    fn live(&self) -> &Live {
        &self.live
    }

    /// What EXECUTE gives it is not followed: no path or program can be told; nor are names that are made in a string, which
    /// servers refuse.
    fn within(mut self) -> Self {
        if self.live.reaches || self.prepared.is_some() {
            self.other("UNREADABLE", "");
        }
        Self { within: true, by_literal: true, ..self }
    }

    fn unread() -> Self {
        let mut unread = Self { verb: "SELECT", within: true, by_literal: true, ..Self::default() };
        unread.other("UNREADABLE", "");
        unread
    }
}

/// Functions whose arguments are paths or programs.
fn is_reaching(name: &str) -> bool {
    matches!(name, "load_file" | "sys_eval" | "sys_exec") || name.starts_with("lib_mysqludf")
}

/// A setting of the session that a statement changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, lower case: `sql_mode`; `names` for SET NAMES and SET CHARACTER SET.
    pub name: String,
    /// Its new value, if it is written out.
    pub value: Option<String>,
}

impl Statement {
    fn other(&mut self, action: &'static str, name: impl Into<String>) {
        self.others.push(Other { action, name: name.into() });
    }
}

/// All tokens of a text.
///
/// # Errors
/// What the server's scanner refuses.
pub fn tokens(text: &[u8], mode: Mode) -> Result<Vec<Token>, Unreadable> {
    let mut lexer = Lexer::new(text, mode);
    let mut tokens = Vec::with_capacity(text.len() / 5);
    while let Some(token) = lexer.read()? {
        tokens.push(token);
    }
    Ok(tokens)
}

/// What each statement of a text asks for, whose tokens are known. Empty statements ask for nothing and are left out.
///
/// # Errors
/// Why one of them is not understood; then none is.
pub fn statements_of(text: &[u8], tokens: &[Token]) -> Result<Vec<Statement>, Unreadable> {
    let pieces = tokens.split(|token| token.kind == Kind::Semicolon).filter(|piece| !piece.is_empty());
    pieces.map(|piece| command::read(text, piece)).collect()
}

/// What a string token says, if it has no escapes in it but quotes that are doubled.
fn string(text: &[u8], token: &Token) -> Option<String> {
    let [quote @ (b'\'' | b'"'), inner @ .., end] = token.of(text) else { return None };
    let inner = std::str::from_utf8(inner).ok().filter(|_| quote == end)?;
    let (quote, doubled) = if *quote == b'"' { ('"', "\"\"") } else { ('\'', "''") };
    let plain = !inner.replace(doubled, "").contains([quote, '\\']);
    plain.then(|| inner.replace(doubled, &quote.to_string()))
}

/// The value of a string token without escapes in it.
fn literal(text: &[u8], token: &Token) -> Option<String> {
    let [quote @ (b'\'' | b'"'), inner @ .., end] = token.of(text) else { return None };
    let inner = std::str::from_utf8(inner).ok()?;
    (quote == end && !inner.contains(['\'', '"', '\\'])).then(|| inner.to_owned())
}

/// Whether what is done is done to a table; copies may be of the server's files.
pub fn is_on_table(action: &str, name: &str) -> bool {
    action == "COPY" && name != "file"
        || matches!(action, "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "TRUNCATE" | "LOCK" | "DDL")
}
