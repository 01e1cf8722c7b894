//! Names of rules, exceptions and documents: those that owners chose are unique, the others are made so. None may garble
//! a terminal.

use super::compile::Placed;
use super::document::Allowlist;
use super::exceptions::Excepted;
use super::rates::Limited;
use super::rule::Rule;
use crate::document::{Document, Problem, Severity};
use crate::flow::{IdPattern, RuleName, Terms};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Where a name stands: which document, which field.
type Place<'a> = (usize, &'a str);

/// What is wrong with the names that owners chose. Of the others, those that are taken get their place behind them.
pub(super) fn of_rules(
    documents: &[Document<Allowlist>],
    grants: &mut [Placed],
    denials: &mut [Placed],
    exceptions: &[Placed<Excepted>],
    rates: &[Placed<Limited>],
) -> Vec<Problem> {
    let rules = || grants.iter().chain(denials.iter());
    let chosen = rules().filter(|placed| placed.named).map(|placed| (&placed.rule.name, place(placed)));
    let chosen = chosen.chain(exceptions.iter().map(|placed| (&placed.rule.exception.name, place(placed))));
    let chosen = chosen.chain(rates.iter().map(|placed| (&placed.rule.rate.name, place(placed))));
    let mut taken: HashMap<RuleName, Place<'_>> = HashMap::new();
    let mut problems = Vec::new();
    for (name, here) in chosen {
        if let Some(there) = taken.insert(Arc::clone(name), here) {
            problems.extend(twice(documents, name, here, there));
        }
    }
    let garbled = rules().map(|placed| (&placed.rule.name, place(placed)));
    let garbled = garbled.chain(rates.iter().map(|placed| (&placed.rule.rate.name, place(placed))));
    let garbled = garbled.filter(|(name, _)| is_garbled(name));
    problems.extend(garbled.filter_map(|(name, here)| garbles(documents, name, here)));
    distinguish(taken.into_keys().collect(), grants.iter_mut().chain(denials));
    problems
}

/// What is wrong with what documents are called.
pub(super) fn of_documents(documents: &[Document<Allowlist>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for (number, document) in documents.iter().enumerate() {
        let name = document.value.metadata.name.as_str();
        if let Some(other) = taken.insert(name, number) {
            problems.extend(twice(documents, name, (number, "metadata"), (other, "metadata")));
        }
        if is_garbled(name) {
            problems.extend(garbles(documents, name, (number, "metadata")));
        }
        let Some(domain) = &document.value.trust_domain else { continue };
        if let Err(wrong) = IdPattern::domain(domain) {
            let found = format!("`{domain}`");
            problems.push(document.problem(Severity::Error, "trustDomain", found, wrong.expected, wrong.remedy));
        }
    }
    problems
}

fn place<T>(placed: &Placed<T>) -> Place<'_> {
    (placed.document, &placed.field)
}

fn twice(documents: &[Document<Allowlist>], name: &str, here: Place<'_>, there: Place<'_>) -> Option<Problem> {
    let (home, other) = (documents.get(here.0)?, documents.get(there.0)?);
    let mark = other.at(there.1);
    let found = format!("name `{name}`, taken by {} at {}:{}:{}", there.1, other.file, mark.line, mark.column);
    let field = format!("{}.name", here.1);
    Some(home.problem(Severity::Error, &field, found, "a name of its own", "rename one of the two"))
}

fn garbles(documents: &[Document<Allowlist>], name: &str, here: Place<'_>) -> Option<Problem> {
    let (found, field) = (format!("name `{}`", name.escape_debug()), format!("{}.name", here.1));
    let home = documents.get(here.0)?;
    Some(home.problem(Severity::Error, &field, found, "a name without control characters", "remove them"))
}

fn is_garbled(name: &str) -> bool {
    name.chars().any(char::is_control)
}

/// A rule whose name is taken gets its place behind it.
fn distinguish<'a>(mut taken: HashSet<RuleName>, rules: impl Iterator<Item = &'a mut Placed>) {
    for placed in rules.filter(|placed| !placed.named) {
        if taken.contains(&placed.rule.name) {
            let rule = &placed.rule;
            let name = format!("{} ({} {})", rule.name, rule.document, placed.field);
            placed.rule.rename(name.into());
        }
        taken.insert(Arc::clone(&placed.rule.name));
    }
}

impl Rule {
    fn rename(&mut self, name: RuleName) {
        self.terms = Arc::new(Terms { rule: Arc::clone(&name), ..(*self.terms).clone() });
        self.name = name;
    }
}
