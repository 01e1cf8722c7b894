//! A rule in one line of text: for its hash, for what a reload weakens, for explanations. Equal conditions give equal
//! lines, whatever order they were written in, since compiling sorts them.

use super::document::Protocol;
use super::rule::{Conditions, Header, Methods, Party, Query, Rule};
use crate::flow::{Action, Budget};
use std::fmt::{self, Display};

/// The items with commas between.
pub(super) fn listed<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Rule {
    /// Everything that makes a difference, in one line.
    pub(super) fn canonical(&self) -> String {
        let expires = self.expires.as_ref().map(|expiry| format!(" until {}", expiry.last_day)).unwrap_or_default();
        format!("{:?} {}{expires} {}", self.name, self.conditions, self.terms.mode.name())
    }
}

impl Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Http => write!(f, "{} {}", self.methods, listed(&self.paths))?,
            Protocol::Tcp | Protocol::Named(_) => f.write_str(self.protocol.name())?,
            Protocol::Dns => write!(f, "dns {}", self.methods)?,
            Protocol::Postgres | Protocol::Mysql => self.database.fmt(f)?,
            Protocol::Redis => self.commands.fmt(f)?,
        }
        if let Some(inside) = self.inside {
            write!(f, " in {inside}")?;
        }
        if !self.hosts.is_empty() {
            write!(f, " of {}", listed(&self.hosts))?;
        }
        write!(f, " {}", self.party)?;
        if !self.ports.is_empty() {
            write!(f, " on {}", listed(&self.ports))?;
        }
        for header in &self.headers {
            write!(f, " with {header}")?;
        }
        self.query.fmt(f)?;
        if let Some(Budget { bytes, per }) = self.leaving.budget {
            write!(f, " budget {bytes} per {} s to each", per.as_secs())?;
        }
        if self.leaving.action != Action::default() {
            write!(f, " action {:?}", self.leaving.action)?;
        }
        let flags = [
            (self.leaving.beatless, " beacons denied"),
            (self.websocket, " upgrade"),
            (self.absolute_form, " absoluteForm"),
            (self.stream, " stream"),
            (self.tls, " tls"),
            (self.unsaid.ech, " ech"),
            (self.unsaid.name, " withoutName"),
        ];
        flags.into_iter().filter(|(set, _)| *set).try_for_each(|(_, word)| f.write_str(word))
    }
}

impl Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.any { "ANY" } else { "" })?;
        f.write_str(if self.any && !self.named.is_empty() { "," } else { "" })?;
        f.write_str(&self.named.join(","))
    }
}

impl Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From(callers) => write!(f, "from {}", listed(callers)),
            Self::To(destinations) => write!(f, "to {}", listed(destinations)),
        }
    }
}

impl Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.values.as_slice() {
            [] => f.write_str(&self.name),
            values => write!(f, "{}={:?}", self.name, values),
        }
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(exactly) = &self.exactly {
            write!(f, " query exactly {exactly:?}")?;
        }
        if let Some(allowed) = &self.allowed {
            write!(f, " query {allowed:?}")?;
        }
        if !self.forbidden.is_empty() {
            write!(f, " with query {:?}", self.forbidden)?;
        }
        if self.required.is_empty() { Ok(()) } else { write!(f, " query required {:?}", self.required) }
    }
}
