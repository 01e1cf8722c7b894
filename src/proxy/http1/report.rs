//! What the record and the metrics are told of an exchange, and what the client is told when it is refused. Two texts:
//! the record keeps everything, the client learns a status and the event's id.

use super::answer::{Broken, LEFT, Seen};
use super::exchange::{Request, speaks_grpc};
use super::{Conversation, Next};
use crate::canon::path::Readings;
use crate::engine::{Case, LEAK, NO_RULE};
use crate::flow::{
    Access, Cut, Denial, Direction, Judgement, Mode, Now, Outcome, Past, Reason, RuleName, Scene, Verdict,
};
use crate::protocol::head::Header;
use crate::protocol::http1::emit;
use crate::protocol::http1::{self, Refusal, RequestHead};
use crate::protocol::{Malformed, grpc};
use crate::proxy::upstream::Unreached;
use crate::proxy::waiting::Waiting;
use crate::proxy::worker::{InPlace, Worker};
use crate::record::flows::Carried;
use crate::record::{Event, EventId, Exchange, Revision, Traffic};
use std::sync::Arc;
use std::time::Duration;

/// What is told of one exchange, gathered on its way.
pub(super) struct Told {
    pub(super) revision: Arc<Revision>,
    /// Since the start of the process.
    began: Duration,
    pub(super) seen: Seen,
    /// Bytes of the request's body that went on.
    pub(super) sent: u64,
    /// Spent judging so far.
    judging: Duration,
    event: Option<EventId>,
    /// Seconds after which asking again may succeed.
    pub(super) retry_after: Option<u64>,
    /// What was denied and goes on all the same: it is recorded once it is known what became of it.
    waiting: Vec<Waiting>,
}

impl Told {
    pub(super) fn begin(engine: &InPlace, now: &Now) -> Self {
        let revision = Arc::clone(engine.revision());
        Self {
            revision,
            began: now.since_start,
            seen: Seen::default(),
            sent: 0,
            judging: Duration::ZERO,
            event: None,
            retry_after: None,
            waiting: Vec::new(),
        }
    }
}

impl Told {
    fn progress(&self) -> Progress<'_> {
        Progress { revision: &self.revision, sent: self.sent, status: self.seen.status }
    }

    /// Notes how long judging took.
    pub(super) fn judged(&mut self, from: &Now, until: &Now) {
        self.judging += until.since_start.saturating_sub(from.since_start);
    }
}

/// How far an exchange has come when something is told of it.
#[derive(Clone, Copy)]
pub(super) struct Progress<'a> {
    pub(super) revision: &'a Arc<Revision>,
    /// Bytes of the request's body that went on.
    pub(super) sent: u64,
    /// What the upstream has answered.
    pub(super) status: Option<u16>,
}

impl Progress<'_> {
    /// Records a judgement that denies, acted on or not, or that has something to tell.
    pub(super) fn note(
        self,
        worker: &Worker,
        scene: &Scene<'_>,
        request: &Request,
        judgement: &Judgement,
    ) -> Option<EventId> {
        let event = self.event(worker, scene, request, judgement)?;
        let id = event.id;
        worker.shared.recorder.judged(event);
        Some(id)
    }

    /// The account of a judgement that denies, acted on or not, or that has something to tell.
    fn event(self, worker: &Worker, scene: &Scene<'_>, request: &Request, judgement: &Judgement) -> Option<Event> {
        if judgement.verdict == Verdict::Allow && judgement.evidence.is_empty() {
            return None;
        }
        worker.metrics.judged(scene.connection.direction, judgement.mode, &judgement.verdict);
        let without_rule = matches!(&judgement.verdict, Verdict::Deny(denial) if denial.reason == NO_RULE);
        if judgement.mode == Mode::Learn && without_rule {
            // It is counted when the exchange is over, with all others of its kind.
            return None;
        }
        let id = worker.shared.recorder.id(scene.now.wall);
        let access = resource(request);
        let exchange = self.exchange(scene.session.exchanges, request, &access);
        Some(Event::judged(id, scene, judgement, &exchange, self.revision))
    }

    fn exchange<'a>(&self, number: u64, request: &'a Request, resource: &'a str) -> Exchange<'a> {
        let view = request.view();
        Exchange {
            number,
            action: view.method(),
            resource,
            original: view.target().as_bytes(),
            traceparent: view.header("traceparent"),
            released: self.sent,
            upstream_status: self.status,
            detail: None,
        }
    }
}

impl Conversation<'_> {
    /// Records a judgement that denies, acted on or not. Gives the denial that must be acted on.
    pub(super) fn note(&self, told: &mut Told, request: &Request, judgement: &Judgement) -> Option<Denial> {
        if judgement.verdict == Verdict::Allow && judgement.evidence.is_empty() {
            return None;
        }
        let past = Past::default();
        let scene = self.scene(&past);
        let Some(event) = told.progress().event(self.worker, &scene, request, judgement) else {
            return judgement.stops();
        };
        told.event = Some(event.id);
        let waits = event.reason().is_some_and(|reason| reason != LEAK) && judgement.stops().is_none();
        let waiting = Waiting::new(Some(event), &self.worker.shared);
        if waits {
            told.waiting.push(waiting);
        }
        judgement.stops()
    }

    /// What signs of an attack that did not suffice turned out to be: told when the answer says that they were one.
    fn tell_outcome(&self, told: &mut Told, case: &Case<'_>, request: &Request) {
        for event in told.waiting.iter_mut().filter_map(Waiting::event) {
            event.outcome = told.seen.outcome;
            event.upstream_status = told.seen.status;
        }
        told.waiting.clear();
        let telling = told.seen.outcome.filter(|outcome| *outcome > Outcome::Attempted && !case.denied());
        if telling.is_none() || case.found().evidence().is_empty() {
            return;
        }
        let past = Past::default();
        let scene = self.scene(&past);
        let judgement = Judgement {
            verdict: Verdict::Allow,
            mode: case.mode(),
            rules: case.terms().iter().map(|terms| terms.rule.clone()).collect(),
            nearest: None,
            evidence: case.found().evidence().to_vec(),
            effects: Vec::new(),
        };
        let event = told.progress().event(self.worker, &scene, request, &judgement);
        let event = event.map(|event| Event { outcome: telling, ..event });
        drop(Waiting::new(event, &self.worker.shared));
    }

    /// Records what needed no judgement: an upstream that fails, a client that does.
    fn note_failure(&self, told: &mut Told, request: &Request, reason: Reason, detail: Option<&str>) -> EventId {
        let now = self.worker.now().wall;
        let id = self.worker.shared.recorder.id(now);
        let denial = Denial { reason, cut: Cut::CloseSession };
        let access = resource(request);
        let progress = told.progress();
        let exchange = Exchange { detail, ..progress.exchange(self.session.exchanges, request, &access) };
        let event = Event::refused(id, now, &self.guest.connection, denial, &exchange, &told.revision);
        self.worker.shared.recorder.judged(event);
        self.worker.metrics.judged(self.guest.connection.direction, Mode::Enforce, &Verdict::Deny(denial));
        told.event = Some(id);
        id
    }

    /// Refuses a request that was judged. A body still unread ends the connection.
    pub(super) async fn refuse(&mut self, told: &Told, request: &Request, denial: Denial, unread: bool) -> Next {
        let close = unread || denial.cut != Cut::Refuse || !request.head.keep_alive || self.worker.stopping();
        let head = request.view().method() == "HEAD";
        let event = told.event.map(|id| id.to_string()).unwrap_or_default();
        let status = http1::status(&denial.reason);
        let grpc = speaks_grpc(request).map(|flavour| (grpc::status(&denial.reason), flavour));
        self.answer(&Refusal { status, event: &event, close, head, retry_after: told.retry_after, grpc }).await
    }

    /// Refuses what never became a request.
    pub(super) async fn refuse_unread(&mut self, malformed: Malformed) -> Next {
        let now = self.worker.now().wall;
        let id = self.worker.shared.recorder.id(now);
        let denial = Denial { reason: malformed.why, cut: Cut::CloseSession };
        let detail = format!("at byte {} of the head", malformed.at);
        let exchange = Exchange {
            number: self.session.exchanges + 1,
            original: self.client.inbox.unread(),
            detail: Some(&detail),
            ..Exchange::default()
        };
        let revision = Arc::clone(self.worker.engine().revision());
        let event = Event::refused(id, now, &self.guest.connection, denial, &exchange, &revision);
        self.worker.shared.recorder.judged(event);
        self.worker.metrics.judged(self.guest.connection.direction, Mode::Enforce, &Verdict::Deny(denial));
        self.say(Some(id), malformed.why, (true, false, None), None).await
    }

    /// Refuses a request because of its connection: the certificate has ended, or its bundle has gone.
    pub(super) async fn refuse_connection(&mut self, head: RequestHead, reason: Reason, detail: &str) -> Next {
        let request = Request { bytes: self.client.inbox.take(head.len), head };
        let mut told = Told::begin(&self.worker.engine(), &self.now);
        let id = self.note_failure(&mut told, &request, reason, Some(detail));
        self.say(Some(id), reason, (true, false, None), Some(&request)).await
    }

    /// Ends an exchange whose upstream was not reached.
    pub(super) async fn unreached(&mut self, told: &mut Told, request: &Request, why: &Unreached) -> Next {
        self.end(told, request, Broken::Upstream(why.reason), why.detail.as_deref()).await
    }

    /// Ends an exchange that its upstream or its client broke: with an answer of ours if none has begun, with a reset
    /// if one has.
    pub(super) async fn fail(&mut self, told: &mut Told, request: &Request, broken: Broken) -> Next {
        self.end(told, request, broken, None).await
    }

    async fn end(&mut self, told: &mut Told, request: &Request, broken: Broken, detail: Option<&str>) -> Next {
        let (Broken::Upstream(reason) | Broken::Client(reason)) = broken;
        if reason == LEFT {
            return Next::Abort;
        }
        let id = self.note_failure(told, request, reason, detail);
        match broken {
            Broken::Upstream(_) if !told.seen.begun => {
                let unread = !self.client.inbox.is_empty() || told.sent > 0;
                let close = unread || !request.head.keep_alive || self.worker.stopping();
                let head = request.view().method() == "HEAD";
                self.client.outbox.buffer().clear();
                self.say(Some(id), reason, (close, head, told.retry_after), Some(request)).await
            }
            Broken::Client(_) if !told.seen.begun => {
                self.say(Some(id), reason, (true, false, None), Some(request)).await
            }
            _ => Next::Abort,
        }
    }

    /// Tells the metrics and the aggregates of a request that was let through.
    pub(super) fn tell(&self, told: &mut Told, case: &Case<'_>, request: &Request) {
        self.tell_outcome(told, case, request);
        let took = self.now.since_start.saturating_sub(told.began);
        let metrics = &self.worker.metrics;
        metrics.took_judging(self.guest.connection.direction, told.judging);
        metrics.answered(self.guest.connection.direction, told.seen.status.unwrap_or_default(), took);
        if case.is_to_be_learned() {
            let stream = told.sent > self.worker.limits().inspect_bytes as u64;
            let answer = told.seen.status.unwrap_or_default();
            self.worker.learn(
                &self.guest.caller,
                self.guest.connection.port,
                case,
                &request.view().request(),
                answer,
                stream,
            );
        }
        if case.denied() {
            return;
        }
        let unnamed = RuleName::from("");
        let rule = case.terms().map_or(&unnamed, |terms| &terms.rule);
        let traffic = Traffic::exchange(request.bytes.len() as u64 + told.sent, told.seen.released);
        metrics.judged(self.guest.connection.direction, case.mode(), &Verdict::Allow);
        metrics.carried(self.guest.connection.direction, traffic.bytes_in, traffic.bytes_out);
        self.worker.aggregate.note(&self.guest.caller, rule, traffic);
        if self.guest.connection.direction == Direction::Outbound {
            let host = request.view().host();
            let name = host.as_ref().map(|host| &*host.name);
            let carried = Carried::once(traffic.bytes_in, traffic.bytes_out, took);
            self.worker.flowed(&self.guest.connection, name, Some(rule), carried);
        }
    }

    async fn say(
        &mut self,
        event: Option<EventId>,
        reason: Reason,
        (close, head, retry_after): (bool, bool, Option<u64>),
        request: Option<&Request>,
    ) -> Next {
        let event = event.map(|id| id.to_string()).unwrap_or_default();
        let grpc = request.and_then(speaks_grpc).map(|flavour| (grpc::status(&reason), flavour));
        let status = http1::status(&reason);
        self.answer(&Refusal { status, event: &event, close, head, retry_after, grpc }).await
    }

    /// Ends a gRPC call whose answer has begun, in its trailers.
    pub(super) async fn end_call(&mut self, told: &Told, denial: Denial) -> Next {
        let event = told.event.map(|id| id.to_string()).unwrap_or_default();
        let fields = http1::refusal::grpc_fields(grpc::status(&denial.reason), &event);
        let headers = fields.iter().map(|(name, value)| Header {
            name: name.as_bytes(),
            value: value.as_bytes(),
            known: None,
            forwarded: true,
        });
        emit::last_chunk(self.client.outbox.buffer(), headers);
        match self.client.send(self.worker).await {
            Ok(()) => Next::Close,
            Err(_) => Next::Abort,
        }
    }

    async fn answer(&mut self, refusal: &Refusal<'_>) -> Next {
        refusal.write(self.client.outbox.buffer());
        match self.client.send(self.worker).await {
            Ok(()) if !refusal.close => Next::Request,
            Ok(()) => Next::Close,
            Err(_) => Next::Abort,
        }
    }
}

/// The resource in its first reading; as it was spelled, if it has none.
fn resource(request: &Request) -> String {
    let view = request.view();
    let asked = view.request();
    let accesses = asked.accesses(&Readings::default());
    let first = accesses.ok().and_then(|accesses| accesses.first().map(Access::resource));
    first.unwrap_or_else(|| view.target().to_owned())
}
