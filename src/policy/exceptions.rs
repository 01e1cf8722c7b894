//! Exceptions as meant: which signs of an attack do not count, for which requests.

use super::describe::listed;
use super::pattern::{Host, PathTemplate};
use super::rule::Expiry;
use crate::flow::{Access, Exception, Scene};
use std::fmt;
use std::sync::Arc;

/// An exception with the requests it holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excepted {
    pub(super) exception: Arc<Exception>,
    /// Empty: all.
    pub(super) ports: Vec<u16>,
    /// Of requests. With no domains either: what has no path, on its ports.
    pub(super) paths: Vec<PathTemplate>,
    /// Of lookups.
    pub(super) domains: Vec<Host>,
    pub(super) expires: Option<Expiry>,
}

impl Excepted {
    /// Whether it holds for an exchange: under every reading of its path.
    pub(super) fn holds(&self, scene: &Scene<'_>, accesses: &[Access<'_>]) -> bool {
        let over = self.expires.as_ref().is_some_and(|expiry| scene.now.wall >= expiry.end);
        !over
            && (self.ports.is_empty() || self.ports.contains(&scene.connection.port))
            && !accesses.is_empty()
            && accesses.iter().all(|access| self.takes(access))
    }

    fn takes(&self, access: &Access<'_>) -> bool {
        let path = || self.paths.iter().any(|template| template.matches(&access.path));
        let only_port = self.paths.is_empty() && self.domains.is_empty();
        match access.scheme {
            "dns" => self.domains.iter().any(|domain| domain.matches(access.authority)),
            "http" => path(),
            _ => only_port || path(),
        }
    }

    /// Whether it excuses all that the other does, as long.
    pub(super) fn covers(&self, other: &Self) -> bool {
        fn wider<T: PartialEq>(mine: &[T], theirs: &[T]) -> bool {
            mine.is_empty() || !theirs.is_empty() && theirs.iter().all(|their| mine.contains(their))
        }
        let as_long = match (&self.expires, &other.expires) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => mine.end >= theirs.end,
        };
        let (mine, theirs) = (&self.exception, &other.exception);
        as_long
            && wider(&self.ports, &other.ports)
            && wider(&mine.places, &theirs.places)
            && wider(&mine.parameters, &theirs.parameters)
            && theirs.signs.iter().all(|sign| mine.signs.contains(sign))
            && other.paths.iter().all(|their| self.paths.iter().any(|my| my.covers(their)))
            && other.domains.iter().all(|their| self.domains.iter().any(|my| my.covers(their)))
            && (!other.paths.is_empty()
                || !other.domains.is_empty()
                || self.paths.is_empty() && self.domains.is_empty())
    }
}

impl fmt::Display for Excepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", listed(&self.exception.signs))?;
        let lists = [
            (" in ", listed(&self.paths)),
            (" of lookups of ", listed(&self.domains)),
            (" on ", listed(&self.ports)),
            (" of ", listed(&self.exception.places)),
            (" named ", listed(&self.exception.parameters)),
        ];
        lists.iter().filter(|(_, list)| !list.is_empty()).try_for_each(|(word, list)| write!(f, "{word}{list}"))?;
        self.expires.as_ref().map_or(Ok(()), |expiry| write!(f, " until {}", expiry.last_day))
    }
}
