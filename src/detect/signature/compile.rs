//! From a signature file as written to signatures as meant; everything wrong with a file is reported at once.

use super::Signature;
use super::written::{Family, References, Written};
use crate::detect::{Detectors, Filter};
use crate::document::{self, Document, Problem};
use crate::flow::{Found, Fuel, Part, Place, Weight};
use regex::bytes::{Regex, RegexBuilder};
use std::collections::HashSet;

/// Everything wrong with a file.
pub type Problems = Vec<Problem>;

/// Every place a signature may name.
const PLACES: &[Place] = &[
    Place::Method,
    Place::Path,
    Place::PathSegment,
    Place::Query,
    Place::QueryName,
    Place::QueryValue,
    Place::HeaderName,
    Place::HeaderValue,
    Place::CookieName,
    Place::CookieValue,
    Place::FormName,
    Place::FormValue,
    Place::FileName,
    Place::FileContent,
    Place::FileBinary,
    Place::JsonKey,
    Place::JsonValue,
    Place::XmlText,
    Place::XmlAttribute,
    Place::XmlName,
    Place::XmlMarkup,
    Place::MessageField,
    Place::GraphQl,
    Place::BodyText,
    Place::BodyOpaque,
    Place::BodyBinary,
    Place::TrailerName,
    Place::TrailerValue,
    Place::StoredValue,
    Place::Script,
];

/// Bytes that a compiled expression may take.
const REGEX_BYTES: usize = 128 * 1024;
/// The largest counted repetition. Each count is a state of its own, and all of them are alive at once on hostile text:
/// `.{0,400}` is a hundred times as slow as `.*`, and the window bounds both.
const REPEATS: usize = 40;
/// The longest literal.
const LITERAL_BYTES: usize = 200;

/// The signatures of a file.
///
/// # Errors
/// Everything that is wrong with it: fields, patterns without a usable literal, expressions that are too large, and entries
/// that do not do on their own hits and misses what they promise.
pub fn parse(file: &str, text: &str) -> Result<Vec<Signature>, Problems> {
    let mut signatures = Vec::new();
    let mut problems = Vec::new();
    for document in document::read::<Family>(file, text)? {
        for (index, written) in document.value.signatures.iter().enumerate() {
            let at = At { document: &document, index };
            let before = problems.len();
            at.check(written, &mut problems);
            if problems.len() == before {
                let signature = at.compile(written, &mut problems);
                signatures.extend(signature.into_iter().inspect(|signature| at.try_out(signature, &mut problems)));
            }
        }
    }
    if problems.is_empty() { Ok(signatures) } else { Err(problems) }
}

/// The ids that occur more than once.
pub fn check_unique(signatures: &[Signature]) -> Vec<&str> {
    let mut seen = HashSet::new();
    signatures.iter().map(|signature| &*signature.id).filter(|id| !seen.insert(*id)).collect()
}

/// What of a signature's hits it does not find, and what of its misses it does: each with a sentence.
pub fn self_test(signature: &Signature) -> Vec<String> {
    let detectors = Detectors::of_signatures(vec![signature.clone()]);
    let mut wrong = Vec::new();
    for (values, wanted) in [(&signature.hits, true), (&signature.misses, false)] {
        for value in values {
            if finds(&detectors, signature, value) != wanted {
                wrong.push(format!("{} {value:?}", if wanted { "does not find its hit" } else { "finds its miss" }));
            }
        }
    }
    wrong
}

fn finds(detectors: &Detectors, signature: &Signature, value: &str) -> bool {
    let name = signature.named.first().map_or("value", String::as_str);
    let part = Part::plain(first_place(signature), name.as_bytes(), value.as_bytes());
    let mut found = Found::default();
    detectors.inspect(&[part], &mut found, &mut Fuel::new(10_000_000));
    found.evidence().iter().any(|evidence| evidence.hit.signature == signature.id)
}

/// Where hits and misses are tried: the first place that the signature names.
fn first_place(signature: &Signature) -> Place {
    let Some(wanted) = signature.places.first() else { return Place::QueryValue };
    let representative = |place: &&Place| !matches!(place, Place::HeaderName | Place::QueryName | Place::CookieName);
    let exact = PLACES.iter().find(|place| place.name() == wanted);
    let group = || PLACES.iter().filter(representative).find(|place| place.group() == wanted);
    exact.or_else(group).copied().unwrap_or(Place::QueryValue)
}

/// One entry of a document, for what is wrong with it.
struct At<'a> {
    document: &'a Document<Family>,
    index: usize,
}

impl At<'_> {
    fn problem(&self, field: &str, found: impl Into<String>, expected: &str, remedy: &str) -> Problem {
        let field = format!("signatures[{}].{field}", self.index);
        self.document.problem(document::Severity::Error, &field, found, expected, remedy)
    }

    fn check(&self, written: &Written, problems: &mut Problems) {
        if !is_kebab(&written.id) {
            problems.push(self.problem("id", &written.id, "lower-case letters, digits and `-`", ""));
        }
        if !(1..=100).contains(&written.weight) {
            problems.push(self.problem("weight", written.weight.to_string(), "1 to 100", "100 denies alone"));
        }
        for (field, examples) in [("hits", &written.hits), ("misses", &written.misses)] {
            if examples.is_empty() {
                let remedy = "an entry proves itself: give at least one value of each kind";
                problems.push(self.problem(field, "none", "at least one value", remedy));
            }
        }
        for (index, place) in written.places.iter().enumerate() {
            if !PLACES.iter().any(|known| known.name() == place || known.group() == place) {
                let known = PLACES.iter().flat_map(|place| [place.group(), place.name()]);
                let remedy = document::nearest(place, known).map(|near| format!("did you mean `{near}`?"));
                let field = format!("places[{index}]");
                problems.push(self.problem(&field, place, "a place", &remedy.unwrap_or_default()));
            }
        }
        self.check_literals(written, problems);
    }

    fn check_literals(&self, written: &Written, problems: &mut Problems) {
        let remedy = "the literal is what the one pass over all bytes looks for: an expression alone would have to run on \
                      everything; name a piece of text that every match contains";
        if written.pattern.any.is_empty() {
            problems.push(self.problem("pattern.any", "no literal", "at least one literal", remedy));
        }
        for (index, literal) in written.pattern.any.iter().enumerate() {
            if !(Filter::MIN_LITERAL_BYTES..=LITERAL_BYTES).contains(&literal.len()) {
                let field = format!("pattern.any[{index}]");
                problems.push(self.problem(&field, format!("{} bytes", literal.len()), "3 to 200 bytes", remedy));
            }
        }
    }

    fn compile(&self, written: &Written, problems: &mut Problems) -> Option<Signature> {
        if let Some(count) = written.pattern.regex.as_deref().and_then(largest_count).filter(|count| *count > REPEATS) {
            let remedy = "write `*` or `+`: an expression only sees a window of the value, so both are bounded";
            let found = format!("a repetition of up to {count}");
            problems.push(self.problem("pattern.regex", found, "counts of at most 40", remedy));
            return None;
        }
        let regex = match written.pattern.regex.as_deref().map(expression).transpose() {
            Ok(regex) => regex,
            Err(refused) => {
                let remedy = "no look-around, no back-references; keep counted repetitions small";
                problems.push(self.problem("pattern.regex", refused.to_string(), "a bounded expression", remedy));
                return None;
            }
        };
        Some(Signature {
            id: written.id.as_str().into(),
            family: self.document.value.family.as_str().into(),
            title: written.title.clone(),
            severity: written.severity,
            places: written.places.clone(),
            named: written.named.iter().map(|name| name.to_ascii_lowercase()).collect(),
            any: written.pattern.any.clone(),
            with: written.pattern.with.clone(),
            without: written.pattern.without.clone(),
            regex,
            weight: Weight(written.weight),
            references: References::clone(&written.references),
            hits: written.hits.clone(),
            misses: written.misses.clone(),
        })
    }

    fn try_out(&self, signature: &Signature, problems: &mut Problems) {
        let wrong = self_test(signature);
        problems.extend(wrong.into_iter().map(|wrong| {
            let remedy = "values of nothing but letters and digits are never looked at";
            self.problem("pattern", wrong, "a pattern that finds every hit and no miss", remedy)
        }));
    }
}

fn expression(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .case_insensitive(true)
        .unicode(false)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_BYTES)
        .nest_limit(20)
        .build()
}

/// The largest count in the braces of an expression.
fn largest_count(expression: &str) -> Option<usize> {
    let braces = expression.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    braces.filter_map(|(counts, _)| counts.split(',').map(|count| count.parse().ok()).max()?).max()
}

fn is_kebab(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pattern: &str, hits: &str) -> String {
        let text = format!(
            "family: test\ntitle: t\nsignatures:\n  - id: one\n    title: t\n    severity: high\n    pattern: {pattern}\n    \
             hits: {hits}\n    misses: [\"a b\"]\n"
        );
        parse("test.yaml", &text).map_or_else(|problems| document::render_all(&problems), |_| "accepted".to_owned())
    }

    #[test]
    fn pattern_without_literal_is_explained() {
        let text = refused("{any: [], regex: 'a+'}", "[aaa]");
        assert!(text.contains("no literal") && text.contains("one pass over all bytes"), "{text}");
    }

    #[test]
    fn literals_have_three_to_two_hundred_bytes() {
        assert!(refused("{any: ['ab']}", "['x ab']").contains("2 bytes"));
        assert_eq!(refused("{any: ['abc']}", "['x abc']"), "accepted");
        assert_eq!(refused(&format!("{{any: ['{}', '_abc']}}", "x".repeat(200)), "['_abc']"), "accepted");
        assert!(refused(&format!("{{any: ['{}', '_abc']}}", "x".repeat(201)), "['_abc']").contains("201 bytes"));
    }

    #[test]
    fn large_expression_is_refused() {
        assert!(refused("{any: ['abc'], regex: 'abc(x{900}){900}'}", "['abc ']").contains("pattern.regex"));
    }

    #[test]
    fn counts_are_limited_at_forty() {
        assert_eq!(refused("{any: ['abc'], regex: 'abc.{0,40}'}", "['abc ']"), "accepted");
        assert!(refused("{any: ['abc'], regex: 'abc.{0,41}'}", "['abc ']").contains("repetition of up to 41"));
    }

    #[test]
    fn hit_that_is_not_found_is_refused() {
        assert!(refused("{any: ['abc'], regex: 'abcd'}", "['x abc']").contains("does not find its hit"));
    }

    #[test]
    fn miss_that_is_found_is_refused() {
        assert!(refused("{any: ['a b']}", "['a b c']").contains("finds its miss"));
    }
}
