//! A statement without its literals: what an application says again and again, whatever the values.

use super::lexer::{Kind, Token};
use std::borrow::Cow;

/// The text with one space between tokens, words in lower case, comments left out, every literal a `?`, and a list of
/// literals one `?`. Names of tables keep their letter case, in which they may differ.
pub fn normalised(text: &[u8], tokens: &[Token]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    for token in tokens {
        let piece: Cow<'_, [u8]> = match token.kind {
            Kind::Text | Kind::Number | Kind::Parameter => Cow::Borrowed(b"?"),
            Kind::Word(key) if key != super::Key::Other => token.of(text).to_ascii_lowercase().into(),
            _ => token.of(text).into(),
        };
        if &*piece == b"?" && out.ends_with(b"? ,") {
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

/// The literals of a text, in order; strings without their quotes.
pub fn literals<'a>(text: &'a [u8], tokens: &[Token]) -> impl Iterator<Item = &'a [u8]> {
    let literal = |token: &Token| matches!(token.kind, Kind::Text | Kind::Number).then_some(token.start..token.end);
    tokens.iter().filter_map(literal).map(move |range| match text.get(range).unwrap_or_default() {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        whole => whole,
    })
}

#[cfg(test)]
mod tests {
    use crate::canon::sql::mysql::{Mode, tokens};

    fn normalised(text: &str) -> String {
        let tokens = tokens(text.as_bytes(), Mode::default()).unwrap();
        String::from_utf8(super::normalised(text.as_bytes(), &tokens)).unwrap()
    }

    #[test]
    fn literals_and_spelling_do_not_count() {
        assert_eq!(normalised("SELECT a FROM T WHERE b = 'x' -- c"), "select a from T where b = ?");
        assert_eq!(normalised("select a from `t` where b=\"y\""), "select a from `t` where b = ?");
        assert_eq!(normalised("SELECT 1 WHERE x IN (1, ?,3)"), normalised("SELECT 7 WHERE x IN (4)"));
    }

    #[test]
    fn literals_stand_without_their_quotes() {
        let text = b"SELECT 'x''y', 12, \"z\"";
        let tokens = tokens(text, Mode::default()).unwrap();
        assert_eq!(super::literals(text, &tokens).collect::<Vec<_>>(), [&b"x''y"[..], b"12", b"z"]);
    }
}
