//! Every example of `deploy/databases.md` and `deploy/mysql.md` is true: each block of YAML compiles, and each row of the answers behind it,
//! `user@database: statement = answer`, is what the policy says to the statement's accesses.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing, clippy::panic)] // a test: what fails, fails it

use podwall::canon::sql::mysql::Server;
use podwall::document;
use podwall::flow::*;
use podwall::policy::{Allowlist, Context, Policy, compile};
use podwall::protocol::{mysql, postgres};
use std::sync::Arc;
use std::time::SystemTime;

const HEAD: &str =
    "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: example}\ntrustDomain: cluster.local\n";

#[test]
fn every_example_of_the_page_is_true() {
    every_example_is_true("deploy/databases.md", "postgres");
}

#[test]
fn every_example_of_the_page_on_mysql_is_true() {
    every_example_is_true("deploy/mysql.md", "mysql");
}

fn every_example_is_true(page: &str, protocol: &'static str) {
    let page = std::fs::read_to_string(page).unwrap();
    let blocks: Vec<(&str, &str)> =
        page.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap_or((block, ""))).collect();
    let mut rows = 0;
    for pair in blocks.windows(2).filter(|pair| pair[0].0 == "yaml") {
        let policy = policy(pair[0].1);
        assert_eq!(pair[1].0, "answers", "an example without answers:\n{}", pair[0].1);
        for row in pair[1].1.lines() {
            holds(&policy, protocol, row);
            rows += 1;
        }
    }
    assert!(rows > 15, "{rows}");
}

#[test]
fn problems_are_told_where_they_stand() {
    let text = format!(
        "{HEAD}databases:\n- name: a\n  from: any\n  tables: {{orders: [select], 'a.b.c': SELECT}}\n  \
         statements: [FLY]\n  neverRead: [secret]\n- name: b\n  from: any\n"
    );
    let documents = document::read::<Allowlist>("a.yaml", &text).unwrap();
    let context = Context { now: SystemTime::UNIX_EPOCH, trust_domain: None, tls: None };
    let problems = document::render_all(&compile(&documents, &context).unwrap_err());
    for part in ["write `SELECT`", "`a.b.c`", "`FLY`", "`secret`", "databases[1].tables"] {
        assert!(problems.contains(part), "{part} in\n{problems}");
    }
}

fn policy(text: &str) -> Policy {
    let documents = document::read::<Allowlist>("databases.yaml", &format!("{HEAD}{text}"))
        .unwrap_or_else(|problems| panic!("{}", document::render_all(&problems)));
    let context = Context { now: SystemTime::UNIX_EPOCH, trust_domain: None, tls: None };
    compile(&documents, &context).unwrap_or_else(|problems| panic!("{}", document::render_all(&problems))).policy
}

fn holds(policy: &Policy, protocol: &'static str, row: &str) {
    let (who, rest) = row.split_once(": ").unwrap();
    let (user, database) = who.split_once('@').unwrap();
    let at = rest.rfind(" = granted by ").or(rest.rfind(" = no rule:")).unwrap();
    let (statement, expected) = (&rest[..at], &rest[at + 3..]);
    let text = statement.as_bytes();
    let given = if protocol == "mysql" {
        let settings = mysql::settings::Settings::new(Server::of(b"5.5.5-10.11.6-MariaDB"), 45, database);
        let understood = mysql::accesses::Understood::of(text, settings.mode, settings.either_quotes);
        let asked = mysql::accesses::Asked::of(&understood, user, &settings);
        answer(policy, protocol, user, &asked.accesses())
    } else {
        let understood = postgres::accesses::Understood::of(text, false);
        let asked = postgres::accesses::Asked::of(&understood, user, database, &postgres::path::Settings::default());
        answer(policy, protocol, user, &asked.accesses())
    };
    let fits = match expected.strip_prefix("no rule:") {
        Some(words) => given.starts_with("no rule:") && given.contains(words.trim()),
        None => given == expected,
    };
    assert!(fits, "{row}\ngave {given}");
}

/// All must be granted; the first that is not decides.
fn answer(policy: &Policy, protocol: &'static str, user: &str, asked: &[Access<'_>]) -> String {
    let account = if user == "report" { "report" } else { "orders" };
    let id = SpiffeId::parse(&format!("spiffe://cluster.local/ns/shop/sa/{account}")).unwrap();
    let identity = Identity { id, serial: String::new(), not_after: SystemTime::now() };
    let connection = Connection {
        id: ConnectionId(1),
        direction: Direction::Inbound,
        from: ClientAddr("10.0.0.1:1".parse().unwrap()),
        to: OriginalDestination("10.0.0.2:5432".parse().unwrap()),
        port: 5432,
        names: Names::default(),
        peer: Peer::Verified(Arc::new(identity)),
        protocol,
        opened: SystemTime::UNIX_EPOCH,
    };
    let now = Now { wall: SystemTime::UNIX_EPOCH, since_start: std::time::Duration::ZERO };
    let (session, past) = (Session::default(), Past::default());
    let scene = Scene { connection: &connection, session: &session, past: &past, now };
    let mut granted = String::new();
    for access in asked {
        match policy.grants(&scene, access) {
            Grant::Granted(terms) => granted = format!("granted by {}", terms.rule),
            Grant::Denied(rule) => return format!("denied by {rule}"),
            Grant::NoRule { nearest } => return format!("no rule: {}", nearest.unwrap_or_default()),
        }
    }
    granted
}
