//! What holds for all that clients and servers of MySQL may send, and for all texts of statements: they are refused or read,
//! however the bytes are cut; a text that is understood asks for something.

use podwall::canon::sql::mysql::{Mode, Server, tokens};
use podwall::protocol::mysql::accesses::{Asked, Understood};
use podwall::protocol::mysql::answer::{Answer, HEAD_BYTES, Shape};
use podwall::protocol::mysql::command;
use podwall::protocol::mysql::packet::{HEADER, Packet, put};
use podwall::protocol::mysql::settings::Settings;
use podwall::protocol::mysql::values::{Binding, Values};
use podwall::protocol::mysql::{Limits, handshake};
use std::borrow::Cow;

pub(crate) fn texts() -> Vec<Vec<u8>> {
    let texts: &[&[u8]] = &[
        b"WITH w AS (SELECT a FROM s.t WHERE b = 'x\\'y') SELECT w.a, count(*) FROM w JOIN u USING (i) GROUP BY 1 -- c",
        b"INSERT INTO t (a, b) VALUES (1, \"x\") ON DUPLICATE KEY UPDATE a = VALUES(a); REPLACE t SET a = 1",
        b"UPDATE t JOIN `u` AS x ON t.i = x.i SET t.a = 1, x.b = 2 WHERE 1; DELETE a, b FROM a JOIN b WHERE a.c # d",
        b"SELECT /*!40101 SQL_NO_CACHE */ a /*M!100100 , b */ FROM t FORCE INDEX (i) LIMIT 1, 2 FOR UPDATE",
        b"SET NAMES utf8mb4, @a = (SELECT 1), @@session.sql_mode = 'ANSI'; USE x; SHOW TABLES WHERE f(1)",
        b"CREATE TABLE t (a int REFERENCES u (b)) AS SELECT 1.5e3, 0x41, 1a FROM v; LOAD DATA INFILE 'x' INTO TABLE t",
        b"LOAD DATA LOCAL INFILE '/x' REPLACE INTO TABLE s.t FIELDS TERMINATED BY ',' (a, @b) SET c = @b",
    ];
    texts.iter().map(|text| text.to_vec()).collect()
}

pub(crate) fn text(bytes: &[u8]) {
    for version in [&b"10.11.6-MariaDB"[..], b"8.0.36"] {
        let settings = Settings::new(Server::of(version), 45, "d");
        let understood = Understood::of(bytes, settings.mode, settings.either_quotes);
        assert!(!Asked::of(&understood, "u", &settings).accesses().is_empty());
    }
    let ansi = Mode { ansi_quotes: true, backslash: false, utf8: false, ..Mode::default() };
    let mut at = 0;
    for token in tokens(bytes, ansi).unwrap_or_default() {
        assert!(at <= token.start && token.start < token.end && token.end <= bytes.len());
        at = token.end;
    }
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, number, payload);
    out
}

pub(crate) fn asked() -> Vec<Vec<u8>> {
    let mut answer = 0x00bf_a288_u32.to_le_bytes().to_vec();
    answer.extend_from_slice(&[0, 0, 0, 1, 45]);
    answer.extend_from_slice(&[0; 23]);
    answer.extend_from_slice(b"ann\0\x02xyshop\0mysql_native_password\0\x12\x0cprogram_name\x04till");
    let commands: [&[u8]; 9] = [
        b"\x03SELECT 1",
        b"\x16SELECT ?",
        b"\x17\x01\0\0\0\0\x01\0\0\0\0\x01\x03\0\x07\0\0\0",
        b"\x17\x01\0\0\0\0\x01\0\0\0\x02\x01\xfd\0\x06\0\x0c\0\x03abc\x07\xea\x07\x01\x1f\x17\x3b\x3b",
        b"\x18\x01\0\0\0\0\0data",
        b"\x11ann\0\x02xyshop\0\x2d\0mysql_native_password\0",
        b"\x02shop",
        b"\x04t\0",
        b"\x01",
    ];
    vec![packet(1, &answer), commands.map(|command| packet(0, command)).concat()]
}

/// Every command read, as far as it goes; the same whether the bytes come at once or one by one.
pub(crate) fn ask(bytes: &[u8]) {
    let greeting = handshake::greeting(&greeting(), handshake::Port { tls: true, files: true }).unwrap();
    let payload = bytes.get(HEADER..).unwrap_or_default();
    let _ = handshake::answer(payload, &greeting);
    if let Ok(handshake::First::Answer(answer)) = handshake::first(payload, &greeting) {
        assert_eq!(handshake::forwarded(payload, &answer, false).len(), payload.len());
        assert_eq!(handshake::asks_for_tls(payload, &answer).len(), 32);
    }
    let limits = Limits { statement_bytes: 256, ..Limits::default() };
    let mut rest = bytes;
    while let Ok(Some(unit)) = command::from_client(rest, &limits) {
        assert!(HEADER < unit.held && unit.held <= unit.packet.whole() && unit.held <= rest.len());
        let short = command::from_client(&rest[..unit.held - 1], &limits);
        assert_eq!(short, Ok(None), "a command is read before what is held of it has come");
        let (one, other) = (command::read(&unit, rest), command::read(&unit, &rest[..unit.held]));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        match one {
            Ok(command::Command::ChangeUser(body)) => drop(handshake::change_user(body, 0)),
            Ok(command::Command::Execute { binding, .. }) => (0..5).for_each(|count| bind(count, binding)),
            _ => {}
        }
        let Some(after) = rest.get(unit.packet.whole()..) else { return };
        rest = after;
    }
}

/// What is bound is read or refused; what is held of it says no more than all of it does.
fn bind(count: u16, binding: Binding<'_>) {
    let texts = |values: &mut Values, binding| {
        values.bind(binding, usize::MAX).ok().map(|bound| bound.texts().map(Cow::into_owned).collect::<Vec<_>>())
    };
    let mut values = Values::new(count);
    let _ = values.send_ahead(1, b"ahead", usize::MAX);
    let Some(whole) = texts(&mut values, binding) else { return };
    for cut in 0..binding.held.len() {
        let part = Binding { held: &binding.held[..cut], len: binding.len };
        let beginning = texts(&mut values, part).unwrap_or_default();
        assert!(whole.starts_with(&beginning));
    }
}

fn greeting() -> Vec<u8> {
    let mut out = b"\x0a5.5.5-10.11.6-MariaDB\0\x01\0\0\0".to_vec();
    out.extend_from_slice(
        b"12345678\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\x00123456789012\0mysql_native_password\0",
    );
    out
}

pub(crate) fn answers() -> Vec<Vec<u8>> {
    let result: [&[u8]; 6] =
        [b"\x01", b"\x03def\0", b"\xfe\0\0\x02\0", b"\x01x", b"\xfe\0\0\x0a\0", b"\xff\x48\x04#HY000no"];
    let prepared: [&[u8]; 3] = [b"\0\x01\0\0\0\x01\0\0\0\0\0\0", b"\x03def\0", b"\xfe\0\0\x02\0"];
    let numbered = |payloads: &[&[u8]]| {
        payloads.iter().zip(1..).map(|(payload, number)| packet(number, payload)).collect::<Vec<_>>().concat()
    };
    vec![packet(0, &greeting()), numbered(&result), numbered(&prepared), numbered(&[b"\0\x01\0\x02\0\0\0"])]
}

/// Every answer followed, as far as it goes. What is taken out of an offer stays out.
pub(crate) fn answer(bytes: &[u8]) {
    let port = handshake::Port::default();
    if let Ok(greeting) = handshake::greeting(bytes.get(HEADER..).unwrap_or_default(), port) {
        let again = handshake::greeting(&greeting.payload, port).unwrap();
        assert_eq!((again.offers, again.server), (greeting.offered, greeting.server));
    }
    for shape in [Shape::Simple, Shape::Results, Shape::Prepared, Shape::Rows, Shape::Fields, Shape::Authentication] {
        for deprecate_eof in [false, true] {
            let (mut answer, mut rest) = (Answer::new(shape, deprecate_eof), bytes);
            while let Some(packet) = Packet::of(rest) {
                let Some(head) = rest.get(HEADER..HEADER + packet.len.min(HEAD_BYTES)) else { break };
                let Ok(seen) = answer.packet(&packet, head) else { break };
                assert!(!(seen.row && seen.over));
                let Some(after) = rest.get(packet.whole()..) else { break };
                rest = after;
            }
        }
    }
}
