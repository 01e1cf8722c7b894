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
}

/// A name for what was found, and its weight.
pub(super) type Sign = (&'static str, Weight);

/// The heaviest sign, or none.
pub(super) fn weigh(facts: &Facts, context: Context) -> Option<Sign> {
    let rules: &[fn(&Facts, Context) -> Option<Sign>] =
        &[union, stacked, functions, condition, subquery, clause, cut_off, balanced];
    rules.iter().filter_map(|rule| rule(facts, context)).max_by_key(|(_, weight)| *weight)
}

const fn sign(name: &'static str, weight: u16) -> Option<Sign> {
    Some((name, Weight(weight)))
}

impl Facts {
    /// Something that a column list or condition of prose would not have.
    fn is_technical(&self) -> bool {
        self.calls() + self.server_variables + self.catalogue + self.constant_compares > 0
    }

    /// What follows the value in the statement is taken care of.
    fn is_finished(&self) -> bool {
        !self.broken && (self.truncated || self.open || self.semicolons > 0)
    }

    /// The text continues an operand that is not in the text, or is a plain literal.
    fn continues(&self, context: Context) -> bool {
        context == Context::Quoted || matches!(self.start, Start::Literal | Start::Operator | Start::Operand)
    }
}

/// `UNION SELECT …`
fn union(facts: &Facts, context: Context) -> Option<Sign> {
    if facts.unions == 0 {
        return None;
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
    if further && facts.semicolons > 0 {
        return sign("sql-stacked", if facts.continues(context) || facts.start == Start::Nothing { 100 } else { 60 });
    }
    if further && facts.bare_statements > 0 && facts.continues(context) {
        return sign("sql-stacked", 100);
    }
    if facts.semicolons > 0 && facts.selects > 0 && facts.start != Start::Statement && facts.continues(context) {
        return sign("sql-stacked", 100);
    }
    None
}

/// Calls that only an attack has a use for.
fn functions(facts: &Facts, context: Context) -> Option<Sign> {
    let operators = facts.logical + facts.compares + facts.arithmetic + facts.selects + facts.commas + facts.semicolons;
    let placed = context == Context::Quoted || operators > 0 || facts.truncated;
    if facts.waits > 0 {
        return sign("sql-time", if placed { 100 } else { 50 });
    }
    if facts.reaches > 0 {
        return sign("sql-reach", if placed { 100 } else { 50 });
    }
    if facts.leaks > 0 && placed {
        return sign("sql-error", 100);
    }
    None
}

/// `OR 1=1` and its kin.
fn condition(facts: &Facts, context: Context) -> Option<Sign> {
    if facts.logical == 0 {
        return None;
    }
    let continues = facts.continues(context);
    if facts.constant_compares > 0 && continues {
        return sign("sql-tautology", 100);
    }
    if facts.broken {
        return None;
    }
    if context == Context::Quoted {
        if facts.is_finished() && (facts.compares > 0 || facts.logical_value) {
            return sign("sql-condition", 100);
        }
        if facts.is_technical() && (facts.compares > 0 || facts.logical_value) {
            return sign("sql-condition", 100);
        }
        return None;
    }
    if facts.truncated && continues && (facts.compares > 0 || facts.logical_value) {
        return sign("sql-condition", 100);
    }
    if (facts.tells > 0 || facts.server_variables + facts.catalogue > 0) && continues {
        return sign("sql-condition", 100);
    }
    None
}

/// `(SELECT …)` within an expression.
fn subquery(facts: &Facts, context: Context) -> Option<Sign> {
    if facts.subselects == 0 || facts.leading_statement {
        return None;
    }
    let operators = facts.logical + facts.compares + facts.arithmetic + facts.commas;
    if context == Context::Quoted && operators > 0 || facts.truncated {
        return sign("sql-subquery", 100);
    }
    if facts.start == Start::Statement || facts.broken {
        return None;
    }
    if operators > 0 || facts.is_technical() || facts.from > 0 {
        return sign("sql-subquery", 100);
    }
    None
}

/// `ORDER BY 5`, `HAVING 1=1`, `INTO OUTFILE`, `WHERE 1=1`
fn clause(facts: &Facts, context: Context) -> Option<Sign> {
    if facts.output > 0 {
        return sign("sql-output", 100);
    }
    if facts.start == Start::Statement {
        return None;
    }
    let clauses = facts.order + facts.having + facts.limit + facts.whereas + facts.alias;
    if clauses == 0 {
        return None;
    }
    if facts.constant_compares > 0 && facts.having + facts.whereas > 0 {
        return sign("sql-clause", 100);
    }
    if facts.broken {
        return None;
    }
    if facts.order_number > 0 && facts.continues(context) {
        return sign("sql-probe", 100);
    }
    if context == Context::Quoted && facts.is_finished() {
        return sign("sql-clause", 100);
    }
    None
}

/// `'--`: the rest of the statement is cut off.
fn cut_off(facts: &Facts, context: Context) -> Option<Sign> {
    if context != Context::Quoted || !facts.truncated || !facts.bare_comment || facts.broken {
        return None;
    }
    sign("sql-cut-off", if facts.closed_outside > 0 || facts.tokens > 0 { 100 } else { 70 })
}

/// `'+x+'`, `'='`: the value becomes an expression, and the quote after it is taken care of.
fn balanced(facts: &Facts, context: Context) -> Option<Sign> {
    if context != Context::Quoted || facts.broken || !facts.open {
        return None;
    }
    if facts.calls() + facts.server_variables > 0 {
        return sign("sql-expression", 100);
    }
    if facts.compares > 0 {
        return sign("sql-expression", 60);
    }
    sign("sql-expression", if facts.arithmetic + facts.logical > 0 { 40 } else { 0 }).filter(|(_, weight)| weight.0 > 0)
}
