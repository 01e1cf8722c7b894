//! What the sender of a request controls in its head, piece by piece.
//!
//! Left out, because no payload fits into them or nobody but us reads them: header fields that do not go on, `Host` and
//! Content-Length (held to their grammar by the codec), header names of letters, digits and dashes, registered methods,
//! path segments under 16 letters and digits (they stand in the whole path), empty values.

use super::{Head, Header, REGISTERED, Request, query};
use crate::canon::percent;
use crate::flow::{Chain, Extent, Layer, Part, Place};
use crate::protocol::names::{self, Is};
use std::borrow::Cow;

/// Pairs of a query that become parts of their own; what follows them is one part.
const MAX_PAIRS: usize = 256;

/// Shortest segment of letters and digits that could hide an encoded payload.
const MIN_ENCODED_BYTES: usize = 16;

/// The parts of a head, in the order of the wire.
pub type Parts<'a> = Vec<Part<'a>>;

impl<'a> Request<'a> {
    /// What its sender controls.
    pub fn parts(&self) -> Parts<'a> {
        let mut parts = Vec::with_capacity(2 * self.head.headers.len());
        method(&self.head, &mut parts);
        path(self.head.path, &mut parts);
        self.head.query.into_iter().for_each(|query| self::query(query, &mut parts));
        self.head.headers.iter().for_each(|header| field(header, &mut parts));
        parts
    }
}

/// What the sender of trailers controls.
pub fn trailer_parts<'a>(trailers: impl Iterator<Item = Header<'a>>) -> Parts<'a> {
    let both = trailers.flat_map(|trailer| {
        let name = trailer.name;
        [Part::plain(Place::TrailerName, b"", name), Part::plain(Place::TrailerValue, name, trailer.value)]
    });
    both.filter(|part| !part.raw.is_empty()).collect()
}

fn method<'a>(head: &Head<'a>, parts: &mut Parts<'a>) {
    if !REGISTERED.contains(&head.method) {
        parts.push(Part::plain(Place::Method, b"", head.method.as_bytes()));
    }
}

fn path<'a>(path: &'a [u8], parts: &mut Parts<'a>) {
    parts.push(percent_decoded(Place::Path, path));
    let segments =
        path.split(|b| *b == b'/').filter(|segment| !is_plain(segment) || segment.len() >= MIN_ENCODED_BYTES);
    parts.extend(segments.map(|segment| percent_decoded(Place::PathSegment, segment)));
}

fn is_plain(segment: &[u8]) -> bool {
    segment.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// The whole query too, where it is not made of `name=value` with ordinary names: then a payload may hold a `&` or `=`.
fn query<'a>(query: &'a [u8], parts: &mut Parts<'a>) {
    let mut ordinary = true;
    for pair in query::pairs(query).take(MAX_PAIRS) {
        let name = form_decoded(Place::QueryName, b"", pair.name);
        ordinary &= pair.value.is_some() && name.canonical.iter().all(|b| is_key(*b));
        if !name.raw.is_empty() {
            parts.push(name);
        }
        if let Some(value) = pair.value.filter(|value| !value.is_empty()) {
            parts.push(form_decoded(Place::QueryValue, pair.name, value));
        }
    }
    if !ordinary || query::pairs(query).nth(MAX_PAIRS).is_some() {
        parts.push(form_decoded(Place::Query, b"", query));
    }
    repeated(query, parts);
}

fn is_key(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'[' | b']' | b':' | b'$' | b'@')
}

/// The values of a repeated name as one, joined as some servers join them: a payload may be spread over them.
fn repeated<'a>(query: &'a [u8], parts: &mut Parts<'a>) {
    let mut pairs: Vec<_> = query::pairs(query).take(MAX_PAIRS).collect();
    if pairs.len() < 2 {
        return;
    }
    pairs.sort_by_key(|pair| pair.name);
    for group in pairs.chunk_by(|one, other| one.name == other.name).filter(|group| group.len() > 1) {
        let Some(first) = group.first() else { continue };
        let values: Vec<&[u8]> = group.iter().map(|pair| pair.value.unwrap_or_default()).collect();
        let canonical = percent::decode_form(&values.join(&b","[..])).bytes.into_owned();
        let raw = first.value.unwrap_or_default();
        parts.push(Part { canonical: Cow::Owned(canonical), ..form_decoded(Place::QueryValue, first.name, raw) });
    }
}

fn field<'a>(header: &Header<'a>, parts: &mut Parts<'a>) {
    let is = header.known.map(|known| known.is);
    if !header.forwarded || matches!(is, Some(Is::Host | Is::ContentLength)) {
        return;
    }
    let name = header.name;
    if header.known.is_none() && names::is_odd(name) {
        parts.push(Part::plain(Place::HeaderName, b"", name));
    }
    match is {
        _ if header.value.is_empty() => {}
        Some(Is::Cookie) => cookies(header.value, parts),
        _ => parts.push(Part::plain(Place::HeaderValue, name, header.value)),
    }
}

/// RFC 6265 §4.2.1, with what servers tolerate: a cookie without a name is a value.
fn cookies<'a>(value: &'a [u8], parts: &mut Parts<'a>) {
    for cookie in value.split(|b| *b == b';').map(<[u8]>::trim_ascii).filter(|cookie| !cookie.is_empty()) {
        let (name, value) = match cookie.iter().position(|b| *b == b'=').and_then(|at| cookie.split_at_checked(at)) {
            Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
            None => (&[][..], cookie),
        };
        if !name.is_empty() {
            parts.push(Part::plain(Place::CookieName, b"", name));
        }
        if !value.is_empty() {
            parts.push(Part::plain(Place::CookieValue, name, value));
        }
    }
}

fn percent_decoded(place: Place, raw: &[u8]) -> Part<'_> {
    let canonical = percent::decode(raw).bytes;
    let chain = if matches!(canonical, Cow::Owned(_)) { Chain::of(Layer::Percent) } else { Chain::EMPTY };
    Part { place, name: Cow::Borrowed(b""), raw, canonical, chain, extent: Extent::Whole }
}

fn form_decoded<'a>(place: Place, name: &'a [u8], raw: &'a [u8]) -> Part<'a> {
    let canonical = percent::decode_form(raw).bytes;
    let layer = if raw.contains(&b'%') { Layer::Percent } else { Layer::Plus };
    let chain = if matches!(canonical, Cow::Owned(_)) { Chain::of(layer) } else { Chain::EMPTY };
    Part { place, name: percent::decode_form(name).bytes, raw, canonical, chain, extent: Extent::Whole }
}
