//! What a rule grants on a database: users, databases, kinds of statement for each table, columns that stay unread,
//! functions, settings, fingerprints. An access is one table with what is done to it, or a statement without a table.

mod meaning;
mod mysql;

use super::describe::listed;
use super::pattern::Wrong;
use super::rule::facts;
use crate::flow::{Access, FactKind};
use std::fmt;

/// Kinds of statement that are granted on a table.
pub(super) static TABLE_KINDS: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "COPY", "LOCK", "DDL"];

/// Kinds of statement that name no table, or whose table is not told.
pub(super) static OTHER_KINDS: &[&str] = &[
    "ADMIN",
    "CALL",
    "COPY",
    "DDL",
    "DO",
    "EXPLAIN",
    "FUNCTION",
    "LISTEN",
    "NOTIFY",
    "PREPARE",
    "REPLICATION",
    "SHOW",
    "UNREADABLE",
];

/// Tables of the server's catalogue that hold secrets; no pattern takes them, they must be named.
static SECRET: &[&str] = &[
    "pg_authid",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_largeobject",
    "pg_shadow",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_stats",
    "pg_stats_ext",
    "pg_subscription",
    "pg_user_mapping",
    "pg_user_mappings",
];

/// Functions that run SQL or programs, reach files, large objects or other servers, end sessions, or wait. A name that ends
/// in `*` is a beginning.
static DANGEROUS: &[&str] = &[
    "aws_lambda.*",
    "aws_s3.*",
    "connectby",
    "copy_*",
    "cron.*",
    "crosstab*",
    "cursor_to_xml*",
    "database_to_xml*",
    "dblink*",
    "http",
    "http_delete",
    "http_get",
    "http_head",
    "http_patch",
    "http_post",
    "http_put",
    "lo_*",
    "loread",
    "lowrite",
    "pg_advisory_lock*",
    "pg_background_*",
    "pg_backup_*",
    "pg_cancel_backend",
    "pg_copy_*",
    "pg_create_*",
    "pg_current_logfile",
    "pg_drop_*",
    "pg_execute_*",
    "pg_file_*",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_import_*",
    "pg_log_*",
    "pg_logdir_ls",
    "pg_logical_*",
    "pg_ls_*",
    "pg_promote",
    "pg_read_*",
    "pg_reload_conf",
    "pg_replication_*",
    "pg_rotate_*",
    "pg_show_all_file_settings",
    "pg_sleep*",
    "pg_start_backup",
    "pg_stat_file",
    "pg_stat_reset*",
    "pg_stop_backup",
    "pg_switch_*",
    "pg_terminate_backend",
    "pg_wal_replay_*",
    "query_to_xml*",
    "schema_to_xml*",
    "set_user*",
    "table_to_xml*",
    "ts_rewrite",
    "ts_stat",
    "xpath_table",
];

/// What a rule grants on a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Granted {
    /// It speaks of MySQL and MariaDB: schemas are databases.
    pub(super) mysql: bool,
    /// Empty: all.
    pub(super) users: Vec<Box<str>>,
    /// Empty: all.
    pub(super) databases: Vec<Box<str>>,
    /// Which kinds on which tables; sorted.
    pub(super) tables: Vec<(Table, Vec<&'static str>)>,
    /// Kinds without a table; sorted.
    pub(super) statements: Vec<&'static str>,
    /// Columns that are never read: of which tables, and their name.
    pub(super) unread: Vec<(Table, Box<str>)>,
    /// Functions that are granted although they are dangerous.
    pub(super) functions: Vec<Box<str>>,
    /// Settings that may be changed, besides the harmless ones.
    pub(super) settings: Vec<Box<str>>,
    /// Statements by their fingerprint. Empty: all.
    pub(super) fingerprints: Vec<Box<str>>,
    /// UPDATE and DELETE need no WHERE.
    pub(super) unbounded: bool,
    /// Everything, whatever the other fields say of statements.
    pub(super) whole: bool,
    /// Rows that one statement may bring. Nothing: any number.
    pub(super) rows: Option<u64>,
}

/// Tables by their name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    /// `*`: all but the server's own catalogues.
    Any,
    /// `schema.*`
    Schema(Box<str>),
    /// `schema.table`
    Named(Box<str>, Box<str>),
}

/// What an access lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    User,
    Database,
    Table,
    Kind,
    Column,
    Function,
    Setting,
    Unbounded,
    Fingerprint,
}

impl Table {
    /// `*`, `schema.*`, `schema.table`; a name without a schema is one of `public`.
    #[cfg(test)]
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        Self::of(text, false)
    }

    /// The same; of MySQL, a name without a database is a table of each that is granted.
    pub(super) fn of(text: &str, mysql: bool) -> Result<Self, Wrong> {
        let wrong = || Wrong::new("a table such as `orders`, `public.orders`, `public.*` or `*`", "");
        if text == "*" {
            return Ok(Self::Any);
        }
        let plain = |name: &str| !name.is_empty() && !name.contains(['*', '.', '/']) && name.len() <= 64;
        let (schema, table) = match text.split_once('.') {
            None if mysql && plain(text) => return Ok(Self::Named("".into(), text.into())),
            None => ("public", text),
            Some(parts) => parts,
        };
        match (plain(schema), table) {
            (true, "*") => Ok(Self::Schema(schema.into())),
            (true, table) if plain(table) => Ok(Self::Named(schema.into(), table.into())),
            _ => Err(wrong()),
        }
    }

    /// Whether a path (`/schema.table`, or `/table` under the default search path) is one of these.
    fn takes(&self, path: &str) -> bool {
        let name = path.strip_prefix('/').unwrap_or(path);
        let (schema, table) = name.split_once('.').unwrap_or(("public", name));
        let catalogue = matches!(schema, "pg_catalog" | "information_schema" | "pg_toast");
        let secret = schema == "pg_catalog" && SECRET.contains(&table);
        match self {
            Self::Any => !catalogue && schema != "?",
            Self::Schema(mine) => **mine == *schema && !secret,
            Self::Named(mine, name) => **mine == *schema && **name == *table,
        }
    }

    fn covers(&self, other: &Self, mysql: bool) -> bool {
        match (self, other) {
            (mine, theirs) if mine == theirs => true,
            _ if mysql => self.covers_mysql(other),
            (Self::Any, Self::Schema(schema)) => self.takes(&format!("/{schema}.x")),
            (Self::Any | Self::Schema(_), Self::Named(schema, table)) => self.takes(&format!("/{schema}.{table}")),
            _ => false,
        }
    }
}

impl Granted {
    /// Everything that an access lacks to be granted.
    pub(super) fn lacks(&self, access: &Access<'_>) -> Option<Lack> {
        let user = facts(access, FactKind::User).next().map_or("", |(name, _)| name);
        let is_one_of = |list: &[Box<str>], name: &str| list.is_empty() || list.iter().any(|known| **known == *name);
        if !is_one_of(&self.users, user) {
            return Some(Lack::User);
        }
        // A table of another database must be named with it; without a database in use nothing can be read.
        let elsewhere = self.mysql && (is_on_table(access) || access.authority.is_empty());
        if !elsewhere && !is_one_of(&self.databases, access.authority) {
            return Some(Lack::Database);
        }
        if access.action == "CONNECT" || self.whole {
            return None;
        }
        self.lacks_kind(access).or_else(|| self.lacks_facts(access))
    }

    /// Whether the kind of statement is not granted, on its table if it has one.
    fn lacks_kind(&self, access: &Access<'_>) -> Option<Lack> {
        let name = access.path.strip_prefix('/').unwrap_or(&access.path);
        match access.action {
            "SESSION" => None,
            "SET" => (!self.settings.iter().any(|known| **known == *name)).then_some(Lack::Setting),
            "COPY" if matches!(name, "program" | "file") => self.lacks_statement("COPY"),
            action if !is_on_table(access) => self.lacks_statement(action),
            action => {
                let tables = || self.tables.iter().filter(|(table, _)| self.takes(table, access));
                match (tables().next(), tables().any(|(_, kinds)| kinds.contains(&action))) {
                    (None, _) => Some(Lack::Table),
                    (_, false) => Some(Lack::Kind),
                    (_, true) => None,
                }
            }
        }
    }

    fn takes(&self, table: &Table, access: &Access<'_>) -> bool {
        if self.mysql { table.takes_mysql(access, &self.databases) } else { table.takes(&access.path) }
    }

    /// Whether a table's columns are ones that stay unread.
    fn hides(&self, table: &Table, access: &Access<'_>) -> bool {
        if self.mysql { table.may_be(access) } else { table.takes(&access.path) }
    }

    fn lacks_statement(&self, kind: &str) -> Option<Lack> {
        (!self.statements.contains(&kind)).then_some(Lack::Kind)
    }

    fn lacks_facts(&self, access: &Access<'_>) -> Option<Lack> {
        let dangerous = |name: &str| {
            let last = name.rsplit('.').next().unwrap_or(name);
            is_dangerous(name, self.mysql) && !self.functions.iter().any(|known| **known == *last || **known == *name)
        };
        if facts(access, FactKind::Function).any(|(name, _)| dangerous(name)) {
            return Some(Lack::Function);
        }
        if !self.unbounded && facts(access, FactKind::Unbounded).next().is_some() {
            return Some(Lack::Unbounded);
        }
        let unread = |(table, column): &(Table, Box<str>)| {
            let named = |name: &str| name == "*" || **column == *name;
            self.hides(table, access) && facts(access, FactKind::Column).any(|(name, _)| named(name))
        };
        if access.action != "SESSION" && self.unread.iter().any(unread) {
            return Some(Lack::Column);
        }
        let known = |name: &str| self.fingerprints.iter().any(|known| **known == *name);
        let is_free = access.action == "SESSION" && facts(access, FactKind::Function).next().is_none();
        let strange = !facts(access, FactKind::Fingerprint).any(|(name, _)| known(name));
        (!self.fingerprints.is_empty() && !is_free && strange).then_some(Lack::Fingerprint)
    }

    /// Whether everything that the other grants is granted.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let any_of = |mine: &[Box<str>], theirs: &[Box<str>]| {
            mine.is_empty() || !theirs.is_empty() && theirs.iter().all(|name| mine.contains(name))
        };
        any_of(&self.users, &other.users)
            && any_of(&self.databases, &other.databases)
            && (self.whole
                || !other.whole && any_of(&self.fingerprints, &other.fingerprints) && self.covers_statements(other))
    }

    fn covers_statements(&self, other: &Self) -> bool {
        let all_of = |mine: &[Box<str>], theirs: &[Box<str>]| theirs.iter().all(|name| mine.contains(name));
        let granted = |table: &Table, kind: &&str| {
            self.tables.iter().any(|(mine, kinds)| mine.covers(table, self.mysql) && kinds.contains(kind))
        };
        all_of(&self.functions, &other.functions)
            && all_of(&self.settings, &other.settings)
            && other.tables.iter().all(|(table, kinds)| kinds.iter().all(|kind| granted(table, kind)))
            && other.statements.iter().all(|kind| self.statements.contains(kind))
            && self.unread.iter().all(|mine| other.unread.contains(mine))
            && (self.unbounded || !other.unbounded)
            && self.rows.is_none_or(|mine| other.rows.is_some_and(|theirs| theirs <= mine))
    }

    fn speaks(&self) -> &'static str {
        if self.mysql { "mysql" } else { "postgres" }
    }

    /// What a rule does not grant, in words; names that could carry a secret are left out.
    pub(super) fn says(&self, lack: Lack, access: &Access<'_>) -> String {
        match lack {
            Lack::User => format!("grants user {}, not this one", listed(&self.users)),
            Lack::Database => format!("grants database {}, not this one", listed(&self.databases)),
            Lack::Table => "does not grant this table".to_owned(),
            Lack::Kind => format!("does not grant {}", access.action),
            Lack::Column => "does not grant a column that may be read".to_owned(),
            Lack::Function => "does not grant a dangerous function".to_owned(),
            Lack::Setting => "does not grant this setting".to_owned(),
            Lack::Unbounded => format!("does not grant {} without WHERE", access.action),
            Lack::Fingerprint => "does not grant this statement's fingerprint".to_owned(),
        }
    }
}

/// Whether what is done is done to a table.
fn is_on_table(access: &Access<'_>) -> bool {
    access.path.len() > 1
        && TABLE_KINDS.contains(&access.action)
        && !matches!((access.action, &*access.path), ("COPY", "/program" | "/file"))
}

/// Whether a function must be granted by its name, whatever its schema; `mysql` where that is what the database speaks.
pub fn is_dangerous(name: &str, mysql: bool) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    if mysql { mysql::is_dangerous(last) } else { is_among(DANGEROUS, last) || is_among(DANGEROUS, name) }
}

/// Whether a name is one of these, of which some are beginnings.
fn is_among(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *known,
    })
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Schema(schema) => write!(f, "{schema}.*"),
            Self::Named(schema, table) if schema.is_empty() => f.write_str(table),
            Self::Named(schema, table) => write!(f, "{schema}.{table}"),
        }
    }
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.whole {
            return f.write_str(self.speaks());
        }
        let tables = self.tables.iter().map(|(table, kinds)| format!("{table}: {}", kinds.join(",")));
        write!(f, "{} {{{}}}", self.speaks(), tables.collect::<Vec<_>>().join("; "))?;
        let unread: Vec<String> = self.unread.iter().map(|(table, column)| format!("{table}.{column}")).collect();
        let named: [(&str, String); 7] = [
            ("users", listed(&self.users)),
            ("databases", listed(&self.databases)),
            ("statements", self.statements.join(", ")),
            ("neverRead", unread.join(", ")),
            ("functions", listed(&self.functions)),
            ("settings", listed(&self.settings)),
            ("fingerprints", listed(&self.fingerprints)),
        ];
        named.iter().filter(|(_, list)| !list.is_empty()).try_for_each(|(name, list)| write!(f, " {name} [{list}]"))?;
        if let Some(rows) = self.rows {
            write!(f, " rows {rows}")?;
        }
        if self.unbounded { f.write_str(" unbounded") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Fact;

    fn granted() -> Granted {
        Granted {
            users: vec!["app".into()],
            tables: vec![
                (Table::parse("orders").unwrap(), vec!["DELETE", "SELECT"]),
                (Table::parse("pg_catalog.*").unwrap(), vec!["SELECT"]),
                (Table::parse("users").unwrap(), vec!["SELECT"]),
            ],
            unread: vec![(Table::parse("users").unwrap(), "secret".into())],
            statements: vec!["EXPLAIN"],
            settings: vec!["search_path".into()],
            ..Granted::default()
        }
    }

    fn lacks(granted: &Granted, action: &'static str, path: &str, more: &[(FactKind, &str)]) -> Option<Lack> {
        let more = more.iter().map(|(kind, name)| (*kind, *name));
        let facts: Vec<Fact<'_>> = more
            .chain([(FactKind::User, "app")])
            .map(|(kind, name)| Fact { kind, name: name.into(), value: "".into() })
            .collect();
        granted.lacks(&Access { action, scheme: "postgres", authority: "shop", path: path.into(), facts: &facts })
    }

    #[test]
    fn kinds_are_granted_for_each_table() {
        let granted = granted();
        assert_eq!(lacks(&granted, "SELECT", "/orders", &[]), None);
        assert_eq!(lacks(&granted, "SELECT", "/public.orders", &[]), None);
        assert_eq!(lacks(&granted, "INSERT", "/orders", &[]), Some(Lack::Kind));
        assert_eq!(lacks(&granted, "SELECT", "/other.orders", &[]), Some(Lack::Table));
        assert_eq!(lacks(&granted, "EXPLAIN", "/", &[]), None);
        assert_eq!(lacks(&granted, "DO", "/", &[]), Some(Lack::Kind));
        assert_eq!(lacks(&granted, "UNREADABLE", "/", &[]), Some(Lack::Kind));
        assert_eq!(lacks(&granted, "SET", "/search_path", &[]), None);
        assert_eq!(lacks(&granted, "SET", "/role", &[]), Some(Lack::Setting));
        assert_eq!(lacks(&granted, "COPY", "/program", &[]), Some(Lack::Kind));
        assert_eq!(lacks(&granted, "SESSION", "/", &[]), None);
    }

    #[test]
    fn facts_are_asked_for() {
        let granted = granted();
        let unbounded = [(FactKind::Unbounded, "")];
        assert_eq!(lacks(&granted, "DELETE", "/orders", &unbounded), Some(Lack::Unbounded));
        assert_eq!(lacks(&Granted { unbounded: true, ..granted.clone() }, "DELETE", "/orders", &unbounded), None);
        for (column, lack) in [("id", None), ("secret", Some(Lack::Column)), ("*", Some(Lack::Column))] {
            assert_eq!(lacks(&granted, "SELECT", "/users", &[(FactKind::Column, column)]), lack, "{column}");
            assert_eq!(lacks(&granted, "SELECT", "/orders", &[(FactKind::Column, column)]), None, "{column}");
        }
        for name in ["pg_sleep", "dblink_exec", "s.dblink", "query_to_xml"] {
            assert_eq!(lacks(&granted, "SESSION", "/", &[(FactKind::Function, name)]), Some(Lack::Function), "{name}");
        }
        let named = Granted { functions: vec!["pg_sleep".into()], ..granted };
        assert_eq!(lacks(&named, "SESSION", "/", &[(FactKind::Function, "pg_sleep")]), None);
    }

    #[test]
    fn any_table_is_none_of_the_catalogue() {
        let any = Table::parse("*").unwrap();
        assert!(any.takes("/orders") && any.takes("/s.t") && !any.takes("/pg_catalog.pg_class") && !any.takes("/?.t"));
        let catalogue = Table::parse("pg_catalog.*").unwrap();
        assert!(catalogue.takes("/pg_catalog.pg_class") && !catalogue.takes("/pg_catalog.pg_authid"));
        assert!(Table::parse("pg_catalog.pg_authid").unwrap().takes("/pg_catalog.pg_authid"));
        for wrong in ["", "a.b.c", "*.a", "a*", "."] {
            assert!(Table::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_known_statements_are_granted_where_fingerprints_are_named() {
        let granted = Granted { fingerprints: vec!["0123".into()], ..granted() };
        let with = |print| lacks(&granted, "SELECT", "/orders", &[(FactKind::Fingerprint, print)]);
        assert_eq!((with("0123"), with("4567")), (None, Some(Lack::Fingerprint)));
        assert_eq!(lacks(&granted, "SESSION", "/", &[(FactKind::Fingerprint, "4567")]), None);
    }

    #[test]
    fn wider_grant_covers() {
        let wide = Granted { tables: vec![(Table::Any, TABLE_KINDS.to_vec())], ..Granted::default() };
        let narrow = Granted { tables: vec![(Table::parse("a").unwrap(), vec!["SELECT"])], ..Granted::default() };
        assert!(wide.covers(&narrow) && !narrow.covers(&wide));
    }
}
