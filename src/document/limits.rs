//! What a YAML text may be at most. Generous for anything written by people or generated for one pod; small enough that
//! a hostile file costs milliseconds and megabytes.

/// Bytes of one text.
pub const TEXT_BYTES: usize = 4 * 1024 * 1024;
/// Documents in one text.
pub const DOCUMENTS: usize = 1000;
/// Mappings and sequences inside one another; the validator's recursion is bounded by it.
pub const DEPTH: usize = 32;
/// Scalars, mappings and sequences in one text.
pub const NODES: usize = 200_000;
/// Problems reported for one text; the last one says how many there were.
pub const PROBLEMS: usize = 100;
