//! What a value does to the statement that it stands in.
//!
//! Evidence: it closes a quote that the application opened, opens one, opens a comment, ends the statement, or brings a
//! parenthesis, a keyword or an operator. No evidence: it lies within one token, one literal or one comment; it is a list,
//! by commas, of literals and names, each name with its schema, and with a direction to sort in.

use crate::canon::sql::{Kind, Lexer, Operator, Reading, Token, Word};
use std::ops::Range;

/// What a value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ends a string or quoted name that began before it.
    ClosesQuote,
    /// It begins a string or quoted name that ends behind it.
    OpensQuote,
    /// It opens a comment.
    OpensComment,
    /// It ends the statement.
    EndsStatement,
    /// It brings a call or a query of its own.
    AddsFunction,
    /// It brings a keyword.
    AddsClause,
    /// It brings an operator.
    AddsOperator,
}

impl Change {
    /// In a few words, for the record.
    pub fn says(self) -> &'static str {
        match self {
            Self::ClosesQuote => "closes a quote",
            Self::OpensQuote => "opens a quote",
            Self::OpensComment => "opens a comment",
            Self::EndsStatement => "ends the statement",
            Self::AddsFunction => "adds a function or a query",
            Self::AddsClause => "adds a clause",
            Self::AddsOperator => "adds an operator",
        }
    }
}

/// A statement in tokens, comments among them.
#[derive(Debug)]
pub struct Statement<'a> {
    text: &'a [u8],
    tokens: Vec<Token>,
}

impl<'a> Statement<'a> {
    /// Reads a statement. Linear.
    pub fn new(text: &'a [u8], reading: Reading) -> Self {
        Self { text, tokens: Lexer::new(text, 0, reading).collect() }
    }

    /// What the bytes in `range` do to it.
    pub fn change(&self, range: &Range<usize>) -> Option<Change> {
        let first = self.tokens.partition_point(|token| token.end <= range.start);
        let count = self.tokens.get(first..)?.iter().take_while(|token| token.start < range.end).count();
        let inside = self.tokens.get(first..first + count)?;
        if let [only] = inside
            && (only.start <= range.start || !matches!(only.kind, Kind::Comment(_) | Kind::Semicolon))
        {
            return open(only).filter(|_| only.start >= range.start);
        }
        let edge = |token: &Token| match token.kind {
            Kind::Text { .. } | Kind::Name if token.start < range.start => Some(Change::ClosesQuote),
            Kind::Text { .. } | Kind::Name if token.end > range.end => Some(Change::OpensQuote),
            Kind::Comment(_) => Some(Change::OpensComment),
            Kind::Semicolon => Some(Change::EndsStatement),
            _ => None,
        };
        inside.iter().find_map(edge).or_else(|| self.adds(inside))
    }

    /// What tokens bring that are no list of literals and names.
    fn adds(&self, tokens: &[Token]) -> Option<Change> {
        if tokens.split(|token| token.kind == Kind::Comma).all(|item| self.is_item(item)) {
            return None;
        }
        let rank = |token: &Token| match token.kind {
            Kind::Open | Kind::Close => Some(Change::AddsFunction),
            Kind::Word(word) if word != Word::Other => Some(Change::AddsClause),
            Kind::Operator(_) => Some(Change::AddsOperator),
            _ => None,
        };
        let all: Vec<Change> = tokens.iter().filter_map(rank).collect();
        [Change::AddsFunction, Change::AddsClause, Change::AddsOperator].into_iter().find(|change| all.contains(change))
    }

    /// `'x'`, `-1`, `a.b`, `"a" DESC NULLS LAST`; nothing, before a comma that the value begins or ends with.
    fn is_item(&self, item: &[Token]) -> bool {
        let item = match item {
            [rest @ .., nulls, side]
                if self.is(nulls, b"nulls") && (self.is(side, b"first") || self.is(side, b"last")) =>
            {
                rest
            }
            other => other,
        };
        let item = match item {
            [rest @ .., Token { kind: Kind::Word(Word::Asc | Word::Desc), .. }] => rest,
            other => other,
        };
        match item {
            [] => true,
            [Token { kind: Kind::Operator(Operator::Sign), .. }, Token { kind: Kind::Number, .. }] => true,
            [Token { kind: Kind::Number | Kind::Variable | Kind::Operator(Operator::Star), .. }] => true,
            names => names.chunks(2).all(|pair| match pair {
                [name, dot] => is_name(name) && dot.kind == Kind::Dot,
                [last] => is_name(last) || names.len() > 1 && last.kind == Kind::Operator(Operator::Star),
                _ => false,
            }),
        }
    }

    fn is(&self, token: &Token, word: &[u8]) -> bool {
        self.text.get(token.start..token.end).is_some_and(|bytes| bytes.eq_ignore_ascii_case(word))
    }
}

fn is_name(token: &Token) -> bool {
    matches!(token.kind, Kind::Word(_) | Kind::Name | Kind::Text { .. })
}

/// What a token does that is all of a value, or more.
fn open(token: &Token) -> Option<Change> {
    match token.kind {
        Kind::Text { closed: false } => Some(Change::OpensQuote),
        _ => None,
    }
}

/// Whether a value could change a statement: it has a quote or opens a comment, or more than one token of which one is a
/// keyword, an operator or a mark.
pub fn could(value: &[u8]) -> bool {
    if value.iter().any(|byte| matches!(byte, b'\'' | b'"')) || opens_comment(value) {
        return true;
    }
    let statement = Statement::new(value, Reading::POSTGRES);
    match statement.tokens.as_slice() {
        [] | [_] => false,
        tokens => statement.adds(tokens).is_some() || tokens.iter().any(|token| token.kind == Kind::Semicolon),
    }
}

/// Whether a value opens or closes a comment.
pub(super) fn opens_comment(value: &[u8]) -> bool {
    value.windows(2).any(|pair| matches!(pair, b"--" | b"/*" | b"*/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value stands between the braces.
    fn change(text: &str) -> Option<Change> {
        let (start, end) = (text.find('{').unwrap(), text.find('}').unwrap() - 1);
        let text = text.replace(['{', '}'], "");
        Statement::new(text.as_bytes(), Reading::POSTGRES).change(&(start..end))
    }

    #[test]
    fn what_changes_a_statement_is_evidence() {
        for (text, expected) in [
            ("SELECT a FROM t WHERE b = '{x' OR 1=1 --}'", Change::ClosesQuote),
            ("SELECT a FROM t WHERE b = 'x'' AND c = '{ OR 1=1 --}'", Change::OpensComment),
            ("SELECT a FROM t WHERE b = '{x'--}' AND c", Change::ClosesQuote),
            ("SELECT a FROM t WHERE b LIKE '%{x%' UNION SELECT c FROM u WHERE d LIKE '}%'", Change::ClosesQuote),
            ("SELECT a FROM t WHERE b = {1 OR 1=1}", Change::AddsClause),
            ("SELECT a FROM t WHERE b = {1 UNION SELECT c FROM u}", Change::AddsClause),
            ("SELECT a FROM t WHERE b = {5-1}", Change::AddsOperator),
            ("SELECT a FROM t WHERE b = {pg_sleep(5)}", Change::AddsFunction),
            ("SELECT a FROM t WHERE b = {1--} AND c", Change::OpensComment),
            ("SELECT a FROM t WHERE b = {1/*} AND c */", Change::OpensComment),
            ("SELECT a FROM t WHERE b = {1; DROP TABLE t}", Change::EndsStatement),
            ("SELECT a FROM t ORDER BY {(CASE WHEN a THEN b END)}", Change::AddsFunction),
            ("SELECT a FROM t ORDER BY {a LIMIT 1}", Change::AddsClause),
            ("SELECT a FROM t WHERE b IN ({1) OR (1=1})", Change::AddsFunction),
            ("SELECT \"{a\" FROM u --}\" FROM t", Change::ClosesQuote),
            ("SELECT a FROM t WHERE b = {1 || 'x}'", Change::OpensQuote),
            ("SELECT a->'{b' || c --}' FROM t", Change::ClosesQuote),
        ] {
            assert_eq!(change(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_stays_in_its_place_is_none() {
        for text in [
            "SELECT a FROM t WHERE b = '{x or 1=1 -- y}'",
            "SELECT a FROM t WHERE b = '{it''s}'",
            "SELECT a FROM t WHERE b = {'it''s'}",
            "SELECT a FROM t WHERE b = $${x' OR 1=1}$$",
            "SELECT a FROM t WHERE b = {-5}",
            "SELECT a FROM t WHERE b IN ({1, 2, -3})",
            "SELECT a FROM t WHERE b IN ({'x','y'})",
            "SELECT {a, t.b, \"c\", *} FROM t",
            "SELECT {t.*, u.a} FROM t",
            "SELECT a FROM t ORDER BY {a DESC, t.b ASC NULLS LAST}",
            "SELECT a FROM t ORDER BY a {desc}",
            "SELECT a FROM t /* by {x' OR 1=1} */",
            "SELECT a FROM {shop.items}",
            "SELECT a FROM t ORDER BY {user, date desc}",
        ] {
            assert_eq!(change(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_could_change_a_statement_is_remembered() {
        for value in ["' --", "1 or 1", "a=b", "f(x)", "x;y", "a/**/b", "1 union select 2", "\"a"] {
            assert!(could(value.as_bytes()), "{value}");
        }
        for value in ["", "word", "two words", "17", "-17", "a, b, c", "name desc", "3.14", "a.b.c", "été à Paris"] {
            assert!(!could(value.as_bytes()), "{value}");
        }
    }
}
