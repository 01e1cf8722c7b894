//! What was judged before is not judged anew, and yet no setting under which it was judged is forgotten: a sidecar that has seen
//! any sessions before says to every statement what the policy and the detectors say who have seen none. Users, databases,
//! callers, search paths, the quoting of strings, encodings and the policy itself change between statements.

use crate::bench::{Bench, Setup};
use podwall::detect::Detectors;
use podwall::document;
use podwall::engine::Engine;
use podwall::flow::*;
use podwall::policy::{Allowlist, Context, compile};
use podwall::protocol::postgres::accesses::{Asked, Understood};
use podwall::protocol::postgres::emit::is_failing;
use podwall::protocol::postgres::path::Settings;
use podwall::protocol::postgres::{Limits, frame, front};
use proptest::prelude::*;
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, SystemTime};

/// Two policies; reloads go from one to the other.
const RULES: [&str; 2] = [
    "databases:
  - {name: one, from: 127.0.0.1, user: app, tables: {orders: [SELECT, DELETE], 'a.orders': SELECT}, neverRead: [orders.secret], settings: [search_path]}
  - {name: two, from: 127.0.0.2, user: app, database: shop, tables: {orders: SELECT, ledger: SELECT}, settings: [search_path]}
  - {name: three, from: [127.0.0.1, 127.0.0.2], user: report, tables: {'*': SELECT}}\n",
    "databases:
  - {name: one, from: 127.0.0.1, user: app, tables: {orders: SELECT, ledger: SELECT}, settings: [search_path]}
  - {name: two, from: 127.0.0.2, user: [app, report], tables: {'b.*': SELECT, orders: [SELECT, DELETE]}, unbounded: true, settings: [search_path]}\n",
];
/// `#` is a number, another one each time.
const STATEMENTS: &[&str] = &[
    "SELECT id FROM orders WHERE id = #",
    "SELECT id FROM ledger WHERE id = #",
    "SELECT secret FROM orders WHERE id = #",
    "SELECT * FROM orders LIMIT #",
    "DELETE FROM orders WHERE id = #",
    "DELETE FROM orders",
    "SELECT id FROM orders WHERE item = 'it#'",
    // Where a backslash escapes the quote, `FROM ledger` is part of a string.
    "SELECT id FROM orders WHERE item = '\\' OR id IN (SELECT id FROM ledger) AND item = '#'",
    "SELECT id FROM orders WHERE item = 'x\\' FROM ledger WHERE id = # --'",
    "SELECT id FROM orders WHERE item = 'x' OR # = # --'",
    "SELECT a.orders.id FROM a.orders WHERE id = #",
];
const PATHS: &[&str] = &["public", "a", "b", "a, public"];

/// What a session is opened with.
#[derive(Clone, Debug)]
struct Opened {
    from: u8,
    user: &'static str,
    database: &'static str,
    encoding: &'static str,
    path: Option<&'static str>,
    /// The server says that backslashes escape.
    backslash: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Ask(usize, u32),
    /// A prepared statement is made, and run after each later step.
    Prepare(usize, u32),
    Path(&'static str),
    /// The other policy comes into force.
    Reload,
}

fn opened() -> impl Strategy<Value = Opened> {
    let path = prop_oneof![2 => Just(None), 1 => prop::sample::select(PATHS).prop_map(Some)];
    let names = (prop::sample::select(&["app", "report"][..]), prop::sample::select(&["shop", "other"][..]));
    let encoding = prop::sample::select(&["UTF8", "LATIN1", "SQL_ASCII"][..]);
    (1..=2_u8, names, encoding, path, any::<bool>()).prop_map(|(from, (user, database), encoding, path, backslash)| {
        Opened { from, user, database, encoding, path, backslash }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..STATEMENTS.len(), 1..9_u32).prop_map(|(at, number)| Step::Ask(at, number)),
        2 => (0..STATEMENTS.len(), 1..9_u32).prop_map(|(at, number)| Step::Prepare(at, number)),
        2 => prop::sample::select(PATHS).prop_map(Step::Path),
        1 => Just(Step::Reload),
    ]
}

#[test]
fn warm_cache_says_what_a_cold_one_says() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup::new().behind(server.local_addr().unwrap()).rules(&format!(" []\n{}", RULES[0]));
    let bench = setup.listener("protocol: postgres").start();
    std::thread::spawn(move || serve(&server));
    let sessions = prop::collection::vec((opened(), prop::collection::vec(step(), 1..12)), 1..6);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    let (engines, policy) = ([engine(RULES[0]), engine(RULES[1])], Cell::new(0));
    let held = runner.run(&sessions, |sessions| {
        sessions.iter().for_each(|(opened, steps)| follow(&bench, &engines, &policy, opened, steps));
        Ok(())
    });
    held.unwrap();
    bench.end();
}

/// One session on the warm sidecar, each of its statements held against a judge who remembers nothing.
fn follow(bench: &Bench, engines: &[Engine; 2], policy: &Cell<usize>, opened: &Opened, steps: &[Step]) {
    let mut cold = Cold { opened, settings: Settings::default(), engine: &engines[policy.get()] };
    cold.settings.backslash = opened.backslash;
    let Some(mut warm) = Warm::open(bench.address(), opened) else {
        let path = opened.path.map(|path| format!("SET search_path = {path}"));
        assert!(!cold.opens() || path.is_some_and(|path| !cold.grants(&path)), "a session is refused: {opened:?}");
        return;
    };
    assert!(cold.opens(), "a session is opened: {opened:?}");
    if let Some(path) = opened.path {
        assert!(cold.grants(&format!("SET search_path = {path}")), "a search path is taken: {opened:?}");
        cold.sets(path);
    }
    let mut prepared: Option<String> = None;
    for step in steps {
        match step {
            Step::Reload => {
                policy.set(1 - policy.get());
                bench.rewrite(&format!(" []\n{}", RULES[policy.get()]));
                bench.life().state().reload_policy();
                cold.engine = &engines[policy.get()];
            }
            Step::Path(path) => {
                let text = format!("SET search_path = {path}");
                let granted = cold.grants(&text);
                assert_eq!(warm.ask(&text), granted, "{text}, {opened:?}");
                if granted {
                    cold.sets(path);
                }
            }
            Step::Ask(at, number) => {
                let text = STATEMENTS[*at].replace('#', &number.to_string());
                assert_eq!(warm.ask(&text), cold.grants(&text), "{text}, {opened:?}, {steps:?}");
            }
            Step::Prepare(at, number) => {
                let text = STATEMENTS[*at].replace('#', &number.to_string());
                let granted = warm.prepare(&text);
                assert_eq!(granted, cold.grants(&text), "{text} is prepared, {opened:?}");
                prepared = granted.then_some(text);
            }
        }
        if let Some(text) = &prepared {
            assert_eq!(warm.run(), cold.grants(text), "{text} is run, {opened:?}, {steps:?}");
        }
    }
}

/// The judge who remembers nothing.
struct Cold<'a> {
    opened: &'a Opened,
    settings: Settings,
    engine: &'a Engine,
}

impl Cold<'_> {
    fn opens(&self) -> bool {
        self.judges(&Asked::session(self.opened.user, self.opened.database), &[])
    }

    fn grants(&self, text: &str) -> bool {
        let understood = Understood::of(text.as_bytes(), self.settings.backslash);
        let asked = Asked::of(&understood, self.opened.user, self.opened.database, &self.settings);
        self.judges(&asked, &[Part::plain(Place::SqlText, b"postgres", text.as_bytes())])
    }

    fn judges(&self, asked: &Asked, parts: &[Part<'_>]) -> bool {
        let connection = Connection {
            id: ConnectionId(1),
            direction: Direction::Inbound,
            from: ClientAddr(SocketAddr::from(([127, 0, 0, self.opened.from], 1))),
            to: OriginalDestination("127.0.0.1:1".parse().unwrap()),
            port: 1,
            names: Names::default(),
            peer: Peer::Unverified,
            protocol: "postgres",
            opened: SystemTime::UNIX_EPOCH,
        };
        let (session, past) = (Session::default(), Past::default());
        let now = Now { wall: SystemTime::now(), since_start: Duration::ZERO };
        let scene = Scene { connection: &connection, session: &session, past: &past, now };
        let accesses = asked.accesses();
        let message = Message { side: Side::Client, accesses: &accesses, parts, last: true };
        self.engine.open(&scene).judge(&scene, &message, &mut Engine::budget(1000)).verdict == Verdict::Allow
    }

    fn sets(&mut self, path: &str) {
        let understood = Understood::of(format!("SET search_path = {path}").as_bytes(), false);
        understood.follow(&mut self.settings, self.opened.user);
    }
}

fn engine(rules: &str) -> Engine {
    let head = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: test}\n";
    let documents = document::read::<Allowlist>("test.yaml", &format!("{head}{rules}")).unwrap();
    let context = Context { now: SystemTime::now(), trust_domain: None, tls: None };
    let policy = compile(&documents, &context).unwrap_or_else(|problems| panic!("{}", document::render_all(&problems)));
    Engine::new(policy.policy, Detectors::default(), 0)
}

/// A session through the sidecar.
struct Warm {
    stream: TcpStream,
    held: Vec<u8>,
}

impl Warm {
    /// Nothing when the sidecar refuses it.
    fn open(to: SocketAddr, opened: &Opened) -> Option<Self> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, opened.from], 0)).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        socket.set_tcp_nodelay(true).unwrap();
        let mut warm = Self { stream: socket.into(), held: Vec::new() };
        warm.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let application = if opened.backslash { "escapes" } else { "conforms" };
        let mut body = b"\0\x03\0\0".to_vec();
        let path = opened.path.map(|path| ("search_path", path));
        let pairs = [("user", opened.user), ("database", opened.database), ("client_encoding", opened.encoding)];
        for (name, value) in pairs.into_iter().chain([("application_name", application)]).chain(path) {
            body.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        warm.stream.write_all(&[&length[..], &body].concat()).unwrap();
        warm.ready().then_some(warm)
    }

    fn ask(&mut self, text: &str) -> bool {
        self.stream.write_all(&message(b'Q', &[text.as_bytes(), b"\0"].concat())).unwrap();
        self.ready()
    }

    fn prepare(&mut self, text: &str) -> bool {
        let parse = message(b'P', &[b"p\0", text.as_bytes(), b"\0\0\0"].concat());
        let close = message(b'C', b"Sp\0");
        self.stream.write_all(&[close, message(b'S', b""), parse, message(b'S', b"")].concat()).unwrap();
        self.ready();
        self.ready()
    }

    fn run(&mut self) -> bool {
        let bind = message(b'B', b"\0p\0\0\0\0\0\0\0");
        let execute = message(b'E', b"\0\0\0\0\0");
        self.stream.write_all(&[bind, execute, message(b'S', b"")].concat()).unwrap();
        self.ready()
    }

    /// Reads to the next time that the server is ready; whether that came without an error.
    fn ready(&mut self) -> bool {
        let mut good = true;
        loop {
            while let Ok(Some(unit)) = frame::from_server(&self.held)
                && self.held.len() >= unit.len
            {
                self.held.drain(..unit.len);
                good &= unit.tag != b'E';
                if unit.tag == b'Z' {
                    return good;
                }
            }
            if !more(&mut self.stream, &mut self.held) {
                return false;
            }
        }
    }
}

fn more(stream: &mut TcpStream, held: &mut Vec<u8>) -> bool {
    let mut piece = [0; 4096];
    let count = stream.read(&mut piece).unwrap_or_default();
    held.extend_from_slice(&piece[..count]);
    count > 0
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], &u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat()
}

/// A server that takes everything but what stands for a denied statement.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        std::thread::spawn(move || session(stream));
    }
}

fn session(mut stream: TcpStream) {
    let mut held = Vec::new();
    while held.first_chunk::<4>().is_none_or(|length| held.len() < u32::from_be_bytes(*length) as usize) {
        if !more(&mut stream, &mut held) {
            return;
        }
    }
    let strings = if held.windows(7).any(|bytes| bytes == b"escapes") { "off" } else { "on" };
    let parameter = message(b'S', format!("standard_conforming_strings\0{strings}\0").as_bytes());
    held.drain(..u32::from_be_bytes(*held.first_chunk::<4>().unwrap()) as usize);
    let mut say = [message(b'R', &[0; 4]), parameter, message(b'Z', b"I")].concat();
    let mut skipping = false;
    loop {
        if stream.write_all(&say).is_err() {
            return;
        }
        say.clear();
        while let Ok(Some(unit)) = frame::from_client(&held, &Limits::default())
            && held.len() >= unit.len
        {
            say.extend(answer(&front::read(&unit, &held).unwrap(), &mut skipping));
            held.drain(..unit.len);
        }
        if say.is_empty() && !more(&mut stream, &mut held) {
            return;
        }
    }
}

fn answer(asked: &front::Front<'_>, skipping: &mut bool) -> Vec<u8> {
    let (ready, done) = (message(b'Z', b"I"), message(b'C', b"SELECT 0\0"));
    let error = || message(b'E', b"SERROR\0VERROR\0C42601\0Msyntax error\0\0");
    match asked {
        front::Front::Sync => {
            *skipping = false;
            ready
        }
        front::Front::Query(text) => [if is_failing(text) { error() } else { done }, ready].concat(),
        _ if *skipping => Vec::new(),
        front::Front::Parse { text, .. } if is_failing(text) => {
            *skipping = true;
            error()
        }
        front::Front::Parse { .. } => message(b'1', b""),
        front::Front::Bind { .. } => message(b'2', b""),
        front::Front::CloseStatement(_) => message(b'3', b""),
        front::Front::Execute(_) => done,
        _ => Vec::new(),
    }
}
