//! SQL in tokens: where does a string end, what is a comment, which word is a keyword? Dialects answer differently, so every
//! answer is given under a [`Reading`]. Used on values (by detectors) and on whole statements. Judges nothing.
//!
//! Linear: every byte is read at most twice, once to find where its token ends and once to name it.

mod lexer;
pub mod live;
pub mod mysql;
pub mod postgres;
mod shape;
mod template;
mod words;

pub use lexer::Lexer;
pub use shape::{Names, shape};
pub use template::Template;
pub use words::Word;

/// How a server reads the spellings on which dialects differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// A backslash escapes the byte after it, in strings (MySQL; PostgreSQL only in `E'…'`).
    pub backslash: bool,
    /// `#` begins a comment (MySQL).
    pub hash_comment: bool,
    /// `/*! … */` is read as code (MySQL, MariaDB).
    pub executable_comments: bool,
    /// `[…]` quotes a name (SQL Server, SQLite).
    pub bracket_names: bool,
    /// `$$ … $$` and `$tag$ … $tag$` quote a string (PostgreSQL).
    pub dollar_quotes: bool,
    /// `q'[ … ]'` quotes a string (Oracle).
    pub q_quotes: bool,
    /// `+` between words is a space that was left encoded.
    pub plus_is_space: bool,
}

impl Reading {
    /// MySQL and MariaDB with their default `sql_mode`.
    pub const MYSQL: Self = Self {
        backslash: true,
        hash_comment: true,
        executable_comments: true,
        bracket_names: false,
        dollar_quotes: false,
        q_quotes: false,
        plus_is_space: false,
    };

    /// PostgreSQL with `standard_conforming_strings`.
    pub const POSTGRES: Self = Self {
        backslash: false,
        hash_comment: false,
        executable_comments: false,
        bracket_names: false,
        dollar_quotes: true,
        q_quotes: false,
        plus_is_space: false,
    };

    /// What PostgreSQL, SQL Server, Oracle and SQLite allow, taken together; for values whose server is not known.
    pub const STANDARD: Self = Self {
        backslash: false,
        hash_comment: false,
        executable_comments: false,
        bracket_names: true,
        dollar_quotes: true,
        q_quotes: true,
        plus_is_space: false,
    };
}

/// One token. `start <= end <= bytes.len()`; nothing but white space and skipped marks stands between two tokens.
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
    /// `1`, `1.5e3`, `0x41`, `\N`.
    Number,
    /// A string in any of its quotings, its prefix (`N`, `E`, `X`, `_utf8`) included.
    Text {
        /// Whether its closing quote is there.
        closed: bool,
    },
    /// A quoted name: `` `a` ``, `[a]`; `"a"` counts as text, because half of the dialects read it so.
    Name,
    /// A bare word.
    Word(Word),
    /// `@a`, `@@a`, `:a`, `$1`, `?`.
    Variable,
    /// `(`, `{`.
    Open,
    /// `)`, `}`.
    Close,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `.`
    Dot,
    /// An operator.
    Operator(Operator),
    /// A comment.
    Comment(Comment),
    /// What no dialect knows.
    Unknown,
}

/// Operators by what they do to their operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `&&`
    And,
    /// `||`: or in MySQL, concatenation elsewhere.
    Pipes,
    /// `=`, `<>`, `<=>`, `~*`, `@>`, …
    Compare,
    /// `+` or `-`, which may also stand before an operand.
    Sign,
    /// `*`, which is also every column.
    Star,
    /// `/`, `%`, `&`, `|`, `^`, `<<`, `->`, …
    Arithmetic,
    /// `!`
    Not,
    /// `~`
    Tilde,
    /// `:=`
    Assign,
    /// `::`
    Cast,
}

/// Comments by where they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comment {
    /// `-- …` or `# …`: with the line.
    Line,
    /// `/* … */`
    Block {
        /// Whether its end is there.
        closed: bool,
    },
}

impl Token {
    /// The bytes of the token in the text it was read from.
    pub fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }
}
