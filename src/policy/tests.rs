//! Compiling through the front door: what is refused and warned about, what a reload weakens, what never changes an
//! answer. What a policy answers stands in `tests/data/policy/`.

use super::*;
use crate::document::{self, Document, Problem};
use crate::flow::{
    ClientAddr, ConnectionId, Fact, FactKind, Identity, Mode, Names, Now, OriginalDestination, Past, Peer, Sensitivity,
    Session, SpiffeId,
};
use proptest::prelude::*;
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
fn stricter_mode_holds() {
    let mode = |text: &str, port| policy(text).port(Direction::Inbound, port).mode;
    let shadow = "mode: shadow\ninbound: [GET /a from any on 80]\n";
    assert_eq!((mode(shadow, 80), mode(shadow, 81)), (Mode::Shadow, Mode::Enforce));
    assert_eq!(mode("mode: shadow\ninbound: [GET /a from any]\n", 81), Mode::Shadow);
    assert_eq!(mode(&format!("{shadow}---\nmode: learn\ninbound: [GET /b from any]\n"), 80), Mode::Shadow);
    assert_eq!(mode(&format!("{shadow}---\ninbound: [GET /b from any]\n"), 80), Mode::Enforce);
    assert_eq!(mode("mode: learn\nports: {80: {mode: shadow}}\n", 80), Mode::Shadow);
    assert_eq!(mode("mode: enforce\nports: {80: {mode: shadow}}\n", 80), Mode::Enforce);
    let probes = "mode: shadow\nprobes: [{path: /a, port: 81}]\ninbound: [GET /a from any]\n";
    assert_eq!(mode(probes, 80), Mode::Shadow);
}

#[test]
fn stricter_sensitivity_holds() {
    let text = "ports: {80: {sensitivity: low}, 81: {sensitivity: low}}\n---\nports: {80: {sensitivity: high}}\n";
    let policy = policy(text);
    let sensitivity = |port| policy.port(Direction::Inbound, port).sensitivity;
    assert_eq!([80, 81, 82].map(sensitivity), [Sensitivity::High, Sensitivity::Low, Sensitivity::Default]);
}

#[test]
fn two_documents_cannot_read_paths_differently() {
    let one = "ports: {80: {readings: {slashes: merged}}}\n";
    assert_eq!(policy(&format!("{one}---\n{one}")).len(), 0);
    assert_eq!(refused(&format!("{one}---\nports: {{80: {{readings: {{slashes: kept}}}}}}\n")).len(), 1);
}

#[test]
fn reload_that_weakens_says_how() {
    let old = policy("inbound: [GET /a/* from shop/web, POST /b from shop/web]\ndeny: [ANY /a/secret]\n");
    let says = |text: &str| policy(text).weaker_than(&old);
    assert_eq!(old.weaker_than(&old), [""; 0]);
    assert_eq!(says("inbound: [GET /a/b from shop/web]\ndeny: ['ANY /A/{rest...}']\n"), [""; 0]);
    assert_eq!(
        says(
            "mode: shadow\ninbound: [GET /a/* from shop/*]\nports: {80: {sensitivity: low, readings: {params: cut}}}\n"
        ),
        [
            "rule \"GET /a/* from shop/*\" newly grants: GET /a/* from spiffe://prod.example/ns/shop/sa/*",
            "no longer denied by \"ANY /a/secret\": ANY /a/secret from any",
            "inbound other ports: mode shadow instead of enforce",
            "inbound port 80: mode shadow instead of enforce",
            "inbound port 80: sensitivity low instead of default",
            "inbound port 80: paths are read only as params cut",
            "outbound other ports: mode shadow instead of enforce",
        ]
    );
}

#[test]
fn narrower_denial_weakens() {
    let deny = |rule: &str| policy(&format!("deny: [{rule}]\n"));
    let weaker = |now: &str, before: &str| !deny(now).weaker_than(&deny(before)).is_empty();
    let keys = |keys: &str| format!("{{name: a, path: /a, query: [{keys}]}}");
    assert!(weaker(&keys("x"), &keys("x, y")) && weaker(&keys("x"), &keys("")));
    assert!(!weaker(&keys("x, y"), &keys("x")) && !weaker(&keys(""), &keys("x")));
    assert!(weaker("GET /a", "ANY /a") && weaker("ANY /a", "'ANY /a/{r...}'") && weaker("ANY /a from b/c", "ANY /a"));
    assert!(!weaker("ANY /A/", "TRACE /a") && !weaker("'ANY /a/{r...}'", "ANY /a"));
    assert!(weaker("{name: a, path: /a, headers: {x: '1'}}", "{name: a, path: /a, headers: {x: ['1', '2']}}"));
}

#[test]
fn hash_is_of_the_meaning() {
    let hash = |text: &str| policy(text).hash().to_string();
    let one = hash("inbound: [GET /a from shop/web, GET /b from any]\n");
    assert_eq!(one.len(), 64);
    assert_eq!(one, hash("inbound:\n  - GET   /b from any\n  - GET /a from shop/web\n"));
    assert_ne!(one, hash("inbound: [GET /a from shop/web, GET /c from any]\n"));
    assert_ne!(one, hash("mode: shadow\ninbound: [GET /a from shop/web, GET /b from any]\n"));
}

const EXCEPTIONS: &str = "
exceptions:
  - {name: markup, owner: team, reason: comments hold markup, signature: [html, xss-a], path: '/comments/{id}', place: [json, form], parameter: text}
  - {name: old, owner: team, reason: gone, signature: sql, path: '/{rest...}', expires: 2026-01-31}
";

#[test]
fn exceptions_hold_under_every_reading() {
    let policy = policy(EXCEPTIONS);
    let held = |paths: &[&str]| {
        let (connection, session, past) = (connection(None), Session::default(), Past::default());
        let now = Now { wall: context().now, since_start: Duration::ZERO };
        let scene = Scene { connection: &connection, session: &session, past: &past, now };
        let access = |path: &&str| Access {
            action: "GET",
            scheme: "http",
            authority: "a",
            path: (*path).to_owned().into(),
            facts: &[],
        };
        let accesses: Vec<_> = paths.iter().map(access).collect();
        policy.exceptions(&scene, &accesses).iter().map(|exception| exception.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(held(&["/comments/7"]), ["markup"]);
    assert_eq!(held(&["/comments/7", "/admin"]), [""; 0]);
    assert_eq!(held(&["/other"]), [""; 0]);
    assert_eq!(held(&[]), [""; 0]);
}

#[test]
fn exceptions_hold_for_what_they_name() {
    let written = "
exceptions:
  - {name: lists, owner: a, reason: b, signature: dns-tunnel, domain: '*.lists.example'}
  - {name: lines, owner: a, reason: b, signature: shell, port: 8080}
  - {name: page, owner: a, reason: b, signature: sql, path: /a, port: 8080}
";
    let policy = policy(written);
    let held = |scheme: &'static str, authority: &str, path: &str| {
        let (connection, session, past) = (connection(None), Session::default(), Past::default());
        let now = Now { wall: context().now, since_start: Duration::ZERO };
        let scene = Scene { connection: &connection, session: &session, past: &past, now };
        let access = Access { action: "A", scheme, authority, path: path.to_owned().into(), facts: &[] };
        policy.exceptions(&scene, &[access]).iter().map(|exception| exception.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(held("dns", "x.lists.example", ""), ["lists"]);
    assert_eq!(held("dns", "lists.example", ""), [""; 0]);
    assert_eq!(held("http", "x.lists.example", "/a"), ["page"]);
    assert_eq!(held("http", "x.lists.example", "/b"), [""; 0]);
    assert_eq!(held("tcp", "", ""), ["lines"]);
    let nowhere = refused("exceptions: [{name: a, owner: b, reason: c, signature: sql}]\n");
    assert!(nowhere[0].starts_with("exceptions[0].path: "), "{nowhere:?}");
}

#[test]
fn exceptions_are_checked() {
    let found = warned(EXCEPTIONS);
    assert!(found.iter().any(|said| said.starts_with("exceptions[1].expires: a rule that expired")), "{found:?}");
    assert!(found.iter().any(|said| said.starts_with("exceptions[1].path: an exception for every path")), "{found:?}");
    let nobody = "exceptions: [{name: a, reason: b, signature: [], path: c}]\n";
    let fields: Vec<String> =
        compile(&documents(nobody), &context()).unwrap_err().into_iter().map(|p| p.field).collect();
    assert_eq!(fields, ["exceptions[0].owner", "exceptions[0].signature", "exceptions[0].path"]);
    assert_eq!(refused(&EXCEPTIONS.replace("name: old", "name: markup")).len(), 1);
}

#[test]
fn new_exception_weakens() {
    let (none, some) = (policy("mode: enforce\n"), policy(EXCEPTIONS));
    assert_eq!(none.weaker_than(&some), [""; 0]);
    assert_eq!(some.weaker_than(&some), [""; 0]);
    assert_ne!(none.hash(), some.hash());
    let says = some.weaker_than(&none);
    assert_eq!(says[0], "exception \"markup\" newly excuses: html, xss-a in /comments/* of form, json named text");
    assert_eq!(says[1], "exception \"old\" newly excuses: sql in /{rest...} until 2026-01-31");
}

const RULES: &[&str] = &[
    "GET /a from any",
    "GET /a/{x} from shop/web",
    "ANY /{x}/b from shop/*",
    "POST /a/b from spiffe://prod.example/ns/*/sa/web",
    "GET /a/{rest...} from 192.0.2.0/24",
    "GET,PUT /{rest...} from ops/admin",
    "DELETE /a/b/ from any on 8080",
    "GET /b from any on 9090",
];
const DENIALS: &[&str] =
    &["ANY /a/b", "GET /A/{rest...} from shop/*", "DELETE /{x}", "ANY /b/{rest...} from any on 9090"];

fn allowlist(rules: &[usize], denials: &[usize]) -> Policy {
    let lines =
        |of: &[usize], all: &[&str]| of.iter().map(|at| format!("'{}'", all[*at])).collect::<Vec<_>>().join(", ");
    policy(&format!("inbound: [{}]\ndeny: [{}]\n", lines(rules, RULES), lines(denials, DENIALS)))
}

fn caller() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        "(shop|ops|x)/(web|admin)".prop_map(|who| {
            let (namespace, account) = who.split_once('/').unwrap();
            Some(format!("spiffe://prod.example/ns/{namespace}/sa/{account}"))
        })
    ]
}

fn some(of: usize) -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence((0..of).collect::<Vec<_>>(), 1..=of).prop_shuffle()
}

proptest! {
    #[test]
    fn order_of_rules_means_nothing(
        rules in some(RULES.len()), denials in some(DENIALS.len()), who in caller(),
        method in "GET|HEAD|POST|DELETE|PUT|CONNECT", path in "(/[abA]?){1,3}",
    ) {
        let mut sorted = (rules.clone(), denials.clone());
        sorted.0.sort_unstable();
        sorted.1.sort_unstable();
        let (shuffled, sorted) = (allowlist(&rules, &denials), allowlist(&sorted.0, &sorted.1));
        prop_assert_eq!(grant(&shuffled, who.as_deref(), &method, &path, &[]), grant(&sorted, who.as_deref(), &method, &path, &[]));
        prop_assert_eq!(shuffled.hash(), sorted.hash());
        prop_assert!(shuffled.weaker_than(&sorted).is_empty());
    }

    #[test]
    fn one_more_deny_rule_never_widens(
        rules in some(RULES.len()), denials in some(DENIALS.len()), who in caller(),
        method in "GET|HEAD|POST|DELETE|PUT", path in "(/[abA]?){1,3}",
    ) {
        let (fewer, more) = (allowlist(&rules, &denials[1..]), allowlist(&rules, &denials));
        if let Grant::Granted(_) = grant(&more, who.as_deref(), &method, &path, &[]) {
            prop_assert!(matches!(grant(&fewer, who.as_deref(), &method, &path, &[]), Grant::Granted(_)));
        }
        prop_assert!(more.weaker_than(&fewer).is_empty());
    }

    #[test]
    fn one_more_rule_never_narrows(
        rules in some(RULES.len()), who in caller(), method in "GET|HEAD|POST|DELETE|PUT", path in "(/[abA]?){1,3}",
    ) {
        let (fewer, more) = (allowlist(&rules[1..], &[]), allowlist(&rules, &[]));
        if let Grant::Granted(_) = grant(&fewer, who.as_deref(), &method, &path, &[]) {
            prop_assert!(matches!(grant(&more, who.as_deref(), &method, &path, &[]), Grant::Granted(_)));
        }
        if more.weaker_than(&fewer).is_empty() {
            let same = |policy: &Policy| matches!(grant(policy, who.as_deref(), &method, &path, &[]), Grant::Granted(_));
            prop_assert_eq!(same(&fewer), same(&more));
        }
    }

    #[test]
    fn any_access_is_answered(method in ".{0,8}", path in ".{0,40}", key in ".{0,8}", value in ".{0,8}") {
        let policy = allowlist(&[0, 1, 2, 3, 4, 5, 6, 7], &[0, 1, 2, 3]);
        let fact = |kind| Fact { kind, name: key.as_str().into(), value: value.as_str().into() };
        let facts = [FactKind::Header, FactKind::Query, FactKind::Upgrade, FactKind::TargetForm].map(fact);
        let _ = grant(&policy, None, &method, &path, &facts);
        let _ = grant(&policy, None, &method, &path, &[]);
    }

    #[test]
    fn any_rule_line_is_answered(line in "[A-Za-z/*{}., :\\[\\]0-9-]{0,60}") {
        let _ = (shorthand::inbound(&line), shorthand::deny(&line), shorthand::outbound(&line), shorthand::caller(&line));
    }
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
