//! Rates as meant: ceilings on what is granted, and the requests they count. Like denials they are compared laxly: a
//! ceiling holds for a request if it does under any reading.

use super::Policy;
use super::document::{AllowanceFields, RateRule, Written};
use super::index::{self, PathIndex};
use super::meaning::{Reader, Restricted};
use super::pattern::Wrong;
use super::rule::Conditions;
use crate::flow::{Access, Allowance, Pace, Rate, Scene};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// A ceiling with the requests it counts.
#[derive(Clone, Debug)]
pub(super) struct Limited {
    pub(super) rate: Arc<Rate>,
    /// As of a deny rule: paths are folded.
    pub(super) conditions: Conditions,
}

/// All ceilings of a policy.
#[derive(Clone, Debug)]
pub(super) struct Ceilings {
    pub(super) all: Vec<Limited>,
    paths: PathIndex,
}

impl Ceilings {
    /// `all` in any order.
    pub(super) fn new(mut all: Vec<Limited>) -> Self {
        all.sort_by(|one, other| one.rate.name.cmp(&other.rate.name));
        let templates = all.iter().enumerate();
        let paths = templates.flat_map(|(at, limited)| limited.conditions.paths.iter().map(move |path| (path, at)));
        let paths = PathIndex::lax(paths);
        Self { all, paths }
    }
}

impl Policy {
    /// The ceilings that count an exchange that asks for these accesses, in the order of their names. Free when there
    /// are none.
    pub fn rates(&self, scene: &Scene<'_>, accesses: &[Access<'_>]) -> Vec<Arc<Rate>> {
        if self.ceilings.all.is_empty() || scene.connection.direction == crate::flow::Direction::Outbound {
            return Vec::new();
        }
        let mut holding = Vec::new();
        for access in accesses {
            let _ = self.ceilings.paths.visit::<()>(&index::fold(&access.path), |at| {
                let limited = self.ceilings.all.get(at);
                if !holding.contains(&at) && limited.is_some_and(|of| of.conditions.forbid(scene.connection, access)) {
                    holding.push(at);
                }
                ControlFlow::Continue(())
            });
        }
        holding.sort_unstable();
        holding.iter().filter_map(|at| self.ceilings.all.get(*at)).map(|limited| Arc::clone(&limited.rate)).collect()
    }

    /// What is no longer limited, or less than before, one sentence each.
    pub(super) fn loosened<'a>(&'a self, old: &'a Self) -> impl Iterator<Item = String> + 'a {
        let holds = |before: &Limited| {
            self.ceilings.all.iter().any(|now| {
                now.rate.is_as_strict_as(&before.rate)
                    && now.conditions.forbid_requests_of(&before.conditions, &before.conditions.paths)
            })
        };
        let lost = old.ceilings.all.iter().filter(move |before| !holds(before));
        lost.map(|before| format!("no longer limited as by \"{}\": {before}", before.rate.name))
    }
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowances = [("per caller", self.rate.per_caller), ("in total", self.rate.total)];
        for (what, allowance) in allowances {
            let Some(Allowance { pace, concurrent }) = allowance else { continue };
            if let Some(Pace { interval, burst }) = pace {
                write!(f, "one in {interval:?} burst {burst} {what}, ")?;
            }
            if let Some(concurrent) = concurrent {
                write!(f, "{concurrent} at once {what}, ")?;
            }
        }
        self.conditions.fmt(f)
    }
}

impl Reader<'_> {
    pub(super) fn rate(&mut self, field: &str, rule: &RateRule) -> Option<Limited> {
        let before = self.problems.len();
        let conditions = self.restricted(
            field,
            &Restricted {
                from: rule.from.as_ref(),
                port: rule.port.as_ref(),
                methods: rule.methods.as_ref(),
                host: rule.host.as_ref(),
                path: rule.path.as_ref(),
            },
        );
        let per_caller = self.allowance(&format!("{field}.perCaller"), rule.per_caller.as_ref());
        let total = self.allowance(&format!("{field}.total"), rule.total.as_ref());
        if rule.per_caller.is_none() && rule.total.is_none() {
            let remedy = "add `perCaller: 20/s`, or `total: 200/s`";
            self.wrong(field, "", Wrong::new("`perCaller`, `total`, or both", remedy));
        }
        let rate = Arc::new(Rate { name: rule.name.as_str().into(), per_caller, total });
        (self.problems.len() == before).then_some(Limited { rate, conditions })
    }

    fn allowance(&mut self, field: &str, written: Option<&Written<AllowanceFields>>) -> Option<Allowance> {
        let (of_pace, text, concurrent) = match written? {
            Written::Line(line) => (field.to_owned(), Some(line), None),
            Written::Fields(fields) => (format!("{field}.pace"), fields.pace.as_ref(), fields.concurrent),
        };
        if text.is_none() && concurrent.is_none() {
            self.wrong(field, "", Wrong::new("`pace`, `concurrent`, or both", "add `pace: 20/s`"));
        }
        let pace = text.and_then(|text| self.right(&of_pace, text, pace(text)));
        Some(Allowance { pace, concurrent })
    }
}

/// `20/s`, `100/m burst 30`.
///
/// ```text
/// pace = number "/" ( "s" | "m" | "h" ) [ "burst" number ]
/// ```
/// Without `burst`, what one second brings may come at once, and at least one request.
pub(super) fn pace(text: &str) -> Result<Pace, Wrong> {
    let wrong = || Wrong::new("requests per time such as `20/s`, `100/m` or `20/s burst 50`", "");
    let mut words = text.split_whitespace();
    let (count, unit) = words.next().and_then(|word| word.split_once('/')).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let count: u32 = count.parse().ok().filter(|count| (1..=1_000_000).contains(count)).ok_or_else(wrong)?;
    let interval = Duration::from_secs(seconds) / count;
    let burst = match (words.next(), words.next(), words.next()) {
        (None, ..) => count / u32::try_from(seconds).unwrap_or(1),
        (Some("burst"), Some(burst), None) => {
            burst.parse().ok().filter(|burst| (1..=1_000_000).contains(burst)).ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    Ok(Pace { interval, burst: burst.max(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(u128, u32)> {
        pace(text).ok().map(|pace| (pace.interval.as_micros(), pace.burst))
    }

    #[test]
    fn paces_are_read() {
        assert_eq!(read("20/s"), Some((50_000, 20)));
        assert_eq!(read("30/m"), Some((2_000_000, 1)));
        assert_eq!(read("1/h burst 3"), Some((3_600_000_000, 3)));
        assert_eq!(read("1000000/s"), Some((1, 1_000_000)));
        for wrong in
            ["", "20", "20/d", "0/s", "-1/s", "1000001/s", "20/s burst", "20/s burst 0", "20/s 5", "1/s burst 1 x"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
