//! What a reload weakens: every way in which the new policy lets through more than the old one, in sentences for the
//! record. Compared rule by rule, so a grant that several old rules gave together counts as new.

use super::exceptions::Excepted;
use super::rule::Rule;
use super::{Policy, PortTerms};
use crate::canon::path::Readings;
use crate::flow::Direction;

/// Sentences kept; the last one says how many there were.
const MOST: usize = 50;

impl Policy {
    /// What this policy lets through that the old one did not, one sentence each; empty when it is nowhere weaker.
    pub fn weaker_than(&self, old: &Self) -> Vec<String> {
        let mut says = Vec::new();
        for (now, before) in [(&self.inbound, &old.inbound), (&self.outbound, &old.outbound)] {
            says.extend(now.rules().iter().filter_map(|rule| widened(rule, before.rules())));
        }
        let lost = |old: &&Rule| !self.denials.rules().iter().any(|rule| rule.denies_all_of(old));
        let gone = old.denials.rules().iter().filter(lost);
        says.extend(gone.map(|rule| format!("no longer denied by \"{}\": {}", rule.name, rule.conditions)));
        let excused = |now: &&Excepted| !old.exceptions.iter().any(|before| before.covers(now));
        let newly = self.exceptions.iter().filter(excused);
        says.extend(newly.map(|now| format!("exception \"{}\" newly excuses: {now}", now.exception.name)));
        says.extend(self.loosened(old));
        says.extend(self.laxer_ports(old));
        let all = says.len();
        says.truncate(MOST);
        if all > MOST {
            says.push(format!("and {} more", all - MOST));
        }
        says
    }

    fn laxer_ports(&self, old: &Self) -> Vec<String> {
        let mut says = Vec::new();
        for direction in [Direction::Inbound, Direction::Outbound] {
            let mut ports: Vec<u16> = self.ports.named(direction).chain(old.ports.named(direction)).collect();
            ports.sort_unstable();
            ports.dedup();
            says.extend(laxer("other ports", direction, self.ports.others(direction), old.ports.others(direction)));
            for port in ports {
                says.extend(laxer(
                    &format!("port {port}"),
                    direction,
                    self.port(direction, port),
                    old.port(direction, port),
                ));
            }
        }
        says
    }
}

/// What a rule grants that none of the old ones did.
fn widened(rule: &Rule, old: &[Rule]) -> Option<String> {
    if old.iter().any(|before| before.grants_all_of(rule)) {
        return None;
    }
    let until = rule.expires.as_ref().map(|expiry| format!(" until {}", expiry.last_day)).unwrap_or_default();
    let word = if old.iter().any(|before| before.name == rule.name) { "grants more" } else { "newly grants" };
    Some(format!("rule \"{}\" {word}: {}{until}", rule.name, rule.conditions))
}

fn laxer(what: &str, direction: Direction, now: &PortTerms, before: &PortTerms) -> Vec<String> {
    let mut says = Vec::new();
    let what = format!("{} {what}", direction.name());
    if now.mode < before.mode {
        says.push(format!("{what}: mode {} instead of {}", now.mode.name(), before.mode.name()));
    }
    if now.sensitivity < before.sensitivity {
        says.push(format!("{what}: sensitivity {} instead of {}", now.sensitivity.name(), before.sensitivity.name()));
    }
    let laxer = now.responses.laxer_than(&before.responses);
    says.extend(laxer.map(|leak| format!("{what}: less is done about {} in answers", leak.name())));
    says.extend(narrower(&what, &now.readings, &before.readings));
    says
}

/// Every reading that no longer counts need no longer be granted.
fn narrower(what: &str, now: &Readings, before: &Readings) -> Option<String> {
    let spelled = |of: &Readings| {
        [
            format!("encodedSlash {:?}", of.encoded_slash),
            format!("backslash {:?}", of.backslash),
            format!("params {:?}", of.params),
            format!("slashes {:?}", of.slashes),
            format!("decoding {:?}", of.decoding),
            format!("case {:?}", of.case),
        ]
    };
    let changed = spelled(now).into_iter().zip(spelled(before)).filter(|(now, before)| now != before);
    let narrowed: Vec<String> = changed.map(|(now, _)| now).filter(|now| !now.ends_with("Both")).collect();
    (!narrowed.is_empty()).then(|| format!("{what}: paths are read only as {}", narrowed.join(", ").to_lowercase()))
}
