//! Whether one rule takes everything that another takes. Sound, not complete: a rule covered only by several others
//! together is not found.

use super::document::Protocol;
use super::pattern::{Host, PathTemplate};
use super::rule::{Conditions, Header, Methods, Party, Query, Rule};
use super::spoken::DOH;

impl Rule {
    /// Whether this grant holds wherever and as long as the other does.
    pub(super) fn grants_all_of(&self, other: &Self) -> bool {
        let as_long = match (&self.expires, &other.expires) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => mine.end >= theirs.end,
        };
        as_long && self.conditions.cover(&other.conditions)
    }

    /// Whether this denial forbids everything that the grant is for.
    pub(super) fn forbids_all_of(&self, grant: &Self) -> bool {
        let (mine, theirs) = (&self.conditions, &grant.conditions);
        let folded: Vec<PathTemplate> = theirs.paths.iter().map(PathTemplate::folded).collect();
        theirs.protocol == Protocol::Http
            && mine.headers.is_empty()
            && mine.query.forbidden.is_empty()
            && mine.forbid_requests_of(theirs, &folded)
    }

    /// Whether this denial forbids everything that another does.
    pub(super) fn denies_all_of(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.conditions, &other.conditions);
        let (keys, their_keys) = (&mine.query.forbidden, &theirs.query.forbidden);
        mine.headers.iter().all(|header| theirs.headers.iter().any(|their| header.follows_from(their)))
            && (keys.is_empty() || !their_keys.is_empty() && their_keys.iter().all(|key| keys.contains(key)))
            && mine.forbid_requests_of(theirs, &theirs.paths)
    }
}

/// `/admin/{rest...}` of a deny rule takes `/admin` too.
fn is_root_of(denied: &PathTemplate, path: &PathTemplate) -> bool {
    denied.has_rest() && !path.has_rest() && denied.segments() == path.segments()
}

impl Conditions {
    /// Whether every access that meets the other's conditions meets these.
    pub(super) fn cover(&self, other: &Self) -> bool {
        self.protocol.covers(other.protocol)
            && (self.inside == other.inside || self.inside.is_none() && other.inside != Some(DOH))
            && other.leaving.is_as_strict_as(&self.leaving)
            && (self.unsaid.ech || !other.unsaid.ech)
            && (self.unsaid.name || !other.unsaid.name)
            && ports_cover(&self.ports, &other.ports)
            && (self.protocol != Protocol::Http || self.covers_requests(other))
            && (self.protocol != Protocol::Dns || self.methods.cover(&other.methods))
            && (!self.protocol.is_database() || self.database.covers(&other.database))
            && (self.protocol != Protocol::Redis || self.commands.covers(&other.commands))
            && self.party.covers(&other.party)
    }

    /// Whether a denial holds for the callers, ports, methods, hosts and (folded) paths of another rule.
    pub(super) fn forbid_requests_of(&self, other: &Self, paths: &[PathTemplate]) -> bool {
        let forbidden = |path: &PathTemplate| self.paths.iter().any(|mine| mine.covers(path) || is_root_of(mine, path));
        ports_cover(&self.ports, &other.ports)
            && (self.methods.any || self.methods.cover(&other.methods))
            && hosts_cover(&self.hosts, &other.hosts)
            && self.party.covers(&other.party)
            && paths.iter().all(forbidden)
    }

    fn covers_requests(&self, other: &Self) -> bool {
        self.methods.cover(&other.methods)
            && hosts_cover(&self.hosts, &other.hosts)
            && other.paths.iter().all(|theirs| self.paths.iter().any(|mine| mine.covers(theirs)))
            && self.headers.iter().all(|mine| other.headers.iter().any(|theirs| mine.follows_from(theirs)))
            && self.query.covers(&other.query)
            && (self.websocket || !other.websocket)
            && (self.absolute_form || !other.absolute_form)
            && (self.stream || !other.stream)
            && (!self.tls || other.tls)
    }
}

impl Protocol {
    /// Whether a rule of this one takes what a rule of the other takes.
    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Tcp, Self::Named(_)) | (Self::Named("tls"), Self::Named("https")) => true,
            (mine, theirs) => mine == theirs,
        }
    }
}

fn ports_cover(mine: &[u16], theirs: &[u16]) -> bool {
    mine.is_empty() || !theirs.is_empty() && theirs.iter().all(|port| mine.contains(port))
}

fn hosts_cover(mine: &[Host], theirs: &[Host]) -> bool {
    let covered = |theirs: &Host| mine.iter().any(|mine| mine.covers(theirs));
    mine.is_empty() || !theirs.is_empty() && theirs.iter().all(covered)
}

impl Methods {
    fn cover(&self, other: &Self) -> bool {
        (self.any || !other.any) && other.named.iter().all(|name| self.take(name))
    }
}

impl Party {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::From(mine), Self::From(theirs)) => theirs.iter().all(|their| mine.iter().any(|my| my.covers(their))),
            (Self::To(mine), Self::To(theirs)) => theirs.iter().all(|their| mine.iter().any(|my| my.covers(their))),
            _ => false,
        }
    }
}

impl Header {
    /// Whether whoever meets the other meets this one.
    fn follows_from(&self, other: &Self) -> bool {
        let wider = self.values.is_empty()
            || !other.values.is_empty() && other.values.iter().all(|value| self.values.contains(value));
        self.name == other.name && wider
    }
}

impl Query {
    fn covers(&self, other: &Self) -> bool {
        if let Some(theirs) = &other.exactly {
            let required = self.required.iter().all(|key| theirs.iter().any(|(name, _)| name == key));
            let allowed = theirs.iter().all(|(name, _)| self.may_be(name));
            return self.exactly.as_ref().map_or(required && allowed, |mine| mine == theirs);
        }
        let allowed = match (&self.allowed, &other.allowed) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(theirs)) => theirs.iter().chain(&other.required).all(|key| self.may_be(key)),
        };
        self.exactly.is_none() && allowed && self.required.iter().all(|key| other.required.contains(key))
    }

    fn may_be(&self, key: &str) -> bool {
        let known = |allowed: &Vec<Box<str>>| allowed.iter().chain(&self.required).any(|known| **known == *key);
        self.allowed.as_ref().is_none_or(known)
    }
}
