//! Floor 2: policy and detectors become a judgement. Pure: the scene brings time, counters and session; what changes
//! leaves as effects. An engine is immutable and is swapped whole on reload.

mod beginning;
mod case;
pub mod correlate;
mod disguise;
pub mod dns;
pub mod egress;
mod http;
mod overheard;
mod screen;

pub use beginning::{Beginning, Disguised};
pub use case::Case;
pub use http::{BODY_TOO_LARGE, Content};
pub use overheard::Overheard;
pub use screen::{Blocked, LEAK, Screen};

use crate::detect::Detectors;
use crate::flow::{Connection, Direction, Fuel, Kind, Mode, Reason, Scene};
use crate::policy::{Policy, PortTerms};
use crate::protocol::grpc;
use crate::record::Revision;
use std::sync::Arc;

/// No rule of the allowlist grants an access.
pub const NO_RULE: Reason = Reason::new("policy-no-rule", Kind::Policy, "no rule of the allowlist grants this access");
/// A deny rule forbids an access.
pub const DENY_RULE: Reason = Reason::new("policy-deny-rule", Kind::Policy, "a deny rule forbids this access");
/// The evidence weighs more than the port's sensitivity lets pass.
pub const ATTACK: Reason = Reason::new("attack-detected", Kind::Attack, "the message carries an attack");
/// The judgement's budget is used up.
pub const OUT_OF_FUEL: Reason =
    Reason::new("judgement-budget", Kind::Attack, "the message costs more to judge than its size allows");

/// Everything that judges, compiled.
pub struct Engine {
    policy: Policy,
    detectors: Detectors,
    revision: Arc<Revision>,
}

impl Engine {
    /// An engine of the `generation`th load.
    pub fn new(policy: Policy, detectors: Detectors, generation: u64) -> Self {
        let about = Arc::clone(policy.about());
        let revision = Revision { policy: policy.hash().to_string(), signatures: detectors.hash(), generation, about };
        Self { policy, detectors, revision: Arc::new(revision) }
    }

    /// Opens the case of one exchange.
    pub fn open(&self, scene: &Scene<'_>) -> Case<'_> {
        Case::new(self, self.port(scene.connection.direction, scene.connection.port))
    }

    /// How a port's traffic is read and judged.
    pub fn port(&self, direction: Direction, port: u16) -> &PortTerms {
        self.policy.port(direction, port)
    }

    /// Whether clients may be asked for files of theirs on a connection's port, once a statement that names one is granted: a
    /// rule grants that to someone, or what is denied goes on.
    pub fn loads_files(&self, connection: &Connection) -> bool {
        let enforces = self.port(connection.direction, connection.port).mode == Mode::Enforce;
        !enforces || self.policy.loads_files(connection)
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The detectors.
    pub fn detectors(&self) -> &Detectors {
        &self.detectors
    }

    /// Which policy and signatures these are, and of which load.
    pub fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }

    /// Steps for each byte of a unit: the `k` of "at most `k`·n steps". A step is priced so that none of the inputs that
    /// `benches/detect` searches for takes much more than one nanosecond for one.
    pub const STEPS_PER_BYTE: u64 = 110;
    /// Steps for a unit of any size, so that a short value is looked at in every way.
    pub const STEPS_PER_UNIT: u64 = 25_000;

    /// Steps for each byte that was looked at with an earlier piece of a streamed body, and is looked at again for what
    /// spans the seam. Fewer: a body that comes byte by byte has such a look for each.
    pub const STEPS_PER_BYTE_SEEN_AGAIN: u64 = 40;

    /// Steps for each message of a call beside those for its bytes, since each is read as fields and as a whole.
    pub const STEPS_PER_MESSAGE: u64 = 1_000;

    /// The budget for judging messages of a call that came together.
    pub fn budget_of_messages(lengths: impl Iterator<Item = usize>) -> Fuel {
        let (count, bytes) = lengths.fold((0, 0), |(count, bytes), length| (count + 1, bytes + grpc::PREFIX + length));
        Self::budget_with(bytes, Self::STEPS_PER_MESSAGE * count)
    }

    /// The budget for judging the next `bytes` of a streamed body, with `again` bytes of the pieces before.
    pub fn budget_of_piece(bytes: usize, again: usize) -> Fuel {
        Self::budget_with(bytes, Self::STEPS_PER_BYTE_SEEN_AGAIN * again as u64)
    }

    /// The budget for judging a unit of `bytes` bytes: linear in its size, so that judging is too. Every detector spends
    /// before it reads, and stops when nothing is left.
    pub fn budget(bytes: usize) -> Fuel {
        Self::budget_with(bytes, 0)
    }

    /// The budget for a unit of `bytes` bytes, with the `steps` that it takes besides.
    fn budget_with(bytes: usize, steps: u64) -> Fuel {
        Fuel::new(Self::STEPS_PER_UNIT + Self::STEPS_PER_BYTE * bytes as u64 + steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Found, Part, Place};

    /// A search would not begin elsewhere: what each detector begins to read at, again and again.
    const HOSTILE: &[&str] = &[
        "<a ",
        "' or ",
        "{{",
        "${",
        "$(",
        "\r\na: ",
        "../",
        "http://a/",
        "((",
        "%2525",
        "\\u0027",
        "[]+",
        ";a ",
        "`",
        "\"+\"",
        "a</a",
        "\\\n",
        "$\\&",
        "\nid ",
        "+ADw-a=b&",
        "&lt;a=b&",
        "a\u{a0}",
    ];

    #[test]
    fn judging_is_linear_in_what_is_judged() {
        let detectors = Detectors::default();
        let spent = |piece: &str, bytes: usize| {
            let value: Vec<u8> = piece.bytes().cycle().take(bytes).collect();
            let mut fuel = Fuel::new(u64::MAX);
            detectors.inspect(&[Part::plain(Place::QueryValue, b"q", &value)], &mut Found::default(), &mut fuel);
            u64::MAX - fuel.left()
        };
        for piece in HOSTILE {
            let (short, long) = (spent(piece, 4096), spent(piece, 8192));
            assert!(long <= 2 * short + Engine::STEPS_PER_UNIT, "{piece:?}: {short} steps, {long} for twice the bytes");
        }
    }

    #[test]
    fn judging_ends_with_its_budget() {
        let (detectors, mut found) = (Detectors::default(), Found::default());
        let mut fuel = Engine::budget(0);
        assert_eq!(fuel.left(), Engine::STEPS_PER_UNIT);
        let value = vec![b'<'; 1 << 20];
        detectors.inspect(&[Part::plain(Place::QueryValue, b"q", &value)], &mut found, &mut fuel);
        assert!(fuel.is_empty());
    }
}
