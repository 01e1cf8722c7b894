//! Names, and what they are where they stand: a table, a function, an alias, a column.

use super::frame::Clause;
use super::{Key, Kind, MOST_COLUMNS, MOST_NAMES, Read, Reader, Table, Unreadable};
use crate::canon::sql::postgres::lexer::Places;
use crate::canon::sql::postgres::{Setting, arguments, command};

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
            _ if call => self.function(first, last),
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
        if matches!(action, "UPDATE" | "MERGE") && name == "pg_settings" {
            // The same as SET, of a setting that cannot be told.
            self.out.other("SET", "any");
            self.out.setting = Some(Setting { name: "any".to_owned(), value: None });
        }
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
        match name.as_str() {
            "set_config" => command::set_config(self.text, self.tokens.get(self.at..).unwrap_or_default(), self.out),
            // The same as NOTIFY, with a channel that may be computed.
            "pg_notify" => self.out.other("NOTIFY", ""),
            _ => {}
        }
        arguments::note(self.text, self.tokens.get(self.at..).unwrap_or_default(), &name, self.out);
        self.calls(name)
    }

    fn calls(&mut self, name: String) -> Read<()> {
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
        // `a.f` may be `f(a)`, whatever `a` is: a row, or a value (PostgreSQL 15 §8.16.5).
        if self.tokens.kind(first.wrapping_sub(1)) == Some(Kind::Dot) || first != last {
            self.out.star |= takes_rows(&name);
            if reaches(&name) {
                arguments::note(self.text, &[], &name, self.out);
                self.calls(name.clone())?;
            }
        }
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

/// Functions of one argument that tell of a whole row what is in it. Sorted.
static OF_ROWS: &[&str] = &[
    "any_value",
    "anycompatible_out",
    "anycompatiblenonarray_out",
    "anyelement_out",
    "anynonarray_out",
    "array_agg",
    "concat",
    "hash_record",
    "hstore",
    "json_agg",
    "json_agg_strict",
    "json_build_array",
    "json_build_object",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_build_array",
    "jsonb_build_object",
    "num_nonnulls",
    "num_nulls",
    "quote_literal",
    "quote_nullable",
    "record_out",
    "record_send",
    "row_to_json",
    "to_json",
    "to_jsonb",
];

fn takes_rows(name: &str) -> bool {
    OF_ROWS.binary_search(&name).is_ok()
}

/// Whether behind a dot a name is more likely a function of one argument that does more than compute, than a column.
fn reaches(name: &str) -> bool {
    ["crosstab", "dblink", "lo_", "pg_"].iter().any(|start| name.starts_with(start))
        || ["http_delete", "http_get", "http_head", "set_user", "ts_stat"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_rows_are_sorted() {
        assert!(OF_ROWS.is_sorted() && takes_rows("row_to_json") && !takes_rows("count"));
    }
}
