//! A rule as meant: conditions that an access meets or not. The path is not looked at here when the index has already
//! done so.

use super::caller::{Caller, Destination};
use super::commands;
use super::database;
use super::document::Protocol;
use super::pattern::{Host, PathTemplate};
use super::spoken::{DOH, JUDGED};
use crate::flow::{Access, Connection, Direction, Expected, FactKind, IdPattern, Leaving, Now, Proof, RuleName, Terms};
use std::sync::Arc;
use std::time::SystemTime;

/// What HTTP is called in ALPN (RFC 7301 §6, RFC 9113 §3.2).
const HTTP: [&str; 3] = ["h2", "http/1.1", "http/1.0"];

/// A compiled rule, granting or denying.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: RuleName,
    /// What comes with its grant; of a deny rule, unused.
    pub(super) terms: Arc<Terms>,
    /// The name of its document.
    pub(super) document: Arc<str>,
    pub(super) conditions: Conditions,
    pub(super) expires: Option<Expiry>,
}

/// What must fit. Two rules with equal conditions grant the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conditions {
    pub(super) party: Party,
    pub(super) protocol: Protocol,
    /// Empty: all.
    pub(super) ports: Vec<u16>,
    pub(super) methods: Methods,
    /// Empty: all.
    pub(super) hosts: Vec<Host>,
    /// Empty only for a protocol without paths.
    pub(super) paths: Vec<PathTemplate>,
    pub(super) headers: Vec<Header>,
    pub(super) query: Query,
    pub(super) websocket: bool,
    pub(super) absolute_form: bool,
    pub(super) stream: bool,
    /// The other side must prove to be the host that is asked for.
    pub(super) tls: bool,
    /// What TLS may leave unsaid.
    pub(super) unsaid: Unsaid,
    /// Of HTTP, what requests must speak besides.
    pub(super) inside: Option<&'static str>,
    /// How much may leave, and what is done about misuse.
    pub(super) leaving: Leaving,
    /// What is granted on a database.
    pub(super) database: database::Granted,
    /// What is granted on a store of keys and values.
    pub(super) commands: commands::Granted,
}

/// The other side: one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Party {
    From(Vec<Caller>),
    To(Vec<Destination>),
}

/// HTTP methods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Methods {
    /// All but CONNECT and TRACE, which must be named: the one opens a tunnel, the other echoes credentials.
    pub(super) any: bool,
    /// These, sorted; GET is HEAD too (RFC 9110 §9.3.2: the same, without the content).
    pub(super) named: Vec<Box<str>>,
}

/// A header that must be there; every value it has must be one of these (none: any value).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Header {
    /// Lower case.
    pub(super) name: Box<str>,
    pub(super) values: Vec<Box<str>>,
}

/// What is asked of the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// The keys that may be there, besides the required ones. Nothing: all.
    pub(super) allowed: Option<Vec<Box<str>>>,
    /// The keys that must be there.
    pub(super) required: Vec<Box<str>>,
    /// Of a deny rule: it holds with any one of these keys. Empty: with every query.
    pub(super) forbidden: Vec<Box<str>>,
    /// Key and value of each pair, in order, exactly: for probes.
    pub(super) exactly: Option<Vec<(Box<str>, Box<str>)>>,
}

/// The first moment at which a rule no longer grants, with the last day on which it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) last_day: Box<str>,
    pub(super) end: SystemTime,
}

/// What a ClientHello may leave unsaid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unsaid {
    /// It may hide its name.
    pub(super) ech: bool,
    /// It may have no name.
    pub(super) name: bool,
}

/// One condition that an access does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Protocol,
    Inside,
    Port,
    Path,
    Method,
    Host,
    Caller,
    Header,
    Query,
    Upgrade,
    AbsoluteForm,
    Ech,
    Nameless,
    Database(database::Lack),
    Commands(commands::Lack),
    Expired,
}

impl Rule {
    pub(super) fn direction(&self) -> Direction {
        match self.conditions.party {
            Party::From(_) => Direction::Inbound,
            Party::To(_) => Direction::Outbound,
        }
    }

    /// What comes with its grant. Where several of its destinations fit, those that prove who they are are meant.
    pub(super) fn terms(&self, connection: &Connection, access: &Access<'_>) -> Arc<Terms> {
        let Party::To(destinations) = &self.conditions.party else { return Arc::clone(&self.terms) };
        if !self.asks_identity() {
            return Arc::clone(&self.terms);
        }
        let fitting = destinations.iter().filter(|to| to.matches(connection, access));
        let expected: Vec<IdPattern> = fitting.filter_map(|to| to.id.clone()).collect();
        if expected.is_empty() {
            return Arc::clone(&self.terms);
        }
        Arc::new(Terms { proof: Proof::Identity(Expected::one_of(expected)), ..(*self.terms).clone() })
    }

    /// Whether it asks one of its destinations for an identity.
    pub(super) fn asks_identity(&self) -> bool {
        matches!(&self.conditions.party, Party::To(destinations) if destinations.iter().any(|to| to.id.is_some()))
    }

    /// Whether it has expired.
    pub(super) fn is_over(&self, now: &Now) -> bool {
        self.expires.as_ref().is_some_and(|expiry| now.wall >= expiry.end)
    }

    /// Whether it grants an access whose path fits.
    pub(super) fn grants(&self, connection: &Connection, now: &Now, access: &Access<'_>) -> bool {
        self.conditions.lacks(connection, access).next().is_none() && !self.is_over(now)
    }
}

impl Conditions {
    /// What an access does not meet, the path apart; cheapest first.
    pub(super) fn lacks<'a>(
        &'a self,
        connection: &'a Connection,
        access: &'a Access<'_>,
    ) -> impl Iterator<Item = Lack> + use<'a> {
        type Check = fn(&Conditions, &Connection, &Access<'_>) -> bool;
        const CHECKS: [(Lack, Check); 12] = [
            (Lack::Protocol, |rule, _, access| rule.protocol.takes(access)),
            (Lack::Inside, |rule, connection, access| rule.takes_inside(connection, access)),
            (Lack::Port, |rule, connection, _| rule.ports.is_empty() || rule.ports.contains(&connection.port)),
            (Lack::Method, |rule, _, access| !rule.protocol.has_actions() || rule.methods.take(access.action)),
            (Lack::Host, |rule, _, access| {
                rule.hosts.is_empty() || rule.hosts.iter().any(|host| host.matches(access.authority))
            }),
            (Lack::Caller, |rule, connection, access| rule.party.takes(connection, access)),
            (Lack::Header, |rule, _, access| rule.headers.iter().all(|header| header.required_of(access))),
            (Lack::Query, |rule, _, access| rule.query.takes(access)),
            (Lack::Upgrade, |rule, _, access| {
                facts(access, FactKind::Upgrade).all(|(name, _)| rule.websocket && name == "websocket")
            }),
            (Lack::AbsoluteForm, |rule, _, access| {
                rule.absolute_form || facts(access, FactKind::TargetForm).all(|(name, _)| name != "absolute")
            }),
            (Lack::Ech, |rule, _, access| rule.unsaid.ech || facts(access, FactKind::Hidden).next().is_none()),
            (Lack::Nameless, |rule, _, access| rule.unsaid.name || facts(access, FactKind::Nameless).next().is_none()),
        ];
        let of_all =
            CHECKS.into_iter().filter(move |(_, meets)| !meets(self, connection, access)).map(|(lack, _)| lack);
        let of_database = self.protocol.is_database().then(|| self.database.lacks(access)).flatten();
        let of_store = (self.protocol == Protocol::Redis).then(|| self.commands.lacks(access)).flatten();
        of_all.chain(of_database.map(Lack::Database)).chain(of_store.map(Lack::Commands))
    }

    /// Whether everything that a deny rule asks for is there, the path apart. Names are compared as loosely as servers
    /// read them; one fitting value of a header is enough.
    pub(super) fn forbid(&self, connection: &Connection, access: &Access<'_>) -> bool {
        let has_key = |key: &str| facts(access, FactKind::Query).any(|(name, _)| is_key(name, key));
        access.scheme == self.protocol.scheme()
            && (self.ports.is_empty() || self.ports.contains(&connection.port))
            && self.methods.name(access.action)
            && (self.hosts.is_empty() || self.hosts.iter().any(|host| host.matches(access.authority)))
            && self.party.takes(connection, access)
            && self.headers.iter().all(|header| header.is_in(access))
            && (self.query.forbidden.is_empty() || self.query.forbidden.iter().any(|key| has_key(key)))
    }

    /// Whether a request speaks what the rule asks for besides HTTP. Lookups must be granted by their name where they would
    /// leave the pod.
    fn takes_inside(&self, connection: &Connection, access: &Access<'_>) -> bool {
        let speaks = |name: &str| facts(access, FactKind::Protocol).any(|(spoken, _)| spoken == name);
        match self.inside {
            Some(inside) => speaks(inside),
            None => self.protocol != Protocol::Http || connection.direction == Direction::Inbound || !speaks(DOH),
        }
    }

    /// The word that rules say for what is spoken.
    pub(super) fn spoken(&self) -> &'static str {
        self.inside.unwrap_or_else(|| self.protocol.name())
    }

    /// Whether one of its templates takes the path.
    pub(super) fn takes_path(&self, access: &Access<'_>) -> bool {
        self.protocol != Protocol::Http || self.paths.iter().any(|template| template.matches(&access.path))
    }
}

impl Party {
    fn takes(&self, connection: &Connection, access: &Access<'_>) -> bool {
        match self {
            Self::From(callers) => callers.iter().any(|caller| caller.matches(connection)),
            Self::To(destinations) => destinations.iter().any(|to| to.matches(connection, access)),
        }
    }
}

impl Protocol {
    /// The scheme of the accesses that such a rule can grant.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Dns => "dns",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Named(_) => "tcp",
            Self::Redis => "redis",
        }
    }

    /// The word that rules say.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Named(name) => name,
            other => other.scheme(),
        }
    }

    /// Whether such a rule can grant an access. What is judged message by message is granted by no rule for a connection
    /// as a whole.
    fn takes(self, access: &Access<'_>) -> bool {
        let spoken = || facts(access, FactKind::Protocol).map(|(name, _)| name).next();
        let only_http = || facts(access, FactKind::Alpn).all(|(name, _)| HTTP.contains(&name));
        self.scheme() == access.scheme
            && match self {
                Self::Tcp => spoken().is_none_or(|name| !JUDGED.contains(&name)),
                Self::Named("https") => spoken() == Some("tls") && only_http(),
                Self::Named(name) => spoken() == Some(name),
                Self::Http | Self::Dns | Self::Postgres | Self::Mysql | Self::Redis => true,
            }
    }

    /// Whether its rules stand under `databases`.
    pub(super) fn is_database(self) -> bool {
        matches!(self, Self::Postgres | Self::Mysql)
    }

    /// Whether its rules name actions: methods, record types.
    pub(super) fn has_actions(self) -> bool {
        matches!(self, Self::Http | Self::Dns)
    }
}

impl Methods {
    pub(super) fn take(&self, method: &str) -> bool {
        self.any && !matches!(method, "CONNECT" | "TRACE" | "ECH")
            || self.named.iter().any(|name| **name == *method || method == "HEAD" && **name == *"GET")
    }

    /// Whether tunnels are all that is granted.
    pub(super) fn only_connect(&self) -> bool {
        !self.any && matches!(self.named.as_slice(), [only] if **only == *"CONNECT")
    }

    /// For deny rules: `any` is really all, letter case does not count.
    fn name(&self, method: &str) -> bool {
        let is = |name: &str| name.eq_ignore_ascii_case(method);
        self.any || self.named.iter().any(|name| is(name) || **name == *"GET" && is("HEAD"))
    }
}

impl Header {
    /// Whether the header is there and every value of it fits: what a grant requires.
    fn required_of(&self, access: &Access<'_>) -> bool {
        let mut values = self.values_in(access).peekable();
        values.peek().is_some() && values.all(|value| self.takes(value))
    }

    /// Whether one value of it fits: enough to deny.
    fn is_in(&self, access: &Access<'_>) -> bool {
        facts(access, FactKind::Header).any(|(name, value)| is_alike(name, &self.name) && self.takes(value))
    }

    fn takes(&self, value: &str) -> bool {
        self.values.is_empty() || self.values.iter().any(|wanted| **wanted == *value)
    }

    fn values_in<'a>(&'a self, access: &'a Access<'_>) -> impl Iterator<Item = &'a str> {
        facts(access, FactKind::Header).filter(|(name, _)| **name == *self.name).map(|(_, value)| value)
    }
}

impl Query {
    fn takes(&self, access: &Access<'_>) -> bool {
        let given = || facts(access, FactKind::Query);
        if let Some(exactly) = &self.exactly {
            return given().eq(exactly.iter().map(|(name, value)| (&**name, &**value)));
        }
        let may_be = |key: &str| match &self.allowed {
            None => true,
            Some(allowed) => allowed.iter().chain(&self.required).any(|known| **known == *key),
        };
        given().all(|(key, _)| may_be(key)) && self.required.iter().all(|key| given().any(|(name, _)| **key == *name))
    }
}

/// Whether a query key is another one for some server: PHP drops spaces before it, and from `[` on it is an index; some
/// servers take letter case for nothing.
fn is_key(given: &str, key: &str) -> bool {
    let name = given.split('[').next().filter(|name| !name.is_empty()).unwrap_or(given);
    is_alike(given, key) || is_alike(name.trim_start_matches(' '), key)
}

/// Whether two names are one for servers that fold: letter case, and everything that is no letter or digit.
fn is_alike(one: &str, other: &str) -> bool {
    let fold = |b: u8| if b.is_ascii_alphanumeric() || b >= 0x80 { b.to_ascii_lowercase() } else { b'-' };
    one.len() == other.len() && one.bytes().map(fold).eq(other.bytes().map(fold))
}

/// The facts of one kind, by name and value.
pub(super) fn facts<'a>(access: &'a Access<'_>, kind: FactKind) -> impl Iterator<Item = (&'a str, &'a str)> {
    access.facts.iter().filter(move |fact| fact.kind == kind).map(|fact| (&*fact.name, &*fact.value))
}
