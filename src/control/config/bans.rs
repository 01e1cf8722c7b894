//! Who is refused for a time, and for what.

use crate::behave::bans::Rule;
use crate::document::HumanDuration;
use crate::proxy::bans::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Callers that are refused for a time because of what they did. Without rules nobody is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bans {
    /// When callers are banned; the first rule whose measure is full does it.
    #[serde(default)]
    pub rules: Vec<BanRule>,
    /// Of a hundred callers that were seen within an hour, at most so many are banned at once.
    #[serde(default = "default_share")]
    #[schemars(range(min = 1, max = 100))]
    pub share: u8,
    /// A Unix socket over which `podwall bans` lists and lifts bans. It is made for its owner alone; it must lie where the
    /// application has no volume mounted. Default: none.
    #[serde(default)]
    pub socket: Option<PathBuf>,
}

/// When a caller, an identity or else an address, is banned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BanRule {
    /// What records call it.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// Which denials count: reasons (`attack-detected`), detectors (`sql`), observers (`shell-stream`), signatures. Default: all.
    #[serde(default)]
    pub of: Vec<String>,
    /// How many of them fill the measure.
    #[serde(default = "default_after")]
    #[schemars(range(min = 1))]
    pub after: u32,
    /// Within how much time they count together.
    #[serde(default = "default_within")]
    pub within: HumanDuration,
    /// How long the caller is refused.
    #[serde(rename = "for", default = "default_for")]
    pub lasts: HumanDuration,
}

impl Default for Bans {
    fn default() -> Self {
        Self { rules: Vec::new(), share: default_share(), socket: None }
    }
}

impl Bans {
    /// What the data path is told.
    pub fn settings(&self) -> Settings {
        let rule = |written: &BanRule| Rule {
            name: written.name.clone(),
            of: written.of.clone(),
            after: written.after,
            within: written.within.0,
            lasts: written.lasts.0,
        };
        Settings { rules: self.rules.iter().map(rule).collect(), share: u32::from(self.share) }
    }
}

fn default_share() -> u8 {
    20
}

fn default_after() -> u32 {
    3
}

fn default_within() -> HumanDuration {
    HumanDuration(Duration::from_secs(600))
}

fn default_for() -> HumanDuration {
    HumanDuration(Duration::from_secs(900))
}
