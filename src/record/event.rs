//! One judgement worth keeping, owned, as it was: nothing is masked or spelled here, so that making one is cheap on the
//! data path. What the sender chose is cut to a bound, so that a queue of events is bounded too.

use super::statements::Statement;
use super::{Caller, EventId};
use crate::flow::{
    About, ClientAddr, Connection, ConnectionId, Cut, Denial, Direction, Evidence, Judgement, Mode,
    OriginalDestination, Outcome, Peer, Reason, RuleName, Scene, Verdict,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The account of one judgement.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id, which the caller was told.
    pub id: EventId,
    /// When it was judged.
    pub time: SystemTime,
    /// What was done with the verdict.
    pub mode: Mode,
    /// Why it was denied, and how much ended with it; nothing when it was allowed.
    pub denial: Option<Denial>,
    /// Whether bytes of it were masked before it went on.
    pub masked: bool,
    /// The rules that spoke.
    pub rules: Vec<RuleName>,
    /// The granting rule that came nearest, and what it lacked.
    pub nearest: Option<String>,
    /// Who called.
    pub peer: Peer,
    /// Where the connection came from.
    pub from: ClientAddr,
    /// Where it wanted to go.
    pub to: OriginalDestination,
    /// The declared port it was judged under.
    pub port: u16,
    /// Whether the pod was called or called.
    pub direction: Direction,
    /// The connection.
    pub connection: ConnectionId,
    /// The exchange on it: requests begun so far, or the stream's number.
    pub exchange: u64,
    /// The protocol spoken.
    pub protocol: &'static str,
    /// What was asked for.
    pub action: Clipped,
    /// Of what, canonically.
    pub resource: Clipped,
    /// The resource as it was spelled on the wire.
    pub original: Clipped,
    /// What detectors found.
    pub evidence: Vec<Evidence>,
    /// Bytes of the exchange that had gone on before the cut.
    pub released: u64,
    /// What the upstream answered, if it was asked.
    pub upstream_status: Option<u16>,
    /// What became of it, where it was suspicious, went on and was answered.
    pub outcome: Option<Outcome>,
    /// The SQL statement, where it was one.
    pub sql: Option<Box<Sql>>,
    /// The caller's trace, as sent.
    pub traceparent: Option<Clipped>,
    /// Anything else that explains it.
    pub detail: Option<Clipped>,
    /// Under which policy and signatures.
    pub revision: Arc<Revision>,
}

/// An SQL statement, as its event tells of it.
#[derive(Clone, Debug)]
pub struct Sql {
    /// Whose it is, and what it asks for.
    pub statement: Arc<Statement>,
    /// The first of its literals, without their quotes. Only their masks are written.
    pub values: Vec<Clipped>,
    /// What became of it, where it went on and was answered.
    pub ended: Option<Ended>,
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Rows that it brought or changed.
    pub rows: u64,
    /// From its being sent to the end of the answer.
    pub took: Duration,
    /// The server's code, if it failed.
    pub failed: Option<[u8; 5]>,
}

/// What an event tells of its exchange beyond scene and judgement. What is not known stays at its default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exchange<'a> {
    /// Its number on the connection: requests begun so far, or the stream's number.
    pub number: u64,
    /// What was asked for: `GET`.
    pub action: &'a str,
    /// Of what, canonically: `http://catalog/items/7`.
    pub resource: &'a str,
    /// The resource as it was spelled on the wire.
    pub original: &'a [u8],
    /// The caller's `traceparent`.
    pub traceparent: Option<&'a [u8]>,
    /// Bytes of the exchange that had gone on before the cut.
    pub released: u64,
    /// What the upstream answered, if it was asked.
    pub upstream_status: Option<u16>,
    /// Anything else that explains it, for the record only.
    pub detail: Option<&'a str>,
}

/// Which policy and signatures were in force. Shared by every event judged under them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Hash of the policy, hex.
    pub policy: String,
    /// Hash of the signatures, hex.
    pub signatures: String,
    /// Counts reloads; 0 is what the process began with.
    pub generation: u64,
    /// Who answers for the policy's rules.
    pub about: Arc<BTreeMap<RuleName, About>>,
}

impl Revision {
    /// Whether what is judged, and what is told of it, would be the same.
    pub fn means_the_same(&self, other: &Self) -> bool {
        (&self.policy, &self.signatures, &self.about) == (&other.policy, &other.signatures, &other.about)
    }

    /// Who answers for the first of these rules that anyone answers for.
    pub(super) fn about(&self, rules: &[RuleName]) -> About {
        rules.iter().find_map(|rule| self.about.get(rule)).cloned().unwrap_or_default()
    }
}

/// Bytes that a sender chose: at most so many are kept, the others are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clipped {
    /// The first bytes.
    pub bytes: Box<[u8]>,
    /// How many more there were.
    pub beyond: usize,
}

/// A TLS handshake that was refused. The reason is not told to the peer.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// Its id.
    pub id: EventId,
    /// When.
    pub time: SystemTime,
    /// Why.
    pub reason: Reason,
    /// Where the connection came from.
    pub from: ClientAddr,
    /// Where it wanted to go.
    pub to: OriginalDestination,
    /// What the certificate claimed, unproved: SPIFFE ID or subject, serial.
    pub claimed: Option<Clipped>,
    /// Anything else that explains it.
    pub detail: Option<Clipped>,
}

/// Bytes kept of a resource, canonical or original. A target is rarely longer; what is longer is an attack or a bug, and
/// its beginning says which.
const RESOURCE_BYTES: usize = 2048;
/// Bytes kept of every other text.
const TEXT_BYTES: usize = 512;

impl Event {
    /// The account of a judgement.
    pub fn judged(
        id: EventId,
        scene: &Scene<'_>,
        judgement: &Judgement,
        exchange: &Exchange<'_>,
        revision: &Arc<Revision>,
    ) -> Self {
        let denial = match judgement.verdict {
            Verdict::Deny(denial) => Some(denial),
            Verdict::Allow | Verdict::Mask(_) => None,
        };
        Self {
            mode: judgement.mode,
            denial,
            masked: matches!(judgement.verdict, Verdict::Mask(_)),
            rules: judgement.rules.clone(),
            nearest: judgement.nearest.clone(),
            evidence: judgement.evidence.clone(),
            ..Self::plain(id, scene.now.wall, scene.connection, exchange, revision)
        }
    }

    /// The account of a refusal that needed no judgement: malformed, over a limit, too slow, upstream down.
    pub fn refused(
        id: EventId,
        time: SystemTime,
        connection: &Connection,
        denial: Denial,
        exchange: &Exchange<'_>,
        revision: &Arc<Revision>,
    ) -> Self {
        Self { denial: Some(denial), ..Self::plain(id, time, connection, exchange, revision) }
    }

    /// Why it was denied.
    pub fn reason(&self) -> Option<Reason> {
        self.denial.map(|denial| denial.reason)
    }

    /// `allow`, `mask` or `deny`: the verdict, whatever the mode did with it.
    pub fn verdict(&self) -> &'static str {
        match (self.denial, self.masked) {
            (Some(_), _) => "deny",
            (None, true) => "mask",
            (None, false) => "allow",
        }
    }

    /// What it counts under.
    pub fn caller(&self) -> Caller {
        let address = match self.direction {
            Direction::Inbound => self.from.0.ip(),
            Direction::Outbound => self.to.0.ip(),
        };
        Caller::new(&self.peer, address, self.direction)
    }

    /// About how many bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        let texts = [&self.action, &self.resource, &self.original];
        let optional = self.traceparent.iter().chain(&self.detail);
        let evidence = self.evidence.iter().map(|e| {
            let around = &e.excerpt;
            size_of::<Evidence>() + e.name.len() + around.before.len() + around.matched.len() + around.after.len()
        });
        size_of::<Self>()
            + texts.into_iter().chain(optional).map(|text| text.bytes.len()).sum::<usize>()
            + self.nearest.as_ref().map_or(0, String::len)
            + self.sql.as_ref().map_or(0, |sql| sql.bytes())
            + self.rules.len() * size_of::<RuleName>()
            + evidence.sum::<usize>()
    }

    fn plain(
        id: EventId,
        time: SystemTime,
        connection: &Connection,
        exchange: &Exchange<'_>,
        revision: &Arc<Revision>,
    ) -> Self {
        Self {
            id,
            time,
            mode: Mode::Enforce,
            denial: None,
            masked: false,
            rules: Vec::new(),
            nearest: None,
            peer: connection.peer.clone(),
            from: connection.from,
            to: connection.to,
            port: connection.port,
            direction: connection.direction,
            connection: connection.id,
            exchange: exchange.number,
            protocol: connection.protocol,
            action: Clipped::text(exchange.action.as_bytes()),
            resource: Clipped::to(RESOURCE_BYTES, exchange.resource.as_bytes()),
            original: Clipped::to(RESOURCE_BYTES, exchange.original),
            evidence: Vec::new(),
            released: exchange.released,
            upstream_status: exchange.upstream_status,
            outcome: None,
            sql: None,
            traceparent: exchange.traceparent.map(Clipped::text),
            detail: exchange.detail.map(|text| Clipped::text(text.as_bytes())),
            revision: Arc::clone(revision),
        }
    }
}

impl Sql {
    /// Literals that are kept.
    pub const MOST_VALUES: usize = 16;

    fn bytes(&self) -> usize {
        let values = self.values.iter().map(|value| size_of::<Clipped>() + value.bytes.len());
        size_of::<Self>() + self.statement.bytes() + values.sum::<usize>()
    }
}

impl Clipped {
    /// The first `limit` of `bytes`.
    pub fn to(limit: usize, bytes: &[u8]) -> Self {
        let kept = bytes.get(..bytes.len().min(limit)).unwrap_or_default();
        Self { bytes: kept.into(), beyond: bytes.len() - kept.len() }
    }

    /// A text that is no resource.
    pub fn text(bytes: &[u8]) -> Self {
        Self::to(TEXT_BYTES, bytes)
    }
}

/// The word for how much a denial ended.
pub(super) fn cut_name(cut: Cut) -> &'static str {
    match cut {
        Cut::Refuse => "refuse",
        Cut::CloseSession => "close-session",
        Cut::Drop => "drop",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::flow::{Identity, Kind, Names, SpiffeId};
    use crate::record::id::EventIds;
    use std::time::{Duration, UNIX_EPOCH};

    pub(in crate::record) const NO_RULE: Reason = Reason::new("policy-no-rule", Kind::Policy, "no rule grants it");

    pub(in crate::record) fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000)
    }

    pub(in crate::record) fn connection() -> Connection {
        let identity = Identity {
            id: SpiffeId::parse("spiffe://cluster.local/ns/shop/sa/cart").unwrap(),
            serial: "0a1b".into(),
            not_after: noon() + Duration::from_secs(3600),
        };
        Connection {
            id: ConnectionId(7),
            direction: Direction::Inbound,
            from: ClientAddr("10.0.0.9:5555".parse().unwrap()),
            to: OriginalDestination("10.0.0.1:8080".parse().unwrap()),
            port: 8080,
            names: Names::default(),
            peer: Peer::Verified(Arc::new(identity)),
            protocol: "http/1.1",
            opened: noon(),
        }
    }

    pub(in crate::record) fn denied(target: &str) -> Event {
        let exchange =
            Exchange { number: 3, action: "GET", original: target.as_bytes(), resource: target, ..Default::default() };
        let denial = Denial { reason: NO_RULE, cut: Cut::Refuse };
        let id = EventIds::default().next(noon());
        Event::refused(id, noon(), &connection(), denial, &exchange, &Arc::default())
    }

    #[test]
    fn resource_is_kept_up_to_its_limit() {
        let longest = "a".repeat(RESOURCE_BYTES);
        assert_eq!(denied(&longest).original.beyond, 0);
        let longer = denied(&format!("{longest}a"));
        assert_eq!((longer.original.bytes.len(), longer.original.beyond), (RESOURCE_BYTES, 1));
    }
}
