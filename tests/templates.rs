//! What is known of one text is taken to hold for all that differ from it only in values nothing depends on, and those are told by
//! comparing bytes. Held here against judging each of them anew: policy, detectors and what the text asks for, in both dialects.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test: what fails, fails it

use podwall::canon::sql::mysql::{Mode, Server};
use podwall::canon::sql::{Names, Template};
use podwall::detect::Detectors;
use podwall::document;
use podwall::engine::Engine;
use podwall::flow::*;
use podwall::policy::{Allowlist, Context, compile};
use podwall::protocol::{mysql, postgres};
use proptest::prelude::*;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

const RULES: &str = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: test}\ndatabases:
  - {name: all, from: any, user: app, tables: {orders: [SELECT, UPDATE, DELETE, INSERT], t: SELECT}, neverRead: [orders.secret]}\n";

/// `?` is a value.
const BEGINNINGS: &[&str] = &[
    "SELECT id FROM orders WHERE id = ?",
    "SELECT id, 'a' FROM orders WHERE item = '?'",
    "SELECT id FROM orders WHERE item LIKE '?'",
    "UPDATE orders SET item = '?', amount = ? WHERE id = ?",
    "INSERT INTO orders (item, amount) VALUES ('?', ?)",
    "DELETE FROM orders WHERE id IN (?, ?, ?)",
    "SELECT o.id FROM orders o JOIN t ON t.id = o.id AND t.item = '?' WHERE o.amount BETWEEN ? AND ?",
    "SELECT count(*) FROM orders GROUP BY item HAVING count(*) > ?",
];
const ENDS: &[&str] = &[
    " AND item = '?'",
    " OR item = '?'",
    " AND ? = ?",
    " OR '?' = '?'",
    " OR amount = ?",
    " AND amount > -?",
    " AND item = 'it''s ?'",
    " AND item = '?' || '?'",
    " AND (item, amount) = ('?', ?)",
    " AND item NOT LIKE '%?%'",
    " AND item IN ('?', '?')",
    " AND CASE WHEN amount > ? THEN ? ELSE ? END = ?",
    " AND coalesce(item, '?') = '?'",
    " UNION SELECT ?",
    " UNION SELECT id FROM orders WHERE id = ?",
    "; SELECT ?",
    " ORDER BY ?",
    " LIMIT ?",
    " LIMIT ? OFFSET ?",
    " AND item = \"?\"",
    " AND \u{e9}t\u{e9} = '?'",
    " AND item = DATE '?'",
    " AND item = '?'::text",
    " AND amount = ?e?",
    " AND amount = ?.?",
    " AND amount = .?",
    " AND amount=?AND id=?",
    " AND item='?'AND id=?",
    " AND EXISTS (SELECT ? FROM t WHERE t.item = '?')",
];
const VALUES: &[&str] = &[
    "1",
    "0",
    "22",
    "3.5",
    "00",
    "99999999999999999999",
    "item",
    "id",
    "o",
    "%",
    "_",
    " % ",
    "",
    " ",
    "''",
    "x'' OR 1=1 -- ",
    "''; DROP TABLE orders",
    "/etc/passwd",
    "SELECT secret FROM orders",
    "\u{fc}ber \u{1f600}",
    "\\",
    "1 OR 1",
    "a\nb",
    "a\u{0}b",
    "--",
    "/*",
    "*/",
    "#",
    "$1",
    "\"",
    "`",
    "2020-01-01",
    "t",
    "id ",
    "ITEM",
];

fn engine() -> Engine {
    let documents = document::read::<Allowlist>("test.yaml", RULES).unwrap();
    let context = Context { now: SystemTime::now(), trust_domain: None, tls: None };
    let policy = compile(&documents, &context).unwrap_or_else(|problems| panic!("{}", document::render_all(&problems)));
    Engine::new(policy.policy, Detectors::default(), 0)
}

/// What comes of a text: its verdict, what was found in it, and what it asks for.
#[derive(Debug, PartialEq)]
struct Outcome {
    allowed: bool,
    found: u32,
    asked: String,
    normalised: String,
    is_by_fingerprint: bool,
}

fn outcome(engine: &Engine, names: Names, text: &str) -> Outcome {
    let bytes = text.as_bytes();
    match names {
        Names::Double => {
            let understood = postgres::accesses::Understood::of(bytes, false);
            let settings = postgres::path::Settings::default();
            let asked = postgres::accesses::Asked::of(&understood, "app", "shop", &settings);
            let (allowed, found) = judge(engine, b"postgres", bytes, &asked.accesses());
            let (normalised, is_by_fingerprint) = (understood.normalised.clone(), understood.is_by_fingerprint());
            Outcome { allowed, found, asked: format!("{:?}", asked.accesses()), normalised, is_by_fingerprint }
        }
        Names::Backtick => {
            let settings = mysql::settings::Settings::new(Server::of(b"10.11.6-MariaDB"), 45, "shop");
            let understood = mysql::accesses::Understood::of(bytes, Mode { ..settings.mode }, false);
            let asked = mysql::accesses::Asked::of(&understood, "app", &settings);
            let (allowed, found) = judge(engine, b"mysql", bytes, &asked.accesses());
            let (normalised, is_by_fingerprint) = (understood.normalised.clone(), understood.is_by_fingerprint());
            Outcome { allowed, found, asked: format!("{:?}", asked.accesses()), normalised, is_by_fingerprint }
        }
    }
}

fn judge(engine: &Engine, dialect: &[u8], text: &[u8], accesses: &[Access<'_>]) -> (bool, u32) {
    let connection = Connection {
        id: ConnectionId(1),
        direction: Direction::Inbound,
        from: ClientAddr(SocketAddr::from(([127, 0, 0, 1], 1))),
        to: OriginalDestination(SocketAddr::from(([127, 0, 0, 1], 1))),
        port: 1,
        names: podwall::flow::Names::default(),
        peer: Peer::Unverified,
        protocol: "postgres",
        opened: SystemTime::UNIX_EPOCH,
    };
    let (session, past) = (Session::default(), Past::default());
    let now = Now { wall: SystemTime::UNIX_EPOCH, since_start: Duration::ZERO };
    let scene = Scene { connection: &connection, session: &session, past: &past, now };
    let parts = [Part::plain(Place::SqlText, dialect, text)];
    let message = Message { side: Side::Client, accesses, parts: &parts, last: true };
    let mut case = engine.open(&scene);
    let judgement = case.judge(&scene, &message, &mut Engine::budget(text.len()));
    (judgement.verdict == Verdict::Allow, case.found().total())
}

/// Texts of one sentence, each with values of its own.
fn texts() -> impl Strategy<Value = (String, String, bool)> {
    let sentence = (prop::sample::select(BEGINNINGS), prop::collection::vec(prop::sample::select(ENDS), 0..4));
    let value = prop_oneof![
        6 => prop::sample::select(VALUES).prop_map(str::to_owned),
        1 => "[0-9]{1,12}",
        1 => "[a-z' ]{0,12}",
        // Longer than what is remembered otherwise.
        1 => (8_000..20_000_usize).prop_map(|count| "long ".repeat(count / 5)),
    ];
    let values = prop::collection::vec(value, 32);
    (sentence, values, any::<bool>()).prop_map(|((beginning, ends), values, small)| {
        let sentence = [&[beginning], ends.as_slice()].concat().concat();
        let half = values.len() / 2;
        let sentence = if small { sentence.to_lowercase() } else { sentence };
        (filled(&sentence, &values[..half]), filled(&sentence, &values[half..]), small)
    })
}

/// In strings any value, elsewhere mostly numbers.
fn filled(sentence: &str, values: &[String]) -> String {
    let mut values = values.iter().cycle();
    sentence.split('?').enumerate().fold(String::new(), |text, (at, piece)| match (at, values.next().unwrap()) {
        (0, _) => piece.to_owned(),
        (_, value) if text.matches('\'').count() % 2 == 1 || value.len() % 4 == 3 => text + value + piece,
        (_, value) => format!("{text}{}{piece}", value.len() * 7),
    })
}

#[test]
fn texts_that_fit_are_judged_alike() {
    let engine = engine();
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 3000, ..ProptestConfig::default() });
    let (fitted, other) = (std::cell::Cell::new(0_usize), std::cell::Cell::new(0_usize));
    let held = runner.run(&texts(), |(one, text, _)| {
        for names in [Names::Double, Names::Backtick] {
            let Some(template) = Template::of(one.as_bytes(), names) else { continue };
            prop_assert!(template.fits(one.as_bytes()));
            if !template.fits(text.as_bytes()) {
                other.set(other.get() + 1);
                continue;
            }
            let known = outcome(&engine, names, &one);
            if !known.is_by_fingerprint {
                continue;
            }
            fitted.set(fitted.get() + usize::from(one != text));
            prop_assert_eq!(&known, &outcome(&engine, names, &text), "{:?}: {:?} {:?}", names, one, text);
        }
        Ok(())
    });
    held.unwrap();
    assert!(fitted.get() > 500 && other.get() > 500, "{} fit, {} do not", fitted.get(), other.get());
}
