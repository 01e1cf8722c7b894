//! The first word of a statement, and what it makes of the rest: a query, a command on tables, or a command on the session.

use super::keys::Key;
use super::lexer::{Kind, Places, Token};
use super::query::Reader;
use super::{Prepared, Statement, Table, Unreadable, literal, string};

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

/// Commands that rule the server, its accounts, its logs or its replicas, or load code.
const ADMIN: [&str; 17] = [
    "binlog",
    "cache",
    "clone",
    "flush",
    "import",
    "install",
    "purge",
    "reset",
    "restart",
    "revoke",
    "grant",
    "kill",
    "change",
    "shutdown",
    "stop",
    "uninstall",
    "backup",
];

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
            Key::Replace => self.query("REPLACE", 0),
            Key::Update => self.query("UPDATE", 0),
            Key::Delete => self.query("DELETE", 0),
            Key::Explain | Key::Desc | Key::Describe => self.explain(),
            Key::Analyze if self.is_table_command(1) => self.maintain(),
            Key::Analyze => self.explain(),
            Key::Optimize | Key::Repair | Key::Check => self.maintain(),
            Key::Call => self.call(),
            Key::Do => self.expressions_from("DO", 1),
            Key::Set => self.set(),
            Key::Show => self.show(),
            Key::Use => self.use_(),
            Key::Begin if self.tokens.len() == 1 || self.is_word(1, "work") => self.session("BEGIN"),
            Key::Start if self.tokens.key(1) == Some(Key::Transaction) => self.session("BEGIN"),
            Key::Start => self.admin(),
            Key::Commit => self.session("COMMIT"),
            Key::Rollback => self.session("ROLLBACK"),
            Key::Savepoint | Key::Release => self.session("SAVEPOINT"),
            Key::Unlock => self.session("UNLOCK"),
            Key::Lock => self.lock(),
            Key::Truncate => self.truncate(),
            Key::Create | Key::Alter | Key::Drop | Key::Rename => self.define(first),
            Key::Load => self.load(),
            Key::Handler => self.handler(),
            Key::Prepare => self.prepare(),
            Key::Execute if self.is_word(1, "immediate") => self.sql_behind(1),
            Key::Execute => self.named(1, Prepared::Use),
            Key::Deallocate => self.named(2, Prepared::Drop),
            _ if self.is_word(0, "xa") => self.whole("PREPARE", "PREPARE"),
            _ if self.is_word(0, "checksum") => self.maintain(),
            _ if ADMIN.iter().any(|word| self.is_word(0, word)) => self.admin(),
            _ => Err(Unreadable::Command),
        }
    }

    fn query(mut self, verb: &'static str, from: usize) -> Read {
        self.out.verb = verb;
        let tokens = self.tokens.get(from..).unwrap_or_default();
        Reader::new(self.text, tokens, &mut self.out).query()?;
        Ok(self.out)
    }

    /// `WITH … UPDATE`: named after what it does in the end.
    fn with(self) -> Read {
        let mut read = self.query("SELECT", 0)?;
        let writes = read.tables.iter().find(|table| table.action != "SELECT");
        read.verb = writes.map_or("SELECT", |table| table.action);
        Ok(read)
    }

    /// Of a query, how it is run, or of a table, its columns. ANALYZE runs the query.
    fn explain(mut self) -> Read {
        let mut at = 1;
        for word in ["analyze", "extended", "partitions"] {
            at += usize::from(self.is_word(at, word));
        }
        if self.is_word(at, "format") {
            at += 3;
        }
        let inner = self.tokens.get(at..).unwrap_or_default();
        match inner.first().map(|token| token.kind) {
            Some(
                Kind::Open
                | Kind::Word(
                    Key::Select
                    | Key::With
                    | Key::Insert
                    | Key::Replace
                    | Key::Update
                    | Key::Delete
                    | Key::Table
                    | Key::Values,
                ),
            ) => {
                self.out.other("EXPLAIN", "");
                let read = Command { text: self.text, tokens: inner, out: self.out }.read()?;
                Ok(Statement { verb: "EXPLAIN", ..read })
            }
            Some(Kind::Word(Key::For)) => self.admin(),
            Some(Kind::Word(_) | Kind::Quoted) if at == 1 => self.describe(),
            _ => Err(Unreadable::Command),
        }
    }

    pub(super) fn session(mut self, verb: &'static str) -> Read {
        self.out.verb = verb;
        self.out.other("SESSION", "");
        Ok(self.out)
    }

    pub(super) fn admin(mut self) -> Read {
        self.out.verb = "ADMIN";
        self.out.other("ADMIN", "");
        Ok(self.out)
    }

    /// A command that is asked for as a whole. Queries in it are read.
    pub(super) fn whole(mut self, verb: &'static str, action: &'static str) -> Read {
        self.out.verb = verb;
        self.out.other(action, "");
        Reader::new(self.text, self.tokens.get(1..).unwrap_or_default(), &mut self.out).loose()?;
        Ok(self.out)
    }

    /// A command on the statement of a name.
    pub(super) fn named(mut self, at: usize, does: fn(String) -> Prepared) -> Read {
        self.names(at, does);
        self.whole("PREPARE", "PREPARE")
    }

    /// Servers take names for the same that differ in letter case, accents or blanks behind them: of ASCII letters and digits
    /// we know which.
    fn names(&mut self, at: usize, does: fn(String) -> Prepared) {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
        let name = self.tokens.name(self.text, at).ok().filter(|name| name.bytes().all(is_plain));
        match name {
            Some(name) => self.out.prepared = Some(does(name.to_ascii_lowercase())),
            None => self.out.other("UNREADABLE", ""),
        }
    }

    /// `PREPARE name FROM 'SQL'`, `EXECUTE IMMEDIATE 'SQL' USING …`: SQL that is not written out cannot be read.
    fn prepare(mut self) -> Read {
        if self.tokens.key(2) != Some(Key::From) {
            return Err(Unreadable::Command);
        }
        self.names(1, Prepared::Make);
        self.sql_behind(2)
    }

    fn sql_behind(mut self, before: usize) -> Read {
        let at = before + 1;
        let alone = self.tokens.get(at + 1).is_none_or(|next| next.is(self.text, "using"));
        let token = self.tokens.get(at).filter(|token| alone && token.kind == Kind::Text);
        match token.and_then(|token| string(self.text, token)) {
            Some(sql) => self.out.live.texts.push(sql.into()),
            None => self.out.other("UNREADABLE", ""),
        }
        self.out.by_literal = true;
        self.whole("PREPARE", "PREPARE")
    }

    pub(super) fn expressions_from(mut self, verb: &'static str, from: usize) -> Read {
        self.out.verb = verb;
        let tokens = self.tokens.get(from..).unwrap_or_default();
        Reader::new(self.text, tokens, &mut self.out).expressions()?;
        Ok(self.out)
    }

    fn call(mut self) -> Read {
        let (schema, name, end) = self.table_at(1)?;
        self.out.other("CALL", schema.map_or(name.clone(), |schema| format!("{schema}.{name}")));
        self.expressions_from("CALL", end)
    }

    fn use_(mut self) -> Read {
        self.out.uses = Some(self.tokens.name(self.text, 1)?);
        self.out.verb = "USE";
        if self.tokens.len() == 2 { Ok(self.out) } else { Err(Unreadable::Command) }
    }

    /// `LOCK TABLES a AS x READ, b WRITE`
    fn lock(mut self) -> Read {
        if !self.is_table_command(1) {
            return self.admin();
        }
        self.out.verb = "LOCK";
        let rest = self.tokens.get(2..).unwrap_or_default();
        for piece in rest.split(|token| token.kind == Kind::Comma) {
            let (schema, name, _) = table_of(self.text, piece, 0)?;
            self.table("LOCK", schema, name)?;
        }
        Ok(self.out)
    }

    fn truncate(mut self) -> Read {
        let at = 1 + usize::from(self.tokens.key(1) == Some(Key::Table));
        let (schema, name, _) = self.table_at(at)?;
        self.table("TRUNCATE", schema, name)?;
        self.out.verb = "TRUNCATE";
        Ok(self.out)
    }

    /// `ANALYZE LOCAL TABLE a, b`, `CHECK TABLE a QUICK`: asked for as DDL.
    fn maintain(mut self) -> Read {
        self.out.verb = "DDL";
        let table =
            self.tokens.iter().take(4).position(|token| token.is(self.text, "table") || token.is(self.text, "tables"));
        let at = table.ok_or(Unreadable::Command)? + 1;
        for piece in self.tokens.get(at..).unwrap_or_default().split(|token| token.kind == Kind::Comma) {
            // Behind the last table come options, of which some are lists.
            let Ok((schema, name, _)) = table_of(self.text, piece, 0) else { continue };
            self.table("DDL", schema, name)?;
        }
        Ok(self.out)
    }

    /// `LOAD DATA INFILE 'x' INTO TABLE t …`; into the keys of a cache, it is a command on the server. LOCAL is a file of the
    /// client's, copied into the table; without it, it is one of the server's.
    fn load(mut self) -> Read {
        self.out.verb = "LOAD";
        if self.tokens.key(1) == Some(Key::Index) {
            return self.admin();
        }
        let infile = self.tokens.iter().take(5).position(|token| token.kind == Kind::Word(Key::Infile));
        let file = infile.ok_or(Unreadable::Command)? + 1;
        let into = self.tokens.windows(2).position(|pair| {
            matches!(pair, [into, table] if into.kind == Kind::Word(Key::Into) && table.kind == Kind::Word(Key::Table))
        });
        let into = into.ok_or(Unreadable::Incomplete)?;
        let (schema, name, end) = self.table_at(into + 2)?;
        if self.is_word(file.saturating_sub(2), "local") {
            let token = self.tokens.get(file).filter(|token| token.kind == Kind::Text);
            self.out.file = Some(token.and_then(|token| literal(self.text, token)).ok_or(Unreadable::Incomplete)?);
            self.out.by_literal = true;
            self.table("COPY", schema.clone(), name.clone())?;
        } else {
            self.out.other("COPY", "file");
            self.out.live.reaches = true;
            self.out.by_literal = true;
        }
        self.table("INSERT", schema.clone(), name.clone())?;
        if (file..into).any(|at| self.tokens.key(at) == Some(Key::Replace)) {
            self.out.tables.push(Table { action: "DELETE", schema, name, has_where: true });
        }
        let tokens = self.tokens.get(end..).unwrap_or_default();
        Reader::new(self.text, tokens, &mut self.out).loose()?;
        Ok(self.out)
    }

    /// `HANDLER t READ FIRST`: reads rows past all clauses.
    fn handler(mut self) -> Read {
        self.out.verb = "HANDLER";
        let (schema, name, end) = self.table_at(1)?;
        self.table("SELECT", schema, name)?;
        self.out.star = true;
        let tokens = self.tokens.get(end..).unwrap_or_default();
        Reader::new(self.text, tokens, &mut self.out).loose()?;
        Ok(self.out)
    }

    pub(super) fn table(
        &mut self,
        action: &'static str,
        schema: Option<String>,
        name: String,
    ) -> Result<(), Unreadable> {
        if self.out.tables.len() >= super::MOST_NAMES {
            return Err(Unreadable::Names);
        }
        self.out.tables.push(Table { action, schema, name, has_where: false });
        Ok(())
    }

    /// The table that is named at a token, and where its name ends.
    pub(super) fn table_at(&self, at: usize) -> Result<(Option<String>, String, usize), Unreadable> {
        table_of(self.text, self.tokens, at)
    }

    fn is_table_command(&self, at: usize) -> bool {
        (at..at + 2).any(|at| self.is_word(at, "table") || self.is_word(at, "tables"))
    }

    pub(super) fn is_word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(self.text, word))
    }
}

pub(super) fn table_of(
    text: &[u8],
    tokens: &[Token],
    at: usize,
) -> Result<(Option<String>, String, usize), Unreadable> {
    if tokens.key(at).is_some_and(Key::is_reserved) {
        return Err(Unreadable::Keyword);
    }
    let first = tokens.name(text, at)?;
    if tokens.kind(at + 1) != Some(Kind::Dot) {
        return Ok((None, first, at + 1));
    }
    Ok((Some(first), tokens.name(text, at + 2)?, at + 3))
}
