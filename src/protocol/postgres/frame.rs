//! Messages by their type byte and length (PostgreSQL 15 §55.7): which of them must be whole before they are looked at,
//! and how long they may be. Lengths are checked before anything is kept.

use super::{LENGTH, Limits, STATE};
use crate::protocol::Malformed;

/// The type byte and the length.
pub const HEADER: usize = 5;
/// Bytes of a control message: names, errors, notices, passwords.
pub const CONTROL_BYTES: usize = 64 << 10;
/// Bytes of a bind message that hold its two names: each is a name of the server's, a terminating zero with it. Drivers'
/// names may be longer than the server's own.
pub const BIND_NAMES: usize = 2 * 256;
/// Bytes of a call of a function that say which.
const FUNCTION_NUMBER: usize = 4;
/// The largest message there can be: the server's own limit (`MaxAllocSize`).
const LARGEST: usize = 0x3fff_ffff;

/// A message whose beginning has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its type.
    pub tag: u8,
    /// Its bytes, type and length included.
    pub len: usize,
    /// How many of them must be there before it is looked at. `HEADER <= held <= len`.
    pub held: usize,
}

/// How much of a message is held.
enum Hold {
    /// All, up to so many bytes.
    Whole(usize),
    /// The first bytes; the rest is carried as it comes.
    Start(usize),
}

/// What is known of a message by its type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nobody sends it.
    Unknown,
    /// Whole, up to [`CONTROL_BYTES`].
    Control,
    /// A statement.
    Text,
    /// A statement's values.
    Values,
    /// A call of a function.
    Call,
    /// Carried as it comes.
    Carried,
}

/// The classes of types: looked up, since messages of all types come in turn, and a jump by type would be guessed wrong.
const fn classes(of: &[(Class, &[u8])]) -> [Class; 256] {
    let mut classes = [Class::Unknown; 256];
    let mut class = 0;
    #[allow(clippy::indexing_slicing)] // held by the loops' conditions
    while class < of.len() {
        let mut tag = 0;
        while tag < of[class].1.len() {
            classes[of[class].1[tag] as usize] = of[class].0;
            tag += 1;
        }
        class += 1;
    }
    classes
}

const CLIENT: [Class; 256] = classes(&[
    (Class::Text, b"QP"),
    (Class::Values, b"B"),
    (Class::Carried, b"d"),
    (Class::Call, b"F"),
    (Class::Control, b"DECHSXcfp"),
]);

const SERVER: [Class; 256] = classes(&[(Class::Carried, b"DdTtVAN"), (Class::Control, b"RSKEZ123IsCnGHWcv")]);

/// The client's next message, once what must be held of it has come.
///
/// # Errors
/// [`LENGTH`], or [`STATE`] for a type that no client sends.
pub fn from_client(bytes: &[u8], limits: &Limits) -> Result<Option<Unit>, Malformed> {
    unit(bytes, &CLIENT, |class| match class {
        Class::Control => Hold::Whole(CONTROL_BYTES),
        Class::Values => Hold::Start(limits.bind_bytes),
        Class::Text => Hold::Whole(limits.statement_bytes),
        Class::Call => Hold::Start(FUNCTION_NUMBER),
        Class::Unknown | Class::Carried => Hold::Start(0),
    })
}

/// The server's next message, once what must be held of it has come.
///
/// # Errors
/// [`LENGTH`], or [`STATE`] for a type that no server sends.
pub fn from_server(bytes: &[u8]) -> Result<Option<Unit>, Malformed> {
    unit(bytes, &SERVER, |class| if class == Class::Control { Hold::Whole(CONTROL_BYTES) } else { Hold::Start(0) })
}

/// How many rows stand whole at the beginning of what a server sent, and their bytes: so that many small ones are carried
/// as one.
pub fn rows(bytes: &[u8]) -> (u64, usize) {
    let (mut count, mut len) = (0, 0);
    while let Some(rest @ [b'D', ..]) = bytes.get(len..)
        && let Some(row) = length(rest)
        && row <= rest.len()
    {
        count += 1;
        len += row;
    }
    (count, len)
}

/// Bytes of the message that these begin with, if it can be one.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let [_, length @ ..] = *bytes.first_chunk::<HEADER>()?;
    let length = u32::from_be_bytes(length) as usize;
    (4..=LARGEST).contains(&length).then_some(1 + length)
}

fn unit(bytes: &[u8], classes: &[Class; 256], hold: impl Fn(Class) -> Hold) -> Result<Option<Unit>, Malformed> {
    let Some(tag) = bytes.first().copied() else { return Ok(None) };
    let class = classes.get(usize::from(tag)).copied().unwrap_or(Class::Unknown);
    if class == Class::Unknown {
        return Err(Malformed::new(0, STATE));
    }
    let Some([_, length @ ..]) = bytes.first_chunk::<HEADER>().copied() else { return Ok(None) };
    let hold = hold(class);
    let len = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_add(1);
    let most = match hold {
        Hold::Whole(most) => most.saturating_add(HEADER),
        Hold::Start(_) => LARGEST,
    };
    if len < HEADER || len > most {
        return Err(Malformed::new(1, LENGTH));
    }
    let held = match hold {
        Hold::Whole(_) => len,
        Hold::Start(most) => len.min(HEADER + most),
    };
    Ok((bytes.len() >= held).then_some(Unit { tag, len, held }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag], &length.to_be_bytes()[..], body].concat()
    }

    #[test]
    fn statement_is_held_whole_up_to_its_limit() {
        let limits = Limits { statement_bytes: 10, ..Limits::default() };
        let whole = message(b'Q', b"SELECT 12\0");
        assert_eq!(from_client(&whole, &limits), Ok(Some(Unit { tag: b'Q', len: 15, held: 15 })));
        assert_eq!(from_client(&whole[..14], &limits), Ok(None));
        assert_eq!(from_client(&message(b'Q', b"SELECT 123\0"), &limits), Err(Malformed::new(1, LENGTH)));
        assert_eq!(from_client(&[b'Q', 0xff, 0xff, 0xff, 0xff], &limits), Err(Malformed::new(1, LENGTH)));
        assert_eq!(from_client(&[b'Q', 0, 0, 0, 3], &limits), Err(Malformed::new(1, LENGTH)));
    }

    #[test]
    fn values_are_carried_as_they_come() {
        let limits = Limits::default();
        let bind = message(b'B', &vec![0; BIND_NAMES + 1]);
        let unit = Unit { tag: b'B', len: bind.len(), held: HEADER + BIND_NAMES };
        assert_eq!(from_client(&bind[..unit.held], &limits), Ok(Some(unit)));
        assert_eq!(from_server(&[b'D', 0, 1, 0, 0]), Ok(Some(Unit { tag: b'D', len: 0x1_0001, held: HEADER })));
    }

    #[test]
    fn whole_rows_are_counted() {
        let bytes = [message(b'D', b"ab"), message(b'D', b""), message(b'C', b"x"), message(b'D', b"")].concat();
        assert_eq!(rows(&bytes), (2, 12));
        assert_eq!(rows(&bytes[..11]), (1, 7));
        assert_eq!(rows(&[b'D', 0, 0, 0, 3, 0]), (0, 0));
        assert_eq!(rows(b"C"), (0, 0));
    }

    #[test]
    fn unknown_type_is_refused_at_its_first_byte() {
        assert_eq!(from_client(b"z", &Limits::default()), Err(Malformed::new(0, STATE)));
        assert_eq!(from_client(b"GET / HTTP/1.1", &Limits::default()), Err(Malformed::new(0, STATE)));
        assert_eq!(from_server(b"Q"), Err(Malformed::new(0, STATE)));
        assert_eq!(from_client(b"", &Limits::default()), Ok(None));
    }
}
