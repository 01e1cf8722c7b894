//! What one attempt at reading a value as SQL saw. Counts only, at most a few for each byte of a value that fits into memory;
//! what they mean is said in `verdict`.

use super::functions::Purpose;

/// What was seen, up to the end or to the first token that fits nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// How the text began.
    pub(super) start: Start,
    /// Tokens that fitted.
    pub(super) tokens: u32,
    /// A token fitted nowhere; the counts are of what stands before it.
    pub(super) broken: bool,
    /// A comment cut off the rest.
    pub(super) truncated: bool,
    /// The comment that cut off the rest holds no words of its own.
    pub(super) bare_comment: bool,
    /// … nor anything else that a text would have.
    pub(super) silent_comment: bool,
    /// … and it is `--`.
    pub(super) dashes: bool,
    /// The last string is open: the quote that follows the value closes it.
    pub(super) open: bool,
    /// … and has no bytes of its own yet.
    pub(super) open_empty: bool,
    /// … or goes on for longer than a value would.
    pub(super) open_long: bool,
    /// The text ends where an operand is awaited.
    pub(super) awaits: bool,
    /// Block comments between tokens.
    pub(super) comments: u32,
    /// Comments up to the end of a line.
    pub(super) line_comments: u32,
    /// Parentheses given up at a `FROM` because they were not closed.
    pub(super) unbalanced: u32,
    /// Ends with `UNION` behind a literal, a comment between or behind them.
    pub(super) ends_with_union: bool,
    /// Parentheses closed that the text did not open.
    pub(super) closed_outside: u32,
    /// `AND`, `OR`, `XOR`, `&&`, `||`.
    pub(super) logical: u32,
    /// The text begins with one of them.
    pub(super) begins_logical: bool,
    /// … whose left side is a literal by itself.
    pub(super) literal_conditions: u32,
    /// Names that are no calls.
    pub(super) names: u32,
    /// The last operator was one of them, and its right side is no name.
    pub(super) logical_value: bool,
    /// Comparisons of any kind.
    pub(super) compares: u32,
    /// Comparisons of two literals.
    pub(super) constant_compares: u32,
    /// Comparisons by a mark, such as `=`, whether or not their right side came.
    pub(super) marks_compare: u32,
    /// `||`, each also counted as logical.
    pub(super) pipes: u32,
    /// Arithmetic operators.
    pub(super) arithmetic: u32,
    /// … which are words.
    pub(super) word_arithmetic: u32,
    /// Commas at the level of the text itself.
    pub(super) commas: u32,
    /// `UNION`, `EXCEPT`, … with what must follow.
    pub(super) unions: u32,
    /// `SELECT` where one may stand.
    pub(super) selects: u32,
    /// `SELECT` right after an opening parenthesis.
    pub(super) subselects: u32,
    /// `SELECT` behind an operand, without a semicolon.
    pub(super) further_selects: u32,
    /// Items in the column list after a union, minus one.
    pub(super) columns: u32,
    /// Literals, calls and variables among the columns.
    pub(super) column_values: u32,
    /// `FROM` with tables.
    pub(super) from: u32,
    /// `WHERE` at the level of the text itself.
    pub(super) whereas: u32,
    /// Clauses that say nothing by themselves.
    pub(super) inner: u32,
    /// `HAVING`.
    pub(super) having: u32,
    /// `ORDER BY` or `GROUP BY`.
    pub(super) order: u32,
    /// … with a column number.
    pub(super) order_number: u32,
    /// `LIMIT`, `OFFSET`, `FETCH`.
    pub(super) limit: u32,
    /// `PROCEDURE ANALYSE`, `INTO OUTFILE`.
    pub(super) output: u32,
    /// `AS name` or `COLLATE name` at the level of the text itself.
    pub(super) alias: u32,
    /// Semicolons.
    pub(super) semicolons: u32,
    /// Statements other than `SELECT`, in their proper shape.
    pub(super) statements: u32,
    /// … whose shape prose has as well.
    pub(super) spoken_statements: u32,
    /// … which began without a semicolon after an operand.
    pub(super) bare_statements: u32,
    /// Statements that begin the text itself.
    pub(super) leading_statement: bool,
    /// `DECLARE @name`.
    pub(super) declares: bool,
    /// Calls by purpose.
    pub(super) waits: u32,
    /// Calls by purpose.
    pub(super) leaks: u32,
    /// Calls by purpose.
    pub(super) reaches: u32,
    /// Calls by purpose, and names such as `CURRENT_USER`.
    pub(super) tells: u32,
    /// Calls by purpose.
    pub(super) known: u32,
    /// Calls by purpose, and `BINARY`.
    pub(super) craft: u32,
    /// Calls by purpose.
    pub(super) unknown: u32,
    /// `::type`.
    pub(super) casts: u32,
    /// `@name`, `:name`, `?`.
    pub(super) variables: u32,
    /// `@@name`.
    pub(super) server_variables: u32,
    /// Names of the database's own catalogues.
    pub(super) catalogue: u32,
    /// `CASE`.
    pub(super) cases: u32,
    /// One past the last byte that fitted.
    pub(super) end: usize,
    /// No byte from here on was looked at.
    pub(super) reach: usize,
}

/// How a text begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing but comments.
    #[default]
    Nothing,
    /// A number or a string.
    Literal,
    /// A name.
    Name,
    /// Any other operand: a call, a parenthesis, a variable.
    Operand,
    /// An operator or a clause, as if something stood before.
    Operator,
    /// A statement.
    Statement,
}

impl Facts {
    /// Notes a call.
    pub(super) fn call(&mut self, purpose: Purpose) {
        let counter = match purpose {
            Purpose::Wait => &mut self.waits,
            Purpose::Leak => &mut self.leaks,
            Purpose::Reach => &mut self.reaches,
            Purpose::Tell => &mut self.tells,
            Purpose::Craft => &mut self.craft,
            Purpose::Known => &mut self.known,
            Purpose::Catalogue => &mut self.catalogue,
            Purpose::Unknown => &mut self.unknown,
        };
        *counter += 1;
    }

    /// A statement, or a script of them, from the first byte to the last: its quotes are its own, so that it breaks out of
    /// none.
    pub(super) fn is_clean_statement(&self) -> bool {
        let whole = !self.broken && !self.open && !self.truncated && !self.awaits;
        whole && (self.leading_statement || self.start == Start::Statement && self.from > 0)
    }

    /// Calls of functions that databases have.
    pub(super) fn calls(&self) -> u32 {
        self.waits + self.leaks + self.reaches + self.tells + self.known + self.craft
    }
}
