//! CREATE, ALTER, DROP, RENAME: of tables and views it is asked on each of them, of what rules the server as ADMIN, of the
//! rest as DDL without a table.

use super::command::{Command, Read, table_of};
use super::keys::Key;
use super::lexer::{Kind, Places};
use super::query::Reader;
use super::{Prepared, Unreadable};

/// Words between the command and what it defines.
const BEFORE: [&str; 13] = [
    "or",
    "replace",
    "temporary",
    "online",
    "offline",
    "ignore",
    "algorithm",
    "undefined",
    "merge",
    "temptable",
    "sql",
    "security",
    "invoker",
];
const ADMIN: [&str; 14] = [
    "user",
    "role",
    "database",
    "schema",
    "server",
    "tablespace",
    "logfile",
    "undo",
    "instance",
    "resource",
    "spatial_reference",
    "function",
    "master",
    "catalog",
];

impl Command<'_> {
    pub(super) fn define(mut self, first: Key) -> Read {
        self.out.verb = "DDL";
        let mut at = 1;
        while BEFORE.iter().any(|word| self.is_word(at, word)) || self.tokens.kind(at) == Some(Kind::Mark) {
            at += 1;
        }
        if ADMIN.iter().any(|word| self.is_word(at, word)) && !self.is_stored_function(at) {
            return self.admin();
        }
        let tables = self.is_word(at, "table") || self.is_word(at, "tables");
        match first {
            Key::Rename if tables => self.rename(at + 1),
            Key::Drop if tables || self.is_word(at, "view") => self.drop_each(at + 1),
            Key::Create | Key::Alter if tables || self.is_word(at, "view") => self.define_table(at + 1),
            Key::Create | Key::Drop if self.indexed(at).is_some() => self.define_index(at),
            Key::Drop if self.tokens.key(at) == Some(Key::Prepare) => self.named(at + 1, Prepared::Drop),
            Key::Rename => self.admin(),
            _ => self.whole("DDL", "DDL"),
        }
    }

    /// `CREATE FUNCTION f SONAME 'lib'` loads a library; with arguments it is a routine.
    fn is_stored_function(&self, at: usize) -> bool {
        self.is_word(at, "function") && !self.tokens.iter().any(|token| token.is(self.text, "soname"))
    }

    fn define_table(mut self, at: usize) -> Read {
        let at = self.behind_conditions(at);
        let (schema, name, end) = self.table_at(at)?;
        self.table("DDL", schema, name)?;
        if self.tokens.key(end) == Some(Key::Like) {
            let (schema, name, _) = self.table_at(end + 1)?;
            self.table("SELECT", schema, name)?;
            return Ok(self.out);
        }
        self.others_named(end)?;
        let tokens = self.tokens.get(end..).unwrap_or_default();
        Reader::new(self.text, tokens, &mut self.out).loose()?;
        Ok(self.out)
    }

    /// Tables that a definition refers to, takes rows from, or gets its new name by.
    fn others_named(&mut self, from: usize) -> Result<(), Unreadable> {
        for at in from..self.tokens.len() {
            let names = ["references", "rename", "exchange", "union"];
            if !names.iter().any(|word| self.is_word(at, word)) {
                continue;
            }
            let is_table = |at: usize| self.is_word(at, "to") || self.is_word(at, "as");
            let named = match () {
                () if self.is_word(at, "references") => Some(at + 1),
                () if self.is_word(at, "rename") && is_table(at + 1) => Some(at + 2),
                () if self.is_word(at, "rename")
                    && !["column", "index", "key"].iter().any(|word| self.is_word(at + 1, word)) =>
                {
                    Some(at + 1)
                }
                () if self.is_word(at, "exchange") || self.is_word(at, "union") && self.is_list(at + 1) => {
                    return Err(Unreadable::Keyword);
                }
                () => None,
            };
            if let Some(named) = named {
                let (schema, name, _) = self.table_at(named)?;
                self.table("DDL", schema, name)?;
            }
        }
        Ok(())
    }

    /// `UNION = (a, b)`: the tables that one of MERGE is made of.
    fn is_list(&self, at: usize) -> bool {
        matches!(self.tokens.kind(at), Some(Kind::Mark))
            || self.tokens.kind(at) == Some(Kind::Open) && !self.is_word(at + 1, "select")
    }

    fn drop_each(mut self, at: usize) -> Read {
        let at = self.behind_conditions(at);
        for piece in self.tokens.get(at..).unwrap_or_default().split(|token| token.kind == Kind::Comma) {
            let (schema, name, _) = table_of(self.text, piece, 0)?;
            self.table("DDL", schema, name)?;
        }
        Ok(self.out)
    }

    /// `RENAME TABLE a TO b, c TO d`
    fn rename(mut self, at: usize) -> Read {
        let at = self.behind_conditions(at);
        for piece in self.tokens.get(at..).unwrap_or_default().split(|token| token.kind == Kind::Comma) {
            let (schema, name, _) = table_of(self.text, piece, 0)?;
            self.table("DDL", schema, name)?;
            let to = piece.iter().position(|token| token.kind == Kind::Word(Key::To)).ok_or(Unreadable::Incomplete)?;
            let (schema, name, _) = table_of(self.text, piece, to + 1)?;
            self.table("DDL", schema, name)?;
        }
        Ok(self.out)
    }

    /// Where `ON` stands in `CREATE UNIQUE INDEX a ON t`.
    fn indexed(&self, at: usize) -> Option<usize> {
        let kinds = ["index", "unique", "fulltext", "spatial"];
        kinds.iter().any(|word| self.is_word(at, word)).then_some(())?;
        self.tokens.iter().position(|token| token.kind == Kind::Word(Key::On))
    }

    fn define_index(mut self, at: usize) -> Read {
        let on = self.indexed(at).ok_or(Unreadable::Incomplete)?;
        let (schema, name, _) = self.table_at(on + 1)?;
        self.table("DDL", schema, name)?;
        Ok(self.out)
    }

    fn behind_conditions(&self, mut at: usize) -> usize {
        while ["if", "not", "exists"].iter().any(|word| self.is_word(at, word)) {
            at += 1;
        }
        at
    }
}
