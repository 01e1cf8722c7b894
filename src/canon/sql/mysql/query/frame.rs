//! What the machine remembers of each open parenthesis.

use super::Key;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A query, or a whole statement.
    Query,
    /// Joined tables in parentheses.
    Join,
    /// An expression, arguments, names of columns.
    List,
}

/// Where in its query a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    /// A query must begin.
    Start,
    /// In `WITH`, between its queries.
    With,
    /// A table must come; this is done to it.
    Relation(&'static str),
    /// Behind a table that is read, or one of an UPDATE: alias, join, comma.
    Joined,
    /// Behind the table of `DELETE FROM`.
    Target,
    /// The names of `DELETE a, b FROM`.
    Targets,
    /// Behind the table of INSERT.
    InsertHead,
    /// After `SET`, where the name of a column that is written must come.
    SetName,
    /// After `SET col =`.
    SetValue,
    /// The condition of a join.
    On,
    /// Any expression.
    Expression,
    /// Other commands: nothing is known of their words.
    Loose,
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) sort: Sort,
    pub(super) clause: Clause,
    pub(super) verb: Option<Key>,
    /// What is done to the tables that are listed or joined.
    pub(super) lists: &'static str,
    /// Names that `WITH` has made, and may be read.
    pub(super) with: Vec<String>,
    /// The name whose query is open; it becomes known when that ends.
    pub(super) naming: Option<String>,
    /// `WITH RECURSIVE`: a name is known in its own query.
    pub(super) recursive: bool,
    /// The function whose arguments these are, if its syntax has a FROM.
    pub(super) takes_from: bool,
    /// These names are columns that are written.
    pub(super) writes: bool,
}

impl Frame {
    pub(super) fn new(sort: Sort, clause: Clause) -> Self {
        Self {
            sort,
            clause,
            verb: None,
            lists: "SELECT",
            with: Vec::new(),
            naming: None,
            recursive: false,
            takes_from: false,
            writes: false,
        }
    }
}
