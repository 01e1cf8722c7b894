//! Who calls and what is called, as meant: patterns held against a connection. All that is given must fit.

use super::pattern::{Host, Network};
use crate::flow::{Access, Connection, IdPattern};
use std::fmt;

/// One entry of `from`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Caller {
    /// Everyone, proved or not.
    Anyone,
    /// Whoever proves such an identity.
    Identity(IdPattern),
    /// Whoever calls from there, proved or not.
    Network(Network),
    /// Whoever proves such an identity and calls from there.
    Both(IdPattern, Network),
}

impl Caller {
    pub(super) fn matches(&self, connection: &Connection) -> bool {
        let proves = |id: &IdPattern| connection.peer.identity().is_some_and(|identity| id.matches(&identity.id));
        let from = |network: &Network| network.matches(connection.from.0.ip());
        match self {
            Self::Anyone => true,
            Self::Identity(id) => proves(id),
            Self::Network(network) => from(network),
            Self::Both(id, network) => from(network) && proves(id),
        }
    }

    /// Whether a caller without an identity may be meant.
    pub(super) fn takes_unverified(&self) -> bool {
        matches!(self, Self::Anyone | Self::Network(_))
    }

    /// Whether it takes every caller that `other` takes.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Anyone, _) => true,
            (Self::Identity(mine), Self::Identity(theirs) | Self::Both(theirs, _)) => mine.covers(theirs),
            (Self::Network(mine), Self::Network(theirs) | Self::Both(_, theirs)) => mine.covers(theirs),
            (Self::Both(id, network), Self::Both(their_id, their_network)) => {
                id.covers(their_id) && network.covers(their_network)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("any"),
            Self::Identity(id) => id.fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Both(id, network) => write!(f, "{id} at {network}"),
        }
    }
}

/// One entry of `to`. At least one of its fields is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Destination {
    pub(super) network: Option<Network>,
    pub(super) host: Option<Host>,
    pub(super) id: Option<IdPattern>,
}

impl Destination {
    /// The network is that of the dialled address, the host is the one the access names, which must have led to that
    /// address. An identity must be proved before a request goes on ([`crate::flow::Terms::proof`]); what is no request must
    /// have proved it already.
    pub(super) fn matches(&self, connection: &Connection, access: &Access<'_>) -> bool {
        let dials = |network: &Network| network.matches(connection.to.0.ip());
        let proves = |id: &IdPattern| {
            access.scheme == "http" || connection.peer.identity().is_some_and(|identity| id.matches(&identity.id))
        };
        let names = |host: &Host| match access.scheme {
            "dns" => host.matches(access.authority),
            // There the authority is the database, or nothing.
            "postgres" | "mysql" | "redis" => self.reaches(connection),
            _ => named(host, connection, access.authority),
        };
        self.network.as_ref().is_none_or(dials)
            && self.host.as_ref().is_none_or(names)
            && self.id.as_ref().is_none_or(proves)
    }

    /// Whether a connection could be to it: the address fits, or a name that led to the address.
    pub(super) fn reaches(&self, connection: &Connection) -> bool {
        let address = connection.to.0.ip();
        let names = |host: &Host| host.is_literally(address) || connection.names.any(|spelling| host.matches(spelling));
        self.network.as_ref().is_none_or(|network| network.matches(address)) && self.host.as_ref().is_none_or(names)
    }

    /// Whether it takes every destination that `other` takes.
    pub(super) fn covers(&self, other: &Self) -> bool {
        fn wider<T>(mine: Option<&T>, theirs: Option<&T>, covers: fn(&T, &T) -> bool) -> bool {
            mine.is_none_or(|mine| theirs.is_some_and(|theirs| covers(mine, theirs)))
        }
        wider(self.network.as_ref(), other.network.as_ref(), Network::covers)
            && wider(self.host.as_ref(), other.host.as_ref(), Host::covers)
            && wider(self.id.as_ref(), other.id.as_ref(), IdPattern::covers)
    }
}

/// Whether a host that is named is the one of a rule, and where the connection goes: under one spelling of a name that led
/// to the dialled address, or as that address itself.
fn named(host: &Host, connection: &Connection, authority: &str) -> bool {
    connection.names.lead(authority, |spelling| host.matches(spelling))
        || host.matches(authority) && host.is_literally(connection.to.0.ip())
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_ref().map(ToString::to_string);
        let network = self.network.as_ref().map(ToString::to_string);
        let id = self.id.as_ref().map(ToString::to_string);
        f.write_str(&[host, network, id].into_iter().flatten().collect::<Vec<_>>().join(" at "))
    }
}
