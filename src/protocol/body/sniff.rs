//! What bytes look like, whatever was declared. Every test is a look at the first bytes or one pass.

use super::media::{MAX_BOUNDARY, starts_with};

/// Whether the bytes begin as JSON does: an object, an array or a string (a lone number is no risk).
pub(super) fn like_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'[' | b'"' | 0x1e))
}

/// Whether the bytes begin as markup does: `<name`, `<?`, `<!`.
pub(super) fn like_xml(text: &[u8]) -> bool {
    match text.trim_ascii_start() {
        [b'<', next, ..] => next.is_ascii_alphabetic() || matches!(next, b'?' | b'!' | b'_' | b':' | 0x80..),
        _ => false,
    }
}

/// Whether the bytes of a file begin as XML does, and not merely as markup: `<?xml`, `<!DOCTYPE` (not `html`), `<svg`.
pub(super) fn surely_xml(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let kind = text.get(9..).unwrap_or_default().trim_ascii_start();
    let doctype = starts_with(text, b"<!doctype") && !starts_with(kind, b"html");
    doctype || text.starts_with(b"<?xml") || text.starts_with(b"<svg")
}

/// Longest name that makes us take a text for a form.
const MAX_NAME: usize = 128;

/// Whether the bytes begin as a form does: a plain name, then `=`.
pub(super) fn like_form(text: &[u8]) -> bool {
    let in_name = |b: &u8| b.is_ascii_alphanumeric() || b"_-.[]%+$~*!:@".contains(b);
    let name = text.iter().take(MAX_NAME).take_while(|b| in_name(b)).count();
    name > 0 && text.get(name) == Some(&b'=')
}

/// The boundary of a body that begins with a multipart delimiter and holds it again.
pub(super) fn like_multipart(text: &[u8]) -> Option<&[u8]> {
    let rest = text.trim_ascii_start().strip_prefix(b"--")?;
    let line = rest.get(..memchr::memchr(b'\n', rest)?)?;
    let boundary = line.trim_ascii_end();
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(b);
    ((1..=MAX_BOUNDARY).contains(&boundary.len()) && boundary.iter().all(allowed)).then_some(boundary)
}

/// Whether the bytes are no text: they hold a control character that no text has.
pub(super) fn like_binary(bytes: &[u8]) -> bool {
    bytes.iter().any(|b| CONTROL.get(usize::from(*b)).copied().unwrap_or_default())
}

/// Control characters apart from tab, line feed, vertical tab, form feed, carriage return and escape (of log colours).
static CONTROL: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 0x20 {
        #[expect(clippy::indexing_slicing, reason = "b < 0x20 < 256, at compile time")]
        {
            table[b] = !matches!(b, 0x09..=0x0d | 0x1b);
        }
        b += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_begins_with_a_bracket_or_quote() {
        assert!(like_json(b" \n{"));
        assert!(like_json(b"[1]"));
        assert!(!like_json(b"12"));
        assert!(!like_json(b""));
    }

    #[test]
    fn markup_begins_with_a_name() {
        assert!(like_xml(b" <a>"));
        assert!(like_xml(b"<?xml"));
        assert!(!like_xml(b"< 3"));
        assert!(!like_xml(b"<"));
    }

    #[test]
    fn pages_are_no_xml_files() {
        assert!(surely_xml(b"<?xml version='1.0'?>"));
        assert!(surely_xml(b"<!DOCTYPE a [<!ENTITY b 'c'>]>"));
        assert!(!surely_xml(b"<!doctype HTML><p>"));
        assert!(!surely_xml(b"<p>"));
    }

    #[test]
    fn form_begins_with_a_name() {
        assert!(like_form(b"a=1"));
        assert!(like_form(b"user%5Bname%5D=1"));
        assert!(!like_form(b"=1"));
        assert!(!like_form(b"a b=1"));
        assert!(!like_form(b"abc"));
        assert!(like_form(&[&[b'a'; MAX_NAME][..], b"="].concat()));
        assert!(!like_form(&[&[b'a'; MAX_NAME + 1][..], b"="].concat()));
    }

    #[test]
    fn multipart_begins_with_its_delimiter() {
        assert_eq!(like_multipart(b"--ab\r\nx"), Some(&b"ab"[..]));
        assert_eq!(like_multipart(b"--\r\nx"), None);
        assert_eq!(like_multipart(b"-- a < b\n"), None);
    }

    #[test]
    fn zero_byte_is_no_text() {
        assert!(like_binary(b"a\0b"));
        assert!(!like_binary("tab\tline\r\n\x1b[0m é".as_bytes()));
    }
}
