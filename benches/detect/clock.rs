//! The CPU time of this thread, so that what else runs on the machine is not measured along.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// CPU time that `run` takes.
pub(crate) fn timed(run: impl FnOnce()) -> Duration {
    let begun = cpu();
    run();
    cpu() - begun
}

/// The least that any of `rounds` takes.
pub(crate) fn fastest(rounds: usize, mut run: impl FnMut()) -> Duration {
    (0..rounds).map(|_| timed(&mut run)).min().unwrap()
}

fn cpu() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(used.tv_sec as u64, used.tv_nsec as u32)
}
