//! Allowlists with tables of (who, what, answer), through the front door only: `tests/data/policy/*.yaml` and every
//! example of `deploy/allowlist.md`. The schema that is checked in is the one the types give.
//!
//! A file holds allowlists and one `kind: Table`. A row is `[who, what, answer]`:
//! - who: `nobody`, `shop/web` (in `spiffe://prod.example/`), `spiffe://…`; `… at ADDRESS` (default 192.0.2.1);
//! - what: `METHOD [//HOST]PATH[?QUERY]`, then `on PORT` (default 8080), `with NAME=VALUE` (a header), `upgrade`,
//!   `absolute`, `readings /A /B` (further readings, all of which must be granted); `to ADDRESS:PORT` makes it outbound,
//!   `led NAME` says which name led to that address (default: //HOST); `dns TYPE NAME` is a lookup;
//!   `tcp`, or `connect PROTOCOL`, is a connection as a whole, outbound to the name that led, `offers NAME` in its
//!   ClientHello, `hidden` or `nameless`;
//! - answer: `granted by RULE`, with `to SPIFFE-ID` or `to its host` when that must be proved first, `denied by RULE`, or
//!   `no rule: WORDS OF THE NEAREST`.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::disallowed_methods)] // PODWALL_BLESS rewrites what is checked in // a test: what fails, fails it

use podwall::document;
use podwall::flow::*;
use podwall::policy::{Allowlist, Compiled, Context, Policy, compile};
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
    /// The name that led to the address.
    led: Option<String>,
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

/// Each block of YAML compiles, and gives the answers of the block behind it; or has the problem that is shown there.
#[test]
fn every_example_of_the_page_is_true() {
    for (page, least) in
        [("deploy/allowlist.md", 5), ("deploy/dns.md", 1), ("deploy/egress.md", 1), ("deploy/outbound.md", 2)]
    {
        assert!(examples_of(page) >= least, "{page}");
    }
}

/// How many there were. What belongs into the bootstrap configuration is for its own test.
fn examples_of(page: &str) -> usize {
    let page = std::fs::read_to_string(page).unwrap();
    let blocks: Vec<(&str, &str)> = fenced(&page);
    let mut seen = 0;
    for (at, (language, text)) in blocks.iter().enumerate() {
        if *language != "yaml" || text.starts_with("dns:") {
            continue;
        }
        seen += 1;
        let head = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: example}\n";
        let text = if text.starts_with("apiVersion") { (*text).to_owned() } else { format!("{head}{text}") };
        let documents = document::read::<Allowlist>("allowlist.yaml", &text)
            .unwrap_or_else(|problems| panic!("{}", document::render_all(&problems)));
        let context = Context { now: SystemTime::UNIX_EPOCH, trust_domain: None, tls: None };
        match (compile(&documents, &context), blocks.get(at + 1)) {
            (Err(problems), Some(("problem", expected))) => {
                assert_eq!(document::render_all(&problems), *expected);
            }
            (Err(problems), _) => panic!("{}", document::render_all(&problems)),
            (Ok(compiled), Some(("answers", rows))) => rows.lines().for_each(|row| holds(&compiled.policy, row)),
            (Ok(_), _) => panic!("an example without answers:\n{text}"),
        }
    }
    seen
}

/// `who: what = answer`.
fn holds(policy: &Policy, row: &str) {
    let (asked, expected) = row.split_once(" = ").unwrap();
    let (who, what) = asked.split_once(": ").unwrap();
    let given = answer(policy, SystemTime::UNIX_EPOCH, &ask(who, what.trim()));
    let fits = match expected.strip_prefix("no rule:") {
        Some(words) => given.starts_with("no rule:") && given.contains(words.trim()),
        None => given == expected,
    };
    assert!(fits, "{row}\n  but it is: {given}");
}

fn fenced(page: &str) -> Vec<(&str, &str)> {
    let pieces: Vec<&str> = page.split("```").collect();
    let fenced = pieces.iter().skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

#[test]
fn orders_example_is_clean() {
    let compiled = example("orders-allowlist.yaml");
    assert!(compiled.warnings.is_empty(), "{}", document::render_all(&compiled.warnings));
    assert!(compiled.policy.len() >= 10);
}

#[test]
fn inspect_only_example_grants_everything() {
    let policy = example("inspect-only-allowlist.yaml").policy;
    for row in [
        "nobody: GET / = granted by everything (stream)",
        "shop/web: DELETE //any.host/a/b/c?d=e on 18443 = granted by everything (stream)",
        "nobody: OPTIONS * = granted by everything (stream)",
        "nobody: GET /live upgrade absolute = granted by everything (stream)",
    ] {
        holds(&policy, row);
    }
}

fn example(name: &str) -> Compiled {
    let text = std::fs::read_to_string(format!("deploy/examples/{name}")).unwrap();
    let documents = document::read::<Allowlist>(name, &text).unwrap();
    let context = Context { now: SystemTime::now(), trust_domain: None, tls: None };
    compile(&documents, &context).unwrap()
}

/// To bring it up to date: `PODWALL_BLESS=1 cargo test --test policy`.
#[test]
fn checked_in_schema_is_current() {
    let current = serde_json::to_string_pretty(&document::schema::<Allowlist>()).unwrap() + "\n";
    let file = "deploy/schema/allowlist.json";
    if std::env::vars_os().any(|(name, _)| name == "PODWALL_BLESS") {
        std::fs::write(file, &current).unwrap();
    }
    assert!(std::fs::read_to_string(file).unwrap_or_default() == current, "{file} is not what the types say");
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
        led: None,
        facts: Vec::new(),
    };
    let mut words = what.split(' ').peekable();
    if words.peek() == Some(&"tcp") {
        words.next();
        ask.paths.push(String::new());
    } else if words.peek() == Some(&"connect") {
        words.next();
        let name = words.next().unwrap().to_owned();
        ask.facts.push(Fact { kind: FactKind::Protocol, name: name.into(), value: "".into() });
        ask.paths.push(String::new());
    } else if words.peek() == Some(&"dns") {
        words.next();
        ask.scheme = "dns";
        ask.action = words.next().unwrap().to_owned();
        ask.authority = words.next().unwrap().to_owned();
        ask.paths.push(String::new());
        ask.connection.direction = Direction::Outbound;
        ask.connection.port = 53;
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
                ask.led = (ask.scheme == "http").then(|| ask.authority.clone());
                continue;
            }
            "led" => {
                ask.led = Some(value());
                continue;
            }
            "speaks" => (FactKind::Protocol, value(), String::new()),
            "offers" => (FactKind::Alpn, value(), String::new()),
            "hidden" => (FactKind::Hidden, String::new(), String::new()),
            "nameless" => (FactKind::Nameless, String::new(), String::new()),
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
    if let Some(led) = &ask.led {
        ask.connection.names = Names::new(vec![Name::plain(led)]);
        if ask.scheme == "tcp" {
            ask.authority.clone_from(led);
        }
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
        names: Names::default(),
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
            Grant::Granted(terms) => (2, granted(&terms)),
        });
    }
    answers.into_iter().min_by_key(|(rank, _)| *rank).unwrap().1
}

fn granted(terms: &Terms) -> String {
    let mut says = format!("granted by {}", terms.rule);
    match &terms.proof {
        Proof::Unasked => {}
        Proof::Name => says += " to its host",
        Proof::Identity(expected) => says += &format!(" to {expected}"),
    }
    if terms.stream { says + " (stream)" } else { says }
}

proptest::proptest! {
    /// Bytes of a good document overwritten, cut out and doubled: never a panic, and every problem can be shown.
    #[test]
    fn broken_documents_are_only_refused(
        cuts in proptest::collection::vec((0_usize..1700, 0_usize..40, "[-a-z:{}*/ \n,&!'\"\\[\\]#|>%@0-9]{0,6}"), 1..6),
    ) {
        let mut text = std::fs::read_to_string("deploy/examples/orders-allowlist.yaml").unwrap();
        for (at, length, with) in cuts {
            let (start, end) = (at.min(text.len()), (at + length).min(text.len()));
            if text.is_char_boundary(start) && text.is_char_boundary(end) {
                text.replace_range(start..end, &with);
            }
        }
        let context = Context { now: SystemTime::now(), trust_domain: None, tls: None };
        let problems = match document::read::<Allowlist>("broken.yaml", &text) {
            Ok(documents) => compile(&documents, &context).map_or_else(|problems| problems, |compiled| compiled.warnings),
            Err(problems) => problems,
        };
        let _ = document::render_all(&problems);
    }
}
