//! How much evidence it takes to deny: one setting, three words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From the most lenient to the strictest; where two settings disagree, the stricter wins (`max`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    /// One clear structural finding and a further sign: for services whose callers send code, queries or markup.
    Low,
    /// One clear structural finding.
    #[default]
    Default,
    /// Signs that usually need company deny alone.
    High,
}

impl Sensitivity {
    /// The sum of weights from which on an exchange is denied.
    pub fn threshold(self) -> u32 {
        match self {
            Self::Low => 150,
            Self::Default => 100,
            Self::High => 60,
        }
    }

    /// Whether findings of this sum deny.
    pub fn denies(self, total: u32) -> bool {
        total >= self.threshold()
    }

    /// The word used in files and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Default => "default",
            Self::High => "high",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_threshold_denies_and_one_less_does_not() {
        for level in [Sensitivity::Low, Sensitivity::Default, Sensitivity::High] {
            assert!(level.denies(level.threshold()) && !level.denies(level.threshold() - 1));
        }
    }

    #[test]
    fn certain_finding_denies_at_default() {
        assert!(Sensitivity::Default.denies(u32::from(crate::flow::Weight::CERTAIN.0)));
    }
}
