//! The allowlist as its owner writes it. Nothing is understood here yet: names, patterns and dates are text until
//! [`super::compile`] gives them their meaning. The doc comments of these types are the descriptions in the JSON Schema.

mod exceptions;
mod inbound;
mod outbound;
mod rates;
mod stores;

pub use exceptions::{ExceptionRule, PlaceGroup};
pub use inbound::{DenyRule, FromEntry, InboundRule, Query, QueryKeys};
pub use outbound::{Beacons, OutboundRule, ToEntry};
pub use rates::{AllowanceFields, RateRule};
pub use stores::{CacheRule, DatabaseRule, Dialect};

use super::responses::Responses;
use super::spoken::Word;
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

/// What a connection may be upgraded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Upgrade {
    /// RFC 6455.
    WebSocket,
}
