//! Reads tokens as the middle of an SQL statement: what may follow what, and where a token fits nowhere. Accepts a little
//! more than any dialect does and much less than prose offers. One pass, a stack of at most [`DEPTH`] frames, no recursion;
//! each token is read once and looked ahead at a fixed number of times.

mod operands;
mod operators;
mod statements;

use super::facts::{Facts, Start};
use crate::canon::sql::{Comment, Kind, Lexer, Reading, Token, Word};
use crate::flow::{Empty, Fuel};
use std::cell::Cell;

/// What a token costs besides its bytes: it is read once and looked at a few times.
const STEPS_PER_TOKEN: usize = 22;

/// Open parentheses that are followed. Deeper ones fit nowhere.
const DEPTH: usize = 48;

/// Reads `bytes` from `at` on. `after_operand` says that an operand, such as the string just closed, stands before.
pub(super) fn read(
    bytes: &[u8],
    at: usize,
    after_operand: bool,
    reading: Reading,
    fuel: &mut Fuel,
) -> Result<Facts, Empty> {
    let mut grammar = Grammar {
        bytes,
        lexer: Lexer::new(bytes, at, reading),
        seen: Cell::new(None),
        reach: Cell::new(at),
        facts: Facts { end: at, ..Facts::default() },
        frame: Frame::new(Sort::Base),
        outer: Vec::new(),
        expect: if after_operand { Expect::Operator } else { Expect::Operand },
        after_plus: false,
        begins: true,
        continued: after_operand,
        loose: false,
    };
    grammar.run(fuel)?;
    // A mark is told from longer ones by the two bytes behind it.
    grammar.facts.reach = grammar.reach.get().max(grammar.lexer.at()) + 2;
    Ok(grammar.facts)
}

/// What must come next for the text to go on as SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Operand,
    Operator,
}

/// What an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Literal,
    Name,
    Variable,
    Call,
    Subquery,
    Group { constant: bool },
}

impl Operand {
    fn is_constant(self) -> bool {
        matches!(self, Self::Literal | Self::Group { constant: true })
    }
}

/// What opened a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Base,
    Paren,
    Call,
    Case,
}

/// The clause that a frame is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clause {
    Expression,
    Columns,
    Tables,
    Order,
}

/// One side of a comparison: the operands since the last comparison, logical operator or comma.
#[derive(Clone, Copy, Debug)]
struct SideOf {
    operands: u8,
    constant: bool,
    span: (usize, usize),
}

const FRESH: SideOf = SideOf { operands: 0, constant: true, span: (0, 0) };

/// One level of parentheses.
#[derive(Clone, Copy, Debug)]
struct Frame {
    sort: Sort,
    clause: Clause,
    subquery: bool,
    empty: bool,
    /// A comma stands in it.
    listed: bool,
    aliased: bool,
    /// Nothing but literals so far.
    constant: bool,
    /// The arguments of a function that gives the same for the same.
    computes: bool,
    /// A comparison stands since the last logical operator.
    compared: bool,
    /// The last operator is a logical one.
    logical: bool,
    /// What stands to the left of a comparison whose right side is awaited.
    left: Option<SideOf>,
    side: SideOf,
    last: Option<Operand>,
}

impl Frame {
    const fn new(sort: Sort) -> Self {
        Self {
            sort,
            clause: Clause::Expression,
            subquery: false,
            empty: true,
            listed: false,
            aliased: false,
            constant: true,
            computes: false,
            compared: false,
            logical: false,
            left: None,
            side: FRESH,
            last: None,
        }
    }
}

/// A token that fits nowhere.
struct Misfit;

type Fits = Result<(), Misfit>;

/// A token that has been looked at from somewhere.
#[derive(Clone, Copy)]
struct Seen {
    from: usize,
    token: Option<Token>,
    /// A comment stands before it.
    commented: bool,
}

struct Grammar<'a> {
    bytes: &'a [u8],
    lexer: Lexer<'a>,
    /// The token ahead, once it has been looked at.
    seen: Cell<Option<Seen>>,
    /// One past the last byte that any look ahead has reached.
    reach: Cell<usize>,
    facts: Facts,
    /// The innermost frame, and those around it: `outer.len() <= DEPTH`.
    frame: Frame,
    outer: Vec<Frame>,
    expect: Expect,
    /// The last token was a `+`, which may be a space that was left encoded.
    after_plus: bool,
    /// A statement may begin here.
    begins: bool,
    /// Something stands before the text.
    continued: bool,
    /// Inside a statement that is not followed closely.
    loose: bool,
}

impl Grammar<'_> {
    fn run(&mut self, fuel: &mut Fuel) -> Result<(), Empty> {
        let mut before = self.lexer.at();
        while let Some(token) = self.next() {
            fuel.spend(STEPS_PER_TOKEN + 2 * (self.lexer.at() - before))?;
            if self.facts.tokens == 0 {
                self.facts.start = start(token);
            }
            if self.step(token).is_err() {
                self.facts.broken = true;
                return Ok(());
            }
            self.facts.tokens += 1;
            before = self.lexer.at();
            self.facts.end = before;
        }
        self.finish();
        Ok(())
    }

    /// Everything fitted.
    fn finish(&mut self) {
        self.facts.end = self.lexer.at();
        self.facts.logical_value = self.frame.logical && !matches!(self.frame.last, Some(Operand::Name) | None);
        self.facts.awaits = self.expect == Expect::Operand && !self.begins;
        if self.facts.open {
            self.settle_outer();
        }
    }

    /// An open string at the end: what follows the value closes it and the open parentheses.
    fn settle_outer(&mut self) {
        let mut constant = self.frame.constant;
        for frame in self.outer.iter().rev() {
            if let Some(left) = frame.left {
                self.facts.compares += 1;
                self.facts.constant_compares += u32::from(left.constant && constant);
            }
            constant &= frame.constant;
        }
    }

    fn step(&mut self, token: Token) -> Fits {
        if self.loose {
            return self.collect(token);
        }
        if token.kind == Kind::Semicolon {
            return self.boundary();
        }
        let begins = std::mem::take(&mut self.begins);
        if let Kind::Word(word) = token.kind
            && (begins || self.bare_statement_may_begin())
            && self.statement(word, begins)
        {
            return Ok(());
        }
        let after_plus = std::mem::replace(&mut self.after_plus, token.of(self.bytes) == b"+");
        match self.expect {
            Expect::Operand if after_plus && goes_on(token.kind) => self.operator(token),
            Expect::Operand => self.operand(token),
            Expect::Operator => self.operator(token),
        }
    }

    /// The next token that is no comment.
    fn next(&mut self) -> Option<Token> {
        if let Some(Seen { from, token: Some(token), commented: false }) = self.seen.get()
            && from == self.lexer.at()
        {
            self.lexer.go_to(token.end);
            self.facts.truncated = false;
            return Some(token);
        }
        loop {
            let token = self.lexer.next()?;
            let Kind::Comment(comment) = token.kind else {
                self.facts.truncated = false;
                return Some(token);
            };
            match comment {
                Comment::Block { closed: true } => self.facts.comments += 1,
                Comment::Line | Comment::Block { closed: false } => {
                    self.facts.line_comments += 1;
                    self.facts.truncated = true;
                    self.facts.bare_comment = is_bare(token.of(self.bytes));
                    self.facts.silent_comment = is_silent(token.of(self.bytes));
                    self.facts.dashes = token.of(self.bytes).starts_with(b"--");
                }
            }
        }
    }

    /// The token after this one, comments apart.
    fn ahead(&self) -> Option<Token> {
        let from = self.lexer.at();
        if let Some(seen) = self.seen.get().filter(|seen| seen.from == from) {
            return seen.token;
        }
        let mut lexer = self.lexer;
        let mut commented = false;
        let token = lexer.find(|token| {
            let comment = matches!(token.kind, Kind::Comment(_));
            commented |= comment;
            !comment
        });
        self.seen.set(Some(Seen { from, token, commented }));
        self.saw(lexer.at());
        token
    }

    fn saw(&self, end: usize) {
        self.reach.set(self.reach.get().max(end));
    }

    fn is_ahead(&self, kind: Kind) -> bool {
        self.ahead().is_some_and(|token| token.kind == kind)
    }

    /// Whether the next token is `(`.
    fn opens_ahead(&self) -> bool {
        match self.lexer.first_ahead() {
            Some(b'(' | b'{') => true,
            Some(b'/' | b'-' | b'#' | b'.' | b'0'..=b'9') => self.is_ahead(Kind::Open),
            _ => false,
        }
    }

    /// Whether the next token is a dot.
    fn dot_ahead(&self) -> bool {
        matches!(self.lexer.first_ahead(), Some(b'.' | b'/' | b'-' | b'#' | b'0'..=b'9')) && self.is_ahead(Kind::Dot)
    }

    fn names_ahead(&self) -> bool {
        matches!(self.ahead(), Some(Token { kind: Kind::Word(_) | Kind::Name, .. }))
    }

    /// Takes the next token if it is one of these words.
    fn takes(&mut self, words: &[Word]) -> bool {
        let fits = matches!(self.ahead(), Some(Token { kind: Kind::Word(word), .. }) if words.contains(&word));
        if fits {
            self.next();
        }
        fits
    }

    fn push(&mut self, sort: Sort) -> Fits {
        if self.outer.len() >= DEPTH {
            return Err(Misfit);
        }
        self.frame.empty = false;
        self.outer.push(self.frame);
        self.frame = Frame::new(sort);
        self.expect = Expect::Operand;
        Ok(())
    }

    /// At the level of the text itself.
    fn at_top(&self) -> bool {
        self.outer.is_empty()
    }

    fn in_arguments(&self) -> bool {
        self.frame.sort == Sort::Call && !self.frame.subquery
    }
}

fn start(token: Token) -> Start {
    match token.kind {
        Kind::Number | Kind::Text { .. } => Start::Literal,
        Kind::Word(Word::Null | Word::True | Word::False) => Start::Literal,
        Kind::Word(Word::Select | Word::With) => Start::Statement,
        Kind::Word(word) if is_reserved(word) => Start::Operator,
        Kind::Word(_) | Kind::Name => Start::Name,
        Kind::Variable | Kind::Open => Start::Operand,
        _ => Start::Operator,
    }
}

/// Whether a token after `+` shows that the `+` was a space.
fn goes_on(kind: Kind) -> bool {
    use crate::canon::sql::Operator;
    match kind {
        Kind::Word(word) => matches!(
            word,
            Word::And
                | Word::Or
                | Word::Xor
                | Word::Like
                | Word::Rlike
                | Word::Regexp
                | Word::Union
                | Word::Order
                | Word::Having
                | Word::Is
                | Word::In
                | Word::Between
                | Word::Div
                | Word::Mod
        ),
        Kind::Operator(operator) => !matches!(operator, Operator::Sign | Operator::Not | Operator::Tilde),
        _ => false,
    }
}

/// Whether a comment says nothing: it is there for what stands behind the value.
fn is_bare(comment: &[u8]) -> bool {
    comment.iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).take(3).count() <= 2
}

/// Whether a comment has nothing at all: no words, and no quote that would end a quoted mark, as in `'#'`.
fn is_silent(comment: &[u8]) -> bool {
    comment.iter().all(|byte| *byte < 0x80 && !byte.is_ascii_alphanumeric() && !matches!(byte, b'\'' | b'"' | b'`'))
}

/// Words that are never the name of a column or table.
fn is_reserved(word: Word) -> bool {
    use Word as W;
    matches!(
        word,
        W::And
            | W::Or
            | W::Xor
            | W::Not
            | W::Like
            | W::Rlike
            | W::Regexp
            | W::Ilike
            | W::In
            | W::Between
            | W::Is
            | W::Null
            | W::True
            | W::False
            | W::Div
            | W::Collate
            | W::Binary
            | W::Exists
            | W::Any
            | W::All
            | W::Some
            | W::Distinct
            | W::Distinctrow
            | W::Unique
            | W::Union
            | W::Except
            | W::Intersect
            | W::Minus
            | W::Select
            | W::From
            | W::Where
            | W::Having
            | W::Order
            | W::Group
            | W::By
            | W::Limit
            | W::Procedure
            | W::Into
            | W::Outfile
            | W::Dumpfile
            | W::For
            | W::As
            | W::Asc
            | W::Case
            | W::When
            | W::Then
            | W::Else
            | W::Join
            | W::Inner
            | W::Outer
            | W::Cross
            | W::Natural
            | W::StraightJoin
            | W::On
            | W::Using
            | W::Values
            | W::Table
            | W::Interval
            | W::Drop
            | W::Create
            | W::Alter
            | W::Waitfor
            | W::With
            | W::Returning
            | W::To
    )
}
