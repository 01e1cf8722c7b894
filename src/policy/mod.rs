//! Floor 1: who may do what. An allowlist as written ([`document`]) is compiled into a [`Policy`] as meant; a policy
//! answers for one access at a time, as a pure function of the scene. It sees accesses only: no bytes, no detectors.
//!
//! - Default deny: what no rule grants is not granted. Any rule grants by itself; the order of rules means nothing.
//! - A deny rule beats every grant. It is compared without letter case and without trailing slashes.
//! - Where several rules grant, the one that asks the other side for proof is named, else the one that lets larger bodies
//!   stream, else the more particular one.
//! - `GET` grants `HEAD`; it does not grant `OPTIONS`. `any` grants all but `CONNECT` and `TRACE`.
//! - A rate takes back what goes beyond it; like a deny rule it holds under any reading.
//! - A rule with an expiry date grants up to the end of that day, UTC, of the scene's wall clock.

mod caller;
mod check;
mod commands;
mod compile;
mod covers;
pub mod database;
mod describe;
pub mod document;
mod exceptions;
mod index;
pub mod load;
mod meaning;
mod names;
mod nearest;
mod outbound;
mod parties;
mod pattern;
mod ports;
mod rates;
mod responses;
mod rule;
mod shorthand;
pub mod spoken;
mod tenants;
mod weaken;

pub use compile::{Compiled, Context, Tls, compile};
pub use document::Allowlist;
pub use ports::PortTerms;

use crate::canon::path::Case;
use crate::flow::{About, Access, Connection, Direction, Exception, Grant, RuleName, Scene};
use exceptions::Excepted;
use index::PathIndex;
use pattern::PathTemplate;
use ports::Ports;
use rates::Ceilings;
use rule::Rule;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A compiled allowlist: immutable, shared by snapshot, swapped whole.
#[derive(Clone, Debug)]
pub struct Policy {
    inbound: Grants,
    outbound: Grants,
    /// Lookups that follow from what may be called.
    lookups: Grants,
    denials: Denials,
    exceptions: Vec<Excepted>,
    ceilings: Ceilings,
    ports: Ports,
    hash: Arc<str>,
    about: Arc<BTreeMap<RuleName, About>>,
}

/// The rules that grant in one direction, most preferred first.
#[derive(Clone, Debug)]
struct Grants {
    rules: Vec<Rule>,
    paths: PathIndex,
    /// The same in lower case, when a port's application takes letter case for nothing.
    lower: Option<PathIndex>,
    /// Rules for protocols without paths.
    others: Vec<usize>,
}

/// The rules that deny.
#[derive(Clone, Debug)]
struct Denials {
    rules: Vec<Rule>,
    paths: PathIndex,
}

impl Policy {
    /// Answers for one access. Some hundred nanoseconds; a refusal that must be explained, some microseconds.
    pub fn grants(&self, scene: &Scene<'_>, access: &Access<'_>) -> Grant {
        if let Some(rule) = self.denials.first(scene.connection, access) {
            return Grant::Denied(Arc::clone(&rule.name));
        }
        let side = self.side(scene.connection.direction);
        let case = self.port(scene.connection.direction, scene.connection.port).readings.case;
        let follows = || (access.scheme == "dns").then(|| self.lookups.best(scene, access, case)).flatten();
        match side.best(scene, access, case).or_else(follows) {
            Some(rule) => Grant::Granted(rule.terms(scene.connection, access)),
            None => Grant::NoRule { nearest: nearest::explain(&side.rules, scene, access) },
        }
    }

    /// Which signs of an attack do not count in an exchange that asks for these accesses. Free when there are no
    /// exceptions.
    pub fn exceptions(&self, scene: &Scene<'_>, accesses: &[Access<'_>]) -> Vec<Arc<Exception>> {
        let holding = self.exceptions.iter().filter(|excepted| excepted.holds(scene, accesses));
        holding.map(|excepted| Arc::clone(&excepted.exception)).collect()
    }

    /// How the traffic of a port is judged, whoever sends it.
    pub fn port(&self, direction: Direction, port: u16) -> &PortTerms {
        self.ports.terms(direction, port)
    }

    /// Sha-256 of what the policy means, in hex: the same for every order and spelling of the same rules.
    pub fn hash(&self) -> &Arc<str> {
        &self.hash
    }

    /// Who answers for each rule, exception and rate, and why it is there: where a document says so.
    pub fn about(&self) -> &Arc<BTreeMap<RuleName, About>> {
        &self.about
    }

    /// How many rules grant or deny.
    pub fn len(&self) -> usize {
        self.inbound.rules.len() + self.outbound.rules.len() + self.denials.rules.len()
    }

    /// Whether nothing at all is granted.
    pub fn is_empty(&self) -> bool {
        self.inbound.rules.is_empty() && self.outbound.rules.is_empty()
    }

    fn side(&self, direction: Direction) -> &Grants {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }
}

impl Grants {
    /// `rules` in any order.
    fn new(mut rules: Vec<Rule>, without_case: bool) -> Self {
        rules.sort_by_cached_key(Rule::preference);
        let is_other = |at: &usize| rules.get(*at).is_some_and(|rule| rule.conditions.paths.is_empty());
        let others = (0..rules.len()).filter(is_other).collect();
        let paths = PathIndex::exact(templates(&rules));
        let lower: Vec<_> = templates(&rules).filter(|_| without_case).map(|(path, at)| (path.lower(), at)).collect();
        let lower = without_case.then(|| PathIndex::exact(lower.iter().map(|(path, at)| (path, *at))));
        Self { paths, lower, others, rules }
    }

    fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The most preferred rule that grants.
    fn best(&self, scene: &Scene<'_>, access: &Access<'_>, case: Case) -> Option<&Rule> {
        let mut best: Option<usize> = None;
        let mut consider = |at: usize| {
            let better = best.is_none_or(|best| at < best);
            if better && self.rules.get(at).is_some_and(|rule| rule.grants(scene.connection, &scene.now, access)) {
                best = Some(at);
            }
            ControlFlow::<()>::Continue(())
        };
        // Never breaks: every rule that takes the path is considered.
        let _ = match (access.scheme, &self.lower) {
            ("http", Some(lower)) if case == Case::Insensitive => lower.visit(&access.path.to_lowercase(), consider),
            ("http", _) => self.paths.visit(&access.path, consider),
            _ => self.others.iter().try_for_each(|at| consider(*at)),
        };
        best.and_then(|at| self.rules.get(at))
    }
}

/// Every path template, with the rule it is of.
fn templates(rules: &[Rule]) -> impl Iterator<Item = (&PathTemplate, usize)> {
    rules.iter().enumerate().flat_map(|(at, rule)| rule.conditions.paths.iter().map(move |path| (path, at)))
}

impl Rule {
    /// Sorts the preferred rule first: it asks for an identity, for TLS; it has a budget; it streams; it does not grant every path, nor everything below one; its name.
    fn preference(&self) -> impl Ord + use<> {
        let paths = &self.conditions.paths;
        let wild = paths.iter().any(PathTemplate::is_wild);
        let rest = paths.iter().any(PathTemplate::has_rest);
        let proof = (!self.asks_identity(), !self.conditions.tls);
        let unbounded = self.conditions.leaving.budget.is_none();
        (proof, unbounded, !self.conditions.stream, wild, rest, self.name.to_string(), self.canonical())
    }
}

impl Denials {
    /// `rules` in any order, their paths folded.
    fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_cached_key(|rule| (rule.name.to_string(), rule.canonical()));
        let paths = PathIndex::lax(templates(&rules));
        Self { paths, rules }
    }

    fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The first rule by name that forbids an access.
    fn first(&self, connection: &Connection, access: &Access<'_>) -> Option<&Rule> {
        if self.rules.is_empty() || connection.direction == Direction::Outbound {
            return None;
        }
        let mut first: Option<usize> = None;
        let _ = self.paths.visit::<()>(&index::fold(&access.path), |at| {
            let earlier = first.is_none_or(|first| at < first);
            if earlier && self.rules.get(at).is_some_and(|rule| rule.conditions.forbid(connection, access)) {
                first = Some(at);
            }
            ControlFlow::Continue(())
        });
        first.and_then(|at| self.rules.get(at))
    }
}

#[cfg(test)]
mod tests;
