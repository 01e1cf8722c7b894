//! What an owner has declared to be no attack: signs that do not count where they are expected. Which exceptions hold
//! for an exchange is for the policy to say; that they are not counted is for [`super::Found`] to see to.

use super::{Hit, Part, RuleName};

/// Signs that do not count. All that is given must fit; at least one sign is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// What records call it.
    pub name: RuleName,
    /// Signatures by their id, or detectors by their name.
    pub signs: Vec<Box<str>>,
    /// Groups of places ([`super::Place::group`]). Empty: all.
    pub places: Vec<&'static str>,
    /// Names of parts: a query key, a header, a form field, a JSON key. Empty: all.
    pub parameters: Vec<Box<str>>,
}

impl Exception {
    /// Whether a finding in a part does not count. Names of headers have no letter case.
    pub fn excuses(&self, part: &Part<'_>, hit: &Hit) -> bool {
        let group = part.place.group();
        let names = |name: &str| match group {
            "header" => name.as_bytes().eq_ignore_ascii_case(&part.name),
            _ => name.as_bytes() == &*part.name,
        };
        self.signs.iter().any(|sign| **sign == *hit.signature || **sign == *hit.detector)
            && (self.places.is_empty() || self.places.contains(&group))
            && (self.parameters.is_empty() || self.parameters.iter().any(|name| names(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Found, Place, Weight};
    use std::sync::Arc;

    fn exception() -> Exception {
        Exception {
            name: "comments may hold markup".into(),
            signs: vec!["html".into(), "xss-script".into()],
            places: vec!["query", "header"],
            parameters: vec!["comment".into()],
        }
    }

    fn hit(detector: &'static str, signature: &str) -> Hit {
        Hit { detector, signature: signature.into(), range: 0..1, weight: Weight(100) }
    }

    #[test]
    fn everything_must_fit() {
        let excuses = |place, name: &[u8], hit: &Hit| exception().excuses(&Part::plain(place, name, b"x"), hit);
        assert!(excuses(Place::QueryValue, b"comment", &hit("html", "any")));
        assert!(excuses(Place::QueryValue, b"comment", &hit("scan", "xss-script")));
        assert!(excuses(Place::HeaderValue, b"Comment", &hit("html", "any")));
        assert!(!excuses(Place::QueryValue, b"Comment", &hit("html", "any")));
        assert!(!excuses(Place::QueryValue, b"other", &hit("html", "any")));
        assert!(!excuses(Place::JsonValue, b"comment", &hit("html", "any")));
        assert!(!excuses(Place::QueryValue, b"comment", &hit("sql", "sql-tautology")));
    }

    #[test]
    fn what_is_excused_weighs_nothing_only_there() {
        let mut found = Found::default();
        found.except(vec![Arc::new(exception())]);
        found.add(&Part::plain(Place::QueryValue, b"comment", b"x"), hit("html", "a"));
        assert_eq!((found.total(), found.excused().len()), (0, 1));
        found.add(&Part::plain(Place::QueryValue, b"other", b"x"), hit("html", "a"));
        assert_eq!((found.total(), found.excused().len()), (100, 1));
    }
}
