//! A rule under `databases` as written → conditions as meant.

use super::{Granted, OTHER_KINDS, TABLE_KINDS, Table};
use crate::policy::document::Dialect;
use crate::policy::document::{DatabaseRule, OneOrMany, Protocol};
use crate::policy::meaning::{Reader, Text, sorted};
use crate::policy::pattern::Wrong;
use crate::policy::rule::{Conditions, Party};
use std::collections::BTreeMap;

impl Reader<'_> {
    pub(in crate::policy) fn database(&mut self, field: &str, rule: &DatabaseRule) -> Option<Conditions> {
        let before = self.problems.len();
        let plain = |names: &[String]| sorted(names.iter().map(|name| name.as_str().into()));
        let listed = |names: Option<&Text>| plain(names.map(OneOrMany::as_slice).unwrap_or_default());
        let mysql = rule.protocol == Dialect::Mysql;
        let granted = Granted {
            mysql,
            users: listed(rule.user.as_ref()),
            databases: listed(rule.database.as_ref()),
            tables: self.tables(field, &rule.tables, mysql),
            statements: self.kinds(&format!("{field}.statements"), &rule.statements, OTHER_KINDS),
            unread: self.unread(field, &rule.never_read, mysql),
            functions: sorted(rule.functions.iter().map(|name| name.to_ascii_lowercase().into())),
            settings: sorted(rule.settings.iter().map(|name| name.to_ascii_lowercase().into())),
            fingerprints: plain(&rule.fingerprints),
            unbounded: rule.unbounded,
            whole: false,
            rows: rule.rows,
        };
        if granted.tables.is_empty() && granted.statements.is_empty() {
            let remedy = "add `tables: {orders: [SELECT, INSERT]}`";
            self.wrong(&format!("{field}.tables"), "", Wrong::new("the tables that are granted", remedy));
        }
        let conditions = Conditions {
            party: self.sides(field, rule),
            ports: self.ports(field, rule.port.as_ref()),
            database: granted,
            ..Conditions::nothing(if mysql { Protocol::Mysql } else { Protocol::Postgres })
        };
        (self.problems.len() == before).then_some(conditions)
    }

    /// Who calls, or what is called.
    fn sides(&mut self, field: &str, rule: &DatabaseRule) -> Party {
        match (&rule.from, &rule.to) {
            (Some(from), None) => Party::From(self.callers(field, from)),
            (None, Some(to)) => {
                let destinations = self.destinations(field, to);
                if destinations.iter().any(|to| to.host.is_some()) {
                    let remedy = "the protocol does not say which host is asked for";
                    self.wrong(&format!("{field}.to"), "", Wrong::new("an address, a network or a SPIFFE ID", remedy));
                }
                Party::To(destinations)
            }
            _ => {
                let remedy = "`from` for callers of this pod's database, `to` for what this pod calls";
                self.wrong(&format!("{field}.from"), "", Wrong::new("`from` or `to`, one of the two", remedy));
                Party::From(Vec::new())
            }
        }
    }

    fn tables(&mut self, field: &str, tables: &BTreeMap<String, Text>, mysql: bool) -> Vec<(Table, Vec<&'static str>)> {
        let mut read = Vec::new();
        for (name, kinds) in tables {
            let field = format!("{field}.tables.{name}");
            self.not_empty(&field, kinds, "at least one kind of statement");
            let kinds = self.kinds(&field, kinds.as_slice(), TABLE_KINDS);
            read.extend(self.right(&field, name, Table::of(name, mysql)).map(|table| (table, kinds)));
        }
        sorted(read)
    }

    /// Kinds of statement; `*` is all of them.
    fn kinds(&mut self, field: &str, written: &[String], known: &'static [&'static str]) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        for kind in written {
            if kind == "*" {
                kinds.extend_from_slice(known);
            } else if let Some(known) = known.iter().find(|known| **known == kind.as_str()) {
                kinds.push(*known);
            } else {
                let upper = kind.to_ascii_uppercase();
                let remedy = if known.contains(&upper.as_str()) { format!("write `{upper}`") } else { String::new() };
                self.wrong(
                    field,
                    kind,
                    Wrong::new("one of the kinds of statement that the documentation lists", remedy),
                );
            }
        }
        sorted(kinds)
    }

    fn unread(&mut self, field: &str, columns: &[String], mysql: bool) -> Vec<(Table, Box<str>)> {
        let mut read = Vec::new();
        for text in columns {
            let field = format!("{field}.neverRead");
            match text.rsplit_once('.') {
                Some((table, column)) if !column.is_empty() && !column.contains('*') => {
                    let column: Box<str> = if mysql { column.to_lowercase().into() } else { column.into() };
                    read.extend(self.right(&field, text, Table::of(table, mysql)).map(|table| (table, column)));
                }
                _ => self.wrong(&field, text, Wrong::new("a column such as `users.password_hash` or `*.ssn`", "")),
            }
        }
        sorted(read)
    }
}
