//! Words inside of a query: they change its clause, or stand in an expression.

use super::frame::{Clause, Sort};
use super::{Key, Kind, Read, Reader, Unreadable};
use crate::canon::sql::mysql::lexer::Places;

impl Reader<'_> {
    pub(super) fn clause_word(&mut self, key: Key) -> Read<()> {
        let in_query = self.frame.sort != Sort::List;
        let joined = self.frame.clause == Clause::Joined;
        let call = self.tokens.kind(self.at + 1) == Some(Kind::Open);
        match key {
            Key::As => return self.label(),
            Key::Union | Key::Intersect | Key::Except if !call || in_query => {
                self.frame.sort = Sort::Query;
                self.frame.clause = Clause::Start;
            }
            Key::From => return self.from(),
            Key::Join if in_query => self.frame.clause = Clause::Relation(self.frame.lists),
            Key::StraightJoin if joined || self.frame.clause == Clause::On => {
                self.frame.clause = Clause::Relation(self.frame.lists);
            }
            Key::Natural if joined => self.out.star = true,
            Key::Using => return self.using(),
            Key::On => return self.on(),
            Key::Set if in_query => return self.set(),
            Key::Where if in_query => self.where_(),
            Key::Into if in_query && self.frame.verb == Some(Key::Select) => return self.selects_into(),
            Key::Values | Key::Value if self.frame.clause == Clause::InsertHead => {
                self.frame.clause = Clause::Expression;
            }
            Key::Select | Key::With | Key::Table if self.frame.clause == Clause::InsertHead => return self.start(key),
            Key::Insert | Key::Replace | Key::If | Key::Left | Key::Right | Key::Mod | Key::Values if call => {
                return self.name();
            }
            Key::With => return self.trailing_with(),
            Key::Group | Key::Having | Key::Order | Key::Limit | Key::Offset | Key::Fetch | Key::Window
                if in_query && !call =>
            {
                self.frame.clause = Clause::Expression;
            }
            Key::Returning if in_query => {
                self.out.returning = true;
                self.frame.clause = Clause::Expression;
            }
            Key::For if joined && self.is_word(1, "system_time") => self.frame.clause = Clause::On,
            Key::For | Key::Lock if in_query => return self.locking(key),
            Key::Use | Key::Force | Key::Ignore | Key::Partition if joined => return self.hint(),
            Key::Partition if matches!(self.frame.clause, Clause::InsertHead | Clause::Target) => return self.hint(),
            key if MISPLACED.contains(&key) => return Err(Unreadable::Keyword),
            Key::Over | Key::Separator => {}
            key if key.is_reserved() && !(call && is_callable(key)) => {}
            _ => return self.name(),
        }
        self.at += 1;
        Ok(())
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|token| token.is(self.text, word))
    }

    /// `AS`: the next name is a label, whatever it is; of a table, it is its alias.
    fn label(&mut self) -> Read<()> {
        self.at += 1;
        match (self.frame.clause, self.tokens.kind(self.at)) {
            (Clause::Joined | Clause::Target | Clause::InsertHead, Some(Kind::Word(_) | Kind::Quoted)) => {
                let alias = self.tokens.name(self.text, self.at)?;
                self.at += 1;
                self.changes.is_called(alias);
                Ok(())
            }
            (Clause::Joined | Clause::Target | Clause::InsertHead, _) => Err(Unreadable::Keyword),
            // The type of a cast, or the label of a column.
            (_, Some(Kind::Word(_) | Kind::Quoted | Kind::Text)) => {
                self.at += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// `FROM` begins tables, but not in the functions that have it between their arguments.
    fn from(&mut self) -> Read<()> {
        match self.frame.sort {
            Sort::Query if self.frame.clause == Clause::Expression => {
                self.frame.clause = Clause::Relation("SELECT");
            }
            Sort::List if self.frame.takes_from => {}
            _ => return Err(Unreadable::Keyword),
        }
        self.at += 1;
        Ok(())
    }

    /// Columns of a join; the tables of `DELETE FROM a, b USING …`; the character set of CONVERT.
    fn using(&mut self) -> Read<()> {
        self.at += 1;
        match (self.frame.clause, self.frame.sort) {
            (Clause::Joined, _) => self.frame.clause = Clause::On,
            (Clause::Target, Sort::Query) => {
                self.changes.names_targets(self.out);
                self.frame.clause = Clause::Relation("SELECT");
            }
            (_, Sort::List) => self.at += 1,
            _ => return Err(Unreadable::Keyword),
        }
        Ok(())
    }

    /// The condition of a join, or what is to be done with a row that is there already.
    fn on(&mut self) -> Read<()> {
        let duplicate = self.tokens.key(self.at + 1) == Some(Key::Duplicate);
        let words = (self.tokens.key(self.at + 2), self.tokens.key(self.at + 3));
        if duplicate && self.outer.is_empty() && words == (Some(Key::Key), Some(Key::Update)) {
            self.changes.updates_inserted(self.out)?;
            self.at += 4;
            self.frame.clause = Clause::SetName;
            return Ok(());
        }
        if self.frame.clause != Clause::Joined {
            return Err(Unreadable::Keyword);
        }
        self.frame.clause = Clause::On;
        self.at += 1;
        Ok(())
    }

    fn set(&mut self) -> Read<()> {
        let updates = self.frame.verb == Some(Key::Update) && matches!(self.frame.clause, Clause::Joined | Clause::On);
        if !updates && self.frame.clause != Clause::InsertHead {
            return Err(Unreadable::Keyword);
        }
        self.frame.clause = Clause::SetName;
        self.at += 1;
        Ok(())
    }

    fn where_(&mut self) {
        if self.outer.is_empty() && matches!(self.frame.verb, Some(Key::Update | Key::Delete)) {
            self.changes.has_where = true;
        }
        self.frame.clause = Clause::Expression;
    }

    /// `INTO OUTFILE 'x'`, or into variables.
    fn selects_into(&mut self) -> Read<()> {
        self.at += 1;
        match self.tokens.kind(self.at) {
            Some(Kind::Word(Key::Outfile | Key::Dumpfile)) => {
                self.out.other("COPY", "file");
                self.out.live.reaches = true;
                self.out.by_literal = true;
                self.at += 1;
                // How its fields and lines end.
                while let Some(kind) = self.tokens.kind(self.at) {
                    let word = matches!(kind, Kind::Word(key) if !matches!(key, Key::From | Key::For | Key::Lock));
                    if !word && kind != Kind::Text {
                        break;
                    }
                    self.at += 1;
                }
            }
            Some(Kind::Variable) => {}
            _ => return Err(Unreadable::Keyword),
        }
        self.frame.clause = Clause::Expression;
        Ok(())
    }

    /// `WITH ROLLUP`, `WITH QUERY EXPANSION`, `WITH TIES`.
    fn trailing_with(&mut self) -> Read<()> {
        let token = self.tokens.get(self.at + 1).ok_or(Unreadable::Incomplete)?;
        if !["rollup", "query", "ties"].iter().any(|word| token.is(self.text, word)) {
            return Err(Unreadable::Keyword);
        }
        self.at += 2;
        Ok(())
    }

    /// `FOR UPDATE OF t SKIP LOCKED`, `LOCK IN SHARE MODE`: up to what can follow.
    fn locking(&mut self, key: Key) -> Read<()> {
        self.out.locking = true;
        self.frame.clause = Clause::Expression;
        let ends =
            |key: Key| matches!(key, Key::Into | Key::Union | Key::Except | Key::Intersect | Key::For | Key::Lock);
        self.at += 1;
        let update = matches!(self.tokens.key(self.at), Some(Key::Update))
            || self.tokens.get(self.at).is_some_and(|token| token.is(self.text, "share"));
        if key == Key::For && !update || key == Key::Lock && self.tokens.key(self.at) != Some(Key::In) {
            return Err(Unreadable::Keyword);
        }
        while let Some(Kind::Word(_) | Kind::Quoted | Kind::Comma | Kind::Dot | Kind::Number) =
            self.tokens.kind(self.at)
        {
            if self.tokens.key(self.at).is_some_and(ends) {
                break;
            }
            self.at += 1;
        }
        Ok(())
    }

    /// `USE INDEX FOR ORDER BY (a, b)`, `PARTITION (p)`: names of neither tables nor columns, up to their parenthesis.
    fn hint(&mut self) -> Read<()> {
        while let Some(kind) = self.tokens.kind(self.at) {
            self.at += 1;
            match kind {
                Kind::Close => return Ok(()),
                Kind::Word(_) | Kind::Quoted | Kind::Comma | Kind::Open => {}
                _ => return Err(Unreadable::Keyword),
            }
        }
        Err(Unreadable::Incomplete)
    }
}

/// Words that begin something of which nothing is known where they stand.
const MISPLACED: [Key; 13] = [
    Key::Select,
    Key::Into,
    Key::Table,
    Key::Join,
    Key::StraightJoin,
    Key::Update,
    Key::Delete,
    Key::Procedure,
    Key::Load,
    Key::Set,
    Key::Where,
    Key::Union,
    Key::Call,
];

/// Reserved words that are functions, too, before a parenthesis.
fn is_callable(key: Key) -> bool {
    matches!(
        key,
        Key::Convert
            | Key::CurrentDate
            | Key::CurrentTime
            | Key::CurrentTimestamp
            | Key::CurrentUser
            | Key::Localtime
            | Key::Localtimestamp
            | Key::Match
            | Key::Repair
            | Key::Release
            | Key::UtcDate
            | Key::UtcTime
            | Key::UtcTimestamp
    )
}
