//! Passwords that are tried out: sessions of one caller that the server does not let in, one after the other. A password that
//! was changed fails now and then, by the interval at which the application tries again; who guesses tries all the time.

use crate::behave::Sign;
use crate::behave::seen::Score;
use crate::flow::Weight;
use std::time::Duration;

/// Failures, fading, from which on sessions are refused.
const LIMIT: f32 = 9.5;
/// No score rises further: after a minute without a failure one may try again.
const MOST: f32 = 2.0 * LIMIT;
const HALF_LIFE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Past {
    failures: Score,
}

impl Past {
    pub(super) fn failed(&mut self, now: Duration) {
        self.failures.add(1.0, MOST, now, HALF_LIFE);
    }

    pub(super) fn opens(&self, now: Duration) -> Option<Sign> {
        let failures = self.failures.now(now, HALF_LIFE);
        (failures >= LIMIT).then(|| Sign {
            observer: "sql-logins",
            name: "sql-password-guessing",
            weight: Weight::CERTAIN,
            figures: format!("score {failures:.1} of {LIMIT} for logins that the server refused"),
        })
    }
}
