//! What an owner should know about a policy that works: rules that never decide, that end, that grant more than they
//! seem to.

use super::compile::{Context, Placed, Tls};
use super::describe::listed;
use super::document::Allowlist;
use super::exceptions::Excepted;
use super::pattern::{Host, PathTemplate};
use super::rule::{Conditions, Expiry, Party, Rule};
use crate::document::{Document, Problem, Severity, capped};
use crate::flow::Mode;
use std::time::Duration;

/// A rule that ends within this time is warned about.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// Rules compared with each other; beyond, shadowed rules are not looked for.
const COMPARED: usize = 1000;

pub(super) fn warnings(
    documents: &[Document<Allowlist>],
    grants: &[Placed],
    denials: &[Placed],
    exceptions: &[Placed<Excepted>],
    context: &Context<'_>,
) -> Vec<Problem> {
    let mut check = Check { documents, context, warnings: Vec::new() };
    documents.iter().for_each(|document| check.document(document));
    for (number, placed) in grants.iter().enumerate() {
        check.expiry(placed, placed.rule.expires.as_ref());
        check.breadth(placed);
        check.unverified(placed);
        check.tenants(placed);
        if grants.len() <= COMPARED {
            check.shadowed(placed, number, grants, denials);
        }
    }
    for placed in exceptions {
        check.expiry(placed, placed.rule.expires.as_ref());
        if placed.rule.paths.contains(&PathTemplate::everything()) {
            let remedy = "name the paths where this is no attack; everywhere else it is one";
            check.warn(
                placed,
                &format!("{}.path", placed.field),
                "an exception for every path".into(),
                "some paths",
                remedy,
            );
        }
        if placed.rule.domains.contains(&Host::Any) {
            let field = format!("{}.domain", placed.field);
            let remedy = "name the domains whose lookups look so; everywhere else it is an attack";
            check.warn(placed, &field, "an exception for every name".into(), "some names", remedy);
        }
    }
    capped(check.warnings)
}

struct Check<'a> {
    documents: &'a [Document<Allowlist>],
    context: &'a Context<'a>,
    warnings: Vec<Problem>,
}

impl Check<'_> {
    fn document(&mut self, document: &Document<Allowlist>) {
        let allowlist = &document.value;
        let mut warn = |field: &str, found: &str, expected: &str, remedy: &str| {
            self.warnings.push(document.problem(Severity::Warning, field, found, expected, remedy));
        };
        if allowlist.mode != Mode::Enforce {
            let found = format!("`{}`: what is not granted passes and is only recorded", allowlist.mode.name());
            warn("mode", &found, "`enforce` in the end", "remove `mode` when the record shows no wrong denial");
        }
        let stores = allowlist.databases.is_empty() && allowlist.caches.is_empty();
        if allowlist.inbound.is_empty() && allowlist.outbound.is_empty() && allowlist.probes.is_empty() && stores {
            warn(
                "",
                "a document that grants nothing",
                "`inbound` or `outbound` rules",
                "without them every call is denied",
            );
        }
        for (port, settings) in &allowlist.ports {
            if self.context.tls.is_some_and(|declared| !declared.contains_key(port)) {
                let remedy = "declare the port in the bootstrap configuration, or correct it here";
                warn(
                    &format!("ports.{port}"),
                    "settings for a port that no listener declares",
                    "a declared port",
                    remedy,
                );
            }
            if settings.mode.is_some_and(|mode| mode < allowlist.mode) {
                let expected = format!("`{}` or stricter", allowlist.mode.name());
                let remedy = "the stricter of document and port holds: this setting does nothing";
                warn(&format!("ports.{port}.mode"), "a laxer mode than the document's", &expected, remedy);
            }
        }
    }

    fn expiry<T>(&mut self, placed: &Placed<T>, expiry: Option<&Expiry>) {
        let Some(expiry) = expiry else { return };
        let left = expiry.end.duration_since(self.context.now);
        let field = format!("{}.expires", placed.field);
        let found = |what: &str| format!("a rule that {what} after {}", expiry.last_day);
        match left {
            Err(_) | Ok(Duration::ZERO) => {
                self.warn(
                    placed,
                    &field,
                    found("expired"),
                    "a date to come",
                    "remove the rule, or renew its date with its owner",
                );
            }
            Ok(left) if left <= SOON => {
                let days = left.as_secs().div_ceil(86_400);
                let expected = format!("a date further away than {days} days");
                self.warn(placed, &field, found("expires"), &expected, "renew it in time, or let it end");
            }
            Ok(_) => {}
        }
    }

    fn breadth(&mut self, placed: &Placed) {
        let conditions = &placed.rule.conditions;
        if let (Party::From(_), Some(wild)) = (&conditions.party, conditions.paths.iter().find(|path| path.is_wild())) {
            let everything = *wild == PathTemplate::everything();
            let found = if everything {
                "a rule for every path".to_owned()
            } else {
                format!("a path of wildcards alone, `{wild}`")
            };
            self.warn(
                placed,
                &format!("{}.path", placed.field),
                found,
                "the paths that are meant",
                "name at least the first segment",
            );
        }
        for method in ["CONNECT", "TRACE"] {
            if conditions.methods.named.iter().any(|name| **name == *method) {
                let remedy = "CONNECT opens a tunnel that is not looked into; TRACE sends credentials back";
                self.warn(
                    placed,
                    &format!("{}.methods", placed.field),
                    format!("`{method}`"),
                    "another method",
                    remedy,
                );
            }
        }
    }

    /// Wildcards over names that anyone can have.
    fn tenants(&mut self, placed: &Placed) {
        let Party::To(destinations) = &placed.rule.conditions.party else { return };
        let wide = destinations.iter().filter(|to| to.id.is_none()).filter_map(|to| to.host.as_ref());
        for (host, shared) in wide.filter_map(|host| Some((host, host.shared()?))) {
            let budget = placed.rule.conditions.leaving.budget;
            let each = if budget.is_some() { ", and each name has a budget of its own" } else { "" };
            let found = format!("`{host}`: anyone can have a name under `{shared}`{each}");
            let remedy = "name the bucket, account or application that is yours: `mine.`, not `*.`";
            self.warn(placed, &format!("{}.to", placed.field), found, "names of your own", remedy);
        }
    }

    /// Grants to callers that may be unproved; grants to identities where nobody can prove one.
    fn unverified(&mut self, placed: &Placed) {
        let Party::From(callers) = &placed.rule.conditions.party else { return };
        let field = format!("{}.from", placed.field);
        let open = callers.iter().find(|caller| caller.takes_unverified() && !placed.probe);
        match (open, self.tls_of(&placed.rule.conditions)) {
            (Some(open), Reach::Unknown) => {
                let found = format!("`{open}`, which needs no identity");
                let remedy = "on a port whose TLS is permissive or off this grants callers that nobody has verified";
                self.warn(placed, &field, found, "callers with an identity", remedy);
            }
            (Some(open), Reach::Permissive(port)) => {
                let found = format!("`{open}`, which needs no identity, on the permissive port {port}");
                let remedy = "name callers by identity, or make the port strict";
                self.warn(placed, &field, found, "callers with an identity", remedy);
            }
            (_, Reach::Nobody) => {
                let ports = listed(&placed.rule.conditions.ports);
                let remedy = "declare the port in the bootstrap configuration, or correct it here";
                let found = format!("a rule for port {ports}, which no listener declares");
                self.warn(placed, &format!("{}.port", placed.field), found, "a declared port", remedy);
            }
            (None, Reach::OnlyOff) if !placed.probe => {
                let remedy = "set the port's TLS to strict or permissive, or name callers by network";
                let found = "callers with an identity, on ports without TLS".to_owned();
                self.warn(placed, &field, found, "callers that can exist there", remedy);
            }
            _ => {}
        }
    }

    /// Which callers can reach the ports that a rule holds for.
    fn tls_of(&self, conditions: &Conditions) -> Reach {
        let Some(ports) = self.context.tls else { return Reach::Unknown };
        let held = |port: &u16| conditions.ports.is_empty() || conditions.ports.contains(port);
        let mut reached = ports.iter().filter(|(port, _)| held(port)).peekable();
        if reached.peek().is_none() {
            return Reach::Nobody;
        }
        if reached.clone().all(|(_, tls)| *tls == Tls::Off) {
            return Reach::OnlyOff;
        }
        reached.find(|(_, tls)| **tls == Tls::Permissive).map_or(Reach::Proved, |(port, _)| Reach::Permissive(*port))
    }

    fn shadowed(&mut self, placed: &Placed, number: usize, grants: &[Placed], denials: &[Placed]) {
        if let Some(denial) = denials.iter().find(|denial| denial.rule.forbids_all_of(&placed.rule)) {
            let found = format!("a grant that the deny rule \"{}\" takes back whole", denial.rule.name);
            self.warn(placed, &placed.field, found, "a rule that can grant", "remove one of the two");
            return;
        }
        let same = |other: &Placed| placed.rule.grants_all_of(&other.rule);
        let wider = grants.iter().enumerate().find(|(at, other)| {
            // Of two rules that grant the same, the later one is the superfluous one.
            *at != number && other.rule.grants_all_of(&placed.rule) && (*at < number || !same(other))
        });
        let Some((_, wider)) = wider else { return };
        let over = wider.rule.expires.as_ref().is_some_and(|expiry| expiry.end <= self.context.now);
        // One that asks the other side for proof is preferred to one that does not.
        let proof = |rule: &Rule| (rule.asks_identity(), rule.conditions.tls);
        let differs = wider.rule.terms.mode != placed.rule.terms.mode || proof(&wider.rule) != proof(&placed.rule);
        if !over && !differs {
            let found = format!("a rule that adds nothing to \"{}\"", wider.rule.name);
            let remedy = "remove it, or narrow the other one";
            self.warn(placed, &placed.field, found, "a grant of its own", remedy);
        }
    }

    fn warn<T>(&mut self, placed: &Placed<T>, field: &str, found: String, expected: &str, remedy: &str) {
        let Some(document) = self.documents.get(placed.document) else { return };
        self.warnings.push(document.problem(Severity::Warning, field, found, expected, remedy));
    }
}

/// Which callers can reach a rule's ports.
enum Reach {
    Nobody,
    Unknown,
    Proved,
    Permissive(u16),
    OnlyOff,
}
