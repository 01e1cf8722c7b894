//! Floor 1: what shows only over time. Rates count; observers read what was seen before and give signs with figures.
//! What they remember is for the whole process, made for sharing between workers, capped; they are told the time.
//!
//! Every observer is a plain value: given what it remembers, what is asked, and the time, its answer is always the same.

pub mod bans;
pub mod beacons;
pub mod budgets;
pub mod dns;
pub mod pins;
pub mod rates;
mod seen;
pub mod sql;
pub mod store;
pub mod stream;

pub use beacons::Beacons;
pub use budgets::Budgets;
pub use pins::Pins;
pub use rates::{Busy, Permit, Rates};

use crate::flow::Weight;

/// What an observer saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// The observer's name.
    pub observer: &'static str,
    /// What it recognised.
    pub name: &'static str,
    /// How much it speaks for an attack.
    pub weight: Weight,
    /// The figures that led to it, for people.
    pub figures: String,
}
