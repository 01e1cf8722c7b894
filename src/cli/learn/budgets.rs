//! How much left the pod for each destination becomes budgets for its rules, for `podwall log learn`: [`FACTOR`] times the
//! busiest hour that the record tells of, rounded up to a size that people read.
//!
//! An hour is one of the clock (UTC); what the record counted over a time stands in the hour in which that time began, and a
//! connection in the one in which it ended. So a long connection makes the busiest hour busier than it was, never quieter.

use crate::cli::log::for_each_line;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// A budget is so many times the busiest hour: what is beyond it is for a person to look at.
const FACTOR: u64 = 4;
/// No budget is smaller: a few handshakes must not use it up.
const LEAST: u64 = 100 << 10;
/// Hours of destinations that are read from a record; what is over is left out.
const MOST: usize = 100_000;

/// Which rule let it go (empty: none did), the destination's name, else its address, and the port.
type Destination = (String, String, u16);

/// Bytes that left, by destination and hour.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    seen: BTreeMap<Destination, BTreeMap<String, u64>>,
    hours: usize,
}

/// What is proposed, with the figures that it came from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    /// `20MiB/h`.
    pub(super) budget: String,
    /// For a comment.
    pub(super) because: String,
}

impl Volumes {
    /// All that a record tells of.
    pub(super) fn read(files: &[PathBuf]) -> io::Result<Self> {
        let mut volumes = Self::default();
        for file in files {
            for_each_line(file, |_, line| {
                if let Ok(line) = serde_json::from_str::<Value>(line)
                    && line.get("line").and_then(Value::as_str) == Some("flow")
                {
                    volumes.take(&line);
                }
                Ok(())
            })?;
        }
        Ok(volumes)
    }

    /// Takes a line; one that tells of no destination is left out.
    pub(super) fn take(&mut self, line: &Value) -> Option<()> {
        let text = |field: &str| line.get(field).and_then(Value::as_str);
        let (address, port) = text("address")?.rsplit_once(':')?;
        let host = text("name").filter(|name| !name.is_empty()).unwrap_or(address.trim_matches(['[', ']']));
        let destination = (text("rule").unwrap_or_default().to_owned(), host.to_owned(), port.parse().ok()?);
        // `2026-11-22T10`, as the redactor writes every time.
        let hour = text("since")?.get(..13)?.to_owned();
        let bytes = line.get("bytes_out").and_then(Value::as_u64)?;
        let full = self.hours >= MOST;
        let known = self.seen.get(&destination).is_some_and(|hours| hours.contains_key(&hour));
        if full && !known {
            return None;
        }
        self.hours += usize::from(!known);
        let sum = self.seen.entry(destination).or_default().entry(hour).or_default();
        *sum = sum.saturating_add(bytes);
        Some(())
    }

    /// A budget for a destination that no rule grants yet.
    pub(super) fn of(&self, host: &str, port: u16) -> Option<Proposal> {
        self.seen.get(&(String::new(), host.to_owned(), port)).and_then(Proposal::of)
    }

    /// Budgets for rules that grant already, each by the busiest of its destinations, which is named.
    pub(super) fn of_rules(&self) -> BTreeMap<&str, (&str, Proposal)> {
        let mut busiest: BTreeMap<&str, (u64, &str, Proposal)> = BTreeMap::new();
        for ((rule, host, _), hours) in self.seen.iter().filter(|((rule, ..), _)| !rule.is_empty()) {
            let most = hours.values().copied().max().unwrap_or_default();
            if busiest.get(&**rule).is_some_and(|(known, ..)| *known >= most) {
                continue;
            }
            busiest.extend(Proposal::of(hours).map(|proposal| (&**rule, (most, &**host, proposal))));
        }
        busiest.into_iter().map(|(rule, (_, host, proposal))| (rule, (host, proposal))).collect()
    }
}

impl Proposal {
    fn of(hours: &BTreeMap<String, u64>) -> Option<Self> {
        let (hour, most) = hours.iter().max_by_key(|(_, bytes)| **bytes)?;
        let because = format!("the busiest of {} hours, {hour}h UTC: {most} bytes out", hours.len());
        Some(Self { budget: format!("{}/h", readable(most.saturating_mul(FACTOR).max(LEAST))), because })
    }
}

/// The next size that people read: 1, 2 or 5, with noughts, of a unit.
fn readable(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"].into_iter().zip([1_u64 << 10, 1 << 20, 1 << 30, 1 << 40]);
    let sizes =
        units.flat_map(|(unit, size)| [1, 2, 5, 10, 20, 50, 100, 200, 500].map(|many| (many, unit, many * size)));
    let fits = sizes.filter(|(.., size)| *size >= bytes).map(|(many, unit, _)| format!("{many}{unit}")).next();
    fits.unwrap_or_else(|| format!("{}TiB", bytes.div_ceil(1 << 40)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volumes(flows: &[(&str, &str, &str, u64)]) -> Volumes {
        let mut volumes = Volumes::default();
        for (rule, host, since, bytes) in flows {
            let (address, since) = ("192.0.2.7:443", format!("2026-11-22T{since}:00.000Z"));
            let line = serde_json::json!({
                "rule": rule, "name": host, "address": address, "since": since, "bytes_out": bytes,
            });
            volumes.take(&line).unwrap();
        }
        volumes
    }

    #[test]
    fn budget_is_four_times_the_busiest_hour() {
        let seen = volumes(&[
            ("", "a.example", "10:00", 1 << 20),
            ("", "a.example", "10:59", 1 << 20),
            ("", "a.example", "11:00", 1 << 20),
            ("", "b.example", "10:00", 1 << 30),
        ]);
        let because = "the busiest of 2 hours, 2026-11-22T10h UTC: 2097152 bytes out".to_owned();
        assert_eq!(seen.of("a.example", 443), Some(Proposal { budget: "10MiB/h".into(), because }));
        assert_eq!(seen.of("a.example", 80), None);
    }

    #[test]
    fn rule_has_the_budget_of_its_busiest_destination() {
        let seen = volumes(&[("r", "a.example", "10:00", 1 << 20), ("r", "b.example", "10:00", 2 << 20)]);
        let of_rules = seen.of_rules();
        let (host, proposal) = &of_rules["r"];
        assert_eq!((*host, &*proposal.budget, of_rules.len()), ("b.example", "10MiB/h", 1));
        assert_eq!(seen.of("b.example", 443), None);
    }

    #[test]
    fn sizes_are_rounded_up() {
        let sizes = [1, 1024, 1025, 600 << 10, 501 << 10, (2 << 20) + 1, 500 << 40, (500 << 40) + 1];
        let told: Vec<String> = sizes.into_iter().map(readable).collect();
        assert_eq!(told, ["1KiB", "1KiB", "2KiB", "1MiB", "1MiB", "5MiB", "500TiB", "501TiB"]);
    }

    #[test]
    fn quiet_destinations_have_the_least() {
        assert_eq!(volumes(&[("", "a.example", "10:00", 7)]).of("a.example", 443).unwrap().budget, "100KiB/h");
    }
}
