//! A statement without its literals: what an application says again and again, whatever the values.

use super::lexer::{Kind, Token};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The text with one space between tokens, words in lower case, comments left out, every literal a `?`, and a list of
/// literals one `?`.
pub fn normalised(text: &[u8], tokens: &[Token]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    for token in tokens {
        let piece: Cow<'_, [u8]> = match token.kind {
            Kind::Text | Kind::Number => Cow::Borrowed(b"?"),
            Kind::Word(_) => token.of(text).to_ascii_lowercase().into(),
            _ => token.of(text).into(),
        };
        if &*piece == b"?" && token.kind != Kind::Mark && out.ends_with(b"? ,") {
            out.truncate(out.len() - 2);
            continue;
        }
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(&piece);
    }
    out
}

/// The literals of a text, in order; plain strings without their quotes.
pub fn literals<'a>(text: &'a [u8], tokens: &[Token]) -> impl Iterator<Item = &'a [u8]> {
    let literal = |token: &Token| matches!(token.kind, Kind::Text | Kind::Number).then_some(token.start..token.end);
    tokens.iter().filter_map(literal).map(move |range| {
        let whole = text.get(range).unwrap_or_default();
        whole.strip_prefix(b"'").and_then(|rest| rest.strip_suffix(b"'")).unwrap_or(whole)
    })
}

/// The first eight bytes of the SHA-256 of a normalised text, in hex: what records and allowlists call it.
pub fn fingerprint(normalised: &[u8]) -> String {
    Sha256::digest(normalised).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use crate::canon::sql::postgres::tokens;

    fn normalised(text: &str) -> String {
        let tokens = tokens(text.as_bytes(), false).unwrap();
        String::from_utf8(super::normalised(text.as_bytes(), &tokens)).unwrap()
    }

    #[test]
    fn literals_and_spelling_do_not_count() {
        assert_eq!(normalised("SELECT a FROM T WHERE b = 'x' -- c"), "select a from t where b = ?");
        assert_eq!(normalised("select a from t where b=E'\\'y'"), "select a from t where b = ?");
        assert_eq!(normalised("SELECT 1 WHERE x IN (1, 2,3)"), normalised("SELECT 7 WHERE x IN (4)"));
        assert_eq!(normalised("SELECT \"T\".a"), "select \"T\" . a");
    }

    #[test]
    fn literals_stand_without_their_quotes() {
        let text = b"SELECT a FROM t WHERE b = 'x''y' AND c = 12 AND d = E'z'";
        let tokens = tokens(text, false).unwrap();
        assert_eq!(super::literals(text, &tokens).collect::<Vec<_>>(), [&b"x''y"[..], b"12", b"E'z'"]);
    }

    #[test]
    fn structure_counts() {
        assert_ne!(normalised("SELECT a FROM t WHERE b = 1"), normalised("SELECT a FROM t WHERE b = 1 OR 1 = 1"));
        assert_eq!(super::fingerprint(b"x").len(), 16);
    }
}
