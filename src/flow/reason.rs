//! Why something was refused: a constant with a stable name (for records, metrics and searches) and the sort of answer
//! it calls for. Each module declares its own reasons beside the check that gives them.

/// A named reason to refuse. Equal when the names are.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    /// Stable, kebab case, the area first: `http1-bare-lf`, `policy-no-rule`, `attack-sql`.
    pub name: &'static str,
    /// What sort of fault it is; decides the answer in the protocol's own words.
    pub kind: Kind,
    /// One sentence for the record and for documentation. Never sent to the peer.
    pub says: &'static str,
}

/// Whose fault, and of what sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The allowlist does not grant it (HTTP 403).
    Policy,
    /// It carries an attack (HTTP 403).
    Attack,
    /// It can be read in more than one way, or breaks the protocol's rules (HTTP 400).
    Malformed,
    /// It needs something that we do not do (HTTP 501, 505, 417).
    Unsupported,
    /// A head, target or body over its limit (HTTP 431, 414, 413).
    TooLarge,
    /// The peer let a deadline pass (HTTP 408).
    TooSlow,
    /// More than is allowed at once or per time (HTTP 429, 503).
    TooMany,
    /// The TLS handshake or its certificate (no HTTP answer).
    Tls,
    /// The upstream is down, slow or broke off (HTTP 502, 503, 504).
    Upstream,
    /// Our own fault: a bug, an exhausted budget (HTTP 500, 503).
    Ours,
}

impl Kind {
    /// The word for records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Attack => "attack",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::TooMany => "too-many",
            Self::Tls => "tls",
            Self::Upstream => "upstream",
            Self::Ours => "ours",
        }
    }
}

impl Reason {
    /// A reason, for the `const` beside the check that gives it.
    pub const fn new(name: &'static str, kind: Kind, says: &'static str) -> Self {
        Self { name, kind, says }
    }
}

impl PartialEq for Reason {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Reason {}

impl std::hash::Hash for Reason {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
