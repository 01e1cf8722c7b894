//! Floor 1: what shows only over time. State for the whole process, made for sharing between workers, capped; told the
//! time from outside.

pub mod rates;

pub use rates::{Busy, Permit, Rates};
