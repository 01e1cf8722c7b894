//! A plain text that others are held against piece by piece. One that differs from it only in values that nothing depends on
//! has its shape (`shape`), and that is told at the cost of comparing bytes.

use super::shape::{Names, Value, number_end, spell, string_end, tells};

/// A plain text, and where its values stand.
#[derive(Debug)]
pub struct Template {
    text: Box<[u8]>,
    /// In their order. What stands between two of them is never empty, and neither begins nor ends with what a value could go
    /// on with: a value ends where it ends in the template, whatever it is.
    values: Box<[Value]>,
}

impl Template {
    /// Nothing where the text is not plain.
    pub fn of(text: &[u8], names: Names) -> Option<Self> {
        let mut values = Vec::new();
        let plain = spell(text, names, &mut Vec::with_capacity(text.len()), |value| values.push(value));
        plain.then(|| Self { text: text.into(), values: values.into_boxed_slice() })
    }

    /// Whether a text is known to have the same shape: only its values may be others.
    pub fn fits(&self, text: &[u8]) -> bool {
        self.end_of_values(text).is_some_and(|(text, template)| text == template)
    }

    /// What stands behind the last value: in the text, and in the template.
    fn end_of_values<'t>(&'t self, text: &'t [u8]) -> Option<(&'t [u8], &'t [u8])> {
        let (mut at, mut known) = (0, 0);
        for Value { range, words } in &self.values {
            let piece = self.text.get(known..range.start)?;
            if !text.get(at..)?.starts_with(piece) {
                return None;
            }
            at += piece.len();
            let end = match words {
                None if !text.get(at).is_some_and(u8::is_ascii_digit) => return None,
                None => number_end(text, at),
                Some(words) => {
                    let end = string_end(text, at).filter(|_| text.get(at) == Some(&b'\''))?;
                    if tells(text, at..end, &self.text, words) {
                        return None;
                    }
                    end
                }
            };
            (at, known) = (end, range.end);
        }
        Some((text.get(at..)?, self.text.get(known..)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::sql::shape;
    use proptest::prelude::*;

    fn fits(template: &str, text: &str) -> bool {
        Template::of(template.as_bytes(), Names::Double).unwrap().fits(text.as_bytes())
    }

    #[test]
    fn other_values_fit() {
        for (template, text) in [
            ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 23"),
            ("SELECT a FROM t WHERE b = 1.5;", "SELECT a FROM t WHERE b = 2;"),
            ("SELECT 'x', 2, 'y'", "SELECT 'it''s', 45, ''''"),
            ("SELECT 1", "SELECT 1"),
            ("BEGIN", "BEGIN"),
        ] {
            assert!(fits(template, text), "{text}");
        }
    }

    #[test]
    fn anything_else_does_not() {
        let template = "SELECT a FROM t WHERE b = 1 AND c = 'x'";
        for text in [
            "SELECT a FROM t WHERE b = 1 AND c = 'x' OR 1",
            "SELECT a FROM t WHERE b = 1x AND c = 'x'",
            "SELECT a FROM t WHERE b = 1. AND c = 'x'",
            "SELECT a FROM t WHERE b =  AND c = 'x'",
            "SELECT a FROM t WHERE b = .5 AND c = 'x'",
            "SELECT a FROM t WHERE b = -1 AND c = 'x'",
            "SELECT a FROM t WHERE b = 1 AND c = 'x\\'",
            "SELECT a FROM t WHERE b = 1 AND c = 'c'",
            "SELECT a FROM t WHERE b = 1 AND c = '%'",
            "SELECT a FROM t WHERE b = 1 AND c = x",
            "SELECT a FROM t WHERE b = 1 AND c = ''x'",
            "SELECT a FROM u WHERE b = 1 AND c = 'x'",
            "SELECT a",
            "",
        ] {
            assert!(!fits(template, text), "{text}");
        }
        assert!(Template::of(b"SELECT 1 -- x", Names::Double).is_none());
    }

    /// Pieces of which texts are made that have shapes and such that have none.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a", "b ", " ", "=", "'", "''", "'a'", "'%'", "1", "23", ".", ".5", "0x1", "$1", "$", "\"a\"", "-", "--",
            "/*", "(", ",", "e", "E", "&", "\\", "`", ":", "\u{e9}",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_fits_has_the_same_shape(one in text(), other in text(), cut in 0..12_usize, digits in "[0-9]{1,3}") {
            let mut changed = one.clone();
            let at = changed.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(changed.len());
            changed.insert_str(at, &digits);
            for names in [Names::Double, Names::Backtick] {
                let Some(template) = Template::of(one.as_bytes(), names) else { continue };
                let spelt = |text: &str| {
                    let mut out = Vec::new();
                    shape(text.as_bytes(), names, &mut out).then_some(out)
                };
                prop_assert!(template.fits(one.as_bytes()));
                for text in [&other, &changed] {
                    prop_assert!(!template.fits(text.as_bytes()) || spelt(text) == spelt(&one), "{} {}", one, text);
                }
            }
        }
    }
}
