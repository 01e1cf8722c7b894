//! The machine that reads queries: SELECT, INSERT, REPLACE, UPDATE, DELETE, VALUES, TABLE, and what stands in them.
//!
//! One frame for each open parenthesis. A frame is a query with a clause, the inside of a join, or a list; the clause says
//! what a name means: a table, a column, a column that is written.

mod changes;
mod clauses;
mod frame;
mod names;

use super::keys::Key;
use super::lexer::{Kind, Places, Token};
use super::{MOST_COLUMNS, MOST_DEPTH, MOST_NAMES, Statement, Table, Unreadable};
use changes::Changes;
use frame::{Clause, Frame, Sort};

/// Reads the tokens of one statement.
pub(super) struct Reader<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    at: usize,
    frame: Frame,
    outer: Vec<Frame>,
    /// Where the arguments begin of a function that stands for a table.
    called: usize,
    changes: Changes,
    out: &'a mut Statement,
}

type Read<T> = Result<T, Unreadable>;

impl<'a> Reader<'a> {
    /// A reader of `tokens` that puts what it finds into `out`.
    pub(super) fn new(text: &'a [u8], tokens: &'a [Token], out: &'a mut Statement) -> Self {
        let frame = Frame::new(Sort::Query, Clause::Start);
        Self { text, tokens, at: 0, frame, outer: Vec::new(), called: 0, changes: Changes::default(), out }
    }

    /// Reads a query from the first token to the last.
    pub(super) fn query(self) -> Read<()> {
        self.run()
    }

    /// Reads a command of which nothing is known but that queries may stand in it.
    pub(super) fn loose(mut self) -> Read<()> {
        self.frame.clause = Clause::Loose;
        self.run()
    }

    /// Reads expressions alone.
    pub(super) fn expressions(mut self) -> Read<()> {
        self.frame.clause = Clause::Expression;
        self.run()
    }

    fn run(mut self) -> Read<()> {
        while let Some(token) = self.tokens.get(self.at) {
            self.token(*token)?;
        }
        if !self.outer.is_empty() {
            return Err(Unreadable::Parentheses);
        }
        let open = matches!(
            self.frame.clause,
            Clause::Start | Clause::With | Clause::Relation(_) | Clause::SetName | Clause::Targets
        );
        if open { Err(Unreadable::Incomplete) } else { self.changes.settle(self.out) }
    }

    fn token(&mut self, token: Token) -> Read<()> {
        match token.kind {
            Kind::Open => self.open(),
            Kind::Close => self.close(),
            Kind::Comma => {
                self.comma();
                Ok(())
            }
            Kind::Word(key) => self.word(key),
            Kind::Quoted => self.name(),
            Kind::Star => {
                self.star();
                Ok(())
            }
            Kind::Dot => self.field(),
            Kind::Mark if self.frame.clause == Clause::SetName => {
                self.frame.clause = Clause::SetValue;
                self.at += 1;
                Ok(())
            }
            _ if matches!(self.frame.clause, Clause::Start | Clause::Relation(_) | Clause::Targets) => {
                Err(Unreadable::Keyword)
            }
            _ => {
                self.at += 1;
                Ok(())
            }
        }
    }

    /// `.name` that joins nothing that was read as a name: only a column can be meant.
    fn field(&mut self) -> Read<()> {
        self.at += 1;
        match (self.frame.clause, self.tokens.kind(self.at)) {
            (
                Clause::Expression | Clause::On | Clause::SetValue | Clause::Loose,
                Some(Kind::Word(_) | Kind::Quoted),
            ) => self.name(),
            _ => Err(Unreadable::Keyword),
        }
    }

    fn open(&mut self) -> Read<()> {
        let query = self.begins_query(self.at + 1);
        let (sort, clause, after) = match self.frame.clause {
            Clause::Start => (Sort::Query, Clause::Start, Clause::Expression),
            Clause::With if query => (Sort::Query, Clause::Start, Clause::With),
            Clause::With => (Sort::List, Clause::Expression, Clause::With),
            Clause::Relation("SELECT" | "UPDATE") if query => (Sort::Query, Clause::Start, Clause::Joined),
            Clause::Relation(action @ ("SELECT" | "UPDATE")) => (Sort::Join, Clause::Relation(action), Clause::Joined),
            Clause::Joined if self.called == self.at => (Sort::List, Clause::Expression, Clause::Joined),
            Clause::Joined if !query => {
                // New names for columns.
                self.out.star = true;
                (Sort::List, Clause::Expression, Clause::Joined)
            }
            Clause::InsertHead if !query => (Sort::List, Clause::Expression, Clause::InsertHead),
            Clause::InsertHead => (Sort::Query, Clause::Start, Clause::Expression),
            Clause::Loose if query => (Sort::Query, Clause::Start, Clause::Loose),
            Clause::Loose => (Sort::List, Clause::Loose, Clause::Loose),
            Clause::Relation(_) | Clause::SetName | Clause::Targets | Clause::Target => {
                return Err(Unreadable::Keyword);
            }
            other if query => (Sort::Query, Clause::Start, other),
            other => (Sort::List, Clause::Expression, other),
        };
        if self.outer.len() >= MOST_DEPTH {
            return Err(Unreadable::Depth);
        }
        let mut frame = Frame::new(sort, clause);
        frame.writes = self.frame.clause == Clause::InsertHead && sort == Sort::List;
        frame.takes_from = sort == Sort::List && self.calls_with_from();
        if sort == Sort::Join {
            frame.lists = self.frame.lists;
        }
        self.frame.clause = after;
        self.changes.forget_last();
        self.outer.push(std::mem::replace(&mut self.frame, frame));
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Read<()> {
        if matches!(self.frame.clause, Clause::Start | Clause::With | Clause::Relation(_))
            && self.frame.sort != Sort::List
        {
            return Err(Unreadable::Incomplete);
        }
        self.frame = self.outer.pop().ok_or(Unreadable::Parentheses)?;
        if self.frame.clause == Clause::With {
            let named = self.frame.naming.take();
            self.frame.with.extend(named);
        }
        self.at += 1;
        Ok(())
    }

    fn comma(&mut self) {
        self.at += 1;
        self.frame.clause = match self.frame.clause {
            Clause::Joined | Clause::On => Clause::Relation(self.frame.lists),
            Clause::Target => Clause::Relation("DELETE"),
            Clause::SetValue => Clause::SetName,
            other => other,
        };
    }

    fn star(&mut self) {
        let counts = self.tokens.kind(self.at.wrapping_sub(1)) == Some(Kind::Open)
            && self.tokens.kind(self.at + 1) == Some(Kind::Close);
        let ends = match self.tokens.kind(self.at + 1) {
            None | Some(Kind::Close | Kind::Comma) => true,
            Some(Kind::Word(key)) => key.is_reserved() && !matches!(key, Key::Case | Key::Not | Key::Null),
            _ => false,
        };
        self.out.star |= ends && !counts;
        self.at += 1;
    }

    fn word(&mut self, key: Key) -> Read<()> {
        match self.frame.clause {
            Clause::Start => self.start(key),
            Clause::With => self.with(key),
            Clause::Relation(action) => self.relation_word(key, action),
            Clause::Targets if key == Key::From => {
                self.frame.clause = Clause::Relation("SELECT");
                self.at += 1;
                Ok(())
            }
            Clause::Targets => self.name(),
            Clause::Loose => self.loose_word(key),
            _ => self.clause_word(key),
        }
    }

    /// The first word of a query.
    fn start(&mut self, key: Key) -> Read<()> {
        self.at += 1;
        let top = self.outer.is_empty();
        let clause = match key {
            Key::All | Key::Distinct => return Ok(()),
            Key::Select => {
                while self.tokens.key(self.at).is_some_and(Key::is_modifier) {
                    self.at += 1;
                }
                Clause::Expression
            }
            Key::Values => Clause::Expression,
            Key::With => Clause::With,
            Key::Table => {
                self.out.star = true;
                Clause::Relation("SELECT")
            }
            Key::Insert | Key::Replace if top => self.insert(key),
            Key::Update if top => {
                self.skip(&["low_priority", "ignore"]);
                self.frame.lists = "UPDATE";
                Clause::Relation("UPDATE")
            }
            Key::Delete if top => self.delete()?,
            _ => return Err(Unreadable::Keyword),
        };
        self.frame.sort = Sort::Query;
        if key != Key::With {
            self.frame.verb = Some(key);
        }
        self.frame.clause = clause;
        Ok(())
    }

    fn insert(&mut self, key: Key) -> Clause {
        self.skip(&["low_priority", "delayed", "high_priority"]);
        self.skip(&["ignore"]);
        self.skip(&["into"]);
        self.changes.replaces = key == Key::Replace;
        Clause::Relation("INSERT")
    }

    fn delete(&mut self) -> Read<Clause> {
        self.skip(&["low_priority", "quick", "ignore"]);
        if self.tokens.key(self.at) == Some(Key::From) {
            self.at += 1;
            return Ok(Clause::Relation("DELETE"));
        }
        Ok(Clause::Targets)
    }

    fn skip(&mut self, words: &[&str]) {
        let is_one = |token: &Token| words.iter().any(|word| token.is(self.text, word));
        self.at += self.tokens.iter().skip(self.at).take_while(|token| is_one(token)).count();
    }

    /// A word between the queries of `WITH`.
    fn with(&mut self, key: Key) -> Read<()> {
        let before = self.tokens.get(self.at.wrapping_sub(1)).map(|token| token.kind);
        match key {
            Key::Select | Key::Insert | Key::Replace | Key::Update | Key::Delete | Key::Values | Key::Table => {
                self.start(key)
            }
            Key::Recursive => {
                self.frame.recursive = true;
                self.at += 1;
                Ok(())
            }
            _ if matches!(before, Some(Kind::Comma | Kind::Word(Key::With | Key::Recursive))) => self.with_name(),
            _ => {
                // AS, CYCLE … RESTRICT with its columns.
                self.at += 1;
                Ok(())
            }
        }
    }

    fn with_name(&mut self) -> Read<()> {
        let name = self.tokens.name(self.text, self.at)?;
        self.at += 1;
        if self.frame.with.len() >= MOST_NAMES {
            return Err(Unreadable::Names);
        }
        if self.frame.recursive {
            self.frame.with.push(name);
        } else {
            self.frame.naming = Some(name);
        }
        Ok(())
    }

    /// A word where a table must come.
    fn relation_word(&mut self, key: Key, action: &'static str) -> Read<()> {
        match key {
            Key::Lateral if action == "SELECT" && self.tokens.kind(self.at + 1) == Some(Kind::Open) => {
                self.at += 1;
                Ok(())
            }
            Key::Dual if action == "SELECT" => {
                self.at += 1;
                self.frame.clause = Clause::Joined;
                Ok(())
            }
            key if key.is_reserved() => Err(Unreadable::Keyword),
            _ => self.name(),
        }
    }

    /// A word of a command that is not a query.
    fn loose_word(&mut self, key: Key) -> Read<()> {
        if key == Key::As && self.begins_query(self.at + 1) || key == Key::Select {
            self.frame.clause = Clause::Start;
            self.at += usize::from(key == Key::As);
            return Ok(());
        }
        if key.is_reserved() {
            self.at += 1;
            return Ok(());
        }
        self.name()
    }

    /// Whether a query begins at a token.
    fn begins_query(&self, at: usize) -> bool {
        match self.tokens.key(at) {
            Some(Key::Select | Key::With | Key::Table) => true,
            // Else it is the function.
            Some(Key::Values) => self.outer.is_empty() || self.tokens.kind(at + 1) == Some(Kind::Word(Key::Row)),
            // `((SELECT …))`
            _ => self.tokens.kind(at) == Some(Kind::Open) && self.opens_query(at),
        }
    }

    /// Whether nothing but parentheses stands between a token and the beginning of a query.
    fn opens_query(&self, at: usize) -> bool {
        let open = self.tokens.iter().skip(at).take(MOST_DEPTH).take_while(|token| token.kind == Kind::Open).count();
        matches!(self.tokens.key(at + open), Some(Key::Select | Key::With))
    }

    /// Whether the parenthesis here holds the arguments of a function that has FROM between them.
    fn calls_with_from(&self) -> bool {
        let Some(token) = self.tokens.get(self.at.wrapping_sub(1)) else { return false };
        ["extract", "substring", "substr", "mid", "trim", "position"].iter().any(|known| token.is(self.text, known))
    }
}
