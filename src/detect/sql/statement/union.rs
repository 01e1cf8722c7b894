//! `UNION SELECT …`: is its second half of values alone, of another shape than the first, or a look into the catalogue?

use super::{Purpose, Sign, Statement};
use crate::canon::sql::{Kind, Operator, Word};

/// Tokens of a select list that are looked at, and tokens looked back for what stands on the left of a UNION.
const FAR: usize = 256;

/// The left side of a UNION.
#[derive(Clone, Copy, Debug)]
enum Left {
    /// A query with this select list.
    Items(Items),
    /// No query at all: the UNION has come in where a value belongs.
    NoQuery,
    Unknown,
}

/// A select list in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Items {
    pub(super) count: usize,
    /// Items with a name of a column.
    pub(super) names: usize,
    /// Items that are `*`.
    pub(super) stars: usize,
    /// Items of literals and calls alone.
    pub(super) values: usize,
    /// Calls, at any depth.
    pub(super) calls: usize,
    /// Longer than what is looked at.
    is_long: bool,
    /// A catalogue of the server's own is named.
    pub(super) catalogue: bool,
    /// The tokens from `from` to before `end`.
    from: usize,
    end: usize,
}

impl Items {
    fn end_item(&mut self, named: bool, star: bool) {
        match (star, named) {
            (true, _) => self.stars += 1,
            (false, true) => self.names += 1,
            (false, false) => self.values += 1,
        }
    }
}

fn ends_items(word: Word) -> bool {
    matches!(
        word,
        Word::From
            | Word::Union
            | Word::Where
            | Word::Order
            | Word::Limit
            | Word::Into
            | Word::Except
            | Word::Intersect
            | Word::Having
            | Word::Group
    )
}

impl Statement<'_> {
    /// `UNION SELECT NULL, …`: the second half is of values alone, or of another shape than the first.
    pub(super) fn union(&self, at: usize) -> Option<Sign> {
        let joins = matches!(self.word(at)?, Word::Union | Word::Except | Word::Intersect | Word::Minus);
        if joins { self.joined(at) } else { None }
    }

    /// What the UNION at a token joins.
    #[inline(never)] // few statements have one, and its reading is asked for at every token
    fn joined(&self, at: usize) -> Option<Sign> {
        let mut select = at + 1;
        while matches!(self.word(select), Some(Word::All | Word::Distinct | Word::Distinctrow))
            || self.kind(select) == Some(Kind::Open)
        {
            select += 1;
        }
        if self.word(select) != Some(Word::Select) {
            return None;
        }
        let theirs = self.items(select + 1);
        let weight = match self.left_of_union(at) {
            Left::NoQuery => 100,
            _ if at.checked_sub(1).is_some_and(|before| self.is_mark_compare(before) || self.ends_lock(before)) => 100,
            Left::Items(ours) if self.tells(theirs) && !self.tells(ours) => 100,
            Left::Items(ours)
                if ours.stars > 0
                    && theirs.stars == 0
                    && at.checked_sub(1).is_some_and(|before| self.is_constant(before)) =>
            {
                100
            }
            Left::Unknown | Left::Items(_) if theirs.catalogue && !self.reads_catalogue => 100,
            Left::Unknown => 0,
            Left::Items(ours) if ours.is_long || theirs.is_long => 0,
            Left::Items(ours) if ours.names > 0 && theirs.names + theirs.stars == 0 => 100,
            Left::Items(ours) if ours.stars + theirs.stars == 0 && ours.count != theirs.count => 100,
            Left::Items(ours) if ours.stars > 0 && theirs.stars == 0 && theirs.values > 0 => 100,
            Left::Items(ours) if ours.calls > 0 && theirs.names + theirs.stars + theirs.calls == 0 => 100,
            Left::Items(_) => 0,
        };
        (weight > 0).then(|| self.sign("sql-union", weight, at, select))
    }

    /// Whether a function is called that tells of the server, the session or its user.
    fn tells(&self, items: Items) -> bool {
        (items.from..items.end).any(|at| self.purpose(at) == Purpose::Tell && self.kind(at + 1) == Some(Kind::Open))
    }

    /// `FOR UPDATE UNION …`: no server locks the rows of one half, so that the lock was the end of a statement.
    fn ends_lock(&self, at: usize) -> bool {
        let locks = self.word(at) == Some(Word::Update) || self.bytes(at).eq_ignore_ascii_case(b"share");
        locks && at.checked_sub(1).is_some_and(|before| self.word(before) == Some(Word::For))
    }

    /// What stands on the left of a UNION: the nearest SELECT at its depth.
    fn left_of_union(&self, union: usize) -> Left {
        let mut depth = 0_usize;
        for at in (union.saturating_sub(FAR)..union).rev() {
            match self.kind(at) {
                Some(Kind::Close) => depth += 1,
                Some(Kind::Open) if depth == 0 => {
                    let group = self.kind(union.wrapping_sub(1)) == Some(Kind::Close);
                    return if group { Left::Unknown } else { Left::NoQuery };
                }
                Some(Kind::Open) => depth -= 1,
                Some(Kind::Word(Word::Select)) if depth == 0 => return Left::Items(self.items(at + 1)),
                Some(Kind::Word(Word::Values | Word::With | Word::Table)) if depth == 0 => return Left::Unknown,
                _ => {}
            }
        }
        Left::Unknown
    }

    /// The items of a select list from a token on, up to its FROM or end.
    pub(super) fn items(&self, from: usize) -> Items {
        let mut items = Items { count: 1, from, ..Items::default() };
        let mut depth = 0_usize;
        let mut at = from;
        let mut named = false;
        let mut star = false;
        while let Some(kind) = self.kind(at).filter(|_| at < from + FAR) {
            match kind {
                Kind::Open => depth += 1,
                Kind::Close if depth == 0 => break,
                Kind::Close => depth -= 1,
                Kind::Semicolon => break,
                Kind::Comma if depth == 0 => {
                    items.end_item(named, star);
                    items.count += 1;
                    (named, star) = (false, false);
                }
                Kind::Word(word) if depth == 0 && ends_items(word) => break,
                Kind::Operator(Operator::Star) if depth == 0 => star = true,
                Kind::Text { .. } if self.quoted_names && self.bytes(at).starts_with(b"\"") => named = true,
                Kind::Word(Word::Other) if self.kind(at + 1) == Some(Kind::Open) => items.calls += 1,
                Kind::Word(Word::Other) | Kind::Name if self.kind(at + 1) != Some(Kind::Open) => {
                    named |= Purpose::of(self.bytes(at)) == Purpose::Unknown;
                    items.catalogue |= self.purpose(at) == Purpose::Catalogue;
                }
                _ => {}
            }
            at += 1;
        }
        items.end_item(named, star);
        items.catalogue |= (at..at + 6).any(|near| self.purpose(near) == Purpose::Catalogue);
        items.is_long = at >= from + FAR;
        items.end = at;
        items
    }

    pub(super) fn names_catalogue(&self, at: usize) -> bool {
        (at..at + 4).any(|near| {
            let bytes = self.bytes(near);
            self.purpose(near) == Purpose::Catalogue
                || bytes.len() > 3 && bytes.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"pg_"))
        })
    }
}
