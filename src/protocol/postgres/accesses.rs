//! What a text of statements asks for, as accesses: `(SELECT, postgres://shop/public.orders)`, with the facts that
//! allowlists look at. Also what its record is made of.

use super::path::{Change, Settings, change};
use crate::canon::sql::live::{Unfold, unfold};
use crate::canon::sql::postgres::{self, Prepared, Statement, Unreadable};
use crate::flow::{Access, Fact, FactKind};
use std::borrow::Cow;

/// A text, understood once: what does not depend on the session.
#[derive(Debug)]
pub struct Understood {
    /// Its statements, or why they are not understood.
    pub statements: Result<Vec<Statement>, Unreadable>,
    /// Without literals; empty when not even its tokens are understood.
    pub normalised: String,
    /// The name of [`Self::normalised`].
    pub fingerprint: String,
    /// SQL that stands in strings of it; its statements stand behind its own.
    pub texts: Vec<Box<str>>,
}

impl Understood {
    /// Reads a text.
    pub fn of(text: &[u8], backslash: bool) -> Self {
        let tokens = postgres::tokens(text, backslash);
        let normalised = tokens.as_ref().map(|tokens| postgres::normalised(text, tokens)).unwrap_or_default();
        let fingerprint = if normalised.is_empty() { String::new() } else { postgres::fingerprint(&normalised) };
        let mut statements = tokens.and_then(|tokens| postgres::statements_of(text, &tokens));
        let texts = statements.as_mut().map(|all| unfold(all, |text| postgres::statements(text, backslash)));
        let texts = texts.unwrap_or_default();
        Self { statements, normalised: String::from_utf8_lossy(&normalised).into_owned(), fingerprint, texts }
    }

    /// Reads a text that is bound as a value to a statement that takes SQL.
    pub fn of_value(text: &[u8], backslash: bool) -> Self {
        let Self { statements, normalised, fingerprint, texts } = Self::of(text, backslash);
        let within = |all: Vec<Statement>| all.into_iter().map(Statement::within).collect();
        Self { statements: statements.map(within), normalised, fingerprint, texts }
    }

    /// The text that it was read from, and those in strings of it, each with its fingerprint as a number.
    pub fn with_texts<'t>(
        &'t self,
        text: &'t [u8],
        backslash: bool,
    ) -> impl Iterator<Item = (&'t [u8], Option<u64>)> + 't {
        let number = |fingerprint: &str| u64::from_str_radix(fingerprint, 16).ok();
        let within = move |text: &'t str| {
            let tokens = postgres::tokens(text.as_bytes(), backslash).ok();
            let name = tokens.map(|tokens| postgres::fingerprint(&postgres::normalised(text.as_bytes(), &tokens)));
            (text.as_bytes(), name.and_then(|name| number(&name)))
        };
        std::iter::once((text, number(&self.fingerprint))).chain(self.texts.iter().map(|text| &**text).map(within))
    }

    /// The values to be bound that are SQL, by their number from 0.
    pub fn live_values(&self) -> impl Iterator<Item = u16> {
        self.all().iter().flat_map(|statement| statement.live.values.iter().copied())
    }

    /// Whether what is bound to it may be a path or a program.
    pub fn reaches(&self) -> bool {
        self.all().iter().any(|statement| statement.live.reaches)
    }

    /// Its verb, for records and metrics.
    pub fn verb(&self) -> &'static str {
        match &self.statements {
            Ok(statements) => statements.first().map_or("EMPTY", |statement| statement.verb),
            Err(_) => UNREADABLE,
        }
    }

    /// Whether a text with other literals asks for the same.
    pub fn is_by_fingerprint(&self) -> bool {
        self.statements.as_ref().is_ok_and(|statements| !statements.iter().any(|statement| statement.by_literal))
    }

    /// Whether it opens a cursor.
    pub fn declares(&self) -> bool {
        self.all().iter().any(|statement| statement.verb == "DECLARE")
    }

    /// Whether it takes rows from a cursor.
    pub fn fetches(&self) -> bool {
        self.all().iter().any(|statement| statement.verb == "FETCH")
    }

    /// Whether the session is as before when it has run: it changes no setting, and no name stands for something else.
    pub fn leaves_no_trace(&self) -> bool {
        !self.all().iter().any(|statement| {
            statement.setting.is_some() || statement.prepared.is_some() || matches!(statement.verb, "DECLARE" | "FETCH")
        })
    }

    fn all(&self) -> &[Statement] {
        self.statements.as_deref().unwrap_or_default()
    }

    /// How many statements it has, besides those that begin and end transactions.
    pub fn working(&self) -> usize {
        let own = self.all().iter().filter(|statement| !statement.within);
        own.filter(|statement| !TRANSACTIONS.contains(&statement.verb)).count()
    }

    /// Whether it begins as a command of replication, which is no SQL (PostgreSQL 15 §55.4).
    fn replicates(&self) -> bool {
        let first = self.normalised.split(' ').next().unwrap_or_default();
        REPLICATING.binary_search(&first).is_ok()
    }

    /// The functions that it calls.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.all().iter().flat_map(|statement| statement.functions.iter().map(String::as_str))
    }

    /// The prepared statements that it uses or makes, in order.
    pub fn prepared(&self) -> impl Iterator<Item = &Prepared> {
        self.all().iter().filter_map(|statement| statement.prepared.as_ref())
    }

    /// Whether it changes a setting without which later statements cannot be read.
    pub fn is_refused(&self) -> bool {
        let settings = self.all().iter().filter_map(|statement| statement.setting.as_ref());
        settings.into_iter().any(|setting| change(setting) == Change::Refused)
    }

    /// Follows the settings that it changes.
    pub fn follow(&self, settings: &mut Settings, user: &str) {
        for setting in self.all().iter().filter_map(|statement| statement.setting.as_ref()) {
            settings.follow(setting, user);
        }
    }
}

/// What does not parse is asked for as this; nobody grants it by chance.
pub const UNREADABLE: &str = "UNREADABLE";

/// Verbs that only begin and end transactions.
static TRANSACTIONS: &[&str] = &["ABORT", "BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"];

/// Words that begin commands of replication; sorted.
static REPLICATING: &[&str] = &[
    "alter_replication_slot",
    "base_backup",
    "create_replication_slot",
    "drop_replication_slot",
    "identify_system",
    "read_replication_slot",
    "start_replication",
    "timeline_history",
    "upload_manifest",
];

/// Ends what is told of an UPDATE or DELETE that does not say which rows.
pub const WITHOUT_WHERE: &str = " without WHERE";

/// A session that replicates, and the commands for that, which are no SQL.
pub const REPLICATION: &str = "REPLICATION";
/// A function is called by its number, as large objects are read and written.
pub const FUNCTION: &str = "FUNCTION";
/// The numbers of the functions by which clients do that (`pg_proc.dat`): `lo_create`, `lo_open`, `lo_close`, `loread`, `lowrite`,
/// `lo_lseek`, `lo_creat`, `lo_tell`, `lo_unlink`, `lo_truncate`, and those for positions of 64 bits.
static LARGE_OBJECTS: &[u32] = &[715, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172];

/// The accesses of a text in a session.
#[derive(Debug)]
pub struct Asked {
    database: String,
    facts: Vec<Fact<'static>>,
    /// The same without columns: for tables that are written and not read.
    written: Vec<Fact<'static>>,
    /// The same with [`FactKind::Unbounded`].
    unbounded: Vec<Fact<'static>>,
    items: Vec<Item>,
}

#[derive(Debug, PartialEq)]
struct Item {
    action: &'static str,
    path: String,
    unbounded: bool,
    reads: bool,
}

impl Asked {
    /// What opening a session asks for.
    pub fn session(user: &str, database: &str) -> Self {
        let facts = vec![fact(FactKind::User, user)];
        let items = vec![Item { action: "CONNECT", path: "/".into(), unbounded: false, reads: true }];
        Self { database: database.to_owned(), facts, written: Vec::new(), unbounded: Vec::new(), items }
    }

    /// What a kind of request without a table asks for.
    pub fn kind(user: &str, database: &str, kind: &'static str) -> Self {
        let mut asked = Self::session(user, database);
        asked.items = vec![Item { action: kind, path: "/".into(), unbounded: false, reads: true }];
        asked
    }

    /// What calling a function by its number asks for: of others than those of large objects it is not known what they do.
    pub fn function(user: &str, database: &str, number: u32) -> Self {
        let mut asked = Self::kind(user, database, FUNCTION);
        if !LARGE_OBJECTS.contains(&number) {
            asked.add(UNREADABLE, "/".into(), false, true);
        }
        asked
    }

    /// What changing a setting asks for.
    pub fn setting(user: &str, database: &str, name: &str) -> Self {
        let mut asked = Self::session(user, database);
        asked.items = vec![Item { action: "SET", path: format!("/{name}"), unbounded: false, reads: true }];
        asked
    }

    /// What a text asks for under the settings of its session. Statements of one text change settings for those behind
    /// them.
    pub fn of(understood: &Understood, user: &str, database: &str, settings: &Settings) -> Self {
        let mut asked = Self::session(user, database);
        asked.items.clear();
        asked.facts.push(fact(FactKind::Fingerprint, &understood.fingerprint));
        if understood.statements.is_err() {
            let replicates = settings.replication && understood.replicates();
            asked.add(if replicates { REPLICATION } else { UNREADABLE }, "/".into(), false, true);
        }
        let mut settings = Cow::Borrowed(settings);
        for statement in understood.all() {
            asked.statement(statement, &settings);
            if let Some(setting) = &statement.setting {
                settings.to_mut().follow(setting, user);
            }
        }
        if asked.items.is_empty() {
            asked.add("SESSION", "/".into(), false, true);
        }
        if asked.items.iter().any(|item| !item.reads) {
            let written = asked.facts.iter().filter(|fact| fact.kind != FactKind::Column);
            asked.written = written.cloned().collect();
        }
        if asked.items.iter().any(|item| item.unbounded) {
            asked.unbounded = asked.facts.clone();
            asked.unbounded.push(fact(FactKind::Unbounded, ""));
        }
        asked
    }

    fn statement(&mut self, statement: &Statement, settings: &Settings) {
        self.facts.extend(statement.columns.iter().map(|column| fact(FactKind::Column, column)));
        self.facts.extend(statement.star.then(|| fact(FactKind::Column, "*")));
        self.facts.extend(statement.functions.iter().map(|function| fact(FactKind::Function, function)));
        for table in &statement.tables {
            let unbounded = matches!(table.action, "UPDATE" | "DELETE") && !table.has_where;
            let reads = table.action != "INSERT" || statement.returning;
            for path in settings.readings(table.schema.as_deref(), &table.name) {
                self.add(table.action, path, unbounded, reads);
            }
        }
        let harmless = statement.setting.as_ref().is_some_and(|setting| change(setting) == Change::Harmless);
        for other in &statement.others {
            match other.action {
                "SET" if harmless => self.add("SESSION", "/".into(), false, true),
                "SHOW" => self.add("SESSION", "/".into(), false, true),
                action => self.add(action, format!("/{}", other.name), false, true),
            }
        }
    }

    fn add(&mut self, action: &'static str, path: String, unbounded: bool, reads: bool) {
        let item = Item { action, path, unbounded, reads };
        if !self.items.contains(&item) {
            self.items.push(item);
        }
    }

    fn facts_of(&self, item: &Item) -> &[Fact<'static>] {
        match item {
            Item { unbounded: true, .. } => &self.unbounded,
            Item { reads: false, .. } => &self.written,
            _ => &self.facts,
        }
    }

    /// The accesses, to be judged.
    pub fn accesses(&self) -> Vec<Access<'_>> {
        self.items
            .iter()
            .map(|item| Access {
                action: item.action,
                scheme: "postgres",
                authority: &self.database,
                path: Cow::Borrowed(item.path.as_str()),
                facts: self.facts_of(item),
            })
            .collect()
    }

    /// `SELECT orders`, `DELETE log without WHERE`, for the record.
    pub fn told(&self) -> impl Iterator<Item = String> {
        self.items.iter().map(|Item { action, path, unbounded, .. }| {
            let path = path.trim_start_matches('/');
            let gap = if path.is_empty() { "" } else { " " };
            format!("{action}{gap}{path}{}", if *unbounded { WITHOUT_WHERE } else { "" })
        })
    }
}

fn fact(kind: FactKind, name: &str) -> Fact<'static> {
    Fact { kind, name: Cow::Owned(name.to_owned()), value: Cow::Borrowed("") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> String {
        let understood = Understood::of(text.as_bytes(), false);
        Asked::of(&understood, "ann", "shop", &Settings::default()).told().collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn statements_become_accesses() {
        assert_eq!(
            asked("SELECT a FROM t JOIN s.u ON true; DELETE FROM t"),
            "SELECT t, SELECT s.u, DELETE t without WHERE"
        );
        assert_eq!(asked("BEGIN"), "SESSION");
        assert_eq!(asked("SELECT 1"), "SESSION");
        assert_eq!(asked(""), "SESSION");
        assert_eq!(asked("SELEC 1"), "UNREADABLE");
        assert_eq!(asked("SET timezone = 'UTC'"), "SESSION");
        assert_eq!(asked("SET role = x"), "SET role");
        assert_eq!(asked("SET search_path = s; SELECT a FROM t"), "SET search_path, SELECT t, SELECT s.t");
    }

    #[test]
    fn commands_of_replication_are_asked_for_in_sessions_for_that() {
        let asked = |text: &str, replication| {
            let mut settings = Settings::default();
            settings.replication = replication;
            let understood = Understood::of(text.as_bytes(), false);
            Asked::of(&understood, "ann", "shop", &settings).told().collect::<Vec<_>>().join(", ")
        };
        assert_eq!(asked("START_REPLICATION SLOT \"s\" LOGICAL 0/0", true), "REPLICATION");
        assert_eq!(asked("START_REPLICATION SLOT \"s\" LOGICAL 0/0", false), "UNREADABLE");
        assert_eq!((asked("SELEC 1", true), asked("SELECT a FROM t", true)), ("UNREADABLE".into(), "SELECT t".into()));
        assert!(REPLICATING.is_sorted());
    }

    #[test]
    fn sql_in_strings_is_asked_for_too() {
        assert_eq!(
            asked("SELECT a FROM ts_stat('SELECT b FROM t; DELETE FROM u')"),
            "SELECT t, DELETE u without WHERE"
        );
        assert_eq!(asked("SELECT a FROM ts_stat('SELEC')"), "UNREADABLE");
        let deep = |levels: u32| {
            (0..levels)
                .fold("SELECT b FROM t".to_owned(), |text, at| format!("SELECT a FROM ts_stat($q{at}${text}$q{at}$)"))
        };
        assert_eq!((asked(&deep(16)).as_str(), asked(&deep(17)).as_str()), ("SELECT t", "UNREADABLE"));
        let understood = Understood::of(b"SELECT a FROM ts_stat('SELECT b FROM t')", false);
        assert_eq!((understood.working(), understood.is_by_fingerprint(), understood.verb()), (1, false, "SELECT"));
        let all: Vec<_> = understood.with_texts(b"x", false).map(|(text, _)| text.to_vec()).collect();
        assert_eq!(all, [&b"x"[..], b"SELECT b FROM t"]);
    }

    #[test]
    fn functions_by_number_are_those_of_large_objects() {
        let asked = |number| Asked::function("ann", "shop", number).told().collect::<Vec<_>>().join(", ");
        // loread, lo_import
        assert_eq!((asked(954).as_str(), asked(764).as_str()), ("FUNCTION", "FUNCTION, UNREADABLE"));
    }

    #[test]
    fn sql_in_a_value_takes_no_values() {
        let of = |text: &str| {
            let understood = Understood::of_value(text.as_bytes(), false);
            let asked =
                Asked::of(&understood, "ann", "shop", &Settings::default()).told().collect::<Vec<_>>().join(", ");
            (asked, understood.live_values().count())
        };
        assert_eq!(of("SELECT a FROM t"), ("SELECT t".into(), 0));
        assert_eq!(of("SELECT a FROM ts_stat($1)"), ("UNREADABLE".into(), 0));
        assert_eq!(of("EXECUTE p"), ("UNREADABLE".into(), 0));
        let bound = Understood::of(b"SELECT a FROM ts_stat($2) WHERE b = $1", false);
        assert_eq!(bound.live_values().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn only_the_table_without_where_is_unbounded() {
        let understood = Understood::of(b"DELETE FROM t USING u", false);
        let asked = Asked::of(&understood, "ann", "shop", &Settings::default());
        let unbounded: Vec<_> = asked
            .accesses()
            .iter()
            .map(|access| access.facts.iter().any(|fact| fact.kind == FactKind::Unbounded))
            .collect();
        assert_eq!(unbounded, [true, false]);
    }

    #[test]
    fn what_is_only_written_is_not_read() {
        let columns = |text: &str| {
            let understood = Understood::of(text.as_bytes(), false);
            let asked = Asked::of(&understood, "ann", "shop", &Settings::default());
            let reads = |access: &Access<'_>| access.facts.iter().any(|fact| fact.kind == FactKind::Column);
            asked.accesses().iter().map(|access| (access.action.to_owned(), reads(access))).collect::<Vec<_>>()
        };
        let (insert, select) = ("INSERT".to_owned(), "SELECT".to_owned());
        assert_eq!(columns("INSERT INTO t SELECT * FROM s"), [(insert.clone(), false), (select, true)]);
        assert_eq!(columns("INSERT INTO t (a) VALUES (1) RETURNING *"), [(insert.clone(), true)]);
        assert_eq!(columns("COPY t (a) FROM STDIN"), [("COPY".to_owned(), false), (insert.clone(), false)]);
        let update = ("UPDATE".to_owned(), true);
        assert_eq!(
            columns("INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = t.b"),
            [(insert, false), update]
        );
    }

    #[test]
    fn settings_that_blind_us_are_refused() {
        for text in
            ["SET standard_conforming_strings = off", "SET NAMES 'SJIS'", "SELECT set_config(a, b, true) FROM t"]
        {
            assert!(Understood::of(text.as_bytes(), false).is_refused(), "{text}");
        }
        assert!(!Understood::of(b"SET NAMES 'UTF8'", false).is_refused());
    }
}
