//! What keeping account costs the data path, and the record thread:
//! `cargo bench --bench record --profile quick`. One line each: nanoseconds per call, the best of several rounds.

#![allow(clippy::unwrap_used)] // a bench: what fails, fails it

use podwall::flow::{
    ClientAddr, Connection, ConnectionId, Cut, Denial, Direction, Evidence, Hit, Identity, Kind, Mode, Names,
    OriginalDestination, Part, Peer, Place, Reason, RuleName, SpiffeId, Verdict, Weight,
};
use podwall::record::chain::Chain;
use podwall::record::redact::Redactor;
use podwall::record::render::Renderer;
use podwall::record::{Caller, Event, Exchange, Line, Metrics, Origin, Recorder, Revision, Settings, Traffic};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const NO_RULE: Reason = Reason::new("policy-no-rule", Kind::Policy, "no rule grants it");

fn main() {
    let origin = Origin { build: "bench".into(), ..Origin::default() };
    let (recorder, _writer) = Recorder::start(Settings::default(), origin.clone(), Vec::new()).unwrap();
    let connection = connection();
    let caller = Caller::of(&connection);
    let rule: RuleName = "read orders".into();
    let worker = recorder.worker();
    let handles = Metrics::new().worker();
    let inbound = Direction::Inbound;

    println!("allowed, per request");
    measure("count it under caller and rule", || worker.note(&caller, &rule, Traffic::exchange(500, 1500)));
    measure("count its decision, answer, times and bytes", || {
        handles.judged(inbound, Mode::Enforce, &Verdict::Allow);
        handles.decoded(inbound, Duration::from_nanos(1300));
        handles.took_judging(inbound, Duration::from_nanos(2100));
        handles.answered(inbound, 200, Duration::from_micros(180));
        handles.carried(inbound, 500, 1500);
    });

    println!("denied, per request");
    let denial = Denial { reason: NO_RULE, cut: Cut::Refuse };
    let verdict = Verdict::Deny(denial);
    measure("count its decision", || handles.judged(inbound, Mode::Enforce, &verdict));
    measure("an id", || recorder.id(black_box(SystemTime::UNIX_EPOCH)));
    measure("an event", || event(&recorder, &connection, denial));
    measure("an event, queued or counted as a repeat", || recorder.judged(event(&recorder, &connection, denial)));

    println!("on the record thread, per line");
    let renderer = Renderer::new(Redactor::new(&[0; 32]), origin);
    let line = Line::Judged(Box::new(event(&recorder, &connection, denial)));
    measure("mask and spell", || renderer.render(&line, SystemTime::UNIX_EPOCH));
    let spelled = renderer.render(&line, SystemTime::UNIX_EPOCH);
    measure(&format!("link {} bytes", spelled.len()), || Chain::default().link(&spelled));
}

fn event(recorder: &Recorder, connection: &Connection, denial: Denial) -> Event {
    let exchange = Exchange {
        number: 3,
        action: "GET",
        resource: "http://orders/api/v1/orders/7/items",
        original: b"/api/v1/orders/7/items?limit=50&token=abcdef&q=1%20OR%201=1",
        traceparent: Some(b"00-45a8a3123ec4ffabaf4cda3b0c23b0c7-aa16f477597c0e46-01"),
        ..Exchange::default()
    };
    let id = recorder.id(SystemTime::UNIX_EPOCH);
    let revision = Arc::new(Revision::default());
    let mut event = Event::refused(id, SystemTime::UNIX_EPOCH, connection, denial, &exchange, &revision);
    let hit = Hit { detector: "sql", signature: "sql-tautology".into(), range: 2..8, weight: Weight::CERTAIN };
    event.evidence.push(Evidence::of(&Part::plain(Place::QueryValue, b"q", b"1 OR 1=1"), hit));
    event
}

fn connection() -> Connection {
    let identity = Identity {
        id: SpiffeId::parse("spiffe://cluster.local/ns/shop/sa/storefront").unwrap(),
        serial: "0a1b".into(),
        not_after: SystemTime::UNIX_EPOCH,
    };
    Connection {
        id: ConnectionId(7),
        direction: Direction::Inbound,
        from: ClientAddr("10.0.0.9:5555".parse().unwrap()),
        to: OriginalDestination("10.0.0.1:8080".parse().unwrap()),
        port: 8080,
        names: Names::default(),
        peer: Peer::Verified(Arc::new(identity)),
        protocol: "http",
        opened: SystemTime::UNIX_EPOCH,
    }
}

fn measure<T>(what: &str, mut call: impl FnMut() -> T) {
    const CALLS: u32 = 20_000;
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let began = Instant::now();
        (0..CALLS).for_each(|_| {
            black_box(call());
        });
        best = best.min(began.elapsed());
    }
    println!("  {what:<46} {:>8.0} ns", best.as_nanos() as f64 / f64::from(CALLS));
}
