//! Conditions and values that an application does not write: constants compared with constants, a literal that is part
//! of an operation, a constant for a condition.

use super::{Purpose, Sign, Statement, is_clause};
use crate::canon::sql::{Kind, Operator, Word};

impl Statement<'_> {
    /// `OR 1=1`, `AND 'a'='a'`, `CASE WHEN 7=7`, `IF(1=1, …)`: a condition that asks for nothing.
    pub(super) fn constants(&self, at: usize) -> Option<Sign> {
        let right = if self.kind(at + 1) == Some(Kind::Open) && self.kind(at + 3) == Some(Kind::Close) {
            at + 2
        } else {
            at + 1
        };
        if !self.is_compare(at) || !self.is_constant(at.checked_sub(1)?) || !self.is_constant(right) {
            return None;
        }
        let before = self.before_group(at - 1);
        let joined = |at: usize| self.is_logical(at);
        let whole = !self.is_operator(right + 1);
        let first = matches!(before.and_then(|at| self.word(at)), Some(Word::Where | Word::Having | Word::On));
        let after = self.after_group(right + 1);
        let weight = match before {
            Some(before) if joined(before) || self.word(before) == Some(Word::Having) => 100,
            Some(before) if matches!(self.word(before), Some(Word::When | Word::Not | Word::If)) => 100,
            Some(before) if self.kind(before) == Some(Kind::Open) && !first => 100,
            Some(before) if self.kind(before) == Some(Kind::Comma) && self.word(0) == Some(Word::Insert) => 100,
            _ if first && after.is_some_and(|after| self.word(after) == Some(Word::Or)) => 100,
            _ => 0,
        };
        (weight > 0 && whole).then(|| self.sign("sql-tautology", weight, at - 1, at + 1))
    }

    /// `name = '' = ''`, `id = 1 = 1`: the value goes on as a comparison.
    pub(super) fn chained(&self, at: usize) -> Option<Sign> {
        let negated = self.word(at) == Some(Word::Not)
            && matches!(self.word(at + 1), Some(Word::Like | Word::Rlike | Word::Regexp | Word::Between | Word::In));
        let is = self.word(at) != Some(Word::Is) || matches!(self.kind(at + 1), Some(Kind::Number | Kind::Text { .. }));
        let chained = (negated || self.is_compare(at) && is)
            && self.is_constant(at.checked_sub(1)?)
            && self.is_mark_compare(at.checked_sub(2)?);
        chained.then(|| self.sign("sql-condition", 100, at - 1, at))
    }

    /// `'a' ^ 'b'`, `'1' || (SELECT …)`, `'1' AND SLEEP…`: a string takes part in an operation.
    pub(super) fn operation(&self, at: usize) -> Option<Sign> {
        let text = self.is_text(at);
        if !text && self.kind(at) != Some(Kind::Number) {
            return None;
        }
        let before = at.checked_sub(1)?;
        let outer = self.before_group(at).unwrap_or(before);
        let valued = self.is_compare(before) || self.kind(before) == Some(Kind::Comma) || self.is_compare(outer);
        let joined = text && self.is_logical(before);
        if !valued && !joined {
            return None;
        }
        let call = matches!(self.kind(at + 2), Some(Kind::Word(_)))
            && (self.kind(at + 3) == Some(Kind::Open)
                || self.kind(at + 3) == Some(Kind::Dot) && self.kind(at + 5) == Some(Kind::Open));
        let operated = match self.kind(at + 1) {
            Some(Kind::Operator(Operator::Arithmetic | Operator::Star)) => text || self.is_text(at + 2),
            Some(Kind::Word(Word::Div | Word::Mod | Word::Xor)) => text,
            Some(Kind::Operator(Operator::Sign | Operator::Tilde | Operator::Not)) => {
                text && (self.is_constant(at + 2) || self.kind(at + 2) == Some(Kind::Open) || call)
                    || self.is_text(at + 2)
            }
            Some(Kind::Operator(Operator::Pipes)) if text => {
                self.is_constant(at + 2) || self.kind(at + 2) == Some(Kind::Open) || call
            }
            Some(Kind::Operator(Operator::Pipes | Operator::And)) => true,
            _ => false,
        };
        operated.then(|| self.sign("sql-expression", 100, at, at + 2))
    }

    /// `OR 1`, `OR 'a'`, `AND NULL`, `OR @a`: a constant stands for a condition.
    pub(super) fn lone(&self, at: usize) -> Option<Sign> {
        if !self.is_logical(at) || self.is_between(at) {
            return None;
        }
        let mut next = at + 1;
        while self.kind(next) == Some(Kind::Open) || self.word(next) == Some(Word::Not) {
            next += 1;
        }
        let ends = match self.kind(next + 1) {
            None | Some(Kind::Close | Kind::Comma | Kind::Semicolon | Kind::Text { .. }) => true,
            Some(Kind::Word(word)) => is_clause(word),
            _ => false,
        };
        let value = match self.word(next) {
            Some(Word::True) => self.word(at) == Some(Word::Or) && self.word(next + 1) != Some(Word::And),
            Some(Word::Null | Word::False) => false,
            _ => true,
        };
        let alone = self.is_constant(next) && ends && value;
        let literal = alone && !matches!(self.kind(next), Some(Kind::Variable));
        if literal || alone && next == at + 1 && self.tail.is_some() {
            return Some(self.sign("sql-tautology", 100, at, next));
        }
        let before = at.checked_sub(1)?;
        let left = self.is_constant(before)
            && self.word(before).is_none()
            && self.before_group(before).is_some_and(|open| self.opens_condition(open));
        left.then(|| self.sign("sql-tautology", 100, before, at))
    }

    /// `… = 1 + (SELECT …)`, `'1' AND (SELECT …) > 0`: a query joined to a constant.
    pub(super) fn probe(&self, at: usize) -> Option<Sign> {
        let operator =
            matches!(self.kind(at), Some(Kind::Operator(Operator::Arithmetic | Operator::Sign | Operator::Pipes)));
        let selects = self.kind(at + 1) == Some(Kind::Open) && self.word(at + 2) == Some(Word::Select);
        let constant = self.is_constant(at.checked_sub(1)?);
        // An application compares columns with what it selects; an attack joins its query to what is compared already.
        let joined = operator || self.is_logical(at) && !self.is_between(at) && self.items(at + 3).names == 0;
        (joined && selects && constant).then(|| self.sign("sql-subquery", 100, at, at + 2))
    }

    /// `ORDER BY 1 RLIKE (SELECT …)`, `ORDER BY (SELECT 1)`, `ORDER BY x AND 1 = 1`: an order that is none.
    pub(super) fn sorted(&self, at: usize) -> Option<Sign> {
        if self.word(at) != Some(Word::By) || self.word(at.checked_sub(1)?) != Some(Word::Order) {
            return None;
        }
        let mut first = at + 1;
        while matches!(self.kind(first), Some(Kind::Open | Kind::Operator(Operator::Sign | Operator::Tilde))) {
            first += 1;
        }
        let mut depth = 0_usize;
        let mut logical = None;
        for near in at + 1..at + 40 {
            match self.kind(near) {
                Some(Kind::Open) => depth += 1,
                Some(Kind::Close) if depth == 0 => break,
                Some(Kind::Close) => depth -= 1,
                Some(Kind::Word(Word::Limit | Word::Union | Word::Case | Word::Between)) => break,
                None | Some(Kind::Comma | Kind::Semicolon) if depth == 0 => break,
                _ if depth == 0 && self.is_logical(near) => logical = logical.or(Some(near)),
                _ => {}
            }
        }
        let goes_on =
            self.is_constant(first) && (self.is_operator(first + 1) || self.kind(first + 1) == Some(Kind::Name));
        let selects = self.word(first) == Some(Word::Select) && self.items(first + 1).names == 0;
        let odd = matches!(self.word(first), Some(Word::Binary | Word::If));
        let shown = logical.unwrap_or(first);
        (goes_on || selects || odd || logical.is_some()).then(|| self.sign("sql-probe", 100, at - 1, shown))
    }

    /// `= (SELECT 1)`, `= (SELECT @@version)`: a query for nothing; one for the server's catalogue.
    pub(super) fn subselect(&self, at: usize) -> Option<Sign> {
        let variable = self.kind(at) == Some(Kind::Variable) && self.bytes(at).starts_with(b"@@");
        if variable && self.bytes(at).len() > 2 && self.kind(at + 1) != Some(Kind::Open) {
            // SET keeps a setting, to put it back later.
            let first_or_kept = at <= 1 || self.word(0) == Some(Word::Set);
            return (!first_or_kept).then(|| self.sign("sql-recon", 100, at, at));
        }
        if self.word(at) != Some(Word::Select) || self.kind(at.checked_sub(1)?) != Some(Kind::Open) {
            return None;
        }
        let items = self.items(at + 1);
        let compared = self.before_group(at).is_some_and(|before| self.is_compare(before) || self.is_logical(before));
        let empty = items.names + items.stars + items.calls == 0 && compared;
        let recon = items.catalogue && !self.reads_catalogue;
        (empty || recon).then(|| self.sign("sql-subquery", 100, at - 1, at))
    }

    /// `AND 1 = (SELECT …)`, `OR 5 = f(…)`: a constant is compared with what is worked out.
    pub(super) fn yoda(&self, at: usize) -> Option<Sign> {
        if !self.is_mark_compare(at) || !self.is_constant(at.checked_sub(1)?) {
            return None;
        }
        let joined =
            self.before_group(at - 1).is_some_and(|before| self.is_logical(before) && !self.is_between(before));
        let open = self.kind(at + 1) == Some(Kind::Open) && self.word(at + 2) == Some(Word::Select);
        let call = matches!(self.kind(at + 1), Some(Kind::Word(_) | Kind::Operator(Operator::Tilde)))
            && matches!(self.kind(at + 2), Some(Kind::Open | Kind::Dot | Kind::Number));
        (joined && (open || call)).then(|| self.sign("sql-condition", 100, at - 1, at + 1))
    }

    /// `OR name LIKE '%'`, `OR a = 'a'`: a condition that everything meets.
    pub(super) fn everything(&self, at: usize) -> Option<Sign> {
        if !self.is_mark_compare(at) || !self.is_text(at + 1) {
            return None;
        }
        let name = at.checked_sub(1)?;
        let joined = self.is_logical(name.checked_sub(1)?);
        let value = self.bytes(at + 1).trim_ascii_start();
        let all = self.word(at) == Some(Word::Like)
            && self.word(name - 1) == Some(Word::Or)
            && matches!(value, b"'%'" | b"\"%\"" | b"'%%'");
        let inner = value.get(1..value.len().saturating_sub(1)).unwrap_or_default();
        let itself = !inner.is_empty() && self.kind(name) != Some(Kind::Close) && self.bytes(name) == inner;
        (joined && (all || itself)).then(|| self.sign("sql-tautology", 100, name, at + 1))
    }

    /// `ASCII(SUBSTR(VERSION(), 1, 1))`: what the server tells of itself, taken apart.
    pub(super) fn told(&self, at: usize) -> Option<Sign> {
        let open = at.checked_sub(1)?;
        let called = self.kind(open) == Some(Kind::Open)
            && matches!(self.kind(open.checked_sub(1)?), Some(Kind::Word(Word::Other | Word::Left | Word::Right)));
        let call = self.purpose(at) == Purpose::Tell && self.kind(at + 1) == Some(Kind::Open);
        let compared = call && self.kind(at + 2) == Some(Kind::Close) && self.is_mark_compare(at + 3);
        if compared && self.is_logical(open) {
            return Some(self.sign("sql-expression", 100, at, at + 3));
        }
        let tells = self.purpose(at) == Purpose::Tell
            || matches!(self.word(at), Some(Word::User | Word::CurrentUser | Word::SessionUser | Word::SystemUser));
        let whole = matches!(self.kind(at + 1), Some(Kind::Open | Kind::Close | Kind::Comma));
        (called && tells && whole).then(|| self.sign("sql-expression", 100, open - 1, at))
    }

    /// `a = a`, `CASE WHEN 2 THEN`: a condition of which the outcome is known.
    pub(super) fn foregone(&self, at: usize) -> Option<Sign> {
        let cased = self.word(at) == Some(Word::When)
            && self.word(at.checked_sub(1)?) == Some(Word::Case)
            && self.is_constant(at + 1)
            && self.word(at + 2) == Some(Word::Then);
        let left = at.checked_sub(1)?;
        let name = |at: usize| matches!(self.kind(at), Some(Kind::Word(Word::Other)));
        let same = self.kind(at) == Some(Kind::Operator(Operator::Compare))
            && name(left)
            && name(at + 1)
            && self.bytes(left) == self.bytes(at + 1)
            && !matches!(self.kind(at + 2), Some(Kind::Dot | Kind::Open))
            && self.before_group(left).is_some_and(|before| self.is_logical(before));
        (cased || same).then(|| self.sign("sql-tautology", 100, left, at + 1))
    }

    /// `OR a ^ '1'`: bits of a string.
    pub(super) fn bits(&self, at: usize) -> Option<Sign> {
        let operator = self.kind(at) == Some(Kind::Operator(Operator::Arithmetic))
            && matches!(self.bytes(at), b"^" | b"|" | b"&" | b"%");
        let sign = usize::from(matches!(self.kind(at + 1), Some(Kind::Operator(Operator::Sign))));
        let joined = self.is_logical(at.checked_sub(2)?);
        let found = operator && joined && self.is_text(at + 1 + sign);
        found.then(|| self.sign("sql-expression", 100, at - 1, at + 1 + sign))
    }

    /// `= ") or f(5)="`: a quoted name, where a value belongs, that spells a condition.
    pub(super) fn spelled(&self, at: usize) -> Option<Sign> {
        let named = self.quoted_names && self.bytes(at).starts_with(b"\"");
        let valued = self.is_mark_compare(at.checked_sub(1)?) || self.word(at - 1) == Some(Word::By);
        (named && valued && self.bytes(at).contains(&b'=')).then(|| self.sign("sql-expression", 100, at, at))
    }

    /// `'a'or`: a keyword stands right behind a literal, as it does where a value has broken out of its quotes.
    pub(super) fn stuck(&self, at: usize) -> Option<Sign> {
        let next = self.tokens.get(at + 1)?;
        let literal = self.is_text(at) || self.kind(at) == Some(Kind::Number);
        let stuck = literal && self.tokens.get(at)?.end == next.start;
        let word = matches!(next.kind, Kind::Word(word) if word != Word::Other) || self.is_logical(at + 1);
        (stuck && word).then(|| self.sign("sql-cut-off", 100, at, at + 1))
    }
}
