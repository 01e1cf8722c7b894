//! What holds for a port, whoever calls. A document speaks of the ports that its rules and `ports:` name; of all ports
//! when a rule of it names none, or when it names no port at all. The strictest of those that speak of a port decides;
//! a port that nobody speaks of is enforced.

use super::compile::Placed;
use super::document::{Allowlist, Port};
use crate::canon::path::{Case, Readings};
use crate::document::{Document, Problem, Severity};
use crate::flow::{Direction, Mode, Sensitivity, Watch};
use std::collections::BTreeMap;

/// How the traffic of one port is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortTerms {
    /// What is done with the verdict.
    pub mode: Mode,
    /// How much evidence of an attack denies.
    pub sensitivity: Sensitivity,
    /// How the application reads paths.
    pub readings: Readings,
    /// What its answers should not carry.
    pub responses: Watch,
}

/// The terms of every port.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    inbound: Terms,
    outbound: Terms,
}

/// The terms of one direction's ports, and of those that are not named.
#[derive(Clone, Debug, Default)]
struct Terms {
    named: BTreeMap<u16, PortTerms>,
    others: PortTerms,
}

impl Ports {
    pub(super) fn of(documents: &[Document<Allowlist>], grants: &[Placed], denials: &[Placed]) -> Self {
        let spoken = |direction| {
            let each = documents.iter().enumerate();
            each.map(|(number, document)| Spoken::of(number, document, direction, grants, denials)).collect()
        };
        Self { inbound: Terms::of(spoken(Direction::Inbound)), outbound: Terms::of(spoken(Direction::Outbound)) }
    }

    pub(super) fn terms(&self, direction: Direction, port: u16) -> &PortTerms {
        let side = self.side(direction);
        side.named.get(&port).unwrap_or(&side.others)
    }

    pub(super) fn others(&self, direction: Direction) -> &PortTerms {
        &self.side(direction).others
    }

    /// The ports that differ, or may differ, from the others.
    pub(super) fn named(&self, direction: Direction) -> impl Iterator<Item = u16> {
        self.side(direction).named.keys().copied()
    }

    /// Whether the application behind a port takes letter case for nothing.
    pub(super) fn any_without_case(&self) -> bool {
        let all = self.inbound.named.values().chain(self.outbound.named.values());
        all.map(|terms| terms.readings.case).any(|case| case == Case::Insensitive)
    }

    /// One line, for the hash.
    pub(super) fn canonical(&self) -> String {
        format!("ports {self:?}")
    }

    fn side(&self, direction: Direction) -> &Terms {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }
}

/// What a document says of the ports of one direction.
fn of(document: &Allowlist, direction: Direction) -> &BTreeMap<u16, Port> {
    match direction {
        Direction::Inbound => &document.ports,
        Direction::Outbound => &document.outbound_ports,
    }
}

/// Two documents cannot both know how one application reads paths.
pub(super) fn conflicts(documents: &[Document<Allowlist>]) -> Vec<Problem> {
    let inbound = conflicting(documents, Direction::Inbound, "ports");
    inbound.into_iter().chain(conflicting(documents, Direction::Outbound, "outboundPorts")).collect()
}

fn conflicting(documents: &[Document<Allowlist>], direction: Direction, name: &str) -> Vec<Problem> {
    let mut known: BTreeMap<u16, (&Document<Allowlist>, Readings)> = BTreeMap::new();
    let mut problems = Vec::new();
    for document in documents {
        for (port, settings) in of(&document.value, direction) {
            let Some(readings) = settings.readings else { continue };
            let (other, before) = *known.entry(*port).or_insert((document, readings));
            if before != readings {
                let field = format!("{name}.{port}.readings");
                let found = format!("other readings than document `{}` gives this port", other.value.metadata.name);
                let remedy = "say in one document how the application reads paths";
                problems.push(document.problem(Severity::Error, &field, found, "the same", remedy));
            }
        }
    }
    problems
}

/// What one document says of the ports of one direction.
struct Spoken {
    mode: Mode,
    /// The ports it names, with its settings for them.
    named: BTreeMap<u16, Port>,
    of_all: bool,
}

impl Spoken {
    fn of(
        number: usize,
        document: &Document<Allowlist>,
        direction: Direction,
        grants: &[Placed],
        denials: &[Placed],
    ) -> Self {
        let mut named = BTreeMap::new();
        let mut of_all = false;
        let mine = |placed: &&Placed| placed.document == number && placed.rule.direction() == direction;
        for placed in grants.iter().chain(denials).filter(mine) {
            of_all |= placed.rule.conditions.ports.is_empty();
            named.extend(placed.rule.conditions.ports.iter().map(|port| (*port, Port::default())));
        }
        named.extend(of(&document.value, direction).iter().map(|(port, settings)| (*port, settings.clone())));
        Self { mode: document.value.mode, of_all: of_all || named.is_empty(), named }
    }
}

impl Terms {
    fn of(spoken: Vec<Spoken>) -> Self {
        let mode_of_all = spoken.iter().filter(|document| document.of_all).map(|document| document.mode).max();
        let others = PortTerms { mode: mode_of_all.unwrap_or_default(), ..PortTerms::default() };
        let ports = spoken.iter().flat_map(|document| document.named.keys().copied());
        let named = ports.map(|port| (port, Self::of_port(port, &spoken))).collect();
        Self { named, others }
    }

    fn of_port(port: u16, spoken: &[Spoken]) -> PortTerms {
        let speaking = spoken.iter().filter(|document| document.of_all || document.named.contains_key(&port));
        let of_documents = speaking.map(|document| document.mode).max();
        let settings = || spoken.iter().filter_map(|document| document.named.get(&port));
        PortTerms {
            mode: settings().filter_map(|port| port.mode).max().max(of_documents).unwrap_or_default(),
            sensitivity: settings().filter_map(|port| port.sensitivity).max().unwrap_or_default(),
            readings: settings().find_map(|port| port.readings).unwrap_or_default(),
            responses: settings().map(|port| port.responses.watch()).fold(Watch::default(), Watch::max),
        }
    }
}
