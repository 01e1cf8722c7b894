//! Where lines go. Each sink chains its lines by itself, so that each can be verified by itself, and counts what it could
//! not write.

use super::chain::Chain;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

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

/// The process's standard output, without a buffer of its own: what was written is out, what was not is known.
#[derive(Debug)]
pub struct Stdout(File);

/// Pause when the standard output takes nothing at the moment. Whoever started us may have made it non-blocking.
const PAUSE: Duration = Duration::from_millis(10);

impl Stdout {
    /// A handle to it.
    ///
    /// # Errors
    /// When there is no standard output.
    pub fn open() -> io::Result<Self> {
        Ok(Self(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
    }
}

impl Sink for Stdout {
    fn write(&mut self, lines: &str) -> io::Result<()> {
        let mut rest = lines.as_bytes();
        while !rest.is_empty() {
            match self.0.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
