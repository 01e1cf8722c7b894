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

/// The client's next message, once what must be held of it has come.
///
/// # Errors
/// [`LENGTH`], or [`STATE`] for a type that no client sends.
pub fn from_client(bytes: &[u8], limits: &Limits) -> Result<Option<Unit>, Malformed> {
    unit(bytes, |tag| match tag {
        b'Q' | b'P' => Some(Hold::Whole(limits.statement_bytes)),
        b'B' => Some(Hold::Start(limits.bind_bytes)),
        b'd' => Some(Hold::Start(0)),
        b'F' => Some(Hold::Start(FUNCTION_NUMBER)),
        b'D' | b'E' | b'C' | b'H' | b'S' | b'X' | b'c' | b'f' | b'p' => Some(Hold::Whole(CONTROL_BYTES)),
        _ => None,
    })
}

/// The server's next message, once what must be held of it has come.
///
/// # Errors
/// [`LENGTH`], or [`STATE`] for a type that no server sends.
pub fn from_server(bytes: &[u8]) -> Result<Option<Unit>, Malformed> {
    unit(bytes, |tag| match tag {
        b'D' | b'd' | b'T' | b't' | b'V' | b'A' | b'N' => Some(Hold::Start(0)),
        b'R' | b'S' | b'K' | b'E' | b'Z' | b'1' | b'2' | b'3' | b'I' | b's' | b'C' | b'n' | b'G' | b'H' | b'W'
        | b'c' | b'v' => Some(Hold::Whole(CONTROL_BYTES)),
        _ => None,
    })
}

/// How many rows stand whole at the beginning of what a server sent, and their bytes: so that many small ones are carried
/// as one.
pub fn rows(bytes: &[u8]) -> (u64, usize) {
    let (mut count, mut len) = (0, 0);
    while let Some([b'D', rest @ ..]) = bytes.get(len..) {
        let length = rest.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
        if !(4..=LARGEST).contains(&length) || rest.len() < length {
            break;
        }
        count += 1;
        len += 1 + length;
    }
    (count, len)
}

fn unit(bytes: &[u8], hold: impl Fn(u8) -> Option<Hold>) -> Result<Option<Unit>, Malformed> {
    let Some([tag, length @ ..]) = bytes.first_chunk::<HEADER>().copied() else {
        let known = bytes.first().is_none_or(|tag| hold(*tag).is_some());
        return if known { Ok(None) } else { Err(Malformed::new(0, STATE)) };
    };
    let hold = hold(tag).ok_or(Malformed::new(0, STATE))?;
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
