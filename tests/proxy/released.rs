//! What the upstream receives is exactly what was granted, whatever comes before it, behind it or in its middle: random
//! conversations, some of whose requests are denied for something at a random place, cut into random pieces.

use crate::bench::{Bench, Setup};
use crate::client::Client;
use crate::upstream::Talk;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

const ATTACK: &str = "x' UNION SELECT card, cvv FROM payments-- ";
const IN_URL: &str = "x%27%20UNION%20SELECT%20card,%20cvv%20FROM%20payments--%20";
/// What is held, in these tests.
const HELD: usize = 4 << 10;

/// How a request's body is sent.
#[derive(Clone, Debug)]
enum Sent {
    None,
    Length,
    /// In pieces of so many bytes, with trailers or without.
    Chunks(usize, bool),
}

/// What is wrong with a request, if anything is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Nothing,
    // Refused by the policy: the connection lives on, if no body is left.
    Path,
    Method,
    // Attacks in the head.
    Query,
    Segment,
    Header,
    Cookie,
    // Attacks behind the head: the connection lives on.
    Body,
    Trailer,
    // What cannot be read: the connection ends.
    TwoLengths,
    BothFramings,
    SpaceBeforeColon,
    BareFeed,
    Folded,
    SecondHost,
    LastChunk,
    TooLarge,
}

#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    words: Vec<&'static str>,
    fields: Vec<(String, &'static str)>,
    sent: Sent,
    kind: Option<&'static str>,
    fault: Fault,
    /// Where the fault is put.
    at: Index,
    close: bool,
}

impl Request {
    fn method(&self) -> &'static str {
        if self.fault == Fault::Method { "DELETE" } else { self.method }
    }

    fn chunked(&self) -> bool {
        matches!(self.sent, Sent::Chunks(..))
    }

    fn has_trailers(&self) -> bool {
        matches!(self.sent, Sent::Chunks(_, true)) || (self.fault == Fault::Trailer && self.chunked())
    }

    /// Whether the fault is there at all: some need a body of a certain form.
    fn denied(&self) -> bool {
        match self.fault {
            Fault::Nothing => false,
            Fault::Body | Fault::TooLarge | Fault::BothFramings => !matches!(self.sent, Sent::None),
            Fault::Trailer | Fault::LastChunk => self.chunked(),
            Fault::TwoLengths => matches!(self.sent, Sent::Length),
            _ => true,
        }
    }

    /// Whether the sidecar closes after its answer.
    fn ends(&self) -> bool {
        let unread = !self.body().is_empty() || self.chunked();
        self.close
            || self.denied()
                && match self.fault {
                    Fault::Body | Fault::Trailer => false,
                    Fault::Path | Fault::Method | Fault::Query | Fault::Segment | Fault::Header | Fault::Cookie => {
                        unread
                    }
                    _ => true,
                }
    }

    fn target(&self) -> String {
        let words = self.words.join("+");
        match self.fault {
            Fault::Path => format!("/closed?q={words}"),
            Fault::Query => format!("/open/a?q={words}&{IN_URL}=1&z={IN_URL}"),
            Fault::Segment => format!("/open/{IN_URL}?q={words}"),
            _ => format!("/open/a?q={words}"),
        }
    }

    /// The header lines that go on, in their order.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let fault = match self.fault {
            Fault::Header => Some(format!("x-note: {ATTACK}").trim_end().to_owned()),
            Fault::Cookie => Some(format!("cookie: a=b; c={IN_URL}")),
            Fault::SpaceBeforeColon => Some("x-note : a".to_owned()),
            Fault::BareFeed => Some("x-note: a\nx-more: b".to_owned()),
            Fault::Folded => Some("x-note: a\r\n b".to_owned()),
            Fault::SecondHost => Some("host: shop".to_owned()),
            _ => None,
        };
        if let Some(line) = fault {
            lines.insert(self.at.index(lines.len() + 1), line);
        }
        lines.insert(0, "host: shop".to_owned());
        lines
            .extend(self.kind.filter(|_| !matches!(self.sent, Sent::None)).map(|kind| format!("content-type: {kind}")));
        lines
    }

    fn body(&self) -> String {
        let mut text = self.words.join(" ");
        match (&self.sent, self.fault) {
            (Sent::None, _) => return String::new(),
            (_, Fault::TooLarge) => text = "all is well, ".repeat(HELD / 12),
            (_, Fault::Body) => text.insert_str(self.at.index(text.len() + 1), ATTACK),
            _ => {}
        }
        match self.kind {
            Some("application/json") => serde_json::json!({"a": [1, {"b": text}]}).to_string(),
            Some("application/xml") => format!("<a><b>{text}</b></a>"),
            Some("application/x-www-form-urlencoded") => {
                format!("a=1&b={}", text.replace(' ', "+").replace('\'', "%27"))
            }
            _ => text,
        }
    }

    fn trailers(&self) -> String {
        match self.fault {
            _ if !self.has_trailers() => String::new(),
            Fault::Trailer => format!("x-sum: 7\r\nx-end: {ATTACK}\r\n"),
            _ => "x-sum: 7\r\n".to_owned(),
        }
    }

    /// As the client sends it.
    fn spelled(&self) -> Vec<u8> {
        let body = self.body();
        let mut framing = match self.sent {
            Sent::None => Vec::new(),
            Sent::Length => vec![format!("Content-Length: {}", body.len())],
            Sent::Chunks(..) => vec!["Transfer-Encoding: chunked".to_owned()],
        };
        match self.fault {
            Fault::TwoLengths => framing.extend(framing.clone()),
            Fault::BothFramings if self.chunked() => framing.push(format!("content-length: {}", body.len())),
            Fault::BothFramings => framing.push("transfer-encoding: chunked".to_owned()),
            _ => {}
        }
        if self.close {
            framing.push("Connection: close".to_owned());
        }
        let head = [vec![format!("{} {} HTTP/1.1", self.method(), self.target())], framing, self.lines()].concat();
        let content = match self.sent {
            Sent::Chunks(size, _) => {
                let last = if self.fault == Fault::LastChunk { "0;\r\n" } else { "0\r\n" };
                let pieces = body.as_bytes().chunks(size);
                let chunks = pieces.map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)));
                chunks.collect::<String>() + last + &self.trailers() + "\r\n"
            }
            _ => body,
        };
        (head.join("\r\n") + "\r\n\r\n" + &content).into_bytes()
    }

    /// As the upstream must receive it.
    fn emitted(&self) -> Vec<u8> {
        let body = self.body();
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method(), self.target())];
        lines.extend(self.lines());
        // What the application is told of the caller.
        lines.extend(["x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"].map(str::to_owned));
        match self.sent {
            _ if self.has_trailers() => lines.push("transfer-encoding: chunked".to_owned()),
            Sent::None => {}
            _ => lines.push(format!("content-length: {}", body.len())),
        }
        if self.method() != "POST" && (!body.is_empty() || self.chunked()) {
            lines.push("connection: close".to_owned());
        }
        let content = match body.len() {
            _ if !self.has_trailers() => body,
            0 => "0\r\n".to_owned() + &self.trailers() + "\r\n",
            length => format!("{length:x}\r\n{body}\r\n0\r\n{}\r\n", self.trailers()),
        };
        (lines.join("\r\n") + "\r\n\r\n" + &content).into_bytes()
    }
}

fn request() -> impl Strategy<Value = Request> {
    use Fault::*;
    let faults = vec![
        Path,
        Method,
        Query,
        Segment,
        Header,
        Cookie,
        Body,
        Trailer,
        TwoLengths,
        BothFramings,
        SpaceBeforeColon,
        BareFeed,
        Folded,
        SecondHost,
        LastChunk,
        TooLarge,
    ];
    let words = select(vec!["orders", "of", "seven", "customers", "were", "shipped", "today", "by", "boat", "again"]);
    let names = select(vec!["x-a", "X-Tenant", "accept", "User-Agent", "x-b"]);
    let kinds = select(vec![
        Some("application/json"),
        Some("application/xml"),
        Some("application/x-www-form-urlencoded"),
        Some("text/plain"),
        None,
    ]);
    let sent = prop_oneof![
        Just(Sent::None),
        Just(Sent::Length),
        (1..40usize, any::<bool>()).prop_map(|(size, trailers)| Sent::Chunks(size, trailers))
    ];
    let fault = prop_oneof![2 => Just(Nothing), 1 => select(faults)];
    let fields = prop::collection::vec((names.prop_map(str::to_owned), words.clone()), 0..4);
    let said = prop::collection::vec(words, 0..30);
    let rest = (sent, kinds, fault, any::<Index>(), prop::bool::weighted(0.1));
    (select(vec!["GET", "POST"]), said, fields, rest).prop_map(|(method, words, fields, rest)| {
        let (sent, kind, fault, at, close) = rest;
        let mut request = Request { method, words, fields, sent, kind, fault, at, close };
        if !request.denied() {
            request.fault = Nothing;
        }
        request
    })
}

/// An upstream that answers, and keeps every request in the order of their coming.
fn keeping() -> (Setup, Arc<Mutex<Vec<u8>>>) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = received.clone();
    let setup = Setup::before(move |talk: &mut Talk| {
        while let Some(request) = talk.message() {
            kept.lock().unwrap().extend(request);
            if !talk.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") {
                break;
            }
        }
    });
    (setup.limit("inspect_bytes: 4KiB"), received)
}

/// Sends the bytes in pieces that end at `cuts`.
fn send_in_pieces(client: &mut Client<std::net::TcpStream>, bytes: &[u8], cuts: &[Index]) {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).for_each(|cut| {
        client.send(&bytes[cut[0]..cut[1]]);
    });
}

fn talk(bench: &Bench, requests: &[Request], cuts: &[Index]) -> Vec<u16> {
    let bytes: Vec<u8> = requests.iter().flat_map(Request::spelled).collect();
    let mut client = bench.client();
    send_in_pieces(&mut client, &bytes, cuts);
    // A sidecar that has closed already has said all that it will say.
    let _ = client.stream.shutdown(Shutdown::Write);
    let statuses: Vec<_> =
        std::iter::repeat_with(|| client.answer().status).take_while(|status| *status != 0).collect();
    assert!(client.rest().is_empty());
    statuses
}

#[test]
fn a_denied_request_forwards_none_of_its_bytes() {
    let (setup, received) = keeping();
    let bench = setup.start();
    let expected_of_all = Cell::new(0);
    let conversation = (prop::collection::vec(request(), 1..6), prop::collection::vec(any::<Index>(), 0..12));
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&conversation, |(requests, cuts)| {
            received.lock().unwrap().clear();
            let statuses = talk(&bench, &requests, &cuts);
            let end = requests.iter().position(Request::ends).map_or(requests.len(), |at| at + 1);
            let answered = &requests[..end];
            prop_assert_eq!(statuses.len(), answered.len(), "{:?}", statuses);
            for (request, status) in answered.iter().zip(&statuses) {
                prop_assert_eq!(*status == 200, !request.denied(), "{} for {:?}", status, request);
            }
            let granted = answered.iter().filter(|request| !request.denied());
            let expected: Vec<u8> = granted.flat_map(Request::emitted).collect();
            let received = received.lock().unwrap().clone();
            prop_assert_eq!(String::from_utf8_lossy(&received), String::from_utf8_lossy(&expected));
            expected_of_all.set(expected_of_all.get() + expected.len());
            Ok(())
        })
        .unwrap();
    let all: usize = bench.end().received.iter().map(|received| received.bytes.len()).sum();
    assert_eq!(all, expected_of_all.get(), "bytes that belong to no granted request");
}

/// A streamed body whose attack stands at a random place behind what is held.
fn stream() -> impl Strategy<Value = (usize, usize, Option<usize>, Vec<Index>)> {
    let cuts = prop::collection::vec(any::<Index>(), 0..12);
    (HELD..HELD * 20, 0..HELD * 4, prop::option::of(100..5000usize), cuts)
}

#[test]
fn a_denied_window_forwards_none_of_its_bytes() {
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&stream(), |(before, behind, chunks, cuts)| {
            let bench = Setup::before(Talk::drain).limit("inspect_bytes: 4KiB").start();
            let filler = |bytes: usize| "all is well, ".chars().cycle().take(bytes).collect::<String>();
            let body = filler(before) + ATTACK + &filler(behind);
            let (framing, content) = match chunks {
                None => (format!("content-length: {}", body.len()), body.clone()),
                Some(size) => {
                    let pieces = body.as_bytes().chunks(size).map(String::from_utf8_lossy);
                    let chunks: String = pieces.map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
                    ("transfer-encoding: chunked".to_owned(), chunks + "0\r\n\r\n")
                }
            };
            let head = format!("POST /stream HTTP/1.1\r\nhost: shop\r\ncontent-type: text/plain\r\n{framing}\r\n\r\n");
            let mut client = bench.client();
            send_in_pieces(&mut client, (head + &content).as_bytes(), &cuts);
            let status = client.answer().status;
            drop(client);
            let all = bench.end().all();
            let forwarded = all.split_once("\r\n\r\n").map_or("", |(_, content)| content).to_owned();
            let forwarded = if chunks.is_some() { unchunked(&forwarded) } else { forwarded };
            prop_assert_eq!(status, 403);
            prop_assert!(body.starts_with(&forwarded), "other bytes");
            prop_assert!(forwarded.len() <= before, "{} of the attack", forwarded.len() - before);
            Ok(())
        })
        .unwrap();
}

/// The content of chunks, none of which is the last.
fn unchunked(mut chunks: &str) -> String {
    let mut content = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        assert_ne!(size, 0, "passed off as whole");
        content += &rest[..size.min(rest.len())];
        chunks = rest.get(size + 2..).unwrap_or_default();
    }
    content
}
