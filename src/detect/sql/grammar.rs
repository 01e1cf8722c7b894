//! Reads tokens as the middle of an SQL statement: what may follow what, and where a token fits nowhere. Accepts a little
//! more than any dialect does and much less than prose offers. One pass, a stack of at most [`DEPTH`] frames, no recursion.

use super::facts::{Facts, Start};
use super::functions::{self, Purpose};
use crate::canon::sql::{Comment, Kind, Lexer, Operator, Reading, Token, Word};
use crate::flow::{Empty, Fuel};

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
        facts: Facts { end: at, ..Facts::default() },
        frames: [Frame::new(Sort::Base); DEPTH],
        depth: 0,
        expect: if after_operand { Expect::Operator } else { Expect::Operand },
        begins: true,
        free: after_operand,
        loose: false,
    };
    grammar.run(fuel)?;
    Ok(grammar.facts)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Operand,
    Operator,
}

/// What an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    None,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Base,
    Paren,
    Call,
    Case,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clause {
    Expression,
    Columns,
    Tables,
    Order,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    sort: Sort,
    clause: Clause,
    subquery: bool,
    empty: bool,
    aliased: bool,
    constant: bool,
    logical: bool,
    left: Option<Operand>,
    last: Operand,
}

impl Frame {
    const fn new(sort: Sort) -> Self {
        Self {
            sort,
            clause: Clause::Expression,
            subquery: false,
            empty: true,
            aliased: false,
            constant: true,
            logical: false,
            left: None,
            last: Operand::None,
        }
    }
}

/// A token that fits nowhere.
struct Misfit;

type Fits = Result<(), Misfit>;

struct Grammar<'a> {
    bytes: &'a [u8],
    lexer: Lexer<'a>,
    facts: Facts,
    frames: [Frame; DEPTH],
    depth: usize,
    expect: Expect,
    /// A statement may begin here.
    begins: bool,
    /// A statement may begin here without a semicolon.
    free: bool,
    /// Inside a statement that is not followed closely.
    loose: bool,
}

impl Grammar<'_> {
    fn run(&mut self, fuel: &mut Fuel) -> Result<(), Empty> {
        while let Some(token) = self.next() {
            fuel.spend(4 + token.end - token.start)?;
            if self.facts.tokens == 0 {
                self.starts(token);
            }
            if self.step(token).is_err() {
                self.facts.broken = true;
                return Ok(());
            }
            self.facts.tokens = self.facts.tokens.saturating_add(1);
            self.facts.end = self.lexer.at();
        }
        if self.facts.truncated {
            self.facts.end = self.lexer.at();
        }
        let frame = self.frame();
        self.facts.logical_value = frame.logical && !matches!(frame.last, Operand::Name | Operand::None);
        Ok(())
    }

    /// The next token that is no comment.
    fn next(&mut self) -> Option<Token> {
        loop {
            let token = self.lexer.next()?;
            let Kind::Comment(comment) = token.kind else {
                self.facts.truncated = false;
                return Some(token);
            };
            match comment {
                Comment::Block { closed: true } => self.facts.comments += 1,
                Comment::Line | Comment::Block { closed: false } => {
                    self.facts.truncated = true;
                    self.facts.bare_comment = is_bare(token.of(self.bytes));
                }
            }
        }
    }

    /// The token after this one, comments apart.
    fn ahead(&self) -> Option<Token> {
        let mut lexer = self.lexer;
        lexer.find(|token| !matches!(token.kind, Kind::Comment(_)))
    }

    /// Takes the next token if it is one of these words.
    fn takes(&mut self, words: &[Word]) -> bool {
        let fits = matches!(self.ahead(), Some(Token { kind: Kind::Word(word), .. }) if words.contains(&word));
        if fits {
            self.next();
        }
        fits
    }

    fn starts(&mut self, token: Token) {
        self.facts.start = match token.kind {
            Kind::Number | Kind::Text { .. } => Start::Literal,
            Kind::Word(Word::Other) | Kind::Name => Start::Name,
            Kind::Word(Word::Null | Word::True | Word::False) => Start::Literal,
            Kind::Word(_) => Start::Operator,
            Kind::Variable | Kind::Open => Start::Operand,
            _ => Start::Operator,
        };
    }

    fn frame(&self) -> Frame {
        self.frames.get(self.depth).copied().unwrap_or(Frame::new(Sort::Base))
    }

    fn edit(&mut self, change: impl FnOnce(&mut Frame)) {
        if let Some(frame) = self.frames.get_mut(self.depth) {
            change(frame);
        }
    }

    fn push(&mut self, sort: Sort) -> Fits {
        self.edit(|frame| frame.empty = false);
        self.depth += 1;
        let slot = self.frames.get_mut(self.depth).ok_or(Misfit);
        if slot.is_err() {
            self.depth -= 1;
        }
        *slot? = Frame::new(sort);
        self.expect = Expect::Operand;
        Ok(())
    }

    fn step(&mut self, token: Token) -> Fits {
        if self.loose {
            return self.collect(token);
        }
        if token.kind == Kind::Semicolon {
            return self.boundary();
        }
        let begins = std::mem::take(&mut self.begins);
        if let (Kind::Word(word), true) = (token.kind, begins || self.bare_statement_may_begin())
            && self.statement(word, begins)
        {
            return Ok(());
        }
        match self.expect {
            Expect::Operand => self.operand(token),
            Expect::Operator => self.operator(token),
        }
    }

    fn bare_statement_may_begin(&self) -> bool {
        self.depth == 0 && self.expect == Expect::Operator && self.frame().clause == Clause::Expression
    }

    /// A semicolon.
    fn boundary(&mut self) -> Fits {
        self.facts.semicolons += 1;
        self.depth = 0;
        self.edit(|frame| *frame = Frame::new(Sort::Base));
        self.expect = Expect::Operand;
        self.begins = true;
        self.loose = false;
        Ok(())
    }

    fn complete(&mut self, operand: Operand) -> Fits {
        let frame = self.frame();
        if let Some(left) = frame.left {
            self.facts.compares += 1;
            if left.is_constant() && operand.is_constant() {
                self.facts.constant_compares += 1;
            }
        }
        if frame.clause == Clause::Columns && !matches!(operand, Operand::Name) {
            self.facts.column_values += 1;
        }
        if frame.clause == Clause::Order && operand == Operand::Literal {
            self.facts.order_number += 1;
        }
        self.edit(|frame| {
            frame.constant &= operand.is_constant();
            frame.left = None;
            frame.last = operand;
            frame.empty = false;
            frame.aliased = false;
        });
        self.expect = Expect::Operator;
        Ok(())
    }

    fn operand(&mut self, token: Token) -> Fits {
        match token.kind {
            Kind::Number => self.complete(Operand::Literal),
            Kind::Text { closed } => {
                self.facts.open = !closed;
                self.complete(Operand::Literal)
            }
            Kind::Name => self.name(token),
            Kind::Variable => self.variable(token),
            Kind::Open => self.push(Sort::Paren),
            Kind::Close if self.frame().sort == Sort::Call && self.frame().empty => self.close(),
            Kind::Operator(Operator::Sign | Operator::Not | Operator::Tilde) => Ok(()),
            Kind::Operator(Operator::Star) if self.star_may_stand() => self.complete(Operand::Name),
            Kind::Word(word) => self.operand_word(word, token),
            _ => Err(Misfit),
        }
    }

    fn star_may_stand(&self) -> bool {
        self.frame().clause == Clause::Columns || self.frame().sort == Sort::Call
    }

    fn variable(&mut self, token: Token) -> Fits {
        if token.of(self.bytes).starts_with(b"@@") {
            self.facts.server_variables += 1;
        }
        self.complete(Operand::Variable)
    }

    fn operand_word(&mut self, word: Word, token: Token) -> Fits {
        match word {
            Word::Select => self.select(),
            Word::Union | Word::Except | Word::Intersect if self.frame().empty => self.union(),
            Word::Not | Word::Binary | Word::Exists | Word::Any | Word::All | Word::Some => Ok(()),
            Word::Distinct | Word::Distinctrow | Word::Interval => Ok(()),
            Word::Null | Word::True | Word::False | Word::Unknown => self.complete(Operand::Literal),
            Word::Case => {
                self.facts.cases += 1;
                self.push(Sort::Case)
            }
            Word::When if self.frame().sort == Sort::Case => Ok(()),
            Word::CurrentUser | Word::SessionUser | Word::SystemUser => {
                self.facts.tells += 1;
                self.complete(Operand::Call)
            }
            word if is_reserved(word) && !self.calls() => Err(Misfit),
            _ => self.name(token),
        }
    }

    fn calls(&self) -> bool {
        matches!(self.ahead(), Some(Token { kind: Kind::Open, .. }))
    }

    /// A name with its dots, or a call.
    fn name(&mut self, token: Token) -> Fits {
        let mut last = token;
        let mut foreign = Purpose::Unknown;
        while let Some(Token { kind: Kind::Dot, .. }) = self.ahead() {
            foreign = self.note_name(last);
            self.next();
            match self.ahead() {
                Some(part @ Token { kind: Kind::Word(_) | Kind::Name | Kind::Operator(Operator::Star), .. }) => {
                    self.next();
                    last = part;
                }
                Some(Token { kind: Kind::Dot, .. }) => {}
                _ => break,
            }
        }
        if self.calls() {
            self.next();
            let own = Purpose::of(last.of(self.bytes));
            self.facts.call(if own == Purpose::Unknown { foreign } else { own });
            return self.push(Sort::Call);
        }
        self.note_name(last);
        self.complete(Operand::Name)
    }

    /// Notes a catalogue; says whether functions of a package of this name reach outside.
    fn note_name(&mut self, token: Token) -> Purpose {
        let name = token.of(self.bytes);
        let name = name.strip_prefix(b"`").and_then(|inner| inner.strip_suffix(b"`")).unwrap_or(name);
        if functions::is_catalogue(name) {
            self.facts.catalogue += 1;
        }
        match Purpose::of(name) {
            Purpose::Reach => Purpose::Reach,
            _ => Purpose::Unknown,
        }
    }

    fn close(&mut self) -> Fits {
        let frame = self.frame();
        if self.depth == 0 {
            self.facts.closed_outside += 1;
            return Ok(());
        }
        if frame.sort == Sort::Case {
            return Err(Misfit);
        }
        self.depth -= 1;
        let operand = match frame {
            Frame { subquery: true, .. } => Operand::Subquery,
            Frame { sort: Sort::Call, .. } => Operand::Call,
            _ => Operand::Group { constant: frame.constant },
        };
        self.complete(operand)
    }

    fn operator(&mut self, token: Token) -> Fits {
        match token.kind {
            Kind::Close => self.close(),
            Kind::Operator(operator) => self.infix(operator),
            Kind::Comma => {
                self.comma();
                self.expects_operand()
            }
            Kind::Text { closed } if self.frame().last == Operand::Literal || self.may_alias() => {
                self.facts.open = !closed;
                self.edit(|frame| frame.empty = false);
                Ok(())
            }
            Kind::Name if self.may_alias() => self.alias(),
            Kind::Word(word) => self.operator_word(word, token),
            _ => Err(Misfit),
        }
    }

    fn comma(&mut self) {
        if self.frame().clause == Clause::Columns && self.facts.unions > 0 {
            self.facts.columns = self.facts.columns.saturating_add(1);
        }
        if self.depth == 0 {
            self.facts.commas += 1;
        }
    }

    fn expects_operand(&mut self) -> Fits {
        self.expect = Expect::Operand;
        Ok(())
    }

    fn infix(&mut self, operator: Operator) -> Fits {
        match operator {
            Operator::And | Operator::Pipes => self.logical(),
            Operator::Compare | Operator::Tilde => self.compare(),
            Operator::Sign | Operator::Star | Operator::Arithmetic => self.arithmetic(),
            Operator::Assign => self.expects_operand(),
            Operator::Cast => match self.next() {
                Some(Token { kind: Kind::Word(_) | Kind::Name, .. }) => {
                    self.facts.known += 1;
                    Ok(())
                }
                _ => Err(Misfit),
            },
            Operator::Not => Err(Misfit),
        }
    }

    fn logical(&mut self) -> Fits {
        self.facts.logical += 1;
        self.edit(|frame| frame.logical = true);
        self.expects_operand()
    }

    fn compare(&mut self) -> Fits {
        self.edit(|frame| {
            frame.left = Some(frame.last);
            frame.logical = false;
        });
        self.expects_operand()
    }

    fn arithmetic(&mut self) -> Fits {
        if self.depth == 0 {
            self.facts.arithmetic += 1;
        }
        self.expects_operand()
    }

    fn operator_word(&mut self, word: Word, token: Token) -> Fits {
        match word {
            Word::And | Word::Or | Word::Xor => self.logical(),
            Word::Like
            | Word::Rlike
            | Word::Regexp
            | Word::Ilike
            | Word::Glob
            | Word::In
            | Word::Between
            | Word::Is => self.compare(),
            Word::Similar if self.takes(&[Word::To]) => self.compare(),
            Word::Sounds if self.takes(&[Word::Like]) => self.compare(),
            Word::Not if self.compares_ahead() => Ok(()),
            Word::Div | Word::Mod => self.arithmetic(),
            Word::Union | Word::Except | Word::Intersect | Word::Minus => self.union(),
            Word::When | Word::Then | Word::Else if self.frame().sort == Sort::Case => self.expects_operand(),
            Word::End if self.frame().sort == Sort::Case => {
                self.depth -= 1;
                self.complete(Operand::Call)
            }
            Word::From | Word::For | Word::Using if self.in_arguments() => self.expects_operand(),
            Word::As | Word::Collate => self.named(),
            Word::Escape => self.expects_operand(),
            _ if self.clause(word)? => Ok(()),
            _ if self.may_alias() && !is_reserved(word) => self.alias(),
            _ if self.in_arguments() && token.of(self.bytes).eq_ignore_ascii_case(b"separator") => {
                self.expects_operand()
            }
            _ => Err(Misfit),
        }
    }

    fn compares_ahead(&self) -> bool {
        let words =
            [Word::Like, Word::Rlike, Word::Regexp, Word::Ilike, Word::Glob, Word::In, Word::Between, Word::Similar];
        matches!(self.ahead(), Some(Token { kind: Kind::Word(word), .. }) if words.contains(&word))
    }

    fn in_arguments(&self) -> bool {
        self.frame().sort == Sort::Call && !self.frame().subquery
    }

    /// `AS name`, `AS type(n)`, `COLLATE name`.
    fn named(&mut self) -> Fits {
        let Some(Token { kind: Kind::Word(_) | Kind::Name | Kind::Text { .. }, .. }) = self.ahead() else {
            return Err(Misfit);
        };
        self.next();
        if self.depth == 0 {
            self.facts.alias += 1;
        }
        while self.in_arguments() && matches!(self.ahead(), Some(Token { kind: Kind::Word(_), .. })) {
            self.next();
        }
        if self.in_arguments() && self.calls() {
            self.next();
            return self.push(Sort::Paren);
        }
        Ok(())
    }

    fn may_alias(&self) -> bool {
        let frame = self.frame();
        matches!(frame.clause, Clause::Columns | Clause::Tables) && !frame.aliased
    }

    fn alias(&mut self) -> Fits {
        self.edit(|frame| frame.aliased = true);
        Ok(())
    }

    /// A clause that may follow an operand.
    fn clause(&mut self, word: Word) -> Result<bool, Misfit> {
        let inside_query = self.depth == 0 || self.frame().subquery;
        if !inside_query {
            return Ok(false);
        }
        match word {
            Word::From if self.frame().clause == Clause::Columns || self.depth == 0 => {
                self.enter(Clause::Tables, |facts| &mut facts.from)
            }
            Word::Where => {
                let top = self.depth == 0;
                self.enter(Clause::Expression, |facts| if top { &mut facts.whereas } else { &mut facts.tokens })
            }
            Word::Having => self.enter(Clause::Expression, |facts| &mut facts.having),
            Word::Order | Word::Group if self.takes(&[Word::By]) => self.enter(Clause::Order, |facts| &mut facts.order),
            Word::Limit | Word::Offset => self.enter(Clause::Expression, |facts| &mut facts.limit),
            Word::Asc | Word::Desc if self.frame().clause == Clause::Order => Ok(true),
            Word::Procedure if self.takes(&[Word::Analyse]) => {
                self.facts.output += 1;
                self.expects_operand()?;
                Ok(true)
            }
            Word::Into => self.output_or_variable(),
            Word::For if self.takes(&[Word::Update, Word::Lock]) => Ok(true),
            Word::Join | Word::Left | Word::Right | Word::Inner | Word::Outer | Word::Cross | Word::Natural
                if self.frame().clause == Clause::Tables =>
            {
                self.takes(&[Word::Join, Word::Outer]);
                self.takes(&[Word::Join]);
                self.expects_operand()?;
                Ok(true)
            }
            Word::On | Word::Using if self.frame().clause == Clause::Tables => {
                self.expects_operand()?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn enter(&mut self, clause: Clause, counter: impl FnOnce(&mut Facts) -> &mut u16) -> Result<bool, Misfit> {
        *counter(&mut self.facts) += 1;
        self.edit(|frame| {
            frame.clause = clause;
            frame.aliased = false;
            frame.left = None;
        });
        self.expect = Expect::Operand;
        Ok(true)
    }

    fn output_or_variable(&mut self) -> Result<bool, Misfit> {
        if self.takes(&[Word::Outfile, Word::Dumpfile]) {
            self.facts.output += 1;
            self.expect = Expect::Operand;
            return Ok(true);
        }
        match self.ahead() {
            Some(Token { kind: Kind::Variable | Kind::Name | Kind::Word(Word::Other), .. }) => {
                self.expect = Expect::Operand;
                Ok(true)
            }
            _ => Err(Misfit),
        }
    }

    /// `UNION` with what must follow it.
    fn union(&mut self) -> Fits {
        self.takes(&[Word::All, Word::Distinct, Word::Distinctrow, Word::Unique]);
        let fits = match self.ahead() {
            Some(Token { kind: Kind::Open | Kind::Word(Word::Select | Word::Values | Word::Table), .. }) => true,
            Some(token) => token.of(self.bytes).get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"select")),
            None => false,
        };
        if !fits {
            return Err(Misfit);
        }
        self.facts.unions += 1;
        self.edit(|frame| *frame = Frame { subquery: frame.subquery, ..Frame::new(frame.sort) });
        self.expect = Expect::Operand;
        if self.takes(&[Word::Select]) {
            return self.columns();
        }
        self.takes(&[Word::Values, Word::Table]);
        Ok(())
    }

    /// `SELECT` where an operand is expected: in a parenthesis, or as a statement.
    fn select(&mut self) -> Fits {
        let frame = self.frame();
        if frame.sort == Sort::Base && !frame.empty || frame.sort == Sort::Case {
            return Err(Misfit);
        }
        if frame.sort == Sort::Paren || frame.sort == Sort::Call {
            self.facts.subselects += 1;
        }
        self.columns()
    }

    /// What stands behind `SELECT`.
    fn columns(&mut self) -> Fits {
        self.facts.selects += 1;
        self.edit(|frame| {
            frame.clause = Clause::Columns;
            frame.subquery = frame.sort != Sort::Base;
            frame.empty = false;
        });
        self.takes(&[Word::All, Word::Distinct, Word::Distinctrow]);
        if self.takes(&[Word::Top]) {
            self.next();
        }
        self.expects_operand()
    }

    /// A statement in its proper shape; what follows is not followed closely.
    fn statement(&mut self, lead: Word, begins: bool) -> bool {
        let first = self.facts.tokens == 0 && !self.free;
        if lead == Word::Select && (begins && !first || self.expect == Expect::Operator) {
            return false;
        }
        if !self.shape(lead) {
            return false;
        }
        self.facts.statements += 1;
        self.facts.leading_statement |= first;
        self.facts.bare_statements += u16::from(!begins);
        self.loose = true;
        true
    }

    /// Whether what follows `lead` has the shape of its statement.
    fn shape(&mut self, lead: Word) -> bool {
        use Word as W;
        const OBJECTS: &[Word] = &[
            W::Table,
            W::Database,
            W::User,
            W::View,
            W::Index,
            W::Function,
            W::Procedure,
            W::Trigger,
            W::Login,
            W::Role,
            W::Extension,
            W::Tablespace,
            W::Sequence,
            W::Schema,
            W::Temporary,
            W::Temp,
            W::Or,
            W::Unique,
            W::Column,
        ];
        match lead {
            W::Drop | W::Create | W::Alter => self.takes(OBJECTS) && self.names_ahead(),
            W::Truncate => self.takes(&[W::Table]) && self.names_ahead(),
            W::Insert | W::Merge => self.takes(&[W::Into]) && self.names_ahead(),
            W::Replace => self.takes(&[W::Into]) && self.names_ahead(),
            W::Delete => self.takes(&[W::From]) && self.names_ahead(),
            W::Update => self.updates(),
            W::Waitfor => {
                self.facts.waits += 1;
                self.takes(&[W::Delay, W::Time])
            }
            W::Exec | W::Execute => self.names_ahead() || self.calls() || self.is_ahead(Kind::Variable),
            W::Declare => self.is_ahead(Kind::Variable),
            W::Set => self.is_ahead(Kind::Variable),
            W::Shutdown => self.ahead().is_none() || self.is_ahead(Kind::Semicolon) || self.takes(&[W::With]),
            W::Load => self.takes(&[W::Data]),
            W::Attach => self.takes(&[W::Database]),
            W::Backup | W::Restore => self.takes(&[W::Database]),
            W::Bulk => self.takes(&[W::Insert]),
            W::Rename => self.takes(&[W::Table]),
            W::If => self.calls() || self.takes(&[W::Exists, W::Not]),
            W::Copy => self.calls() || self.copies(),
            W::Grant | W::Revoke => self.takes(&[W::All, W::Select, W::Insert, W::Update, W::Delete, W::Execute]),
            W::Kill => self.is_ahead(Kind::Number),
            W::Desc | W::Describe | W::Show | W::Handler | W::Call | W::Use | W::Pragma | W::Begin | W::Do => {
                self.facts.semicolons > 0 && (self.names_ahead() || self.is_ahead(Kind::Text { closed: true }))
            }
            _ => false,
        }
    }

    fn names_ahead(&self) -> bool {
        matches!(self.ahead(), Some(Token { kind: Kind::Word(_) | Kind::Name, .. }))
    }

    fn is_ahead(&self, kind: Kind) -> bool {
        self.ahead().is_some_and(|token| token.kind == kind)
    }

    /// `UPDATE name SET`
    fn updates(&mut self) -> bool {
        if !self.names_ahead() {
            return false;
        }
        let mut lexer = self.lexer;
        let mut tokens = lexer.by_ref().filter(|token| !matches!(token.kind, Kind::Comment(_))).skip(1).take(6);
        tokens.any(|token| token.kind == Kind::Word(Word::Set))
    }

    /// `COPY name FROM`, `COPY name TO`
    fn copies(&mut self) -> bool {
        let mut lexer = self.lexer;
        let mut tokens = lexer.by_ref().filter(|token| !matches!(token.kind, Kind::Comment(_))).skip(1).take(2);
        tokens.any(|token| matches!(token.kind, Kind::Word(Word::From | Word::To)))
    }

    /// Notes what a statement does without holding it to a grammar.
    fn collect(&mut self, token: Token) -> Fits {
        match token.kind {
            Kind::Semicolon => return self.boundary(),
            Kind::Word(_) | Kind::Name => {
                self.note_name(token);
                if self.lexer_sees_call() {
                    self.facts.call(Purpose::of(token.of(self.bytes)));
                }
            }
            Kind::Text { closed } => self.facts.open = !closed,
            _ => {}
        }
        Ok(())
    }

    fn lexer_sees_call(&self) -> bool {
        matches!({ self.lexer }.next(), Some(Token { kind: Kind::Open, .. }))
    }
}

/// Whether a comment says nothing: it is there for what stands behind the value.
fn is_bare(comment: &[u8]) -> bool {
    let words = comment.iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).count();
    words <= 2
}

/// Words that are never the name of a column or table.
fn is_reserved(word: Word) -> bool {
    use Word as W;
    !matches!(
        word,
        W::Other
            | W::Value
            | W::Time
            | W::Data
            | W::User
            | W::Schema
            | W::Database
            | W::Login
            | W::Role
            | W::Extension
            | W::Function
            | W::View
            | W::Index
            | W::Trigger
            | W::Temp
            | W::Temporary
            | W::Column
            | W::Sequence
            | W::Tablespace
            | W::Rownum
            | W::Sysdate
            | W::CurrentDate
            | W::CurrentTimestamp
            | W::Recursive
            | W::Window
            | W::Lock
            | W::Share
            | W::Sounds
            | W::Similar
            | W::Delay
            | W::Glob
            | W::Unknown
            | W::Analyse
            | W::Left
            | W::Right
            | W::Replace
            | W::If
            | W::Insert
            | W::Mod
            | W::Top
            | W::Escape
            | W::Truncate
            | W::Desc
            | W::Show
            | W::Copy
            | W::Load
            | W::Kill
            | W::Backup
            | W::Restore
            | W::Describe
            | W::Handler
            | W::Use
            | W::Pragma
            | W::Do
            | W::Begin
            | W::End
            | W::Commit
            | W::Rollback
            | W::Attach
            | W::Call
            | W::Offset
            | W::Fetch
            | W::Shutdown
            | W::Declare
            | W::Explain
            | W::Rename
            | W::Bulk
            | W::Merge
            | W::Delete
            | W::Update
            | W::Exec
            | W::Execute
            | W::Set
            | W::Grant
            | W::Revoke
    )
}
