//! What SQL statements the record tells of become rules under `databases`: for each caller, user and database the tables with what
//! was done to them, and the fingerprints of the statements, each with a sample. For `podwall log learn`.

use crate::cli::log::for_each_line;
use crate::policy::database::is_dangerous;
use crate::protocol::postgres::accesses::WITHOUT_WHERE;
use crate::record::redact::escape_again;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

/// Kinds of session, and statements of each, that are read from a record; what is over is counted.
const MOST: usize = 10_000;
/// Characters of a sample.
const SAMPLE: usize = 100;

/// Whose statements: outbound or not, the caller or the server, user, database, what is spoken.
type Session = (bool, String, String, String, String);

/// What was learned.
#[derive(Debug, Default)]
pub(super) struct Statements {
    sessions: BTreeMap<Session, Needs>,
    /// Statements that cannot be proposed: not understood, or too many.
    pub(super) beyond: u64,
    /// Statements that never succeeded.
    pub(super) failed: u64,
}

/// What a rule must grant.
#[derive(Debug, Default)]
pub(super) struct Needs {
    tables: BTreeMap<String, BTreeSet<String>>,
    statements: BTreeSet<String>,
    settings: BTreeSet<String>,
    functions: BTreeSet<String>,
    unbounded: bool,
    /// With a sample, and how often it ran.
    fingerprints: BTreeMap<String, (String, u64)>,
}

impl Statements {
    /// All that a record tells of; `all`: also what never succeeded.
    pub(super) fn read(files: &[PathBuf], all: bool) -> io::Result<Self> {
        let mut statements = Self::default();
        for file in files {
            for_each_line(file, |_, line| {
                if let Ok(line) = serde_json::from_str::<Value>(line)
                    && line.get("line").and_then(Value::as_str) == Some("statement")
                {
                    statements.take(&line, all);
                }
                Ok(())
            })?;
        }
        Ok(statements)
    }

    fn take(&mut self, line: &Value, all: bool) {
        let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let count = |field: &str| line.get(field).and_then(Value::as_u64).unwrap_or_default();
        let times = count("times");
        let suspicious = line.get("suspicious").and_then(Value::as_bool).unwrap_or_default();
        if suspicious || !["", "policy-no-rule"].contains(&text("reason").as_str()) {
            return;
        }
        if times <= count("failed") && !all {
            self.failed = self.failed.saturating_add(times);
            return;
        }
        let asks = texts(line, "asks");
        let session =
            (text("direction") == "outbound", text("caller"), text("user"), text("database"), text("dialect"));
        let room = self.sessions.len() < MOST || self.sessions.contains_key(&session);
        if asks.is_empty() || asks.iter().any(|ask| ask.starts_with("UNREADABLE")) || !room {
            self.beyond = self.beyond.saturating_add(times);
            return;
        }
        let needs = self.sessions.entry(session).or_default();
        let known = needs.fingerprints.len() < MOST || needs.fingerprints.contains_key(&text("fingerprint"));
        if !known {
            self.beyond = self.beyond.saturating_add(times);
            return;
        }
        asks.iter().for_each(|ask| needs.ask(ask));
        let called = texts(line, "functions").into_iter();
        let mysql = text("dialect") == "mysql";
        needs.functions.extend(called.filter(|name| is_dangerous(name, mysql)));
        if asks != ["SESSION"] {
            needs.fingerprints.entry(text("fingerprint")).or_insert((text("original"), 0)).1 += times;
        }
    }

    /// Each session's rule, with how often what it grants was asked. `caller` spells who may call.
    pub(super) fn rules(&self, caller: impl Fn(&str) -> String) -> Vec<(String, u64)> {
        let named = |((outbound, who, user, database, dialect), needs): (&Session, &Needs)| {
            let side =
                if *outbound { format!("to: {}", quoted(who)) } else { format!("from: {}", quoted(&caller(who))) };
            let name = format!("{user} in {database}");
            let speaks = if dialect == "mysql" { "    protocol: mysql\n" } else { "" };
            // Without a database of its own a session names one with each table.
            let database =
                if database.is_empty() { String::new() } else { format!("    database: {}\n", quoted(database)) };
            let head = format!("    {side}\n{speaks}    user: {}\n{database}", quoted(user));
            let times = needs.fingerprints.values().map(|(_, times)| times).sum();
            (format!("  - name: {}\n{head}{}", quoted(name.trim_end_matches(" in ")), needs.written()), times)
        };
        self.sessions.iter().filter(|(_, needs)| !needs.fingerprints.is_empty()).map(named).collect()
    }

    /// Who called.
    pub(super) fn callers(&self) -> impl Iterator<Item = &str> {
        self.sessions.keys().filter(|(outbound, ..)| !outbound).map(|(_, caller, ..)| caller.as_str())
    }
}

impl Needs {
    /// `SELECT orders`, `DELETE log without WHERE`, `LISTEN news`, `SET search_path`.
    fn ask(&mut self, ask: &str) {
        let bounded = ask.strip_suffix(WITHOUT_WHERE);
        self.unbounded |= bounded.is_some();
        let (kind, name) = bounded.unwrap_or(ask).split_once(' ').unwrap_or((ask, ""));
        match (kind, name) {
            ("SESSION" | "CONNECT", _) => {}
            ("SET", setting) => {
                self.settings.insert(setting.to_owned());
            }
            ("SELECT" | "INSERT" | "UPDATE" | "DELETE" | "TRUNCATE" | "LOCK", table) => self.on(table, kind),
            ("COPY" | "DDL", table) if !["", "program", "file"].contains(&table) => self.on(table, kind),
            _ => {
                self.statements.insert(kind.to_owned());
            }
        }
    }

    fn on(&mut self, table: &str, kind: &str) {
        self.tables.entry(table.to_owned()).or_default().insert(kind.to_owned());
    }

    fn written(&self) -> String {
        let list = |names: &BTreeSet<String>| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let mut text = String::new();
        // Writing to a String cannot fail.
        if !self.tables.is_empty() {
            text += "    tables:\n";
            for (table, kinds) in &self.tables {
                let kinds = kinds.iter().cloned().collect::<Vec<_>>().join(", ");
                let _ = writeln!(text, "      {}: [{kinds}]", quoted(table));
            }
        }
        let lists = [("statements", &self.statements), ("functions", &self.functions), ("settings", &self.settings)];
        for (field, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            let _ = writeln!(text, "    {field}: [{}]", list(names));
        }
        text += if self.unbounded { "    unbounded: true    # UPDATE or DELETE without WHERE\n" } else { "" };
        text += "    fingerprints:\n";
        for (fingerprint, (sample, times)) in &self.fingerprints {
            let sample: String = escape_again(sample).chars().take(SAMPLE).collect();
            let _ = writeln!(text, "      - {}    # {times} times: {sample}", quoted(fingerprint));
        }
        text
    }
}

fn texts(line: &Value, field: &str) -> Vec<String> {
    let items = line.get(field).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A string of JSON is one of YAML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(lines: &[Value]) -> Statements {
        let mut statements = Statements::default();
        lines.iter().for_each(|line| statements.take(line, false));
        statements
    }

    fn line(asks: &[&str], more: &[(&str, Value)]) -> Value {
        let mut line = serde_json::json!({
            "direction": "inbound", "caller": "10.0.0.1", "user": "app", "database": "shop", "fingerprint": "f1",
            "original": "select\na", "asks": asks, "times": 3, "failed": 0,
        });
        more.iter().for_each(|(field, value)| line[*field] = value.clone());
        line
    }

    #[test]
    fn statements_become_one_rule_for_each_session() {
        let other = [("fingerprint", "f2".into()), ("functions", vec!["pg_sleep", "count"].into())];
        let statements = learned(&[
            line(&["SELECT orders", "INSERT app.log"], &[]),
            line(&["DELETE orders without WHERE", "LISTEN news", "SET search_path"], &other),
            line(&["SESSION"], &[("fingerprint", "f3".into())]),
        ]);
        let rules = statements.rules(str::to_owned);
        let expected = "  - name: \"app in shop\"
    from: \"10.0.0.1\"
    user: \"app\"
    database: \"shop\"
    tables:
      \"app.log\": [INSERT]
      \"orders\": [DELETE, SELECT]
    statements: [\"LISTEN\"]
    functions: [\"pg_sleep\"]
    settings: [\"search_path\"]
    unbounded: true    # UPDATE or DELETE without WHERE
    fingerprints:
      - \"f1\"    # 3 times: select\\u{a}a
      - \"f2\"    # 3 times: select\\u{a}a
";
        assert_eq!(rules, [(expected.to_owned(), 6)]);
    }

    #[test]
    fn statements_of_mysql_become_a_rule_that_says_so() {
        let more = [("dialect", "mysql".into()), ("functions", vec!["sleep", "pg_sleep"].into())];
        let rules = learned(&[line(&["SELECT shop.orders", "CONNECT"], &more)]).rules(str::to_owned);
        assert!(rules[0].0.contains("    protocol: mysql\n    user: \"app\"\n    database: \"shop\"\n"), "{rules:?}");
        assert!(rules[0].0.contains("\"shop.orders\": [SELECT]\n    functions: [\"sleep\"]"), "{rules:?}");
    }

    #[test]
    fn what_is_suspicious_failed_or_not_understood_is_not_proposed() {
        let statements = learned(&[
            line(&["SELECT a"], &[("suspicious", true.into())]),
            line(&["SELECT b"], &[("reason", "attack".into())]),
            line(&["SELECT c"], &[("failed", 3.into())]),
            line(&["UNREADABLE"], &[]),
        ]);
        assert!(statements.rules(str::to_owned).is_empty());
        assert_eq!((statements.failed, statements.beyond), (3, 3));
    }
}
