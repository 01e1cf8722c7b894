//! What a text of statements asks for, as accesses: `(SELECT, mysql://shop/orders)`, with the facts that allowlists look at.
//! Also what its record is made of.

use super::settings::{Change, Settings, change, changes_reading};
use crate::canon::sql::live::unfold;
use crate::canon::sql::mysql::{self, Mode, Prepared, Statement, Unreadable};
use crate::flow::{Access, Fact, FactKind};
use std::borrow::Cow;

/// A text, understood once: what does not depend on the database in use.
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

/// What does not parse is asked for as this; nobody grants it by chance.
pub const UNREADABLE: &str = "UNREADABLE";
/// Verbs that only begin and end transactions.
static TRANSACTIONS: &[&str] = &["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT"];
/// Ends what is told of an UPDATE or DELETE that does not say which rows.
const WITHOUT_WHERE: &str = " without WHERE";

impl Understood {
    /// Reads a text; under both meanings of `"` when `either` is set.
    pub fn of(text: &[u8], mode: Mode, either: bool) -> Self {
        let normalised = mysql::tokens(text, mode).map(|tokens| mysql::normalised(text, &tokens)).unwrap_or_default();
        let fingerprint = if normalised.is_empty() { String::new() } else { mysql::fingerprint(&normalised) };
        let mut statements = read(text, mode, either);
        let texts = statements.as_mut().map(|all| unfold(all, |text| read(text, mode, either))).unwrap_or_default();
        Self { statements, normalised: String::from_utf8_lossy(&normalised).into_owned(), fingerprint, texts }
    }

    /// The text that it was read from, and those in strings of it, each with its fingerprint as a number.
    pub fn with_texts<'t>(&'t self, text: &'t [u8], mode: Mode) -> impl Iterator<Item = (&'t [u8], Option<u64>)> + 't {
        let number = |fingerprint: &str| u64::from_str_radix(fingerprint, 16).ok();
        let within = move |text: &'t str| {
            let tokens = mysql::tokens(text.as_bytes(), mode).ok();
            let name = tokens.map(|tokens| mysql::fingerprint(&mysql::normalised(text.as_bytes(), &tokens)));
            (text.as_bytes(), name.and_then(|name| number(&name)))
        };
        std::iter::once((text, number(&self.fingerprint))).chain(self.texts.iter().map(|text| &**text).map(within))
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

    /// Its statements.
    pub fn all(&self) -> &[Statement] {
        self.statements.as_deref().unwrap_or_default()
    }

    /// Whether a text with other literals asks for the same.
    pub fn is_by_fingerprint(&self) -> bool {
        self.statements.as_ref().is_ok_and(|statements| !statements.iter().any(|statement| statement.by_literal))
    }

    /// How many statements it has, besides those that begin and end transactions.
    pub fn working(&self) -> usize {
        let own = self.all().iter().filter(|statement| !statement.within);
        own.filter(|statement| !TRANSACTIONS.contains(&statement.verb)).count()
    }

    /// Whether it has one statement, besides what stands in strings of it.
    pub fn is_single(&self) -> bool {
        self.all().iter().filter(|statement| !statement.within).count() == 1
    }

    /// What it does with statements that are prepared under names, in order.
    pub fn prepared(&self) -> impl Iterator<Item = &Prepared> {
        self.all().iter().filter(|statement| !statement.within).filter_map(|statement| statement.prepared.as_ref())
    }

    /// The names that it runs and has not prepared itself before.
    pub fn runs(&self) -> impl Iterator<Item = &str> {
        self.prepared().enumerate().filter_map(|(at, prepared)| {
            let Prepared::Use(name) = prepared else { return None };
            let made = |before: &Prepared| matches!(before, Prepared::Make(made) if made == name);
            (!self.prepared().take(at).any(made)).then_some(name.as_str())
        })
    }

    /// The functions that it calls.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.all().iter().flat_map(|statement| statement.functions.iter().map(String::as_str))
    }

    /// The files of the client's that it reads, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.all().iter().filter_map(|statement| statement.file.as_deref())
    }

    /// Whether it changes a setting without which later statements cannot be read, or one that changes how the rest of
    /// this text is read.
    pub fn is_refused(&self) -> bool {
        let all = self.all();
        all.iter().enumerate().any(|(at, statement)| {
            let goes_on = at + 1 < all.len();
            statement
                .settings
                .iter()
                .any(|setting| change(setting) == Change::Refused || goes_on && changes_reading(setting))
        })
    }

    /// Whether the session reads its texts as before when it has run.
    pub fn leaves_no_trace(&self) -> bool {
        !self.all().iter().any(|statement| statement.uses.is_some() || !statement.settings.is_empty())
    }

    /// Follows what it changes, once the server has run it; `whole` unless it failed somewhere.
    pub fn follow(&self, settings: &mut Settings, whole: bool) {
        for statement in self.all() {
            let whole = whole && !statement.within;
            match &statement.uses {
                Some(database) if whole => settings.uses(database),
                Some(database) => settings.may_use(database),
                None => {}
            }
            statement.settings.iter().for_each(|setting| settings.follow(setting, whole));
        }
    }
}

/// The statements of a text; under both meanings of `"` when `either` is set.
fn read(text: &[u8], mode: Mode, either: bool) -> Result<Vec<Statement>, Unreadable> {
    let under = |mode| mysql::tokens(text, mode).and_then(|tokens| mysql::statements_of(text, &tokens));
    let one = under(mode)?;
    if !either || memchr::memchr(b'"', text).is_none() {
        return Ok(one);
    }
    Ok([one, under(Mode { ansi_quotes: !mode.ansi_quotes, ..mode })?].concat())
}

/// The accesses of a text in a session.
#[derive(Debug)]
pub struct Asked {
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
    database: String,
    path: String,
    unbounded: bool,
    reads: bool,
}

impl Asked {
    /// What opening a session asks for, or turning to another database.
    pub fn session(user: &str, database: &str) -> Self {
        Self::kind(user, database, "CONNECT")
    }

    /// What a kind of request without a table asks for.
    pub fn kind(user: &str, database: &str, kind: &'static str) -> Self {
        let facts = vec![fact(FactKind::User, user)];
        let mut asked = Self { facts, written: Vec::new(), unbounded: Vec::new(), items: Vec::new() };
        asked.add(kind, database, "/".into(), (false, true));
        asked
    }

    /// What a text asks for under the settings of its session. A statement may change the database for those behind it.
    pub fn of(understood: &Understood, user: &str, settings: &Settings) -> Self {
        let mut asked = Self::session(user, "");
        asked.items.clear();
        asked.facts.push(fact(FactKind::Fingerprint, &understood.fingerprint));
        let mut settings = Cow::Borrowed(settings);
        if understood.statements.is_err() {
            asked.everywhere(&settings.databases, UNREADABLE, "/");
        }
        for statement in understood.all() {
            asked.statement(statement, &settings);
            match &statement.uses {
                Some(database) if statement.within => settings.to_mut().may_use(database),
                Some(database) => settings.to_mut().uses(database),
                None => {}
            }
        }
        if asked.items.is_empty() {
            asked.everywhere(&settings.databases, "SESSION", "/");
        }
        let written = asked.facts.iter().filter(|fact| fact.kind != FactKind::Column);
        asked.written = written.cloned().collect();
        asked.unbounded = asked.facts.clone();
        asked.unbounded.push(fact(FactKind::Unbounded, ""));
        asked
    }

    fn statement(&mut self, statement: &Statement, settings: &Settings) {
        self.facts.extend(statement.columns.iter().map(|column| fact(FactKind::Column, column)));
        self.facts.extend(statement.star.then(|| fact(FactKind::Column, "*")));
        self.facts.extend(statement.functions.iter().map(|function| fact(FactKind::Function, function)));
        for table in &statement.tables {
            let unbounded = matches!(table.action, "UPDATE" | "DELETE") && !table.has_where;
            let reads = !matches!(table.action, "COPY" | "INSERT") || statement.returning;
            let named = table.schema.as_slice();
            for database in if named.is_empty() { &settings.databases } else { named } {
                self.add(table.action, database, format!("/{}", table.name), (unbounded, reads));
            }
        }
        statement.shows.iter().for_each(|database| self.add("SHOW", database, "/".into(), (false, true)));
        if let Some(database) = &statement.uses {
            self.add("CONNECT", database, "/".into(), (false, true));
        }
        let harmless = |name: &str| {
            let named = statement.settings.iter().filter(|setting| setting.name == name);
            named.into_iter().all(|setting| change(setting) == Change::Harmless)
        };
        for other in &statement.others {
            match other.action {
                "SET" if harmless(&other.name) => self.everywhere(&settings.databases, "SESSION", "/"),
                action => self.everywhere(&settings.databases, action, &format!("/{}", other.name)),
            }
        }
    }

    fn everywhere(&mut self, databases: &[String], action: &'static str, path: &str) {
        databases.iter().for_each(|database| self.add(action, database, path.to_owned(), (false, true)));
    }

    fn add(&mut self, action: &'static str, database: &str, path: String, (unbounded, reads): (bool, bool)) {
        let item = Item { action, database: database.to_owned(), path, unbounded, reads };
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
                scheme: "mysql",
                authority: &item.database,
                path: Cow::Borrowed(item.path.as_str()),
                facts: self.facts_of(item),
            })
            .collect()
    }

    /// `SELECT shop.orders`, `DELETE shop.log without WHERE`, for the record.
    pub fn told(&self) -> impl Iterator<Item = String> {
        self.items.iter().map(|Item { action, database, path, unbounded, .. }| {
            let name = path.trim_start_matches('/');
            let gap = if name.is_empty() { "" } else { " " };
            let table = mysql::is_on_table(action, name) && !name.is_empty() && !database.is_empty();
            let database = if table { format!("{database}.") } else { String::new() };
            format!("{action}{gap}{database}{name}{}", if *unbounded { WITHOUT_WHERE } else { "" })
        })
    }
}

fn fact(kind: FactKind, name: &str) -> Fact<'static> {
    Fact { kind, name: Cow::Owned(name.to_owned()), value: Cow::Borrowed("") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::sql::mysql::Server;

    fn asked(text: &str) -> String {
        let settings = Settings::new(Server::of(b"10.11.6-MariaDB"), 45, "shop");
        let understood = Understood::of(text.as_bytes(), settings.mode, false);
        Asked::of(&understood, "ann", &settings).told().collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn statements_become_accesses() {
        assert_eq!(
            asked("SELECT a FROM t JOIN s.u; DELETE FROM t"),
            "SELECT shop.t, SELECT s.u, DELETE shop.t without WHERE"
        );
        for (text, told) in [
            ("BEGIN", "SESSION"),
            ("SELECT 1", "SESSION"),
            ("", "SESSION"),
            ("SELEC 1", "UNREADABLE"),
            ("SET NAMES utf8mb4", "SESSION"),
            ("SET foreign_key_checks = 0", "SET foreign_key_checks"),
            ("USE other; SELECT a FROM t", "CONNECT, SELECT other.t"),
            ("SHOW TABLES", "SHOW"),
            ("SHOW TABLES FROM other", "SHOW"),
            ("LOAD DATA INFILE 'x' INTO TABLE t", "INSERT shop.t, COPY file"),
            ("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "COPY shop.t, INSERT shop.t"),
        ] {
            assert_eq!(asked(text), told, "{text}");
        }
    }

    #[test]
    fn catalogue_is_that_of_the_database_it_is_of() {
        let settings = Settings::new(Server::default(), 45, "shop");
        for (text, databases) in [
            ("SHOW TABLES", &["shop"][..]),
            ("SHOW TABLES FROM other", &["other"]),
            ("SHOW COLUMNS FROM other.t FROM shop", &["other", "shop"]),
            ("USE other; SHOW TABLES; DESC shop.t", &["other", "other", "shop"]),
            ("EXECUTE IMMEDIATE 'SHOW TABLES FROM other'", &["shop", "other"]),
            ("SHOW DATABASES", &["information_schema"]),
        ] {
            let understood = Understood::of(text.as_bytes(), settings.mode, false);
            let asked = Asked::of(&understood, "ann", &settings);
            let found: Vec<_> = asked.accesses().iter().map(|access| access.authority).collect();
            assert_eq!(found, databases, "{text}");
        }
    }

    #[test]
    fn sql_in_strings_is_asked_for_too() {
        for (text, told) in [
            ("PREPARE s FROM 'SELECT a FROM t WHERE b = ''x'''", "PREPARE, SELECT shop.t"),
            ("EXECUTE IMMEDIATE \"DELETE FROM t\" USING 1", "PREPARE, DELETE shop.t without WHERE"),
            ("EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE ''SELECT a FROM t'''", "PREPARE, SELECT shop.t"),
            ("EXECUTE IMMEDIATE 'SELECT a ' 'FROM t'", "UNREADABLE, PREPARE"),
            ("EXECUTE IMMEDIATE 'SELECT \\'x\\''", "UNREADABLE, PREPARE"),
            ("PREPARE s FROM @a", "UNREADABLE, PREPARE"),
            ("PREPARE s FROM 'SELECT LOAD_FILE(?)'", "PREPARE, UNREADABLE"),
            ("EXECUTE s USING @a", "PREPARE"),
        ] {
            assert_eq!(asked(text), told, "{text}");
        }
        let reaches = |text: &str| Understood::of(text.as_bytes(), Mode::default(), false).reaches();
        assert!(
            reaches("SELECT LOAD_FILE('x')") && reaches("SELECT a FROM t INTO OUTFILE 'x'") && !reaches("SELECT 'x'")
        );
    }

    #[test]
    fn database_that_a_string_turns_to_may_be_in_use() {
        let mut settings = Settings::new(Server::default(), 45, "shop");
        Understood::of(b"PREPARE s FROM 'USE other'", settings.mode, false).follow(&mut settings, true);
        assert_eq!(settings.databases, ["shop", "other"]);
    }

    #[test]
    fn both_readings_of_double_quotes_are_asked_for() {
        let understood = |either| Understood::of(b"SELECT a FROM t WHERE b = \"c\"", Mode::default(), either);
        let columns =
            |either| understood(either).all().iter().any(|statement| statement.columns.contains(&"c".to_owned()));
        assert!(columns(true) && !columns(false));
    }

    #[test]
    fn settings_that_blind_us_are_refused() {
        let refused = |text: &str| Understood::of(text.as_bytes(), Mode::default(), false).is_refused();
        for text in ["SET NAMES gbk", "SET sql_mode = 'ORACLE'", "SET NAMES utf8; SELECT 1"] {
            assert!(refused(text), "{text}");
        }
        assert!(!refused("SELECT 1; SET NAMES utf8"));
    }

    #[test]
    fn text_that_failed_may_have_changed_the_database() {
        let mut settings = Settings::new(Server::default(), 45, "shop");
        let understood = Understood::of(b"USE other; SELECT a FROM t", settings.mode, false);
        understood.follow(&mut settings, false);
        assert_eq!(settings.databases, ["shop", "other"]);
        understood.follow(&mut settings, true);
        assert_eq!(settings.databases, ["other"]);
    }
}
