//! Errors of our own, in MySQL's words (MySQL, "Protocol::ERR_Packet").

use super::packet::put;

/// `ER_TABLEACCESS_DENIED_ERROR`: what a denied statement is answered with.
pub const DENIED: (u16, &str) = (1142, "42000");
/// `ER_DBACCESS_DENIED_ERROR`: a session that may not be.
pub const NO_SESSION: (u16, &str) = (1044, "42000");
/// `ER_UNKNOWN_STMT_HANDLER`: a statement that was never prepared.
pub const NO_STATEMENT: (u16, &str) = (1243, "HY000");
/// `ER_UNKNOWN_COM_ERROR`: a command that is not carried.
pub const NO_COMMAND: (u16, &str) = (1047, "08S01");
/// `ER_SERVER_SHUTDOWN`: the sidecar stops.
pub const STOPPED: (u16, &str) = (1053, "08S01");

/// An error, with the event's id in its message.
pub fn error(out: &mut Vec<u8>, number: u8, (code, state): (u16, &str), says: &str, event: &str) {
    let gap = if event.is_empty() { "" } else { " (event " };
    let end = if event.is_empty() { "" } else { ")" };
    let [low, high] = code.to_le_bytes();
    let mut payload = vec![0xff, low, high, b'#'];
    payload.extend_from_slice(format!("{state}{says}{gap}{event}{end}").as_bytes());
    put(out, number, &payload);
}

/// A denied statement.
pub fn denial(out: &mut Vec<u8>, code: (u16, &str), event: &str) {
    error(out, 1, code, "denied by the database's firewall policy", event);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mysql::answer::{Answer, Shape};
    use crate::protocol::mysql::packet::Packet;

    #[test]
    fn what_we_say_is_well_formed() {
        let mut out = Vec::new();
        denial(&mut out, DENIED, "01ABC");
        let packet = Packet::of(&out).unwrap();
        assert_eq!((packet.whole(), packet.number), (out.len(), 1));
        let seen = Answer::new(Shape::Results, true).packet(&packet, packet.payload(&out)).unwrap();
        assert_eq!((seen.failed, seen.over), (Some((1142, *b"42000")), true));
        assert!(out.ends_with(b"(event 01ABC)"));
    }
}
