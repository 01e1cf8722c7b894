//! A defect in a detector costs the connection it happened on, and is recorded; the worker and its other connections go
//! on.
#![cfg(feature = "sidecar")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test

use podwall::control::config::{self, Environment};
use podwall::control::translate;
use podwall::detect::{Detector, Detectors, Wake};
use podwall::engine::Engine;
use podwall::flow::{Found, Fuel, Part};
use podwall::proxy::{Shared, Sidecar};
use podwall::record::line::Stop;
use podwall::record::sink::Sink;
use podwall::record::{Metrics, Origin, Recorder, Settings};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

/// Finds nothing, but breaks on one word.
struct Defect;

impl Detector for Defect {
    fn name(&self) -> &'static str {
        "defect"
    }

    fn wakes(&self) -> Wake {
        Wake { literals: &["break-the-detector"], bytes: &[] }
    }

    fn inspect(&self, _: &Part<'_>, _: &mut Found, _: &mut Fuel) {
        panic!("a defect, on purpose");
    }
}

const ALLOWLIST: &str = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: test}\n\
    databases: [{name: all, from: any, user: app, tables: {orders: SELECT}, functions: [pg_read_file]}]\n";

/// Keeps what is recorded.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<String>>);

impl Sink for Kept {
    fn write(&mut self, lines: &str) -> io::Result<()> {
        self.0.lock().unwrap().push_str(lines);
        Ok(())
    }
}

#[test]
fn panic_costs_one_connection_and_is_recorded() {
    let upstream = upstream();
    let kept = Kept::default();
    let (sidecar, writer) = sidecar(upstream, &kept);
    let address = sidecar.addresses()[0];
    let mut bystander = TcpStream::connect(address).unwrap();
    assert!(ask(&mut bystander, "/before").starts_with("HTTP/1.1 200"));
    let mut victim = TcpStream::connect(address).unwrap();
    assert_eq!(ask(&mut victim, "/?q=break-the-detector"), "");
    assert!(ask(&mut bystander, "/after").starts_with("HTTP/1.1 200"));
    assert!(sidecar.is_alive());
    assert!(sidecar.shared().metrics().render().contains("podwall_panics_total 1"));
    drop(bystander);
    sidecar.stop();
    assert!(writer.stop(Stop { time: SystemTime::now(), why: "test".into(), cut: 0 }, Duration::from_secs(30)));
    let record = kept.0.lock().unwrap().clone();
    assert!(record.lines().any(|line| line.contains("\"line\":\"panic\"")), "{record}");
}

#[test]
fn panic_costs_one_database_session_of_its_thread() {
    let kept = Kept::default();
    let folder = tempfile::tempdir().unwrap();
    let allowlist = folder.path().join("allowlist.yaml");
    std::fs::write(&allowlist, ALLOWLIST).unwrap();
    let (sidecar, writer) = of_protocol("postgres", database(), allowlist, &kept);
    let address = sidecar.addresses()[0];
    let mut sessions = [opened(address), opened(address)];
    for round in 1..3 {
        assert_eq!(query(&mut sessions[0], "SELECT id FROM orders"), b'C');
        assert_eq!(
            query(&mut sessions[1], "SELECT pg_read_file('break-the-detector') FROM orders"),
            0,
            "it is ended without a word"
        );
        sessions[1] = opened(address);
        assert!(sidecar.shared().metrics().render().contains(&format!("podwall_panics_total {round}\n")));
    }
    assert!(sidecar.is_alive());
    drop(sessions);
    assert_eq!(sidecar.stop(), 0, "nothing is open any more");
    assert!(writer.stop(Stop { time: SystemTime::now(), why: "test".into(), cut: 0 }, Duration::from_secs(30)));
    let record = kept.0.lock().unwrap().clone();
    assert_eq!(record.matches("\"line\":\"panic\"").count(), 2, "{record}");
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], &u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat()
}

/// A session with the database, past the login.
fn opened(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(&message(b'?', b"\0\x03\0\0user\0app\0database\0shop\0\0")[1..]).unwrap();
    let mut welcome = vec![0; welcome().len()];
    socket.read_exact(&mut welcome).unwrap();
    socket
}

fn welcome() -> Vec<u8> {
    [message(b'R', &[0; 4]), message(b'Z', b"I")].concat()
}

/// The first byte of the answer to a text; 0 when the session ends without one.
fn query(socket: &mut TcpStream, text: &str) -> u8 {
    let answer = [message(b'C', b"SELECT 1\0"), message(b'Z', b"I")].concat();
    let mut told = vec![0; answer.len()];
    socket.write_all(&message(b'Q', &[text.as_bytes(), b"\0"].concat())).unwrap();
    if socket.read_exact(&mut told).is_ok() { told[0] } else { 0 }
}

/// A database that lets everybody in and answers everything with one row that it does not send.
fn database() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                let _ = socket.read(&mut bytes).unwrap();
                socket.write_all(&welcome()).unwrap();
                while socket.read(&mut bytes).is_ok_and(|read| read > 0) {
                    let answer = [message(b'C', b"SELECT 1\0"), message(b'Z', b"I")].concat();
                    socket.write_all(&answer).unwrap();
                }
            });
        }
    });
    address
}

fn sidecar(upstream: SocketAddr, kept: &Kept) -> (Sidecar, podwall::record::Writer) {
    of_protocol("http", upstream, "deploy/examples/inspect-only-allowlist.yaml".into(), kept)
}

fn of_protocol(
    protocol: &str,
    upstream: SocketAddr,
    allowlist: PathBuf,
    kept: &Kept,
) -> (Sidecar, podwall::record::Writer) {
    let config = format!(
        "apiVersion: podwall.dev/v1\nkind: Podwall\nworkers: 1\n\
         listeners: [{{listen: '127.0.0.1:0', tls: off, protocol: {protocol}, upstream: '{upstream}'}}]\n"
    );
    let environment = Environment::of(std::iter::empty());
    let config = config::load::read("podwall.yaml", &config, &environment).unwrap().config;
    let sources = podwall::control::judging::Sources { allowlists: vec![allowlist], ..Default::default() };
    let policy = sources.load(SystemTime::now()).unwrap().policy;
    let engine = Engine::new(policy, Detectors::compile(&[&Defect], Vec::new()), 0);
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(kept.clone())];
    let (recorder, writer) = Recorder::start(Settings::default(), Origin::default(), sinks).unwrap();
    let shared = Shared::new(translate::data_path(&config), engine, None, recorder, Metrics::new());
    (Sidecar::start(shared).unwrap(), writer)
}

/// Answers every request.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            thread::spawn(move || answer(socket));
        }
    });
    address
}

fn answer(mut socket: TcpStream) {
    let mut bytes = [0; 4096];
    while socket.read(&mut bytes).is_ok_and(|read| read > 0) {
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

/// The answer's first bytes; empty when the connection ends without one.
fn ask(socket: &mut TcpStream, target: &str) -> String {
    socket.write_all(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).unwrap();
    let mut bytes = [0; 4096];
    let read = socket.read(&mut bytes).unwrap_or_default();
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}
