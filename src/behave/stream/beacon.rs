//! Signals of life: small messages of one size at even intervals, and next to nothing else. Many honest protocols do so
//! too; it is a sign that adds to others, and never denies alone.

use super::{Chunk, Observer, Way};
use crate::behave::Sign;
use crate::flow::Weight;
use std::time::Duration;

/// Messages in a row, all of one size.
const LEAST: u32 = 8;
/// Sizes that differ by no more are one.
const SPREAD: usize = 8;
/// Larger messages are no signals.
const LARGEST: usize = 1024;
/// Nobody signals more often.
const SHORTEST: Duration = Duration::from_secs(2);

/// What is remembered of a connection.
#[derive(Debug, Default)]
pub struct Beacon {
    bytes: usize,
    last: Duration,
    interval: Duration,
    count: u32,
}

impl Observer for Beacon {
    fn look(&mut self, chunk: &Chunk<'_>) -> Option<Sign> {
        if chunk.way == Way::In {
            return None;
        }
        let passed = chunk.now.saturating_sub(self.last);
        let even = passed.abs_diff(self.interval) <= self.interval / 10;
        let alike = chunk.bytes.len().abs_diff(self.bytes) <= SPREAD && chunk.bytes.len() <= LARGEST;
        self.count = if alike && even && passed >= SHORTEST { self.count + 1 } else { 0 };
        (self.last, self.interval, self.bytes) = (chunk.now, passed, chunk.bytes.len());
        (self.count == LEAST).then(|| Sign {
            observer: "beacon",
            name: "beacon-regular",
            weight: Weight(30),
            figures: format!("{LEAST} messages of about {} bytes, every {:.0} s", self.bytes, passed.as_secs_f32()),
        })
    }
}
