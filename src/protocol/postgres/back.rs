//! What a server answers, as far as the session must know (PostgreSQL 15 §55.7).

use super::FORM;
use super::frame::{HEADER, Unit};
use super::front::text;
use crate::protocol::Malformed;
use nom::Parser;
use nom::number::complete::be_u32;
use nom::sequence::pair;

/// One message of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back<'a> {
    /// Authentication is over.
    Authenticated,
    /// The client must answer: a password, a step of SASL or GSS.
    Challenge,
    /// Authentication goes on without the client.
    AuthenticationStep,
    /// A setting that the server reports.
    Parameter {
        /// Its name.
        name: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// What cancels this session's statements: at least eight bytes.
    Key(&'a [u8]),
    /// The server waits for the client.
    Ready {
        /// A transaction is open, or has failed and must be ended.
        in_transaction: bool,
    },
    /// Something failed; whether the session ends with it, and the error's code.
    Error {
        /// FATAL or PANIC.
        fatal: bool,
        /// `42601`
        code: [u8; 5],
    },
    /// A statement is prepared.
    ParseComplete,
    /// A portal is made.
    BindComplete,
    /// A statement or portal is closed.
    CloseComplete,
    /// The end of a description.
    Described,
    /// A command is over, or its portal is suspended.
    Complete {
        /// It was one that drops all prepared statements.
        drops_all: bool,
        /// Rows that it changed or brought.
        rows: u64,
    },
    /// The server takes the data of a copy.
    CopyIn,
    /// The server sends or takes data in both directions.
    CopyBoth,
    /// A row of a result, or of a copy.
    Row,
    /// Anything else that the session need not know.
    Other,
}

/// Reads a message, of which `unit.held` bytes stand in `bytes`.
///
/// # Errors
/// [`FORM`].
#[inline(always)]
pub fn read<'a>(unit: &Unit, bytes: &'a [u8]) -> Result<Back<'a>, Malformed> {
    let body = bytes.get(HEADER..unit.held).unwrap_or_default();
    // What comes most often, told by one comparison each.
    match unit.tag {
        b'2' => Ok(Back::BindComplete),
        b'T' | b'n' => Ok(Back::Described),
        b'C' => {
            let (drops_all, rows) = completed(body);
            Ok(Back::Complete { drops_all, rows })
        }
        _ => read_other(unit.tag, body),
    }
}

fn read_other(tag: u8, body: &[u8]) -> Result<Back<'_>, Malformed> {
    let form = Malformed::new(HEADER, FORM);
    Ok(match tag {
        b'R' => match be_u32::<_, nom::error::Error<&[u8]>>(body) {
            Ok((_, 0)) => Back::Authenticated,
            Ok((_, 3 | 5 | 7 | 8 | 9 | 10 | 11)) => Back::Challenge,
            Ok((_, 12)) => Back::AuthenticationStep,
            _ => return Err(form),
        },
        b'S' => match pair(text, text).parse(body) {
            Ok(([], (name, value))) => Back::Parameter { name, value },
            _ => return Err(form),
        },
        b'K' if body.len() >= 8 => Back::Key(body),
        b'Z' => match body {
            [status @ (b'I' | b'T' | b'E')] => Back::Ready { in_transaction: *status != b'I' },
            _ => return Err(form),
        },
        b'E' => error(body).ok_or(form)?,
        b'1' => Back::ParseComplete,
        b'3' => Back::CloseComplete,
        b'I' | b's' | b'V' => Back::Complete { drops_all: false, rows: 0 },
        b'D' | b'd' => Back::Row,
        b'G' => Back::CopyIn,
        b'W' => Back::CopyBoth,
        b'K' => return Err(form),
        _ => Back::Other,
    })
}

/// Of a command that is over: whether it drops all prepared statements, and the rows that it says it changed.
pub(super) fn completed(tag: &[u8]) -> (bool, u64) {
    (matches!(tag, b"DISCARD ALL\0" | b"DEALLOCATE ALL\0"), last_number(tag))
}

/// `INSERT 0 5` and `UPDATE 5`: the rows that a command says it changed.
fn last_number(tag: &[u8]) -> u64 {
    let digits = tag.strip_suffix(b"\0").unwrap_or(tag).rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let number = digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    number.unwrap_or_default()
}

/// Fields of a type byte and a text, up to a zero.
fn error(body: &[u8]) -> Option<Back<'static>> {
    let (mut fatal, mut code, mut rest) = (false, *b"XX000", body);
    loop {
        let (kind, after) = rest.split_first()?;
        if *kind == 0 {
            return Some(Back::Error { fatal, code });
        }
        let (after, value) = text(after).ok()?;
        match kind {
            b'V' | b'S' => fatal |= matches!(value, b"FATAL" | b"PANIC"),
            b'C' => code = <[u8; 5]>::try_from(value).ok()?,
            _ => {}
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(tag: u8, body: &[u8]) -> Result<Back<'static>, Malformed> {
        let bytes = [&[tag, 0, 0, 0, 0], body].concat().leak();
        read(&Unit { tag, len: bytes.len(), held: bytes.len() }, bytes)
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(read_all(b'R', &[0, 0, 0, 0]), Ok(Back::Authenticated));
        assert_eq!(read_all(b'R', &[0, 0, 0, 10, b'x']), Ok(Back::Challenge));
        let error = b"SERROR\0VERROR\0C42601\0Mno\0\0";
        assert_eq!(read_all(b'E', error), Ok(Back::Error { fatal: false, code: *b"42601" }));
        assert_eq!(read_all(b'E', b"VFATAL\0C57P01\0\0"), Ok(Back::Error { fatal: true, code: *b"57P01" }));
        for (tag, rows) in
            [(&b"INSERT 0 5\0"[..], 5), (b"SELECT 12\0", 12), (b"BEGIN\0", 0), (b"x 99999999999999999999\0", 0)]
        {
            assert_eq!(read_all(b'C', tag), Ok(Back::Complete { drops_all: false, rows }));
        }
        let parameter = Back::Parameter { name: b"a", value: b"b" };
        assert_eq!(read_all(b'S', b"a\0b\0"), Ok(parameter));
    }

    #[test]
    fn answers_that_break_their_form_are_refused() {
        for (tag, body) in [(b'R', &b"\0\0"[..]), (b'R', &[0, 0, 0, 99]), (b'Z', b"X"), (b'E', b"Sx"), (b'K', b"abc")] {
            assert_eq!(read_all(tag, body), Err(Malformed::new(HEADER, FORM)), "{body:?}");
        }
    }
}
