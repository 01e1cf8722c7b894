//! Escapes inside text: `%41`, `%u0041`, `&#65;`, `\x41`, `\u0041`. One kind is undone per pass, so that nesting shows as
//! a chain of layers. What is no complete escape stays as it is. Linear; the output is never longer than the input.

use crate::flow::Layer;

/// The characters that HTML writes by name and that mean something to some language.
const ENTITIES: &[(&[u8], u8)] = &[
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"amp", b'&'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"tab", b'\t'),
    (b"newline", b'\n'),
    (b"nbsp", b' '),
    (b"colon", b':'),
    (b"semi", b';'),
    (b"lpar", b'('),
    (b"rpar", b')'),
    (b"sol", b'/'),
    (b"bsol", b'\\'),
    (b"equals", b'='),
    (b"grave", b'`'),
    (b"lcub", b'{'),
    (b"rcub", b'}'),
    (b"lbrace", b'{'),
    (b"rbrace", b'}'),
    (b"lsqb", b'['),
    (b"rsqb", b']'),
    (b"lbrack", b'['),
    (b"rbrack", b']'),
    (b"comma", b','),
    (b"period", b'.'),
    (b"dollar", b'$'),
    (b"num", b'#'),
    (b"vert", b'|'),
    (b"percnt", b'%'),
    (b"plus", b'+'),
    (b"excl", b'!'),
    (b"ast", b'*'),
];

/// Undoes the kind of escape that stands first in `text`; nothing when there is none.
pub fn unescape(text: &[u8]) -> Option<(Layer, Vec<u8>)> {
    let (at, layer) = first(text)?;
    let (head, mut rest) = text.split_at_checked(at)?;
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(head);
    let mark = mark(layer);
    while let Some((&byte, tail)) = rest.split_first() {
        match escape(rest).filter(|_| byte == mark) {
            Some(escape) => {
                escape.put(&mut out);
                rest = rest.get(escape.len..)?;
            }
            None => {
                let plain = memchr::memchr(mark, tail).map_or(tail.len(), |next| next);
                let (plain, after) = rest.split_at_checked(plain + 1)?;
                out.extend_from_slice(plain);
                rest = after;
            }
        }
    }
    Some((layer, out))
}

/// Where the first complete escape stands, and its kind.
fn first(text: &[u8]) -> Option<(usize, Layer)> {
    memchr::memchr3_iter(b'%', b'\\', b'&', text)
        .find_map(|at| escape(text.get(at..)?).filter(|escape| escape.tells).map(|escape| (at, escape.layer)))
}

fn mark(layer: Layer) -> u8 {
    match layer {
        Layer::Html => b'&',
        Layer::Backslash => b'\\',
        _ => b'%',
    }
}

/// One escape at the start of a text.
struct Escape {
    layer: Layer,
    /// Bytes it takes.
    len: usize,
    /// The character it stands for: a byte for `%41` and `\x41`, else a code point.
    means: Meaning,
    /// Whether it is a sign of encoding by itself; `\n` and `\"` are not.
    tells: bool,
}

enum Meaning {
    Byte(u8),
    Character(char),
}

impl Escape {
    fn byte(layer: Layer, len: usize, byte: u8) -> Self {
        Self { layer, len, means: Meaning::Byte(byte), tells: true }
    }

    fn code(layer: Layer, len: usize, code: u32) -> Option<Self> {
        Some(Self { layer, len, means: Meaning::Character(char::from_u32(code)?), tells: true })
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self.means {
            Meaning::Byte(byte) => out.push(byte),
            Meaning::Character(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn escape(text: &[u8]) -> Option<Escape> {
    match text {
        [b'%', rest @ ..] => percent(rest),
        [b'&', rest @ ..] => entity(rest),
        [b'\\', rest @ ..] => backslash(rest),
        _ => None,
    }
}

fn percent(rest: &[u8]) -> Option<Escape> {
    match rest {
        [b'u' | b'U', digits @ ..] => Escape::code(Layer::PercentU, 6, hex(digits.get(..4)?)?),
        [high, low, ..] => Some(Escape::byte(Layer::Percent, 3, u8::try_from(hex(&[*high, *low])?).ok()?)),
        _ => None,
    }
}

fn backslash(rest: &[u8]) -> Option<Escape> {
    match rest {
        [b'x' | b'X', high, low, ..] => {
            Some(Escape::byte(Layer::Backslash, 4, u8::try_from(hex(&[*high, *low])?).ok()?))
        }
        [b'u', b'{', digits @ ..] => {
            let len = digits.iter().take(7).position(|byte| *byte == b'}')?;
            Escape::code(Layer::Backslash, len + 4, hex(digits.get(..len)?)?)
        }
        [b'u' | b'U', digits @ ..] => Escape::code(Layer::Backslash, 6, hex(digits.get(..4)?)?),
        [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            Some(Escape::byte(Layer::Backslash, 4, (a - b'0') * 64 + (b - b'0') * 8 + (c - b'0')))
        }
        [letter, ..] => {
            let byte = simple(*letter)?;
            Some(Escape { tells: false, ..Escape::byte(Layer::Backslash, 2, byte) })
        }
        [] => None,
    }
}

fn simple(letter: u8) -> Option<u8> {
    match letter {
        b'n' => Some(b'\n'),
        b't' => Some(b'\t'),
        b'r' => Some(b'\r'),
        b'"' | b'\'' | b'\\' | b'/' => Some(letter),
        _ => None,
    }
}

fn entity(rest: &[u8]) -> Option<Escape> {
    let Some(digits) = rest.strip_prefix(b"#") else { return named(rest) };
    let (prefix, digits, radix) = match digits {
        [b'x' | b'X', digits @ ..] => (3, digits, 16),
        _ => (2, digits, 10),
    };
    let len = digits.iter().take(24).take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let number = std::str::from_utf8(digits.get(..len)?).ok()?;
    let semicolon = usize::from(digits.get(len) == Some(&b';'));
    Escape::code(Layer::Html, prefix + len + semicolon, u32::from_str_radix(number, radix).ok()?)
}

fn named(rest: &[u8]) -> Option<Escape> {
    let len = rest.iter().take(8).position(|byte| *byte == b';')?;
    let name = rest.get(..len)?;
    let (_, byte) = ENTITIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(Escape::byte(Layer::Html, len + 2, *byte))
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(text: &str) -> Option<(Layer, String)> {
        unescape(text.as_bytes()).map(|(layer, bytes)| (layer, String::from_utf8_lossy(&bytes).into_owned()))
    }

    #[test]
    fn each_kind_is_undone() {
        for (text, layer, plain) in [
            ("a%27b", Layer::Percent, "a'b"),
            ("%u003cb", Layer::PercentU, "<b"),
            ("&#60;&#x3E;&lt;", Layer::Html, "<><"),
            ("&#0000060b", Layer::Html, "<b"),
            (r"\x3cb\u003e\n\'\74", Layer::Backslash, "<b>\n'\\74"),
            (r"\u{27}\047", Layer::Backslash, "''"),
        ] {
            assert_eq!(undone(text), Some((layer, plain.to_owned())), "{text}");
        }
    }

    #[test]
    fn one_kind_per_pass() {
        assert_eq!(undone("%2527&lt;"), Some((Layer::Percent, "%27&lt;".to_owned())));
        assert_eq!(undone("&lt;%27"), Some((Layer::Html, "<%27".to_owned())));
    }

    #[test]
    fn incomplete_escapes_are_text() {
        for text in [
            "100% sure",
            "%2",
            "%zz",
            "a & b",
            "&nosuch;",
            "&#;",
            r"C:\users",
            r"\n",
            r"\",
            "%u12",
            r"\u{}",
            "&#x110000;",
        ] {
            assert_eq!(undone(text), None, "{text}");
        }
    }
}
