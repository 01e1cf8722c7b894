//! Compiling through the front door: what is refused and warned about here, the rest in files of its own. What a policy
//! answers stands in `tests/data/policy/`.

mod exceptions;
mod properties;
mod reload;

use super::*;
use crate::document::{self, Document, Problem};
use crate::flow::{
    ClientAddr, ConnectionId, Fact, FactKind, Identity, Mode, Names, Now, OriginalDestination, Past, Peer, Sensitivity,
    Session, SpiffeId,
};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

const DAY: u64 = 86_400;
/// 2026-11-22.
const NOW: u64 = 20_779 * DAY;

fn context() -> Context<'static> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    Context { now, trust_domain: Some("prod.example"), tls: None }
}

fn documents(text: &str) -> Vec<Document<Allowlist>> {
    let text: String = text
        .split("---\n")
        .enumerate()
        .map(|(n, body)| {
            format!("---\napiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {{name: d{n}}}\n{body}\n")
        })
        .collect();
    document::read("a.yaml", &text).unwrap_or_else(|problems| panic!("{}", document::render_all(&problems)))
}

fn compiled(text: &str) -> Compiled {
    compile(&documents(text), &context()).unwrap_or_else(|problems| panic!("{}", document::render_all(&problems)))
}

fn policy(text: &str) -> Policy {
    compiled(text).policy
}

fn said(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| format!("{}: {}, expected {}", problem.field, problem.found, problem.expected))
        .collect()
}

fn refused(text: &str) -> Vec<String> {
    said(&compile(&documents(text), &context()).unwrap_err())
}

fn warned(text: &str) -> Vec<String> {
    said(&compiled(text).warnings)
}

fn connection(id: Option<&str>) -> Connection {
    let identity = |id| Identity { id: SpiffeId::parse(id).unwrap(), serial: String::new(), not_after: context().now };
    Connection {
        id: ConnectionId(1),
        direction: Direction::Inbound,
        from: ClientAddr("192.0.2.1:4000".parse().unwrap()),
        to: OriginalDestination("192.0.2.9:8080".parse().unwrap()),
        port: 8080,
        names: Names::default(),
        peer: id.map_or(Peer::Unverified, |id| Peer::Verified(Arc::new(identity(id)))),
        protocol: "http1",
        opened: context().now,
    }
}

fn grant(policy: &Policy, id: Option<&str>, method: &str, path: &str, facts: &[Fact<'_>]) -> Grant {
    let (connection, session, past) = (connection(id), Session::default(), Past::default());
    let now = Now { wall: context().now, since_start: Duration::ZERO };
    let scene = Scene { connection: &connection, session: &session, past: &past, now };
    policy.grants(&scene, &Access { action: method, scheme: "http", authority: "a", path: path.into(), facts })
}

#[test]
fn every_wrong_field_is_reported() {
    let text = "
inbound:
  - GET /a
  - GET /a/{x}y from shop/web
  - {from: {namespace: Shop}, methods: get, path: b}
  - {from: {cidr: 10.0.0.1/8}, methods: [], path: /a, port: 0, host: 'a:80'}
  - {from: spiffe://*/ns/a/sa/b, path: /a}
  - {from: {}, methods: any, path: /a?x, headers: {'a b': c, host: d}}
  - {from: any, protocol: tcp, methods: GET, path: /a}
  - {from: any, methods: GET, path: /, query: {}}
probes: [{path: '/a/{x}', port: 80}]
outbound:
  - tcp to a:b
  - {to: {host: '*', cidr: x}, port: 1}
deny:
  - /admin
";
    let problems = compile(&documents(text), &context()).unwrap_err();
    let found = problems.iter().map(|problem| format!("{} {} {}", problem.line, problem.field, problem.found));
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            "7 inbound[0] `GET /a`",
            "8 inbound[1].path `/a/{x}y`",
            "9 inbound[2].from `Shop/*`",
            "9 inbound[2].methods `get`",
            "9 inbound[2].path `b`",
            "10 inbound[3].from.cidr `10.0.0.1/8`",
            "10 inbound[3].methods an empty list",
            "10 inbound[3].port `0`",
            "10 inbound[3].host `a:80`",
            "11 inbound[4].methods nothing",
            "11 inbound[4].from.principal `spiffe://*/ns/a/sa/b`",
            "12 inbound[5].from nothing",
            "12 inbound[5].path `/a?x`",
            "12 inbound[5].headers.a b `a b`",
            "12 inbound[5].headers.host `host`",
            "13 inbound[6].protocol `tcp`",
            "14 inbound[7].query nothing",
            "15 probes[0].path `/a/{x}`",
            "17 outbound[0] `tcp to a:b`",
            "18 outbound[1].to.host `*`",
            "18 outbound[1].to.cidr `x`",
            "20 deny[0] `/admin`",
        ]
    );
}

#[test]
fn names_are_unique() {
    let rule = "{name: a, from: any, methods: GET, path: /a}";
    let found = refused(&format!("inbound: [{rule}]\n---\ninbound: [{rule}]\n"));
    assert_eq!(found, ["inbound[0].name: name `a`, taken by inbound[0] at a.yaml:5:11, expected a name of its own"]);
    let twice = policy("inbound: [GET /a from any]\n---\ninbound: [GET /a from any]\n");
    let names: Vec<&str> = twice.inbound.rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["GET /a from any", "GET /a from any (d1 inbound[0])"]);
}

#[test]
fn document_names_are_unique() {
    let text = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: a}\ninbound: [GET /a from any]\n";
    let documents = document::read("a.yaml", &format!("{text}---\n{text}")).unwrap();
    assert_eq!(compile(&documents, &context()).unwrap_err().len(), 1);
}

#[test]
fn names_are_fit_for_a_terminal() {
    let found = refused("inbound: [{name: \"a\\e[2J\", from: any, methods: GET, path: /a}]\n");
    assert_eq!(found, ["inbound[0].name: name `a\\u{1b}[2J`, expected a name without control characters"]);
}

#[test]
fn trust_domain_is_checked_even_if_unused() {
    assert_eq!(refused("trustDomain: '*.example'\n").len(), 1);
}

#[test]
fn rule_for_an_undeclared_port_is_warned_about() {
    let ports = BTreeMap::from([(8080, Tls::Strict)]);
    let context = Context { tls: Some(&ports), ..context() };
    let found = |text: &str| said(&compile(&documents(text), &context).unwrap().warnings);
    assert!(found("inbound: [GET /a from shop/web on 8080]\nprobes: [{path: /, port: 8080}]\n").is_empty());
    assert_eq!(found("inbound: [GET /a from shop/web on 80]\nprobes: [{path: /, port: 81}]\n").len(), 2);
    assert_eq!(found("ports: {82: {mode: enforce}}\ninbound: [GET /a from shop/web]\n").len(), 1);
}

#[test]
fn namespace_needs_a_trust_domain() {
    let documents = documents("inbound: [GET /a from shop/web]\n");
    let nowhere = Context { trust_domain: None, ..context() };
    let problems = compile(&documents, &nowhere).unwrap_err();
    assert!(problems[0].remedy.contains("trustDomain:"), "{problems:?}");
    assert!(compile(&self::documents("trustDomain: d\ninbound: [GET /a from shop/web]\n"), &nowhere).is_ok());
}

#[test]
fn no_document_grants_nothing() {
    let policy = compile(&[], &context()).unwrap().policy;
    assert!(policy.is_empty());
    assert_eq!(grant(&policy, None, "GET", "/", &[]), Grant::NoRule { nearest: None });
    assert_eq!(policy.port(Direction::Inbound, 80).mode, Mode::Enforce);
}

#[test]
fn what_never_decides_is_warned_about() {
    let text = "
inbound:
  - GET /a/{rest...} from shop/*
  - GET /a/b from shop/web
  - HEAD /a/c from shop/web
  - POST /a/b from shop/web
  - GET /admin/x from shop/web
deny: ['ANY /Admin/{rest...}']
";
    assert_eq!(
        warned(text),
        [
            "inbound[1]: a rule that adds nothing to \"GET /a/{rest...} from shop/*\", expected a grant of its own",
            "inbound[2]: a rule that adds nothing to \"GET /a/{rest...} from shop/*\", expected a grant of its own",
            "inbound[4]: a grant that the deny rule \"ANY /Admin/{rest...}\" takes back whole, expected a rule that can grant",
        ]
    );
}

#[test]
fn of_two_equal_rules_the_later_one_is_superfluous() {
    let found = warned("inbound: [GET /a from shop/web, GET /a/ from shop/web, 'GET  /a from shop/web']\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("inbound[2]"), "{found:?}");
}

#[test]
fn expiry_is_warned_about() {
    let rule = |name: &str, date: &str| {
        format!("{{name: {name}, from: shop/web, methods: GET, path: /{name}, expires: {date}}}")
    };
    let text =
        format!("inbound: [{}, {}, {}]\n", rule("a", "2026-11-21"), rule("b", "2026-11-22"), rule("c", "2027-06-01"));
    assert_eq!(
        warned(&text),
        [
            "inbound[0].expires: a rule that expired after 2026-11-21, expected a date to come",
            "inbound[1].expires: a rule that expires after 2026-11-22, expected a date further away than 1 days",
        ]
    );
}

#[test]
fn unverified_callers_are_warned_about_where_they_can_come() {
    let found = |tls: Tls, from: &str| {
        let ports = BTreeMap::from([(8080, tls)]);
        let context = Context { tls: Some(&ports), ..context() };
        let text = format!("inbound: ['GET /a from {from}']\n");
        compile(&documents(&text), &context).unwrap().warnings.len()
    };
    assert_eq!([Tls::Strict, Tls::Permissive, Tls::Off].map(|tls| found(tls, "any")), [0, 1, 0]);
    assert_eq!([Tls::Strict, Tls::Permissive, Tls::Off].map(|tls| found(tls, "10.0.0.0/8")), [0, 1, 0]);
    assert_eq!([Tls::Strict, Tls::Permissive, Tls::Off].map(|tls| found(tls, "shop/web")), [0, 0, 1]);
    assert_eq!(warned("inbound: [GET /a from any]\n").len(), 1);
}

#[test]
fn breadth_is_warned_about() {
    let found = warned("inbound: ['GET /{rest...} from shop/web', 'CONNECT /* from shop/web']\n");
    assert_eq!(
        found,
        [
            "inbound[0].path: a rule for every path, expected the paths that are meant",
            "inbound[1].path: a path of wildcards alone, `/*`, expected the paths that are meant",
            "inbound[1].methods: `CONNECT`, expected another method",
        ]
    );
    assert!(warned("mode: shadow\n").iter().any(|said| said.starts_with("mode: `shadow`")));
}

#[test]
fn files_are_loaded_where_a_rule_of_the_port_says_so() {
    let rule = |more: &str| {
        let text = format!("databases: [{{from: shop/web, protocol: mysql, port: 3306, {more}}}]\n");
        let mut connection = connection(None);
        [3306, 3307].map(|port| {
            connection.port = port;
            policy(&text).loads_files(&connection)
        })
    };
    assert_eq!(rule("tables: {a: [INSERT, COPY]}"), [true, false]);
    assert_eq!(rule("tables: {a: INSERT}, statements: [COPY]"), [false, false]);
    let other = policy("databases: [{from: shop/web, tables: {a: [INSERT, COPY]}}]\n");
    assert!(!other.loads_files(&connection(None)));
}
