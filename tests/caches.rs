//! Every example of `deploy/caches.md` is true: each block of YAML compiles, and each row of the answers behind it,
//! `namespace/account: command = answer`, is what the policy says to the command's accesses.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing, clippy::panic)] // a test: what fails, fails it

use podwall::document;
use podwall::flow::*;
use podwall::policy::{Allowlist, Context, Policy, compile};
use podwall::protocol::redis::accesses;
use std::sync::Arc;
use std::time::SystemTime;

const HEAD: &str =
    "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: example}\ntrustDomain: cluster.local\n";

#[test]
fn every_example_of_the_page_is_true() {
    let page = std::fs::read_to_string("deploy/caches.md").unwrap();
    let blocks: Vec<(&str, &str)> =
        page.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap_or((block, ""))).collect();
    let mut rows = 0;
    for pair in blocks.windows(2).filter(|pair| pair[0].0 == "yaml") {
        let policy = compiled(pair[0].1).unwrap();
        assert_eq!(pair[1].0, "answers", "an example without answers:\n{}", pair[0].1);
        for row in pair[1].1.lines() {
            holds(&policy, row);
            rows += 1;
        }
    }
    assert!(rows > 15, "{rows}");
}

#[test]
fn problems_are_told_where_they_stand() {
    let problems = compiled(
        "caches:\n- name: a\n  from: any\n  keys: {'a[b]': read, c: [fly, get], '': read}\n  commands: ['*', 'A B C']\n\
         - name: b\n  from: any\n- name: c\n  keys: {a: read}\n- name: d\n  from: any\n  to: 10.0.0.1\n  keys: {a: read}\n",
    )
    .unwrap_err();
    for part in
        ["`a[b]`", "`fly`", "write `GET`", "name each", "`A B C`", "caches[1].keys", "caches[2].from", "caches[3].from"]
    {
        assert!(problems.contains(part), "{part} in\n{problems}");
    }
}

fn compiled(text: &str) -> Result<Policy, String> {
    let documents = document::read::<Allowlist>("caches.yaml", &format!("{HEAD}{text}"))
        .map_err(|problems| document::render_all(&problems))?;
    let context = Context { now: SystemTime::UNIX_EPOCH, trust_domain: None, tls: None };
    let compiled = compile(&documents, &context).map_err(|problems| document::render_all(&problems))?;
    Ok(compiled.policy)
}

fn holds(policy: &Policy, row: &str) {
    let (account, rest) = row.split_once(": ").unwrap();
    let at = rest.rfind(" = granted by ").or(rest.rfind(" = no rule:")).unwrap();
    let (command, expected) = (&rest[..at], &rest[at + 3..]);
    let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
    let mut given = String::new();
    accesses::asked(&words, &mut |asked| given = answer(policy, account, asked.accesses));
    let fits = match expected.strip_prefix("no rule:") {
        Some(words) => given.starts_with("no rule:") && given.contains(words.trim()),
        None => given == expected,
    };
    assert!(fits, "{row}\ngave {given}");
}

/// All must be granted; the first that is not decides.
fn answer(policy: &Policy, account: &str, accesses: &[Access<'_>]) -> String {
    let (namespace, name) = account.split_once('/').unwrap();
    let id = SpiffeId::parse(&format!("spiffe://cluster.local/ns/{namespace}/sa/{name}")).unwrap();
    let identity = Identity { id, serial: String::new(), not_after: SystemTime::now() };
    let connection = Connection {
        id: ConnectionId(1),
        direction: Direction::Inbound,
        from: ClientAddr("10.0.0.1:1".parse().unwrap()),
        to: OriginalDestination("10.0.0.2:6379".parse().unwrap()),
        port: 6379,
        peer: Peer::Verified(Arc::new(identity)),
        protocol: "redis",
        opened: SystemTime::UNIX_EPOCH,
        names: Names::default(),
    };
    let now = Now { wall: SystemTime::UNIX_EPOCH, since_start: std::time::Duration::ZERO };
    let (session, past) = (Session::default(), Past::default());
    let scene = Scene { connection: &connection, session: &session, past: &past, now };
    let mut granted = String::new();
    for access in accesses {
        match policy.grants(&scene, access) {
            Grant::Granted(terms) => granted = format!("granted by {}", terms.rule),
            Grant::Denied(rule) => return format!("denied by {rule}"),
            Grant::NoRule { nearest } => return format!("no rule: {}", nearest.unwrap_or_default()),
        }
    }
    granted
}
