//! Rules by path: a tree of segments, so that a request is held only against the rules whose template takes its path.
//! Each node is visited at most once per lookup: work is bounded by the segments of the path times the wildcards met.

use super::pattern::{PathTemplate, Segment};
use std::ops::ControlFlow;

/// Which rule: an index into the list that was indexed.
pub(super) type RuleIndex = usize;

/// A tree of path segments.
#[derive(Clone, Debug)]
pub(super) struct PathIndex {
    nodes: Vec<Node>,
    /// `{rest...}` also takes what ends before its slash: for deny rules.
    rest_is_lax: bool,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Sorted by segment.
    literals: Vec<(Box<str>, usize)>,
    one: Option<usize>,
    /// Rules whose template ends here.
    ends: Vec<RuleIndex>,
    /// Rules whose template has its `{rest...}` here.
    rests: Vec<RuleIndex>,
}

impl PathIndex {
    /// For grants: exactly as templates match.
    pub(super) fn exact<'a>(templates: impl Iterator<Item = (&'a PathTemplate, RuleIndex)>) -> Self {
        Self::build(templates, false)
    }

    /// For denials: templates must be folded, and so must the paths that are looked up ([`fold`]).
    pub(super) fn lax<'a>(templates: impl Iterator<Item = (&'a PathTemplate, RuleIndex)>) -> Self {
        Self::build(templates, true)
    }

    fn build<'a>(templates: impl Iterator<Item = (&'a PathTemplate, RuleIndex)>, rest_is_lax: bool) -> Self {
        let mut index = Self { nodes: vec![Node::default()], rest_is_lax };
        for (template, rule) in templates {
            index.insert(template, rule);
        }
        index
    }

    fn insert(&mut self, template: &PathTemplate, rule: RuleIndex) {
        let mut at = 0;
        for segment in template.segments() {
            at = self.child(at, segment);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            let list = if template.has_rest() { &mut node.rests } else { &mut node.ends };
            list.push(rule);
        }
    }

    /// The child for a segment, made when it is missing.
    fn child(&mut self, at: usize, segment: &Segment) -> usize {
        let fresh = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let child = match segment {
            Segment::One => *node.one.get_or_insert(fresh),
            Segment::Literal(text) => match node.literals.binary_search_by(|(known, _)| known.cmp(text)) {
                Ok(found) => node.literals.get(found).map_or(fresh, |(_, child)| *child),
                Err(place) => {
                    node.literals.insert(place, (text.clone(), fresh));
                    fresh
                }
            },
        };
        if child == fresh {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Shows every rule whose template takes the path, until told to stop. What is no path (`*` of OPTIONS, nothing of
    /// CONNECT) is taken only by `/{rest...}`.
    pub(super) fn visit<B>(&self, path: &str, mut show: impl FnMut(RuleIndex) -> ControlFlow<B>) -> ControlFlow<B> {
        let rest = path.strip_prefix('/');
        if rest.is_none() && !(self.rest_is_lax && path.is_empty()) {
            return self.nodes.iter().take(1).flat_map(|root| &root.rests).try_for_each(|rule| show(*rule));
        }
        let mut next = Some((0, rest));
        let mut others = Vec::new();
        while let Some((at, rest)) = next.take().or_else(|| others.pop()) {
            let Some(node) = self.nodes.get(at) else { continue };
            if rest.is_some() || self.rest_is_lax {
                node.rests.iter().try_for_each(|rule| show(*rule))?;
            }
            let Some(rest) = rest else {
                node.ends.iter().try_for_each(|rule| show(*rule))?;
                continue;
            };
            let (piece, after) = match rest.split_once('/') {
                Some((piece, after)) => (piece, Some(after)),
                None => (rest, None),
            };
            let literal = node.literals.binary_search_by(|(known, _)| (**known).cmp(piece));
            next = literal.ok().and_then(|found| node.literals.get(found)).map(|(_, child)| (*child, after));
            match node.one.filter(|_| !piece.is_empty()) {
                Some(child) if next.is_none() => next = Some((child, after)),
                Some(child) => others.push((child, after)),
                None => {}
            }
        }
        ControlFlow::Continue(())
    }
}

/// A path in the form in which deny rules compare: lower case, without trailing slashes.
pub(super) fn fold(path: &str) -> std::borrow::Cow<'_, str> {
    let trimmed = path.trim_end_matches('/');
    if trimmed.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        return trimmed.to_lowercase().into();
    }
    trimmed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: &PathIndex, path: &str) -> Vec<usize> {
        let mut rules = Vec::new();
        let _ = index.visit::<()>(path, |rule| {
            rules.push(rule);
            ControlFlow::Continue(())
        });
        rules.sort_unstable();
        rules
    }

    fn templates(texts: &[&str]) -> Vec<PathTemplate> {
        texts.iter().map(|text| PathTemplate::parse(text).unwrap()).collect()
    }

    #[test]
    fn every_template_that_takes_the_path_is_shown() {
        let templates = templates(&["/a/b", "/a/*", "/a/{r...}", "/{x}/b", "/a", "/a/", "/{r...}"]);
        let index = PathIndex::exact(templates.iter().zip(0..));
        assert_eq!(found(&index, "/a/b"), [0, 1, 2, 3, 6]);
        assert_eq!(found(&index, "/a"), [4, 6]);
        assert_eq!(found(&index, "/a/"), [2, 5, 6]);
        assert_eq!(found(&index, "/"), [6]);
        assert_eq!(found(&index, "*"), [6]);
        assert_eq!(found(&index, ""), [6]);
    }

    #[test]
    fn lax_index_knows_neither_case_nor_trailing_slash() {
        let templates: Vec<_> =
            templates(&["/Admin/", "/secret/{r...}", "/"]).iter().map(PathTemplate::folded).collect();
        let index = PathIndex::lax(templates.iter().zip(0..));
        for path in ["/admin", "/ADMIN/", "/Admin//"] {
            assert_eq!(found(&index, &fold(path)), [0], "{path}");
        }
        for path in ["/secret", "/Secret/", "/secret/a/b"] {
            assert_eq!(found(&index, &fold(path)), [1], "{path}");
        }
        assert_eq!(found(&index, &fold("/")), [2]);
        assert!(found(&index, &fold("/secrets")).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn index_shows_what_templates_match(
            texts in proptest::collection::vec("(/([ab*]|\\{x\\})){1,3}(/\\{r\\.\\.\\.\\}|/)?", 1..8),
            path in "(/[ab]?){1,4}",
        ) {
            let templates = templates(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            let index = PathIndex::exact(templates.iter().zip(0..));
            let expected: Vec<usize> = (0..templates.len()).filter(|at| templates[*at].matches(&path)).collect();
            proptest::prop_assert_eq!(found(&index, &path), expected);
        }
    }
}
