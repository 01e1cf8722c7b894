//! What a value does to the statement that it stands in.
//!
//! Evidence: it closes a quote that the application opened, opens one or escapes one, opens a comment, ends the statement,
//! or brings a parenthesis, a keyword, an operator, or names and literals that nothing joins. No evidence: it lies within
//! one token, one literal or one comment; it is a list, by commas, of literals and names, each name with its schema, and
//! with a direction to sort in.

use crate::canon::sql::{Kind, Lexer, Operator, Reading, Token, Word};
use std::ops::Range;

/// What a value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ends a string or quoted name that began before it.
    ClosesQuote,
    /// It begins a string or quoted name that ends behind it.
    OpensQuote,
    /// It ends with a backslash or a quote, and so the quote behind it ends no string.
    EscapesQuote,
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
    /// It brings names and literals with nothing between them, or a comma with nothing beside it.
    AddsOperand,
}

impl Change {
    /// In a few words, for the record.
    pub fn says(self) -> &'static str {
        match self {
            Self::ClosesQuote => "closes a quote",
            Self::OpensQuote => "opens a quote",
            Self::EscapesQuote => "escapes the quote behind it",
            Self::OpensComment => "opens a comment",
            Self::EndsStatement => "ends the statement",
            Self::AddsFunction => "adds a function or a query",
            Self::AddsClause => "adds a clause",
            Self::AddsOperator => "adds an operator",
            Self::AddsOperand => "adds a name or a literal where none belongs",
        }
    }
}

/// A statement in tokens, comments among them.
#[derive(Debug)]
pub struct Statement<'a> {
    text: &'a [u8],
    reading: Reading,
    tokens: Vec<Token>,
}

impl<'a> Statement<'a> {
    /// Reads a statement. Linear.
    pub fn new(text: &'a [u8], reading: Reading) -> Self {
        Self { text, reading, tokens: Lexer::new(text, 0, reading).collect() }
    }

    /// What the bytes in `range` do to it.
    pub fn change(&self, range: &Range<usize>) -> Option<Change> {
        let inside = self.inside(range)?;
        if self.escapes(inside, range) {
            return Some(Change::EscapesQuote);
        }
        if let [only] = inside
            && (only.start < range.start || !matches!(only.kind, Kind::Comment(_) | Kind::Semicolon))
        {
            let closes = is_quoted(only) && only.start < range.start && only.end == range.end && self.is_open();
            return if closes { Some(Change::ClosesQuote) } else { open(only).filter(|_| only.start >= range.start) };
        }
        let edge = |token: &Token| match token.kind {
            _ if is_quoted(token) && token.start < range.start => Some(Change::ClosesQuote),
            _ if is_quoted(token) && token.end > range.end => Some(Change::OpensQuote),
            Kind::Comment(_) => Some(Change::OpensComment),
            Kind::Semicolon => Some(Change::EndsStatement),
            _ => None,
        };
        inside.iter().find_map(edge).or_else(|| {
            let is_list = self.is_list(inside) && self.continues(inside, range);
            if is_list { None } else { Some(self.adds(inside).unwrap_or(Change::AddsOperand)) }
        })
    }

    /// What the bytes in `range` do to it though it is, without literals and comments, one of the application's own: they cut
    /// one literal in two, or hide what stands behind them. A piece of its text does neither, be it all that stands between
    /// two literals.
    pub fn change_of_own(&self, range: &Range<usize>) -> Option<Change> {
        let inside = self.inside(range)?;
        if let [first, .., last] = inside
            && is_quoted(first)
            && is_quoted(last)
            && first.start < range.start
            && range.end < last.end
            && (first.end, Some(range.end)) != (range.start + 1, self.begins(last))
        {
            return Some(Change::ClosesQuote);
        }
        let hides = |token: &&Token| matches!(token.kind, Kind::Comment(_)) && token.start >= range.start;
        inside.last().filter(hides).filter(|last| range.end < last.end).map(|_| Change::OpensComment)
    }

    /// Where the content of a quoted token begins: behind its prefix, if it has one, and its quote.
    fn begins(&self, token: &Token) -> Option<usize> {
        let bytes = self.text.get(token.start..token.end)?;
        let quote = bytes.iter().position(|byte| matches!(byte, b'\'' | b'"' | b'`'))?;
        Some(token.start + quote + 1)
    }

    /// The tokens that have a byte in `range`.
    fn inside(&self, range: &Range<usize>) -> Option<&[Token]> {
        let first = self.tokens.partition_point(|token| token.end <= range.start);
        let rest = self.tokens.get(first..)?;
        rest.get(..rest.partition_point(|token| token.start < range.end))
    }

    /// Whether the quote behind `range` ends no string, because a backslash at the end of `range` escapes it, or a quote that
    /// makes one of the two; then, as the string goes on, another is left open.
    fn escapes(&self, inside: &[Token], range: &Range<usize>) -> bool {
        let last_byte = range.end.checked_sub(1).and_then(|last| self.text.get(last));
        let (Some(last_byte), Some(quote @ (b'\'' | b'"'))) = (last_byte, self.text.get(range.end)) else {
            return false;
        };
        let goes_on = inside.last().is_some_and(|last| match last.kind {
            Kind::Text { closed } => last.end > range.end + usize::from(closed),
            _ => false,
        });
        goes_on && (self.reading.backslash && *last_byte == b'\\' || last_byte == quote && self.is_open())
    }

    /// Whether its last string does not end: there is a quote too many, and no application writes so.
    fn is_open(&self) -> bool {
        self.tokens.last().is_some_and(|last| last.kind == Kind::Text { closed: false })
    }

    /// What tokens bring, by the worst of them.
    fn adds(&self, tokens: &[Token]) -> Option<Change> {
        let rank = |token: &Token| match token.kind {
            Kind::Open | Kind::Close => Some(Change::AddsFunction),
            Kind::Word(word) if word != Word::Other => Some(Change::AddsClause),
            Kind::Operator(_) | Kind::Unknown => Some(Change::AddsOperator),
            Kind::Variable if !self.is_variable(token) => Some(Change::AddsOperator),
            _ => None,
        };
        let all: Vec<Change> = tokens.iter().filter_map(rank).collect();
        [Change::AddsFunction, Change::AddsClause, Change::AddsOperator].into_iter().find(|change| all.contains(change))
    }

    /// Whether tokens are literals and names, by commas.
    fn is_list(&self, tokens: &[Token]) -> bool {
        tokens.split(|token| token.kind == Kind::Comma).all(|item| self.is_item(item))
    }

    /// Whether a comma that a value begins or ends with has something on its other side.
    fn continues(&self, inside: &[Token], range: &Range<usize>) -> bool {
        let is_comma = |token: Option<&Token>| token.is_some_and(|token| token.kind == Kind::Comma);
        let first = self.tokens.partition_point(|token| token.end <= range.start);
        let before = first.checked_sub(1).and_then(|before| self.tokens.get(before));
        let behind = self.tokens.get(first + inside.len());
        let begins = |token: &Token| {
            let is_mark = matches!(token.kind, Kind::Open | Kind::Comma | Kind::Operator(_));
            is_mark && token.kind != Kind::Operator(Operator::Star) || token.kind == Kind::Word(Word::By)
        };
        let ends = |token: &Token| matches!(token.kind, Kind::Close | Kind::Comma | Kind::Semicolon);
        !(is_comma(inside.first()) && before.is_none_or(begins) || is_comma(inside.last()) && behind.is_none_or(ends))
    }

    /// `@a` is an operator and a name where variables are not called so.
    fn is_variable(&self, token: &Token) -> bool {
        token.kind == Kind::Variable && (self.reading.backslash || self.text.get(token.start) != Some(&b'@'))
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
            [Token { kind: Kind::Number | Kind::Operator(Operator::Star), .. }] => true,
            [variable] if self.is_variable(variable) => true,
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

fn is_quoted(token: &Token) -> bool {
    matches!(token.kind, Kind::Text { .. } | Kind::Name)
}

/// What a token does that is all of a value, or more.
fn open(token: &Token) -> Option<Change> {
    match token.kind {
        Kind::Text { closed: false } => Some(Change::OpensQuote),
        _ => None,
    }
}

/// Whether a value could change a statement: it is marked, or more than one token of which one is a keyword, an operator
/// or a mark, or a dot that no name stands before.
pub fn could(value: &[u8]) -> bool {
    if is_marked(value) {
        return true;
    }
    let statement = Statement::new(value, Reading::POSTGRES);
    match statement.tokens.as_slice() {
        [] | [_] => false,
        tokens if statement.is_list(tokens) => false,
        tokens => {
            let joins_nothing = |pair: &[Token]| {
                matches!(pair, [Token { kind: Kind::Number | Kind::Dot, .. }, Token { kind: Kind::Dot, .. }])
            };
            statement.adds(tokens).is_some()
                || tokens.iter().any(|token| token.kind == Kind::Semicolon)
                || tokens.windows(2).any(joins_nothing)
        }
    }
}

/// Whether a value has a quote, escapes what stands behind it, or opens or closes a comment.
pub(super) fn is_marked(value: &[u8]) -> bool {
    value.iter().any(|byte| matches!(byte, b'\'' | b'"'))
        || value.ends_with(b"\\")
        || value.windows(2).any(|pair| matches!(pair, b"--" | b"/*" | b"*/"))
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
            ("SELECT a FROM t WHERE b = '{x'}' AND c", Change::EscapesQuote),
            ("SELECT a FROM t WHERE b LIKE '%{x'}%' AND c", Change::ClosesQuote),
            ("SELECT a FROM t WHERE b = '{'}' AND c = 'd'", Change::EscapesQuote),
            ("SELECT a FROM t WHERE b = {1'x'y'z'}", Change::AddsOperand),
            ("SELECT a FROM t WHERE b IN ({/* x */})", Change::OpensComment),
            ("SELECT a FROM t WHERE b IN ({[1]})", Change::AddsOperator),
            ("SELECT a FROM t WHERE b IN ({@c, 1})", Change::AddsOperator),
            ("SELECT a FROM t WHERE b IN ({,1})", Change::AddsOperand),
            ("SELECT a FROM t WHERE b IN ({1,})", Change::AddsOperand),
            ("SELECT a FROM t ORDER BY {,b}", Change::AddsOperand),
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
            "SELECT a FROM t ORDER BY a{, b}",
            "SELECT {b,} a FROM t",
            "SELECT a FROM t WHERE b = '{x'}''",
            "SELECT a FROM t WHERE b = '%{x'}'%' AND c = 'd'",
            "SELECT a FROM t WHERE b = '{'}''",
            "SELECT a FROM t WHERE b = 'x{y'} AND c = 'd'",
        ] {
            assert_eq!(change(text), None, "{text}");
        }
    }

    #[test]
    fn backslash_before_a_quote_escapes_it_in_mysql() {
        let change = |text: &str, reading| Statement::new(text.as_bytes(), reading).change(&(9..11));
        for (text, expected) in [
            (r"SELECT 'ax\' AND b = ' OR 1=1 #'", Some(Change::EscapesQuote)),
            (r"SELECT 'ax\'", Some(Change::EscapesQuote)),
            (r#"SELECT "ax\" AND b = " OR 1=1"#, Some(Change::EscapesQuote)),
            (r"SELECT 'ax\\'", None),
            (r"SELECT 'ax\y'", None),
        ] {
            assert_eq!(change(text, Reading::MYSQL), expected, "{text}");
        }
        assert_eq!(change(r"SELECT 'ax\' AND b = 'y'", Reading::POSTGRES), None);
    }

    /// The value stands between `«` and `»`.
    fn of_own(text: &str) -> Option<Change> {
        let (start, end) = (text.find('«').unwrap(), text.find('»').unwrap() - "«".len());
        let text = text.replace(['«', '»'], "");
        Statement::new(text.as_bytes(), Reading::POSTGRES).change_of_own(&(start..end))
    }

    #[test]
    fn own_statement_is_changed_where_it_does_not_show() {
        for (text, expected) in [
            ("SELECT a FROM t WHERE b = '«x' OR c = 'y»'", Change::ClosesQuote),
            ("SELECT a FROM t WHERE b = '«x' OR c = '»y'", Change::ClosesQuote),
            ("SELECT a FROM t WHERE b = '«x' --»'", Change::OpensComment),
            ("SELECT a FROM t WHERE b = «1 --» AND c", Change::OpensComment),
            ("SELECT a FROM t WHERE b = «1 /*» AND c */", Change::OpensComment),
        ] {
            assert_eq!(of_own(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn piece_of_an_own_statement_changes_nothing() {
        for text in [
            "«SELECT a FROM t WHERE b = 'x'»",
            "«SELECT a FROM t WHERE b = '»x'",
            "SELECT a FROM t WHERE b LIKE '%x«%' ORDER BY a»",
            "SELECT a FROM t WHERE b IN ('x«')»",
            "SELECT a «FROM t WHERE b =» 1",
            "«SELECT a FROM t /* shop */ WHERE b» = 1",
            "SELECT a FROM t WHERE b = '«x'» OR c = 'y'",
            "SELECT a FROM t WHERE b = 'x«' OR c = '»y'",
            "SELECT a FROM t WHERE b = 'x«' OR c = E'»y'",
            "SELECT a FROM t WHERE b = '«x»'",
        ] {
            assert_eq!(of_own(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_could_change_a_statement_is_remembered() {
        for value in ["' --", "1 or 1", "a=b", "f(x)", "x;y", "a/**/b", "1 union select 2", "\"a", "a\\", "0x31 ..."] {
            assert!(could(value.as_bytes()), "{value}");
        }
        for value in
            ["", "word", "two words", "17", "-17", "a, b, c", "name desc", "3.14", "a.b.c", "one. Two.", "été à Paris"]
        {
            assert!(!could(value.as_bytes()), "{value}");
        }
    }
}
