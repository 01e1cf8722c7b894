//! Names, and what they are where they stand: a table, a function, an alias, a column.

use super::frame::Clause;
use super::{Kind, MOST_COLUMNS, MOST_NAMES, Read, Reader, Table, Unreadable};
use crate::canon::sql::mysql::is_reaching;
use crate::canon::sql::mysql::lexer::Places;

/// Names that a column or table can have in front: database, table, column.
const MOST_PARTS: usize = 3;

impl Reader<'_> {
    /// A name with what is joined to it by dots: a table, a function, or a column.
    pub(super) fn name(&mut self) -> Read<()> {
        let first = self.at;
        let (mut last, mut star) = (first, false);
        while self.tokens.kind(last + 1) == Some(Kind::Dot) {
            match self.tokens.kind(last + 2) {
                Some(Kind::Word(_) | Kind::Quoted) => last += 2,
                Some(Kind::Star) => {
                    star = true;
                    break;
                }
                _ => return Err(Unreadable::Keyword),
            }
        }
        if (last - first) / 2 >= MOST_PARTS {
            return Err(Unreadable::Keyword);
        }
        self.at = last + if star { 3 } else { 1 };
        if star && self.frame.clause != Clause::Targets {
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
            Clause::Targets => {
                let (schema, name) = self.qualified(first, last)?;
                self.changes.target(schema, name);
                Ok(())
            }
            Clause::Joined | Clause::Target if first == last => {
                let alias = self.tokens.name(self.text, first)?;
                self.changes.is_called(alias);
                Ok(())
            }
            Clause::SetName => {
                let table = if first == last { None } else { Some(self.tokens.name(self.text, last - 2)?) };
                self.changes.sets(table);
                Ok(())
            }
            _ if self.frame.writes => Ok(()),
            _ if call => self.function(first, last),
            _ => self.column(last),
        }
    }

    fn qualified(&self, first: usize, last: usize) -> Read<(Option<String>, String)> {
        let name = self.tokens.name(self.text, last)?;
        let schema = if first == last { None } else { Some(self.tokens.name(self.text, last - 2)?) };
        if last - first > 2 { Err(Unreadable::Keyword) } else { Ok((schema, name)) }
    }

    fn table(&mut self, first: usize, last: usize, action: &'static str) -> Read<()> {
        let (schema, name) = self.qualified(first, last)?;
        self.frame.clause = match action {
            "SELECT" | "UPDATE" => Clause::Joined,
            "INSERT" => Clause::InsertHead,
            "DELETE" => Clause::Target,
            _ => Clause::Loose,
        };
        if matches!(action, "SELECT" | "UPDATE") && schema.is_none() && self.is_with(&name) {
            self.changes.forget_last();
            return Ok(());
        }
        if self.out.tables.len() >= MOST_NAMES {
            return Err(Unreadable::Names);
        }
        let top = self.outer.is_empty() || self.outer.len() == self.joins();
        self.changes.table(self.out.tables.len(), &name, top);
        self.out.tables.push(Table { action, schema, name, has_where: false });
        Ok(())
    }

    /// Parentheses around joined tables that are open.
    fn joins(&self) -> usize {
        let frames = self.outer.iter().skip(1).chain([&self.frame]);
        frames.filter(|frame| frame.sort == super::Sort::Join).count()
    }

    fn is_with(&self, name: &str) -> bool {
        let frames = std::iter::once(&self.frame).chain(&self.outer);
        frames.flat_map(|frame| &frame.with).any(|known| known.eq_ignore_ascii_case(name))
    }

    fn function(&mut self, first: usize, last: usize) -> Read<()> {
        let (schema, name) = self.qualified(first, last)?;
        let name = schema.map_or(name.clone(), |schema| format!("{schema}.{name}")).to_lowercase();
        if is_reaching(name.rsplit('.').next().unwrap_or(&name)) {
            self.out.live.reaches = true;
            self.out.by_literal = true;
        }
        if !self.out.functions.contains(&name) {
            if self.out.functions.len() >= MOST_NAMES {
                return Err(Unreadable::Names);
            }
            self.out.functions.push(name);
        }
        Ok(())
    }

    fn column(&mut self, last: usize) -> Read<()> {
        let name = self.tokens.name(self.text, last)?.to_lowercase();
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
