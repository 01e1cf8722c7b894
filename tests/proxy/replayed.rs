//! Recorded sessions with PostgreSQL (`tests/data/postgres`, made by `tests/tools/record_postgres.py`), played again through a
//! sidecar between a client and a server that keep to the recording. As they are, they come out as recorded; with any one
//! message dropped, doubled or cut, on either side, no statement reaches the server that is not granted, and the session ends.

use crate::bench::{Bench, Setup};
use podwall::document;
use podwall::flow::*;
use podwall::policy::{Allowlist, Context, Policy, compile};
use podwall::protocol::postgres::accesses::{Asked, Understood};
use podwall::protocol::postgres::path::Settings;
use podwall::protocol::postgres::{Limits, emit, frame, front};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

const FOLDER: &str = "tests/data/postgres";
/// Without a byte for so long, a side goes on as if what it waits for had come. Only how a changed recording comes out
/// depends on it, never whether it may.
const STALLED: Duration = Duration::from_millis(40);
/// For what is as recorded, and for the end of a session.
const PATIENCE: Duration = Duration::from_secs(20);

/// One message of one side of a recording, as that side's end sees it.
#[derive(Clone)]
struct Said {
    /// The end says it; else it is told it.
    out: bool,
    bytes: Vec<u8>,
}

/// A session, as its client and its server see it.
struct Recording {
    client: Vec<Said>,
    server: Vec<Said>,
}

/// What happens to one message.
#[derive(Clone, Copy, Debug)]
enum Change {
    Drop,
    Double,
    /// Its second half is missing.
    Cut,
    /// The same, and its length fits.
    Shorten,
}

#[test]
fn simple_session_is_safe_whatever_is_lost() {
    replay("simple");
}

#[test]
fn extended_session_is_safe_whatever_is_lost() {
    replay("extended");
}

#[test]
fn pipeline_is_safe_whatever_is_lost() {
    replay("pipeline");
}

#[test]
fn portals_are_safe_whatever_is_lost() {
    replay("portals");
}

fn replay(name: &str) {
    let recording = Recording::read(name);
    let rules = std::fs::read_to_string(format!("{FOLDER}/allowlist.yaml")).unwrap();
    let policy = policy(&rules);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup::new().behind(listener.local_addr().unwrap()).rules(&format!(" []\n{rules}"));
    let bench = setup.listener("protocol: postgres").start();
    let (told, heard) = play(&bench, &listener, &recording.client, &recording.server, PATIENCE);
    assert_eq!(
        masked(&told),
        masked(&recording.client.iter().filter(|said| !said.out).flat_map(bytes).collect::<Vec<_>>())
    );
    let expected: Vec<u8> = recording.server.iter().filter(|said| !said.out).flat_map(bytes).collect();
    assert_eq!(heard.escape_ascii().to_string(), expected.escape_ascii().to_string());
    let statements = only_granted(&policy, &heard);
    assert!(statements > 3, "{statements} statements");
    for change in [Change::Drop, Change::Double, Change::Cut, Change::Shorten] {
        for (client, server) in recording.changed(change) {
            let (_, heard) = play(&bench, &listener, &client, &server, STALLED);
            only_granted(&policy, &heard);
        }
    }
    bench.end();
}

fn bytes(said: &Said) -> impl Iterator<Item = u8> + '_ {
    said.bytes.iter().copied()
}

/// One session: what the client was told, and what the server heard.
fn play(
    bench: &Bench,
    listener: &TcpListener,
    client: &[Said],
    server: &[Said],
    stalled: Duration,
) -> (Vec<u8>, Vec<u8>) {
    std::thread::scope(|scope| {
        let (gone, over) = mpsc::sync_channel::<()>(1);
        let serving = scope.spawn(move || accepted(listener, &over).map(|stream| speak(stream, server, stalled)));
        let told = speak(TcpStream::connect(bench.address()).unwrap(), client, stalled);
        drop(gone);
        (told, serving.join().unwrap().unwrap_or_default())
    })
}

/// The sidecar's connection; none when the session ends without one, because its startup message was lost.
fn accepted(listener: &TcpListener, over: &mpsc::Receiver<()>) -> Option<TcpStream> {
    listener.set_nonblocking(true).unwrap();
    loop {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).unwrap();
            return Some(stream);
        }
        if over.try_recv() == Err(mpsc::TryRecvError::Disconnected) {
            return listener.accept().ok().map(|(stream, _)| stream);
        }
        std::thread::yield_now();
    }
}

/// Keeps to a recording from one end: says what it says, once it has heard what stands before it. All that it heard.
fn speak(mut stream: TcpStream, script: &[Said], stalled: Duration) -> Vec<u8> {
    let (mut heard, mut expected, mut wait) = (Vec::new(), 0, stalled);
    for said in script {
        if !said.out {
            expected += said.bytes.len();
        } else if !hears(&mut stream, &mut heard, expected, wait) {
            // It waits in vain no second time: what is left is said at once.
            wait = Duration::from_millis(1);
        }
        if said.out && stream.write_all(&said.bytes).is_err() {
            break;
        }
    }
    hears(&mut stream, &mut heard, expected, wait);
    // Whoever has been cut off has nothing left to say.
    let _ = stream.shutdown(Shutdown::Write);
    assert!(hears(&mut stream, &mut heard, usize::MAX, PATIENCE), "the session hangs");
    heard
}

/// Reads up to so many bytes, or to the end; whether that came in time.
fn hears(stream: &mut TcpStream, heard: &mut Vec<u8>, expected: usize, wait: Duration) -> bool {
    stream.set_read_timeout(Some(wait)).unwrap();
    let mut piece = [0; 4096];
    while heard.len() < expected {
        match stream.read(&mut piece) {
            Ok(0) => return true,
            Ok(count) => heard.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return false,
            Err(_) => return true,
        }
    }
    true
}

/// Every statement that a server heard is granted, or the one that stands for a denied one. How many there are.
fn only_granted(policy: &Policy, heard: &[u8]) -> usize {
    let Some(length) = heard.first_chunk::<4>() else { return 0 };
    let mut rest = heard.get(u32::from_be_bytes(*length) as usize..).unwrap_or_default();
    let mut statements = 0;
    while !rest.is_empty() {
        let unit = match frame::from_client(rest, &Limits::default()) {
            Ok(Some(unit)) => unit,
            // What the server cannot read whole is no statement that could run, nor the beginning of one.
            Ok(None) => {
                assert!(!matches!(rest[0], b'Q' | b'P'), "the server hears the beginning of {}", rest.escape_ascii());
                return statements;
            }
            Err(malformed) => panic!("the server hears {malformed:?}: {}", rest.escape_ascii()),
        };
        match front::read(&unit, rest).unwrap() {
            front::Front::Query(text) | front::Front::Parse { text, .. } if !emit::is_failing(text) => {
                assert!(is_granted(policy, text), "the server hears {}", text.escape_ascii());
                statements += 1;
            }
            front::Front::FunctionCall(_) => panic!("the server hears a function call"),
            _ => {}
        }
        rest = rest.get(unit.len..).unwrap_or_default();
    }
    statements
}

fn is_granted(policy: &Policy, text: &[u8]) -> bool {
    let asked = Asked::of(&Understood::of(text, false), "app", "shop", &Settings::default());
    let connection = Connection {
        id: ConnectionId(1),
        direction: Direction::Inbound,
        from: ClientAddr("127.0.0.1:1".parse().unwrap()),
        to: OriginalDestination("127.0.0.1:5432".parse().unwrap()),
        port: 5432,
        names: Names::default(),
        peer: Peer::Unverified,
        protocol: "postgres",
        opened: SystemTime::UNIX_EPOCH,
    };
    let (session, past) = (Session::default(), Past::default());
    let now = Now { wall: SystemTime::UNIX_EPOCH, since_start: Duration::ZERO };
    let scene = Scene { connection: &connection, session: &session, past: &past, now };
    asked.accesses().iter().all(|access| matches!(policy.grants(&scene, access), Grant::Granted(_)))
}

fn policy(rules: &str) -> Policy {
    let head = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: recorded}\n";
    let documents = document::read::<Allowlist>("allowlist.yaml", &format!("{head}{rules}")).unwrap();
    let context = Context { now: SystemTime::UNIX_EPOCH, trust_domain: None, tls: None };
    compile(&documents, &context).unwrap_or_else(|problems| panic!("{}", document::render_all(&problems))).policy
}

/// What a client was told, without the ids of events.
fn masked(told: &[u8]) -> String {
    let text = told.escape_ascii().to_string();
    let mut pieces = text.split("Devent ");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + "Devent …" + piece.split_once("\\x00").map_or("", |(_, rest)| rest))
}

impl Recording {
    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(format!("{FOLDER}/{name}.txt")).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let of = |end: &str, says: &str| -> Vec<Said> {
            let line = |line: &&str| {
                let (way, message) = line.strip_prefix(end)?.split_once(' ')?;
                Some(Said { out: way == says, bytes: unescaped(message) })
            };
            lines.iter().filter_map(line).collect()
        };
        Self { client: of("client", ">"), server: of("server", "<") }
    }

    /// Each end's messages with one of them changed, in turn.
    fn changed(&self, change: Change) -> Vec<(Vec<Said>, Vec<Said>)> {
        let places = |script: &[Said]| (0..script.len()).filter(|at| script[*at].out).collect::<Vec<_>>();
        let client = places(&self.client).into_iter().map(|at| (change.made(&self.client, at), self.server.clone()));
        let server = places(&self.server).into_iter().map(|at| (self.client.clone(), change.made(&self.server, at)));
        client.chain(server).collect()
    }
}

impl Change {
    fn made(self, script: &[Said], at: usize) -> Vec<Said> {
        let mut script = script.to_vec();
        let message = &mut script[at].bytes;
        let half = message.len() / 2;
        match self {
            Self::Drop => message.clear(),
            Self::Double => message.extend_from_within(..),
            Self::Cut => message.truncate(half),
            // A startup message has its length first, others their type; both must hold their own length.
            Self::Shorten => {
                let start = usize::from(message[0] != 0);
                message.truncate(half.max(start + 4));
                let length = u32::try_from(message.len() - start).unwrap();
                message[start..start + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        script
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut pieces = text.split("\\x");
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}
