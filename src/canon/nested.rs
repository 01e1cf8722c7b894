//! Strings of a JSON document that itself stands inside a string. A tokenizer, not a parser: it finds the strings and
//! whether brackets close, and leaves grammar to those who own the document. Linear, without recursion.

/// A string of the document.
#[derive(Debug, PartialEq, Eq)]
pub struct JsonString {
    /// Whether it is an object's key.
    pub key: bool,
    /// Its text, escapes undone.
    pub text: Vec<u8>,
}

/// The strings of a JSON object or array; nothing when the text is neither.
pub fn json_strings(text: &[u8]) -> Option<Vec<JsonString>> {
    let text = text.trim_ascii();
    let opens = match text {
        [b'{', rest @ ..] => matches!(rest.trim_ascii_start().first(), Some(b'"' | b'}')),
        [b'[', rest @ ..] => matches!(rest.trim_ascii_start().first(), Some(b'"' | b'[' | b'{')),
        _ => false,
    };
    if !opens || !matches!(text.last(), Some(b'}' | b']')) {
        return None;
    }
    let mut strings = Vec::new();
    let mut rest = text;
    let mut depth = 0_i64;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']')) {
        let (mark, tail) = rest.get(at..)?.split_first()?;
        rest = tail;
        match mark {
            b'"' => {
                let (string, after) = string(tail)?;
                let key = after.trim_ascii_start().first() == Some(&b':');
                strings.push(JsonString { key, text: string });
                rest = after;
            }
            b'{' | b'[' => depth += 1,
            _ => depth -= 1,
        }
    }
    (depth == 0).then_some(strings)
}

/// The string whose opening quote has been read, and what follows its closing quote.
fn string(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        let at = memchr::memchr2(b'"', b'\\', rest)?;
        let (plain, tail) = rest.split_at_checked(at)?;
        out.extend_from_slice(plain);
        match tail {
            [b'"', after @ ..] => return Some((out, after)),
            [b'\\', b'u', digits @ ..] => {
                let code = u32::from_str_radix(std::str::from_utf8(digits.get(..4)?).ok()?, 16).ok()?;
                let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = digits.get(4..)?;
            }
            [b'\\', letter, after @ ..] => {
                out.push(match letter {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'b' => 8,
                    b'f' => 12,
                    other => *other,
                });
                rest = after;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Option<Vec<String>> {
        let show = |s: JsonString| format!("{}{}", if s.key { "key " } else { "" }, String::from_utf8_lossy(&s.text));
        json_strings(text.as_bytes()).map(|all| all.into_iter().map(show).collect())
    }

    #[test]
    fn strings_of_a_document() {
        let text = r#" {"a": "1' or", "b": [2, "x\u003c\"\n"]} "#;
        assert_eq!(strings(text).unwrap(), ["key a", "1' or", "key b", "x<\"\n"]);
    }

    #[test]
    fn other_text_is_no_document() {
        for text in ["{a: 1}", "[1, 2]", "{\"a\": \"b}", "{\"a\": [}", "plain", "{% if \"x\" %}", "", "{", "[\"a\\"] {
            assert_eq!(strings(text), None, "{text}");
        }
    }
}
