//! Mass reads: within seconds, many times more rows than a kind of session has ever read. A copy of everything looks so, and a
//! new report: it is told, and nobody is refused for it. Ceilings are the allowlist's (`rows`).

use std::time::Duration;

/// Rows are added up over windows of this length.
const WINDOW: Duration = Duration::from_secs(10);
/// Fewer rows in a window are nothing to tell of.
const LEAST: u64 = 50_000;
/// So many times the largest window before.
const TIMES: u64 = 20;
/// A kind of session is known by so many windows in which it read anything.
const KNOWN: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Past {
    window: u64,
    rows: u64,
    told: bool,
    largest: u64,
    windows: u32,
}

impl Past {
    pub(super) fn read(&mut self, rows: u64, now: Duration) -> Option<String> {
        let window = 1 + now.as_secs() / WINDOW.as_secs();
        if self.window != window {
            self.windows = self.windows.saturating_add(u32::from(self.rows > 0));
            self.largest = self.largest.max(self.rows);
            (self.window, self.rows, self.told) = (window, 0, false);
        }
        self.rows = self.rows.saturating_add(rows);
        let many = self.rows >= LEAST && self.rows / TIMES > self.largest;
        if self.told || self.windows < KNOWN || !many {
            return None;
        }
        self.told = true;
        Some(format!("{} rows within {} s, at most {} before", self.rows, WINDOW.as_secs(), self.largest))
    }
}
