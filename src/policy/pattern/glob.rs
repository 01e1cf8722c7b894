//! Patterns of keys and channels: `session:*`. `*` stands for any characters, none included; nothing else is special.

use super::Wrong;
use std::fmt;

/// A pattern: its pieces, between any two of which anything may stand. At least one piece.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glob(Vec<Box<str>>);

impl Glob {
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        const EXPECTED: &str = "a key or a pattern such as `session:*`";
        if text.is_empty() {
            return Err(Wrong::new(EXPECTED, ""));
        }
        if text.contains(['?', '[']) {
            return Err(Wrong::new(EXPECTED, "only `*` stands for something else"));
        }
        let pieces: Vec<Box<str>> = text.split('*').map(Box::from).collect();
        Ok(Self(pieces))
    }

    /// Whether it takes a text.
    pub(crate) fn takes(&self, text: &str) -> bool {
        let [first, rest @ ..] = self.0.as_slice() else { return false };
        let Some(mut left) = text.strip_prefix(&**first) else { return false };
        let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
        for piece in middle {
            let Some((_, after)) = left.split_once(&**piece) else { return false };
            left = after;
        }
        left.ends_with(&**last)
    }

    /// Whether it takes every text that a pattern of the protocol takes. Sound, not complete: a pattern with `?`, `[` or
    /// an escape is taken only where everything is.
    pub(crate) fn takes_all(&self, pattern: &str) -> bool {
        self.is_everything() || !pattern.contains(['?', '[', '\\']) && self.takes(pattern)
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.is_everything() || self.takes(&other.to_string())
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.0.len() > 1 && self.0.iter().all(|piece| piece.is_empty())
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern).unwrap().takes(text)
    }

    #[test]
    fn star_is_anything() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a", "", false),
            ("a*", "a", true),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*", "", true),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("ab*bc", "abc", false),
            ("a*bc*c", "abc", false),
        ] {
            assert_eq!(takes(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn pattern_is_taken_only_as_a_whole() {
        let glob = Glob::parse("orders.*").unwrap();
        assert!(glob.takes_all("orders.*") && glob.takes_all("orders.eu.*"));
        assert!(!glob.takes_all("*") && !glob.takes_all("orders*") && !glob.takes_all("orders.?"));
        assert!(Glob::parse("*").unwrap().takes_all("[a-z]?"));
        assert!(Glob::parse("*").unwrap().is_everything() && Glob::parse("**").unwrap().is_everything());
    }

    #[test]
    fn only_star_is_special() {
        assert!(Glob::parse("a?").is_err() && Glob::parse("a[bc]").is_err() && Glob::parse("").is_err());
    }
}
