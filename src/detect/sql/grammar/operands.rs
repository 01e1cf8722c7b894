//! Where an operand is awaited: literals, names, calls, parentheses, subqueries.

use super::{Clause, Expect, FRESH, Fits, Frame, Grammar, Misfit, Operand, SideOf, Sort, is_reserved};
use crate::canon::cursor;
use crate::canon::sql::{Kind, Operator, Token, Word};
use crate::detect::sql::facts::Start;
use crate::detect::sql::functions::Purpose;

/// Bytes beyond which an open string is taken for prose.
const LONG: usize = 40;

/// Databases that a server keeps for itself, sorted: `master..sysservers`.
const SYSTEM_DATABASES: &[&str] = &["master", "model", "msdb", "tempdb"];

fn is_system_database(name: &[u8]) -> bool {
    cursor::is_one_of(name, SYSTEM_DATABASES)
}

/// Dots in a name: `server.database.schema.table.column`, one more for good measure.
const MAX_DOTS: usize = 5;

impl Grammar<'_> {
    pub(super) fn operand(&mut self, token: Token) -> Fits {
        match token.kind {
            Kind::Number => self.complete(Operand::Literal, token),
            Kind::Text { closed } => {
                self.text(token, closed);
                self.complete(Operand::Literal, token)
            }
            Kind::Name => self.name(token),
            Kind::Variable => self.variable(token),
            Kind::Open => self.open(token),
            Kind::Close if self.frame.sort == Sort::Call && self.frame.empty => self.close(token),
            Kind::Operator(Operator::Sign | Operator::Not | Operator::Tilde) => Ok(()),
            Kind::Operator(Operator::Star) if self.star_may_stand() => self.complete(Operand::Name, token),
            Kind::Word(word) => self.operand_word(word, token),
            _ => Err(Misfit),
        }
    }

    /// `(`, or ODBC's `{d`, whose word says nothing here.
    fn open(&mut self, token: Token) -> Fits {
        let escape = token.of(self.bytes) == b"{" && self.names_ahead();
        self.push(Sort::Paren)?;
        if escape {
            self.next();
        }
        Ok(())
    }

    fn star_may_stand(&self) -> bool {
        self.frame.clause == Clause::Columns || self.frame.sort == Sort::Call
    }

    /// Notes whether a string is left open for the quote behind the value, and whether it says anything.
    pub(super) fn text(&mut self, token: Token, closed: bool) {
        self.facts.open = !closed;
        self.facts.open_long = !closed && token.end - token.start > LONG;
        self.facts.open_empty = !closed && token.end - token.start <= 1;
    }

    fn variable(&mut self, token: Token) -> Fits {
        let text = token.of(self.bytes);
        self.facts.variables += 1;
        if text.starts_with(b"@@") && text.len() > 2 {
            self.facts.server_variables += 1;
        }
        self.complete(Operand::Variable, token)
    }

    fn operand_word(&mut self, word: Word, token: Token) -> Fits {
        match word {
            Word::Select => self.select(),
            Word::Union | Word::Except | Word::Intersect if self.frame.empty => self.union(),
            Word::Exists if self.is_ahead(Kind::Close) => self.complete(Operand::Call, token),
            Word::Not | Word::Exists | Word::Any | Word::All | Word::Some => Ok(()),
            Word::Distinct | Word::Distinctrow | Word::Interval => Ok(()),
            Word::Binary => {
                self.facts.craft += 1;
                Ok(())
            }
            Word::Null | Word::True | Word::False | Word::Unknown => self.complete(Operand::Literal, token),
            Word::Case => {
                self.facts.cases += 1;
                self.push(Sort::Case)
            }
            Word::When if self.frame.sort == Sort::Case => Ok(()),
            Word::CurrentUser | Word::SessionUser | Word::SystemUser if !self.opens_ahead() => {
                self.facts.tells += 1;
                self.complete(Operand::Call, token)
            }
            word if is_reserved(word) && !self.opens_ahead() => Err(Misfit),
            _ => self.name(token),
        }
    }

    /// A name with its dots, or a call.
    fn name(&mut self, token: Token) -> Fits {
        let mut last = token;
        let mut package = Purpose::Unknown;
        let mut dots = 0;
        while self.dot_ahead() {
            dots += 1;
            if dots > MAX_DOTS {
                return Err(Misfit);
            }
            package = self.note_name(last);
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
        if self.opens_ahead() {
            self.next();
            let own = Purpose::of(last.of(self.bytes));
            self.facts.call(if own == Purpose::Unknown { package } else { own });
            self.push(Sort::Call)?;
            self.frame.computes = matches!(own, Purpose::Known | Purpose::Craft);
            return Ok(());
        }
        self.note_name(last);
        self.facts.catalogue += u32::from(dots == 2 && is_system_database(token.of(self.bytes)));
        self.facts.names += 1;
        self.complete(Operand::Name, Token { end: self.lexer.at(), ..token })
    }

    /// Notes a catalogue; says whether the functions of a package of this name reach outside.
    pub(super) fn note_name(&mut self, token: Token) -> Purpose {
        let name = token.of(self.bytes);
        let quoted = |mark: &[u8]| name.strip_prefix(mark).and_then(|inner| inner.strip_suffix(mark));
        let name = quoted(b"`").unwrap_or(name);
        match Purpose::of(name) {
            Purpose::Reach => return Purpose::Reach,
            Purpose::Catalogue => self.facts.catalogue += 1,
            _ => {}
        }
        Purpose::Unknown
    }

    pub(super) fn close(&mut self, token: Token) -> Fits {
        let frame = self.frame;
        if frame.sort == Sort::Case {
            return Err(Misfit);
        }
        let Some(outer) = self.outer.pop() else {
            self.facts.closed_outside += 1;
            self.frame.side.constant = false;
            return Ok(());
        };
        self.frame = outer;
        let operand = match frame {
            Frame { subquery: true, .. } => Operand::Subquery,
            Frame { sort: Sort::Call, computes: false, .. } => Operand::Call,
            Frame { sort: Sort::Call, .. } if frame.empty => Operand::Call,
            _ => Operand::Group { constant: frame.constant },
        };
        self.complete(operand, token)
    }

    /// An operand is whole.
    pub(super) fn complete(&mut self, operand: Operand, token: Token) -> Fits {
        let constant = operand.is_constant();
        let side = self.frame.side;
        self.frame.side = SideOf {
            operands: side.operands.saturating_add(1),
            constant: side.constant && constant,
            span: (token.start, token.end),
        };
        if let Some(left) = self.frame.left.take() {
            self.facts.compares += 1;
            if left.constant && constant || self.is_same(left, operand) {
                self.facts.constant_compares += 1;
            }
        }
        match self.frame.clause {
            Clause::Columns if operand != Operand::Name => self.facts.column_values += 1,
            Clause::Order if operand == Operand::Literal => self.facts.order_number += 1,
            _ => {}
        }
        self.frame.constant &= constant;
        self.frame.last = Some(operand);
        self.frame.empty = false;
        self.frame.aliased = false;
        self.expect = Expect::Operator;
        Ok(())
    }

    /// Whether both sides of a comparison are the same single name.
    fn is_same(&self, left: SideOf, right: Operand) -> bool {
        let text = |(start, end)| self.bytes.get(start..end).unwrap_or_default();
        let (left_text, right_text): (&[u8], &[u8]) = (text(left.span), text(self.frame.side.span));
        right == Operand::Name && left.operands == 1 && left_text.eq_ignore_ascii_case(right_text)
    }

    /// `SELECT` behind an operand: SQL Server needs no semicolon before it.
    pub(super) fn further_select(&mut self) -> Fits {
        self.facts.further_selects += 1;
        self.frame = Frame::new(Sort::Base);
        self.columns()
    }

    /// `SELECT` where an operand is awaited: in a parenthesis, or as a statement.
    fn select(&mut self) -> Fits {
        match self.frame.sort {
            Sort::Base if !self.frame.empty => return Err(Misfit),
            Sort::Case => return Err(Misfit),
            Sort::Paren | Sort::Call => self.facts.subselects += 1,
            Sort::Base => {}
        }
        self.columns()
    }

    /// What stands behind `SELECT`.
    pub(super) fn columns(&mut self) -> Fits {
        self.facts.selects += 1;
        self.frame.clause = Clause::Columns;
        self.frame.subquery = self.frame.sort != Sort::Base;
        self.frame.empty = false;
        self.frame.side = FRESH;
        self.takes(&[Word::All, Word::Distinct, Word::Distinctrow]);
        if self.takes(&[Word::Top]) {
            self.next();
        }
        self.expects_operand()
    }

    /// `UNION` with what must follow it.
    pub(super) fn union(&mut self) -> Fits {
        while self.takes(&[Word::All, Word::Distinct, Word::Distinctrow, Word::Unique]) {}
        if self.is_ahead(Kind::Operator(Operator::Sign)) {
            self.next();
        }
        let fits = match self.ahead() {
            Some(Token { kind: Kind::Number, .. }) => true,
            Some(Token { kind: Kind::Open | Kind::Word(Word::Select | Word::Values | Word::Table), .. }) => true,
            Some(token) => token.of(self.bytes).get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"select")),
            None => false,
        };
        if !fits {
            let alone = matches!(self.facts.start, Start::Literal | Start::Operator) && self.facts.names == 0;
            let ends = alone && self.facts.tokens <= 2 && self.next().is_none();
            self.facts.ends_with_union = ends && (self.facts.comments > 0 || self.facts.line_comments > 0);
            return Err(Misfit);
        }
        self.facts.unions += 1;
        self.frame = Frame { subquery: self.frame.subquery, ..Frame::new(self.frame.sort) };
        self.expect = Expect::Operand;
        if self.takes(&[Word::Select]) {
            return self.columns();
        }
        self.facts.selects += u32::from(self.takes(&[Word::Values, Word::Table]));
        Ok(())
    }
}
