//! Accesses and parts of heads.

use super::*;
use crate::canon::path::{Readings, refused};
use crate::flow::{FactKind, Place};
use crate::protocol::http1::{Limits, RequestHead};

fn with<T>(line: &str, headers: &str, look: impl Fn(&Request<'_>) -> T) -> T {
    let buffer = format!("{line} HTTP/1.1\r\nHost: Shop:8080\r\n{headers}\r\n");
    let head = RequestHead::decode(buffer.as_bytes(), &Limits::default()).unwrap().unwrap();
    look(&head.view(buffer.as_bytes()).request())
}

fn accesses(line: &str, headers: &str) -> Vec<String> {
    with(line, headers, |request| {
        let accesses = request.accesses(&Readings::default()).unwrap();
        accesses.iter().map(|access| format!("{} {}", access.action, access.resource())).collect()
    })
}

fn refusal(line: &str, headers: &str) -> &'static str {
    with(line, headers, |request| request.accesses(&Readings::default()).unwrap_err().why.name)
}

fn facts(line: &str, headers: &str) -> Vec<(FactKind, String, String)> {
    with(line, headers, |request| {
        let all = request.facts().iter();
        all.map(|fact| (fact.kind, fact.name.to_string(), fact.value.to_string())).collect()
    })
}

fn parts(line: &str, headers: &str) -> Vec<(Place, String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    with(line, headers, |request| {
        request.parts().iter().map(|part| (part.place, text(&part.name), text(&part.canonical))).collect()
    })
}

fn part(place: Place, name: &str, value: &str) -> (Place, String, String) {
    (place, name.into(), value.into())
}

#[test]
fn one_access_for_each_reading() {
    assert_eq!(accesses("GET /a", ""), ["GET http://shop/a"]);
    assert_eq!(accesses("GET /a%2Fb?c", ""), ["GET http://shop/a%2Fb", "GET http://shop/a/b"]);
    assert_eq!(accesses("GET http://shop:8080/a", ""), ["GET http://shop/a"]);
    assert_eq!(accesses("GET http://shop:8080", ""), ["GET http://shop/"]);
    assert_eq!(accesses("OPTIONS *", ""), ["OPTIONS http://shop*"]);
    assert_eq!(accesses("CONNECT shop:8080", ""), ["CONNECT http://shop/"]);
}

#[test]
fn a_method_to_act_under_instead_is_asked_for_too() {
    let both = ["POST http://shop/a", "DELETE http://shop/a"];
    assert_eq!(accesses("POST /a", "X-HTTP-Method-Override: delete\r\n"), both);
    assert_eq!(accesses("POST /a", "X-HTTP-Method: POST\r\nx-method-override: DELETE\r\n"), both);
    assert_eq!(refusal("POST /a", "X-HTTP-Method-Override: a b\r\n"), METHOD_OVERRIDE.name);
    assert_eq!(accesses("POST /a?_method=", ""), ["POST http://shop/a"]);
    assert_eq!(accesses("POST /a?_method=delete", ""), ["POST http://shop/a", "DELETE http://shop/a"]);
    assert_eq!(accesses("GET /a?_method=delete", ""), ["GET http://shop/a"]);
}

#[test]
fn methods_to_act_under_instead_end_at_their_limit() {
    let named = |count: usize| (0..count).map(|n| format!("X-HTTP-Method: M{n}\r\n")).collect::<String>();
    assert_eq!(accesses("POST /a", &named(4)).len(), 5);
    assert_eq!(refusal("POST /a", &named(5)), METHOD_OVERRIDE.name);
    assert_eq!(accesses("POST /a", &"X-HTTP-Method: PUT\r\n".repeat(50)).len(), 2);
}

#[test]
fn a_body_may_name_a_method() {
    let named = |method: &str, place, name: &str, value: &str| {
        methods_in_body(method, &[crate::flow::Part::plain(place, name.as_bytes(), value.as_bytes())])
    };
    assert_eq!(named("POST", Place::FormValue, "_method", "delete"), ["DELETE"]);
    assert_eq!(named("POST", Place::FormValue, "_method", "purge"), ["PURGE"]);
    assert_eq!(named("POST", Place::JsonValue, "_method", "delete"), ["DELETE"]);
    assert!(named("POST", Place::JsonValue, "_method", "card").is_empty());
    assert!(named("POST", Place::FormValue, "_method", "post").is_empty());
    assert!(named("POST", Place::FormValue, "method", "delete").is_empty());
    assert!(named("PUT", Place::FormValue, "_method", "delete").is_empty());
}

#[test]
fn headers_that_redirect_the_server_are_refused() {
    assert_eq!(refusal("GET /a", "X-Original-URL: /admin\r\n"), PATH_OVERRIDE.name);
    assert_eq!(refusal("GET /a", "X-Rewrite-URL: /admin\r\n"), PATH_OVERRIDE.name);
    assert_eq!(refusal("GET /a/../b", ""), refused::DOT_SEGMENT.name);
}

#[test]
fn facts_are_canonical() {
    let of = |kind, name: &str, value: &str| (kind, name.to_owned(), value.to_owned());
    let found = facts("GET /?a=b+c&%64;e=1", "X-Team: red\r\nTE: trailers\r\n");
    assert!(found.contains(&of(FactKind::Query, "a", "b c")));
    assert!(found.contains(&of(FactKind::Query, "d;e", "1")), "{found:?}");
    assert!(found.contains(&of(FactKind::Query, "e", "1")));
    assert!(found.contains(&of(FactKind::Header, "x-team", "red")));
    assert!(!found.iter().any(|fact| fact.1 == "te"));
    assert!(facts("CONNECT shop:8080", "").contains(&of(FactKind::TargetForm, "authority", "8080")));
    let handshake = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert!(facts("GET /", handshake).contains(&of(FactKind::Upgrade, "websocket", "")));
}

#[test]
fn paths_and_queries_become_parts() {
    let found = parts("GET /a%20b/c?q=x%27+y&flag&q=z", "");
    for expected in [
        part(Place::Path, "", "/a b/c"),
        part(Place::PathSegment, "", "a b"),
        part(Place::QueryName, "", "q"),
        part(Place::QueryValue, "q", "x' y"),
        part(Place::QueryName, "", "flag"),
        part(Place::QueryValue, "q", "x' y,z"),
        part(Place::Query, "", "q=x' y&flag&q=z"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
    assert!(!found.contains(&part(Place::PathSegment, "", "c")));
    assert!(!parts("GET /a?b=c&d=e", "").iter().any(|part| part.0 == Place::Query));
}

#[test]
fn a_query_that_is_no_pairs_is_a_part() {
    assert!(parts("GET /?x'%20or%201=1", "").contains(&part(Place::Query, "", "x' or 1=1")));
    assert!(parts("GET /?payload", "").contains(&part(Place::Query, "", "payload")));
}

#[test]
fn headers_and_cookies_become_parts() {
    let found = parts("GET /", "User-Agent: curl\r\nX'Y: 1\r\nCookie: a=b; c=d=e; ;f\r\nConnection: close\r\n");
    assert_eq!(
        found[1..],
        [
            part(Place::HeaderValue, "User-Agent", "curl"),
            part(Place::HeaderName, "", "X'Y"),
            part(Place::HeaderValue, "X'Y", "1"),
            part(Place::CookieName, "", "a"),
            part(Place::CookieValue, "a", "b"),
            part(Place::CookieName, "", "c"),
            part(Place::CookieValue, "c", "d=e"),
            part(Place::CookieValue, "", "f"),
        ]
    );
}

#[test]
fn pairs_beyond_the_limit_stand_in_the_whole_query() {
    let query = |n: usize| (0..n).map(|at| format!("k{at}=v")).collect::<Vec<_>>().join("&");
    let whole = |n| parts(&format!("GET /?{}", query(n)), "").iter().filter(|part| part.0 == Place::Query).count();
    assert_eq!((whole(256), whole(257)), (0, 1));
}
