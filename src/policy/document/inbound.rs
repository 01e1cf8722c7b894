//! What callers may do and what no caller may do, as it is written: who, which requests, under which conditions.

use super::{OneOrMany, Upgrade, Written};
use crate::policy::spoken::Spoken;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

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
