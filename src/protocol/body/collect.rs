//! Where the readers of this folder put the parts they find: bounded in number, each under the layers it was found in.

use super::{BUDGET, Limits};
use crate::flow::{Chain, Extent, Fuel, Kind, Layer, Part, Place, Reason};
use crate::protocol::Malformed;
use std::borrow::Cow;

/// More parts than one body may have.
pub(super) const TOO_MANY: Reason = Reason::new("body-parts", Kind::TooLarge, "the body has too many names and values");

/// The parts of one body. `list.len() <= most`.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) list: Vec<Part<'a>>,
    /// The layers around everything that is being added.
    pub(super) chain: Chain,
    most: usize,
}

/// A value as it stood on the wire and as it is meant, with the layers between.
#[derive(Debug, Clone)]
pub(super) struct Value<'a> {
    pub(super) raw: &'a [u8],
    pub(super) canonical: Cow<'a, [u8]>,
    pub(super) chain: Chain,
}

impl<'a> Value<'a> {
    /// A value that means what stood on the wire.
    pub(super) fn plain(raw: &'a [u8]) -> Self {
        Self { raw, canonical: Cow::Borrowed(raw), chain: Chain::EMPTY }
    }
}

impl<'a> Parts<'a> {
    /// Room for a body of `size` bytes; typical bodies have a part for every 12 bytes or fewer.
    pub(super) fn new(limits: &Limits, size: usize) -> Self {
        let expected = (size / 12 + 4).min(512).min(limits.parts);
        Self { list: Vec::with_capacity(expected), chain: Chain::EMPTY, most: limits.parts }
    }

    /// Some servers join the values of a name that is given more than once: `a=1&a=2` → `1,2`. Adds what they see, for the
    /// fields from `before` on.
    pub(super) fn join_repeated(&mut self, before: usize) -> Result<(), Malformed> {
        let list = &self.list;
        let name = |at: &usize| list.get(*at).map(|part| &*part.name);
        let is_field = |at: &usize| list.get(*at).is_some_and(|part| part.place == Place::FormValue);
        let mut names = Names::default();
        let mut fields = list.iter().skip(before).filter(|part| part.place == Place::FormValue);
        if !fields.any(|field| names.may_repeat(&field.name)) {
            return Ok(());
        }
        let mut fields: Vec<usize> = (before..list.len()).filter(is_field).collect();
        fields.sort_by(|one, other| name(one).cmp(&name(other)));
        let mut joined = Vec::new();
        for group in fields.chunk_by(|one, other| name(one) == name(other)).filter(|group| group.len() > 1) {
            let values: Vec<&[u8]> = group.iter().filter_map(|at| list.get(*at)).map(|part| &*part.canonical).collect();
            let canonical = Cow::Owned(values.join(&b","[..]));
            joined.extend(group.first().and_then(|at| list.get(*at)).map(|first| Part { canonical, ..first.clone() }));
        }
        joined.into_iter().try_for_each(|part| self.push(part))
    }

    /// An empty list with the room that is left in this one.
    pub(super) fn beside<'b>(&self) -> Parts<'b> {
        Parts { list: Vec::new(), chain: Chain::EMPTY, most: self.most.saturating_sub(self.list.len()) }
    }

    /// Adds a value that means what stood on the wire. Empty ones are left out: there is nothing in them.
    #[inline]
    pub(super) fn plain(&mut self, place: Place, name: &'a [u8], raw: &'a [u8]) -> Result<(), Malformed> {
        if raw.is_empty() {
            return Ok(());
        }
        let (name, canonical) = (Cow::Borrowed(name), Cow::Borrowed(raw));
        self.push(Part { place, name, raw, canonical, chain: self.chain, extent: Extent::Whole })
    }

    /// Adds a value.
    #[inline]
    pub(super) fn add(&mut self, place: Place, name: Cow<'a, [u8]>, value: Value<'a>) -> Result<(), Malformed> {
        let Value { raw, canonical, chain } = value;
        if canonical.is_empty() {
            return Ok(());
        }
        let chain = join(self.chain, chain);
        self.push(Part { place, name, raw, canonical, chain, extent: Extent::Whole })
    }

    #[inline]
    fn push(&mut self, part: Part<'a>) -> Result<(), Malformed> {
        if self.list.len() >= self.most {
            return Err(Malformed { at: 0, why: TOO_MANY });
        }
        // Where there is room, a part is written to its place at once.
        if self.list.len() < self.list.capacity() {
            self.list.push(part)
        } else {
            self.grow(part)
        }
        Ok(())
    }

    #[cold]
    fn grow(&mut self, part: Part<'a>) {
        self.list.push(part);
    }
}

/// A set of names that may take two for one, so that forms whose names differ, as most do, need not be sorted.
#[derive(Default)]
struct Names([u64; 16]);

impl Names {
    /// Adds a name; whether it, or one that looks like it, was there before.
    fn may_repeat(&mut self, name: &[u8]) -> bool {
        let hash = name.iter().fold(name.len(), |hash, b| (hash ^ usize::from(*b)).wrapping_mul(0x9e37_79b1));
        let hash = hash ^ hash >> 15;
        let bit = 1 << (hash % 64);
        let Some(word) = self.0.get_mut(hash / 64 % 16) else { return true };
        let there = *word & bit != 0;
        *word |= bit;
        there
    }
}

/// `outer`, then as much of `inner` as there is room for; what is beyond is missing from the evidence, not from the scan.
#[inline]
pub(super) fn join(outer: Chain, inner: Chain) -> Chain {
    if outer.layers().is_empty() {
        return inner;
    }
    inner.layers().iter().fold(outer, |chain, layer| then(chain, *layer))
}

/// The chain with one more layer inside, unchanged when it is full.
pub(super) fn then(chain: Chain, layer: Layer) -> Chain {
    chain.then(layer).unwrap_or(chain)
}

/// Takes the price of looking once at every one of `bytes`.
pub(super) fn spend(fuel: &mut Fuel, bytes: &[u8]) -> Result<(), Malformed> {
    fuel.spend(bytes.len()).map_err(|_| Malformed { at: 0, why: BUDGET })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_at_their_limit() {
        let mut parts = Parts::new(&Limits { parts: 2, ..Limits::default() }, 0);
        assert!(parts.plain(Place::FormValue, b"", b"1").is_ok());
        assert!(parts.plain(Place::FormValue, b"", b"").is_ok());
        assert!(parts.plain(Place::FormValue, b"", b"2").is_ok());
        assert_eq!(parts.plain(Place::FormValue, b"", b"3").unwrap_err().why, TOO_MANY);
    }

    #[test]
    fn values_of_one_name_are_joined() {
        let mut parts = Parts::new(&Limits::default(), 0);
        for (name, value) in [(&b"b"[..], &b"0"[..]), (b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"b", b"4")] {
            parts.plain(Place::FormValue, name, value).unwrap();
        }
        parts.join_repeated(1).unwrap();
        let joined: Vec<_> = parts.list.iter().skip(5).map(|part| (&*part.name, &*part.canonical)).collect();
        assert_eq!(joined, [(&b"b"[..], &b"2,4"[..])]);
    }

    #[test]
    fn full_chain_stays_full() {
        let full = (0..Chain::MAX).fold(Chain::EMPTY, |chain, _| then(chain, Layer::Percent));
        assert_eq!(join(full, Chain::of(Layer::Plus)), full);
        assert_eq!(join(Chain::of(Layer::Plus), Chain::of(Layer::Hex)).layers(), [Layer::Plus, Layer::Hex]);
    }
}
