//! Exceptions as meant: which signs of an attack do not count, for which requests.

use super::describe::listed;
use super::pattern::PathTemplate;
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
    pub(super) paths: Vec<PathTemplate>,
    pub(super) expires: Option<Expiry>,
}

impl Excepted {
    /// Whether it holds for an exchange: under every reading of its path.
    pub(super) fn holds(&self, scene: &Scene<'_>, accesses: &[Access<'_>]) -> bool {
        let takes = |access: &Access<'_>| self.paths.iter().any(|template| template.matches(&access.path));
        let over = self.expires.as_ref().is_some_and(|expiry| scene.now.wall >= expiry.end);
        !over
            && (self.ports.is_empty() || self.ports.contains(&scene.connection.port))
            && !accesses.is_empty()
            && accesses.iter().all(takes)
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
    }
}

impl fmt::Display for Excepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", listed(&self.exception.signs), listed(&self.paths))?;
        let lists = [
            (" on ", listed(&self.ports)),
            (" of ", listed(&self.exception.places)),
            (" named ", listed(&self.exception.parameters)),
        ];
        lists.iter().filter(|(_, list)| !list.is_empty()).try_for_each(|(word, list)| write!(f, "{word}{list}"))?;
        self.expires.as_ref().map_or(Ok(()), |expiry| write!(f, " until {}", expiry.last_day))
    }
}
