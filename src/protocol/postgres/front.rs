//! What a client asks, message by message (PostgreSQL 15 §55.7).

use super::FORM;
use super::frame::{HEADER, Unit};
use crate::protocol::Malformed;
use nom::bytes::complete::{take, take_till};
use nom::number::complete::be_u8;
use nom::sequence::{pair, terminated};
use nom::{IResult, Parser};

/// One message of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front<'a> {
    /// A text of any number of statements.
    Query(&'a [u8]),
    /// A statement is prepared under a name; empty is the unnamed one.
    Parse {
        /// Its name.
        name: &'a [u8],
        /// Its text.
        text: &'a [u8],
    },
    /// A portal is made of a prepared statement.
    Bind {
        /// The portal.
        portal: &'a [u8],
        /// The statement.
        statement: &'a [u8],
        /// Its values with their formats, as far as they are held: for [`values`].
        values: &'a [u8],
    },
    /// A portal is run.
    Execute(&'a [u8]),
    /// A statement or a portal is described.
    Describe,
    /// A statement is closed.
    CloseStatement(&'a [u8]),
    /// A portal is closed.
    ClosePortal(&'a [u8]),
    /// The end of a pipeline.
    Sync,
    /// The server is to send what it has.
    Flush,
    /// A password, or a step of SASL or GSS.
    Password,
    /// Data of a copy.
    CopyData,
    /// The end of a copy, good or bad.
    CopyEnd,
    /// A function is called by its number.
    FunctionCall(u32),
    /// The client goes.
    Terminate,
}

/// Reads a message, of which `unit.held` bytes stand in `bytes`.
///
/// # Errors
/// [`FORM`].
pub fn read<'a>(unit: &Unit, bytes: &'a [u8]) -> Result<Front<'a>, Malformed> {
    let body = bytes.get(HEADER..unit.held).unwrap_or_default();
    let form = Malformed::new(HEADER, FORM);
    let empty = |front| if body.is_empty() { Ok(front) } else { Err(form) };
    let text = |body| -> IResult<&'a [u8], &'a [u8]> { text(body) };
    match unit.tag {
        b'Q' => match text(body) {
            Ok(([], text)) => Ok(Front::Query(text)),
            _ => Err(form),
        },
        b'P' => match pair(text, text).parse(body) {
            Ok((_, (name, text))) => Ok(Front::Parse { name, text }),
            Err(_) => Err(form),
        },
        b'B' => match pair(text, text).parse(body) {
            Ok((values, (portal, statement))) => Ok(Front::Bind { portal, statement, values }),
            Err(_) => Err(form),
        },
        b'E' => match text(body) {
            Ok(([_, _, _, _], portal)) => Ok(Front::Execute(portal)),
            _ => Err(form),
        },
        b'D' | b'C' => match pair(be_u8, text).parse(body) {
            Ok(([], (b'S' | b'P', _))) if unit.tag == b'D' => Ok(Front::Describe),
            Ok(([], (b'S', name))) => Ok(Front::CloseStatement(name)),
            Ok(([], (b'P', name))) => Ok(Front::ClosePortal(name)),
            _ => Err(form),
        },
        b'S' => empty(Front::Sync),
        b'H' => empty(Front::Flush),
        b'X' => empty(Front::Terminate),
        b'c' => empty(Front::CopyEnd),
        b'f' => Ok(Front::CopyEnd),
        b'd' => Ok(Front::CopyData),
        b'F' => body.first_chunk::<4>().map(|number| Front::FunctionCall(u32::from_be_bytes(*number))).ok_or(form),
        b'p' => Ok(Front::Password),
        _ => Err(form),
    }
}

/// The first values that are bound to a statement, as far as they are held whole; those that are NULL are left out.
pub fn values(held: &[u8]) -> impl Iterator<Item = &[u8]> {
    all_values(held).flatten()
}

/// How many values are bound to a statement; nothing when that is not held.
pub fn count(held: &[u8]) -> Option<usize> {
    let counted = |at: usize| Some(usize::from(u16::from_be_bytes(*held.get(at..)?.first_chunk::<2>()?)));
    counted(2 + 2 * counted(0)?)
}

/// The same values, with nothing for each that is NULL.
pub fn all_values(held: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let counted =
        |bytes: &'_ [u8]| -> Option<usize> { Some(usize::from(u16::from_be_bytes(*bytes.first_chunk::<2>()?))) };
    let formats = counted(held).unwrap_or_default();
    let mut rest = held.get(2 + 2 * formats..).unwrap_or_default();
    let count = counted(rest).unwrap_or_default();
    rest = rest.get(2..).unwrap_or_default();
    let mut next = move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            rest = after;
            return Some(None);
        };
        let (value, after) = after.split_at_checked(length)?;
        rest = after;
        Some(Some(value))
    };
    (0..count).map_while(move |_| next())
}

/// A text and the zero that ends it.
pub(super) fn text(body: &[u8]) -> IResult<&[u8], &[u8]> {
    terminated(take_till(|byte| byte == 0), take(1_usize)).parse(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::postgres::Limits;
    use crate::protocol::postgres::frame::from_client;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag], &length.to_be_bytes()[..], body].concat()
    }

    fn read_all(tag: u8, body: &[u8]) -> Result<String, Malformed> {
        let bytes = message(tag, body);
        let unit = from_client(&bytes, &Limits::default()).unwrap().unwrap();
        read(&unit, &bytes).map(|front| format!("{front:?}"))
    }

    #[test]
    fn messages_are_read() {
        assert_eq!(read_all(b'Q', b"a\0").unwrap(), format!("{:?}", Front::Query(b"a")));
        let parse = Front::Parse { name: b"n", text: b"t" };
        assert_eq!(read_all(b'P', b"n\0t\0\0\0").unwrap(), format!("{parse:?}"));
        let bind = Front::Bind { portal: b"", statement: b"n", values: b"\0\0" };
        assert_eq!(read_all(b'B', b"\0n\0\0\0").unwrap(), format!("{bind:?}"));
        assert_eq!(read_all(b'E', b"p\0\0\0\0\0").unwrap(), format!("{:?}", Front::Execute(b"p")));
        assert_eq!(read_all(b'C', b"Sn\0").unwrap(), format!("{:?}", Front::CloseStatement(b"n")));
        assert_eq!(read_all(b'F', b"\0\0\x03\xbaand more").unwrap(), format!("{:?}", Front::FunctionCall(954)));
    }

    #[test]
    fn values_are_read_as_far_as_they_are_held() {
        let held = b"\0\x01\0\0\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\x01c\0\0";
        assert_eq!(values(held).collect::<Vec<_>>(), [&b"ab"[..], b"c"]);
        assert_eq!(values(&held[..13]).collect::<Vec<_>>(), [b"ab"]);
        assert_eq!(all_values(held).collect::<Vec<_>>(), [Some(&b"ab"[..]), None, Some(b"c")]);
        assert_eq!((count(held), count(&held[..5])), (Some(3), None));
        for at in 0..held.len() {
            assert!(values(&held[..at]).count() <= 2);
        }
        assert_eq!(values(b"\0\x01\0\0\0\x02\x80\0\0\0\x7f\xff\xff\xff").count(), 0);
    }

    #[test]
    fn messages_that_break_their_form_are_refused() {
        for (tag, body) in [
            (b'Q', &b"a"[..]),
            (b'Q', b"a\0b"),
            (b'P', b"n\0t"),
            (b'B', b"p"),
            (b'E', b"p\0\0\0\0"),
            (b'D', b"Xn\0"),
            (b'C', b"Sn"),
            (b'S', b"x"),
            (b'F', b"\0\0\x03"),
        ] {
            assert_eq!(read_all(tag, body), Err(Malformed::new(HEADER, FORM)), "{body:?}");
        }
    }
}
