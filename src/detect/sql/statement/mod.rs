//! Injection in a whole statement: what an application's own statements do not look like. The statement is read token by
//! token under the reading of its server; a string that is escaped as it should be is one token, whatever it holds.
//!
//! Detected by structure: further statements, a UNION of mere values, conditions between constants, literals that are
//! part of an operation, comments that cut off the rest, functions that wait, reach files or raise errors with data.
//! One pass, with a bounded number of tokens looked at around each.

mod broken;
mod conditions;
#[cfg(test)]
mod tests;
mod union;

use super::functions::Purpose;
use crate::canon::sql::{Comment, Kind, Lexer, Operator, Reading, Token, Word};
use crate::flow::{Empty, Found, Fuel, Hit, Part, Weight};
use std::ops::Range;

/// A sign, its weight, and the bytes that show it.
type Sign = (&'static str, Weight, Range<usize>);

/// Steps for a word besides its bytes: every sign is looked for at each.
const STEPS_PER_WORD: usize = 160;
/// Steps for any other token besides its bytes: few signs begin with it.
const STEPS_PER_MARK: usize = 48;

/// Looks for injection in a part that is a whole statement. When its dialect is not known it must show under both
/// readings.
pub(in crate::detect) fn inspect(part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
    let text = &part.canonical;
    let heaviest = match &*part.name {
        b"postgres" => heaviest(text, Reading::POSTGRES, fuel),
        b"mysql" | b"mariadb" => heaviest(text, Reading::MYSQL, fuel),
        b"" => heaviest(text, Reading::MYSQL, fuel).and_then(|mysql| {
            let standard = heaviest(text, Reading::STANDARD, fuel)?;
            Ok(mysql.zip(standard).map(|(one, other)| if one.1 < other.1 { one } else { other }))
        }),
        _ => heaviest(text, Reading::STANDARD, fuel),
    };
    // Without fuel the judgement ends anyway.
    if let Ok(Some((name, weight, range))) = heaviest {
        found.add(part, Hit { detector: "sql", signature: name.into(), range, weight });
    }
}

/// The heaviest sign in a statement.
fn heaviest(text: &[u8], reading: Reading, fuel: &mut Fuel) -> Result<Option<Sign>, Empty> {
    let mut tokens = Vec::new();
    for token in Lexer::new(text, 0, reading) {
        let word = matches!(token.kind, Kind::Word(_) | Kind::Name);
        fuel.spend(token.end - token.start + if word { STEPS_PER_WORD } else { STEPS_PER_MARK })?;
        tokens.push(token);
    }
    let statement = Statement::new(text, tokens, reading);
    Ok(statement.signs().into_iter().max_by_key(|(_, weight, _)| *weight))
}

/// A statement as tokens, its comments apart.
struct Statement<'a> {
    text: &'a [u8],
    tokens: Vec<Token>,
    /// What each token is good for in an attack: it is asked many times.
    purposes: Vec<Purpose>,
    /// A comment behind the last token, if it stands on the same line.
    tail: Option<Token>,
    /// A comment that stands for a space: `1/**/OR/**/2`, `1#\n OR`.
    glued: Option<Token>,
    /// A name stands in double quotes; else they quote strings.
    quoted_names: bool,
    /// Double quotes are those of names by the reading itself.
    names_only: bool,
    /// The statement itself reads one of the server's own catalogues, or what a function gives.
    reads_catalogue: bool,
}

impl<'a> Statement<'a> {
    fn new(text: &'a [u8], all: Vec<Token>, reading: Reading) -> Self {
        let tail = all.last().copied().filter(|last| matches!(last.kind, Kind::Comment(_)));
        let glued = all.windows(3).find(|near| glues(near)).and_then(|near| near.get(1)).copied();
        let tokens: Vec<Token> = all.into_iter().filter(|token| !matches!(token.kind, Kind::Comment(_))).collect();
        let same_line = |tail: &Token| {
            let end = tokens.last().map_or(0, |token| token.end);
            !text.get(end..tail.start).unwrap_or_default().contains(&b'\n')
        };
        let tail = tail.filter(same_line);
        let quoted_names = !reading.backslash || tokens.windows(2).any(|pair| names_with_quotes(text, pair));
        let purpose = |token: &Token| match token.kind {
            Kind::Word(_) | Kind::Name => Purpose::of(token.of(text)),
            _ => Purpose::Unknown,
        };
        let purposes = tokens.iter().map(purpose).collect();
        let names_only = !reading.backslash;
        let mut statement =
            Self { text, tokens, purposes, tail, glued, quoted_names, names_only, reads_catalogue: false };
        let first = statement.tokens.iter().position(|token| token.kind == Kind::Word(Word::From));
        let named = |from: usize| statement.names_catalogue(from + 1) || statement.kind(from + 2) == Some(Kind::Open);
        let reads_catalogue = first.into_iter().chain(statement.own_from()).any(named);
        statement.reads_catalogue = reads_catalogue;
        statement
    }

    /// The FROM of the statement itself, not of a query in it.
    fn own_from(&self) -> Option<usize> {
        let mut depth = 0_usize;
        self.tokens.iter().position(|token| {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.kind == Kind::Word(Word::From)
        })
    }

    /// Every sign. A text that begins as no statement has none.
    fn signs(&self) -> Vec<Sign> {
        let mut signs = Vec::new();
        if !self.begins_statement(0) {
            return signs;
        }
        signs.extend(self.cut_off());
        signs.extend(self.glued.map(|token| ("sql-cut-off", Weight(100), token.start..token.end)));
        for at in 0..self.tokens.len() {
            let found = [
                self.stacked(at),
                self.union(at),
                self.call(at),
                self.field_call(at),
                self.program(at),
                self.constants(at),
                self.chained(at),
                self.operation(at),
                self.lone(at),
                self.probe(at),
                self.sorted(at),
                self.subselect(at),
                self.yoda(at),
                self.everything(at),
                self.told(at),
                self.stuck(at),
                self.foregone(at),
                self.bits(at),
                self.spelled(at),
                self.output(at),
                self.cut_string(at),
                self.misplaced(at),
                self.union_behind_order(at),
                self.odd_name(at),
            ];
            signs.extend(found.into_iter().flatten());
        }
        signs
    }

    /// `-- ' AND …`: the comment behind the last token holds the rest of a statement.
    fn cut_off(&self) -> Option<Sign> {
        let tail = self.tail?;
        let bytes = tail.of(self.text);
        let sign = |weight: u16| Some(("sql-cut-off", Weight(weight), tail.start..tail.end));
        if tail.kind == Kind::Comment(Comment::Block { closed: false }) {
            return sign(100);
        }
        if tail.kind != Kind::Comment(Comment::Line) || bytes.contains(&b'\n') {
            return None;
        }
        let inside = bytes.iter().position(|byte| !matches!(byte, b'-' | b'#')).unwrap_or(bytes.len());
        let rest = bytes.get(inside..).unwrap_or_default();
        let trimmed = rest.trim_ascii();
        let quotes = trimmed.iter().filter(|byte| matches!(byte, b'\'' | b'"')).count();
        if quotes % 2 == 1 || matches!(trimmed.first(), Some(b')' | b'\'' | b'"' | b',' | b'%')) {
            return sign(100);
        }
        let clause = Lexer::new(trimmed, 0, Reading::POSTGRES).next();
        let goes_on = matches!(clause.map(|token| token.kind), Some(Kind::Word(word)) if is_clause(word));
        let mut rest = Lexer::new(trimmed, 0, Reading::POSTGRES);
        let condition = rest.any(|token| matches!(token.kind, Kind::Word(Word::And | Word::Or)))
            && rest.any(|token| token.kind == Kind::Operator(Operator::Compare));
        // An empty comment at the very end cuts off what would follow.
        if goes_on || condition || trimmed.is_empty() { sign(100) } else { None }
    }

    /// `; DROP TABLE …` behind a query that is not its own script.
    fn stacked(&self, at: usize) -> Option<Sign> {
        if self.kind(at)? != Kind::Semicolon || at == 0 {
            return None;
        }
        let queries = matches!(
            self.word(0),
            Some(Word::Select | Word::Insert | Word::Update | Word::Delete | Word::With | Word::Replace)
        );
        let next = self.tokens.get(at + 1)?;
        let same_line = !self.text.get(self.tokens.get(at)?.end..next.start)?.contains(&b'\n');
        let further = self.begins_statement(at + 1) || matches!(self.purpose(at + 1), Purpose::Reach | Purpose::Wait);
        (queries && further && same_line).then(|| self.sign("sql-stacked", 100, at, at + 1))
    }

    /// A call that only an attack has a use for.
    fn call(&self, at: usize) -> Option<Sign> {
        if self.word(at) == Some(Word::Waitfor) && self.word(at + 1) == Some(Word::Delay) {
            return Some(self.sign("sql-time", 100, at, at + 1));
        }
        if self.kind(at + 1) != Some(Kind::Open) {
            return None;
        }
        match self.purpose(at) {
            Purpose::Wait if self.makes_few_bytes(at) => None,
            Purpose::Wait => Some(self.sign("sql-time", 100, at, at + 1)),
            Purpose::Reach => Some(self.sign("sql-reach", 100, at, at + 1)),
            Purpose::Leak => Some(self.sign("sql-error", 100, at, at + 1)),
            _ => None,
        }
    }

    /// `('/etc/passwd').pg_read_file`: PostgreSQL calls it.
    fn field_call(&self, at: usize) -> Option<Sign> {
        let behind_dot = self.kind(at.checked_sub(1)?) == Some(Kind::Dot);
        let is_own = ["pg_", "lo_"].iter().any(|start| starts_with(self.bytes(at), start));
        (behind_dot && is_own && self.purpose(at) == Purpose::Reach).then(|| self.sign("sql-reach", 100, at, at))
    }

    /// `COPY … TO PROGRAM '…'`; `CREATE FUNCTION … SONAME '…'`, which loads code.
    fn program(&self, at: usize) -> Option<Sign> {
        let is = |word: &str| self.bytes(at).eq_ignore_ascii_case(word.as_bytes());
        let text = matches!(self.kind(at + 1), Some(Kind::Text { .. }));
        let runs = self.word(0) == Some(Word::Copy) && is("program");
        let loads = self.word(0) == Some(Word::Create) && is("soname");
        (text && (runs || loads)).then(|| self.sign("sql-program", 100, at, at + 1))
    }

    /// `INTO OUTFILE`, `PROCEDURE ANALYSE`
    fn output(&self, at: usize) -> Option<Sign> {
        let pair = (self.word(at)?, self.word(at + 1));
        let written =
            matches!(pair, (Word::Into, Some(Word::Outfile | Word::Dumpfile)) | (Word::Procedure, Some(Word::Analyse)));
        written.then(|| self.sign("sql-output", 100, at, at + 1))
    }

    fn opens_condition(&self, at: usize) -> bool {
        matches!(self.word(at), Some(Word::Where | Word::Having | Word::On | Word::When)) || self.is_logical(at)
    }

    /// What stands before the parentheses and signs in front of a token.
    fn before_group(&self, at: usize) -> Option<usize> {
        let mut at = at.checked_sub(1)?;
        while self.kind(at) == Some(Kind::Open)
            || matches!(self.kind(at), Some(Kind::Operator(Operator::Sign | Operator::Not)))
        {
            if self.kind(at) == Some(Kind::Open)
                && matches!(self.kind(at.checked_sub(1)?), Some(Kind::Word(Word::If | Word::Other)))
            {
                return Some(at);
            }
            at = at.checked_sub(1)?;
        }
        Some(at)
    }

    fn after_group(&self, at: usize) -> Option<usize> {
        let closing = self.tokens.iter().skip(at).take_while(|token| token.kind == Kind::Close).count();
        (at + closing < self.tokens.len()).then_some(at + closing)
    }

    /// Whether an AND belongs to a BETWEEN.
    fn is_between(&self, at: usize) -> bool {
        let near = |back: usize| at.checked_sub(back).and_then(|at| self.word(at)) == Some(Word::Between);
        self.word(at) == Some(Word::And) && (2..12).any(near)
    }

    fn is_logical(&self, at: usize) -> bool {
        matches!(self.word(at), Some(Word::And | Word::Or | Word::Xor))
            || self.kind(at) == Some(Kind::Operator(Operator::And))
    }

    fn is_mark_compare(&self, at: usize) -> bool {
        self.kind(at) == Some(Kind::Operator(Operator::Compare)) || matches!(self.word(at), Some(Word::Like))
    }

    fn is_compare(&self, at: usize) -> bool {
        self.kind(at) == Some(Kind::Operator(Operator::Compare))
            || matches!(self.word(at), Some(Word::Like | Word::Rlike | Word::Regexp | Word::Ilike | Word::Is))
    }

    /// Whether an operator makes more of what stands before it.
    fn is_operator(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Operator(_) | Kind::Dot))
            || self.is_compare(at)
            || matches!(
                self.word(at),
                Some(Word::In | Word::Between | Word::Div | Word::Mod | Word::Not | Word::Collate | Word::Glob)
            )
    }

    fn is_text(&self, at: usize) -> bool {
        let named = self.quoted_names && self.bytes(at).starts_with(b"\"");
        matches!(self.kind(at), Some(Kind::Text { .. })) && !named
    }

    fn is_constant(&self, at: usize) -> bool {
        match self.kind(at) {
            Some(Kind::Number) => true,
            Some(Kind::Text { .. }) => self.is_text(at),
            Some(Kind::Variable) => self.bytes(at).starts_with(b"@"),
            Some(Kind::Word(Word::Null | Word::True | Word::False)) => true,
            _ => false,
        }
    }

    fn begins_statement(&self, at: usize) -> bool {
        let mut at = at;
        while self.kind(at) == Some(Kind::Open) {
            at += 1;
        }
        matches!(
            self.word(at),
            Some(
                Word::Select
                    | Word::Insert
                    | Word::Update
                    | Word::Delete
                    | Word::With
                    | Word::Replace
                    | Word::Merge
                    | Word::Drop
                    | Word::Create
                    | Word::Alter
                    | Word::Exec
                    | Word::Execute
                    | Word::Declare
                    | Word::Shutdown
                    | Word::Truncate
                    | Word::Grant
                    | Word::Copy
                    | Word::Do
                    | Word::Call
                    | Word::If
                    | Word::Begin
                    | Word::Load
                    | Word::Backup
                    | Word::Waitfor
                    | Word::Set
                    | Word::Use
                    | Word::Values
            )
        )
    }

    fn purpose(&self, at: usize) -> Purpose {
        self.purposes.get(at).copied().unwrap_or(Purpose::Unknown)
    }

    fn sign(&self, name: &'static str, weight: u16, first: usize, last: usize) -> Sign {
        let start = self.tokens.get(first).map_or(0, |token| token.start);
        let end = self.tokens.get(last).or(self.tokens.last()).map_or(start, |token| token.end);
        (name, Weight(weight), start..end.max(start))
    }

    fn bytes(&self, at: usize) -> &'a [u8] {
        self.tokens.get(at).map(|token| token.of(self.text)).unwrap_or_default()
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn word(&self, at: usize) -> Option<Word> {
        match self.kind(at) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }
}

/// Whether the middle one of three tokens is a comment where a space should be.
fn glues(near: &[Token]) -> bool {
    let [before, comment, after] = near else { return false };
    let operand = |token: &Token| matches!(token.kind, Kind::Number | Kind::Text { .. } | Kind::Word(_) | Kind::Close);
    match comment.kind {
        Kind::Comment(Comment::Block { .. }) => {
            before.end == comment.start && comment.end == after.start && operand(before) && operand(after)
        }
        Kind::Comment(Comment::Line) => {
            before.end == comment.start && matches!(before.kind, Kind::Number | Kind::Text { .. })
        }
        _ => false,
    }
}

/// Whether of two tokens the one is in double quotes, and the other shows it to be a name.
fn names_with_quotes(text: &[u8], pair: &[Token]) -> bool {
    let [one, other] = pair else { return false };
    let quoted = |token: &Token| token.of(text).starts_with(b"\"");
    let before =
        matches!(one.kind, Kind::Dot | Kind::Word(Word::From | Word::Join | Word::As | Word::Into | Word::Update));
    before && quoted(other) || quoted(one) && other.kind == Kind::Dot
}

fn starts_with(name: &[u8], start: &str) -> bool {
    name.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
}

/// A word with which the rest of a statement begins.
fn is_clause(word: Word) -> bool {
    matches!(
        word,
        Word::And | Word::Or | Word::Order | Word::Group | Word::Limit | Word::Where | Word::Having | Word::Union
    )
}
