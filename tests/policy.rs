//! Allowlists with tables of (who, what, answer): `tests/data/policy/*.yaml`, through the front door only.
//!
//! A file holds allowlists and one `kind: Table`. A row is `[who, what, answer]`:
//! - who: `nobody`, `shop/web` (in `spiffe://prod.example/`), `spiffe://…`; `… at ADDRESS` (default 192.0.2.1);
//! - what: `METHOD [//HOST]PATH[?QUERY]`, then `on PORT` (default 8080), `with NAME=VALUE` (a header), `upgrade`,
//!   `absolute`, `readings /A /B` (further readings, all of which must be granted); `tcp` alone; `to ADDRESS:PORT` makes
//!   it outbound;
//! - answer: `granted by RULE`, `denied by RULE`, or `no rule: WORDS OF THE NEAREST`.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing, clippy::panic)] // a test: what fails, fails it

use podwall::document;
use podwall::flow::*;
use podwall::policy::{Allowlist, Context, Policy, compile};
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Table {
    #[allow(dead_code)] // tells the table from the allowlists
    kind: String,
    /// RFC 3339.
    now: Option<String>,
    rows: Vec<(String, String, String)>,
}

/// What a row asks.
struct Ask {
    connection: Connection,
    action: String,
    scheme: &'static str,
    authority: String,
    paths: Vec<String>,
    facts: Vec<Fact<'static>>,
}

#[test]
fn tables_are_answered() {
    let mut rows = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir("tests/data/policy").unwrap() {
        let file = entry.unwrap().path();
        let (documents, table) = read(&file.display().to_string(), &std::fs::read_to_string(&file).unwrap());
        let now = table.now.as_deref().map_or(SystemTime::UNIX_EPOCH, instant);
        let policy = compiled(&documents, now);
        for (who, what, expected) in &table.rows {
            rows += 1;
            let given = answer(&policy, now, &ask(who, what));
            let fits = match expected.strip_prefix("no rule: ") {
                Some(words) => given.strip_prefix("no rule: ").is_some_and(|given| given.contains(words)),
                None => given == *expected,
            };
            if !fits {
                wrong.push(format!("{}: [{who}, {what}]: expected {expected}, is {given}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(rows >= 60, "{rows} rows");
}

fn read(file: &str, text: &str) -> (Vec<document::Document<Allowlist>>, Table) {
    let trees = document::parse(file, text).unwrap_or_else(|problems| panic!("{}", document::render_all(&problems)));
    let (tables, allowlists): (Vec<_>, Vec<_>) = trees.into_iter().partition(|tree| tree.text("kind") == Some("Table"));
    let table = tables.into_iter().next().unwrap().decode::<Table>();
    let table = table.unwrap_or_else(|problems| panic!("{}", document::render_all(&problems))).value;
    let decoded = allowlists.into_iter().map(|tree| tree.decode::<Allowlist>());
    let decoded: Result<Vec<_>, _> = decoded.collect();
    (decoded.unwrap_or_else(|problems| panic!("{}", document::render_all(&problems))), table)
}

fn compiled(documents: &[document::Document<Allowlist>], now: SystemTime) -> Policy {
    let context = Context { now, trust_domain: Some("prod.example"), tls: None };
    compile(documents, &context).unwrap_or_else(|problems| panic!("{}", document::render_all(&problems))).policy
}

fn instant(text: &str) -> SystemTime {
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap().into()
}

fn ask(who: &str, what: &str) -> Ask {
    let (who, address) = who.split_once(" at ").unwrap_or((who, "192.0.2.1"));
    let peer = match who {
        "nobody" => None,
        id if id.starts_with("spiffe://") => Some(id.to_owned()),
        short => {
            let (namespace, account) = short.split_once('/').unwrap();
            Some(format!("spiffe://prod.example/ns/{namespace}/sa/{account}"))
        }
    };
    let mut ask = Ask {
        connection: connection(address, peer.as_deref()),
        action: "connect".to_owned(),
        scheme: "tcp",
        authority: "orders.shop".to_owned(),
        paths: Vec::new(),
        facts: Vec::new(),
    };
    let mut words = what.split(' ').peekable();
    if words.peek() == Some(&"tcp") {
        words.next();
        ask.paths.push(String::new());
    } else {
        ask.scheme = "http";
        ask.action = words.next().unwrap().to_owned();
        target(&mut ask, words.next().unwrap());
    }
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap().to_owned();
        let (kind, name, value) = match word {
            "on" => {
                ask.connection.port = value().parse().unwrap();
                continue;
            }
            "to" => {
                let to: SocketAddr = value().parse().unwrap();
                ask.connection.direction = Direction::Outbound;
                ask.connection.to = OriginalDestination(to);
                ask.connection.port = to.port();
                continue;
            }
            "readings" => {
                ask.paths.extend(words.by_ref().map(str::to_owned));
                continue;
            }
            "with" => {
                let (name, value) = value().split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap();
                (FactKind::Header, name, value)
            }
            "upgrade" => (FactKind::Upgrade, "websocket".to_owned(), String::new()),
            "absolute" => (FactKind::TargetForm, "absolute".to_owned(), String::new()),
            other => panic!("{what}: {other}"),
        };
        ask.facts.push(Fact { kind, name: name.into(), value: value.into() });
    }
    ask
}

fn target(ask: &mut Ask, target: &str) {
    let target = match target.strip_prefix("//") {
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap());
            ask.authority = host.to_owned();
            path
        }
        None => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    ask.paths.push(if path == "none" { String::new() } else { path.to_owned() });
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        ask.facts.push(Fact { kind: FactKind::Query, name: name.to_owned().into(), value: value.to_owned().into() });
    }
}

fn connection(address: &str, id: Option<&str>) -> Connection {
    let peer = id.map_or(Peer::Unverified, |id| {
        let id = SpiffeId::parse(id).unwrap();
        Peer::Verified(Arc::new(Identity { id, serial: "01".to_owned(), not_after: SystemTime::UNIX_EPOCH }))
    });
    Connection {
        id: ConnectionId(1),
        direction: Direction::Inbound,
        from: ClientAddr(SocketAddr::new(address.parse().unwrap(), 40000)),
        to: OriginalDestination("192.0.2.9:8080".parse().unwrap()),
        port: 8080,
        peer,
        protocol: "http1",
        opened: SystemTime::UNIX_EPOCH,
    }
}

/// All readings must be granted; a denial wins, then the first that no rule grants.
fn answer(policy: &Policy, now: SystemTime, ask: &Ask) -> String {
    let (session, past) = (Session::default(), Past::default());
    let now = Now { wall: now, since_start: Duration::ZERO };
    let scene = Scene { connection: &ask.connection, session: &session, past: &past, now };
    let mut answers: Vec<(u8, String)> = Vec::new();
    for path in &ask.paths {
        let access = Access {
            action: &ask.action,
            scheme: ask.scheme,
            authority: &ask.authority,
            path: path.into(),
            facts: &ask.facts,
        };
        answers.push(match policy.grants(&scene, &access) {
            Grant::Denied(rule) => (0, format!("denied by {rule}")),
            Grant::NoRule { nearest } => (1, format!("no rule: {}", nearest.unwrap_or_default())),
            Grant::Granted(terms) if terms.stream => (2, format!("granted by {} (stream)", terms.rule)),
            Grant::Granted(terms) => (2, format!("granted by {}", terms.rule)),
        });
    }
    answers.into_iter().min_by_key(|(rank, _)| *rank).unwrap().1
}
