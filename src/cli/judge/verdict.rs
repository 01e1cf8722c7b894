//! What came of one message.

use crate::engine::Case;
use crate::flow::{Evidence, Judgement, Reason, Sensitivity, Verdict as Decision};
use std::time::Duration;

/// What came of one message.
pub(super) struct Verdict {
    /// Why it is denied.
    pub(super) denied: Option<Reason>,
    /// What its sender would be told: `200` when it is forwarded, or the refusal's status.
    pub(super) answer: String,
    /// What was found, whether it suffices or not.
    pub(super) evidence: Vec<Evidence>,
    /// The sum of weights, and the sum that denies.
    pub(super) total: u32,
    /// See `total`.
    pub(super) threshold: u32,
    /// CPU time of decoding and judging.
    pub(super) cpu: Duration,
}

impl Verdict {
    /// A verdict before anything was found.
    pub(super) fn on(denied: Option<Reason>, sensitivity: Sensitivity) -> Self {
        let (answer, evidence) = (String::new(), Vec::new());
        Self { denied, answer, evidence, total: 0, threshold: sensitivity.threshold(), cpu: Duration::ZERO }
    }

    /// What the last judgement of a case makes of its message.
    pub(super) fn of(judgement: Judgement, case: &Case<'_>, sensitivity: Sensitivity) -> Self {
        let denied = match judgement.verdict {
            Decision::Deny(denial) => Some(denial.reason),
            _ => None,
        };
        let found = case.found();
        let evidence = if denied.is_some() { judgement.evidence } else { found.evidence().to_vec() };
        Self { evidence, total: found.total_at(sensitivity), ..Self::on(denied, sensitivity) }
    }

    pub(super) fn denies(&self) -> bool {
        self.denied.is_some()
    }

    /// The reason's name, or nothing.
    pub(super) fn reason(&self) -> &'static str {
        self.denied.map_or("", |reason| reason.name)
    }
}
