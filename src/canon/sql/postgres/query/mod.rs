//! The machine that reads queries: SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE, and what stands in them.
//!
//! One frame for each open parenthesis. A frame is a query with a clause, the inside of a join, or a list; the clause
//! says what a name means: a table, a column, a column that is written.

mod frame;
mod names;

use super::keys::Key;
use super::lexer::{Kind, Places, Token};
use super::{MOST_COLUMNS, MOST_DEPTH, MOST_NAMES, Other, Statement, Table, Unreadable};
use frame::{Clause, Frame, Sort};

/// Reads the tokens of one statement.
pub(super) struct Reader<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    at: usize,
    frame: Frame,
    outer: Vec<Frame>,
    /// Names of tables and their aliases: by themselves they are whole rows.
    rows: Vec<String>,
    /// Names that stand by themselves, as columns do.
    bare: Vec<String>,
    /// Where the arguments begin of a function that stands for a table.
    called: usize,
    out: &'a mut Statement,
}

type Read<T> = Result<T, Unreadable>;

impl<'a> Reader<'a> {
    /// A reader of `tokens` that puts what it finds into `out`.
    pub(super) fn new(text: &'a [u8], tokens: &'a [Token], out: &'a mut Statement) -> Self {
        let frame = Frame::new(Sort::Query, Clause::Start);
        Self { text, tokens, at: 0, frame, outer: Vec::new(), rows: Vec::new(), bare: Vec::new(), called: 0, out }
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

    /// Reads a list of tables, on each of which `action` is done, and then anything.
    pub(super) fn relations(mut self, action: &'static str) -> Read<()> {
        self.frame.clause = Clause::Relation(action);
        self.run()
    }

    fn run(mut self) -> Read<()> {
        while let Some(token) = self.tokens.get(self.at) {
            self.token(*token)?;
        }
        if !self.outer.is_empty() {
            return Err(Unreadable::Parentheses);
        }
        if matches!(self.frame.clause, Clause::Start | Clause::With | Clause::Relation(_) | Clause::SetName) {
            return Err(Unreadable::Incomplete);
        }
        self.out.star |= self.bare.iter().any(|name| self.rows.contains(name));
        Ok(())
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
            _ if matches!(self.frame.clause, Clause::Start | Clause::Relation(_)) => Err(Unreadable::Keyword),
            _ => {
                self.at += 1;
                Ok(())
            }
        }
    }

    /// `.name` behind a parenthesis or an index: the next word is a name, whatever it is.
    fn field(&mut self) -> Read<()> {
        self.at += 1;
        match (self.frame.clause, self.tokens.kind(self.at)) {
            (Clause::Start | Clause::Relation(_) | Clause::Joined | Clause::Target, _) => Err(Unreadable::Keyword),
            (_, Some(Kind::Word(_) | Kind::Quoted)) => self.name(),
            _ => Ok(()),
        }
    }

    fn open(&mut self) -> Read<()> {
        let query = self.begins_query(self.at + 1);
        let (sort, clause, after) = match self.frame.clause {
            Clause::Start => (Sort::Query, Clause::Start, Clause::Expression),
            Clause::With if query => (Sort::Query, Clause::Start, Clause::With),
            Clause::Relation("SELECT") if query => (Sort::Query, Clause::Start, Clause::Joined),
            Clause::Relation(action) => (Sort::Join, Clause::Relation(action), self.behind(action)),
            Clause::Joined if self.called == self.at => (Sort::List, Clause::Expression, Clause::Joined),
            Clause::Joined if !query => {
                // New names for columns, or the columns of a function.
                self.out.star = true;
                (Sort::List, Clause::Expression, Clause::Joined)
            }
            Clause::InsertHead if !query => (Sort::List, Clause::Expression, Clause::InsertHead),
            Clause::SetName => (Sort::List, Clause::Expression, Clause::SetName),
            Clause::Loose if query => (Sort::Query, Clause::Start, Clause::Loose),
            Clause::Loose => (Sort::List, Clause::Loose, Clause::Loose),
            Clause::InsertHead => (Sort::Query, Clause::Start, Clause::Expression),
            other if query => (Sort::Query, Clause::Start, other),
            other => (Sort::List, Clause::Expression, other),
        };
        if self.outer.len() >= MOST_DEPTH {
            return Err(Unreadable::Depth);
        }
        let mut frame = Frame::new(sort, clause);
        frame.writes = matches!(self.frame.clause, Clause::InsertHead | Clause::SetName) && sort == Sort::List;
        frame.takes_from = sort == Sort::List && self.calls_with_from();
        self.frame.clause = after;
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
            Clause::Joined | Clause::On => Clause::Relation("SELECT"),
            Clause::SetValue => Clause::SetName,
            other => other,
        };
    }

    fn star(&mut self) {
        let counts = self.tokens.kind(self.at.wrapping_sub(1)) == Some(Kind::Open)
            && self.tokens.kind(self.at + 1) == Some(Kind::Close);
        let ends = match self.tokens.kind(self.at + 1) {
            None | Some(Kind::Close | Kind::Comma) => true,
            Some(Kind::Word(key)) => key.is_reserved() && !matches!(key, Key::Case | Key::Not | Key::Array | Key::Null),
            _ => false,
        };
        self.out.star |= ends && !counts;
        self.at += 1;
    }

    fn word(&mut self, key: Key) -> Read<()> {
        match self.frame.clause {
            Clause::Start => self.start(key),
            Clause::With => self.with(key),
            Clause::Relation(action) => self.relation(key, action),
            Clause::Loose => self.loose_word(key),
            _ => self.clause_word(key),
        }
    }

    /// The first word of a query.
    fn start(&mut self, key: Key) -> Read<()> {
        self.at += 1;
        let clause = match key {
            Key::All | Key::Distinct => return Ok(()),
            Key::Select | Key::Values => Clause::Expression,
            Key::With => Clause::With,
            Key::Table => {
                self.out.star = true;
                Clause::Relation("SELECT")
            }
            Key::Insert => self.skip(Key::Into, Clause::Relation("INSERT"))?,
            Key::Update => Clause::Relation("UPDATE"),
            Key::Delete => self.skip(Key::From, Clause::Relation("DELETE"))?,
            Key::Merge => self.skip(Key::Into, Clause::Relation("MERGE"))?,
            _ => return Err(Unreadable::Keyword),
        };
        self.frame.sort = Sort::Query;
        if key != Key::With {
            self.frame.verb = Some(key);
        }
        self.frame.clause = clause;
        Ok(())
    }

    fn skip(&mut self, wanted: Key, then: Clause) -> Read<Clause> {
        if self.tokens.key(self.at) != Some(wanted) {
            return Err(Unreadable::Keyword);
        }
        self.at += 1;
        Ok(then)
    }

    /// A word between the queries of `WITH`.
    fn with(&mut self, key: Key) -> Read<()> {
        let before = self.tokens.get(self.at.wrapping_sub(1)).map(|token| token.kind);
        match key {
            Key::Select | Key::Insert | Key::Update | Key::Delete | Key::Merge | Key::Values | Key::Table => {
                self.start(key)
            }
            Key::Recursive => {
                self.frame.recursive = true;
                self.at += 1;
                Ok(())
            }
            _ if matches!(before, Some(Kind::Comma | Kind::Word(Key::With | Key::Recursive))) => self.with_name(),
            _ => {
                // AS, MATERIALIZED, SEARCH and CYCLE with their columns.
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
        self.rows.push(name.clone());
        if self.frame.recursive {
            self.frame.with.push(name);
        } else {
            self.frame.naming = Some(name);
        }
        Ok(())
    }

    /// A word where a table must come.
    fn relation(&mut self, key: Key, action: &'static str) -> Read<()> {
        let next = self.tokens.kind(self.at + 1);
        match key {
            Key::Only | Key::Lateral => {
                self.at += 1;
                Ok(())
            }
            Key::Table if matches!(action, "TRUNCATE" | "LOCK" | "DDL") => {
                self.at += 1;
                Ok(())
            }
            Key::Temp | Key::Temporary | Key::Unlogged
                if action == "DDL" && !matches!(next, None | Some(Kind::Dot)) =>
            {
                self.at += 1;
                Ok(())
            }
            Key::Rows
                if self.tokens.key(self.at + 1) == Some(Key::From)
                    && self.tokens.kind(self.at + 2) == Some(Kind::Open) =>
            {
                self.at += 2;
                self.called = self.at;
                self.frame.clause = Clause::Joined;
                Ok(())
            }
            key if key.is_reserved() && !matches!(key, Key::User) => Err(Unreadable::Keyword),
            _ => self.name(),
        }
    }

    /// A word of a command that is not a query.
    fn loose_word(&mut self, key: Key) -> Read<()> {
        if key == Key::As && (self.begins_query(self.at + 1) || self.tokens.kind(self.at + 1) == Some(Kind::Open)) {
            self.frame.clause = if self.begins_query(self.at + 1) { Clause::Start } else { Clause::Loose };
            self.at += 1;
            return Ok(());
        }
        if key.is_reserved() {
            self.at += 1;
            return Ok(());
        }
        self.name()
    }

    /// A word in a clause: it changes the clause, or stands in an expression.
    fn clause_word(&mut self, key: Key) -> Read<()> {
        let in_query = self.frame.sort != Sort::List;
        let behind_table = matches!(self.frame.clause, Clause::Joined | Clause::Target);
        match key {
            Key::As => return self.label(),
            Key::Union | Key::Intersect | Key::Except => {
                self.frame.sort = Sort::Query;
                self.frame.clause = Clause::Start;
            }
            Key::From => return self.from(),
            Key::Join if in_query => self.frame.clause = Clause::Relation("SELECT"),
            Key::Natural if behind_table => self.out.star = true,
            Key::Using if self.frame.clause == Clause::Target && in_query => {
                self.frame.clause = Clause::Relation("SELECT");
            }
            Key::On | Key::Using if self.frame.clause == Clause::Joined => self.frame.clause = Clause::On,
            Key::Set if self.takes_set() => self.frame.clause = Clause::SetName,
            Key::Where if in_query => self.where_(),
            Key::Into if in_query && self.frame.verb == Some(Key::Select) => {
                self.frame.clause = Clause::Relation("DDL");
            }
            Key::Select | Key::Values | Key::With | Key::Table if self.frame.clause == Clause::InsertHead => {
                return self.start(key);
            }
            Key::Select | Key::Into | Key::Table | Key::Join => return Err(Unreadable::Keyword),
            Key::Group
            | Key::Having
            | Key::Order
            | Key::Limit
            | Key::Offset
            | Key::Fetch
            | Key::Window
            | Key::Returning
                if in_query =>
            {
                self.out.returning |= key == Key::Returning;
                self.frame.clause = Clause::Expression;
            }
            Key::For if in_query => return self.locking(),
            Key::Insert | Key::Update | Key::Delete if self.frame.verb == Some(Key::Merge) => {}
            Key::Update if self.tokens.key(self.at.wrapping_sub(1)) == Some(Key::Do) => self.updates_on_conflict(),
            Key::When | Key::On if self.frame.verb == Some(Key::Merge) && in_query => {
                self.frame.clause = Clause::Expression;
            }
            Key::By | Key::Partition if self.tokens.kind(self.at + 1) != Some(Kind::Open) => {}
            Key::Left | Key::Right if self.tokens.kind(self.at + 1) == Some(Kind::Open) => return self.name(),
            Key::Left | Key::Right => {}
            key if key.is_reserved() => {}
            Key::Tablesample if behind_table => self.frame.clause = Clause::On,
            _ => return self.name(),
        }
        self.at += 1;
        Ok(())
    }

    /// `FOR NO KEY UPDATE OF t, u SKIP LOCKED`: up to the next clause.
    fn locking(&mut self) -> Read<()> {
        self.out.locking = true;
        self.frame.clause = Clause::Expression;
        self.at += 1;
        while let Some(Kind::Word(_) | Kind::Quoted | Kind::Comma | Kind::Dot) = self.tokens.kind(self.at) {
            if self.tokens.key(self.at).is_some_and(Key::is_reserved) {
                break;
            }
            self.at += 1;
        }
        Ok(())
    }

    /// `AS`: the next name is a label, whatever it is; of a table, it is its alias.
    fn label(&mut self) -> Read<()> {
        self.at += 1;
        match self.tokens.kind(self.at) {
            Some(Kind::Word(_) | Kind::Quoted)
                if matches!(self.frame.clause, Clause::Joined | Clause::Target | Clause::InsertHead) =>
            {
                let alias = self.tokens.name(self.text, self.at)?;
                self.alias(alias)
            }
            Some(Kind::Word(_) | Kind::Quoted) => {
                // The label of a column may stand in ORDER BY; the type of a cast may have a size.
                let call = self.tokens.kind(self.at + 1) == Some(Kind::Open);
                if call { self.name() } else { self.skip_label() }
            }
            _ => Ok(()),
        }
    }

    fn skip_label(&mut self) -> Read<()> {
        self.at += 1;
        // A type may have a schema.
        while self.tokens.kind(self.at) == Some(Kind::Dot) {
            self.at += 2;
        }
        Ok(())
    }

    fn alias(&mut self, alias: String) -> Read<()> {
        self.at += 1;
        if self.rows.len() >= 2 * MOST_NAMES {
            return Err(Unreadable::Names);
        }
        self.rows.push(alias);
        Ok(())
    }

    /// `FROM` begins tables, but not in `IS DISTINCT FROM` nor in the functions that have it between their arguments.
    fn from(&mut self) -> Read<()> {
        let distinct = self.tokens.key(self.at.wrapping_sub(1)) == Some(Key::Distinct)
            && matches!(self.tokens.key(self.at.wrapping_sub(2)), Some(Key::Is | Key::Not));
        if !distinct {
            match self.frame.sort {
                Sort::Query if self.frame.clause != Clause::SetName => {
                    self.frame.clause = Clause::Relation("SELECT");
                }
                Sort::List if self.frame.takes_from => {}
                _ => return Err(Unreadable::Keyword),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn where_(&mut self) {
        let target = self.frame.target.and_then(|target| self.out.tables.get_mut(target));
        if let Some(table) = target {
            table.has_where = true;
        }
        self.frame.clause = Clause::Expression;
    }

    fn takes_set(&self) -> bool {
        self.frame.sort == Sort::Query
            && (self.frame.clause == Clause::Target
                || matches!(self.tokens.key(self.at.wrapping_sub(1)), Some(Key::Update)))
    }

    fn updates_on_conflict(&mut self) {
        let target = self.frame.target.and_then(|target| self.out.tables.get(target));
        if let Some(table) = target {
            let update = Table { action: "UPDATE", has_where: true, ..table.clone() };
            self.out.tables.push(update);
        }
    }

    /// Whether the parenthesis here holds the arguments of a function that has FROM between them.
    fn calls_with_from(&self) -> bool {
        let Some(token) = self.tokens.get(self.at.wrapping_sub(1)) else { return false };
        let name = token.of(self.text);
        let has_from: [&[u8]; 6] = [b"extract", b"substring", b"trim", b"overlay", b"from", b"position"];
        matches!(token.kind, Kind::Word(_)) && has_from.iter().any(|known| name.eq_ignore_ascii_case(known))
    }

    /// Whether a query begins at a token.
    fn begins_query(&self, at: usize) -> bool {
        matches!(
            self.tokens.key(at),
            Some(
                Key::Select
                    | Key::With
                    | Key::Values
                    | Key::Table
                    | Key::Insert
                    | Key::Update
                    | Key::Delete
                    | Key::Merge
            )
        )
    }
}

impl Statement {
    pub(super) fn other(&mut self, action: &'static str, name: impl Into<String>) {
        self.others.push(Other { action, name: name.into() });
    }
}
