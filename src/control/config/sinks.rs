//! Where the record goes and how much of it, as it is written.

use super::seconds;
use crate::document::{ByteSize, HumanDuration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the record goes, and how much of it there may be. See `deploy/record.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecordSinks {
    /// Whether lines go to the standard output.
    pub stdout: bool,
    /// The file that lines go to.
    pub file: Option<RecordFile>,
    /// A file of at least 32 random bytes that keys the hashes in masks, so that they compare across pods and restarts.
    /// Default: random for each process.
    pub mask_key: Option<PathBuf>,
    /// Events on their way to the sinks; what is over is lost and counted.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue_lines: u32,
    /// Bytes of memory for them.
    pub queue_bytes: ByteSize,
    /// Events of one caller, reason and rule that are written in each window; the others are told by one line with their
    /// count.
    #[schemars(range(min = 1))]
    pub repeats: u32,
    /// That window.
    pub repeat_window: HumanDuration,
    /// Events written per second; what is over is lost and counted, the first of each caller and reason excepted.
    #[schemars(range(min = 1))]
    pub lines_per_second: u32,
    /// How often allowed traffic is written, one line per caller and rule.
    pub aggregate_interval: HumanDuration,
}

/// A file that is rotated by size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordFile {
    /// Its path. Made if it is not there, readable by its owner only.
    pub path: PathBuf,
    /// Its size at most; then it becomes `path.1`, and so on.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: ByteSize,
    /// Older files that are kept.
    #[serde(default = "default_keep")]
    #[schemars(range(max = 1000))]
    pub keep: u32,
}

impl Default for RecordSinks {
    fn default() -> Self {
        Self {
            stdout: true,
            file: None,
            mask_key: None,
            queue_lines: 4096,
            queue_bytes: ByteSize(4 << 20),
            repeats: 20,
            repeat_window: seconds(60),
            lines_per_second: 1000,
            aggregate_interval: seconds(60),
        }
    }
}

fn default_max_bytes() -> ByteSize {
    ByteSize(64 << 20)
}

fn default_keep() -> u32 {
    4
}
