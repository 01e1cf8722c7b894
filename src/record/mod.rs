//! Floor 1: the record, which is evidence. What was refused and why, as hash-chained JSON lines: bounded, masked before
//! they are written, and never in the way of the data path.
//!
//! ```text
//! Event → Recorder (bounded queue, repeats counted) → record thread: redact → render → chain → file, stdout
//! ```
//!
//! The metric names live here too (`metrics`, feature `sidecar`).

pub mod aggregate;
pub mod caller;
pub mod chain;
pub mod event;
pub mod file;
pub mod flows;
#[cfg(feature = "sidecar")]
pub mod handles;
pub mod id;
pub mod learned;
pub mod line;
#[cfg(feature = "sidecar")]
pub mod metrics;
pub mod queue;
pub mod recorder;
pub mod redact;
#[cfg(feature = "sidecar")]
mod registry;
pub mod render;
pub mod repeat;
pub mod sink;
pub mod statements;
pub mod writer;

pub use aggregate::{Aggregate, Traffic};
pub use caller::Caller;
pub use event::{Event, Exchange, Handshake, Revision};
pub use id::EventId;
pub use line::{Line, Origin, Pod};
pub use recorder::{Losses, Recorder, Settings};
pub use writer::Writer;
#[cfg(feature = "sidecar")]
pub use {handles::Handles, metrics::Metrics};
