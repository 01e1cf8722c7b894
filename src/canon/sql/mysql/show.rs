//! `SHOW` and `DESCRIBE`: what only describes the session or the server is free; what names tables and their definitions is
//! asked of the databases whose catalogue is told, be they named or in use; the rest is ADMIN.

use super::command::{Command, Read, table_of};
use super::keys::Key;
use super::lexer::{Kind, Places, Token};
use super::{MOST_NAMES, Unreadable};

/// What stands before what is shown.
const BEFORE: [&str; 8] = ["full", "extended", "global", "session", "local", "storage", "open", "table"];
/// What tells of the session, or of the server's features.
const FREE: [&str; 9] =
    ["warnings", "errors", "variables", "collation", "character", "charset", "engines", "count", "status"];
/// Behind FROM, the table that is told of; behind another, its database.
const OF_TABLES: [&str; 5] = ["columns", "fields", "index", "indexes", "keys"];
/// Behind FROM, the database whose names are told.
const OF_DATABASES: [&str; 4] = ["tables", "triggers", "events", "types"];
/// What tells of all databases, whichever is in use.
const OF_ALL: [&str; 4] = ["databases", "schemas", "function", "procedure"];
/// What is created with a password.
const SECRET: [&str; 2] = ["user", "server"];
/// Whose catalogue that is.
const ALL: &str = "information_schema";

impl Command<'_> {
    pub(super) fn show(mut self) -> Read {
        self.out.verb = "SHOW";
        let mut at = 1;
        while BEFORE.iter().any(|word| self.is_word(at, word)) {
            at += 1;
        }
        let is = |words: &[&str]| words.iter().any(|word| self.is_word(at, word));
        let tables = is(&OF_TABLES);
        match () {
            () if is(&OF_ALL)
                || self.is_word(at - 1, "open") && self.tokens.key(at + 1).is_none_or(|key| !is_from(key)) =>
            {
                self.out.shows.push(ALL.to_owned());
            }
            () if tables || is(&OF_DATABASES) || is(&["status"]) && self.is_word(1, "table") => {
                self.shown(at + 1, tables)?;
            }
            () if is(&["create"]) && !SECRET.iter().any(|word| self.is_word(at + 1, word)) => {
                self.shown_definition(at + 1)?;
            }
            () if is(&FREE) || self.is_word(1, "count") => self.out.other("SESSION", ""),
            () => self.out.other("ADMIN", ""),
        }
        let condition = self.tokens.iter().position(|token| token.kind == Kind::Word(Key::Where));
        match condition {
            Some(at) => self.expressions_from("SHOW", at + 1),
            None => Ok(self.out),
        }
    }

    /// `DESCRIBE other.t`
    pub(super) fn describe(mut self) -> Read {
        self.out.verb = "SHOW";
        let (schema, ..) = self.table_at(1)?;
        self.out.shows.extend(schema);
        self.or_in_use();
        Ok(self.out)
    }

    /// `FROM t FROM other`, `IN other LIKE 'a%'`: every database that is named, whichever of them counts.
    fn shown(&mut self, from: usize, mut table: bool) -> Result<(), Unreadable> {
        let rest = self.tokens.get(from..).unwrap_or_default();
        let is_end = |token: &Token| matches!(token.kind, Kind::Word(Key::Like | Key::Where));
        let end = rest.iter().position(is_end).unwrap_or(rest.len());
        let head = rest.get(..end).unwrap_or_default();
        for at in (0..head.len()).filter(|at| head.key(*at).is_some_and(is_from)) {
            let (schema, name, _) = table_of(self.text, head, at + 1)?;
            self.out.shows.extend(schema);
            self.out.shows.extend((!table).then_some(name));
            table = false;
            if self.out.shows.len() > MOST_NAMES {
                return Err(Unreadable::Names);
            }
        }
        self.or_in_use();
        Ok(())
    }

    /// `TABLE other.t`, `DATABASE IF NOT EXISTS other`, `PACKAGE BODY other.p`
    fn shown_definition(&mut self, what: usize) -> Result<(), Unreadable> {
        let mut at = what + 1;
        while ["if", "not", "exists"].iter().any(|word| self.is_word(at, word)) {
            at += 1;
        }
        at += usize::from(
            self.is_word(at, "body") && matches!(self.tokens.kind(at + 1), Some(Kind::Word(_) | Kind::Quoted)),
        );
        let (schema, name, _) = self.table_at(at)?;
        let is_database = self.is_word(what, "database") || self.is_word(what, "schema");
        self.out.shows.extend(if is_database { Some(name) } else { schema });
        self.or_in_use();
        Ok(())
    }

    /// Where no database is named, it is the one in use.
    fn or_in_use(&mut self) {
        if self.out.shows.is_empty() {
            self.out.other("SHOW", "");
        }
    }
}

fn is_from(key: Key) -> bool {
    matches!(key, Key::From | Key::In)
}
