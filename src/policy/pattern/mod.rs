//! What patterns in an allowlist mean. Each is parsed once, matches in linear time, knows whether it covers another
//! (for warnings, and to tell what a reload weakens), and shows itself as it is written.

mod glob;
mod host;
mod network;
mod path;

pub(super) use glob::Glob;
pub(super) use host::Host;
pub(super) use network::Network;
pub(super) use path::{PathTemplate, Segment};

use crate::flow::InvalidPattern;

/// Why a text is not a pattern: what was expected, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) expected: String,
    pub(super) remedy: String,
}

impl Wrong {
    pub(super) fn new(expected: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { expected: expected.into(), remedy: remedy.into() }
    }
}

impl From<InvalidPattern> for Wrong {
    fn from(InvalidPattern { expected, remedy }: InvalidPattern) -> Self {
        Self { expected, remedy }
    }
}
