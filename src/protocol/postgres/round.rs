//! Rounds: what a client that is owed nothing asks in one piece, and a server answers in one piece. Drivers run most of their
//! statements in this way. Both pieces are told by comparing bytes; what is not exactly of this form is read message by
//! message ([`front`](super::front), [`back`](super::back)).

use super::back::completed;
use super::frame::{BIND_NAMES, CONTROL_BYTES, HEADER, length, rows};

/// Describe of the unnamed portal.
const DESCRIBE: &[u8] = b"D\0\0\0\x06P\0";
/// Execute of the unnamed portal, to its last row, and Sync.
const EXECUTE: &[u8] = b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04";
const BIND_COMPLETE: &[u8] = b"2\0\0\0\x04";
const NO_DATA: &[u8] = b"n\0\0\0\x04";

/// A prepared statement is run: Bind of the unnamed portal, Describe or not, Execute, Sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The statement's name.
    pub statement: &'a [u8],
    /// Whether its rows are described.
    pub described: bool,
}

/// What stands in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text.
    Text,
    /// A prepared statement, as in [`Asked`].
    Prepared {
        /// Whether its rows are described.
        described: bool,
    },
}

/// A round that went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Rows that it brought.
    pub brought: u64,
    /// Rows that it says it brought or changed.
    pub changed: u64,
    /// A transaction is open.
    pub in_transaction: bool,
}

/// What is asked, if it is this and nothing else.
pub fn asked(bytes: &[u8]) -> Option<Asked<'_>> {
    if bytes.first() != Some(&b'B') {
        return None;
    }
    let (bind, behind) = bytes.split_at_checked(length(bytes)?)?;
    let (describe, execute) = behind.split_at_checked(behind.len().checked_sub(EXECUTE.len())?)?;
    let described = match describe {
        [] => false,
        DESCRIBE => true,
        _ => return None,
    };
    let [0, names @ ..] = bind.get(HEADER..)? else { return None };
    let end = names.iter().take(BIND_NAMES - 1).position(|byte| *byte == 0)?;
    (execute == EXECUTE).then_some(Asked { statement: names.get(..end)?, described })
}

/// The answer, if it is this and nothing else: its rows described if that was asked, rows, the end of one command, and that
/// the server is ready.
pub fn answered(bytes: &[u8], form: Form) -> Option<Answer> {
    let rest = match form {
        Form::Text if bytes.first() == Some(&b'T') => after(bytes)?,
        Form::Text => bytes,
        Form::Prepared { described: false } => bytes.strip_prefix(BIND_COMPLETE)?,
        Form::Prepared { described: true } => {
            let rest = bytes.strip_prefix(BIND_COMPLETE)?;
            if rest.first() == Some(&b'T') { after(rest)? } else { rest.strip_prefix(NO_DATA)? }
        }
    };
    let (brought, len) = rows(rest);
    let rest = rest.get(len..)?;
    let [b'C', ..] = rest else { return None };
    let (complete, ready) = rest.split_at_checked(length(rest)?.min(HEADER + CONTROL_BYTES))?;
    let [b'Z', 0, 0, 0, 5, status @ (b'I' | b'T' | b'E')] = ready else { return None };
    let (drops_all, changed) = completed(complete.get(HEADER..)?);
    (!drops_all).then_some(Answer { brought, changed, in_transaction: *status != b'I' })
}

impl Answer {
    /// Rows that it brought or changed: those that came, if any did.
    pub fn rows(&self) -> u64 {
        if self.brought > 0 { self.brought } else { self.changed }
    }
}

/// What stands behind a message.
fn after(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(length(bytes)?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIND: &[u8] = b"B\0\0\0\x15\0name\0\0\0\0\x01\0\0\0\x017\0\0";
    const ROW: &[u8] = b"D\0\0\0\x0b\0\x01\0\0\0\x017";
    const FIELDS: &[u8] = b"T\0\0\0\x06\0\0";
    const SELECTED: &[u8] = b"C\0\0\0\x0dSELECT 1\0";
    const UPDATED: &[u8] = b"C\0\0\0\x0dUPDATE 3\0";
    const READY: &[u8] = b"Z\0\0\0\x05I";
    const PREPARED: Form = Form::Prepared { described: false };
    const DESCRIBED: Form = Form::Prepared { described: true };

    #[test]
    fn prepared_statement_is_run() {
        let told = |described| Some(Asked { statement: b"name", described });
        assert_eq!(asked(&[BIND, EXECUTE].concat()), told(false));
        assert_eq!(asked(&[BIND, DESCRIBE, EXECUTE].concat()), told(true));
    }

    #[test]
    fn anything_else_is_no_round() {
        let whole = [BIND, DESCRIBE, EXECUTE].concat();
        for at in 0..whole.len() {
            assert_eq!(asked(&whole[..at]), None, "{at}");
            let is_of_a_value = (BIND.len() - 3..BIND.len()).contains(&at) || (10..BIND.len()).contains(&at);
            let mut other = whole.clone();
            other[at] ^= 0x40;
            if !is_of_a_value {
                assert_ne!(asked(&other), asked(&whole), "{at}");
            }
        }
        for other in [
            [BIND, EXECUTE, EXECUTE].concat(),
            [BIND, DESCRIBE, DESCRIBE, EXECUTE].concat(),
            [EXECUTE, BIND].concat(),
            b"B\0\0\0\x03".to_vec(),
            [b"B\0\0\0\x06\0n", EXECUTE].concat(),
            [b"B\xff\xff\xff\xff\0n\0", EXECUTE].concat(),
        ] {
            assert_eq!(asked(&other), None, "{other:?}");
        }
    }

    #[test]
    fn name_ends_where_names_do() {
        let bind = |bytes: usize| {
            let length = u32::try_from(4 + 1 + bytes + 1 + 6).unwrap();
            [b"B", &length.to_be_bytes()[..], b"\0", &vec![b'n'; bytes], b"\0\0\0\0\0\0\0", EXECUTE].concat()
        };
        assert!(asked(&bind(BIND_NAMES - 2)).is_some());
        assert_eq!(asked(&bind(BIND_NAMES - 1)), None);
    }

    #[test]
    fn answer_is_told_whole() {
        let told = |brought, changed, in_transaction| Some(Answer { brought, changed, in_transaction });
        let selected = [FIELDS, ROW, ROW, SELECTED, READY].concat();
        assert_eq!(answered(&selected, Form::Text), told(2, 1, false));
        assert_eq!(answered(&[BIND_COMPLETE, &selected].concat(), DESCRIBED), told(2, 1, false));
        assert_eq!(answered(&[BIND_COMPLETE, ROW, SELECTED, READY].concat(), PREPARED), told(1, 1, false));
        assert_eq!(answered(&[UPDATED, b"Z\0\0\0\x05T"].concat(), Form::Text), told(0, 3, true));
        assert_eq!(answered(&[BIND_COMPLETE, NO_DATA, UPDATED, READY].concat(), DESCRIBED), told(0, 3, false));
    }

    #[test]
    fn anything_else_is_no_answer() {
        let whole = [BIND_COMPLETE, FIELDS, ROW, SELECTED, READY].concat();
        (0..whole.len()).for_each(|at| assert_eq!(answered(&whole[..at], DESCRIBED), None, "{at}"));
        let dropped = b"C\0\0\0\x10DISCARD ALL\0".as_slice();
        for (other, form) in [
            ([&whole, READY].concat(), DESCRIBED),
            (whole.clone(), PREPARED),
            (whole.clone(), Form::Text),
            ([FIELDS, ROW, SELECTED, SELECTED, READY].concat(), Form::Text),
            ([FIELDS, ROW, SELECTED, FIELDS, ROW, SELECTED, READY].concat(), Form::Text),
            ([FIELDS, FIELDS, ROW, SELECTED, READY].concat(), Form::Text),
            ([BIND_COMPLETE, ROW, SELECTED, READY].concat(), DESCRIBED),
            ([dropped, READY].concat(), Form::Text),
            ([SELECTED, b"Z\0\0\0\x05X"].concat(), Form::Text),
            ([b"N\0\0\0\x05\0", SELECTED, READY].concat(), Form::Text),
            ([b"I\0\0\0\x04", READY].concat(), Form::Text),
            ([FIELDS, b"D\0\0\0\x03", SELECTED, READY].concat(), Form::Text),
            ([b"C\0\0\0\x03", READY].concat(), Form::Text),
        ] {
            assert_eq!(answered(&other, form), None, "{other:?}");
        }
    }
}
