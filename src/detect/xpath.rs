//! XPath and XQuery injection: a value that closes the string or the predicate it stands in and goes on as a path.
//! `' or '1'='1` is the business of `sql`, which reads it alike.
//!
//! Steps: at most 2 for each byte.

use super::{Detector, Wake};
use crate::canon::cursor;
use crate::flow::{Found, Fuel, Hit, Part, Weight};

/// The registered detector.
pub(super) static XPATH: XPath = XPath;

/// Looks for XPath injection.
#[derive(Debug)]
pub(super) struct XPath;

/// Functions that take a path, and paths that only XPath has.
const PATHS: &[&[u8]] = &[
    b"count(/",
    b"count(//",
    b"name(/",
    b"string-length(/",
    b"string-length(name(",
    b"substring(//",
    b"substring(/*",
    b"doc(\"http",
    b"/ancestor::",
    b"/child::",
    b"/descendant::",
    b"/following-sibling::",
    b"/parent::",
    b"::node()",
    b"doc('http",
];

impl Detector for XPath {
    fn name(&self) -> &'static str {
        "xpath"
    }

    fn wakes(&self) -> Wake {
        Wake {
            literals: &["count(/", "name(/", "string-length(", "::node()", "child::", "ancestor::"],
            bytes: &["'|/]", "\"|/]", "'|/)"],
        }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let value = part.canonical.as_ref();
        if fuel.spend(2 * value.len()).is_err() {
            return;
        }
        if let Some((at, weight)) = leaves_predicate(value).or_else(|| asks_for_paths(value)) {
            let range = at..value.len();
            found.add(part, Hit { detector: "xpath", signature: "xpath-path".into(), range, weight: Weight(weight) });
        }
    }
}

/// `x'] | //user`: quote, bracket, union, path.
fn leaves_predicate(value: &[u8]) -> Option<(usize, u16)> {
    let quote = memchr::memchr2(b'\'', b'"', value)?;
    let behind = value.get(quote + 1..)?.trim_ascii_start();
    let closed = behind.iter().take_while(|byte| matches!(byte, b']' | b')' | b' ')).count();
    let rest = behind.get(closed..)?.trim_ascii_start();
    let path = rest.strip_prefix(b"|").unwrap_or(rest).trim_ascii_start();
    let united = rest.len() != path.len() && (path.starts_with(b"/") || path.starts_with(b"*"));
    let went_on = closed > 0 && path.starts_with(b"//");
    (united || went_on).then_some((quote, 100))
}

/// `or count(/*)=1`: a condition over the document. Needs a quote or an operator before it, or it is somebody's query.
fn asks_for_paths(value: &[u8]) -> Option<(usize, u16)> {
    let at = PATHS.iter().find_map(|path| cursor::find_exact(value, path))?;
    let before = value.get(..at)?;
    let quoted = memchr::memchr2(b'\'', b'"', before).is_some();
    let joined = [&b" or "[..], b" and "].iter().any(|word| cursor::find_exact(before, word).is_some());
    (joined && value.len() < 1024).then_some((at, if quoted { 100 } else { 60 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(value: &str) -> u16 {
        let value = value.as_bytes();
        leaves_predicate(value).or_else(|| asks_for_paths(value)).map_or(0, |(_, weight)| weight)
    }

    #[test]
    fn value_that_leaves_its_predicate_is_denied() {
        for value in ["x'] | //staff/*[1='1", "x\")]|//*", "x' or count(//staff)>0 or 'a'='b"] {
            assert_eq!(weight(value), 100, "{value}");
        }
    }

    #[test]
    fn query_of_its_own_is_nothing() {
        for value in ["//staff[@id='3']/name", "count(//staff)", "'yes' | 'no'", "it's | /path"] {
            assert!(weight(value) < 100, "{value}");
        }
    }
}
