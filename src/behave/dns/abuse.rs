//! Questions that only a scout asks: for whole zones, for everything under a name, for types that mean nothing.

use crate::behave::Sign;
use crate::behave::seen::faded;
use crate::flow::Weight;
use std::time::Duration;

const IXFR: u16 = 251;
const AXFR: u16 = 252;
const ANY: u16 = 255;

/// Questions for ANY that are let pass; half of them are forgotten in ten minutes. Old mail servers ask now and then.
const MANY: f32 = 3.0;
const HALF_LIFE: Duration = Duration::from_secs(600);

/// What is remembered of such questions.
#[derive(Clone, Debug, Default)]
pub struct Past {
    score: f32,
    at: Duration,
}

impl Past {
    /// A question for this type is asked.
    pub(super) fn asked(&mut self, of: u16, now: Duration) -> Option<Sign> {
        match of {
            AXFR | IXFR => Some(sign("dns-zone-transfer", "a pod asks for a whole zone".to_owned())),
            ANY => {
                self.score = (faded(self.score, now.saturating_sub(self.at), HALF_LIFE) + 1.0).min(2.0 * MANY);
                self.at = now;
                let figures = || format!("{:.1} questions for ANY, at most {MANY} pass", self.score);
                (self.score > MANY).then(|| sign("dns-any", figures()))
            }
            _ => None,
        }
    }
}

fn sign(name: &'static str, figures: String) -> Sign {
    Sign { observer: "dns-abuse", name, weight: Weight::CERTAIN, figures }
}
