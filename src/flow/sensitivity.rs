//! How much evidence it takes to deny: one setting, three words.

use super::Weight;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From the most lenient to the strictest; where two settings disagree, the stricter wins (`max`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    /// One clear structural finding in a short value. In a longer text every finding counts half, so that one needs another:
    /// for services whose callers send code, queries or markup.
    Low,
    /// One clear structural finding.
    #[default]
    Default,
    /// Signs that usually need company deny alone.
    High,
}

impl Sensitivity {
    /// A longer value is a text, which may speak of attacks or hold code by right.
    pub const SHORT_BYTES: usize = 200;

    /// What findings weigh, in a text (longer than [`Self::SHORT_BYTES`]) or elsewhere.
    pub fn weighs(self, weight: Weight, in_text: bool) -> u32 {
        let halved = self == Self::Low && in_text;
        u32::from(weight.0) / if halved { 2 } else { 1 }
    }

    /// The sum of weights from which on an exchange is denied.
    pub fn threshold(self) -> u32 {
        match self {
            Self::Low | Self::Default => 100,
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
    fn findings_in_a_text_count_half_at_low() {
        let weigh = |level: Sensitivity| [false, true].map(|in_text| level.weighs(Weight::CERTAIN, in_text));
        assert_eq!(weigh(Sensitivity::Low), [100, 50]);
        assert_eq!(weigh(Sensitivity::Default), [100, 100]);
        assert_eq!(weigh(Sensitivity::High), [100, 100]);
    }

    #[test]
    fn certain_finding_denies_at_default() {
        assert!(Sensitivity::Default.denies(u32::from(Weight::CERTAIN.0)));
    }
}
