//! Outbound connections as a whole: whether a destination may be called at all, and whether what is spoken to it is what
//! is granted there. What is judged message by message (HTTP, PostgreSQL) is judged so besides.
//!
//! Which name is asked for, where several led to one address: the one that the protocol itself says (TLS: SNI). Where it
//! says none, any one of them that is granted will do: they all lead to this very address, and nobody can make a granted
//! name lead elsewhere without being its resolver.

use super::{Case, Engine, NO_RULE};
use crate::flow::{Access, Cut, Denial, Fact, FactKind, Grant, Judgement, Kind, Message, Reason, Scene, Side, Verdict};
use crate::protocol::hello::Hello;
use std::borrow::Cow;

/// No name led to the address, and the address itself is not granted.
pub const NO_NAME: Reason =
    Reason::new("egress-no-name", Kind::Policy, "no name led to the address, and no rule grants the address itself");
/// Another protocol than the granted one.
pub const PROTOCOL: Reason =
    Reason::new("egress-protocol", Kind::Policy, "another protocol is spoken than is granted on this port");
/// TLS without a name.
pub const NAMELESS: Reason = Reason::new("egress-tls-nameless", Kind::Policy, "TLS that says no name (SNI)");
/// TLS that hides its name.
pub const HIDDEN: Reason =
    Reason::new("egress-tls-hidden", Kind::Policy, "TLS that hides the name it is for (Encrypted ClientHello)");
/// TLS for a name that did not lead to the address.
pub const OTHER_NAME: Reason =
    Reason::new("egress-tls-name", Kind::Policy, "TLS for a name that did not lead to the dialled address");

/// What is said of TLS that is denied for its name, where it begins so.
const TOR: &str = "a made-up name and no protocols, as Tor's links begin";

/// The scheme of a connection's access.
pub const SCHEME: &str = "tcp";

/// Protocols with rules of their own: where one of them is granted, nothing that nobody recognises is carried.
const JUDGED: [&str; 2] = ["http", "postgres"];

/// What opens a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening<'a> {
    /// The protocol, as identification calls it; nothing when nobody recognises it.
    pub protocol: Option<&'static str>,
    /// Of TLS, what is offered.
    pub hello: Option<&'a Hello>,
    /// Of SSH, who says that he speaks which version of it; else empty.
    pub banner: &'a [u8],
}

/// A connection that was judged.
pub struct Dialled<'e> {
    /// Its case.
    pub case: Case<'e>,
    /// What was decided.
    pub judgement: Judgement,
    /// `tcp://api.example:443`.
    pub resource: String,
    /// The name that it is for; nothing for a raw address.
    pub name: Option<String>,
    /// `ssh on a port granted to http, https`, where that is why.
    pub detail: Option<String>,
}

impl Engine {
    /// The protocols that are granted to the destination of an outbound connection, as rules name them; empty when it may
    /// not be called at all.
    pub fn spoken(&self, scene: &Scene<'_>) -> Vec<&'static str> {
        self.policy().spoken(scene)
    }

    /// Whether rules for what is asked in a protocol, message by message, reach the destination of an outbound connection.
    pub fn judges_messages(&self, scene: &Scene<'_>, protocol: &str) -> bool {
        self.policy().judges_messages(scene, protocol)
    }

    /// Judges a connection before a byte of it is read, or, with what opens it, as a whole.
    pub fn connect(&self, scene: &Scene<'_>, opening: &Opening<'_>) -> Dialled<'_> {
        let facts = opening.facts();
        let names = self.asked(scene, opening);
        let granted = names.iter().find(|name| self.grants(scene, name, &facts));
        let name = granted.or(names.first()).map_or("", String::as_str);
        let mut case = self.open(scene);
        let access = access(name, &facts);
        let message = Message { side: Side::Client, accesses: &[access], parts: &[], last: true };
        let mut judgement = case.judge(scene, &message, &mut Self::budget(0));
        let spoken = self.spoken(scene);
        let unknown = opening.protocol.is_none() && spoken.iter().any(|protocol| JUDGED.contains(protocol));
        let mut detail = None;
        if judgement.verdict != Verdict::Allow || unknown {
            let reason = self.reason(scene, opening, &spoken, &facts);
            judgement.verdict = Verdict::Deny(Denial { reason, cut: Cut::Drop });
            let as_tor = opening.hello.is_some_and(Hello::is_like_tor);
            if reason == PROTOCOL {
                let spoken = spoken.join(", ");
                detail = Some(format!("{} on a port granted to {spoken}", opening.protocol.unwrap_or("unknown bytes")));
            } else if as_tor && [NO_NAME, NO_RULE, OTHER_NAME].contains(&reason) {
                detail = Some(TOR.to_owned());
            }
        }
        let resource = format!("{SCHEME}://{name}:{}", scene.connection.port);
        let name = (!name.is_empty() && name != scene.connection.to.host()).then(|| name.to_owned());
        Dialled { case, judgement, resource, name, detail }
    }

    /// Judges an inbound connection as a whole: whether its caller may open one that nobody takes apart.
    pub fn admit(&self, scene: &Scene<'_>) -> (Case<'_>, Judgement) {
        let mut case = self.open(scene);
        let accesses = [access("", &[])];
        let message = Message { side: Side::Client, accesses: &accesses, parts: &[], last: true };
        let judgement = case.judge(scene, &message, &mut Self::budget(0));
        (case, judgement)
    }

    /// The names that a connection may be for, one of which must be granted: the one it says; else those that led to its
    /// address; else the address.
    fn asked(&self, scene: &Scene<'_>, opening: &Opening<'_>) -> Vec<String> {
        let said = opening.hello.filter(|hello| !hello.hidden).and_then(|hello| hello.server_name.clone());
        if let Some(said) = said {
            return vec![said];
        }
        let names: Vec<String> = scene.connection.names.iter().map(|name| name.asked.to_string()).collect();
        if names.is_empty() { vec![scene.connection.to.host()] } else { names }
    }

    fn reason(&self, scene: &Scene<'_>, opening: &Opening<'_>, spoken: &[&'static str], facts: &[Fact<'_>]) -> Reason {
        let names = &scene.connection.names;
        if spoken.is_empty() {
            return if names.is_empty() { NO_NAME } else { NO_RULE };
        }
        let Some(hello) = opening.hello.filter(|_| granted_tls(spoken)) else { return PROTOCOL };
        match &hello.server_name {
            _ if hello.hidden => HIDDEN,
            None => NAMELESS,
            Some(name) if !names.lead(name, |_| true) => OTHER_NAME,
            Some(name) if self.grants(scene, name, facts) => PROTOCOL,
            Some(name) => self.lacks_protocol(scene, name, facts),
        }
    }

    /// TLS for a name that led to the address and is not granted: by its name, or by what it offers?
    fn lacks_protocol(&self, scene: &Scene<'_>, name: &str, facts: &[Fact<'_>]) -> Reason {
        let without_offers: Vec<Fact<'_>> = facts.iter().filter(|fact| fact.kind != FactKind::Alpn).cloned().collect();
        if self.grants(scene, name, &without_offers) { PROTOCOL } else { NO_RULE }
    }

    fn grants(&self, scene: &Scene<'_>, name: &str, facts: &[Fact<'_>]) -> bool {
        matches!(self.policy().grants(scene, &access(name, facts)), Grant::Granted(_))
    }
}

fn granted_tls(spoken: &[&'static str]) -> bool {
    spoken.iter().any(|protocol| matches!(*protocol, "tls" | "https" | "tcp"))
}

fn access<'a>(name: &'a str, facts: &'a [Fact<'a>]) -> Access<'a> {
    Access { action: "connect", scheme: SCHEME, authority: name, path: Cow::Borrowed(""), facts }
}

impl Opening<'_> {
    /// What the connection says of itself, for records: the name that it is for, or who speaks.
    pub fn said(&self) -> &[u8] {
        let name = self.hello.and_then(|hello| hello.server_name.as_deref());
        name.map_or(self.banner, str::as_bytes)
    }

    fn facts(&self) -> Vec<Fact<'_>> {
        let mut facts: Vec<Fact<'_>> = self.protocol.map(|name| fact(FactKind::Protocol, name)).into_iter().collect();
        if let Some(hello) = self.hello {
            facts.extend(hello.protocols.iter().map(|name| fact(FactKind::Alpn, name)));
            facts.extend(hello.hidden.then(|| fact(FactKind::Hidden, "")));
            let nameless = hello.server_name.is_none() && !hello.hidden;
            facts.extend(nameless.then(|| fact(FactKind::Nameless, "")));
        }
        facts
    }
}

fn fact(kind: FactKind, name: &str) -> Fact<'_> {
    Fact { kind, name: Cow::Borrowed(name), value: Cow::Borrowed("") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detectors;
    use crate::document;
    use crate::flow::{
        ClientAddr, Connection, ConnectionId, Direction, Name, Names, Now, OriginalDestination, Past, Peer, Session,
    };
    use crate::policy::{Allowlist, Context, compile};
    use std::time::{Duration, SystemTime};

    const RULES: &str = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: a}\noutbound:\n\
        - a.example:443 https\n- b.example:443 tls\n- a.example:80 http\n- 'tcp to a.example:80'\n\
        - {name: hidden, to: ech.example, port: 443, protocol: tls, ech: true}\n- 10.0.0.0/8:9092 kafka\n";

    fn engine() -> Engine {
        let documents = document::read::<Allowlist>("a", RULES).unwrap();
        let context = Context { now: SystemTime::UNIX_EPOCH, trust_domain: None, tls: None };
        Engine::new(compile(&documents, &context).unwrap().policy, Detectors::default(), 0)
    }

    /// `granted`, or why not, for a connection to an address that these names led to.
    fn judged(to: &str, names: &[&str], protocol: Option<&'static str>, hello: Option<Hello>) -> String {
        let to: std::net::SocketAddr = to.parse().unwrap();
        let connection = Connection {
            id: ConnectionId(1),
            direction: Direction::Outbound,
            from: ClientAddr("10.0.0.1:4000".parse().unwrap()),
            to: OriginalDestination(to),
            port: to.port(),
            names: Names::new(names.iter().map(|name| Name::plain(name)).collect()),
            peer: Peer::Unverified,
            protocol: "tcp",
            opened: SystemTime::UNIX_EPOCH,
        };
        let (session, past) = (Session::default(), Past::default());
        let now = Now { wall: SystemTime::UNIX_EPOCH, since_start: Duration::ZERO };
        let scene = Scene { connection: &connection, session: &session, past: &past, now };
        let engine = engine();
        match engine.connect(&scene, &Opening { protocol, hello: hello.as_ref(), banner: b"" }).judgement.verdict {
            Verdict::Deny(denial) => denial.reason.name.to_owned(),
            _ => "granted".to_owned(),
        }
    }

    fn hello(name: Option<&str>, offers: &[&str], hidden: bool) -> Option<Hello> {
        let protocols = offers.iter().map(|offer| (*offer).to_owned()).collect();
        Some(Hello { server_name: name.map(str::to_owned), protocols, hidden, ..Hello::default() })
    }

    #[test]
    fn tls_is_held_to_the_name_that_it_says() {
        let tls = |names: &[&str], hello| judged("192.0.2.1:443", names, Some("tls"), hello);
        let both = ["b.example", "a.example"];
        assert_eq!(tls(&both, hello(Some("a.example"), &["h2"], false)), "granted");
        assert_eq!(tls(&both, hello(Some("a.example"), &["smtp"], false)), "egress-protocol");
        assert_eq!(tls(&both, hello(Some("b.example"), &["smtp"], false)), "granted");
        assert_eq!(tls(&["a.example", "c.example"], hello(Some("c.example"), &[], false)), "policy-no-rule");
        assert_eq!(tls(&["a.example"], hello(Some("b.example"), &[], false)), "egress-tls-name");
        assert_eq!(tls(&["a.example"], hello(None, &[], false)), "egress-tls-nameless");
        assert_eq!(tls(&["a.example"], hello(Some("front.example"), &[], true)), "egress-tls-hidden");
        assert_eq!(tls(&["ech.example"], hello(Some("front.example"), &[], true)), "granted");
        assert_eq!(tls(&[], hello(Some("a.example"), &[], false)), "egress-no-name");
    }

    #[test]
    fn any_granted_name_will_do_where_none_is_said() {
        assert_eq!(judged("192.0.2.1:80", &["c.example", "a.example"], Some("ssh"), None), "granted");
        assert_eq!(judged("192.0.2.1:80", &["c.example"], Some("ssh"), None), "policy-no-rule");
    }

    #[test]
    fn port_with_rules_for_requests_carries_nothing_unknown() {
        assert_eq!(judged("192.0.2.1:80", &["a.example"], None, None), "egress-protocol");
        assert_eq!(judged("192.0.2.1:80", &["a.example"], Some("http1"), None), "egress-protocol");
    }

    #[test]
    fn granted_network_needs_no_name() {
        assert_eq!(judged("10.1.2.3:9092", &[], Some("kafka"), None), "granted");
        assert_eq!(judged("10.1.2.3:9092", &[], Some("redis"), None), "egress-protocol");
        assert_eq!(judged("11.1.2.3:9092", &[], Some("kafka"), None), "egress-no-name");
    }
}
