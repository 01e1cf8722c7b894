//! Messages of our own: denials in PostgreSQL's words, and what stands towards the server for a statement that was denied.

/// `insufficient_privilege`: what a denial is called.
pub const DENIED: &str = "42501";
/// `invalid_sql_statement_name`: a statement that was never prepared.
pub const NO_STATEMENT: &str = "26000";
/// `syntax_error`: how the server answers [`FAILING`].
pub const SYNTAX: &[u8; 5] = b"42601";
/// A text that no version of the server parses. It fails before the server would log it as a statement.
pub const FAILING: &[u8] = b"podwall denied this statement\0";
/// Whether a text is [`FAILING`]: another sidecar on the way has denied what it stands for.
pub fn is_failing(text: &[u8]) -> bool {
    FAILING.strip_suffix(b"\0") == Some(text)
}

/// The name under which it is parsed, so that the unnamed statement stays.
const FAILING_NAME: &[u8] = b"podwall-denied\0";

/// A query that surely fails.
pub fn failing_query(out: &mut Vec<u8>) {
    message(out, b'Q', &[FAILING]);
}

/// A parse that surely fails; the server then skips to the next sync.
pub fn failing_parse(out: &mut Vec<u8>) {
    message(out, b'P', &[FAILING_NAME, FAILING, &[0, 0]]);
}

/// What a server offers for SASL, without what binds to a channel: a client in plaintext has none, and takes the offer for
/// an attack. Nothing when there is no such offer.
pub fn sasl_without_binding(out: &mut Vec<u8>, body: &[u8]) -> bool {
    const BINDS: &[u8] = b"-PLUS";
    let Some((code @ [0, 0, 0, 10], list)) = body.split_first_chunk::<4>() else { return false };
    let names: Vec<&[u8]> = list.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    if !names.iter().any(|name| name.ends_with(BINDS)) {
        return false;
    }
    let kept = names.into_iter().filter(|name| !name.ends_with(BINDS));
    let kept: Vec<u8> = kept.flat_map(|name| name.iter().copied().chain([0])).collect();
    message(out, b'R', &[code, &kept, &[0]]);
    true
}

/// An error of the statement, with the event's id in its detail.
pub fn denial(out: &mut Vec<u8>, code: &str, event: &str) {
    error(out, "ERROR", code, "denied by the database's firewall policy", event);
}

/// An error that ends the session.
pub fn fatal(out: &mut Vec<u8>, code: &str, says: &str, event: &str) {
    error(out, "FATAL", code, says, event);
}

fn error(out: &mut Vec<u8>, severity: &str, code: &str, says: &str, event: &str) {
    let detail = if event.is_empty() { String::new() } else { format!("Devent {event}\0") };
    let fields = format!("S{severity}\0V{severity}\0C{code}\0M{says}\0{detail}\0");
    message(out, b'E', &[fields.as_bytes()]);
}

fn message(out: &mut Vec<u8>, tag: u8, pieces: &[&[u8]]) {
    let length = 4 + pieces.iter().map(|piece| piece.len()).sum::<usize>();
    out.push(tag);
    // Ours are short: they hold an id at most.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::postgres::{Limits, back, frame, front};

    #[test]
    fn what_we_say_is_well_formed() {
        let mut out = Vec::new();
        denial(&mut out, DENIED, "01ABC");
        let unit = frame::from_server(&out).unwrap().unwrap();
        assert_eq!(unit.len, out.len());
        assert_eq!(back::read(&unit, &out), Ok(back::Back::Error { fatal: false, code: *b"42501" }));
        for emit in [failing_query, failing_parse] {
            let mut out = Vec::new();
            emit(&mut out);
            let unit = frame::from_client(&out, &Limits::default()).unwrap().unwrap();
            assert!(unit.len == out.len() && front::read(&unit, &out).is_ok());
        }
    }

    #[test]
    fn offers_that_bind_are_left_out() {
        let offered = |body: &[u8]| {
            let mut out = Vec::new();
            sasl_without_binding(&mut out, body).then_some(out)
        };
        let both = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        assert_eq!(offered(both).unwrap(), b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0");
        assert_eq!(offered(b"\0\0\0\x0aSCRAM-SHA-256\0\0"), None);
        assert_eq!(offered(b"\0\0\0\x0bX-PLUS\0\0"), None);
    }

    #[test]
    fn failing_statement_is_one_that_we_do_not_read_either() {
        assert!(crate::canon::sql::postgres::statements(&FAILING[..FAILING.len() - 1], false).is_err());
    }
}
