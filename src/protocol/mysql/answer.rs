//! Where the server's answer to a command ends, and what the session must know of it: packet by packet, of each only its
//! beginning (MySQL, "Generic Response Packets", "COM_QUERY Response", "COM_STMT_PREPARE Response").

use super::packet::{Packet, length_encoded};
use super::{FORM, INFILE};
use crate::flow::Reason;

/// Bytes of a packet that are looked at.
pub const HEAD_BYTES: usize = 32;

/// More results follow.
const MORE_RESULTS: u16 = 0x0008;
/// Rows wait to be fetched.
const CURSOR_EXISTS: u16 = 0x0040;

/// What a command is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One packet.
    Simple,
    /// Results, each with rows or without.
    Results,
    /// A statement's number, and what its values and columns are.
    Prepared,
    /// Rows.
    Rows,
    /// Columns.
    Fields,
    /// A line of text.
    Line,
    /// The exchange by which a user proves itself.
    Authentication,
}

/// An answer that is awaited.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    shape: Shape,
    state: State,
    deprecate_eof: bool,
    /// The last packet goes on in the next.
    goes_on: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    First,
    Columns(u64),
    ColumnsEnd,
    Rows,
    Counted(u64),
}

/// What a packet of an answer means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// It is a row.
    pub row: bool,
    /// The answer is over.
    pub over: bool,
    /// Rows that were changed.
    pub changed: u64,
    /// The session's status.
    pub status: Option<u16>,
    /// The error's number and SQLSTATE.
    pub failed: Option<(u16, [u8; 5])>,
    /// The number of the statement that was prepared, and how many values it has.
    pub prepared: Option<(u32, u16)>,
    /// The client must answer.
    pub asks: bool,
    /// The client is asked for a file, whose name is the rest of the packet.
    pub file: bool,
}

impl Answer {
    /// An answer of which nothing has come. `deprecate_eof` when both sides have agreed on it.
    pub fn new(shape: Shape, deprecate_eof: bool) -> Self {
        let state = match shape {
            Shape::Rows | Shape::Fields => State::Rows,
            _ => State::First,
        };
        Self { shape, state, deprecate_eof, goes_on: false }
    }

    /// Follows a packet, of whose payload [`HEAD_BYTES`] or all stand in `head`.
    ///
    /// # Errors
    /// [`FORM`]; [`INFILE`] where no statement was to be run.
    pub fn packet(&mut self, packet: &Packet, head: &[u8]) -> Result<Seen, Reason> {
        if std::mem::replace(&mut self.goes_on, packet.goes_on()) {
            return Ok(Seen::default());
        }
        let Some(first) = head.first() else {
            // A row without columns that are not NULL has at least a byte for each; of text, an empty line may come.
            return if self.shape == Shape::Line { Ok(over()) } else { Err(FORM) };
        };
        if *first == 0xff && !(self.shape == Shape::Line && self.state == State::First) {
            return failed(head);
        }
        match self.state {
            State::First => self.first(*first, head),
            State::Columns(count) => {
                self.state = if count > 1 { State::Columns(count - 1) } else { self.behind_columns() };
                Ok(Seen::default())
            }
            State::ColumnsEnd => {
                let status = eof(head)?;
                self.state = State::Rows;
                Ok(Seen { over: status & CURSOR_EXISTS != 0, status: Some(status), ..Seen::default() })
            }
            State::Rows => self.row(*first, packet, head),
            State::Counted(count) => {
                self.state = State::Counted(count.saturating_sub(1));
                Ok(Seen { over: count <= 1, ..Seen::default() })
            }
        }
    }

    fn behind_columns(&self) -> State {
        if self.deprecate_eof { State::Rows } else { State::ColumnsEnd }
    }

    fn first(&mut self, first: u8, head: &[u8]) -> Result<Seen, Reason> {
        match (self.shape, first) {
            (Shape::Line, _) => Ok(over()),
            (Shape::Authentication, 0xfe) => Ok(Seen { asks: true, ..Seen::default() }),
            // The proof is good, and the server goes on by itself.
            (Shape::Authentication, 0x01) => Ok(Seen { asks: head != [1, 3], ..Seen::default() }),
            (Shape::Simple, 0xfe) => Ok(Seen { status: Some(eof(head)?), ..over() }),
            (Shape::Prepared, 0) => self.prepared(head),
            (_, 0) => {
                let (changed, status) = ok(head)?;
                Ok(Seen { over: status & MORE_RESULTS == 0, changed, status: Some(status), ..Seen::default() })
            }
            (Shape::Results, 0xfb) => Ok(Seen { file: true, ..Seen::default() }),
            (_, 0xfb) => Err(INFILE),
            (Shape::Results, _) => {
                let (count, _) = length_encoded(head).filter(|(count, _)| (1..=65_535).contains(count)).ok_or(FORM)?;
                self.state = State::Columns(count);
                Ok(Seen::default())
            }
            _ => Err(FORM),
        }
    }

    fn row(&mut self, first: u8, packet: &Packet, head: &[u8]) -> Result<Seen, Reason> {
        let ends = first == 0xfe && if self.deprecate_eof { !packet.goes_on() } else { packet.len < 9 };
        if !ends {
            return Ok(Seen { row: self.shape != Shape::Fields, ..Seen::default() });
        }
        let status = if packet.len == 5 { eof(head)? } else { ok(head)?.1 };
        let more = status & MORE_RESULTS != 0 && self.shape == Shape::Results;
        self.state = State::First;
        Ok(Seen { over: !more, status: Some(status), ..Seen::default() })
    }

    fn prepared(&mut self, head: &[u8]) -> Result<Seen, Reason> {
        let [_, a, b, c, d, columns_0, columns_1, values_0, values_1, ..] = *head else { return Err(FORM) };
        let columns = u64::from(u16::from_le_bytes([columns_0, columns_1]));
        let values = u16::from_le_bytes([values_0, values_1]);
        let ends = if self.deprecate_eof { 0 } else { u64::from(columns > 0) + u64::from(values > 0) };
        let count = columns + u64::from(values) + ends;
        self.state = State::Counted(count);
        let prepared = Some((u32::from_le_bytes([a, b, c, d]), values));
        Ok(Seen { over: count == 0, prepared, ..Seen::default() })
    }
}

fn over() -> Seen {
    Seen { over: true, ..Seen::default() }
}

/// Rows that were changed, and the status, of an OK packet.
fn ok(head: &[u8]) -> Result<(u64, u16), Reason> {
    let read = || {
        let (changed, rest) = length_encoded(head.get(1..)?)?;
        let (_, rest) = length_encoded(rest)?;
        Some((changed, u16::from_le_bytes(*rest.first_chunk::<2>()?)))
    };
    read().ok_or(FORM)
}

/// The status of an EOF packet; where those are deprecated, of the OK packet that stands for it.
fn eof(head: &[u8]) -> Result<u16, Reason> {
    match *head {
        [0xfe, _, _, low, high] => Ok(u16::from_le_bytes([low, high])),
        [0xfe, ..] => ok(head).map(|(_, status)| status),
        _ => Err(FORM),
    }
}

fn failed(head: &[u8]) -> Result<Seen, Reason> {
    let [0xff, low, high, rest @ ..] = head else { return Err(FORM) };
    let state = match rest {
        [b'#', state @ ..] => state.first_chunk::<5>().copied(),
        _ => None,
    };
    let code = u16::from_le_bytes([*low, *high]);
    Ok(Seen { failed: Some((code, state.unwrap_or(*b"HY000"))), ..over() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which packets are rows, and where the answer is over.
    fn follow(shape: Shape, deprecate_eof: bool, packets: &[&[u8]]) -> (usize, Option<usize>) {
        let mut answer = Answer::new(shape, deprecate_eof);
        let (mut rows, mut end) = (0, None);
        for (at, payload) in packets.iter().enumerate() {
            let seen = answer.packet(&Packet { len: payload.len(), number: 1 }, payload).unwrap();
            rows += usize::from(seen.row);
            if seen.over {
                end.get_or_insert(at);
            }
        }
        (rows, end)
    }

    const OK: &[u8] = &[0, 3, 0, 2, 0, 0, 0];
    const OK_MORE: &[u8] = &[0, 3, 0, 0x0a, 0, 0, 0];
    const EOF: &[u8] = &[0xfe, 0, 0, 2, 0];
    const OK_EOF: &[u8] = &[0xfe, 0, 0, 2, 0, 0, 0];
    const EOF_MORE: &[u8] = &[0xfe, 0, 0, 0x0a, 0];
    const EOF_CURSOR: &[u8] = &[0xfe, 0, 0, 0x42, 0];
    const ERR: &[u8] = b"\xff\x48\x04#HY000no";
    const COLUMN: &[u8] = b"\x03def\0";
    const ROW: &[u8] = b"\x01x";

    #[test]
    fn results_end_where_they_end() {
        assert_eq!(follow(Shape::Results, false, &[OK]), (0, Some(0)));
        assert_eq!(follow(Shape::Results, false, &[ERR]), (0, Some(0)));
        assert_eq!(follow(Shape::Results, false, &[&[1], COLUMN, EOF, ROW, ROW, EOF]), (2, Some(5)));
        assert_eq!(follow(Shape::Results, true, &[&[1], COLUMN, ROW, ROW, OK_EOF]), (2, Some(4)));
        assert_eq!(follow(Shape::Results, false, &[&[1], COLUMN, EOF, ROW, ERR]), (1, Some(4)));
        assert_eq!(follow(Shape::Results, false, &[OK_MORE, &[1], COLUMN, EOF, ROW, EOF_MORE, OK]), (1, Some(6)));
        assert_eq!(follow(Shape::Results, false, &[&[1], COLUMN, EOF_CURSOR]), (0, Some(2)));
    }

    #[test]
    fn other_answers_end_where_they_end() {
        assert_eq!(follow(Shape::Simple, false, &[EOF]), (0, Some(0)));
        assert_eq!(follow(Shape::Rows, false, &[ROW, EOF]), (1, Some(1)));
        assert_eq!(follow(Shape::Fields, false, &[COLUMN, COLUMN, EOF]), (0, Some(2)));
        assert_eq!(follow(Shape::Line, false, &[b"Uptime: 1"]), (0, Some(0)));
        let prepared = &[0, 1, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0];
        assert_eq!(follow(Shape::Prepared, false, &[prepared, COLUMN, COLUMN, EOF, COLUMN, EOF]), (0, Some(5)));
        assert_eq!(follow(Shape::Prepared, true, &[prepared, COLUMN, COLUMN, COLUMN]), (0, Some(3)));
        assert_eq!(follow(Shape::Prepared, true, &[&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]), (0, Some(0)));
        assert_eq!(follow(Shape::Authentication, false, &[b"\xfex\0", b"\x01\x03", OK]), (0, Some(2)));
    }

    #[test]
    fn long_packets_are_one() {
        let mut answer = Answer::new(Shape::Rows, false);
        let full = Packet { len: crate::protocol::mysql::packet::FULL, number: 1 };
        assert!(answer.packet(&full, &[0xfe; 32]).unwrap().row);
        let rest = Packet { len: 5, number: 2 };
        assert_eq!(answer.packet(&rest, EOF), Ok(Seen::default()));
        assert!(answer.packet(&rest, EOF).unwrap().over);
    }

    #[test]
    fn what_an_answer_says_is_told() {
        let mut answer = Answer::new(Shape::Results, false);
        let seen = answer.packet(&Packet { len: OK.len(), number: 1 }, OK).unwrap();
        assert_eq!((seen.changed, seen.status), (3, Some(2)));
        let seen = Answer::new(Shape::Results, false).packet(&Packet { len: ERR.len(), number: 1 }, ERR).unwrap();
        assert_eq!(seen.failed, Some((1096, *b"HY000")));
        let asked = |shape| Answer::new(shape, false).packet(&Packet { len: 5, number: 1 }, b"\xfb/etc");
        assert_eq!(asked(Shape::Results), Ok(Seen { file: true, ..Seen::default() }));
        for shape in [Shape::Simple, Shape::Prepared, Shape::Authentication] {
            assert_eq!(asked(shape), Err(INFILE));
        }
        for broken in [&b""[..], b"\0\xfc", b"\xff", b"\xfe"] {
            assert!(Answer::new(Shape::Results, false).packet(&Packet { len: 9, number: 1 }, broken).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_packet_is_followed_or_refused(
            packets in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..32), 0..20),
            deprecate in proptest::prelude::any::<bool>(),
        ) {
            for shape in [Shape::Simple, Shape::Results, Shape::Prepared, Shape::Rows, Shape::Fields, Shape::Line, Shape::Authentication] {
                let mut answer = Answer::new(shape, deprecate);
                for payload in &packets {
                    let _ = answer.packet(&Packet { len: payload.len(), number: 1 }, payload);
                }
            }
        }
    }
}
