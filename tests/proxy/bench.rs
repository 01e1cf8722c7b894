//! A sidecar in this process: its configuration in a folder of its own, an upstream behind it, and at the end the record.

use crate::client::Client;
use crate::upstream::{Received, Talk, Upstream, ok};
use podwall::control::config::{Environment, load};
use podwall::control::life::Life;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;
use tempfile::TempDir;

/// Everything is granted, and `/stream` streams.
const RULES: &str = "
  - {name: stream, from: any, methods: [POST], path: /stream, stream: true}
  - {name: all, from: any, methods: [GET, HEAD, POST], path: '/open/{rest...}'}";

/// What a sidecar is made of.
pub(crate) struct Setup {
    limits: String,
    rules: String,
    mode: &'static str,
    tls: String,
    /// More of the listener.
    listener: String,
    has_identity: bool,
    /// More of the configuration.
    more: String,
    folder: TempDir,
    upstream: Upstream,
    behind: SocketAddr,
    reserved: socket2::Socket,
}

/// A running sidecar.
pub(crate) struct Bench {
    life: Option<Life>,
    folder: TempDir,
    upstream: Upstream,
}

/// What a sidecar left.
pub(crate) struct Ended {
    pub(crate) lines: Vec<Value>,
    /// The same as it was written.
    pub(crate) record: String,
    /// As `/metrics` gives them.
    pub(crate) metrics: String,
    pub(crate) received: Vec<Received>,
}

impl Setup {
    /// Before an upstream that answers `ok` to everything.
    pub(crate) fn new() -> Self {
        Self::before(|talk| while talk.request().is_some() && ok(talk) {})
    }

    /// Before an upstream that treats each of its connections like this.
    pub(crate) fn before(behaviour: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let upstream = Upstream::start(behaviour);
        Self {
            limits: String::new(),
            rules: RULES.to_owned(),
            mode: "",
            tls: "off".to_owned(),
            listener: String::new(),
            has_identity: false,
            more: String::new(),
            folder: tempfile::tempdir().unwrap(),
            behind: upstream.address,
            upstream,
            reserved: reserve(),
        }
    }

    /// Sets a limit: `head_bytes: 1KiB`.
    pub(crate) fn limit(mut self, line: &str) -> Self {
        self.limits += &format!("  {line}\n");
        self
    }

    /// Has these rules, and whatever else stands in an allowlist behind them.
    pub(crate) fn rules(mut self, rules: &str) -> Self {
        self.rules = rules.to_owned();
        self
    }

    /// Sets the allowlist's mode.
    pub(crate) fn mode(mut self, mode: &'static str) -> Self {
        self.mode = match mode {
            "shadow" => "mode: shadow\n",
            "learn" => "mode: learn\n",
            other => panic!("no mode {other}"),
        };
        self
    }

    /// The port that the sidecar will listen on.
    pub(crate) fn port(&self) -> u16 {
        self.reserved.local_addr().unwrap().as_socket().unwrap().port()
    }

    /// Asks callers for mTLS, with the certificates in the bench's folder.
    pub(crate) fn strict(mut self, fill: impl FnOnce(&Path)) -> Self {
        self.tls = "strict".to_owned();
        self.identity(fill)
    }

    /// Has a certificate of its own, in the bench's folder.
    pub(crate) fn identity(mut self, fill: impl FnOnce(&Path)) -> Self {
        fill(self.folder.path());
        self.has_identity = true;
        self
    }

    /// Sets more of the listener: `upstream_protocol: http2`. `{folder}` stands for the bench's folder.
    pub(crate) fn listener(mut self, settings: &str) -> Self {
        self.listener += &format!(", {}", settings.replace("{folder}", &self.folder.path().display().to_string()));
        self
    }

    /// Puts another upstream behind it.
    pub(crate) fn behind(mut self, address: SocketAddr) -> Self {
        self.behind = address;
        self
    }

    /// Sets more of the configuration, in lines.
    pub(crate) fn also(mut self, lines: &str) -> Self {
        self.more += lines;
        self
    }

    /// The upstream behind it.
    pub(crate) fn behind_address(&self) -> SocketAddr {
        self.behind
    }

    pub(crate) fn start(self) -> Bench {
        let at = self.folder.path().display();
        let port = self.port();
        let Self { limits, tls, listener, behind, more, .. } = &self;
        let identity = format!(
            "identity: {{certificate: {at}/server.crt, key: {at}/server.key, trust: [{{domain: cluster.test, bundle: {at}/ca.crt}}]}}\n"
        );
        let identity = if self.has_identity { &identity } else { "" };
        let limits = if limits.is_empty() { String::new() } else { format!("limits:\n{limits}") };
        let text = format!(
            "apiVersion: podwall.dev/v1\nkind: Podwall\nlisteners:\n  - {{listen: '127.0.0.1:{port}', tls: {tls}, upstream: '{behind}'{listener}}}\n\
             allowlists: [{at}/allowlist.yaml]\nrecord: {{stdout: false, file: {{path: {at}/record.jsonl}}}}\nworkers: 1\n{more}{identity}{limits}"
        );
        write_rules(self.folder.path(), self.mode, &self.rules);
        let loaded = load::read("podwall.yaml", &text, &Environment::of(std::iter::empty())).expect("a configuration");
        let life = Life::start(&loaded.config).expect("a sidecar");
        Bench { life: Some(life), folder: self.folder, upstream: self.upstream }
    }
}

impl Bench {
    pub(crate) fn life(&self) -> &Life {
        self.life.as_ref().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.life().addresses()[0]
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn client(&self) -> Client<std::net::TcpStream> {
        Client::connect(self.address())
    }

    /// Puts other rules into the allowlist's file.
    pub(crate) fn rewrite(&self, rules: &str) {
        write_rules(self.folder(), "", rules);
    }

    /// What the sidecar says of itself.
    pub(crate) fn report(&self) -> String {
        self.life().state().status().report(SystemTime::now())
    }

    /// Gives the sidecar to a thread that stops it.
    pub(crate) fn stop_aside(&mut self) -> std::thread::JoinHandle<usize> {
        let life = self.life.take().unwrap();
        std::thread::spawn(move || life.stop("the test drains"))
    }

    /// Stops the sidecar, then the upstream: what each has seen is complete.
    pub(crate) fn end(mut self) -> Ended {
        let mut metrics = String::new();
        if let Some(life) = self.life.take() {
            let status = life.state().status().clone();
            life.stop("the test is over");
            metrics = status.metrics();
        }
        let text = fs::read_to_string(self.folder.path().join("record.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Ended { lines, record: text, metrics, received: self.upstream.end() }
    }
}

impl Ended {
    /// The reasons of everything that was refused, in order.
    pub(crate) fn reasons(&self) -> Vec<&str> {
        self.lines.iter().filter_map(|line| line["reason"].as_str()).collect()
    }

    /// Whether a metric counts this reason.
    pub(crate) fn counts(&self, reason: &str) -> bool {
        let label = format!("reason=\"{reason}\"}} ");
        self.metrics.lines().any(|line| line.contains(&label) && !line.ends_with("} 0"))
    }

    /// All that the upstream received, on all connections.
    pub(crate) fn all(&self) -> String {
        self.received.iter().map(|received| String::from_utf8_lossy(&received.bytes).into_owned()).collect()
    }

    /// Lines of one sort.
    pub(crate) fn of<'a>(&'a self, line: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.iter().filter(move |value| value["line"] == line)
    }
}

/// A port that nobody else gets: bound, but not listened on, by a socket that lets the sidecar's share it.
fn reserve() -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket
}

fn write_rules(folder: &Path, mode: &str, rules: &str) {
    let text = format!(
        "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {{name: test}}\nowner: tests\n{mode}inbound:{rules}\n"
    );
    fs::write(folder.join("allowlist.yaml"), text).unwrap();
}
