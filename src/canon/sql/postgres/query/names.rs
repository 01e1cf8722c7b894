//! Names, and what they are where they stand: a table, a function, an alias, a column.

use super::frame::Clause;
use super::{Key, Kind, MOST_COLUMNS, MOST_NAMES, Read, Reader, Table, Unreadable};
use crate::canon::sql::postgres::command;
use crate::canon::sql::postgres::lexer::Places;

impl Reader<'_> {
    /// A name with what is joined to it by dots: a table, a function, or a column.
    pub(super) fn name(&mut self) -> Read<()> {
        let first = self.at;
        let mut last = first;
        let mut star = false;
        while self.tokens.kind(last + 1) == Some(Kind::Dot) {
            match self.tokens.kind(last + 2) {
                Some(Kind::Word(_) | Kind::Quoted) => last += 2,
                Some(Kind::Star) => {
                    star = true;
                    last += 2;
                    break;
                }
                _ => return Err(Unreadable::Keyword),
            }
        }
        self.at = last + 1;
        if star {
            self.out.star = true;
            return if matches!(self.frame.clause, Clause::Relation(_)) { Err(Unreadable::Keyword) } else { Ok(()) };
        }
        let call = self.tokens.kind(self.at) == Some(Kind::Open);
        match self.frame.clause {
            Clause::With => {
                self.at = first;
                self.with_name()
            }
            Clause::Relation("SELECT") if call => {
                self.frame.clause = Clause::Joined;
                self.called = self.at;
                self.function(first, last)
            }
            Clause::Relation(action) => self.table(first, last, action),
            Clause::Start => Err(Unreadable::Keyword),
            Clause::Joined | Clause::Target if first == last => {
                let alias = self.tokens.name(self.text, first)?;
                self.at = first;
                self.alias(alias)
            }
            Clause::SetName => Ok(()),
            _ if call && self.tokens.key(first.wrapping_sub(1)) == Some(Key::On) => Ok(()),
            _ if call && !self.frame.writes => self.function(first, last),
            _ if self.frame.writes => Ok(()),
            _ => self.column(first, last),
        }
    }

    fn table(&mut self, first: usize, last: usize, action: &'static str) -> Read<()> {
        let name = self.tokens.name(self.text, last)?;
        let schema = if first == last { None } else { Some(self.tokens.name(self.text, last - 2)?) };
        self.rows.push(name.clone());
        if self.tokens.kind(self.at) == Some(Kind::Star) {
            self.at += 1;
        }
        let clause = self.behind(action);
        self.frame.clause = clause;
        if action == "SELECT" && schema.is_none() && self.is_with(&name) {
            return Ok(());
        }
        if self.out.tables.len() >= MOST_NAMES {
            return Err(Unreadable::Names);
        }
        self.frame.target = Some(self.out.tables.len()).filter(|_| action != "SELECT").or(self.frame.target);
        if action == "MERGE" {
            for action in ["INSERT", "UPDATE", "DELETE"] {
                let (schema, name) = (schema.clone(), name.clone());
                self.out.tables.push(Table { action, schema, name, has_where: true });
            }
            return Ok(());
        }
        self.out.tables.push(Table { action, schema, name, has_where: false });
        Ok(())
    }

    /// Where a query is behind a table on which this is done.
    pub(super) fn behind(&self, action: &str) -> Clause {
        match action {
            "SELECT" => Clause::Joined,
            "INSERT" => Clause::InsertHead,
            "UPDATE" | "DELETE" | "MERGE" => Clause::Target,
            "DDL" if self.frame.verb == Some(Key::Select) => Clause::Expression,
            "TRUNCATE" | "LOCK" => Clause::Loose,
            _ => Clause::Loose,
        }
    }

    fn is_with(&self, name: &str) -> bool {
        let frames = std::iter::once(&self.frame).chain(&self.outer);
        frames.flat_map(|frame| &frame.with).any(|known| known == name)
    }

    fn function(&mut self, first: usize, last: usize) -> Read<()> {
        let name = self.tokens.name(self.text, last)?;
        let schema = if first == last { String::new() } else { self.tokens.name(self.text, last - 2)? };
        let name = if schema.is_empty() || schema == "pg_catalog" { name } else { format!("{schema}.{name}") };
        if name == "set_config" {
            command::set_config(self.text, self.tokens.get(self.at..).unwrap_or_default(), self.out);
        }
        if !self.out.functions.contains(&name) {
            if self.out.functions.len() >= MOST_NAMES {
                return Err(Unreadable::Names);
            }
            self.out.functions.push(name);
        }
        Ok(())
    }

    fn column(&mut self, first: usize, last: usize) -> Read<()> {
        let name = self.tokens.name(self.text, last)?;
        if first == last && !self.bare.contains(&name) && self.bare.len() < MOST_COLUMNS {
            self.bare.push(name.clone());
        }
        if self.out.columns.contains(&name) {
            return Ok(());
        }
        if self.out.columns.len() >= MOST_COLUMNS {
            self.out.star = true;
        } else {
            self.out.columns.push(name);
        }
        Ok(())
    }
}
