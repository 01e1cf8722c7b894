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
    query.split(|b| *b == b'&').filter(|piece| !piece.is_empty()).map(pair)
}

/// The pairs between ampersands and semicolons, as some older servers see them.
pub fn pairs_at_semicolons(query: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    query.split(|b| matches!(b, b'&' | b';')).filter(|piece| !piece.is_empty()).map(pair)
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
