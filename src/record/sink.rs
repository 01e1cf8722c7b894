//! Where lines go. Each sink chains its lines by itself, so that each can be verified by itself, and counts what it could
//! not write.

use super::chain::Chain;
use std::io::{self, Write};

/// Takes rendered lines. Called from the record thread only, so it may block.
pub trait Sink: Send {
    /// Writes whole lines, each ending in a newline: all of them, or none.
    ///
    /// # Errors
    /// When nothing of it was written.
    fn write(&mut self, lines: &str) -> io::Result<()>;

    /// The chain as an earlier process left it, and how many bytes of a torn last line were cut off.
    fn resume(&mut self) -> (Chain, u64) {
        (Chain::default(), 0)
    }
}

/// The process's standard output: one line in one write where the kernel allows it.
#[derive(Debug, Default)]
pub struct Stdout;

impl Sink for Stdout {
    fn write(&mut self, lines: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(lines.as_bytes())?;
        out.flush()
    }
}
