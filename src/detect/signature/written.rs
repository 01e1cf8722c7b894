//! A signature file as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One file: the signatures of one family.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// The family's name, kebab case: `log4j`.
    pub family: String,
    /// What the family is about, one line.
    pub title: String,
    /// The entries.
    pub signatures: Vec<Written>,
}

/// One entry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Unique among all families, kebab case.
    pub id: String,
    /// What it recognises, one line.
    pub title: String,
    /// How bad it is if it gets through.
    pub severity: Severity,
    /// Where to look: `path`, `query`, `header`, `cookie`, `form`, `file`, `json`, `xml`, `graphql`, `body`, `method`, or
    /// an exact place such as `header-name`. Everywhere, if left out.
    #[serde(default)]
    pub places: Vec<String>,
    /// Look only at parts of these names: a header, a parameter.
    #[serde(default)]
    pub named: Vec<String>,
    /// What to look for.
    pub pattern: Pattern,
    /// 1 to 100; 100 denies alone at the default sensitivity.
    #[serde(default = "certain")]
    pub weight: u16,
    /// Where to read more.
    #[serde(default)]
    pub references: References,
    /// Values that it must find.
    pub hits: Vec<String>,
    /// Values like the hits that it must not find.
    pub misses: Vec<String>,
}

/// What to look for. Letter case never matters.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// One of these literals must occur: each at least three bytes long.
    pub any: Vec<String>,
    /// All of these literals must occur as well, anywhere in the same value.
    #[serde(default)]
    pub with: Vec<String>,
    /// None of these literals may occur in the same value.
    #[serde(default)]
    pub without: Vec<String>,
    /// And this regular expression must match near the literal (256 bytes on either side).
    #[serde(default)]
    pub regex: Option<String>,
}

/// How bad an attack is if it gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Reveals something.
    Medium,
    /// Reads or changes what it should not.
    High,
    /// Takes over the process or the cluster.
    Critical,
}

impl Severity {
    /// The word in files and lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Where to read more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct References {
    /// `CVE-2021-44228`.
    #[serde(default)]
    pub cve: Vec<String>,
    /// `CWE-917`.
    #[serde(default)]
    pub cwe: Vec<String>,
    /// `CAPEC-248`.
    #[serde(default)]
    pub capec: Vec<String>,
    /// MITRE ATT&CK technique: `T1190`.
    #[serde(default)]
    pub attack: Vec<String>,
}

impl References {
    /// All of them in one list.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        [&self.cve, &self.cwe, &self.capec, &self.attack].into_iter().flatten().map(String::as_str)
    }
}

fn certain() -> u16 {
    100
}
