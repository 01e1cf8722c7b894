//! What is no attack although it looks like one, as it is written: which signs, where in which requests, until when.

use super::OneOrMany;
use schemars::JsonSchema;
use serde::Deserialize;

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
