//! Callers that are refused for a time, because of what they did before: so many denials of some kind within some time.
//! Never more of them than a share of all callers that were seen lately, so that a ban of what stands for everybody (a
//! gateway, a node's address) does not cut everybody. Shared by all workers, bounded, told the time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Callers that are remembered at once, banned or counted; of more, those that were seen longest ago are forgotten.
const CALLERS: usize = 8192;
/// Callers that were seen within this time make up the whole of which a share may be banned.
const LATELY: Duration = Duration::from_secs(3600);

/// When a caller is banned, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the rule is called.
    pub name: String,
    /// Reasons and signs that count: `attack-detected`, `shell-output`, `sql`. Empty: all denials.
    pub of: Vec<String>,
    /// So many of them,
    pub after: u32,
    /// within so much time,
    pub within: Duration,
    /// are refused for so long.
    pub lasts: Duration,
}

/// What a denial was for: its reason, and what was found.
#[derive(Clone, Copy, Debug)]
pub struct Offence<'a> {
    /// The reason's name.
    pub reason: &'a str,
    /// Detectors, observers and signatures.
    pub signs: &'a [&'a str],
}

/// A caller that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// The rule that banned it.
    pub rule: String,
    /// Until when, since the process began.
    pub until: Duration,
}

/// What becomes of an offence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is counted, or counts for nothing.
    Counted,
    /// The caller is refused from now on.
    Banned(Ban),
    /// The caller would be, but as many of all callers are as may be.
    Spared(String),
}

/// Everybody who was seen lately, and who of them is banned.
#[derive(Debug)]
pub struct Bans<K> {
    rules: Vec<Rule>,
    /// Of a hundred callers, so many may be banned.
    share: u32,
    /// How many are: looked at without the lock, since mostly nobody is.
    banned: AtomicUsize,
    callers: Mutex<HashMap<K, Caller>>,
}

#[derive(Debug, Default)]
struct Caller {
    seen: Duration,
    ban: Option<Ban>,
    /// For each rule, how many offences since when.
    counts: Vec<(u32, Duration)>,
}

impl Rule {
    fn counts(&self, offence: &Offence<'_>) -> bool {
        let is = |word: &String| word == offence.reason || offence.signs.contains(&word.as_str());
        self.of.is_empty() || self.of.iter().any(is)
    }
}

impl<K: Hash + Eq + Clone> Bans<K> {
    /// Nobody is banned yet. `share` is in percent.
    pub fn new(rules: Vec<Rule>, share: u32) -> Self {
        Self { rules, share, banned: AtomicUsize::new(0), callers: Mutex::default() }
    }

    /// Whether anybody at all is refused.
    pub fn any(&self) -> bool {
        self.banned.load(Ordering::Relaxed) > 0
    }

    /// Whether a caller is refused now. Costs nothing while nobody is.
    pub fn is_banned(&self, caller: &K, now: Duration) -> bool {
        self.any() && self.find(caller, now).is_some()
    }

    /// A caller came: it counts among those of whom a share may be banned.
    pub fn saw(&self, caller: &K, now: Duration) {
        let mut callers = self.locked();
        room(&mut callers, caller);
        callers.entry(caller.clone()).or_default().seen = now;
    }

    /// A caller was denied something.
    pub fn offended(&self, caller: &K, offence: &Offence<'_>, now: Duration) -> Outcome {
        if self.rules.is_empty() {
            return Outcome::Counted;
        }
        let mut callers = self.locked();
        room(&mut callers, caller);
        let entry = callers.entry(caller.clone()).or_default();
        entry.seen = now;
        match entry.count(&self.rules, offence, now) {
            Some(rule) => self.begin(callers, caller, &rule.name, (now, rule.lasts)),
            None => Outcome::Counted,
        }
    }

    /// A caller is to be refused from now on, for so long.
    pub fn refuse(&self, caller: &K, rule: &str, lasts: Duration, now: Duration) -> Outcome {
        let mut callers = self.locked();
        room(&mut callers, caller);
        callers.entry(caller.clone()).or_default().seen = now;
        self.begin(callers, caller, rule, (now, lasts))
    }

    /// Bans a caller, unless it is or as many of all are as may be.
    fn begin(
        &self,
        mut callers: MutexGuard<'_, HashMap<K, Caller>>,
        caller: &K,
        rule: &str,
        (now, lasts): (Duration, Duration),
    ) -> Outcome {
        let all = callers.values().filter(|one| now.saturating_sub(one.seen) <= LATELY).count();
        let banned = callers.values().filter(|one| one.ban.as_ref().is_some_and(|ban| ban.until > now)).count();
        let entry = callers.entry(caller.clone()).or_default();
        if entry.ban.as_ref().is_some_and(|ban| ban.until > now) {
            return Outcome::Counted;
        }
        if (banned + 1) * 100 > all.max(1) * self.share as usize {
            return Outcome::Spared(rule.to_owned());
        }
        let ban = Ban { rule: rule.to_owned(), until: now + lasts };
        entry.ban = Some(ban.clone());
        self.banned.store(banned + 1, Ordering::Relaxed);
        Outcome::Banned(ban)
    }

    /// Everybody who is refused now, and for how much longer.
    pub fn list(&self, now: Duration) -> Vec<(K, Ban)> {
        let callers = self.locked();
        let banned = callers.iter().filter_map(|(key, caller)| Some((key.clone(), caller.ban.clone()?)));
        banned.filter(|(_, ban)| ban.until > now).collect()
    }

    /// Lets callers back in; gives how many. What they did before is forgotten.
    pub fn lift(&self, which: impl Fn(&K) -> bool) -> usize {
        let mut callers = self.locked();
        let mut lifted = 0;
        for caller in
            callers.iter_mut().filter(|(key, caller)| caller.ban.is_some() && which(key)).map(|(_, caller)| caller)
        {
            (caller.ban, caller.counts) = (None, Vec::new());
            lifted += 1;
        }
        let left = callers.values().filter(|caller| caller.ban.is_some()).count();
        self.banned.store(left, Ordering::Relaxed);
        lifted
    }

    fn find(&self, caller: &K, now: Duration) -> Option<Ban> {
        let ban = self.locked().get(caller)?.ban.clone()?;
        (ban.until > now).then_some(ban)
    }

    /// What a panicking worker left behind is counters: still good enough to count on.
    fn locked(&self) -> MutexGuard<'_, HashMap<K, Caller>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    /// Counts an offence; the rule whose measure is full, if one is.
    fn count<'r>(&mut self, rules: &'r [Rule], offence: &Offence<'_>, now: Duration) -> Option<&'r Rule> {
        self.counts.resize(rules.len(), (0, now));
        let mut full = None;
        for (rule, (count, since)) in rules.iter().zip(&mut self.counts).filter(|(rule, _)| rule.counts(offence)) {
            if now.saturating_sub(*since) > rule.within {
                (*count, *since) = (0, now);
            }
            *count += 1;
            if *count >= rule.after {
                *count = 0;
                full = full.or(Some(rule));
            }
        }
        full
    }
}

/// Makes room for one more caller: of some that are not banned, the one that was seen longest ago goes.
fn room<K: Hash + Eq + Clone>(callers: &mut HashMap<K, Caller>, caller: &K) {
    if callers.len() < CALLERS || callers.contains_key(caller) {
        return;
    }
    let free = callers.iter().filter(|(_, one)| one.ban.is_none()).take(64);
    if let Some(oldest) = free.min_by_key(|(_, one)| one.seen).map(|(key, _)| key.clone()) {
        callers.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn rule(of: &[&str], after: u32) -> Rule {
        let of = of.iter().map(|word| (*word).to_owned()).collect();
        Rule { name: "r".into(), of, after, within: MINUTE, lasts: 10 * MINUTE }
    }

    fn attack() -> Offence<'static> {
        Offence { reason: "attack-detected", signs: &["sql", "sql-tautology"] }
    }

    #[test]
    fn caller_is_banned_when_the_measure_is_full() {
        let bans = Bans::new(vec![rule(&["sql"], 3)], 100);
        let strike = |second: u64| bans.offended(&1, &attack(), Duration::from_secs(second));
        assert_eq!([strike(0), strike(1)], [Outcome::Counted, Outcome::Counted]);
        assert!(!bans.is_banned(&1, MINUTE));
        assert!(matches!(strike(2), Outcome::Banned(_)));
        assert!(bans.is_banned(&1, MINUTE) && !bans.is_banned(&2, MINUTE));
        assert!(!bans.is_banned(&1, 11 * MINUTE));
    }

    #[test]
    fn offences_fade_and_others_do_not_count() {
        let bans = Bans::new(vec![rule(&["sql"], 2)], 100);
        assert_eq!(bans.offended(&1, &attack(), Duration::ZERO), Outcome::Counted);
        assert_eq!(bans.offended(&1, &attack(), 2 * MINUTE), Outcome::Counted);
        let other = Offence { reason: "policy-no-rule", signs: &[] };
        assert_eq!(bans.offended(&1, &other, 2 * MINUTE), Outcome::Counted);
        assert!(matches!(bans.offended(&1, &attack(), 2 * MINUTE), Outcome::Banned(_)));
    }

    #[test]
    fn no_more_than_a_share_is_banned() {
        let bans = Bans::new(vec![rule(&[], 1)], 25);
        // One caller of one is everybody.
        assert_eq!(bans.offended(&0, &attack(), Duration::ZERO), Outcome::Spared("r".into()));
        (0..8).for_each(|caller| bans.saw(&caller, Duration::ZERO));
        let banned = |caller| matches!(bans.offended(&caller, &attack(), MINUTE), Outcome::Banned(_));
        assert_eq!([banned(0), banned(1), banned(2)], [true, true, false]);
        assert_eq!(bans.list(MINUTE).len(), 2);
        assert_eq!(bans.lift(|caller| *caller == 0), 1);
        assert!(!bans.is_banned(&0, MINUTE) && bans.is_banned(&1, MINUTE) && banned(2));
    }

    #[test]
    fn callers_end_at_their_limit() {
        let bans = Bans::new(vec![rule(&[], 1)], 100);
        for caller in 0..CALLERS + 10 {
            bans.saw(&caller, Duration::from_secs(caller as u64));
        }
        assert_eq!(bans.locked().len(), CALLERS);
    }
}
