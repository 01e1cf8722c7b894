//! What a line of the record can be about, besides a judgement: the process itself, its reloads, and what was lost.

use super::flows::{Carried, Destination};
use super::learned::{Asked, Times};
use super::statements::{Ran, Statement};
use super::{Caller, Event, EventId, Handshake, Revision};
use crate::flow::{Reason, RuleName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// One line, before it is masked and spelled.
#[derive(Clone, Debug)]
pub enum Line {
    /// A judgement worth keeping: a denial, a denial that shadow mode let pass, or evidence that did not suffice.
    Judged(Box<Event>),
    /// A TLS handshake was refused.
    Handshake(Box<Handshake>),
    /// The process began.
    Start(Start),
    /// The process ends.
    Stop(Stop),
    /// Policy, signatures or certificates were read again.
    Reload(Reload),
    /// A defect of ours: one connection was lost to it.
    Panic(Panic),
    /// Lines that are missing, counted exactly.
    Gap(Gap),
    /// Events that say the same as the ones before, counted exactly.
    Repeat(Repeat),
    /// Allowed traffic of one caller under one rule.
    Allowed(Allowed),
    /// What left the pod for one destination.
    Flow(Flow),
    /// What one caller asked for in learn mode without a rule that grants it.
    Learned(Learned),
    /// SQL statements of one fingerprint.
    Executed(Executed),
}

/// The process began.
#[derive(Clone, Debug)]
pub struct Start {
    /// When.
    pub time: SystemTime,
    /// What it is to judge by.
    pub revision: Arc<Revision>,
    /// The addresses it listens on, with what is worth knowing: `127.0.0.1:15006 redirected, tls strict`.
    pub listeners: Vec<String>,
    /// What its configuration leaves weaker than it could be.
    pub warnings: Vec<String>,
}

/// The process ends.
#[derive(Clone, Debug)]
pub struct Stop {
    /// When.
    pub time: SystemTime,
    /// Why: the signal, or the fault.
    pub why: String,
    /// Connections that were cut because they did not end within the drain deadline.
    pub cut: u64,
}

/// Policy, signatures or certificates were read again.
#[derive(Clone, Debug)]
pub struct Reload {
    /// When.
    pub time: SystemTime,
    /// What was read: `allowlists`, `signatures`, `identity`.
    pub what: &'static str,
    /// The problems that kept the old one serving; empty when the reload succeeded.
    pub problems: Vec<String>,
    /// What does not keep it from being used, but its owner should know.
    pub warnings: Vec<String>,
    /// What the change weakens, in sentences.
    pub weakens: Vec<String>,
    /// In force from this moment on.
    pub revision: Arc<Revision>,
}

/// A defect of ours.
#[derive(Clone, Debug)]
pub struct Panic {
    /// Its id; the caller was told, if there was still a way to.
    pub id: EventId,
    /// When.
    pub time: SystemTime,
    /// The panic's message and place.
    pub message: String,
    /// Whose connection it was.
    pub caller: Option<Caller>,
}

/// Lines that are missing since the last gap was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Lost because the queue was full.
    pub queue_full: u64,
    /// Left out because there were more lines per second than configured.
    pub over_rate: u64,
    /// Could not be written.
    pub write_failed: u64,
    /// Bytes of a half-written last line that an earlier process left behind.
    pub torn_bytes: u64,
}

/// Events of one caller, reason and rule that were counted instead of written.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// When the count ended.
    pub time: SystemTime,
    /// Whose.
    pub caller: Caller,
    /// Why they were refused.
    pub reason: Reason,
    /// The rule that spoke.
    pub rule: Option<RuleName>,
    /// How many were not written.
    pub count: u64,
    /// The first id that was not written.
    pub first: EventId,
    /// The last id that was not written. Ids sort by time: one between these two is counted here.
    pub last: EventId,
}

/// Allowed traffic of one caller under one rule, over a time.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The beginning of the time counted.
    pub since: SystemTime,
    /// Its end.
    pub until: SystemTime,
    /// Whose; nothing when it is what was over the limit of callers.
    pub caller: Option<Caller>,
    /// The granting rule; nothing when it is what was over the limit of rules.
    pub rule: Option<RuleName>,
    /// Exchanges.
    pub requests: u64,
    /// Bytes from the caller.
    pub bytes_in: u64,
    /// Bytes to the caller.
    pub bytes_out: u64,
}

/// What left the pod for one destination, over a time.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The beginning of the time counted.
    pub since: SystemTime,
    /// Its end.
    pub until: SystemTime,
    /// Where to; nothing when it is what was over the limit of destinations.
    pub to: Option<Destination>,
    /// How much.
    pub carried: Carried,
}

/// What one caller asked for in learn mode, without a rule that grants it, over a time.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The beginning of the time counted.
    pub since: SystemTime,
    /// Its end.
    pub until: SystemTime,
    /// Who asked, for what; nothing when it is what was over the limits.
    pub asked: Option<(Caller, Asked)>,
    /// How often.
    pub times: Times,
}

/// SQL statements of one session kind and fingerprint that ran, over a time.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The beginning of the time counted.
    pub since: SystemTime,
    /// Its end.
    pub until: SystemTime,
    /// Which; nothing when it is what was over the limit of statements.
    pub statement: Option<Arc<Statement>>,
    /// How often.
    pub ran: Ran,
}

/// Whose record it is: on every line.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The pod.
    pub pod: Pod,
    /// Podwall's version.
    pub version: &'static str,
    /// SHA-256 of the running program, hex, its first 16 digits. Empty: the record thread finds it out.
    pub build: String,
}

/// What the pod is called; on every line of the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pod {
    /// The pod's name, usually `${POD_NAME:-}` from the downward API.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The node it runs on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Its service account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_account: String,
    /// Any labels worth having on every line.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Line {
    /// About how many bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        let texts = |list: &[String]| list.iter().map(String::len).sum::<usize>();
        size_of::<Self>()
            + match self {
                Self::Judged(event) => event.bytes(),
                Self::Handshake(refused) => {
                    size_of::<Handshake>()
                        + refused.claimed.iter().chain(&refused.detail).map(|text| text.bytes.len()).sum::<usize>()
                }
                Self::Start(start) => texts(&start.listeners) + texts(&start.warnings),
                Self::Stop(stop) => stop.why.len(),
                Self::Reload(reload) => texts(&reload.problems) + texts(&reload.warnings) + texts(&reload.weakens),
                Self::Panic(panic) => panic.message.len(),
                Self::Learned(learned) => learned.asked.as_ref().map_or(0, |(_, asked)| asked.path.len()),
                Self::Flow(flow) => flow.to.as_ref().and_then(|to| to.name.as_ref()).map_or(0, |name| name.len()),
                Self::Executed(executed) => executed.statement.as_ref().map_or(0, |statement| statement.bytes()),
                Self::Gap(_) | Self::Repeat(_) | Self::Allowed(_) => 0,
            }
    }
}

impl Gap {
    /// Whether anything is missing.
    pub fn is_empty(&self) -> bool {
        (self.queue_full, self.over_rate, self.write_failed, self.torn_bytes) == (0, 0, 0, 0)
    }
}
