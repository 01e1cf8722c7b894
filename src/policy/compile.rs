//! Documents as written → the policy as meant. Reports everything that is wrong at once; a policy comes out only when
//! nothing is.

use super::document::{Allowlist, CacheRule, DatabaseRule, DenyRule, InboundRule, OutboundRule, Probe, Written};
use super::exceptions::Excepted;
use super::meaning::Reader;
use super::ports::{self, Ports};
use super::rates::{Ceilings, Limited};
use super::rule::{Conditions, Expiry, Rule};
use super::{Denials, Grants, Policy, check, names, shorthand};
use crate::document::{Document, Problem, capped, is_refused};
use crate::flow::{About, Direction, Proof, RuleName, Terms};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::SystemTime;

/// What compiling must know besides the documents.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// For warnings about rules that have expired or soon will.
    pub now: SystemTime,
    /// The sidecar's own trust domain, for callers named by namespace and service account.
    pub trust_domain: Option<&'a str>,
    /// Whether each declared port asks callers for an identity; nothing when that is not known.
    pub tls: Option<&'a BTreeMap<u16, Tls>>,
}

/// Whether callers of a port prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// All must.
    Strict,
    /// Some do.
    Permissive,
    /// None can.
    Off,
}

/// A policy, and what its owner should know about it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The policy.
    pub policy: Policy,
    /// What does not keep it from being used.
    pub warnings: Vec<Problem>,
}

/// Compiles all documents of a pod into one policy. No document at all is a policy that grants nothing.
///
/// # Errors
/// Everything that is wrong with their meaning.
pub fn compile(documents: &[Document<Allowlist>], context: &Context<'_>) -> Result<Compiled, Vec<Problem>> {
    let mut all = Gathered::default();
    for (number, document) in documents.iter().enumerate() {
        all.gather(Home { number, document, context });
    }
    all.problems.extend(names::of_documents(documents));
    all.problems.extend(names::of_rules(documents, &mut all.grants, &mut all.denials, &all.exceptions, &all.rates));
    all.problems.extend(ports::conflicts(documents));
    if is_refused(&all.problems) {
        return Err(capped(all.problems));
    }
    let warnings = check::warnings(documents, &all.grants, &all.denials, &all.exceptions, context);
    let ports = Ports::of(documents, &all.grants, &all.denials);
    Ok(Compiled { policy: all.assemble(ports), warnings })
}

/// A rule with the place where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<T = Rule> {
    /// Which of the documents.
    pub(super) document: usize,
    /// `inbound[2]`.
    pub(super) field: String,
    /// Whether its owner chose the name.
    pub(super) named: bool,
    /// Whether it is a probe, which is written for any caller.
    pub(super) probe: bool,
    pub(super) about: About,
    pub(super) rule: T,
}

/// The document that is read.
#[derive(Clone, Copy)]
struct Home<'a> {
    number: usize,
    document: &'a Document<Allowlist>,
    context: &'a Context<'a>,
}

/// What every sort of rule is written with.
struct Heading<'a> {
    field: String,
    name: Option<&'a str>,
    /// The line, when it is written as one: then it is its own name.
    line: Option<&'a str>,
    about: About,
}

impl Home<'_> {
    /// Who answers for a rule, else for its document.
    fn about(&self, owner: Option<&str>, reason: Option<&str>) -> About {
        let owner = owner.or(self.document.value.owner.as_deref());
        About { owner: owner.map(Box::from), reason: reason.map(Box::from) }
    }
}

#[derive(Default)]
struct Gathered {
    grants: Vec<Placed>,
    denials: Vec<Placed>,
    exceptions: Vec<Placed<Excepted>>,
    rates: Vec<Placed<Limited>>,
    problems: Vec<Problem>,
}

impl Gathered {
    fn gather(&mut self, home: Home<'_>) {
        let allowlist = &home.document.value;
        for (index, written) in allowlist.inbound.iter().enumerate() {
            self.inbound(home, format!("inbound[{index}]"), written);
        }
        for (index, written) in allowlist.deny.iter().enumerate() {
            self.deny(home, format!("deny[{index}]"), written);
        }
        for (index, written) in allowlist.outbound.iter().enumerate() {
            self.outbound(home, format!("outbound[{index}]"), written);
        }
        for (index, written) in allowlist.databases.iter().enumerate() {
            self.database(home, format!("databases[{index}]"), written);
        }
        for (index, written) in allowlist.caches.iter().enumerate() {
            self.cache(home, format!("caches[{index}]"), written);
        }
        for (index, probe) in allowlist.probes.iter().enumerate() {
            self.probe(home, format!("probes[{index}]"), probe);
        }
        for (index, written) in allowlist.exceptions.iter().enumerate() {
            let field = format!("exceptions[{index}]");
            let read = self.reader(home).exception(&field, written);
            let about = home.about(written.owner.as_deref(), Some(&written.reason));
            let placed =
                read.map(|rule| Placed { document: home.number, field, named: true, probe: false, about, rule });
            self.exceptions.extend(placed);
        }
        for (index, written) in allowlist.rates.iter().enumerate() {
            let field = format!("rates[{index}]");
            let read = self.reader(home).rate(&field, written);
            let about = home.about(written.owner.as_deref(), written.reason.as_deref());
            let placed =
                read.map(|rule| Placed { document: home.number, field, named: true, probe: false, about, rule });
            self.rates.extend(placed);
        }
    }

    fn inbound(&mut self, home: Home<'_>, field: String, written: &Written<InboundRule>) {
        let mut reader = self.reader(home);
        let Some(rule) = reader.fields(&field, written, shorthand::inbound) else { return };
        let conditions = reader.inbound(&field, &rule);
        let expires = reader.expiry(&field, rule.expires.as_deref());
        let about = home.about(rule.owner.as_deref(), rule.reason.as_deref());
        let heading = Heading { field, name: rule.name.as_deref(), line: line(written), about };
        self.grants.extend(conditions.map(|conditions| heading.place(home, conditions, expires)));
    }

    fn outbound(&mut self, home: Home<'_>, field: String, written: &Written<OutboundRule>) {
        let mut reader = self.reader(home);
        let Some(rule) = reader.fields(&field, written, shorthand::outbound) else { return };
        let conditions = reader.outbound(&field, &rule);
        let expires = reader.expiry(&field, rule.expires.as_deref());
        let about = home.about(rule.owner.as_deref(), rule.reason.as_deref());
        let heading = Heading { field, name: rule.name.as_deref(), line: line(written), about };
        self.grants.extend(conditions.map(|conditions| heading.place(home, conditions, expires)));
    }

    fn database(&mut self, home: Home<'_>, field: String, rule: &DatabaseRule) {
        let mut reader = self.reader(home);
        let conditions = reader.database(&field, rule);
        let expires = reader.expiry(&field, rule.expires.as_deref());
        let about = home.about(rule.owner.as_deref(), rule.reason.as_deref());
        let heading = Heading { field, name: rule.name.as_deref(), line: None, about };
        self.grants.extend(conditions.map(|conditions| heading.place(home, conditions, expires)));
    }

    fn cache(&mut self, home: Home<'_>, field: String, rule: &CacheRule) {
        let mut reader = self.reader(home);
        let conditions = reader.cache(&field, rule);
        let expires = reader.expiry(&field, rule.expires.as_deref());
        let about = home.about(rule.owner.as_deref(), rule.reason.as_deref());
        let heading = Heading { field, name: rule.name.as_deref(), line: None, about };
        self.grants.extend(conditions.map(|conditions| heading.place(home, conditions, expires)));
    }

    fn deny(&mut self, home: Home<'_>, field: String, written: &Written<DenyRule>) {
        let mut reader = self.reader(home);
        let Some(rule) = reader.fields(&field, written, shorthand::deny) else { return };
        let conditions = reader.deny(&field, &rule);
        let about = home.about(rule.owner.as_deref(), rule.reason.as_deref());
        let heading = Heading { field, name: rule.name.as_deref(), line: line(written), about };
        self.denials.extend(conditions.map(|conditions| heading.place(home, conditions, None)));
    }

    fn probe(&mut self, home: Home<'_>, field: String, probe: &Probe) {
        let conditions = self.reader(home).probe(&field, probe);
        let name = format!("probe {} on {}", probe.path, probe.port);
        let heading = Heading { field, name: None, line: Some(&name), about: home.about(None, None) };
        let placed = conditions.map(|conditions| Placed { probe: true, ..heading.place(home, conditions, None) });
        self.grants.extend(placed);
    }

    fn reader<'a>(&'a mut self, home: Home<'a>) -> Reader<'a> {
        Reader { document: home.document, context: home.context, problems: &mut self.problems }
    }
}

impl Heading<'_> {
    fn place(self, home: Home<'_>, conditions: Conditions, expires: Option<Expiry>) -> Placed {
        let document = home.document;
        let origin: Arc<str> = document.value.metadata.name.as_str().into();
        let default = || self.line.map_or_else(|| format!("{origin} {}", self.field), name_of_line);
        let name: Arc<str> = self.name.map_or_else(default, str::to_owned).into();
        let (mode, stream, rows) = (document.value.mode, conditions.stream, conditions.database.rows);
        let proof = if conditions.tls { Proof::Name } else { Proof::Unasked };
        let leaving = conditions.leaving;
        let terms = Terms { rule: Arc::clone(&name), mode, stream, proof, rows, leaving };
        let rule = Rule { name, terms: Arc::new(terms), document: origin, conditions, expires };
        Placed {
            document: home.number,
            field: self.field,
            named: self.name.is_some(),
            probe: false,
            about: self.about,
            rule,
        }
    }
}

fn line<T>(written: &Written<T>) -> Option<&str> {
    match written {
        Written::Line(line) => Some(line),
        Written::Fields(_) => None,
    }
}

/// The line with single spaces, at most 200 characters.
fn name_of_line(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

impl Gathered {
    fn assemble(self, ports: Ports) -> Policy {
        let hash = hash(self.canonical(&ports));
        let about = self.about();
        let rules = |placed: Vec<Placed>| placed.into_iter().map(|placed| placed.rule);
        let is_inbound = |rule: &Rule| rule.direction() == Direction::Inbound;
        let (inbound, outbound): (Vec<Rule>, Vec<Rule>) = rules(self.grants).partition(is_inbound);
        let lookups = outbound.iter().filter_map(Rule::lookups).collect();
        Policy {
            lookups: Grants::new(lookups, false),
            inbound: Grants::new(inbound, ports.any_without_case()),
            outbound: Grants::new(outbound, ports.any_without_case()),
            denials: Denials::new(rules(self.denials).collect()),
            exceptions: self.exceptions.into_iter().map(|placed| placed.rule).collect(),
            ceilings: Ceilings::new(self.rates.into_iter().map(|placed| placed.rule).collect()),
            ports,
            hash,
            about: Arc::new(about),
        }
    }

    /// Who answers for what, by name.
    fn about(&self) -> BTreeMap<RuleName, About> {
        let rules = self.grants.iter().chain(&self.denials).map(|placed| (&placed.rule.name, &placed.about));
        let exceptions = self.exceptions.iter().map(|placed| (&placed.rule.exception.name, &placed.about));
        let rates = self.rates.iter().map(|placed| (&placed.rule.rate.name, &placed.about));
        let all = rules.chain(exceptions).chain(rates).filter(|(_, about)| **about != About::default());
        all.map(|(name, about)| (Arc::clone(name), about.clone())).collect()
    }

    /// Everything that makes a difference, one line each.
    fn canonical(&self, ports: &Ports) -> Vec<String> {
        let granted = self.grants.iter().map(|placed| &placed.rule);
        let mut lines: Vec<String> =
            granted.map(|rule| format!("{} {}", rule.direction().name(), rule.canonical())).collect();
        lines.extend(self.denials.iter().map(|placed| format!("deny {}", placed.rule.canonical())));
        let excepted = self.exceptions.iter().map(|placed| &placed.rule);
        lines.extend(excepted.map(|excepted| format!("exception {:?} {excepted}", excepted.exception.name)));
        let limited = self.rates.iter().map(|placed| &placed.rule);
        lines.extend(limited.map(|limited| format!("rate {:?} {limited}", limited.rate.name)));
        lines.push(ports.canonical());
        lines
    }
}

/// The same for every order of the lines.
fn hash(mut lines: Vec<String>) -> Arc<str> {
    lines.sort_unstable();
    let mut digest = Sha256::new();
    for line in lines {
        digest.update(line.as_bytes());
        digest.update(b"\n");
    }
    let mut hex = String::with_capacity(64);
    for byte in digest.finalize() {
        let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
    }
    hex.into()
}
