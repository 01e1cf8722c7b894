//! Which of the tables of a statement are changed: with several in one UPDATE or DELETE, that shows only at its end.

use super::{Read, Table, Unreadable};
use crate::canon::sql::mysql::Statement;

/// What is known of the tables that a statement names, besides what it says itself.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Tables of the statement itself, by their place, with the name they go by in it.
    known: Vec<(usize, String)>,
    /// The last table can still be given another name.
    last_open: bool,
    /// What `SET` changes: the tables that columns are said to be of.
    sets: Vec<Option<String>>,
    /// What `DELETE a, b FROM` names.
    targets: Vec<(Option<String>, String)>,
    pub(super) has_where: bool,
    /// Rows that are there already are replaced.
    pub(super) replaces: bool,
}

impl Changes {
    /// A table has come; `top` when it is one of the statement itself, and not of a query in it.
    pub(super) fn table(&mut self, at: usize, name: &str, top: bool) {
        self.last_open = top;
        if top {
            self.known.push((at, name.to_owned()));
        }
    }

    /// What has come is no table of its own.
    pub(super) fn forget_last(&mut self) {
        self.last_open = false;
    }

    /// The last table goes by another name.
    pub(super) fn is_called(&mut self, alias: String) {
        if let Some((_, name)) = self.known.last_mut().filter(|_| self.last_open) {
            *name = alias;
        }
        self.last_open = false;
    }

    pub(super) fn sets(&mut self, table: Option<String>) {
        self.sets.push(table);
    }

    pub(super) fn target(&mut self, schema: Option<String>, name: String) {
        self.targets.push((schema, name));
    }

    /// `DELETE FROM a, b USING …`: what was named are targets, and the tables are yet to come.
    pub(super) fn names_targets(&mut self, out: &mut Statement) {
        self.known.clear();
        let named = out.tables.extract_if(.., |table| table.action == "DELETE");
        self.targets.extend(named.map(|table| (table.schema, table.name)));
    }

    /// `ON DUPLICATE KEY UPDATE`
    pub(super) fn updates_inserted(&mut self, out: &mut Statement) -> Read<()> {
        let inserted = out.tables.iter().find(|table| table.action == "INSERT").ok_or(Unreadable::Keyword)?;
        let update = Table { action: "UPDATE", has_where: true, ..inserted.clone() };
        out.tables.push(update);
        Ok(())
    }

    /// The end of the statement.
    pub(super) fn settle(self, out: &mut Statement) -> Read<()> {
        self.settle_updates(out);
        self.settle_targets(out)?;
        for table in out.tables.iter_mut().filter(|table| matches!(table.action, "UPDATE" | "DELETE")) {
            table.has_where |= self.has_where;
        }
        if self.replaces {
            let inserted = out.tables.iter().find(|table| table.action == "INSERT").cloned();
            out.tables.extend(inserted.map(|table| Table { action: "DELETE", has_where: true, ..table }));
        }
        Ok(())
    }

    /// Of joined tables only those are changed that columns are set of; a column without a table may be of any.
    fn settle_updates(&self, out: &mut Statement) {
        let joined = out.tables.iter().filter(|table| table.action == "UPDATE").count() > 1;
        let is_known = |set: &String| self.known.iter().any(|(_, name)| name.eq_ignore_ascii_case(set));
        if !joined || !self.sets.iter().all(|set| set.as_ref().is_some_and(is_known)) {
            return;
        }
        let is_set = |name: &str| self.sets.iter().flatten().any(|set| set.eq_ignore_ascii_case(name));
        for (at, name) in &self.known {
            if let Some(table) = out.tables.get_mut(*at).filter(|table| table.action == "UPDATE" && !is_set(name)) {
                table.action = "SELECT";
            }
        }
    }

    fn settle_targets(&self, out: &mut Statement) -> Read<()> {
        for (schema, target) in &self.targets {
            let mut found = false;
            for (at, name) in &self.known {
                let Some(table) = out.tables.get_mut(*at).filter(|_| name.eq_ignore_ascii_case(target)) else {
                    continue;
                };
                let same = schema.is_none() || table.schema.is_none() || table.schema == *schema;
                if same {
                    table.action = "DELETE";
                    found = true;
                }
            }
            if !found {
                return Err(Unreadable::Keyword);
            }
        }
        Ok(())
    }
}
