//! What the data path tells the record and the metrics outside of exchanges: connections refused at the door, handshakes,
//! panics.

use super::tls::NOTHING_SAID;
use super::worker::{Shared, Worker};
use crate::engine::Case;
use crate::flow::{ClientAddr, Connection, Cut, Denial, Direction, FactKind, Peer, Reason, RuleName};
use crate::identity::Refusal;
use crate::policy::spoken::DOH;
use crate::protocol::head;
use crate::record::event::Clipped;
use crate::record::flows::{Carried, Destination};
use crate::record::learned::{Asked, Needs};
use crate::record::line::Panic;
use crate::record::{Caller, Event, Exchange, Handshake, Line, Revision};
use std::sync::Arc;
use std::time::SystemTime;

impl Worker {
    /// Under which policy and signatures this moment's judgements are made.
    pub(super) fn revision(&self) -> Arc<Revision> {
        Arc::clone(self.engine().revision())
    }

    /// A connection that is refused before a byte of it is read.
    pub(super) fn refused_connection(&self, connection: &Connection, reason: Reason) {
        let now = SystemTime::now();
        let denial = Denial { reason, cut: Cut::Drop };
        let exchange = Exchange { action: "connect", ..Exchange::default() };
        let recorder = &self.shared.recorder;
        recorder.judged(Event::refused(recorder.id(now), now, connection, denial, &exchange, &self.revision()));
        self.metrics.refused(connection.direction, reason);
    }

    /// Notes what left the pod, for a name (else the one that led there last), granted by a rule or let go.
    pub(super) fn flowed(&self, to: &Connection, name: Option<&str>, rule: Option<&RuleName>, carried: Carried) {
        let led = || to.names.iter().next().map(|name| name.asked.clone());
        let name = name.map(Box::from).or_else(led);
        let destination = Destination {
            from: to.from.0.ip(),
            name,
            address: to.to.0,
            protocol: to.protocol,
            rule: rule.map(Arc::clone),
        };
        self.metrics.left(to.protocol, carried.bytes_out, carried.bytes_in);
        self.aggregate.flow(&destination, carried);
    }

    /// Notes what a request asked for that no rule grants, for its owner: under every reading of its path.
    pub(super) fn learn(
        &self,
        caller: &Caller,
        port: u16,
        case: &Case<'_>,
        request: &head::Request<'_>,
        status: u16,
        stream: bool,
    ) {
        let accesses = request.accesses(case.readings()).unwrap_or_default();
        for access in &accesses {
            let has = |kind, name: &str| access.facts.iter().any(|fact| fact.kind == kind && fact.name == name);
            if has(FactKind::Protocol, DOH) {
                // A rule must name it, and nobody should without having thought of it.
                continue;
            }
            let needs = Needs {
                websocket: has(FactKind::Upgrade, "websocket"),
                absolute_form: has(FactKind::TargetForm, "absolute"),
                stream,
            };
            let host = (caller.direction() == Direction::Outbound).then(|| access.authority.into());
            let asked = Asked { host, port, action: access.action.into(), path: access.path.as_ref().into(), needs };
            self.aggregate.learn(caller, asked, (100..400).contains(&status));
        }
    }

    /// A handshake that failed.
    pub(super) fn refused_handshake(&self, connection: &Connection, refusal: &Refusal) {
        self.metrics.handshake_failed(refusal.reason);
        if refusal.reason == NOTHING_SAID {
            // Health checks do so all day: they are counted, and no events.
            return;
        }
        let time = SystemTime::now();
        self.shared.recorder.handshake(Handshake {
            id: self.shared.recorder.id(time),
            time,
            reason: refusal.reason,
            from: connection.from,
            to: connection.to,
            claimed: refusal.claimed.as_ref().map(|claimed| Clipped::text(claimed.as_bytes())),
            detail: Some(Clipped::text(refusal.detail.as_bytes())),
        });
    }
}

impl Shared {
    /// A panic: it costs the connection it happened on, and is told.
    pub(super) fn panicked(&self, from: ClientAddr) {
        let time = SystemTime::now();
        self.metrics.panicked();
        self.recorder.line(Line::Panic(Panic {
            id: self.recorder.id(time),
            time,
            message: "a defect ended this connection; standard error has the place".into(),
            caller: Some(Caller::new(&Peer::Unverified, from.0.ip(), Direction::Inbound)),
        }));
    }
}
