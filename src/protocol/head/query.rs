//! A query taken apart into pairs, as servers do: `&` between pairs, the first `=` within one, `+` and `%XX` undone.

use crate::canon::percent;
use std::borrow::Cow;

/// One `name=value` of a query, as it was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// Before the first `=`.
    pub name: &'a [u8],
    /// After it; nothing where there is none.
    pub value: Option<&'a [u8]>,
}

/// The pairs between ampersands; empty pieces are left out.
pub fn pairs(query: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    pieces(query, b'&').map(pair)
}

/// The pairs between ampersands, and behind one that has semicolons those between them, as some older servers see it.
pub fn pairs_of_all_readings(query: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    pieces(query, b'&').flat_map(|piece| {
        let parted = memchr::memchr(b';', piece).map(|_| pieces(piece, b';').map(pair));
        std::iter::once(pair(piece)).chain(parted.into_iter().flatten())
    })
}

fn pieces(text: &[u8], mark: u8) -> impl Iterator<Item = &[u8]> {
    text.split(move |b| *b == mark).filter(|piece| !piece.is_empty())
}

fn pair(piece: &[u8]) -> Pair<'_> {
    match memchr::memchr(b'=', piece).and_then(|at| piece.split_at_checked(at)) {
        Some((name, value)) => Pair { name, value: value.get(1..) },
        None => Pair { name: piece, value: None },
    }
}

/// Form-decoded text; what is no UTF-8 becomes the replacement character.
pub fn form_text(spelled: &[u8]) -> Cow<'_, str> {
    match percent::decode_form(spelled).bytes {
        Cow::Borrowed(bytes) => text(bytes),
        Cow::Owned(bytes) => Cow::Owned(text(&bytes).into_owned()),
    }
}

/// Bytes as text; what is no UTF-8 becomes the replacement character.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_readings_are_given_once() {
        let names =
            |query: &'static str| pairs_of_all_readings(query.as_bytes()).map(|pair| pair.name).collect::<Vec<_>>();
        assert_eq!(names("a=1&b=2"), [b"a", b"b"]);
        assert_eq!(names("a=1&b;c=2;&d"), [&b"a"[..], b"b;c", b"b", b"c", b"d"]);
        assert_eq!(names("&;&"), [b";"]);
    }
}
