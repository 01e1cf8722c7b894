//! Exceptions: which requests they hold for, what is wrong with one, and that a new one is told.

use super::*;

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
