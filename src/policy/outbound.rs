//! What the pod may call: rules as written → as meant, the lookups that follow from them, and which protocols a
//! destination may be spoken to in at all.

use super::document::{Beacons, OutboundRule, Protocol};
use super::meaning::Reader;
use super::pattern::{Host, PathTemplate, Wrong};
use super::rule::{Conditions, Methods, Party, Rule, Unsaid};
use super::spoken::Spoken;
use super::{Policy, caller::Destination};
use crate::document::{ByteSize, HumanDuration};
use crate::flow::{Action, Budget, Connection, Leaving, Proof, Scene, Terms};
use std::sync::Arc;
use std::time::Duration;

/// What a client asks a resolver to find the address of a host (RFC 1035, RFC 3596, RFC 9460).
const ADDRESS_TYPES: [&str; 5] = ["A", "AAAA", "CNAME", "HTTPS", "SVCB"];

impl Reader<'_> {
    pub(super) fn outbound(&mut self, field: &str, rule: &OutboundRule) -> Option<Conditions> {
        let before = self.problems.len();
        let Spoken { protocol, inside } = rule.protocol;
        let http = protocol == Protocol::Http;
        let mut methods = match protocol {
            Protocol::Dns => self.types(field, rule.types.as_ref()),
            _ => self.methods(field, rule.methods.as_ref()),
        };
        methods.any |= http && rule.methods.is_none();
        if protocol != Protocol::Dns && rule.types.is_some() {
            self.wrong(&format!("{field}.types"), "", Wrong::new("no `types`", "they go with `protocol: dns`"));
        }
        let mut paths = self.paths(field, rule.path.as_ref());
        if http && rule.path.is_none() {
            paths.push(PathTemplate::everything());
        }
        self.no_requests(field, protocol, rule.methods.is_some() || rule.path.is_some());
        if rule.tls && !http {
            let remedy = "remove it: only for HTTP does the sidecar speak TLS in the application's place";
            self.wrong(&format!("{field}.tls"), "", Wrong::new("no `tls` with this protocol", remedy));
        }
        let mut conditions = Conditions {
            party: Party::To(match protocol {
                Protocol::Dns => self.names(field, &rule.to),
                _ => self.destinations(field, &rule.to),
            }),
            ports: self.ports(field, rule.port.as_ref()),
            paths,
            methods,
            stream: protocol != Protocol::Dns,
            tls: rule.tls,
            websocket: http && (!rule.upgrade.is_empty() || inside == Some("websocket")),
            inside,
            leaving: self.leaving(field, rule),
            unsaid: self.unsaid(field, rule),
            ..Conditions::nothing(protocol)
        };
        conditions.database.whole = protocol == Protocol::Postgres;
        (self.problems.len() == before).then_some(conditions)
    }

    /// How much may leave; what is judged message by message and is not HTTP has no count of its own.
    fn leaving(&mut self, field: &str, rule: &OutboundRule) -> Leaving {
        let protocol = rule.protocol.protocol;
        let uncounted = matches!(protocol, Protocol::Dns | Protocol::Postgres | Protocol::Mysql);
        for (name, text) in [("budget", &rule.budget), ("action", &rule.action)] {
            if let Some(text) = text.as_ref().filter(|_| uncounted) {
                let wrong = Wrong::new(format!("no `{name}` with this protocol"), "remove it");
                self.wrong(&format!("{field}.{name}"), text, wrong);
            }
        }
        let budget = rule.budget.as_deref();
        let budget = budget.and_then(|text| self.right(&format!("{field}.budget"), text, budget_of(text)));
        let action = rule.action.as_deref();
        let action = action.and_then(|text| self.right(&format!("{field}.action"), text, action_of(text)));
        let beatless = rule.beacons == Beacons::Deny;
        let as_bytes = matches!(protocol, Protocol::Tcp | Protocol::Named(_));
        if beatless && !as_bytes {
            let wrong =
                Wrong::new("no `beacons` with this protocol", "it is about what is carried as bytes: remove it");
            self.wrong(&format!("{field}.beacons"), "deny", wrong);
        }
        Leaving { budget, action: action.unwrap_or_default(), beatless }
    }

    fn unsaid(&mut self, field: &str, rule: &OutboundRule) -> Unsaid {
        let may_be_tls = matches!(rule.protocol.protocol, Protocol::Tcp | Protocol::Named("tls" | "https"));
        for (name, set) in [("ech", rule.ech), ("withoutName", rule.without_name)] {
            if set && !may_be_tls {
                let wrong = Wrong::new("`protocol: https`, `tls` or `tcp` with it", "it is about TLS: leave it out");
                self.wrong(&format!("{field}.{name}"), "true", wrong);
            }
        }
        Unsaid { ech: rule.ech, name: rule.without_name }
    }
}

/// `50MiB/h`.
fn budget_of(text: &str) -> Result<Budget, Wrong> {
    let wrong = || Wrong::new("bytes per time such as `50MiB/h`, `2GiB/d`", "");
    let (bytes, unit) = text.split_once('/').ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let bytes = ByteSize::parse(bytes).filter(|bytes| bytes.0 > 0).ok_or_else(wrong)?;
    Ok(Budget { bytes: bytes.0, per: Duration::from_secs(seconds) })
}

/// `record`, `cut`, `ban`, `ban 1h`.
fn action_of(text: &str) -> Result<Action, Wrong> {
    let lasts = |text: &str| HumanDuration::parse(text).filter(|lasts| !lasts.0.is_zero());
    match text.split_once(' ').map_or((text, None), |(word, lasts)| (word, Some(lasts))) {
        ("record", None) => Ok(Action::Record),
        ("cut", None) => Ok(Action::Cut),
        ("ban", None) => Ok(Action::Ban(BAN)),
        ("ban", Some(text)) if let Some(lasts) = lasts(text) => Ok(Action::Ban(lasts.0)),
        _ => Err(Wrong::new("`record`, `cut`, `ban`, or with its time `ban 1h`", "")),
    }
}

/// How long a ban lasts that says no time.
const BAN: Duration = Duration::from_secs(900);

impl Rule {
    /// The lookups without which a rule that names hosts would grant nothing.
    pub(super) fn lookups(&self) -> Option<Self> {
        let Party::To(destinations) = &self.conditions.party else { return None };
        let named = destinations.iter().filter_map(|to| to.host.clone()).filter(|host| !host.is_address());
        let hosts: Vec<Host> = named.collect();
        if hosts.is_empty() || self.conditions.protocol == Protocol::Dns {
            return None;
        }
        let to = hosts.into_iter().map(|host| Destination { host: Some(host), ..Destination::default() });
        let named = ADDRESS_TYPES.map(Into::into).into();
        let conditions = Conditions {
            party: Party::To(to.collect()),
            methods: Methods { any: false, named },
            ..Conditions::nothing(Protocol::Dns)
        };
        let terms = Arc::new(Terms { stream: false, proof: Proof::Unasked, ..(*self.terms).clone() });
        Some(Self { terms, conditions, ..self.clone() })
    }
}

impl Policy {
    /// The protocols in which the destination of an outbound connection may be spoken to, sorted; empty when it may not be
    /// called at all. Who the other side proves to be is not known yet, and not looked at.
    pub fn spoken(&self, scene: &Scene<'_>) -> Vec<&'static str> {
        let reaching = self.outbound.rules.iter().filter(|rule| rule.reaches(scene.connection));
        let mut spoken: Vec<_> = reaching
            .filter(|rule| !rule.is_over(&scene.now))
            .map(|rule| rule.conditions.protocol)
            .filter(|protocol| *protocol != Protocol::Dns)
            .map(Protocol::name)
            .collect();
        spoken.sort_unstable();
        spoken.dedup();
        spoken
    }
}

impl Policy {
    /// Whether a rule for what is asked in `protocol`, message by message, reaches the destination of an outbound connection.
    pub fn judges_messages(&self, scene: &Scene<'_>, protocol: &str) -> bool {
        let judging = self.outbound.rules.iter().filter(|rule| rule.conditions.protocol.scheme() == protocol);
        judging.filter(|rule| !rule.is_over(&scene.now)).any(|rule| rule.reaches(scene.connection))
    }
}

impl Rule {
    /// Whether the port and the address, or a name that led to it, are among what the rule is for.
    fn reaches(&self, connection: &Connection) -> bool {
        let Party::To(destinations) = &self.conditions.party else { return false };
        let ports = &self.conditions.ports;
        (ports.is_empty() || ports.contains(&connection.port)) && destinations.iter().any(|to| to.reaches(connection))
    }
}
