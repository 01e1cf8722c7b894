//! SPIFFE ID patterns: `spiffe://prod.example/ns/shop/sa/*`. `*` stands for exactly one segment of the path, never for
//! a part of one, never for a slash, never in the trust domain. Rules name callers and servers with them; whoever opens a
//! connection to a server is told by [`Expected`] whom it must find there.

use super::{SpiffeId, check_trust_domain};
use std::fmt;
use std::sync::Arc;

/// Why a text is not a pattern: what was expected, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern {
    /// What was expected.
    pub expected: String,
    /// What to do.
    pub remedy: String,
}

impl InvalidPattern {
    fn new(expected: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { expected: expected.into(), remedy: remedy.into() }
    }
}

/// A pattern of SPIFFE IDs in one trust domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdPattern {
    trust_domain: Box<str>,
    /// Nothing: everyone in the trust domain.
    segments: Option<Vec<Segment>>,
}

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Segment {
    Literal(Box<str>),
    One,
}

/// Who the other side must prove to be: one of each list. No list at all: it need not prove anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Expected(Vec<Arc<[IdPattern]>>);

impl Expected {
    /// One of these.
    pub fn one_of(patterns: Vec<IdPattern>) -> Self {
        Self(vec![patterns.into()])
    }

    /// The same, and one of `other` too.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let more = other.0.iter().filter(|list| !self.0.contains(list));
        Self(self.0.iter().chain(more).cloned().collect())
    }

    /// Whether nothing need be proved.
    pub fn is_nobody(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether such an identity is expected.
    pub fn is(&self, id: &SpiffeId) -> bool {
        self.0.iter().all(|list| list.iter().any(|pattern| pattern.matches(id)))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, list) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { " and " } else { "" })?;
            for (at, pattern) in list.iter().enumerate() {
                f.write_str(if at > 0 { " or " } else { "" })?;
                pattern.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl IdPattern {
    /// Reads `spiffe://prod.example/ns/shop/sa/*`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        const EXPECTED: &str = "a SPIFFE ID such as `spiffe://prod.example/ns/shop/sa/frontend`";
        let Some(rest) = text.strip_prefix("spiffe://") else {
            return Err(InvalidPattern::new(EXPECTED, "start it with `spiffe://`"));
        };
        let Some((domain, path)) = rest.split_once('/') else {
            return Err(InvalidPattern::new(
                EXPECTED,
                format!("for everyone in a trust domain write `trustDomain: {rest}`"),
            ));
        };
        if let Some(piece) = path.split('/').find(|piece| piece.contains('*') && *piece != "*") {
            let expected = format!("`*` as a whole segment, not within `{piece}`");
            return Err(InvalidPattern::new(expected, "name each one, or take all with `*` alone"));
        }
        // With `*` replaced, what is left must be a SPIFFE ID to the letter.
        let concrete: Vec<&str> = path.split('/').map(|segment| if segment == "*" { "x" } else { segment }).collect();
        check_domain(domain)?;
        if let Err(why) = SpiffeId::parse(&format!("spiffe://{domain}/{}", concrete.join("/"))) {
            return Err(InvalidPattern::new(EXPECTED, format!("the ID {why}")));
        }
        Ok(Self { trust_domain: domain.into(), segments: Some(path.split('/').map(segment).collect()) })
    }

    /// Everyone in a trust domain.
    ///
    /// # Errors
    /// What was expected.
    pub fn domain(domain: &str) -> Result<Self, InvalidPattern> {
        check_domain(domain)?;
        Ok(Self { trust_domain: domain.into(), segments: None })
    }

    /// `/ns/NAMESPACE/sa/ACCOUNT`, the form that Istio and SPIRE give Kubernetes workloads; what is absent or `*` may
    /// be any.
    ///
    /// # Errors
    /// What was expected.
    pub fn kubernetes(domain: &str, namespace: Option<&str>, account: Option<&str>) -> Result<Self, InvalidPattern> {
        check_domain(domain)?;
        for name in [namespace, account].into_iter().flatten().filter(|name| *name != "*") {
            let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
            if name.is_empty() || name.len() > 253 || !name.bytes().all(allowed) {
                return Err(InvalidPattern::new(
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

    /// Whether it takes this ID.
    pub fn matches(&self, id: &SpiffeId) -> bool {
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
    pub fn covers(&self, other: &Self) -> bool {
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

fn check_domain(domain: &str) -> Result<(), InvalidPattern> {
    if domain.contains('*') {
        return Err(InvalidPattern::new(
            "a trust domain without `*`",
            "name each trust domain: a wildcard would trust strangers",
        ));
    }
    check_trust_domain(domain)
        .map_err(|why| InvalidPattern::new("a trust domain such as `prod.example`", format!("the ID {why}")))
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
    fn one_of_each_list_is_expected() {
        let one = |text: &str| Expected::one_of(vec![IdPattern::parse(text).unwrap()]);
        let id = SpiffeId::parse("spiffe://d/ns/shop/sa/web").unwrap();
        assert!(one("spiffe://d/ns/*/sa/web").and(&one("spiffe://d/ns/shop/sa/*")).is(&id));
        assert!(!one("spiffe://d/ns/*/sa/web").and(&one("spiffe://d/ns/ops/sa/*")).is(&id));
        assert_eq!(one("spiffe://d/a").and(&one("spiffe://d/a")), one("spiffe://d/a"));
        assert!(Expected::default().is_nobody() && Expected::default().is(&id));
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
