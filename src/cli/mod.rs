//! Floor 4: the commands, one file each.

#[cfg(feature = "sidecar")]
pub mod pki;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command that the arguments name.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    arguments.next();
    ExitCode::from(2)
}
