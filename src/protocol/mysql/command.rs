//! What a client commands, packet by packet (MySQL, "Command Phase"): how much of it must be held before it is looked at,
//! and how long it may be. Lengths are checked before anything is kept.

use super::packet::{FULL, HEADER, Packet};
use super::values::{AHEAD_BYTES, Binding};
use super::{FORM, LENGTH, Limits, STATE};
use crate::protocol::Malformed;
use nom::number::complete::{le_u8, le_u16, le_u32};
use nom::sequence::pair;
use nom::{IResult, Parser};

/// Bytes of a command that names something.
const CONTROL_BYTES: usize = 68 << 10;
/// Bytes of COM_STMT_EXECUTE before its values: number, flags, how often.
const EXECUTE_BYTES: usize = 10;
/// Bytes of values that are held: what says which are NULL and of which types is in them for as many as there can be.
const VALUES_BYTES: usize = 256 << 10;
const _: () = assert!(VALUES_BYTES >= 0xffff / 8 + 1 + 1 + 2 * 0xffff);
/// Bytes of COM_STMT_SEND_LONG_DATA before its data.
const LONG_DATA_BYTES: usize = 7;
/// MariaDB: the statement that was prepared last.
pub const LAST: u32 = u32::MAX;

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// The client goes.
    Quit,
    /// Another database.
    InitDb(&'a [u8]),
    /// A text of any number of statements.
    Query(&'a [u8]),
    /// The columns of a table.
    FieldList(&'a [u8]),
    /// Whether the server is there, and how it is.
    Ping,
    /// A line on how the server is.
    Statistics,
    /// Another user, on the same connection; what stands behind the first byte.
    ChangeUser(&'a [u8]),
    /// A statement is prepared.
    Prepare(&'a [u8]),
    /// A prepared statement is run.
    Execute {
        /// Its number.
        statement: u32,
        /// Its rows are to be fetched.
        cursor: bool,
        /// Its values.
        binding: Binding<'a>,
    },
    /// A piece of a value is sent ahead. It is not answered.
    LongData {
        /// The number of the statement.
        statement: u32,
        /// The number of the value.
        value: u16,
        /// Its first bytes.
        piece: &'a [u8],
    },
    /// A statement is forgotten. It is not answered.
    Close(u32),
    /// Values that were sent ahead are forgotten, and rows that wait.
    Reset(u32),
    /// Rows are fetched.
    Fetch(u32),
    /// Whether texts may hold more than one statement.
    SetOption,
    /// The session is as if it had just begun.
    ResetConnection,
    /// One that is not carried: it rules the server, replicates, or is not known.
    Refused(u8),
}

/// A command whose beginning has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its packet.
    pub packet: Packet,
    /// How many of its bytes must be there before it is looked at. `HEADER < held <= packet.whole()`.
    pub held: usize,
}

/// The client's next command, once what must be held of it has come.
///
/// # Errors
/// [`LENGTH`]; [`FORM`] for one without a first byte; [`STATE`] for a packet in the middle of an exchange.
pub fn from_client(bytes: &[u8], limits: &Limits) -> Result<Option<Unit>, Malformed> {
    let Some(packet) = Packet::of(bytes) else { return Ok(None) };
    if packet.number != 0 {
        return Err(Malformed::new(3, STATE));
    }
    if packet.len == 0 {
        return Err(Malformed::new(0, FORM));
    }
    let Some(number) = bytes.get(HEADER) else { return Ok(None) };
    let (most, start) = match number {
        0x03 | 0x16 => (limits.statement_bytes.saturating_add(1), None),
        0x17 => (FULL, Some(EXECUTE_BYTES + VALUES_BYTES)),
        0x18 => (FULL, Some(LONG_DATA_BYTES + AHEAD_BYTES)),
        _ => (CONTROL_BYTES, None),
    };
    if packet.len > most || packet.goes_on() && start.is_none() {
        return Err(Malformed::new(0, LENGTH));
    }
    let held = HEADER + start.map_or(packet.len, |start| packet.len.min(start));
    Ok((bytes.len() >= held).then_some(Unit { packet, held }))
}

/// Reads a command, of which `unit.held` bytes stand in `bytes`.
///
/// # Errors
/// [`FORM`].
pub fn read<'a>(unit: &Unit, bytes: &'a [u8]) -> Result<Command<'a>, Malformed> {
    let form = Malformed::new(HEADER, FORM);
    let (number, body) = bytes.get(HEADER..unit.held).and_then(<[u8]>::split_first).ok_or(form)?;
    let statement = || -> Result<(&[u8], u32), Malformed> {
        let read: IResult<&[u8], u32> = le_u32.parse(body);
        read.map_err(|_| form)
    };
    Ok(match number {
        0x01 => Command::Quit,
        0x02 => Command::InitDb(body),
        0x03 => Command::Query(body),
        0x04 => Command::FieldList(body.split(|byte| *byte == 0).next().unwrap_or_default()),
        0x09 => Command::Statistics,
        0x0e => Command::Ping,
        0x11 => Command::ChangeUser(body),
        0x16 => Command::Prepare(body),
        0x17 => {
            let read: IResult<&[u8], (u32, u8, u32)> = (le_u32, le_u8, le_u32).parse(body);
            let (held, (statement, flags, _)) = read.map_err(|_| form)?;
            let len = (!unit.packet.goes_on()).then_some(unit.packet.len - EXECUTE_BYTES);
            Command::Execute { statement, cursor: flags & 0x07 != 0, binding: Binding { held, len } }
        }
        0x18 => {
            let read: IResult<&[u8], (u32, u16)> = pair(le_u32, le_u16).parse(body);
            let (piece, (statement, value)) = read.map_err(|_| form)?;
            Command::LongData { statement, value, piece }
        }
        0x19 => Command::Close(statement()?.1),
        0x1a => Command::Reset(statement()?.1),
        0x1b => Command::SetOption,
        0x1c => Command::Fetch(statement()?.1),
        0x1f => Command::ResetConnection,
        other => Command::Refused(*other),
    })
}

impl Command<'_> {
    /// Whether the server answers it.
    pub fn is_answered(&self) -> bool {
        !matches!(self, Self::Quit | Self::LongData { .. } | Self::Close(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mysql::packet::put;

    fn packet(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, 0, payload);
        out
    }

    fn read_all(payload: &[u8]) -> Result<String, Malformed> {
        let bytes = packet(payload);
        let unit = from_client(&bytes, &Limits::default())?.unwrap();
        read(&unit, &bytes).map(|command| format!("{command:?}"))
    }

    #[test]
    fn commands_are_read() {
        let binding = Binding { held: b"xyz", len: Some(3) };
        let execute = Command::Execute { statement: 1, cursor: false, binding };
        for (payload, command) in [
            (&b"\x03SELECT 1"[..], Command::Query(b"SELECT 1")),
            (b"\x02shop", Command::InitDb(b"shop")),
            (b"\x16a", Command::Prepare(b"a")),
            (b"\x17\x01\0\0\0\0\x01\0\0\0xyz", execute),
            (b"\x18\x02\0\0\0\x01\0data", Command::LongData { statement: 2, value: 1, piece: b"data" }),
            (b"\x19\x03\0\0\0", Command::Close(3)),
            (b"\x04t\0%", Command::FieldList(b"t")),
            (b"\x12", Command::Refused(0x12)),
            (b"\xfa", Command::Refused(0xfa)),
        ] {
            assert_eq!(read_all(payload).unwrap(), format!("{command:?}"));
        }
    }

    #[test]
    fn lengths_are_checked_before_anything_is_kept() {
        let limits = Limits { statement_bytes: 4, ..Limits::default() };
        assert!(from_client(&packet(b"\x03abcd"), &limits).unwrap().is_some());
        assert_eq!(from_client(&packet(b"\x03abcde"), &limits), Err(Malformed::new(0, LENGTH)));
        assert_eq!(from_client(&[0xff, 0xff, 0xff, 0, 3], &Limits::default()), Err(Malformed::new(0, LENGTH)));
        assert_eq!(from_client(&[0xff, 0xff, 0xff, 0, 0x17], &limits), Ok(None));
        assert_eq!(from_client(&packet(b""), &limits), Err(Malformed::new(0, FORM)));
        assert_eq!(from_client(&[1, 0, 0, 1, 3], &limits), Err(Malformed::new(3, STATE)));
        assert!(read_all(b"\x17\x01").is_err());
    }

    #[test]
    fn values_are_held_as_far_as_is_needed() {
        let long = |number: u8, len: usize| [&[0xff, 0xff, 0xff, 0, number][..], &vec![0; len - 1]].concat();
        for (number, held) in [(0x17, EXECUTE_BYTES + VALUES_BYTES), (0x18, LONG_DATA_BYTES + AHEAD_BYTES)] {
            assert_eq!(from_client(&long(number, held - 1), &Limits::default()), Ok(None));
            let bytes = long(number, held);
            let unit = from_client(&bytes, &Limits::default()).unwrap().unwrap();
            assert_eq!(unit.held, HEADER + held);
            if let Command::Execute { binding, .. } = read(&unit, &bytes).unwrap() {
                assert_eq!((binding.held.len(), binding.len), (VALUES_BYTES, None));
            }
        }
    }
}
