//! The record through the front door: written by the recorder, verified and read by the program.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use podwall::flow::{
    ClientAddr, Connection, ConnectionId, Cut, Denial, Direction, Evidence, Hit, Kind, Names, OriginalDestination,
    Part, Peer, Place, Reason, Weight,
};
use podwall::record::event::Clipped;
use podwall::record::file::RotatedFile;
use podwall::record::line::{Panic, Reload, Start, Stop};
use podwall::record::redact::Redactor;
use podwall::record::{Event, EventId, Exchange, Handshake, Line, Origin, Recorder, Revision, Settings, Traffic};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::tempdir;

const SQL: Reason = Reason::new("attack-sql", Kind::Attack, "a value changes the meaning of a statement");

fn connection(from: &str) -> Connection {
    Connection {
        id: ConnectionId(1),
        direction: Direction::Inbound,
        from: ClientAddr(from.parse().unwrap()),
        to: OriginalDestination("10.0.0.1:8080".parse().unwrap()),
        port: 8080,
        names: Names::default(),
        peer: Peer::Unverified,
        protocol: "http",
        opened: SystemTime::now(),
    }
}

fn denied(recorder: &Recorder, from: &str, target: &str) -> Event {
    let now = SystemTime::now();
    let exchange =
        Exchange { number: 1, action: "GET", resource: target, original: target.as_bytes(), ..Exchange::default() };
    let denial = Denial { reason: SQL, cut: Cut::Refuse };
    Event::refused(recorder.id(now), now, &connection(from), denial, &exchange, &Arc::new(Revision::default()))
}

/// Runs a process's life: start, what `during` records, stop.
fn live(path: &Path, max_bytes: u64, during: impl FnOnce(&Recorder)) {
    let origin = Origin { build: "test".into(), version: "0.1.0", ..Origin::default() };
    let sink = RotatedFile::open(path, max_bytes, 9).unwrap();
    let (recorder, writer) = Recorder::start(Settings::default(), origin, vec![Box::new(sink)]).unwrap();
    let start = Start { time: SystemTime::now(), revision: Arc::default(), listeners: vec![], warnings: vec![] };
    recorder.line(Line::Start(start));
    during(&recorder);
    let stop = Stop { time: SystemTime::now(), why: "test".into(), cut: 0 };
    assert!(writer.stop(stop, Duration::from_secs(60)));
}

fn log(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_podwall")).arg("log").args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn chain_outlives_restarts_with_rotation() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("record.jsonl");
    for life in 0..3 {
        live(&path, 4000, |recorder| {
            (0..9).for_each(|n| recorder.judged(denied(recorder, &format!("10.{life}.{n}.1:1"), "/x")));
        });
    }
    let files: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path().display().to_string()).collect();
    assert!(files.len() > 2);
    let (well, text) = log(&[&["verify"], &*files.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    assert!(well && text.starts_with("good: 33 lines"), "{text}");
}

#[test]
fn event_is_found_by_the_id_that_the_caller_was_told() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("record.jsonl");
    let name = path.display().to_string();
    let mut ids: Vec<EventId> = Vec::new();
    live(&path, 1 << 20, |recorder| {
        for _ in 0..50 {
            let event = denied(recorder, "10.0.0.9:1", "/x");
            ids.push(event.id);
            recorder.judged(event);
        }
    });
    let shown = |id: EventId| log(&["show", &name, "--event", &id.to_string()]).1;
    assert!(shown(ids[0]).contains("attack-sql"));
    // Of fifty alike, twenty have lines; the others are counted between the first and the last of them.
    let counted = shown(ids[40]);
    assert!(counted.contains("repeat") && counted.contains("30"), "{counted}");
}

#[test]
fn no_secret_reaches_the_file() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("record.jsonl");
    let secrets = ["hunter2", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "4111111111111111", "s3ss10n"];
    live(&path, 1 << 20, |recorder| {
        let target = format!("/pay/{}?p%61ssword=h%75nter2&jwt={}", secrets[2], secrets[1]);
        let mut event = denied(recorder, "10.0.0.9:1", &target);
        let body = format!("{{\"password\":\"{}\",\"q\":\"1 OR 1=1\",\"card\":\"4111 1111 1111 1111\"}}", secrets[0]);
        let at = body.find("OR 1=1").unwrap();
        let hit = |range| Hit { detector: "sql", signature: "t".into(), range, weight: Weight::CERTAIN };
        event.evidence.push(Evidence::of(&Part::plain(Place::BodyText, b"", body.as_bytes()), hit(at..at + 6)));
        let cookie = Part::plain(Place::CookieValue, b"sid", b"s3ss10n' OR 1=1");
        event.evidence.push(Evidence::of(&cookie, hit(7..15)));
        recorder.judged(event);
    });
    let text = fs::read_to_string(&path).unwrap();
    assert!(secrets.iter().all(|secret| !text.contains(secret)) && !text.contains("h%75nter2"), "{text}");
    assert!(!text.contains("4111 1111"), "{text}");
    assert!(text.contains("OR 1=1") && text.contains("[masked:"));
}

#[test]
fn nothing_raw_reaches_a_line() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("record.jsonl");
    live(&path, 1 << 20, |recorder| {
        recorder.judged(denied(recorder, "10.0.0.9:1", "/\u{1b}[2J\u{202e}\u{200b}\r\n{\"line\":\"forged\"}\u{0}"));
    });
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(text.chars().all(|c| c == '\n' || (c >= ' ' && c != '\u{7f}' && c != '\u{202e}' && c != '\u{200b}')));
    assert!(!text.contains("\\u001b"), "a JSON reader must not bring it back either");
}

#[test]
fn granted_traffic_is_one_line_for_caller_with_rule() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("record.jsonl");
    live(&path, 1 << 20, |recorder| {
        let caller = podwall::record::Caller::of(&connection("10.0.0.9:1"));
        let rule = "read orders".into();
        let worker = recorder.worker();
        (0..1000).for_each(|_| worker.note(&caller, &rule, Traffic::exchange(10, 100)));
    });
    let (_, text) = log(&["show", &path.display().to_string()]);
    assert!(text.contains("read orders") && text.contains("1000 requests, 10000 bytes in, 100000 out"), "{text}");
}

#[test]
fn commands_of_the_page_are_understood() {
    let dir = tempdir().unwrap();
    for name in ["record.jsonl.1", "record.jsonl"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/record.md")).unwrap();
    let commands: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("podwall ")).collect();
    assert!(commands.len() >= 4);
    for command in commands {
        let run = Command::new(env!("CARGO_BIN_EXE_podwall")).args(command.split(' ')).current_dir(dir.path()).output();
        assert!(run.unwrap().status.success(), "{command}");
    }
}

#[test]
fn every_sort_of_line_can_be_read() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("record.jsonl");
    live(&path, 1 << 20, |recorder| {
        let now = SystemTime::now();
        let ClientAddr(from) = connection("10.0.0.9:1").from;
        recorder.handshake(Handshake {
            id: recorder.id(now),
            time: now,
            reason: Reason::new("tls-no-certificate", Kind::Tls, "the peer presented no certificate"),
            from: ClientAddr(from),
            to: OriginalDestination(from),
            claimed: Some(Clipped::text(b"spiffe://other/ns/a/sa/b")),
            detail: None,
        });
        recorder.line(Line::Reload(Reload {
            time: now,
            what: "allowlists",
            problems: vec![],
            warnings: Vec::new(),
            weakens: vec!["grants GET /admin to any caller".into()],
            revision: Arc::default(),
        }));
        let caller = Some(podwall::record::Caller::of(&connection("10.0.0.9:1")));
        recorder.line(Line::Panic(Panic {
            id: recorder.id(now),
            time: now,
            message: "index out of bounds".into(),
            caller,
        }));
        recorder.judged(denied(recorder, "10.0.0.9:1", "/x"));
    });
    let (_, text) = log(&["show", &path.display().to_string()]);
    for part in [
        "start   ",
        "tls-no-certificate           10.0.0.9:1                               TLS handshake spiffe://other/ns/a/sa/b",
        "reload  ok                                                                    allowlists  grants GET /admin to any caller",
        "panic                                10.0.0.9                                 index out of bounds",
        "deny    attack-sql                   10.0.0.9:1                               GET /x",
        "stop    test",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

proptest! {
    /// Whatever a sender wrote, what is written of it shows as itself, and holds no secret.
    #[test]
    fn what_is_written_is_tame(pieces in prop::collection::vec(piece(), 0..12)) {
        let bytes = pieces.concat();
        let shown = Redactor::new(&[7; 32]).clipped(&Clipped::text(&bytes));
        prop_assert!(shown.chars().all(|c| c == '…' || c.escape_debug().len() == 1 || "\"'\\".contains(c)), "{shown:?}");
        prop_assert!(!shown.contains("hunter2") && !shown.contains("h%75nter2"), "{shown}");
    }
}

/// Hostile bytes, text, and secrets under their names.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        any::<String>().prop_map(String::into_bytes),
        prop_oneof![
            Just("&password=hunter2&"),
            Just(" \"pwd\" : \"hunter2\","),
            Just("&t%6fken=h%75nter2&"),
            Just("<secret>hunter2</secret>"),
            Just("\r\nAuthorization: Basic hunter2\r\n"),
        ]
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}
