//! Messages to bytes. Owner names are compressed (RFC 1035 §4.1.4), names in data are not: who reads them may not know
//! their type.

use super::name::Name;
use super::record::Record;
use super::{Class, Type};

/// Names that later ones may point to. An answer rarely has more owners; a hostile one is written without them.
const MAX_TARGETS: usize = 32;
/// Pointers have fourteen bits.
const MAX_OFFSET: usize = 0x3FFF;
/// Where the question's name stands.
const QUESTION: usize = 12;

/// Writes the question section.
pub(super) fn question(out: &mut Vec<u8>, name: &Name, of: Type) {
    out.extend_from_slice(name.wire());
    out.extend_from_slice(&of.0.to_be_bytes());
    out.extend_from_slice(&Class::IN.0.to_be_bytes());
}

/// Writes a length. Everything that was read fits; what we add is short.
pub(super) fn length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
}

/// Writes records, after the question.
pub(super) struct Writer<'o, 'n> {
    out: &'o mut Vec<u8>,
    /// Where in `out` the message begins.
    start: usize,
    /// The ends of names written so far, longest first of each, with their offsets.
    targets: Vec<(&'n [u8], u16)>,
}

impl<'o, 'n> Writer<'o, 'n> {
    /// The question, about `asked`, has just been written.
    pub(super) fn new(out: &'o mut Vec<u8>, start: usize, asked: &'n Name) -> Self {
        let mut writer = Self { out, start, targets: Vec::with_capacity(MAX_TARGETS) };
        writer.remember(asked.wire(), QUESTION);
        writer
    }

    /// Writes a record; `age` seconds are taken off its TTL.
    pub(super) fn record(&mut self, record: &'n Record, age: u32) {
        self.name(record.owner.wire());
        for word in [record.of.0, record.class.0] {
            self.out.extend_from_slice(&word.to_be_bytes());
        }
        self.out.extend_from_slice(&record.ttl.saturating_sub(age).to_be_bytes());
        let at = self.out.len();
        self.out.extend_from_slice(&[0, 0]);
        record.data.emit(self.out);
        let written = u16::try_from(self.out.len() - at - 2).unwrap_or(u16::MAX);
        if let Some(place) = self.out.get_mut(at..at + 2) {
            place.copy_from_slice(&written.to_be_bytes());
        }
    }

    /// Writes a name: its first labels, then a pointer to where the others stand already.
    fn name(&mut self, wire: &'n [u8]) {
        let here = self.out.len() - self.start;
        for (at, end) in ends(wire) {
            if let Some((_, target)) = self.targets.iter().find(|(known, _)| known.eq_ignore_ascii_case(end)) {
                self.out.extend_from_slice(wire.get(..at).unwrap_or_default());
                self.out.extend_from_slice(&(target | 0xC000).to_be_bytes());
                self.remember(wire.get(..).unwrap_or_default(), here);
                return;
            }
        }
        self.out.extend_from_slice(wire);
        self.remember(wire, here);
    }

    /// Remembers the name written at `offset` and its ends, those that are known apart.
    fn remember(&mut self, wire: &'n [u8], offset: usize) {
        for (at, end) in ends(wire) {
            let known = self.targets.iter().any(|(known, _)| known.eq_ignore_ascii_case(end));
            let (true, Ok(target)) = (offset + at <= MAX_OFFSET, u16::try_from(offset + at)) else { return };
            if known || self.targets.len() == MAX_TARGETS {
                return;
            }
            self.targets.push((end, target));
        }
    }
}

/// Every end of a name that begins with a label, the longest first, with its offset; not the root.
fn ends(wire: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let here = at;
        let length = usize::from(*wire.get(here)?);
        at += 1 + length;
        (length > 0).then(|| wire.get(here..).map(|end| (here, end))).flatten()
    })
}
