//! Everything a judgement may look at besides the message itself. A snapshot: nothing in it changes while it is looked
//! at, so judging is a pure function.

use super::Connection;
use std::time::{Duration, SystemTime};

/// All that a judgement may look at besides the message.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Who talks to whom.
    pub connection: &'a Connection,
    /// What the protocol remembers of the connection.
    pub session: &'a Session,
    /// What was counted before.
    pub past: &'a Past,
    /// When.
    pub now: Now,
}

/// What a protocol remembers of its connection.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Requests begun on this connection, this one included.
    pub exchanges: u64,
}

/// A snapshot of counters, taken before the judgement.
#[derive(Clone, Debug, Default)]
pub struct Past {}

/// The time of a judgement, given from outside.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Wall-clock time, for expiry dates and records.
    pub wall: SystemTime,
    /// Time since the process began, for rates: never goes back.
    pub since_start: Duration,
}
