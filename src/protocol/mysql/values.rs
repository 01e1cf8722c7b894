//! What is bound to a prepared statement (MySQL, "COM_STMT_EXECUTE", "Binary Protocol Value"): a bitmap of what is NULL,
//! types where they are told, then the values. What was sent ahead (COM_STMT_SEND_LONG_DATA) stands in none of them.
//!
//! Tolerates: types told by an earlier execution, values of any length of which only the first bytes are held. Rejects:
//! values longer than their packet, times of other lengths than there are, types that there are not, or that servers
//! read differently, anything behind the last value.

use super::packet::length_encoded;
use super::{FORM, TOO_MANY};
use crate::flow::Reason;
use std::borrow::Cow;

/// Bytes that are kept of a value that is sent ahead.
pub const AHEAD_BYTES: usize = 512;

/// The type told of a value: its number, and its flags.
type Type = [u8; 2];
/// The flag of an integer without a sign.
const UNSIGNED: u8 = 0x80;

/// What is remembered of the values of a prepared statement between its executions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    count: u16,
    /// As they were told last, two bytes for each value; empty before that.
    types: Box<[u8]>,
    /// What was sent ahead of which value, by its number: the first bytes.
    ahead: Vec<(u16, Vec<u8>)>,
}

/// What an execution brings, as far as it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// Its first bytes, or all.
    pub held: &'a [u8],
    /// How many there are, if one packet has all of them.
    pub len: Option<usize>,
}

/// The values of one execution.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    nulls: &'a [u8],
    types: &'a [u8],
    ahead: &'a [(u16, Vec<u8>)],
    values: Binding<'a>,
    count: u16,
}

impl Values {
    /// Of a statement with so many.
    pub fn new(count: u16) -> Self {
        Self { count, ..Self::default() }
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        let ahead = self.ahead.iter().map(|(_, kept)| size_of::<(u16, Vec<u8>)>() + kept.len());
        self.types.len() + ahead.sum::<usize>()
    }

    /// A piece of a value is sent ahead; at most `most` bytes are held of all.
    ///
    /// # Errors
    /// [`FORM`] for a number that no value has; [`TOO_MANY`].
    pub fn send_ahead(&mut self, number: u16, piece: &[u8], most: usize) -> Result<(), Reason> {
        if number >= self.count {
            return Err(FORM);
        }
        let at = self.ahead.iter().position(|(known, _)| *known == number).unwrap_or_else(|| {
            self.ahead.push((number, Vec::new()));
            self.ahead.len() - 1
        });
        if let Some((_, kept)) = self.ahead.get_mut(at) {
            let room = AHEAD_BYTES - kept.len();
            kept.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
        }
        if self.bytes() > most { Err(TOO_MANY) } else { Ok(()) }
    }

    /// What was sent ahead is forgotten.
    pub fn forget_ahead(&mut self) {
        self.ahead.clear();
    }

    /// Reads what an execution brings, and remembers its types; they may take `most` bytes.
    ///
    /// # Errors
    /// [`FORM`]; [`TOO_MANY`].
    pub fn bind<'a>(&'a mut self, binding: Binding<'a>, most: usize) -> Result<Bound<'a>, Reason> {
        let count = usize::from(self.count);
        if count == 0 {
            return if binding.len == Some(0) { Ok(Bound::none()) } else { Err(FORM) };
        }
        let (nulls, rest) = binding.take(count.div_ceil(8)).ok_or(FORM)?;
        let (told, mut rest) = rest.take(1).ok_or(FORM)?;
        match told {
            [0] => {}
            [1] => {
                let (types, values) = rest.take(2 * count).ok_or(FORM)?;
                if *self.types != *types {
                    self.types = types.into();
                }
                rest = values;
            }
            _ => return Err(FORM),
        }
        if self.bytes() > most {
            return Err(TOO_MANY);
        }
        let bound = Bound { nulls, types: &self.types, ahead: &self.ahead, values: rest, count: self.count };
        let mut walk = bound.walk();
        walk.try_for_each(|value| value.map(drop))?;
        if walk.is_ended() { Ok(bound) } else { Err(FORM) }
    }
}

impl<'a> Binding<'a> {
    /// The next bytes, and what is behind them.
    fn take(self, count: usize) -> Option<(&'a [u8], Self)> {
        let (taken, held) = self.held.split_at_checked(count)?;
        let len = self.len.map(|len| len.checked_sub(count));
        Some((taken, Self { held, len: len.map_or(Some(None), |len| len.map(Some))? }))
    }

    /// Whether so many more bytes may stand here, held or not.
    fn has_room(self, count: usize) -> bool {
        self.len.is_none_or(|len| count <= len)
    }
}

impl<'a> Bound<'a> {
    fn none() -> Self {
        Self { nulls: &[], types: &[], ahead: &[], values: Binding { held: &[], len: Some(0) }, count: 0 }
    }

    /// The values that are held whole, and the beginnings of those that were sent ahead, as they would be written in a text;
    /// those that are NULL are left out.
    pub fn texts(&self) -> impl Iterator<Item = Cow<'a, [u8]>> {
        self.walk().map_while(Result::ok).flatten()
    }

    /// Whether all of them are held whole.
    pub fn is_held(&self) -> bool {
        let whole = self.ahead.iter().all(|(_, kept)| kept.len() < AHEAD_BYTES);
        let mut walk = self.walk();
        whole && walk.by_ref().all(|value| value.is_ok()) && walk.rest.is_some()
    }

    fn walk(&self) -> Walk<'a> {
        Walk { bound: *self, number: 0, rest: Some(self.values) }
    }
}

/// Goes from value to value, as far as they are held.
struct Walk<'a> {
    bound: Bound<'a>,
    number: u16,
    /// What is behind the last value; nothing once a value is not held whole.
    rest: Option<Binding<'a>>,
}

/// How far a value reaches.
enum Reach<'a> {
    /// Its bytes, and what is behind it.
    Whole(&'a [u8], Binding<'a>),
    /// It goes on beyond what is held.
    Beyond,
}

impl<'a> Walk<'a> {
    /// Whether nothing stands behind the last value, as far as can be seen.
    fn is_ended(&self) -> bool {
        self.rest.is_none_or(|rest| rest.held.is_empty() && rest.len.is_none_or(|len| len == 0))
    }

    fn value(&mut self, rest: Binding<'a>, number: u16) -> Result<Option<Cow<'a, [u8]>>, Reason> {
        if let Some((_, kept)) = self.bound.ahead.iter().find(|(known, _)| *known == number) {
            return Ok(Some(Cow::Borrowed(kept)));
        }
        let at = usize::from(number);
        if self.bound.nulls.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1) {
            return Ok(None);
        }
        let told = self.bound.types.get(2 * at..).and_then(<[u8]>::first_chunk::<2>).ok_or(FORM)?;
        match reach(*told, rest)? {
            Reach::Whole(value, rest) => {
                self.rest = Some(rest);
                written(*told, value)
            }
            Reach::Beyond => {
                self.rest = None;
                Ok(None)
            }
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Option<Cow<'a, [u8]>>, Reason>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.filter(|_| self.number < self.bound.count)?;
        let value = self.value(rest, self.number);
        self.number += 1;
        Some(value)
    }
}

/// The bytes of a value, behind the length that may stand before them.
fn reach<'a>([kind, _]: Type, rest: Binding<'a>) -> Result<Reach<'a>, Reason> {
    let (length, width) = match kind {
        // NULL; TINY; SHORT; LONG, FLOAT; DOUBLE, LONGLONG. INT24 and YEAR are documented as LONG and SHORT; MySQL reads them as strings,
        // and MariaDB takes no byte of them, nor of BIT and GEOMETRY, and reads the next value where they stand.
        6 => (0, 0),
        1 => (0, 1),
        2 => (0, 2),
        3 | 4 => (0, 4),
        5 | 8 => (0, 8),
        // TIMESTAMP, DATE, TIME, DATETIME; DECIMAL, VARCHAR; VECTOR, JSON, NEWDECIMAL, ENUM, SET, blobs, strings.
        7 | 10..=12 => match rest.held.first() {
            Some(width) => (1, usize::from(*width)),
            None => return beyond(rest, 1),
        },
        0 | 15 | 242 | 245..=254 => match length_encoded(rest.held) {
            Some((width, after)) => (rest.held.len() - after.len(), usize::try_from(width).map_err(|_| FORM)?),
            None if matches!(rest.held.first(), Some(0xfb | 0xff)) => return Err(FORM),
            // The length itself goes on.
            None => return beyond(rest, rest.held.len() + 1),
        },
        _ => return Err(FORM),
    };
    let Some((_, values)) = rest.take(length) else { return Err(FORM) };
    match values.take(width) {
        Some((value, rest)) => Ok(Reach::Whole(value, rest)),
        None => beyond(values, width),
    }
}

/// What is not held may yet come.
fn beyond(rest: Binding<'_>, wanted: usize) -> Result<Reach<'_>, Reason> {
    if rest.has_room(wanted) { Ok(Reach::Beyond) } else { Err(FORM) }
}

/// A value as it would be written in a text, without quotes.
fn written([kind, flags]: Type, value: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Reason> {
    let text = match (kind, value) {
        (6, _) => return Ok(None),
        (1 | 2 | 3 | 8, digits) => integer(digits, flags & UNSIGNED != 0),
        (4, digits) => f32::from_le_bytes(*digits.first_chunk().ok_or(FORM)?).to_string(),
        (5, digits) => f64::from_le_bytes(*digits.first_chunk().ok_or(FORM)?).to_string(),
        (11, time) => clock(time).ok_or(FORM)?,
        (7 | 10 | 12, date) => calendar(date).ok_or(FORM)?,
        _ => return Ok(Some(Cow::Borrowed(value))),
    };
    Ok(Some(Cow::Owned(text.into_bytes())))
}

fn integer(digits: &[u8], unsigned: bool) -> String {
    let negative = !unsigned && digits.last().is_some_and(|last| last & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide.iter_mut().zip(digits).for_each(|(place, digit)| *place = *digit);
    if unsigned { u64::from_le_bytes(wide).to_string() } else { i64::from_le_bytes(wide).to_string() }
}

/// `2026-01-31 23:59:59.000001`
fn calendar(bytes: &[u8]) -> Option<String> {
    let [year_0, year_1, month, day, rest @ ..] = bytes else {
        return bytes.is_empty().then(|| "0000-00-00".to_owned());
    };
    let date = format!("{:04}-{month:02}-{day:02}", u16::from_le_bytes([*year_0, *year_1]));
    match rest {
        [] => Some(date),
        [hour, minute, second, rest @ ..] => Some(format!("{date} {hour:02}:{minute:02}:{second:02}{}", parts(rest)?)),
        _ => None,
    }
}

/// `-26:59:59.000001`: days are hours.
fn clock(bytes: &[u8]) -> Option<String> {
    let [negative, a, b, c, d, hour, minute, second, rest @ ..] = bytes else {
        return bytes.is_empty().then(|| "00:00:00".to_owned());
    };
    let sign = if *negative == 0 { "" } else { "-" };
    let hours = u64::from(u32::from_le_bytes([*a, *b, *c, *d])) * 24 + u64::from(*hour);
    Some(format!("{sign}{hours:02}:{minute:02}:{second:02}{}", parts(rest)?))
}

/// Microseconds, if there are any.
fn parts(bytes: &[u8]) -> Option<String> {
    match *bytes {
        [] | [0, 0, 0, 0] => Some(String::new()),
        [a, b, c, d] => Some(format!(".{:06}", u32::from_le_bytes([a, b, c, d]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1 << 20;

    fn whole(held: &[u8]) -> Binding<'_> {
        Binding { held, len: Some(held.len()) }
    }

    fn told(types: &[u8], values: &[u8]) -> Vec<u8> {
        let nulls = vec![0; types.len().div_ceil(8)];
        let types: Vec<u8> = types.iter().flat_map(|kind| [*kind, 0]).collect();
        [&nulls[..], &[1], &types, values].concat()
    }

    fn texts(values: &mut Values, binding: Binding<'_>) -> Result<Vec<String>, Reason> {
        let bound = values.bind(binding, MOST)?;
        Ok(bound.texts().map(|text| String::from_utf8_lossy(&text).into_owned()).collect())
    }

    #[test]
    fn values_of_every_type_are_read() {
        for (kind, value, text) in [
            (1, &b"\xff"[..], "-1"),
            (2, b"\x39\x30", "12345"),
            (3, b"\xfe\xff\xff\xff", "-2"),
            (8, b"\x01\0\0\0\0\0\0\x80", "-9223372036854775807"),
            (4, b"\0\0\xc0\x3f", "1.5"),
            (5, b"\0\0\0\0\0\0\xf8\xbf", "-1.5"),
            (10, b"\x04\xea\x07\x01\x1f", "2026-01-31"),
            (12, b"\x07\xea\x07\x01\x1f\x17\x3b\x3b", "2026-01-31 23:59:59"),
            (7, b"\x0b\xea\x07\x01\x1f\x17\x3b\x3b\x01\0\0\0", "2026-01-31 23:59:59.000001"),
            (12, b"\x0b\xea\x07\x01\x1f\x17\x3b\x3b\0\0\0\0", "2026-01-31 23:59:59"),
            (12, b"\0", "0000-00-00"),
            (11, b"\0", "00:00:00"),
            (11, b"\x08\x01\x01\0\0\0\x02\x03\x04", "-26:03:04"),
            (11, b"\x0c\0\0\0\0\0\x02\x03\x04\x40\xe2\x01\0", "02:03:04.123456"),
            (0, b"\x041.50", "1.50"),
            (246, b"\x0212", "12"),
            (245, b"\x02{}", "{}"),
            (252, b"\xfc\x03\0abc", "abc"),
            (254, b"\0", ""),
        ] {
            let read = texts(&mut Values::new(1), whole(&told(&[kind], value)));
            assert_eq!(read, Ok(vec![text.to_owned()]), "{kind}");
        }
        let unsigned = [0, 1, 1, UNSIGNED, 0xff];
        assert_eq!(texts(&mut Values::new(1), whole(&unsigned)), Ok(vec!["255".to_owned()]));
    }

    #[test]
    fn types_are_those_told_last() {
        let mut values = Values::new(2);
        assert_eq!(texts(&mut values, whole(&[0, 0, 1, 1])), Err(FORM));
        assert_eq!(texts(&mut values, whole(&[3, 0])), Ok(vec![]));
        assert_eq!(texts(&mut values, whole(&told(&[1, 253], b"\x07\x01a"))), Ok(vec!["7".into(), "a".into()]));
        assert_eq!(texts(&mut values, whole(b"\0\0\x08\x01b")), Ok(vec!["8".into(), "b".into()]));
        assert_eq!(texts(&mut values, whole(b"\x02\0\x09")), Ok(vec!["9".into()]));
    }

    #[test]
    fn what_was_sent_ahead_stands_in_no_execution() {
        let mut values = Values::new(2);
        values.send_ahead(0, b"long ", MOST).unwrap();
        values.send_ahead(0, b"data", MOST).unwrap();
        assert_eq!(values.send_ahead(2, b"", MOST), Err(FORM));
        let told = told(&[252, 1], b"\x07");
        assert_eq!(texts(&mut values, whole(&told)), Ok(vec!["long data".into(), "7".into()]));
        assert!(values.bind(whole(&told), MOST).unwrap().is_held());
        values.forget_ahead();
        assert_eq!(texts(&mut values, whole(&told)), Err(FORM));
        values.send_ahead(0, &[b'x'; AHEAD_BYTES + 1], MOST).unwrap();
        assert_eq!(values.ahead[0].1.len(), AHEAD_BYTES);
        assert!(!values.bind(whole(&told), MOST).unwrap().is_held());
        assert_eq!(values.send_ahead(1, b"x", values.bytes()), Err(TOO_MANY));
        assert_eq!(Values::new(1).bind(whole(&told), 3).map(drop), Err(FORM));
        assert_eq!(Values::new(2).bind(whole(&told), 3).map(drop), Err(TOO_MANY));
    }

    #[test]
    fn what_breaks_its_form_is_refused() {
        let none = Binding { held: b"", len: Some(0) };
        assert_eq!(texts(&mut Values::new(0), none), Ok(vec![]));
        assert_eq!(texts(&mut Values::new(0), whole(b"x")), Err(FORM));
        for (kind, value) in [
            (1, &b""[..]),
            (1, b"12"),
            (5, b"1234567"),
            (252, b"\x02a"),
            (252, b"\xfb"),
            (252, b"\xff"),
            (252, b"\xfc\x01"),
            (254, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"),
            (12, b"\x03\xea\x07\x01"),
            (12, b"\x05\xea\x07\x01\x01\x01"),
            (11, b"\x04\0\0\0\0"),
            (11, b"\x09\0\0\0\0\0\x02\x03\x04\0"),
            (9, b"\x07\0\0\0"),
            (13, b"\xea\x07"),
            (14, b"\x01x"),
            (16, b"\x01x"),
            (255, b"\x01x"),
            (200, b"\x01x"),
        ] {
            assert_eq!(texts(&mut Values::new(1), whole(&told(&[kind], value))), Err(FORM), "{kind} {value:?}");
        }
        assert_eq!(texts(&mut Values::new(1), whole(b"\0\x02\x01\0\x07")), Err(FORM));
    }

    #[test]
    fn long_values_are_read_as_far_as_they_are_held() {
        let held = told(&[253, 252], b"\x02ab\xfd\0\0\x10xyz");
        let rest = |beyond| Binding { held: &held, len: Some(held.len() + beyond) };
        assert_eq!(texts(&mut Values::new(2), rest((1 << 20) - 3)), Ok(vec!["ab".into()]));
        assert_eq!(texts(&mut Values::new(2), rest((1 << 20) - 4)), Err(FORM));
        assert_eq!(texts(&mut Values::new(2), Binding { held: &held, len: None }), Ok(vec!["ab".into()]));
    }

    fn kinds() -> impl proptest::strategy::Strategy<Value = Vec<(u8, Vec<u8>)>> {
        use proptest::prelude::*;
        let fixed = prop_oneof![Just((1, 1)), Just((2, 2)), Just((3, 4)), Just((5, 8)), Just((8, 8))];
        let fixed = fixed.prop_flat_map(|(kind, width)| (Just(kind), proptest::collection::vec(any::<u8>(), width)));
        let text = proptest::collection::vec(any::<u8>(), 0..200).prop_map(|text| {
            let length = u8::try_from(text.len()).unwrap();
            (253, [&[length][..], &text].concat())
        });
        proptest::collection::vec(prop_oneof![fixed, text], 1..20)
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            count in 0_u16..40,
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            more in 0_usize..9,
        ) {
            let _ = texts(&mut Values::new(count), whole(&bytes));
            let _ = texts(&mut Values::new(count), Binding { held: &bytes, len: Some(bytes.len() + more) });
            let _ = texts(&mut Values::new(count), Binding { held: &bytes, len: None });
        }

        /// What is held of an execution, wherever it is cut, is a beginning of it; as a packet of its own it is refused.
        #[test]
        fn any_truncation_is_told(kinds in kinds(), cut in proptest::prelude::any::<proptest::sample::Index>()) {
            let types: Vec<u8> = kinds.iter().map(|(kind, _)| *kind).collect();
            let all: Vec<u8> = kinds.iter().flat_map(|(_, value)| value.clone()).collect();
            let bytes = told(&types, &all);
            let count = u16::try_from(types.len()).unwrap();
            let read = texts(&mut Values::new(count), whole(&bytes)).unwrap();
            proptest::prop_assert_eq!(read.len(), types.len());
            let (held, cut) = (bytes.len() - all.len(), cut.index(bytes.len()));
            let part = bytes.get(..cut).unwrap_or_default();
            proptest::prop_assert_eq!(texts(&mut Values::new(count), whole(part)), Err(FORM));
            let split = texts(&mut Values::new(count), Binding { held: part, len: Some(bytes.len()) });
            match split {
                Ok(beginning) => proptest::prop_assert!(read.starts_with(&beginning) && cut >= held),
                Err(_) => proptest::prop_assert!(cut < held),
            }
        }
    }
}
