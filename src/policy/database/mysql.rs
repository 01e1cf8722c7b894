//! What differs where MySQL or MariaDB is spoken: schemas are databases, names of tables may differ in letter case only, and
//! the server has catalogues, functions and secrets of its own.

use super::{Table, is_among};
use crate::flow::{Access, Connection};
use crate::policy::Policy;

/// The server's own databases, in any letter case.
static CATALOGUES: &[&str] = &["information_schema", "mysql", "performance_schema", "sys"];

/// Tables of `mysql` that hold secrets; no pattern takes them, they must be named.
static SECRET: &[&str] = &[
    "columns_priv",
    "db",
    "default_roles",
    "federated_servers",
    "general_log",
    "global_grants",
    "global_priv",
    "password_history",
    "procs_priv",
    "proxies_priv",
    "replica_master_info",
    "roles_mapping",
    "servers",
    "slave_master_info",
    "slow_log",
    "tables_priv",
    "user",
];

/// Functions that wait, lock, reach files or programs, or raise errors that tell what was read. A name that ends in `*` is a
/// beginning.
static DANGEROUS: &[&str] = &[
    "benchmark",
    "extractvalue",
    "get_lock",
    "gtid_subset",
    "gtid_subtract",
    "lib_mysqludf*",
    "load_file",
    "master_gtid_wait",
    "master_pos_wait",
    "name_const",
    "release_all_locks",
    "setval",
    "sleep",
    "source_pos_wait",
    "sys_eval",
    "sys_exec",
    "sys_get",
    "sys_set",
    "updatexml",
    "wait_for_executed_gtid_set",
    "wait_until_sql_thread_after_gtids",
];

/// Whether a function must be granted by its name.
pub(super) fn is_dangerous(name: &str) -> bool {
    is_among(DANGEROUS, name)
}

fn is_catalogue(database: &str) -> bool {
    CATALOGUES.iter().any(|known| known.eq_ignore_ascii_case(database))
}

impl Table {
    /// Whether an access is to one of these. `databases` are those whose tables are meant by names without one; none means
    /// all.
    pub(super) fn takes_mysql(&self, access: &Access<'_>, databases: &[Box<str>]) -> bool {
        let (database, name) = (access.authority, access.path.strip_prefix('/').unwrap_or(&access.path));
        let catalogue = is_catalogue(database);
        let listed = databases.is_empty() || databases.iter().any(|known| **known == *database);
        let secret = catalogue && SECRET.iter().any(|known| known.eq_ignore_ascii_case(name));
        let same = |mine: &str, theirs: &str| mine == theirs || catalogue && mine.eq_ignore_ascii_case(theirs);
        match self {
            Self::Any => !catalogue && !database.is_empty() && listed,
            Self::Schema(mine) => same(mine, database) && !secret,
            Self::Named(mine, table) if mine.is_empty() => **table == *name && !catalogue && listed,
            Self::Named(mine, table) => same(mine, database) && same(table, name),
        }
    }

    /// Whether an access may be to one of these, on a server that does not tell letter case apart.
    pub(super) fn may_be(&self, access: &Access<'_>) -> bool {
        let (database, name) = (access.authority, access.path.strip_prefix('/').unwrap_or(&access.path));
        match self {
            Self::Any => true,
            Self::Schema(mine) => mine.eq_ignore_ascii_case(database),
            Self::Named(mine, table) => {
                (mine.is_empty() || mine.eq_ignore_ascii_case(database)) && table.eq_ignore_ascii_case(name)
            }
        }
    }

    /// Whether everything is taken that the other takes. Names without a database are as wide as the databases of their
    /// rule, which are compared apart.
    pub(super) fn covers_mysql(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, Self::Named(database, _)) => database.is_empty(),
            (Self::Schema(mine), Self::Named(database, table)) => {
                mine == database && !(is_catalogue(database) && SECRET.contains(&&**table))
            }
            _ => false,
        }
    }
}

impl Policy {
    /// Whether a rule for a connection's port, whoever it is for, lets clients load files of theirs into a table.
    pub fn loads_files(&self, connection: &Connection) -> bool {
        let rules = self.side(connection.direction).rules.iter().map(|rule| &rule.conditions);
        let mut mine = rules.filter(|rule| rule.ports.is_empty() || rule.ports.contains(&connection.port));
        mine.any(|rule| rule.database.mysql && rule.database.tables.iter().any(|(_, kinds)| kinds.contains(&"COPY")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Fact, FactKind};
    use crate::policy::database::{Granted, Lack};

    fn lacks(
        granted: &Granted,
        action: &'static str,
        (database, path): (&str, &str),
        facts: &[(FactKind, &str)],
    ) -> Option<Lack> {
        let facts: Vec<Fact<'_>> =
            facts.iter().map(|(kind, name)| Fact { kind: *kind, name: (*name).into(), value: "".into() }).collect();
        granted.lacks(&Access { action, scheme: "mysql", authority: database, path: path.into(), facts: &facts })
    }

    fn granted() -> Granted {
        let table = |text| Table::of(text, true).unwrap();
        Granted {
            mysql: true,
            databases: vec!["shop".into()],
            tables: vec![
                (table("orders"), vec!["SELECT"]),
                (table("audit.log"), vec!["INSERT"]),
                (table("information_schema.*"), vec!["SELECT"]),
                (table("Users"), vec!["SELECT"]),
            ],
            unread: vec![(table("users"), "secret".into())],
            statements: vec!["SHOW"],
            ..Granted::default()
        }
    }

    #[test]
    fn tables_are_those_of_their_database() {
        let granted = granted();
        for (action, place, lack) in [
            ("SELECT", ("shop", "/orders"), None),
            ("SELECT", ("shop", "/Orders"), Some(Lack::Table)),
            ("SELECT", ("other", "/orders"), Some(Lack::Table)),
            ("INSERT", ("audit", "/log"), None),
            ("SELECT", ("audit", "/log"), Some(Lack::Kind)),
            ("SELECT", ("INFORMATION_SCHEMA", "/TABLES"), None),
            ("SELECT", ("mysql", "/user"), Some(Lack::Table)),
            ("CONNECT", ("shop", "/"), None),
            ("CONNECT", ("", "/"), None),
            ("CONNECT", ("audit", "/"), Some(Lack::Database)),
            ("SHOW", ("shop", "/"), None),
            ("ADMIN", ("shop", "/"), Some(Lack::Kind)),
            ("COPY", ("shop", "/file"), Some(Lack::Kind)),
        ] {
            assert_eq!(lacks(&granted, action, place, &[]), lack, "{action} {place:?}");
        }
    }

    #[test]
    fn unread_columns_stay_unread_in_any_letter_case() {
        let read = |name| lacks(&granted(), "SELECT", ("shop", "/Users"), &[(FactKind::Column, name)]);
        assert_eq!((read("id"), read("secret"), read("*")), (None, Some(Lack::Column), Some(Lack::Column)));
    }

    #[test]
    fn any_table_is_none_of_the_catalogues() {
        let any = Granted { tables: vec![(Table::Any, vec!["SELECT"])], ..granted() };
        assert_eq!(lacks(&any, "SELECT", ("shop", "/x"), &[]), None);
        for database in ["Mysql", "sys", "other"] {
            assert_eq!(lacks(&any, "SELECT", (database, "/x"), &[]), Some(Lack::Table), "{database}");
        }
        let all = Granted { tables: vec![(Table::of("mysql.*", true).unwrap(), vec!["SELECT"])], ..granted() };
        assert_eq!(lacks(&all, "SELECT", ("mysql", "/proc"), &[]), None);
        assert_eq!(lacks(&all, "SELECT", ("mysql", "/USER"), &[]), Some(Lack::Table));
        assert_eq!(lacks(&all, "SELECT", ("mysql", "/proc"), &[(FactKind::Function, "sleep")]), Some(Lack::Function));
    }
}
