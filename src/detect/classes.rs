//! Which bytes occur in a part: the first and cheapest question of the funnel. One bit for each ASCII punctuation mark,
//! and one each for letters, digits, spaces, line ends, NUL, other controls and what is not ASCII.

/// A set of byte classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Classes(u64);

const LETTER: u8 = 32;
const DIGIT: u8 = 33;
const SPACE: u8 = 34;
const CR: u8 = 35;
const LF: u8 = 36;
const NUL: u8 = 37;
const CONTROL: u8 = 38;
const HIGH: u8 = 39;
/// Comes with [`LETTER`], for letters that are no hex digits. No set asks for it.
const NO_DIGIT: u8 = 40;

/// The class bit of each byte.
static BITS: [u64; 256] = bits();

impl Classes {
    /// No byte at all.
    pub const EMPTY: Self = Self(0);
    /// What can not mean anything but itself to any language: letters and digits.
    pub const PLAIN: Self = Self::of("a0");

    /// How many classes there are.
    pub const COUNT: usize = 40;

    /// One byte of each class but [`NO_DIGIT`], the commonest in ordinary traffic first.
    const BY_RARITY: &str = "a0 -_/.,:\"=&;()?%+{}[]'@#*<>|\n!$\r\\`~^\u{80}\0\x01";

    /// The classes of the bytes of `text`; for constants.
    pub const fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut set = 0;
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            set |= 1 << class(*first);
            rest = tail;
        }
        Self(set)
    }

    /// The classes of the bytes that occur.
    pub fn in_bytes(bytes: &[u8]) -> Self {
        let bit = |byte: u8| BITS.get(usize::from(byte)).copied().unwrap_or_default();
        let four = |[a, b, c, d]: [u8; 4]| (bit(a) | bit(b)) | (bit(c) | bit(d));
        let eight = |[a, b, c, d, e, f, g, h]: [u8; 8]| four([a, b, c, d]) | four([e, f, g, h]);
        // The last ones overlap with those before them: a class counts once, and where a text ends cannot be foretold.
        match (bytes.split_first_chunk(), bytes.last_chunk()) {
            (Some((first, rest)), Some(last)) => {
                Self(rest.as_chunks().0.iter().fold(eight(*first) | eight(*last), |set, chunk| set | eight(*chunk)))
            }
            _ => match (bytes.first_chunk(), bytes.last_chunk()) {
                (Some(first), Some(last)) => Self(four(*first) | four(*last)),
                _ => Self(bytes.iter().fold(0, |set, byte| set | bit(*byte))),
            },
        }
    }

    /// Whether every class of `other` occurs.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any class of `other` occurs.
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing but the classes of `other` occurs.
    pub const fn only(self, other: Self) -> bool {
        self.0 & !(other.0 | 1 << NO_DIGIT) == 0
    }

    /// Whether nothing but hex digits and dashes occurs, as in most identifiers.
    pub const fn only_hex(self) -> bool {
        self.0 & !Self::of("a0-").0 == 0
    }

    /// The one class of these that is rarest in ordinary traffic; none of none.
    #[must_use]
    pub fn rarest(self) -> Self {
        let marks = Self::BY_RARITY.chars().rev().map(|mark| Self::of(mark.encode_utf8(&mut [0; 2])));
        marks.into_iter().find(|mark| self.any(*mark)).unwrap_or(Self::EMPTY)
    }

    /// The numbers of these classes.
    pub fn numbers(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let number = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (number < u64::BITS as usize).then_some(number)
        })
    }

    /// The classes of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Either's classes.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

const fn class(byte: u8) -> u8 {
    match byte {
        b'!'..=b'/' => byte - b'!',
        b':'..=b'@' => byte - b':' + 15,
        b'['..=b'`' => byte - b'[' + 22,
        b'{'..=b'~' => byte - b'{' + 28,
        b'a'..=b'z' | b'A'..=b'Z' => LETTER,
        b'0'..=b'9' => DIGIT,
        b' ' | b'\t' => SPACE,
        b'\r' => CR,
        b'\n' => LF,
        0 => NUL,
        1..=31 | 127 => CONTROL,
        128.. => HIGH,
    }
}

const fn bits() -> [u64; 256] {
    let mut table = [0; 256];
    let mut rest: &mut [u64] = &mut table;
    let mut byte: u8 = 0;
    while let [first, tail @ ..] = rest {
        *first = 1 << class(byte);
        if byte.is_ascii_alphabetic() && !byte.is_ascii_hexdigit() {
            *first |= 1 << NO_DIGIT;
        }
        byte = byte.wrapping_add(1);
        rest = tail;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_its_own_class() {
        let marks: Vec<u8> = (33..=126).filter(|b: &u8| b.is_ascii_punctuation()).collect();
        assert_eq!(marks.len(), 32);
        let together = marks.iter().fold(0_u64, |set, mark| set | (1 << class(*mark)));
        assert_eq!(together, u64::from(u32::MAX));
    }

    #[test]
    fn no_byte_is_overlooked() {
        for length in 0..40 {
            for at in 0..length {
                let mut text = vec![b'a'; length];
                text[at] = b'\'';
                assert!(Classes::in_bytes(&text).has(Classes::of("'")), "{at} of {length}");
            }
        }
    }

    #[test]
    fn every_class_has_its_rarity() {
        let each = || Classes::BY_RARITY.chars().map(|c| Classes::of(&c.to_string()));
        let all = each().fold(Classes::EMPTY, Classes::or);
        assert!(all.numbers().eq(0..Classes::COUNT) && each().count() == Classes::COUNT);
        assert_eq!(Classes::of("a='").rarest(), Classes::of("'"));
        assert_eq!(Classes::of("a='").numbers().count(), 3);
    }

    #[test]
    fn classes_of_a_value() {
        let found = Classes::in_bytes(b"a' or 1=1");
        assert!(found.has(Classes::of("'=")) && !found.any(Classes::of("\"")));
        assert!(Classes::in_bytes(b"order17").only(Classes::PLAIN));
        assert!(Classes::in_bytes(b"7c9e-F1").only_hex() && !Classes::in_bytes(b"7c9g").only_hex());
        assert!(!Classes::in_bytes("\u{e9}".as_bytes()).only(Classes::PLAIN));
    }
}
