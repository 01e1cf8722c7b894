//! Where an operator is awaited: infix operators, closing marks, and the clauses that may follow an expression.

use super::{Clause, Expect, FRESH, Fits, Grammar, Misfit, Operand, Sort, is_reserved};
use crate::canon::sql::{Kind, Operator, Token, Word};
use crate::detect::sql::facts::{Facts, Start};

/// Words that compare.
const COMPARE: &[Word] =
    &[Word::Like, Word::Rlike, Word::Regexp, Word::Ilike, Word::Glob, Word::In, Word::Between, Word::Is];

impl Grammar<'_> {
    pub(super) fn operator(&mut self, token: Token) -> Fits {
        match token.kind {
            Kind::Close => self.close(token),
            Kind::Operator(operator) => self.infix(operator),
            Kind::Comma => self.comma(),
            Kind::Text { closed } if self.frame.last == Some(Operand::Literal) || self.may_alias() => {
                let adjoins = self.frame.last == Some(Operand::Literal);
                self.text(token, closed);
                self.facts.open_empty &= !adjoins;
                Ok(())
            }
            Kind::Open if self.is_ahead(Kind::Word(Word::Select)) => {
                self.facts.arithmetic += 1;
                self.push(Sort::Paren)
            }
            Kind::Variable if token.of(self.bytes) == b"?" => self.infix(Operator::Compare),
            Kind::Name if self.may_alias() => self.alias(),
            Kind::Word(word) => self.operator_word(word, token),
            _ => Err(Misfit),
        }
    }

    pub(super) fn expects_operand(&mut self) -> Fits {
        self.expect = Expect::Operand;
        Ok(())
    }

    fn comma(&mut self) -> Fits {
        if self.frame.clause == Clause::Columns && self.facts.unions > 0 {
            self.facts.columns += 1;
        }
        if self.at_top() {
            self.facts.commas += 1;
        }
        self.frame.side = FRESH;
        self.frame.listed = true;
        self.frame.logical = false;
        self.expects_operand()
    }

    fn infix(&mut self, operator: Operator) -> Fits {
        match operator {
            Operator::And => self.logical(),
            Operator::Pipes => {
                self.facts.pipes += 1;
                self.logical()
            }
            Operator::Compare | Operator::Tilde => {
                self.facts.marks_compare += 1;
                self.compare()
            }
            Operator::Sign | Operator::Star | Operator::Arithmetic => self.arithmetic(),
            Operator::Assign => self.expects_operand(),
            Operator::Cast => self.cast(),
            Operator::Not => Err(Misfit),
        }
    }

    /// `::type`
    fn cast(&mut self) -> Fits {
        if !self.names_ahead() {
            return Err(Misfit);
        }
        self.next();
        self.facts.casts += 1;
        Ok(())
    }

    fn logical(&mut self) -> Fits {
        self.facts.logical += 1;
        self.facts.begins_logical |= self.facts.tokens == 0;
        if self.frame.side.operands > 0 && self.frame.side.constant && !self.frame.compared {
            self.facts.literal_conditions += 1;
        }
        self.frame.logical = true;
        self.frame.compared = false;
        self.frame.side = FRESH;
        self.expects_operand()
    }

    fn compare(&mut self) -> Fits {
        self.frame.left = Some(self.frame.side);
        self.frame.side = FRESH;
        self.frame.logical = false;
        self.frame.compared = true;
        self.expects_operand()
    }

    fn arithmetic(&mut self) -> Fits {
        self.facts.arithmetic += 1;
        self.expects_operand()
    }

    fn operator_word(&mut self, word: Word, token: Token) -> Fits {
        match word {
            Word::And | Word::Or | Word::Xor => self.logical(),
            Word::In if self.has_text_ahead(&[b"boolean", b"natural"]) => self.search_mode(),
            word if COMPARE.contains(&word) => self.compare(),
            Word::Similar if self.takes(&[Word::To]) => self.compare(),
            Word::Sounds if self.takes(&[Word::Like]) => self.compare(),
            Word::Not if self.compares_ahead() => Ok(()),
            Word::Div | Word::Mod => {
                self.facts.word_arithmetic += 1;
                self.arithmetic()
            }
            Word::Union | Word::Except | Word::Intersect | Word::Minus => self.union(),
            Word::When | Word::Then | Word::Else if self.frame.sort == Sort::Case => self.expects_operand(),
            Word::End if self.frame.sort == Sort::Case => self.end_case(token),
            Word::From if self.leaves_parentheses_open() => self.clause(Word::From).map(|_| ()),
            Word::From | Word::For | Word::Using if self.in_arguments() => self.expects_operand(),
            Word::As | Word::Collate => self.named(),
            Word::Select if self.at_top() && self.frame.clause == Clause::Expression => self.further_select(),
            Word::Escape => self.expects_operand(),
            _ if self.clause(word)? => Ok(()),
            _ if self.may_alias() && !is_reserved(word) => self.alias(),
            _ if self.in_arguments() && token.of(self.bytes).eq_ignore_ascii_case(b"separator") => {
                self.expects_operand()
            }
            _ => Err(Misfit),
        }
    }

    fn end_case(&mut self, token: Token) -> Fits {
        self.frame = self.outer.pop().ok_or(Misfit)?;
        self.complete(Operand::Call, token)
    }

    /// Nothing but the name of a column: `price`, `items.price`.
    fn is_sort_key(&self) -> bool {
        self.frame.last == Some(Operand::Name) && self.facts.tokens <= 3 && self.facts.start == Start::Name
    }

    fn compares_ahead(&self) -> bool {
        matches!(self.ahead(), Some(Token { kind: Kind::Word(word), .. }) if COMPARE.contains(&word) || word == Word::Similar)
    }

    /// `IN BOOLEAN MODE`, `IN NATURAL LANGUAGE MODE` behind a full-text search.
    fn search_mode(&mut self) -> Fits {
        while self.has_text_ahead(&[b"boolean", b"natural", b"language", b"mode"]) {
            self.next();
        }
        self.facts.alias += 1;
        Ok(())
    }

    /// `AS name`, `AS type(n)`, `COLLATE name`.
    fn named(&mut self) -> Fits {
        if !matches!(self.ahead(), Some(Token { kind: Kind::Word(_) | Kind::Name | Kind::Text { .. }, .. })) {
            return Err(Misfit);
        }
        self.next();
        if self.at_top() {
            self.facts.alias += 1;
        }
        while self.in_arguments() && self.names_ahead() {
            self.next();
        }
        if self.in_arguments() && self.opens_ahead() {
            self.next();
            return self.push(Sort::Paren);
        }
        Ok(())
    }

    fn may_alias(&self) -> bool {
        matches!(self.frame.clause, Clause::Columns | Clause::Tables) && !self.frame.aliased
    }

    fn alias(&mut self) -> Fits {
        self.frame.aliased = true;
        Ok(())
    }

    /// A clause that may follow an operand; false when the word begins none.
    fn clause(&mut self, word: Word) -> Result<bool, Misfit> {
        if !self.at_top() && !self.frame.subquery {
            return Ok(false);
        }
        let top = self.at_top();
        let tables = self.frame.clause == Clause::Tables;
        match word {
            Word::From if top || self.frame.clause == Clause::Columns => {
                self.enter(Clause::Tables, |facts| &mut facts.from)
            }
            Word::Where if top => self.enter(Clause::Expression, |facts| &mut facts.whereas),
            Word::Where => self.enter(Clause::Expression, |facts| &mut facts.inner),
            Word::Having => self.enter(Clause::Expression, |facts| &mut facts.having),
            Word::Order | Word::Group if self.takes(&[Word::By]) => self.enter(Clause::Order, |facts| &mut facts.order),
            Word::Limit | Word::Offset => self.enter(Clause::Expression, |facts| &mut facts.limit),
            Word::Asc | Word::Desc if self.frame.clause == Clause::Order => Ok(true),
            Word::Asc | Word::Desc if top && self.is_sort_key() => {
                self.frame.clause = Clause::Order;
                Ok(true)
            }
            Word::Procedure if self.takes(&[Word::Analyse]) => {
                self.enter(Clause::Expression, |facts| &mut facts.output)
            }
            Word::Into if self.takes(&[Word::Outfile, Word::Dumpfile]) && self.file_may_follow() => {
                self.enter(Clause::Expression, |facts| &mut facts.output)
            }
            Word::Into if self.is_ahead(Kind::Variable) || self.names_ahead() => {
                self.enter(Clause::Expression, |facts| &mut facts.inner)
            }
            Word::For if self.takes(&[Word::Update, Word::Lock]) => Ok(true),
            Word::Join | Word::Left | Word::Right | Word::Inner | Word::Outer | Word::Cross | Word::Natural
                if tables =>
            {
                self.takes(&[Word::Join, Word::Outer]);
                self.takes(&[Word::Join]);
                self.enter(Clause::Tables, |facts| &mut facts.inner)
            }
            Word::On | Word::Using if tables => {
                self.expects_operand()?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// What stands behind `INTO OUTFILE` is no quote that closes a quotation.
    fn file_may_follow(&self) -> bool {
        let Some(token) = self.ahead() else { return true };
        let quoted = matches!(token.kind, Kind::Text { .. });
        !(quoted && token.of(self.bytes).get(1).is_some_and(u8::is_ascii_whitespace))
    }

    /// `SELECT f((1) FROM`: more parentheses than were closed, in the columns of the statement that the text is. Gives
    /// them up.
    fn leaves_parentheses_open(&mut self) -> bool {
        let base = self.outer.first().filter(|base| base.clause == Clause::Columns).copied();
        let Some(base) = base.filter(|_| !self.frame.subquery && self.facts.start == Start::Statement) else {
            return false;
        };
        if self.in_arguments() && self.outer.len() == 1 && !self.frame.listed {
            return false;
        }
        self.facts.unbalanced += 1;
        self.outer.clear();
        self.frame = base;
        true
    }

    fn enter(&mut self, clause: Clause, counter: impl FnOnce(&mut Facts) -> &mut u32) -> Result<bool, Misfit> {
        let counter = counter(&mut self.facts);
        *counter += 1;
        self.frame.clause = clause;
        self.frame.aliased = false;
        self.frame.compared = false;
        self.frame.left = None;
        self.frame.side = FRESH;
        self.expect = Expect::Operand;
        Ok(true)
    }
}
