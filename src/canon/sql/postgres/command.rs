//! The first word of a statement, and what it makes of the rest: a query, a command on tables, or a command on the
//! session.

use super::keys::Key;
use super::lexer::{Kind, Places, Token};
use super::query::Reader;
use super::{Prepared, Setting, Statement, Unreadable, literal};

pub(super) type Read = Result<Statement, Unreadable>;

/// What the tokens of one statement ask for.
pub(super) fn read(text: &[u8], tokens: &[Token]) -> Read {
    Command { text, tokens, out: Statement::default() }.read()
}

pub(super) struct Command<'a> {
    pub(super) text: &'a [u8],
    pub(super) tokens: &'a [Token],
    pub(super) out: Statement,
}

impl<'a> Command<'a> {
    fn read(self) -> Read {
        let first = match self.tokens.first().map(|token| token.kind) {
            Some(Kind::Word(key)) => key,
            Some(Kind::Open) => return self.query("SELECT", 0),
            _ => return Err(Unreadable::Command),
        };
        match first {
            Key::Select | Key::Values | Key::Table => self.query("SELECT", 0),
            Key::With => self.with(),
            Key::Insert => self.query("INSERT", 0),
            Key::Update => self.query("UPDATE", 0),
            Key::Delete => self.query("DELETE", 0),
            Key::Merge => self.query("MERGE", 0),
            Key::Explain => self.explain(),
            Key::Prepare => self.prepare(),
            Key::Execute => self.execute(),
            Key::Deallocate => self.deallocate(),
            Key::Declare => self.declare(),
            Key::Begin
            | Key::Start
            | Key::Savepoint
            | Key::Release
            | Key::Abort
            | Key::End
            | Key::Commit
            | Key::Rollback => self.transaction(first),
            Key::Fetch | Key::Move | Key::Close => self.session("FETCH"),
            Key::Set => self.set(),
            Key::Reset => self.reset(),
            Key::Show => self.named("SHOW"),
            Key::Discard => self.discard(),
            Key::Listen => self.named("LISTEN"),
            Key::Unlisten => self.session("UNLISTEN"),
            Key::Notify => self.named("NOTIFY"),
            Key::Call => self.call(),
            Key::Do => self.whole("DO", "DO"),
            Key::Copy => self.copy(),
            Key::Lock => self.tables("LOCK"),
            Key::Truncate => self.tables("TRUNCATE"),
            Key::Create | Key::Alter | Key::Drop => self.define(first),
            Key::Grant | Key::Revoke | Key::Reassign | Key::Security | Key::Load | Key::Import => {
                self.whole("ADMIN", "ADMIN")
            }
            Key::Comment
            | Key::Vacuum
            | Key::Analyze
            | Key::Reindex
            | Key::Cluster
            | Key::Refresh
            | Key::Checkpoint => self.whole("DDL", "DDL"),
            _ => Err(Unreadable::Command),
        }
    }

    fn query(mut self, verb: &'static str, from: usize) -> Read {
        self.out.verb = verb;
        self.rest(from)?;
        Ok(self.out)
    }

    /// Reads the query that begins at a token.
    fn rest(&mut self, from: usize) -> Result<(), Unreadable> {
        let tokens = self.tokens.get(from..).unwrap_or_default();
        Reader::new(self.text, tokens, &mut self.out).query()
    }

    /// `WITH … INSERT`: named after what it does in the end, as far as the tables tell.
    fn with(mut self) -> Read {
        self.rest(0)?;
        let writes = self.out.tables.iter().find(|table| !matches!(table.action, "SELECT" | "DDL"));
        self.out.verb = writes.map_or("SELECT", |table| table.action);
        Ok(self.out)
    }

    fn explain(mut self) -> Read {
        self.out.other("EXPLAIN", "");
        let mut at = 1;
        if self.tokens.kind(at) == Some(Kind::Open)
            && !self.begins_query(at + 1)
            && self.tokens.kind(at + 1) != Some(Kind::Open)
        {
            at += self.tokens.iter().skip(at).take_while(|token| token.kind != Kind::Close).count() + 1;
        }
        while self.tokens.key(at) == Some(Key::Analyze) || self.is_word(at, b"verbose") {
            at += 1;
        }
        let inner = Command { text: self.text, tokens: self.tokens.get(at..).unwrap_or_default(), out: self.out };
        let known = matches!(
            inner.tokens.first().map(|token| token.kind),
            Some(
                Kind::Open
                    | Kind::Word(
                        Key::Select
                            | Key::Values
                            | Key::Table
                            | Key::With
                            | Key::Insert
                            | Key::Update
                            | Key::Delete
                            | Key::Merge
                            | Key::Declare
                            | Key::Execute
                            | Key::Create
                            | Key::Refresh
                    )
            )
        );
        if !known {
            return Err(Unreadable::Command);
        }
        inner.read().map(|statement| Statement { verb: "EXPLAIN", ..statement })
    }

    /// `PREPARE name (types) AS …`, or the first half of a two-phase commit.
    fn prepare(mut self) -> Read {
        if self.tokens.key(1) == Some(Key::Transaction) {
            return self.whole("PREPARE", "PREPARE");
        }
        let name = self.tokens.name(self.text, 1)?;
        let as_ = self.tokens.iter().position(|token| token.kind == Kind::Word(Key::As));
        self.rest(as_.ok_or(Unreadable::Incomplete)? + 1)?;
        self.out.verb = "PREPARE";
        // What EXECUTE gives it is not followed.
        if self.out.live.reaches || !self.out.live.values.is_empty() {
            self.out.other("UNREADABLE", "");
            self.out.live.values.clear();
        }
        self.out.prepared = Some(Prepared::Make(name));
        Ok(self.out)
    }

    fn execute(mut self) -> Read {
        self.out.prepared = Some(Prepared::Use(self.tokens.name(self.text, 1)?));
        self.out.verb = "EXECUTE";
        self.expressions(2)
    }

    fn deallocate(mut self) -> Read {
        let at = if self.tokens.key(1) == Some(Key::Prepare) { 2 } else { 1 };
        let all = self.tokens.key(at) == Some(Key::All);
        self.out.prepared =
            Some(if all { Prepared::DropAll } else { Prepared::Drop(self.tokens.name(self.text, at)?) });
        self.session("DEALLOCATE")
    }

    fn discard(mut self) -> Read {
        self.out.prepared = Some(Prepared::DropAll);
        if self.tokens.key(1) == Some(Key::All) {
            self.out.setting = Some(Setting { name: "all".to_owned(), value: None });
        }
        self.session("DISCARD")
    }

    /// `DECLARE name … CURSOR … FOR query`
    fn declare(self) -> Read {
        let cursor = self.tokens.iter().take(8).any(|token| token.kind == Kind::Word(Key::Cursor));
        let for_ = self.tokens.iter().take(12).position(|token| token.kind == Kind::Word(Key::For));
        match for_ {
            Some(at) if cursor => self.query("DECLARE", at + 1),
            _ => Err(Unreadable::Command),
        }
    }

    fn transaction(self, first: Key) -> Read {
        let verb = match first {
            Key::Begin | Key::Start => "BEGIN",
            Key::Commit | Key::End => "COMMIT",
            Key::Savepoint | Key::Release => "SAVEPOINT",
            _ => "ROLLBACK",
        };
        if self.tokens.key(1) == Some(Key::Prepared) {
            return self.whole("PREPARE", "PREPARE");
        }
        self.session(verb)
    }

    fn session(mut self, verb: &'static str) -> Read {
        self.out.verb = verb;
        self.out.other("SESSION", "");
        Ok(self.out)
    }

    /// A command whose first argument is a name.
    fn named(mut self, verb: &'static str) -> Read {
        self.out.verb = verb;
        let name = match self.tokens.key(1) {
            Some(Key::All) => "all".to_owned(),
            Some(Key::Time) => "timezone".to_owned(),
            Some(Key::Session) => "session_authorization".to_owned(),
            Some(Key::Transaction) => "transaction_isolation".to_owned(),
            _ => self.dotted(1)?,
        };
        self.out.other(verb, name);
        Ok(self.out)
    }

    /// `SET [SESSION | LOCAL] name { TO | = } value`, and its special forms.
    fn set(mut self) -> Read {
        self.out.by_literal = true;
        self.out.verb = "SET";
        let mut at = 1;
        if matches!(self.tokens.key(at), Some(Key::Session | Key::Local))
            && self.tokens.key(2) != Some(Key::Authorization)
        {
            at += 1;
        }
        let characteristics = self.is_word(at, b"characteristics");
        if characteristics || self.tokens.key(at) == Some(Key::Transaction) || self.is_word(at, b"constraints") {
            return self.session("SET");
        }
        let (name, value_at) = match self.tokens.key(at) {
            Some(Key::Time) => ("timezone".to_owned(), at + 2),
            Some(Key::Names) => ("client_encoding".to_owned(), at + 1),
            Some(Key::Session) => ("session_authorization".to_owned(), at + 2),
            _ if self.is_word(at, b"role") => ("role".to_owned(), at + 1),
            _ if self.is_word(at, b"schema") => ("search_path".to_owned(), at + 1),
            _ => {
                let name = self.dotted(at)?;
                (name.clone(), at + 2 * name.split('.').count())
            }
        };
        let value = self.values(value_at);
        self.out.other("SET", name.clone());
        self.out.setting = Some(Setting { name: name.to_ascii_lowercase(), value });
        Ok(self.out)
    }

    fn reset(mut self) -> Read {
        self.out.verb = "RESET";
        let name = match self.tokens.key(1) {
            Some(Key::All) => "all".to_owned(),
            Some(Key::Time) => "timezone".to_owned(),
            Some(Key::Session) => "session_authorization".to_owned(),
            _ => self.dotted(1)?.to_ascii_lowercase(),
        };
        self.out.other("SET", name.clone());
        self.out.setting = Some(Setting { name, value: None });
        Ok(self.out)
    }

    /// A list of names and plain strings; nothing when there is anything else.
    fn values(&self, from: usize) -> Option<Vec<String>> {
        let mut values = Vec::new();
        for token in self.tokens.get(from..)?.iter().filter(|token| token.kind != Kind::Comma) {
            values.push(match token.kind {
                Kind::Text => literal(self.text, token)?,
                Kind::Word(Key::Default) => return None,
                Kind::Word(_) | Kind::Quoted => token.name(self.text).ok()?.into_owned(),
                Kind::Number => String::from_utf8_lossy(token.of(self.text)).into_owned(),
                Kind::Mark if values.is_empty() => continue,
                _ => return None,
            });
        }
        Some(values)
    }

    fn call(mut self) -> Read {
        self.out.verb = "CALL";
        let name = self.dotted(1)?;
        let arguments = self.tokens.iter().position(|token| token.kind == Kind::Open).ok_or(Unreadable::Incomplete)?;
        self.out.other("CALL", name);
        self.expressions(arguments)
    }

    fn expressions(mut self, from: usize) -> Read {
        let tokens = self.tokens.get(from..).unwrap_or_default();
        Reader::new(self.text, tokens, &mut self.out).expressions()?;
        Ok(self.out)
    }

    /// A command that is asked for as a whole. Queries in it are read.
    pub(super) fn whole(mut self, verb: &'static str, action: &'static str) -> Read {
        self.out.verb = verb;
        self.out.other(action, "");
        Reader::new(self.text, self.tokens.get(1..).unwrap_or_default(), &mut self.out).loose()?;
        Ok(self.out)
    }

    /// `LOCK TABLE a, b IN …`, `TRUNCATE a, b CASCADE`: each piece between commas begins with a table.
    fn tables(mut self, action: &'static str) -> Read {
        self.out.verb = action;
        let rest = self.tokens.get(1..).unwrap_or_default();
        for piece in rest.split(|token| token.kind == Kind::Comma) {
            Reader::new(self.text, piece, &mut self.out).relations(action)?;
        }
        Ok(self.out)
    }

    /// `COPY table [(columns)] { FROM | TO } …`, `COPY (query) TO …`
    fn copy(mut self) -> Read {
        self.out.verb = "COPY";
        self.out.by_literal = true;
        let end = self.copied()?;
        let from = match self.tokens.key(end) {
            Some(Key::From) => true,
            Some(Key::To) => false,
            _ => return Err(Unreadable::Keyword),
        };
        match self.tokens.get(end + 1).map(|token| token.kind) {
            Some(Kind::Word(Key::Stdin | Key::Stdout)) => {}
            Some(Kind::Word(Key::Program)) => self.out.other("COPY", "program"),
            Some(Kind::Text) => self.out.other("COPY", "file"),
            _ => return Err(Unreadable::Keyword),
        }
        self.out.live.reaches = self.out.others.iter().any(|other| other.action == "COPY");
        if let Some(table) = self.out.tables.first().filter(|table| table.action == "COPY").cloned() {
            if from {
                // The columns that are named are written.
                self.out.columns.clear();
                self.out.star = false;
            }
            let action = if from { "INSERT" } else { "SELECT" };
            self.out.tables.push(super::Table { action, ..table });
        }
        // The condition of COPY FROM … WHERE, and the columns it names.
        Reader::new(self.text, self.tokens.get(end + 2..).unwrap_or_default(), &mut self.out).loose()?;
        Ok(self.out)
    }

    /// Reads what is copied; where it ends.
    fn copied(&mut self) -> Result<usize, Unreadable> {
        let depth = |depth: &mut i64, token: &Token| {
            *depth += i64::from(token.kind == Kind::Open) - i64::from(token.kind == Kind::Close);
            *depth
        };
        let mut open = 0;
        if self.tokens.kind(1) == Some(Kind::Open) {
            let length = self.tokens.iter().skip(1).position(|token| depth(&mut open, token) == 0);
            let end = 2 + length.ok_or(Unreadable::Parentheses)?;
            let query = self.tokens.get(1..end).unwrap_or_default();
            Reader::new(self.text, query, &mut self.out).query()?;
            return Ok(end);
        }
        let is_end = |token: &Token| matches!(token.kind, Kind::Word(Key::From | Key::To));
        let end = self.tokens.iter().position(is_end).ok_or(Unreadable::Incomplete)?;
        let start = if self.is_word(1, b"binary") && self.tokens.kind(2) != Some(Kind::Dot) && end > 2 { 2 } else { 1 };
        let table = self.tokens.get(start..end).unwrap_or_default();
        Reader::new(self.text, table, &mut self.out).relations("COPY")?;
        self.out.star |= !table.iter().any(|token| token.kind == Kind::Open);
        Ok(end)
    }

    /// A name with dots in it.
    fn dotted(&self, at: usize) -> Result<String, Unreadable> {
        let mut name = self.tokens.name(self.text, at)?;
        let mut at = at + 1;
        while self.tokens.kind(at) == Some(Kind::Dot) {
            name = format!("{name}.{}", self.tokens.name(self.text, at + 1)?);
            at += 2;
        }
        Ok(name)
    }

    fn begins_query(&self, at: usize) -> bool {
        matches!(self.tokens.key(at), Some(Key::Select | Key::With | Key::Values | Key::Table))
    }

    pub(super) fn is_word(&self, at: usize, word: &[u8]) -> bool {
        let token = self.tokens.get(at).filter(|token| matches!(token.kind, Kind::Word(_)));
        token.is_some_and(|token| token.of(self.text).eq_ignore_ascii_case(word))
    }
}

/// `set_config('name', 'value', …)`, `tokens` from its parenthesis on: the same as SET, if it is written out; else a
/// setting that cannot be told.
pub(super) fn set_config(text: &[u8], tokens: &[Token], out: &mut Statement) {
    // Of a name that is no literal it is not told which setting it is; of a value, what it becomes.
    let (name, value) = match tokens {
        [_, name, comma, value, end, ..] if comma.kind == Kind::Comma && end.kind == Kind::Comma => {
            (literal(text, name), literal(text, value))
        }
        _ => (None, None),
    };
    let parts = |value: String| {
        let parts = value.split(',').map(|part| part.trim().trim_matches('"').to_owned());
        parts.filter(|part| !part.is_empty()).collect()
    };
    let name = name.map(|name| name.to_ascii_lowercase());
    let decides = ["client_encoding", "search_path", "standard_conforming_strings"];
    let name = name.filter(|name| value.is_some() || !decides.contains(&name.as_str())).unwrap_or("any".to_owned());
    let setting = Setting { name, value: value.map(parts) };
    out.by_literal = true;
    out.other("SET", setting.name.clone());
    // Two settings in one statement: neither is told.
    let twice = out.setting.is_some();
    out.setting = Some(if twice { Setting { name: "any".to_owned(), value: None } } else { setting });
}
