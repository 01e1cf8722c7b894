//! One question: decoded, judged, answered. What the cache knows is answered at once; the rest waits for an upstream,
//! and its answer is looked at before the client sees it.

use super::Resolver;
use super::cache::{Key, clamp};
use super::tell::Asked;
use super::vet::{self, Inside};
use super::waiting::Waiting;
use crate::engine::Engine;
use crate::flow::{self, Cut, Denial, Judgement, Kind, Mode, Reason, Session, Verdict};
use crate::protocol::dns::header::id_of;
use crate::protocol::dns::refusal::{code, unreadable};
use crate::protocol::dns::{Answer, ExtendedError, MAX_MESSAGE, Query, Rcode, Record, Refusal, Type};
use crate::record::EventId;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// As many questions wait for an upstream as may.
const IN_FLIGHT: Reason =
    Reason::new("dns-in-flight", Kind::TooMany, "later questions took the place of one that nobody had answered");

/// What a question came over; decides how long its answer may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// What becomes of a question.
pub(super) enum Step {
    /// Nothing: there is not even a number to answer to.
    Drop,
    /// Told at once.
    Answer(Vec<u8>),
    /// Asked of an upstream.
    Wait(Box<Pending>),
}

/// A question that was granted and waits for its answer.
pub(super) struct Pending {
    resolver: Rc<Resolver>,
    waiting: Waiting,
    asked: Asked,
    transport: Transport,
    enforced: bool,
}

impl Resolver {
    /// Decodes and judges a question.
    pub(super) fn begin(
        self: &Rc<Self>,
        message: &[u8],
        from: SocketAddr,
        to: SocketAddr,
        transport: Transport,
    ) -> Step {
        let query = match Query::decode(message) {
            Ok(query) => query,
            Err(fault) => return self.unreadable(message, fault.why, from, to),
        };
        let asked = Asked::new(&self.worker, query, from, to, message.len());
        let engine = self.worker.engine();
        let session = Session::default();
        let (case, judgement) = asked.with_scene(&session, |scene| engine.lookup(scene, &asked.query, &self.watch));
        if judgement.verdict != Verdict::Allow {
            let expansion = self.expands(&asked, &engine);
            if judgement.stops().is_some() && expansion == Expansion::OfGranted {
                self.worker.metrics.judged(asked.connection.direction, case.mode(), &Verdict::Allow);
                return Step::Answer(refusal(&asked.query, Rcode::NXDOMAIN, None));
            }
            let event = asked.note(&self.worker, &judgement, None);
            if judgement.stops().is_some() {
                let code = if expansion == Expansion::None { self.settings.denied } else { Rcode::NXDOMAIN };
                return Step::Answer(refusal(&asked.query, code, Some(event)));
            }
        } else {
            asked.tell(&self.worker, &case);
        }
        let enforced = case.mode() == Mode::Enforce;
        self.known_or_wait(asked, transport, enforced)
    }

    fn known_or_wait(self: &Rc<Self>, asked: Asked, transport: Transport, enforced: bool) -> Step {
        let key = Key::of(&asked.query, self.worker.engine().revision().generation);
        if let Some((answer, age)) = self.cache.find(&key, asked.now.since_start) {
            return Step::Answer(emitted(&answer, &asked.query, age, transport));
        }
        let waiting = self.waiting.enter();
        Step::Wait(Box::new(Pending { resolver: self.clone(), waiting, asked, transport, enforced }))
    }

    fn unreadable(&self, message: &[u8], why: Reason, from: SocketAddr, to: SocketAddr) -> Step {
        Asked::note_unreadable(&self.worker, message, why, from, to);
        // Never an answer to an answer: two resolvers would talk for ever.
        let is_answer = message.get(2).is_some_and(|flags| flags & 0x80 != 0);
        let Some(id) = id_of(message).filter(|_| !is_answer) else { return Step::Drop };
        let mut out = Vec::with_capacity(12);
        unreadable(id, code(why), &mut out);
        Step::Answer(out)
    }

    /// Remembers which addresses a name led to. Aliases on the way are no names that the pod has asked for.
    fn pin(&self, query: &Query, answer: &Answer) {
        let Some(pins) = &self.worker.shared.pins else { return };
        let addresses = || answer.records().flat_map(Record::addresses);
        if addresses().next().is_none() {
            return;
        }
        let ttl = answer.records().map(|record| record.ttl).min().unwrap_or_default();
        let short = self.settings.search.iter().filter_map(|domain| query.name.without(domain));
        let short = short.map(|name| name.canonical()).filter(|name| !name.is_empty()).map(Into::into).collect();
        let name = flow::Name { asked: query.name.canonical().into(), short };
        pins.answered(&name, addresses(), Duration::from_secs(ttl.into()), self.worker.now().since_start);
    }

    /// Whether a name is what the pod's search list made of a name with dots, and whether that one is granted.
    fn expands(&self, asked: &Asked, engine: &Engine) -> Expansion {
        let name = &asked.query.name;
        let session = Session::default();
        let mut found = Expansion::None;
        for domain in self.settings.search.iter().filter(|domain| name.is_within(domain)) {
            let Some(typed) = name.without(domain).filter(|typed| typed.labels().count() > 1) else { continue };
            found = Expansion::OfDenied;
            if asked.with_scene(&session, |scene| engine.may_look_up(scene, &typed, asked.query.of)) {
                return Expansion::OfGranted;
            }
        }
        found
    }
}

/// What a name is to the pod's search list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expansion {
    None,
    OfDenied,
    OfGranted,
}

impl Pending {
    /// Asks the upstreams, and gives the bytes for the client.
    pub(super) async fn answer(mut self) -> Vec<u8> {
        let answered = tokio::select! {
            biased;
            answered = self.resolver.upstreams.ask(&self.asked.query) => answered,
            () = self.waiting.given_way() => Err(IN_FLIGHT),
        };
        let Self { resolver, asked, transport, .. } = &self;
        let query = &asked.query;
        match answered {
            Ok(answer) => match self.vetted(answer) {
                Ok(answer) => {
                    resolver.pin(query, &answer);
                    let out = emitted(&answer, query, 0, *transport);
                    let key = Key::of(query, resolver.worker.engine().revision().generation);
                    resolver.cache.keep(key, answer, &resolver.settings, resolver.worker.now().since_start);
                    out
                }
                Err(event) => refusal(query, resolver.settings.denied, Some(event)),
            },
            Err(why) => {
                asked.note_failure(&resolver.worker, why, None);
                refusal(query, Rcode::SERVFAIL, None)
            }
        }
    }

    /// The answer without what must not pass; the event that says why there is none.
    fn vetted(&self, mut answer: Answer) -> Result<Rc<Answer>, EventId> {
        let Self { resolver, asked, enforced, .. } = self;
        let labels: Vec<&[u8]> = asked.query.name.labels().collect();
        let seen = crate::behave::dns::Asked { labels: &labels, of: asked.query.of.0 };
        resolver.watch.answered(&seen, vet::free_bytes(&answer), resolver.worker.now().since_start);
        let inside = if resolver.watch.is_inside(&labels) { Inside::Yes } else { Inside::No };
        if let Err(objection) = vet::check(&answer, &asked.query, inside) {
            let judgement = Judgement { mode: mode(*enforced), ..denied(objection.why) };
            let event = asked.note(&resolver.worker, &judgement, Some(&objection.detail));
            if *enforced {
                return Err(event);
            }
        }
        vet::trim(&mut answer, &asked.query);
        clamp(&mut answer, &resolver.settings);
        let session = Session::default();
        let engine = resolver.worker.engine();
        let has_ech = matches!(asked.query.of, Type::HTTPS | Type::SVCB);
        if has_ech && !asked.with_scene(&session, |scene| engine.may_take_ech(scene, &asked.query.name)) {
            vet::strip_ech(&mut answer);
        }
        Ok(Rc::new(answer))
    }
}

fn mode(enforced: bool) -> Mode {
    if enforced { Mode::Enforce } else { Mode::Shadow }
}

fn denied(reason: Reason) -> Judgement {
    let denial = Denial { reason, cut: Cut::Refuse };
    Judgement {
        verdict: Verdict::Deny(denial),
        mode: Mode::Enforce,
        rules: Vec::new(),
        nearest: None,
        evidence: Vec::new(),
        effects: Vec::new(),
    }
}

fn refusal(query: &Query, code: Rcode, event: Option<EventId>) -> Vec<u8> {
    let why = event.map(|event| ExtendedError { code: ExtendedError::BLOCKED, text: event.to_string() });
    let mut out = Vec::with_capacity(128);
    Refusal { code, why }.emit(query, &mut out);
    out
}

fn emitted(answer: &Answer, query: &Query, age: u32, transport: Transport) -> Vec<u8> {
    let limit = match transport {
        Transport::Udp => query.udp_bytes(),
        Transport::Tcp => MAX_MESSAGE,
    };
    let mut out = Vec::with_capacity(512);
    answer.emit(query, age, limit, &mut out);
    out
}
