//! What is done with a verdict. The verdict is the truth whatever the mode does with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From the most lenient to the strictest; where two settings disagree, the stricter wins (`max`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Forward everything and note the accesses (never of a message that carries evidence of an attack).
    Learn,
    /// Forward everything and record what would have been denied.
    Shadow,
    /// Act on the verdict.
    #[default]
    Enforce,
}

impl Mode {
    /// The word used in files, records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Learn => "learn",
            Self::Shadow => "shadow",
            Self::Enforce => "enforce",
        }
    }
}
