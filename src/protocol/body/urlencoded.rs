//! `application/x-www-form-urlencoded` (WHATWG URL §5.1): `name=value&name=value`, `+` for a space, `%41`.
//!
//! Tolerated: names without a value, values without a name, empty pairs, a percent sign that starts no escape (it means
//! itself). Some servers also split at `;`: where a piece behind one looks like a pair, it is judged as a pair too. Of a
//! name given twice each value is judged, and all of them joined with commas. Rejected: a `_charset_` field (RFC 7578 §4.6) that names an unknown charset.

use super::charset::Charset;
use super::collect::{Parts, Value, spend, then};
use super::media::cut;
use super::{sniff, swar};
use crate::flow::{Chain, Fuel, Layer, Place};
use crate::protocol::Malformed;
use std::borrow::Cow;

/// Adds the names and values of a form.
pub(super) fn read<'a>(body: &'a [u8], parts: &mut Parts<'a>, fuel: &mut Fuel) -> Result<(), Malformed> {
    spend(fuel, body)?;
    let before = parts.list.len();
    pairs(body, parts)?;
    parts.join_repeated(before)
}

/// Adds the names and values of some pairs.
pub(super) fn pairs<'a>(text: &'a [u8], parts: &mut Parts<'a>) -> Result<(), Malformed> {
    let mut rest = text;
    while !rest.is_empty() {
        let (pair, after) = cut(rest, b'&');
        rest = after;
        read_pair(pair, parts)?;
        read_semicolons(pair, parts)?;
    }
    Ok(())
}

fn read_pair<'a>(pair: &'a [u8], parts: &mut Parts<'a>) -> Result<(), Malformed> {
    let (name, value) = cut(pair, b'=');
    let name = decode(name);
    let value = decode(value);
    if &*name.canonical == b"_charset_" {
        Charset::parse(&value.canonical)?;
    }
    let called = name.canonical.clone();
    parts.add(Place::FormName, Cow::Borrowed(b""), name)?;
    parts.add(Place::FormValue, called, value)
}

/// `a=1;b=2` is one pair to most servers and two to some.
fn read_semicolons<'a>(pair: &'a [u8], parts: &mut Parts<'a>) -> Result<(), Malformed> {
    let (_, mut rest) = cut(pair, b';');
    while !rest.is_empty() {
        let (piece, after) = cut(rest, b';');
        rest = after;
        if sniff::like_form(piece) {
            read_pair(piece, parts)?;
        }
    }
    Ok(())
}

/// A name or value with its escapes undone; borrowed when it has none.
pub(super) fn decode(raw: &[u8]) -> Value<'_> {
    if memchr::memchr2(b'%', b'+', raw).is_none() {
        return Value::plain(raw);
    }
    let mut out = Vec::with_capacity(raw.len() + 8); // copying goes by eights
    let (mut percent, mut plus) = (false, false);
    let mut rest = swar::copy_until(b'%', b'+', raw, &mut out);
    while let Some((first, after)) = rest.split_first() {
        let (byte, behind) = match escape(rest) {
            Some(undone) => {
                percent = true;
                undone
            }
            None if *first == b'+' => {
                plus = true;
                (b' ', after)
            }
            None => (b'%', after),
        };
        out.push(byte);
        rest = swar::copy_until(b'%', b'+', behind, &mut out);
    }
    let mut chain = Chain::EMPTY;
    for (there, layer) in [(percent, Layer::Percent), (plus, Layer::Plus)] {
        chain = if there { then(chain, layer) } else { chain };
    }
    Value { raw, canonical: Cow::Owned(out), chain }
}

/// The byte that a percent escape at the start stands for, and what follows it.
pub(super) fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'%', high, low, after @ ..] => Some((hex(*high)? << 4 | hex(*low)?, after)),
        _ => None,
    }
}

/// The value of a hex digit.
#[inline]
pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::body::Limits;

    fn read_all(body: &[u8]) -> Vec<(Place, String, String)> {
        let mut parts = Parts::new(&Limits::default(), 0);
        read(body, &mut parts, &mut Fuel::new(1000)).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        parts.list.iter().map(|part| (part.place, text(&part.name), text(&part.canonical))).collect()
    }

    fn values(body: &[u8]) -> Vec<(String, String)> {
        let value = |(place, name, value)| (place == Place::FormValue).then_some((name, value));
        read_all(body).into_iter().filter_map(value).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn pairs_are_split() {
        assert_eq!(values(b"a=1&b=2&&c&=3&d=4=5"), [pair("a", "1"), pair("b", "2"), pair("", "3"), pair("d", "4=5")]);
        assert!(read_all(b"").is_empty());
    }

    #[test]
    fn repeated_names_are_judged_joined_too() {
        assert_eq!(values(b"a=1&a=2"), [pair("a", "1"), pair("a", "2"), pair("a", "1,2")]);
    }

    #[test]
    fn names_are_parts() {
        let names: Vec<_> =
            read_all(b"a=1&u%5Bx%5D=&c").into_iter().filter(|(place, ..)| *place == Place::FormName).collect();
        assert_eq!(names.iter().map(|(.., name)| &**name).collect::<Vec<_>>(), ["a", "u[x]", "c"]);
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(values(b"a=%41+%2B%2541"), [pair("a", "A +%41")]);
        let value = decode(b"%41+");
        assert_eq!(
            (&*value.canonical, value.raw, value.chain.layers()),
            (&b"A "[..], &b"%41+"[..], &[Layer::Percent, Layer::Plus][..])
        );
    }

    #[test]
    fn what_is_no_escape_means_itself() {
        for text in ["%", "%4", "%zz", "100%", "%%%"] {
            assert_eq!(&*decode(text.as_bytes()).canonical, text.as_bytes());
        }
    }

    #[test]
    fn plain_value_is_borrowed() {
        assert!(matches!(decode(b"plain").canonical, Cow::Borrowed(_)));
    }

    #[test]
    fn semicolon_may_part_pairs() {
        assert_eq!(values(b"a=1;b=2"), [pair("a", "1;b=2"), pair("b", "2")]);
        assert_eq!(values(b"a=1; drop"), [pair("a", "1; drop")]);
    }

    #[test]
    fn charset_field_is_not_overlooked() {
        let mut parts = Parts::new(&Limits::default(), 0);
        assert!(read(b"_charset_=utf-7&a=1", &mut parts, &mut Fuel::new(100)).is_err());
    }

    #[test]
    fn reading_costs_a_step_a_byte() {
        let mut parts = Parts::new(&Limits::default(), 0);
        assert!(read(b"a=1", &mut parts, &mut Fuel::new(3)).is_ok());
        assert!(read(b"a=1", &mut parts, &mut Fuel::new(2)).is_err());
    }
}
