//! What this pod may call, as it is written: which servers, what of them, and how much may leave.

use super::{OneOrMany, Upgrade, Written};
use crate::policy::spoken::Spoken;
use schemars::JsonSchema;
use serde::Deserialize;

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
