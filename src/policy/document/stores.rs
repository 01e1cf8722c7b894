//! What may be asked of databases and caches, as it is written, whether this pod runs them or calls them.

use super::{FromEntry, OneOrMany, ToEntry, Written};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What callers may ask of a database, PostgreSQL, MySQL or MariaDB, or this pod of one that it calls. What no rule grants is denied: other users, tables, kinds of statement.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatabaseRule {
    /// What the rule is called in records; unique. Default: its document with its place in the list.
    #[schemars(length(min = 1, max = 200))]
    pub name: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// The last day (UTC) on which it grants: `2027-01-31`.
    #[schemars(extend("format" = "date"))]
    pub expires: Option<String>,
    /// Who may call the database that this pod runs: one of them is enough. A rule has `from` or `to`.
    pub from: Option<OneOrMany<Written<FromEntry>>>,
    /// Which servers this pod may call: an address, a network, or a SPIFFE ID; one of them is enough.
    pub to: Option<OneOrMany<Written<ToEntry>>>,
    /// What is spoken. Default: postgres.
    #[serde(default)]
    pub protocol: Dialect,
    /// The ports it holds for. Default: all that speak it.
    pub port: Option<OneOrMany<u16>>,
    /// Users of the database. Default: all.
    pub user: Option<OneOrMany<String>>,
    /// Databases. Default: all.
    pub database: Option<OneOrMany<String>>,
    /// For each table (`orders`, `app.orders`, `app.*`, `*`) the kinds of statement: SELECT, INSERT, UPDATE, DELETE,
    /// TRUNCATE, COPY, LOCK, DDL, or `*`. A name without a schema is one of `public`; `*` takes none of the server's own
    /// catalogues, which are `pg_catalog.*` and `information_schema.*`. With `protocol: mysql` schemas are databases, and a
    /// name without one is a table of every database under `database`; its catalogues are `mysql.*`, `information_schema.*`,
    /// `performance_schema.*` and `sys.*`; COPY there is what LOAD DATA LOCAL asks for, with INSERT.
    #[serde(default)]
    pub tables: BTreeMap<String, OneOrMany<String>>,
    /// Kinds of statement that name no table: CALL, DDL, DO, EXPLAIN, LISTEN, NOTIFY, PREPARE, COPY (of files and
    /// programs), ADMIN (roles, grants, extensions), FUNCTION (functions called by their number, as for large objects),
    /// REPLICATION (sessions that replicate), SHOW (MySQL: names of tables and their definitions), UNREADABLE (what is not
    /// understood).
    #[serde(default)]
    pub statements: Vec<String>,
    /// Columns that are never read: `users.password_hash`, `*.ssn`. A statement that may read columns without naming them
    /// (`SELECT *`) is denied on their tables.
    #[serde(default)]
    pub never_read: Vec<String>,
    /// Functions that are granted although they run SQL, reach files or other servers, or wait: `pg_sleep`, `dblink`.
    #[serde(default)]
    pub functions: Vec<String>,
    /// Settings that may be changed, besides those that only change how data looks: `search_path`, `role`.
    #[serde(default)]
    pub settings: Vec<String>,
    /// Only statements with these fingerprints. Default: all.
    #[serde(default)]
    pub fingerprints: Vec<String>,
    /// Whether UPDATE and DELETE may do without WHERE.
    #[serde(default)]
    pub unbounded: bool,
    /// Rows that one statement, portal or cursor may bring; one more ends the session. Default: any number.
    #[schemars(range(min = 1))]
    pub rows: Option<u64>,
}

/// What a database speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// PostgreSQL.
    #[default]
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
}

/// What may be asked of a Redis. What no rule grants is denied. Commands that concern only the connection and its
/// transactions (AUTH, HELLO, PING, MULTI, …) come with any rule; those that reach beyond keys must be named.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheRule {
    /// What the rule is called in records; unique. Default: its document with its place in the list.
    #[schemars(length(min = 1, max = 200))]
    pub name: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// The last day (UTC) on which it grants: `2027-01-31`.
    #[schemars(extend("format" = "date"))]
    pub expires: Option<String>,
    /// Who may call a Redis of this pod: one of them is enough.
    pub from: Option<OneOrMany<Written<FromEntry>>>,
    /// In place of `from`, which Redis this pod may call.
    pub to: Option<OneOrMany<Written<ToEntry>>>,
    /// The ports it holds for. Default: all that speak Redis.
    pub port: Option<OneOrMany<u16>>,
    /// For each key or pattern (`session:*`; only `*` is special) what may be done: `read`, `write`, or commands by their
    /// name. Commands that change keys are granted by `write`, also those that answer what was there.
    #[serde(default)]
    pub keys: BTreeMap<String, OneOrMany<String>>,
    /// For each channel or pattern of channels: `publish`, `subscribe`.
    #[serde(default)]
    pub channels: BTreeMap<String, OneOrMany<String>>,
    /// Commands that are granted by their name: those that name no key (`INFO`, `DBSIZE`, `SCAN`), that run code or move keys
    /// (`EVAL`, `EVALSHA`, `RESTORE`; their keys must be granted besides), and those of modules, whose keys are not known.
    #[serde(default)]
    pub commands: Vec<String>,
    /// Databases that may be selected, besides 0.
    pub database: Option<OneOrMany<u16>>,
}
