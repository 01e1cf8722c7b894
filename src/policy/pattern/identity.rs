//! SPIFFE ID patterns: `spiffe://prod.example/ns/shop/sa/*`. `*` stands for exactly one segment of the path, never for
//! a part of one, never for a slash, never in the trust domain.

use super::{Segment, Wrong};
use crate::flow::SpiffeId;
use crate::flow::peer::check_trust_domain;
use std::fmt;

/// A pattern of SPIFFE IDs in one trust domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct IdPattern {
    trust_domain: Box<str>,
    /// Nothing: everyone in the trust domain.
    segments: Option<Vec<Segment>>,
}

impl IdPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        const EXPECTED: &str = "a SPIFFE ID such as `spiffe://prod.example/ns/shop/sa/frontend`";
        let Some(rest) = text.strip_prefix("spiffe://") else {
            return Err(Wrong::new(EXPECTED, "start it with `spiffe://`"));
        };
        let Some((domain, path)) = rest.split_once('/') else {
            return Err(Wrong::new(EXPECTED, format!("for everyone in a trust domain write `trustDomain: {rest}`")));
        };
        if let Some(piece) = path.split('/').find(|piece| piece.contains('*') && *piece != "*") {
            let expected = format!("`*` as a whole segment, not within `{piece}`");
            return Err(Wrong::new(expected, "name each one, or take all with `*` alone"));
        }
        // With `*` replaced, what is left must be a SPIFFE ID to the letter.
        let concrete: Vec<&str> = path.split('/').map(|segment| if segment == "*" { "x" } else { segment }).collect();
        check_domain(domain)?;
        if let Err(why) = SpiffeId::parse(&format!("spiffe://{domain}/{}", concrete.join("/"))) {
            return Err(Wrong::new(EXPECTED, format!("the ID {why}")));
        }
        Ok(Self { trust_domain: domain.into(), segments: Some(path.split('/').map(segment).collect()) })
    }

    /// Everyone in a trust domain.
    pub(crate) fn domain(domain: &str) -> Result<Self, Wrong> {
        check_domain(domain)?;
        Ok(Self { trust_domain: domain.into(), segments: None })
    }

    /// `/ns/NAMESPACE/sa/ACCOUNT`, the form that Istio and SPIRE give Kubernetes workloads; what is absent or `*` may
    /// be any.
    pub(crate) fn kubernetes(domain: &str, namespace: Option<&str>, account: Option<&str>) -> Result<Self, Wrong> {
        check_domain(domain)?;
        for name in [namespace, account].into_iter().flatten().filter(|name| *name != "*") {
            let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
            if name.is_empty() || name.len() > 253 || !name.bytes().all(allowed) {
                return Err(Wrong::new(
                    format!("a Kubernetes name, not `{name}`"),
                    "use lower case, digits and `-`; `*` stands for any",
                ));
            }
        }
        let literal = |text: &str| Segment::Literal(text.into());
        let given = |name: Option<&str>| name.map_or(Segment::One, segment);
        let segments = vec![literal("ns"), given(namespace), literal("sa"), given(account)];
        Ok(Self { trust_domain: domain.into(), segments: Some(segments) })
    }

    pub(crate) fn matches(&self, id: &SpiffeId) -> bool {
        if *self.trust_domain != *id.trust_domain() {
            return false;
        }
        let Some(wanted) = &self.segments else { return true };
        let mut given = id.segments();
        let each = wanted.iter().all(|segment| match (segment, given.next()) {
            (Segment::One, Some(_)) => true,
            (Segment::Literal(text), Some(piece)) => **text == *piece,
            (_, None) => false,
        });
        each && given.next().is_none()
    }

    /// Whether it takes every ID that `other` takes.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        if self.trust_domain != other.trust_domain {
            return false;
        }
        match (&self.segments, &other.segments) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => {
                mine.len() == theirs.len() && mine.iter().zip(theirs).all(|(a, b)| *a == Segment::One || a == b)
            }
        }
    }
}

fn check_domain(domain: &str) -> Result<(), Wrong> {
    if domain.contains('*') {
        return Err(Wrong::new(
            "a trust domain without `*`",
            "name each trust domain: a wildcard would trust strangers",
        ));
    }
    check_trust_domain(domain)
        .map_err(|why| Wrong::new("a trust domain such as `prod.example`", format!("the ID {why}")))
}

fn segment(text: &str) -> Segment {
    if text == "*" { Segment::One } else { Segment::Literal(text.into()) }
}

impl fmt::Display for IdPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}", self.trust_domain)?;
        for segment in self.segments.iter().flatten() {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::One => f.write_str("/*")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(pattern: &str, id: &str) -> bool {
        IdPattern::parse(pattern).unwrap().matches(&SpiffeId::parse(id).unwrap())
    }

    #[test]
    fn star_is_one_segment() {
        assert!(takes("spiffe://d/ns/*/sa/web", "spiffe://d/ns/shop/sa/web"));
        assert!(!takes("spiffe://d/ns/*/sa/web", "spiffe://d/ns/shop/x/sa/web"));
        assert!(!takes("spiffe://d/ns/*", "spiffe://d/ns/shop/sa/web"));
        assert!(!takes("spiffe://d/ns/shop/sa/*", "spiffe://e/ns/shop/sa/web"));
    }

    #[test]
    fn star_elsewhere_is_refused() {
        for text in [
            "spiffe://*/ns/shop",
            "spiffe://*.d/a",
            "spiffe://d/web-*",
            "spiffe://d/**",
            "spiffe://d",
            "spiffe://d/",
            "web",
        ] {
            assert!(IdPattern::parse(text).is_err(), "{text}");
        }
        assert!(IdPattern::domain("*").is_err());
        assert!(IdPattern::kubernetes("d", Some("sh*p"), None).is_err());
        assert!(IdPattern::kubernetes("d", Some("a/sa/b"), None).is_err());
    }

    #[test]
    fn kubernetes_name_is_exact() {
        let pattern = IdPattern::kubernetes("d", Some("shop"), None).unwrap();
        assert_eq!(pattern.to_string(), "spiffe://d/ns/shop/sa/*");
        assert!(pattern.matches(&SpiffeId::parse("spiffe://d/ns/shop/sa/web").unwrap()));
        assert!(!pattern.matches(&SpiffeId::parse("spiffe://d/ns/shop/sa/web/x").unwrap()));
        assert!(IdPattern::domain("d").unwrap().covers(&pattern));
        assert!(!pattern.covers(&IdPattern::domain("d").unwrap()));
    }
}
