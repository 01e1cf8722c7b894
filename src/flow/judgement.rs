//! What was decided about one message, and what must happen because of it.

use super::{Evidence, Expected, Leaving, Mode, Reason};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// What was decided, with everything a record of it needs.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The decision, whatever the mode does with it.
    pub verdict: Verdict,
    /// What is done with the verdict.
    pub mode: Mode,
    /// The rules that spoke: those that granted, or the one that denied.
    pub rules: Vec<RuleName>,
    /// The granting rule that came nearest, and what it lacked, when no rule granted.
    pub nearest: Option<String>,
    /// What detectors found, denied or not.
    pub evidence: Vec<Evidence>,
    /// What must be applied before a byte is released.
    pub effects: Vec<Effect>,
}

impl Judgement {
    /// Whether the message is to be stopped: denied, and in a mode that acts on it.
    pub fn stops(&self) -> Option<Denial> {
        match (&self.verdict, self.mode) {
            (Verdict::Deny(denial), Mode::Enforce) => Some(*denial),
            _ => None,
        }
    }
}

/// The decision about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Release it as it is.
    Allow,
    /// Release it with these bytes of it masked.
    Mask(Vec<Range<usize>>),
    /// Do not release it.
    Deny(Denial),
}

/// Why, and how much ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// How much ends with it.
    pub cut: Cut,
}

/// How much a denial ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// Only this exchange: refuse it in the protocol's own words and go on.
    Refuse,
    /// The session: refuse, then close.
    CloseSession,
    /// Everything: close without a word.
    Drop,
}

/// A change that a judgement asks for; applied by the caller, before a byte is released.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Add to a counter.
    Count(Arc<str>, u64),
    /// Remember a value of this exchange.
    Remember(Arc<[u8]>),
    /// Remember that a name was answered with an address.
    Pin(Arc<str>, IpAddr, Duration),
    /// Refuse everything of this key for a time.
    Ban(Arc<str>, Duration),
}

/// The name of a rule as its owner wrote it, unique within a policy.
pub type RuleName = Arc<str>;

/// Who answers for a rule, and why it is there, as its document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Who answers for it.
    pub owner: Option<Box<str>>,
    /// Why it is there.
    pub reason: Option<Box<str>>,
}

/// What comes with a grant: how the granted exchange is to be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The granting rule.
    pub rule: RuleName,
    /// What is done with the verdict for this rule's document.
    pub mode: Mode,
    /// Whether a body larger than `inspect_bytes` may pass in scanned windows instead of being denied.
    pub stream: bool,
    /// What the other side must prove before a byte is sent to it. Only outbound.
    pub proof: Proof,
    /// Rows that one statement may bring; nothing: any number.
    pub rows: Option<u64>,
    /// How much may leave the pod, and what is done about misuse. Only outbound.
    pub leaving: Leaving,
}

/// What a server must prove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// Nothing more than its port is configured to.
    #[default]
    Unasked,
    /// That it is the host that is asked for, to CA certificates as on the web.
    Name,
    /// An identity.
    Identity(Expected),
}

impl Proof {
    /// What satisfies both; an identity says more than a name.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Identity(one), Self::Identity(other)) => Self::Identity(one.and(other)),
            (Self::Identity(_), _) | (_, Self::Unasked) => self.clone(),
            _ => other.clone(),
        }
    }
}

/// What a policy answers to one access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A rule grants it, on these terms.
    Granted(Arc<Terms>),
    /// This deny rule forbids it, whatever others grant.
    Denied(RuleName),
    /// No rule grants it; the nearest one, and what it lacks, in one sentence.
    NoRule {
        /// `rule "read orders" grants GET, not DELETE`.
        nearest: Option<String>,
    },
}
