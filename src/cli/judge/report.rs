//! A verdict for people: each finding with its surroundings, the match underlined, and the encodings it was found under.

use super::verdict::Verdict;
use crate::flow::Evidence;
use std::fmt::Write as _;

/// Characters shown before and after a match.
const AROUND: usize = 40;

/// The report on one file.
pub(super) fn text(file: &str, verdict: &Verdict) -> String {
    let mut text = String::new();
    let (total, threshold) = (verdict.total, verdict.threshold);
    // Writing to a String cannot fail.
    let _ = if verdict.denies() {
        let (answer, reason) = (&verdict.answer, verdict.reason());
        writeln!(text, "{file}: deny {answer} {reason} (weight {total}, threshold {threshold})")
    } else {
        writeln!(text, "{file}: allow (weight {total}, threshold {threshold})")
    };
    for evidence in &verdict.evidence {
        finding(evidence, &mut text);
    }
    text
}

fn finding(evidence: &Evidence, text: &mut String) {
    let (hit, place) = (&evidence.hit, evidence.place.name());
    let layers: Vec<&str> = evidence.chain.layers().iter().map(|layer| layer.name()).collect();
    let decoded = if layers.is_empty() { String::new() } else { format!(", under {}", layers.join(" → ")) };
    let name = if evidence.name.is_empty() { String::new() } else { format!(" `{}`", shown(&evidence.name)) };
    let _ =
        writeln!(text, "\n  {} {} (weight {}) in {place}{name}{decoded}", hit.detector, hit.signature, hit.weight.0);
    let before = last(&shown(&evidence.excerpt.before));
    let matched = shown(&evidence.excerpt.matched);
    let after: String = shown(&evidence.excerpt.after).chars().take(AROUND).collect();
    let _ = writeln!(text, "    {before}{matched}{after}");
    let _ = writeln!(text, "    {}{}", " ".repeat(before.chars().count()), "^".repeat(matched.chars().count().max(1)));
}

/// The last characters of a text.
fn last(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(AROUND);
    text.chars().skip(skip).collect()
}

/// Safe on a terminal: what is not visible is spelled out.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let tame = |c: char| {
        let visible = c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric();
        if visible { c.to_string() } else { c.escape_default().to_string() }
    };
    text.chars().map(tame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::judge::{Terms, setup::Judge};

    #[test]
    fn match_is_underlined_below_its_text() {
        let judge = Judge::new(&Terms::default()).unwrap();
        let wire = b"GET /?q=hello%20%24%7Bjndi:ldap://x/a%7D HTTP/1.1\r\nHost: a\r\n\r\n";
        let text = text("x", &judge.first(wire));
        assert!(text.starts_with("x: deny 403 attack-detected"), "{text}");
        assert!(text.contains("log4shell-jndi (weight 100) in query-value `q`, under percent"), "{text}");
        assert!(text.contains("\n    hello ${jndi:ldap://x/a}\n          ^^^^^^^^^^^^"), "{text}");
    }

    #[test]
    fn nothing_wild_reaches_a_terminal() {
        assert_eq!(shown(b"a\x1b[2Jb\n\xe2\x80\xae"), r"a\u{1b}[2Jb\n\u{202e}");
    }
}
