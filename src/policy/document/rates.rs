//! Ceilings on requests, as they are written: whose, for which requests, and how many.

use super::{FromEntry, OneOrMany, Written};
use schemars::JsonSchema;
use serde::Deserialize;

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
