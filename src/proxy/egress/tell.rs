//! What the record and the metrics are told of outbound connections that are judged as a whole.

use super::opening;
use crate::engine::egress::{Dialled, Opening, SCHEME};
use crate::flow::{Connection, Cut as Ends, Denial, Direction, Judgement, Mode, Reason, RuleName, Terms, Verdict};
use crate::proxy::budget::{BUDGET, Exceeded};
use crate::proxy::stream::{Cut, End, IDLE};
use crate::proxy::upstream::Unreached;
use crate::proxy::worker::Worker;
use crate::record::flows::Carried;
use crate::record::learned::{Asked, CONNECT, Needs};
use crate::record::{Caller, Event, Exchange, Traffic};
use std::sync::Arc;
use std::time::SystemTime;

/// A connection that goes on.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Passed {
    /// The name that it is for.
    pub(in crate::proxy) name: Option<Box<str>>,
    /// What comes with its grant; nothing when it goes on although it is denied.
    pub(in crate::proxy) terms: Option<Arc<Terms>>,
    /// What is done with verdicts.
    pub(in crate::proxy) mode: Mode,
}

impl Passed {
    /// Whether it goes on for its owner to learn what is missing.
    pub(in crate::proxy) fn is_to_be_learned(&self) -> bool {
        self.mode == Mode::Learn && self.terms.is_none()
    }
}

/// Notes what a connection was that no rule grants, for its owner.
pub(in crate::proxy) fn learned(worker: &Worker, connection: &Connection, (host, word): (&str, &str), answered: bool) {
    let asked = Asked {
        host: Some(host.into()),
        port: connection.port,
        action: CONNECT.into(),
        path: word.into(),
        needs: Needs::default(),
    };
    worker.aggregate.learn(&Caller::of(connection), asked, answered);
}

/// Judges a connection as a whole, and records a denial. Nothing when it ends here.
pub(in crate::proxy) fn judge(worker: &Worker, connection: &Connection, opening: &Opening<'_>) -> Option<Passed> {
    worker.judging(connection, |scene| {
        let engine = worker.engine();
        let dialled = engine.connect(scene, opening);
        worker.metrics.judged(connection.direction, dialled.judgement.mode, &dialled.judgement.verdict);
        let allowed = dialled.judgement.verdict == Verdict::Allow;
        worker.metrics.called(opening.protocol, if allowed { "allow" } else { "deny" });
        let name = dialled.name.as_deref().map(Box::from);
        if dialled.judgement.verdict == Verdict::Allow {
            return Some(Passed { name, terms: dialled.case.terms().cloned(), mode: dialled.judgement.mode });
        }
        let Dialled { judgement, resource, detail, .. } = &dialled;
        let exchange = Exchange {
            number: 1,
            action: "connect",
            resource,
            original: opening.said(),
            detail: detail.as_deref(),
            ..Exchange::default()
        };
        let recorder = &worker.shared.recorder;
        let id = recorder.id(scene.now.wall);
        recorder.judged(Event::judged(id, scene, judgement, &exchange, engine.revision()));
        let mode = judgement.mode;
        judgement.stops().is_none().then_some(Passed { name, terms: None, mode })
    })
}

/// Judges an inbound connection as a whole, and records a denial. Nothing when it ends here.
pub(in crate::proxy) fn admit(worker: &Worker, connection: &Connection) -> Option<Passed> {
    worker.judging(connection, |scene| {
        let engine = worker.engine();
        let (case, judgement) = engine.admit(scene);
        worker.metrics.judged(connection.direction, judgement.mode, &judgement.verdict);
        let passed = Passed { name: None, terms: case.terms().cloned(), mode: judgement.mode };
        if judgement.verdict == Verdict::Allow {
            return Some(passed);
        }
        recorded(worker, connection, &judgement, None);
        judgement.stops().is_none().then_some(passed)
    })
}

/// Judges it again, once the policy is another.
pub(in crate::proxy) fn still_admits(worker: &Worker, connection: &Connection) -> Result<(), Box<Cut>> {
    let stops = worker.judging(connection, |scene| worker.engine().admit(scene).1.stops());
    stops.map_or(Ok(()), |denial| Err(Cut::new(denial.reason)))
}

/// Judges what a connection turns out to speak while it is carried.
pub(in crate::proxy) fn cut(worker: &Worker, connection: &Connection, opening: &Opening<'_>) -> Result<(), Box<Cut>> {
    worker.judging(connection, |scene| {
        let engine = worker.engine();
        let dialled = engine.connect(scene, opening);
        match dialled.judgement.stops() {
            Some(denial) => Err(Box::new(Cut { reason: denial.reason, evidence: Vec::new(), detail: dialled.detail })),
            None => Ok(()),
        }
    })
}

/// Acts on what was overheard: the chunk does not go on, or, where nothing is acted on, it is recorded.
pub(in crate::proxy) fn overheard(
    worker: &Worker,
    connection: &Connection,
    judgement: Judgement,
) -> Result<(), Box<Cut>> {
    if let Some(denial) = judgement.stops() {
        return Err(Box::new(Cut { reason: denial.reason, evidence: judgement.evidence, detail: None }));
    }
    worker.metrics.judged(connection.direction, judgement.mode, &judgement.verdict);
    recorded(worker, connection, &judgement, None);
    Ok(())
}

/// Records a judgement of what goes on all the same.
fn recorded(worker: &Worker, connection: &Connection, judgement: &Judgement, detail: Option<&str>) {
    worker.judging(connection, |scene| {
        let (recorder, resource) = (&worker.shared.recorder, resource(connection));
        let exchange = Exchange { number: 1, action: "connect", resource: &resource, detail, ..Exchange::default() };
        let id = recorder.id(scene.now.wall);
        recorder.judged(Event::judged(id, scene, judgement, &exchange, &worker.revision()));
    });
}

/// More leaves than may: it does not go on, or, where nothing is acted on, it is recorded.
pub(in crate::proxy) fn exceeded(
    worker: &Worker,
    connection: &Connection,
    terms: &Terms,
    exceeded: Exceeded,
) -> Result<(), Box<Cut>> {
    let Exceeded { mode, detail } = exceeded;
    if mode == Mode::Enforce {
        return Err(Box::new(Cut { reason: BUDGET, evidence: Vec::new(), detail: Some(detail) }));
    }
    let judgement = Judgement {
        verdict: Verdict::Deny(Denial { reason: BUDGET, cut: Ends::Drop }),
        mode,
        rules: vec![terms.rule.clone()],
        nearest: None,
        evidence: Vec::new(),
        effects: Vec::new(),
    };
    worker.metrics.judged(connection.direction, judgement.mode, &judgement.verdict);
    recorded(worker, connection, &judgement, Some(&detail));
    Ok(())
}

/// A connection that ended before it said what it is.
pub(super) fn unopened(worker: &Worker, connection: &Connection, end: opening::End) {
    match end {
        opening::End::Left => {}
        opening::End::Unreached(why) => unreached(worker, connection, why),
        opening::End::Refused(reason) if reason == IDLE => worker.metrics.limited(connection.direction, IDLE),
        opening::End::Refused(reason) => failed(worker, connection, reason),
    }
}

/// A connection whose destination does not answer.
pub(in crate::proxy) fn unreached(worker: &Worker, connection: &Connection, Unreached { reason, detail }: Unreached) {
    refused(worker, connection, &Cut { reason, evidence: Vec::new(), detail }, 0);
}

/// A connection that is refused without a judgement: its first bytes are malformed, or do not come.
pub(in crate::proxy) fn failed(worker: &Worker, connection: &Connection, reason: Reason) {
    refused(worker, connection, Cut::new(reason).as_ref(), 0);
}

/// A connection that was carried has ended.
pub(in crate::proxy) fn ended(
    worker: &Worker,
    connection: &Connection,
    passed: &Passed,
    (up, down): (u64, u64),
    end: &End,
) {
    worker.metrics.carried(connection.direction, up, down);
    let unnamed = RuleName::from("");
    let granted = passed.terms.as_ref().map(|terms| &terms.rule);
    let rule = granted.unwrap_or(&unnamed);
    worker.aggregate.note(&Caller::of(connection), rule, Traffic::exchange(up, down));
    if connection.direction == Direction::Outbound {
        let lasted = SystemTime::now().duration_since(connection.opened).unwrap_or_default();
        worker.flowed(connection, passed.name.as_deref(), granted, Carried::once(up, down, lasted));
    }
    match end {
        End::Cut(cut) => refused(worker, connection, cut, up),
        End::Idle => worker.metrics.limited(connection.direction, IDLE),
        End::Over | End::Broken => {}
    }
}

/// What was called, where nothing said in the connection tells: the name that led there last, else the address.
fn resource(connection: &Connection) -> String {
    let name = connection.names.iter().next().map_or_else(|| connection.to.host(), |name| name.asked.to_string());
    format!("{SCHEME}://{name}:{}", connection.port)
}

fn refused(worker: &Worker, connection: &Connection, cut: &Cut, released: u64) {
    let (recorder, now) = (&worker.shared.recorder, worker.now().wall);
    let denial = Denial { reason: cut.reason, cut: Ends::Drop };
    let resource = resource(connection);
    let exchange = Exchange {
        number: 1,
        action: "connect",
        resource: &resource,
        released,
        detail: cut.detail.as_deref(),
        ..Exchange::default()
    };
    let event = Event::refused(recorder.id(now), now, connection, denial, &exchange, &worker.revision());
    recorder.judged(Event { evidence: cut.evidence.clone(), ..event });
    worker.metrics.judged(connection.direction, Mode::Enforce, &Verdict::Deny(denial));
}
