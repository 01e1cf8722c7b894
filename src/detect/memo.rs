//! Headers and cookies come again with every request: the user agent, the token, the session. A name or value in which
//! nothing was found need not be looked at again by the same detectors. Each thread remembers some of them whole, and
//! compares them whole, so a look-alike is never taken for one; who sends others only misses the memory.

use crate::flow::{Part, Place};
use std::cell::RefCell;

/// Values remembered per thread.
const SLOTS: usize = 256;
/// A longer value is not remembered, so that a thread keeps less than 300 KiB.
const MAX_BYTES: usize = 1024;

/// A value under a longer name is not remembered.
const MAX_NAME_BYTES: usize = 64;

/// A value in which nothing was found.
struct Clean {
    detectors: u64,
    place: Place,
    name: Vec<u8>,
    value: Vec<u8>,
}

thread_local! {
    static MEMORY: RefCell<Vec<Option<Clean>>> = const { RefCell::new(Vec::new()) };
}

/// Whether a part is of the sort that comes again.
fn may_come_again(part: &Part<'_>) -> bool {
    use Place::{CookieName, CookieValue, HeaderName, HeaderValue};
    matches!(part.place, HeaderName | HeaderValue | CookieName | CookieValue)
        && part.canonical.len() <= MAX_BYTES
        && part.name.len() <= MAX_NAME_BYTES
}

/// Whether these detectors are known to find nothing in the part.
#[inline]
pub(super) fn is_clean(detectors: u64, part: &Part<'_>) -> bool {
    may_come_again(part)
        && MEMORY.with_borrow(|memory| {
            let remembered = memory.get(slot(&part.canonical)).and_then(Option::as_ref);
            remembered.is_some_and(|clean| {
                clean.detectors == detectors
                    && clean.place == part.place
                    && *clean.value == *part.canonical
                    && *clean.name == *part.name
            })
        })
}

/// Remembers that these detectors find nothing in the part.
#[inline]
pub(super) fn remember(detectors: u64, part: &Part<'_>) {
    if !may_come_again(part) {
        return;
    }
    MEMORY.with_borrow_mut(|memory| {
        if memory.is_empty() {
            memory.resize_with(SLOTS, || None);
        }
        let Some(slot) = memory.get_mut(slot(&part.canonical)) else { return };
        let (mut name, mut value) = slot.take().map_or_else(Default::default, |old| (old.name, old.value));
        for (memory, bytes) in [(&mut name, &part.name), (&mut value, &part.canonical)] {
            memory.clear();
            memory.extend_from_slice(bytes);
        }
        *slot = Some(Clean { detectors, place: part.place, name, value });
    });
}

/// Where a value would be: told by its length, its beginning and its end.
fn slot(value: &[u8]) -> usize {
    let eight = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let ends = eight(value.first_chunk()) ^ eight(value.last_chunk()).rotate_left(23) ^ value.len() as u64;
    (ends.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_value_under_the_same_detectors_is_clean() {
        let part = Part::plain(Place::HeaderValue, b"user-agent", b"curl/8 (a b c d)");
        assert!(!is_clean(1, &part));
        remember(1, &part);
        assert!(is_clean(1, &part));
        assert!(!is_clean(2, &part));
        assert!(!is_clean(1, &Part::plain(Place::HeaderValue, b"referer", b"curl/8 (a b c d)")));
        assert!(!is_clean(1, &Part::plain(Place::HeaderValue, b"user-agent", b"curl/8 (a B c d)")));
    }

    #[test]
    fn values_are_remembered_up_to_their_limit() {
        let value = [b'a'; MAX_BYTES + 1];
        let longest = Part::plain(Place::HeaderValue, b"x", &value[1..]);
        let longer = Part::plain(Place::HeaderValue, b"x", &value);
        remember(1, &longest);
        remember(1, &longer);
        assert!(is_clean(1, &longest) && !is_clean(1, &longer));
    }

    #[test]
    fn what_comes_once_is_not_remembered() {
        let part = Part::plain(Place::QueryValue, b"q", b"tea and cake");
        remember(1, &part);
        assert!(!is_clean(1, &part));
    }
}
