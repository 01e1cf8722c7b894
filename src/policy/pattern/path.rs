//! Path templates: `/orders/{id}`, `/files/{rest...}`.
//!
//! ```text
//! template = "/" [ segment *( "/" segment ) ]
//! segment  = literal | "*" | "{" name "}" | "{" name "...}" (last only)
//! ```
//!
//! Matched against canonical paths (`canon::path`): percent-decoded but for `%2F` and `%25`, so literals are written
//! decoded. `*` and `{name}` stand for one segment that is not empty; `{name...}` for what is left, which may be empty
//! but begins after a slash: `/files/{rest...}` takes `/files/` and all below, not `/files`. A grant takes a path
//! exactly: `/orders` is not `/orders/`.

use super::Wrong;
use std::fmt;

/// A path template. Invariant: `segments` is not empty or `rest` is set; only the last literal may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PathTemplate {
    segments: Vec<Segment>,
    rest: bool,
}

/// What one segment must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// These characters.
    Literal(Box<str>),
    /// Anything but nothing.
    One,
}

impl PathTemplate {
    /// Bytes of one template: more than any path that is granted.
    pub(crate) const MAX_BYTES: usize = 2048;

    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        if text.len() > Self::MAX_BYTES {
            return Err(Wrong::new(format!("at most {} bytes", Self::MAX_BYTES), ""));
        }
        let Some(rest_of_path) = text.strip_prefix('/') else {
            return Err(Wrong::new("a path that starts with `/`", format!("write `/{text}`")));
        };
        let mut template = Self { segments: Vec::new(), rest: false };
        let mut pieces = rest_of_path.split('/').peekable();
        while let Some(piece) = pieces.next() {
            let is_last = pieces.peek().is_none();
            if is_rest(piece) {
                if !is_last {
                    return Err(Wrong::new(format!("`{piece}` as the last segment only"), "use `*` for one segment"));
                }
                template.rest = true;
            } else {
                template.segments.push(segment(piece, is_last)?);
            }
        }
        Ok(template)
    }

    /// The template that takes every path.
    pub(crate) fn everything() -> Self {
        Self { segments: Vec::new(), rest: true }
    }

    /// The same in lower case: for applications that take letter case for nothing.
    pub(crate) fn lower(&self) -> Self {
        let lower = |segment: &Segment| match segment {
            Segment::Literal(text) => Segment::Literal(text.to_lowercase().into()),
            Segment::One => Segment::One,
        };
        Self { segments: self.segments.iter().map(lower).collect(), rest: self.rest }
    }

    /// The form in which deny rules compare: lower case, without trailing slashes.
    pub(crate) fn folded(&self) -> Self {
        let mut folded = self.lower();
        if !folded.rest && folded.segments.last() == Some(&Segment::Literal("".into())) {
            folded.segments.pop();
        }
        folded
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether it ends in `{rest...}`.
    pub(crate) fn has_rest(&self) -> bool {
        self.rest
    }

    /// Whether no segment is literal, so that it says nothing about what is granted.
    pub(crate) fn is_wild(&self) -> bool {
        self.segments.iter().all(|segment| *segment == Segment::One)
    }

    /// Whether it takes exactly one path.
    pub(crate) fn is_literal(&self) -> bool {
        !self.rest && !self.segments.contains(&Segment::One)
    }

    /// Whether it takes a canonical path. What is no path (`*` of OPTIONS, nothing of CONNECT) is taken only by
    /// `/{rest...}`.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return self.rest && self.segments.is_empty() };
        let mut pieces = path.split('/');
        for segment in &self.segments {
            match (segment, pieces.next()) {
                (Segment::Literal(text), Some(piece)) if **text == *piece => {}
                (Segment::One, Some(piece)) if !piece.is_empty() => {}
                _ => return false,
            }
        }
        pieces.next().is_some() == self.rest
    }

    /// Whether it takes every path that `other` takes.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let mut theirs = other.segments.iter();
        for segment in &self.segments {
            match (segment, theirs.next()) {
                (Segment::One, Some(Segment::One)) => {}
                (Segment::One, Some(Segment::Literal(text))) if !text.is_empty() => {}
                (mine, Some(their)) if mine == their => {}
                _ => return false,
            }
        }
        match theirs.next() {
            Some(_) => self.rest,
            None => self.rest == other.rest,
        }
    }
}

fn is_rest(piece: &str) -> bool {
    piece.strip_prefix('{').and_then(|piece| piece.strip_suffix("...}")).is_some_and(is_name)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn segment(piece: &str, is_last: bool) -> Result<Segment, Wrong> {
    if piece == "*" || piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}')).is_some_and(is_name) {
        return Ok(Segment::One);
    }
    if piece.contains(['{', '}', '*']) {
        let expected = format!("`*`, `{{name}}` or `{{rest...}}` as a whole segment, not within `{piece}`");
        return Err(Wrong::new(expected, "let the parameter stand for the whole segment"));
    }
    if piece.is_empty() && !is_last {
        return Err(Wrong::new(
            "a path without `//`",
            "write one slash; how an application reads `//` is a setting of its port",
        ));
    }
    if matches!(piece, "." | "..") {
        return Err(Wrong::new("a path without dot segments", "write the path that is meant"));
    }
    if piece.contains(['?', '#']) {
        return Err(Wrong::new("a path without `?` or `#`", "query keys have a field of their own: `query: [key]`"));
    }
    if piece.chars().any(char::is_control) {
        return Err(Wrong::new("a path without control characters", "remove them"));
    }
    check_percent(piece)?;
    Ok(Segment::Literal(piece.into()))
}

/// Canonical paths keep only `%2F` and `%25` encoded.
fn check_percent(piece: &str) -> Result<(), Wrong> {
    for (at, _) in piece.match_indices('%') {
        if !matches!(piece.get(at..at + 3), Some("%2F" | "%25")) {
            return Err(Wrong::new("a decoded path: only `%2F` and `%25` stay encoded", "write the character itself"));
        }
    }
    Ok(())
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::One => f.write_str("/*")?,
            }
        }
        if self.rest { f.write_str("/{rest...}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> PathTemplate {
        PathTemplate::parse(text).unwrap()
    }

    #[test]
    fn parameter_takes_one_segment() {
        for pattern in ["/orders/{id}", "/orders/*"] {
            let template = template(pattern);
            assert!(template.matches("/orders/7"));
            assert!(template.matches("/orders/a%2Fb"));
            for other in ["/orders", "/orders/", "/orders/7/", "/orders/7/items", "/Orders/7", "orders/7", ""] {
                assert!(!template.matches(other), "{other}");
            }
        }
    }

    #[test]
    fn rest_begins_after_a_slash() {
        let template = template("/files/{rest...}");
        assert!(template.matches("/files/") && template.matches("/files/a") && template.matches("/files/a//b/"));
        assert!(!template.matches("/files") && !template.matches("/filesystem"));
    }

    #[test]
    fn everything_takes_every_path() {
        assert_eq!(template("/{all...}"), PathTemplate::everything());
        assert!(PathTemplate::everything().matches("/") && PathTemplate::everything().matches("/a/b"));
    }

    #[test]
    fn trailing_slash_is_a_path_of_its_own() {
        assert!(template("/orders/").matches("/orders/"));
        assert!(!template("/orders/").matches("/orders"));
        assert!(template("/").matches("/"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "",
            "orders",
            "/a//b",
            "/a/../b",
            "/./a",
            "/a?b",
            "/a#b",
            "/a/{rest...}/b",
            "/a/{x}y",
            "/a/x*",
            "/a/{}",
            "/a/{...}",
            "/a/%61",
            "/a/%2f",
            "/a/%",
            "/a/\u{7}",
            "/{a b}",
        ] {
            assert!(PathTemplate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn length_is_limited() {
        let longest = format!("/{}", "a".repeat(PathTemplate::MAX_BYTES - 1));
        assert!(PathTemplate::parse(&longest).is_ok());
        assert!(PathTemplate::parse(&format!("{longest}a")).is_err());
    }

    #[test]
    fn covering_is_taking_all_that_the_other_takes() {
        let covers = |a: &str, b: &str| template(a).covers(&template(b));
        assert!(covers("/a/*", "/a/b") && covers("/a/*", "/a/{x}") && covers("/a/{r...}", "/a/b/c"));
        assert!(covers("/{r...}", "/a/{r...}") && covers("/a/{r...}", "/a/") && covers("/{r...}", "/"));
        assert!(!covers("/a/b", "/a/*") && !covers("/a/*", "/a/{r...}") && !covers("/a/*", "/a/"));
        assert!(!covers("/a/{r...}", "/a") && !covers("/a/b/{r...}", "/a/{r...}") && !covers("/a", "/a/"));
    }

    #[test]
    fn folded_has_no_case() {
        assert_eq!(template("/Admin/").folded(), template("/admin"));
        assert_eq!(template("/A/{r...}").folded().to_string(), "/a/{rest...}");
    }

    proptest::proptest! {
        #[test]
        fn what_covers_takes_whatever_is_taken(a in "(/([ab*]|\\{x\\})){1,3}(/\\{r\\.\\.\\.\\}|/)?", b in "(/([ab*]|\\{x\\})){1,3}(/\\{r\\.\\.\\.\\}|/)?", path in "(/[ab]?){1,4}") {
            let (a, b) = (template(&a), template(&b));
            if a.covers(&b) && b.matches(&path) {
                proptest::prop_assert!(a.matches(&path));
            }
        }

        #[test]
        fn shown_template_is_the_same(text in "(/([ab*]|\\{x\\})){1,3}(/\\{r\\.\\.\\.\\}|/)?") {
            let template = template(&text);
            proptest::prop_assert_eq!(PathTemplate::parse(&template.to_string()).unwrap(), template);
        }
    }
}
