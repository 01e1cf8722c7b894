//! What the facts of a reading mean, and how much they weigh.

use super::facts::{Facts, Start};
use crate::flow::Weight;

/// Where the value is taken to stand in the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// Where a number or a name would stand.
    Bare,
    /// Inside a string or a quoted name, of which it breaks out.
    Quoted,
    /// Behind a `=` or a semicolon within the value, as if it were made of several.
    Inner,
}

/// A name for what was found, and its weight.
pub(super) type Sign = (&'static str, Weight);

/// The most tokens of a value that is a condition and nothing else: `or x=y`, `and (x=y)`.
const SHORT_CONDITION: u32 = 6;

/// The heaviest sign, or none.
pub(super) fn weigh(facts: &Facts, context: Context) -> Option<Sign> {
    const RULES: &[fn(&Facts, Context) -> Option<Sign>] =
        &[union, stacked, calls, crafted, condition, subquery, clause, leading, cut_off, balanced];
    let rules = if context == Context::Inner { INNER } else { RULES };
    rules.iter().filter_map(|rule| rule(facts, context)).max_by_key(|(_, weight)| *weight)
}

/// The rules that hold for a piece of a value.
const INNER: &[fn(&Facts, Context) -> Option<Sign>] = &[union, stacked, calls, constants];

const fn sign(name: &'static str, weight: u16) -> Option<Sign> {
    Some((name, Weight(weight)))
}

impl Facts {
    /// Something that a column list or condition of prose would not have.
    fn is_technical(&self) -> bool {
        self.calls() + self.casts + self.server_variables + self.catalogue + self.constant_compares > 0
    }

    /// Asks for what only the database knows of itself.
    fn is_curious(&self) -> bool {
        self.tells + self.server_variables + self.catalogue > 0
    }

    /// What follows the value in the statement is taken care of.
    fn is_finished(&self) -> bool {
        !self.broken && (self.truncated || self.open || self.semicolons > 0)
    }

    /// The text continues an operand that is not in the text, or is a plain literal.
    fn continues(&self, context: Context) -> bool {
        context == Context::Quoted
            || matches!(self.start, Start::Literal | Start::Operator | Start::Operand | Start::Nothing)
    }

    /// Operators and clauses that put a call into an expression.
    fn joints(&self) -> u32 {
        self.logical + self.compares + self.arithmetic + self.commas + self.semicolons + self.clauses() + self.selects
    }

    fn clauses(&self) -> u32 {
        self.order + self.having + self.limit + self.whereas + self.alias
    }

    /// `5 < 7 and 9 > 3, as everyone knows`: the text begins with a comparison, and goes on as no SQL. Where a number is
    /// awaited, a condition begins with its operator, or with a literal and its operator: `5 or 1=1`.
    fn is_mere_comparison(&self, context: Context) -> bool {
        context == Context::Bare && self.broken && !self.begins_logical && self.literal_conditions == 0
    }

    /// A condition whose right side is a comparison or a value, not a mere name.
    fn has_condition(&self) -> bool {
        self.compares > 0 || self.logical_value && !(self.open && self.open_empty)
    }
}

/// `UNION SELECT …`
fn union(facts: &Facts, context: Context) -> Option<Sign> {
    if facts.ends_with_union {
        return sign("sql-union", 100);
    }
    if facts.unions == 0 || facts.start == Start::Statement && context != Context::Quoted {
        return None;
    }
    if facts.selects == 0 && !(facts.commas > 1 && facts.truncated) {
        return sign("sql-union", if facts.is_technical() { 100 } else { 0 }).filter(|(_, weight)| weight.0 > 0);
    }
    let solid = facts.columns > 0 || facts.column_values > 0 || facts.is_technical() || facts.truncated;
    match (solid, facts.continues(context)) {
        (true, _) => sign("sql-union", 100),
        (false, true) if !facts.broken && facts.selects > 0 => sign("sql-union", 100),
        (false, false) if !facts.broken && facts.from > 0 => sign("sql-union", 60),
        _ => None,
    }
}

/// A further statement.
fn stacked(facts: &Facts, context: Context) -> Option<Sign> {
    let further = facts.statements > 0 && !facts.leading_statement;
    let continues = facts.continues(context);
    if facts.start == Start::Statement && context != Context::Quoted {
        return None;
    }
    if further && facts.semicolons > 0 {
        let clear = continues || facts.statements > facts.spoken_statements;
        return sign("sql-stacked", if clear { 100 } else { 60 });
    }
    if further && facts.bare_statements > 0 && continues {
        return sign("sql-stacked", 100);
    }
    if facts.further_selects > 0
        && facts.from > 0
        && continues
        && !facts.broken
        && (facts.truncated || facts.is_technical())
    {
        return sign("sql-stacked", 100);
    }
    if facts.semicolons > 0 && facts.selects > 0 && continues {
        return sign("sql-stacked", 100);
    }
    None
}

/// Calls that only an attack has a use for.
fn calls(facts: &Facts, context: Context) -> Option<Sign> {
    let placed = context == Context::Quoted || facts.joints() > 0 || facts.truncated;
    if facts.waits > 0 && (placed || !facts.broken) {
        return sign("sql-time", 100);
    }
    if facts.reaches > 0 && (placed || !facts.broken) {
        return sign("sql-reach", 100);
    }
    if facts.leaks > 0 && placed {
        return sign("sql-error", 100);
    }
    None
}

/// Strings built from character codes, the server's name within a call, constants compared in a call.
fn crafted(facts: &Facts, context: Context) -> Option<Sign> {
    if facts.broken || facts.start == Start::Statement {
        return None;
    }
    if facts.server_variables + facts.tells > 0 && facts.calls() > facts.tells {
        return sign("sql-expression", 100);
    }
    if facts.calls() > 0 && facts.constant_compares + facts.casts > 0 {
        return sign("sql-expression", 100);
    }
    if facts.cases > 0 && facts.constant_compares + facts.subselects > 0 {
        return sign("sql-expression", 100);
    }
    let glued = facts.logical + facts.arithmetic > 0;
    if facts.craft > 0 && glued && (facts.continues(context) && facts.pipes + facts.logical > 0 || facts.craft > 1) {
        return sign("sql-expression", 100);
    }
    None
}

/// `OR 1=1` up to the end.
fn constants(facts: &Facts, context: Context) -> Option<Sign> {
    let holds = facts.logical > 0 && facts.constant_compares > 0 && !facts.broken && facts.continues(context);
    if holds { sign("sql-tautology", 100) } else { None }
}

/// `OR 1=1` and its kin.
fn condition(facts: &Facts, context: Context) -> Option<Sign> {
    if facts.logical == 0 || facts.start == Start::Statement && context != Context::Quoted {
        return None;
    }
    let continues = facts.continues(context);
    if facts.constant_compares > 0 && !facts.is_mere_comparison(context) && (continues || !facts.broken) {
        return sign("sql-tautology", 100);
    }
    if facts.subselects > 0 && facts.calls() > 0 && continues {
        return sign("sql-condition", 100);
    }
    if facts.broken || !facts.has_condition() {
        return None;
    }
    if context == Context::Quoted {
        return sign("sql-condition", 100);
    }
    if facts.literal_conditions > 0 && facts.compares > 0 {
        return sign("sql-condition", 100);
    }
    if facts.start == Start::Operator && facts.marks_compare > 0 && facts.tokens <= SHORT_CONDITION {
        return sign("sql-condition", 100);
    }
    if facts.names + facts.unknown == 0 && facts.calls() > 1 && facts.marks_compare > 0 {
        return sign("sql-condition", 100);
    }
    if continues && (facts.truncated || facts.is_curious()) {
        return sign("sql-condition", 100);
    }
    None
}

/// `(SELECT …)` within an expression.
fn subquery(facts: &Facts, context: Context) -> Option<Sign> {
    if facts.subselects == 0 || facts.leading_statement || facts.start == Start::Statement {
        return None;
    }
    let operators = facts.logical + facts.compares + facts.arithmetic + facts.commas;
    if context == Context::Quoted && operators > 0 || facts.truncated {
        return sign("sql-subquery", 100);
    }
    if !facts.broken && (operators > 0 || facts.is_technical() || facts.from > 0) {
        return sign("sql-subquery", 100);
    }
    None
}

/// `ORDER BY 5`, `HAVING 1=1`, `INTO OUTFILE`, `WHERE 1=1`
fn clause(facts: &Facts, context: Context) -> Option<Sign> {
    if facts.output > 0 {
        return sign("sql-output", 100);
    }
    if facts.start == Start::Statement || facts.clauses() == 0 {
        return None;
    }
    if facts.constant_compares > 0 && facts.having + facts.whereas > 0 {
        return sign("sql-clause", 100);
    }
    if facts.broken {
        return None;
    }
    if facts.order_number > 0 && (facts.continues(context) || facts.truncated) {
        return sign("sql-probe", 100);
    }
    if facts.having > 0 && facts.logical > 0 && (facts.continues(context) || facts.literal_conditions > 0) {
        return sign("sql-clause", 100);
    }
    if context == Context::Quoted && facts.is_finished() {
        return sign("sql-clause", 100);
    }
    None
}

/// A whole statement: breaks out of nothing, and is only refused for what it asks or does.
fn leading(facts: &Facts, context: Context) -> Option<Sign> {
    if context == Context::Quoted {
        return None;
    }
    if facts.start == Start::Statement
        && facts.selects > 0
        && facts.server_variables + facts.catalogue + facts.tells > 0
    {
        return sign("sql-recon", 100);
    }
    let asks = facts.from + facts.craft + facts.tells + facts.reaches + facts.leaks > 0;
    if facts.start == Start::Statement && facts.awaits && !facts.broken && asks {
        return sign("sql-fragment", 100);
    }
    if facts.unbalanced > 0 && facts.from > 0 && facts.column_values > 0 && !facts.broken {
        return sign("sql-fragment", 100);
    }
    let nameless = facts.from + facts.names == 0 && facts.variables + facts.unions > 0;
    if facts.start == Start::Statement && facts.selects > 0 && nameless && !facts.broken {
        return sign("sql-recon", 100);
    }
    if facts.declares && facts.leading_statement {
        return sign("sql-statement", 100);
    }
    let asked = facts.start == Start::Statement && facts.selects > 0;
    let goes_on = asked && facts.statements > 0;
    if (facts.leading_statement || goes_on) && (facts.truncated || facts.semicolons > 0) {
        let spoken = facts.statements == facts.spoken_statements && !(asked && facts.from > 0);
        return sign(if spoken { "sql-spoken-statement" } else { "sql-statement" }, 60);
    }
    None
}

/// `'--`: the rest of the statement is cut off.
fn cut_off(facts: &Facts, context: Context) -> Option<Sign> {
    if !facts.truncated || !facts.bare_comment || facts.broken {
        return None;
    }
    if context == Context::Quoted {
        let clear = facts.closed_outside + facts.tokens > 0 || facts.dashes || facts.silent_comment;
        return sign("sql-cut-off", if clear { 100 } else { 70 });
    }
    let technical =
        facts.is_technical() || facts.logical + facts.compares > 0 || facts.arithmetic > 0 && facts.names == 0;
    if facts.dashes && technical && matches!(facts.start, Start::Literal | Start::Operand | Start::Operator) {
        return sign("sql-cut-off", 100);
    }
    None
}

/// `'+x+'`, `'='`: the value becomes an expression, and the quote after it is taken care of.
fn balanced(facts: &Facts, context: Context) -> Option<Sign> {
    if context != Context::Quoted || facts.broken || !facts.open {
        return None;
    }
    if facts.calls() + facts.casts + facts.server_variables + facts.marks_compare > 0 {
        return sign("sql-expression", 100);
    }
    if facts.pipes > 0 && facts.unknown > 0 {
        return sign("sql-expression", 100);
    }
    if facts.word_arithmetic > 0 {
        return sign("sql-expression", 100);
    }
    if facts.compares > 0 && facts.arithmetic > 0 {
        return sign("sql-expression", 100);
    }
    if facts.logical > 0 && facts.open_empty && facts.names + facts.unknown == 0 {
        return sign("sql-expression", 100);
    }
    if facts.compares > 0 {
        return sign("sql-expression", if facts.open_empty || facts.open_long { 60 } else { 100 });
    }
    if facts.arithmetic + facts.logical > 0 {
        return sign("sql-expression", 40);
    }
    None
}
