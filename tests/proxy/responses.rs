//! Answers that carry what their port does not give away: recorded, masked or kept back.

use crate::bench::{Bench, Ended, Setup};
use crate::client::get;

const CARD: &str = "{\"card\":\"4111 1111 1111 1111\"}";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIE\n";

/// Before an upstream that gives this answer, whatever it is asked.
fn with(responses: &str, head: &str, body: impl Into<Vec<u8>>) -> Bench {
    let answer = [format!("HTTP/1.1 200 OK\r\n{head}\r\n").into_bytes(), body.into()].concat();
    let setup = Setup::before(move |talk| while talk.request().is_some() && talk.say(&answer) {});
    let port = setup.port();
    let rules = "\n  - {name: all, from: any, methods: GET, path: '/{rest...}'}\n";
    setup.rules(&format!("{rules}ports:\n  {port}:\n    responses: {{{responses}}}")).start()
}

fn sized(body: &str) -> String {
    format!("content-length: {}\r\n", body.len())
}

fn chunks(body: &str, size: usize) -> Vec<u8> {
    let pieces = body
        .as_bytes()
        .chunks(size)
        .map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    pieces.collect::<Vec<_>>().concat().into_iter().chain(*b"0\r\n\r\n").collect()
}

/// The signs in the evidence of each judged line.
fn signs(ended: &Ended) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    ended.of("judged").map(|line| (text(&line["verdict"]), text(&line["evidence"][0]["signature"]))).collect()
}

fn pair(verdict: &str, sign: &str) -> (String, String) {
    (verdict.to_owned(), sign.to_owned())
}

#[test]
fn card_numbers_are_masked() {
    for (head, body) in [
        (sized(CARD), CARD.as_bytes().to_vec()),
        ("transfer-encoding: chunked\r\n".to_owned(), chunks(CARD, 3)),
        ("connection: close\r\n".to_owned(), CARD.as_bytes().to_vec()),
    ] {
        let close = head.starts_with("connection");
        let bench = if close { closing("cardNumbers: mask", CARD) } else { with("cardNumbers: mask", &head, body) };
        let answer = bench.client().ask(get("/"));
        assert_eq!(String::from_utf8(answer.body).unwrap(), CARD.replace("4111 1111 1111 1111", &"*".repeat(19)));
        assert!(answer.whole);
        let ended = bench.end();
        assert_eq!(signs(&ended), [pair("mask", "leak-card-number")]);
        assert!(!ended.lines.iter().any(|line| line.to_string().contains("4111")));
    }
}

/// Before an upstream whose answer ends with its connection.
fn closing(responses: &str, body: &'static str) -> Bench {
    let setup = Setup::before(move |talk| {
        talk.request();
        talk.say(format!("HTTP/1.1 200 OK\r\n\r\n{body}"));
    });
    let port = setup.port();
    let rules = "\n  - {name: all, from: any, methods: GET, path: '/{rest...}'}\n";
    setup.rules(&format!("{rules}ports:\n  {port}:\n    responses: {{{responses}}}")).start()
}

#[test]
fn held_answer_is_refused_whole() {
    let body = format!("{}{KEY}", "harmless line\n".repeat(1000));
    let bench = with("privateKeys: block", &sized(&body), body);
    let answer = bench.client().ask(get("/"));
    assert_eq!((answer.status, answer.whole), (403, true));
    assert!(answer.head.contains("x-podwall-event: "));
    assert!(!String::from_utf8(answer.body).unwrap().contains("harmless"));
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["response-leak"]);
    assert_eq!(signs(&ended), [pair("deny", "leak-private-key")]);
}

#[test]
fn begun_answer_breaks_off_before_the_leak() {
    let body = format!("{}{KEY}", "harmless line\n".repeat(20_000));
    let bench = with("privateKeys: block", "transfer-encoding: chunked\r\n", chunks(&body, 8000));
    let answer = bench.client().ask(get("/"));
    assert_eq!((answer.status, answer.whole), (200, false));
    assert!(!String::from_utf8(answer.body).unwrap().contains("BEGIN"));
    assert_eq!(bench.end().reasons(), ["response-leak"]);
}

#[test]
fn record_changes_nothing() {
    let body = "Traceback (most recent call last):\n  File \"x.py\", line 1\n";
    let bench = with("stackTraces: record", &sized(body), body);
    assert_eq!(bench.client().ask(get("/")).body, body.as_bytes());
    assert_eq!(signs(&bench.end()), [pair("allow", "leak-stack-trace")]);
}

#[test]
fn nothing_is_looked_for_by_default() {
    let bench = with("", &sized(KEY), KEY);
    assert_eq!(bench.client().ask(get("/")).body, KEY.as_bytes());
    assert_eq!(signs(&bench.end()), []);
}

/// Neither a coding nor a range hides a leak: the upstream is not asked for them, and what comes coded all the same is
/// not passed on.
#[test]
fn leaks_cannot_hide() {
    let asked = "GET / HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\nrange: bytes=0-9\r\nif-range: x\r\n\r\n";
    let bench = with("privateKeys: block", &sized("fine"), "fine");
    assert_eq!(bench.client().ask(asked).status, 200);
    let received = bench.end().all();
    assert!(received.contains("accept-encoding: identity\r\n") && !received.contains("gzip"), "{received}");
    assert!(!received.contains("range"), "{received}");
    let bench = with("privateKeys: block", "content-encoding: gzip\r\ncontent-length: 4\r\n", "\x1f_zz");
    assert_eq!(bench.client().ask(get("/")).status, 502);
    assert_eq!(bench.end().reasons(), ["upstream-coded"]);
}

#[test]
fn heads_are_looked_at() {
    let moved = "content-length: 0\r\nlocation: /receipt?card=4111111111111111\r\n";
    let answer = with("cardNumbers: mask", moved, "").client().ask(get("/"));
    assert!(answer.head.contains("location: /receipt?card=****************\r\n"), "{}", answer.head);
    let cookie = "content-length: 0\r\nset-cookie: debug=Traceback (most recent call last):\r\n";
    let bench = with("stackTraces: block", cookie, "");
    assert_eq!(bench.client().ask(get("/")).status, 403);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["response-leak"]);
    assert_eq!(ended.of("judged").next().unwrap()["evidence"][0]["name"], "head");
}

/// The outcome that the record tells of a request that carries an attack, where it goes on and is answered so.
fn outcome(mode: &'static str, asked: &str, status: &str, body: &str) -> Vec<(String, String)> {
    let answer = format!("HTTP/1.1 {status} X\r\n{}\r\n{body}", sized(body));
    let setup = Setup::before(move |talk| while talk.request().is_some() && talk.say(&answer) {});
    let rules = "\n  - {name: all, from: any, methods: GET, path: '/{rest...}'}\n";
    let setup = setup.rules(rules);
    let bench = if mode == "enforce" { setup.start() } else { setup.mode(mode).start() };
    assert_eq!(bench.client().ask(get(asked)).status.to_string(), status);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    bench.end().of("judged").map(|line| (text(&line["verdict"]), text(&line["outcome"]))).collect()
}

const ATTACK: &str = "/items?id=1%27%20union%20select%20card%20from%20cards--";

#[test]
fn outcome_of_what_was_only_watched_is_told() {
    let complaint = "You have an error in your SQL syntax; check the manual";
    for (status, body, expected) in [
        ("200", "[]", "attempted"),
        ("404", "none", "attempted"),
        ("500", "sorry", "disturbed"),
        ("200", complaint, "likely-succeeded"),
        ("500", complaint, "likely-succeeded"),
    ] {
        assert_eq!(outcome("shadow", ATTACK, status, body), [pair("deny", expected)], "{status} {body}");
    }
}

#[test]
fn sign_that_did_not_suffice_is_told_with_its_outcome() {
    let sign = "/items?next=setTimeout%28go%2C%201%29";
    assert_eq!(outcome("enforce", sign, "200", "ok"), []);
    assert_eq!(
        outcome("enforce", sign, "200", "root:x:0:0:root:/root:/bin/bash\n"),
        [pair("allow", "likely-succeeded")]
    );
    assert_eq!(outcome("enforce", sign, "502", "bad"), [pair("allow", "disturbed")]);
    assert_eq!(outcome("enforce", "/items?id=7", "500", "root:x:0:0:root:/root:/bin/bash\n"), []);
}
