//! The allowlist as its owner writes it. Nothing is understood here yet: names, patterns and dates are text until
//! [`super::compile`] gives them their meaning. The doc comments below are the descriptions in the JSON Schema.

use super::responses::Responses;
use super::spoken::{Spoken, Word};
use crate::canon::path::Readings;
use crate::flow::{Mode, Sensitivity};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Who may call this pod and for what, and what it may call. Everything that is not granted is denied.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Allowlist {
    /// The version of this format.
    pub api_version: ApiVersion,
    /// The kind of document.
    pub kind: Kind,
    /// What the document is called.
    pub metadata: Metadata,
    /// The trust domain of callers that are named by namespace and service account. Default: the sidecar's own.
    pub trust_domain: Option<String>,
    /// Who answers for the rules that name no owner.
    pub owner: Option<String>,
    /// What is done with the verdict; where documents or ports disagree, the stricter wins.
    #[serde(default)]
    pub mode: Mode,
    /// Settings of single ports.
    #[serde(default)]
    pub ports: BTreeMap<u16, Port>,
    /// Settings of single ports that this pod calls; `readings` and `responses` are those of the servers there.
    #[serde(default)]
    pub outbound_ports: BTreeMap<u16, Port>,
    /// The kubelet's HTTP probes, copied from the pod's spec. Each is granted exactly, to any caller of its port.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// What callers may do. One line (`GET /orders/{id} from shop/frontend`) or a mapping.
    #[serde(default)]
    pub inbound: Vec<Written<InboundRule>>,
    /// What no caller may do, whatever is granted. One line (`ANY /admin/{rest...}`) or a mapping.
    #[serde(default)]
    pub deny: Vec<Written<DenyRule>>,
    /// What callers may ask of a database that this pod runs, and what this pod may ask of others.
    #[serde(default)]
    pub databases: Vec<DatabaseRule>,
    /// What callers may ask of a Redis that this pod runs, and what this pod may ask of one.
    #[serde(default)]
    pub caches: Vec<CacheRule>,
    /// What is no attack here, although it looks like one.
    #[serde(default)]
    pub exceptions: Vec<ExceptionRule>,
    /// How much of what is granted callers may ask for, per time and at once.
    #[serde(default)]
    pub rates: Vec<RateRule>,
    /// What this pod may call. One line (`GET /items/{id} to catalog.shop:8080`, `api.stripe.com:443 https`) or a mapping.
    #[serde(default)]
    pub outbound: Vec<Written<OutboundRule>>,
}

/// The version of the format.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The first version.
    #[serde(rename = "podwall.dev/v1")]
    V1,
}

/// The kind of document.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum Kind {
    /// Who may call this pod and for what.
    Allowlist,
}

/// What a document is called. Other metadata that a cluster adds is kept and not looked at.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Unique among the documents of a pod.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The namespace of the pod.
    pub namespace: Option<String>,
    /// Not looked at.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Not looked at.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A rule as one line of text, or with its fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "{T}OrLine")]
pub enum Written<T> {
    /// `GET /orders/{id} from shop/frontend`.
    Line(String),
    /// All fields.
    Fields(T),
}

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "{T}OrList")]
pub enum OneOrMany<T> {
    /// One value.
    One(T),
    /// A list of them.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values, however they were written.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// Settings of one port.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Port {
    /// What is done with the verdict on this port; never laxer than the document's.
    pub mode: Option<Mode>,
    /// How much evidence of an attack denies on this port.
    pub sensitivity: Option<Sensitivity>,
    /// How the application behind this port reads paths. Default: every plausible reading must be granted.
    pub readings: Option<Readings>,
    /// What answers of this port should not carry, and what is done when they do. Default: nothing is looked for.
    #[serde(default)]
    pub responses: Responses,
}

/// An HTTP probe of the kubelet, granted exactly as it is written: GET (or HEAD), this path, this query, this port.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    /// As in `httpGet.path`, with its query if it has one: `/healthz?full=1`.
    pub path: String,
    /// As in `httpGet.port`, as a number.
    #[schemars(range(min = 1))]
    pub port: u16,
}

/// What callers may do.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundRule {
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
    /// Who may call: one of them is enough.
    pub from: OneOrMany<Written<FromEntry>>,
    /// The ports it holds for. Default: all.
    pub port: Option<OneOrMany<u16>>,
    /// What is spoken: `http`, `tcp`, or what requests must speak: `grpc`, `docker`, `websocket`. Default: http.
    #[serde(default)]
    pub protocol: Spoken,
    /// HTTP methods: `GET` (which grants HEAD too), `[GET, POST]`; `any` is all but CONNECT and TRACE.
    pub methods: Option<OneOrMany<String>>,
    /// The hosts it holds for: `orders.shop`, `*.example.com`. Default: all.
    pub host: Option<OneOrMany<String>>,
    /// Path templates: `/orders/{id}`, `/files/{rest...}`.
    pub path: Option<OneOrMany<String>>,
    /// gRPC methods, in place of `methods` and `path`: `shop.Orders/Get`, `shop.Orders/*`.
    pub grpc: Option<OneOrMany<String>>,
    /// Headers that must be there with this value, or one of these; `*` is any value.
    #[serde(default)]
    pub headers: BTreeMap<String, OneOrMany<String>>,
    /// The query keys that may be there (a list), or `allowed` and `required` ones. Default: all.
    pub query: Option<Query>,
    /// What connections may be upgraded to.
    #[serde(default)]
    pub upgrade: Vec<Upgrade>,
    /// Whether the target may be a whole URI (`GET http://orders/7`), as for a proxy.
    #[serde(default)]
    pub absolute_form: bool,
    /// Whether a body that is too large to be held may pass in scanned windows.
    #[serde(default)]
    pub stream: bool,
}

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

/// What no caller may do. Paths and methods are compared without letter case, paths without trailing slashes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DenyRule {
    /// What the rule is called in records; unique. Default: its document with its place in the list.
    #[schemars(length(min = 1, max = 200))]
    pub name: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// Whom it holds for. Default: everyone.
    pub from: Option<OneOrMany<Written<FromEntry>>>,
    /// The ports it holds for. Default: all.
    pub port: Option<OneOrMany<u16>>,
    /// HTTP methods. Default: all.
    pub methods: Option<OneOrMany<String>>,
    /// The hosts it holds for. Default: all.
    pub host: Option<OneOrMany<String>>,
    /// Path templates: `/admin/{rest...}`.
    pub path: OneOrMany<String>,
    /// Denied only with all of these headers, each with this value, or one of these; `*` is any value.
    #[serde(default)]
    pub headers: BTreeMap<String, OneOrMany<String>>,
    /// Denied only with one of these query keys.
    #[serde(default)]
    pub query: Vec<String>,
}

/// Signs of an attack that do not count where they are expected; all fields that are given must fit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExceptionRule {
    /// What the exception is called in records; unique.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// Who answers for it; not needed when the document has an owner.
    pub owner: Option<String>,
    /// Why this is no attack.
    #[schemars(length(min = 1, max = 1000))]
    pub reason: String,
    /// The last day (UTC) on which it holds: `2027-01-31`.
    #[schemars(extend("format" = "date"))]
    pub expires: Option<String>,
    /// What does not count: signatures by their id (`sql-tautology`), detectors by their name (`sql`).
    pub signature: OneOrMany<String>,
    /// Path templates of the requests it holds for.
    pub path: Option<OneOrMany<String>>,
    /// Names of the lookups it holds for: `lists.example`, `*.lists.example`.
    pub domain: Option<OneOrMany<String>>,
    /// The ports it holds for. Default: all. Alone, without `path` and `domain`, for protocols that have neither.
    pub port: Option<OneOrMany<u16>>,
    /// Where in a request. Default: everywhere.
    pub place: Option<OneOrMany<PlaceGroup>>,
    /// The query key, header, form field or JSON key that holds it. Default: any.
    pub parameter: Option<OneOrMany<String>>,
}

/// A ceiling on requests: for each caller by itself, for all together, or both. More are answered 429.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateRule {
    /// What the rate is called in records; unique.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// Whose requests it counts. Default: everyone's.
    pub from: Option<OneOrMany<Written<FromEntry>>>,
    /// The ports it holds for. Default: all.
    pub port: Option<OneOrMany<u16>>,
    /// HTTP methods. Default: all.
    pub methods: Option<OneOrMany<String>>,
    /// The hosts it holds for. Default: all.
    pub host: Option<OneOrMany<String>>,
    /// Path templates. Default: all.
    pub path: Option<OneOrMany<String>>,
    /// For each caller: an identity, else an address.
    pub per_caller: Option<Written<AllowanceFields>>,
    /// For all callers together; where it is short, each gets its share.
    pub total: Option<Written<AllowanceFields>>,
}

/// How many requests. As one line, only the pace: `20/s burst 50`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Allowance")]
pub struct AllowanceFields {
    /// Requests per time (`s`, `m`, `h`), and how many may come at once after a pause: `20/s burst 50`.
    pub pace: Option<String>,
    /// Requests in flight.
    #[schemars(range(min = 1))]
    pub concurrent: Option<u32>,
}

/// Where in a request something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the words are those of `flow::Place::group`
pub enum PlaceGroup {
    Path,
    Query,
    Header,
    Cookie,
    Form,
    File,
    Json,
    Xml,
    GraphQl,
    Body,
    Dns,
}

impl PlaceGroup {
    /// As [`crate::flow::Place::group`] names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Form => "form",
            Self::File => "file",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::GraphQl => "graphql",
            Self::Body => "body",
            Self::Dns => "dns",
        }
    }
}

/// Who calls; all fields that are given must fit. As one line: `any`, `shop/frontend`, `shop/*`,
/// `spiffe://prod.example/ns/shop/sa/*`, `10.0.0.0/8`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FromEntry {
    /// A SPIFFE ID; `*` is one segment of its path.
    pub principal: Option<String>,
    /// The Kubernetes namespace.
    pub namespace: Option<String>,
    /// The Kubernetes service account.
    pub service_account: Option<String>,
    /// The trust domain; alone, everyone in it.
    pub trust_domain: Option<String>,
    /// The address; alone, also callers without an identity.
    pub cidr: Option<String>,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP requests.
    #[default]
    Http,
    /// Connections that are not looked into; a port that speaks HTTP is never granted by it.
    Tcp,
    /// Questions to the resolver; only outbound.
    Dns,
    /// PostgreSQL; inbound, its rules stand under `databases`.
    #[serde(skip)]
    Postgres,
    /// MySQL and MariaDB; their rules stand under `databases`.
    #[serde(skip)]
    Mysql,
    /// A protocol that is told apart and judged once, as the connection it opens; only outbound.
    #[serde(skip)]
    Named(Word),
    /// Redis; its rules stand under `caches`.
    #[serde(skip)]
    Redis,
}

/// What even signals are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Beacons {
    /// Nothing unusual: they are told.
    #[default]
    Tell,
    /// Misuse.
    Deny,
}

/// What a connection may be upgraded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Upgrade {
    /// RFC 6455.
    WebSocket,
}

/// Query keys.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Query {
    /// Only these may be there.
    Allowed(Vec<String>),
    /// Which may and which must be there.
    Keys(QueryKeys),
}

/// Which query keys may and which must be there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryKeys {
    /// Only these, and the required ones, may be there. Default: all.
    pub allowed: Option<Vec<String>>,
    /// These must be there.
    #[serde(default)]
    pub required: Vec<String>,
}

/// What this pod may call. A rule that names hosts grants the lookup of their addresses too.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundRule {
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
    /// What may be called: one of them is enough.
    pub to: OneOrMany<Written<ToEntry>>,
    /// The ports it holds for. Default: all.
    pub port: Option<OneOrMany<u16>>,
    /// What is spoken. Default: http.
    #[serde(default)]
    pub protocol: Spoken,
    /// HTTP methods. Default: all but CONNECT and TRACE.
    pub methods: Option<OneOrMany<String>>,
    /// Path templates. Default: all.
    pub path: Option<OneOrMany<String>>,
    /// With `protocol: dns`, the record types that may be asked for; `any` is all; `ECH` lets Encrypted ClientHello keys
    /// through. Default: A, AAAA, CNAME, HTTPS, PTR, SRV and SVCB.
    pub types: Option<OneOrMany<String>>,
    /// Whether the sidecar speaks TLS in the application's place, which says it in plaintext: the server must then prove to
    /// be the host that is asked for.
    #[serde(default)]
    pub tls: bool,
    /// Whether TLS may hide the name it is for (Encrypted ClientHello): what is called is then not known.
    #[serde(default)]
    pub ech: bool,
    /// Whether TLS may do without a name (SNI): programs that dial an address send none.
    #[serde(default)]
    pub without_name: bool,
    /// How much each caller may let out to each destination: `50MiB/h`, `2GiB/d`. Of these the first 64 are counted each for
    /// itself, all others together. Not for `dns` and `postgres`. Default: any amount.
    pub budget: Option<String>,
    /// What is done about more than the budget, and about a connection that shows a shell, a miner, a tunnel or a beacon:
    /// `record` it, `cut` it, `ban` whom it led to (`ban 1h`; 15 minutes without a time). Default: cut.
    pub action: Option<String>,
    /// Whether small messages of one size at even intervals are expected: `tell` of them, or `deny` them as the beacon of an
    /// implant, where nothing honest sends heartbeats. For what is carried as bytes. Default: tell.
    #[serde(default)]
    pub beacons: Beacons,
    /// What connections may be upgraded to.
    #[serde(default)]
    pub upgrade: Vec<Upgrade>,
}

/// What is called; all fields that are given must fit. As one line: `10.0.0.7`, `10.0.0.0/8`, `catalog.shop`,
/// `*.example.com`, `shop/catalog`, `spiffe://prod.example/ns/shop/sa/catalog`. Where an identity is named, the sidecar
/// speaks mTLS, and sends nothing before it is proved.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToEntry {
    /// The address that is dialled.
    pub address: Option<String>,
    /// The network that is dialled.
    pub cidr: Option<String>,
    /// The host that is asked for.
    pub host: Option<String>,
    /// The identity that the other side must prove.
    pub spiffe_id: Option<String>,
    /// The Kubernetes namespace that it must prove.
    pub namespace: Option<String>,
    /// The Kubernetes service account that it must prove.
    pub service_account: Option<String>,
    /// The trust domain of these; alone, everyone in it.
    pub trust_domain: Option<String>,
}
