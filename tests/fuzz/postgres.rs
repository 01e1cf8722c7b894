//! What holds for all that PostgreSQL's clients and servers may send, and for all texts of statements: they are refused or
//! read, however the bytes are cut; a text that is understood is so again without its comments and spaces.

use podwall::canon::sql::postgres::{normalised, statements, tokens};
use podwall::protocol::postgres::accesses::{Asked, Understood};
use podwall::protocol::postgres::back::{self, Back};
use podwall::protocol::postgres::path::Settings;
use podwall::protocol::postgres::round::{self, Form};
use podwall::protocol::postgres::session::{SentKind, Session};
use podwall::protocol::postgres::startup;
use podwall::protocol::postgres::{Limits, frame, front};
use std::rc::Rc;

pub(crate) fn texts() -> Vec<Vec<u8>> {
    let texts: &[&[u8]] = &[
        b"WITH w AS (SELECT a FROM s.t WHERE b = 'x''y') SELECT w.a, count(*) FROM w JOIN u USING (i) GROUP BY 1 -- c",
        b"INSERT INTO t (a, b) VALUES (1, E'\\'x') ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING *",
        b"UPDATE ONLY t SET (a, b) = (SELECT 1, $tag$ ; $tag$) FROM u WHERE t.i = u.i; COPY t (a) FROM STDIN",
        b"SELECT set_config('search_path', 'a, \"b\"', false), extract(epoch FROM x) FROM \"T\" AS q (c) FOR UPDATE OF q",
        b"EXPLAIN (ANALYZE) DELETE FROM t USING u /* /* n */ */ WHERE a IS DISTINCT FROM b; PREPARE p AS TABLE t",
        b"SELECT 1 FROM a, LATERAL (SELECT 2) b, ROWS FROM (f(1), g(2)) c UNION ALL (VALUES (1)) ORDER BY 1 LIMIT 2",
    ];
    texts.iter().map(|text| text.to_vec()).collect()
}

pub(crate) fn text(bytes: &[u8]) {
    let understood = Understood::of(bytes, false);
    let asked = Asked::of(&understood, "u", "d", &Settings::default());
    assert!(!asked.accesses().is_empty());
    let Ok(found) = tokens(bytes, false) else { return assert!(understood.statements.is_err()) };
    // Literals become question marks, which are no tokens of their own: only texts without them can be compared.
    if found.iter().any(|token| matches!(token.of(bytes).first(), Some(b'\'' | b'$' | b'0'..=b'9' | b'.' | b'?'))) {
        return;
    }
    let again = normalised(bytes, &found);
    if let (Ok(one), Ok(other)) = (statements(bytes, false), statements(&again, false)) {
        assert_eq!(one.len(), other.len());
    }
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], &u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat()
}

pub(crate) fn asked() -> Vec<Vec<u8>> {
    let startup = b"\0\0\0\x24\0\x03\0\0user\0ann\0options\0-c a=b\0\0\0\0".to_vec();
    let simple = [message(b'Q', b"SELECT 1\0"), message(b'd', b"1\t2\n"), message(b'c', b""), message(b'X', b"")];
    let extended = [
        message(b'P', b"s\0SELECT $1\0\0\0"),
        message(b'B', b"\0s\0\0\0\0\x01\0\0\0\x011\0\0"),
        message(b'D', b"P\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'C', b"Ss\0"),
        message(b'H', b""),
        message(b'S', b""),
    ];
    let (bind, execute, sync) = (extended[1].clone(), extended[3].clone(), extended[6].clone());
    let (round, described) =
        ([&bind[..], &execute, &sync].concat(), [&bind[..], &extended[2], &execute, &sync].concat());
    vec![startup, simple.concat(), extended.concat(), round, described]
}

/// Every message read, as far as it goes; the same whether the bytes come at once or one by one.
pub(crate) fn ask(bytes: &[u8]) {
    let _ = startup::first(bytes);
    asked_in_one_piece(bytes);
    let limits = Limits { statement_bytes: 256, ..Limits::default() };
    let mut rest = bytes;
    while let Ok(Some(unit)) = frame::from_client(rest, &limits) {
        assert!(frame::HEADER <= unit.held && unit.held <= unit.len && unit.held <= rest.len());
        let short = frame::from_client(&rest[..unit.held - 1], &limits);
        assert_eq!(short, Ok(None), "a message is read before what is held of it has come");
        let held = &rest[..unit.held];
        let (one, other) = (front::read(&unit, rest), front::read(&unit, held));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        let Some(after) = rest.get(unit.len..) else { return };
        rest = after;
    }
}

/// What is told in one piece is what its messages say.
fn asked_in_one_piece(bytes: &[u8]) {
    let Some(round::Asked { statement, described }) = round::asked(bytes) else { return };
    let (mut rest, mut told) = (bytes, Vec::new());
    while let Ok(Some(unit)) = frame::from_client(rest, &Limits::default()) {
        told.push(match front::read(&unit, rest).unwrap() {
            front::Front::Bind { portal, statement, .. } => format!("Bind {portal:?} {statement:?}"),
            other => format!("{other:?}"),
        });
        rest = &rest[unit.len..];
    }
    let (bind, execute) = (format!("Bind [] {statement:?}"), "Execute([])".to_owned());
    let describe = described.then(|| "Describe".to_owned());
    let expected: Vec<String> =
        [Some(bind), describe, Some(execute), Some("Sync".to_owned())].into_iter().flatten().collect();
    assert_eq!((told, rest), (expected, &b""[..]));
}

fn answered_in_one_piece(bytes: &[u8]) {
    for form in [Form::Text, Form::Prepared { described: false }, Form::Prepared { described: true }] {
        let Some(answer) = round::answered(bytes, form) else { continue };
        let (mut rest, mut told) = (bytes, Vec::new());
        while let Ok(Some(unit)) = frame::from_server(rest) {
            told.push(back::read(&unit, rest).unwrap());
            rest = &rest[unit.len..];
        }
        let rows = told.iter().filter(|back| **back == Back::Row).count();
        told.retain(|back| *back != Back::Row);
        let end = [
            Back::Complete { drops_all: false, rows: answer.changed },
            Back::Ready { in_transaction: answer.in_transaction },
        ];
        let begins: &[&[Back<'_>]] = match form {
            Form::Text => &[&[], &[Back::Described]],
            Form::Prepared { described: false } => &[&[Back::BindComplete]],
            Form::Prepared { described: true } => &[&[Back::BindComplete, Back::Described]],
        };
        assert!(begins.iter().any(|begin| told == [begin, &end[..]].concat()), "{told:?}");
        assert_eq!((rows as u64, rest), (answer.brought, &b""[..]));
    }
}

pub(crate) fn answers() -> Vec<Vec<u8>> {
    let opening = [message(b'R', &[0; 4]), message(b'S', b"client_encoding\0UTF8\0"), message(b'Z', b"I")];
    let work = [
        message(b'1', b""),
        message(b'2', b""),
        message(b'T', b"\0\0"),
        message(b'D', b"\0\0"),
        message(b'C', b"SELECT 1\0"),
        message(b'E', b"SERROR\0VERROR\0C42601\0Mno\0\0"),
        message(b'G', b"\0\0\0"),
        message(b'Z', b"T"),
    ];
    let ready = message(b'Z', b"I");
    let text = [&work[2][..], &work[3], &work[3], &work[4], &ready].concat();
    let (described, prepared) = ([&work[1][..], &text].concat(), [&work[1][..], &work[3], &work[4], &ready].concat());
    vec![opening.concat(), [opening.concat(), work.concat()].concat(), text, described, prepared]
}

/// A session never holds more than was sent, whatever the server answers.
pub(crate) fn answer(bytes: &[u8]) {
    answered_in_one_piece(bytes);
    let limits = Limits { names: 8, unanswered: 16, ..Limits::default() };
    let mut session: Session<()> = Session::new(&limits);
    session.answered(Back::Authenticated).unwrap();
    session.answered(Back::Ready { in_transaction: false }).unwrap();
    let mut rest = bytes;
    while let Ok(Some(unit)) = frame::from_server(rest) {
        let sent = [
            session.parse(b"s", Rc::new(())),
            session.bind(b"", std::iter::once(Rc::new(())).collect()),
            session.sent(SentKind::Describe),
            session.sent(SentKind::Execute),
            session.sent(SentKind::Sync),
        ];
        let Ok(back) = back::read(&unit, rest) else { return };
        if sent.iter().any(Result::is_err) || session.answered(back).is_err() {
            return;
        }
        assert!(session.statements.len() <= 8 && session.portals.len() <= 8);
        let Some(after) = rest.get(unit.len..) else { return };
        rest = after;
    }
}
