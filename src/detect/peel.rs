//! Encodings inside a value: `%2527`, entities, escapes, base64, hex, JSON in a string, the claims of a token. A layer is
//! undone only when it is really there; what comes out is a derived part, which goes through the same funnel.

use super::Classes;
use crate::canon::encodings::{self, MIN_ENCODED_BYTES};
use crate::canon::{nested, text};
use crate::flow::{Extent, Layer, Part, Place};
use std::borrow::Cow;

/// The bytes of base64, base64url and hex.
const ENCODED: Classes = Classes::of("aA0+/=-_");

/// The bytes of base64, with the blank that a `+` becomes.
const SPACED: Classes = ENCODED.or(Classes::of(" "));

const ESCAPES: Classes = Classes::of("%\\&");
const QUOTE: Classes = Classes::of("\"");
const BRACKETS: Classes = Classes::of("{[");
const HIGH: Classes = Classes::of("\u{80}");
const NUL: Classes = Classes::of("\0");
const SHIFTS: Classes = Classes::of("+-");
const DOTTED: Classes = Classes::of(".a");
const TOKEN: Classes = ENCODED.or(Classes::of(". "));

/// Nested deeper than anything honest: [`crate::flow::Chain::MAX`] layers, and yet another one inside.
#[derive(Debug)]
pub(super) struct TooDeep;

/// Puts the parts that one further decoding of `part` gives onto `derived`.
///
/// # Errors
/// When the part has as many layers as are followed, and another one inside.
pub(super) fn peel<'a>(part: &Part<'a>, classes: Classes, derived: &mut Vec<Part<'a>>) -> Result<(), TooDeep> {
    if part.place == Place::BodyOpaque || part.place.is_binary() {
        return Ok(());
    }
    if classes.has(QUOTE) && classes.any(BRACKETS) && part.extent == Extent::Whole {
        let strings = documents(part, derived)?;
        if strings > 0 {
            return Ok(());
        }
    }
    if classes.any(ESCAPES)
        && let Some((layer, bytes)) = text::unescape(&part.canonical)
    {
        push(part, layer, part.place, bytes, derived)?;
    }
    if classes.any(HIGH)
        && let Some(bytes) = encodings::fold(&part.canonical)
    {
        push(part, Layer::Overlong, part.place, bytes, derived)?;
    }
    if classes.any(NUL)
        && let Some(bytes) = encodings::utf16_ascii(&part.canonical)
    {
        push(part, Layer::Utf16, part.place, bytes, derived)?;
    }
    if classes.has(SHIFTS)
        && let Some(bytes) = encodings::utf7(&part.canonical)
    {
        push(part, Layer::Utf7, part.place, bytes, derived)?;
    }
    if part.extent == Extent::Whole { whole(part, classes, derived) } else { Ok(()) }
}

/// Whether a value of nothing but letters, digits and the like is worth [`peel`]ing.
pub(super) fn may_be_encoded(part: &Part<'_>) -> bool {
    part.canonical.len() >= MIN_ENCODED_BYTES && part.extent == Extent::Whole
}

/// Encodings that take up a whole value.
fn whole<'a>(part: &Part<'a>, classes: Classes, derived: &mut Vec<Part<'a>>) -> Result<(), TooDeep> {
    let value: &[u8] = &part.canonical;
    if classes.only(ENCODED) {
        let digits = if classes.only(Classes::PLAIN) { encodings::hex(value) } else { None };
        if let Some(bytes) = digits.or_else(|| encodings::hex_bytes(value)) {
            return push(part, Layer::Hex, part.place, bytes, derived);
        }
        return match encodings::base64(value) {
            Some((layer, bytes)) => push(part, layer, part.place, bytes, derived),
            None => Ok(()),
        };
    }
    if classes.has(DOTTED) && classes.only(TOKEN) {
        return token(part, derived);
    }
    if let Some((layer, bytes)) = spaced_base64(part, classes) {
        return push(part, layer, part.place, bytes, derived);
    }
    match labelled(value).and_then(encodings::base64) {
        Some((layer, bytes)) => push(part, layer, part.place, bytes, derived),
        None => Ok(()),
    }
}

/// Base64 whose `+` was taken for a blank where forms and queries are decoded.
fn spaced_base64(part: &Part<'_>, classes: Classes) -> Option<(Layer, Vec<u8>)> {
    let decoded = matches!(part.place, Place::QueryValue | Place::FormValue | Place::CookieValue);
    if !classes.only(SPACED) || !decoded {
        return None;
    }
    let blank = memchr::memchr(b' ', &part.canonical)?;
    let joined = || part.canonical.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect::<Vec<u8>>();
    // A sentence begins with a shorter word.
    (blank >= MIN_ENCODED_BYTES).then(joined).and_then(|value| encodings::base64(&value))
}

/// What follows `base64,` in a `data:` URL, or `Basic ` in a header.
fn labelled(value: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = value.strip_prefix(b"Basic ") {
        return Some(rest);
    }
    value.strip_prefix(b"data:")?;
    let at = memchr::memmem::find(value.get(..value.len().min(100))?, b";base64,")?;
    value.get(at + 8..)
}

/// The strings of a JSON document; how many there are.
fn documents<'a>(part: &Part<'a>, derived: &mut Vec<Part<'a>>) -> Result<usize, TooDeep> {
    let strings = nested::json_strings(&part.canonical).unwrap_or_default();
    let count = strings.len();
    for string in strings {
        let place = if string.key { Place::JsonKey } else { Place::JsonValue };
        push(part, Layer::Json, place, string.text, derived)?;
    }
    Ok(count)
}

/// Header and claims of a JSON Web Token.
fn token<'a>(part: &Part<'a>, derived: &mut Vec<Part<'a>>) -> Result<(), TooDeep> {
    let value = part.canonical.strip_prefix(b"Bearer ").unwrap_or(&part.canonical);
    if !value.starts_with(b"ey") {
        return Ok(());
    }
    for segment in value.split(|byte| *byte == b'.').take(2) {
        if let Some(bytes) = encodings::base64url_json(segment) {
            push(part, Layer::Jwt, part.place, bytes, derived)?;
        }
    }
    Ok(())
}

fn push<'a>(
    part: &Part<'a>,
    layer: Layer,
    place: Place,
    canonical: Vec<u8>,
    derived: &mut Vec<Part<'a>>,
) -> Result<(), TooDeep> {
    let chain = part.chain.then(layer).ok_or(TooDeep)?;
    let (name, raw, extent) = (part.name.clone(), part.raw, part.extent);
    derived.push(Part { place, name, raw, canonical: Cow::Owned(canonical), chain, extent });
    Ok(())
}
