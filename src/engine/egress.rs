//! Outbound connections as a whole: whether a destination may be called at all, and whether what is spoken to it is what
//! is granted there. What is judged message by message (HTTP, PostgreSQL) is judged so besides.
//!
//! Which name is asked for, where several led to one address: the one that the protocol itself says (TLS: SNI). Where it
//! says none, any one of them that is granted will do: they all lead to this very address, and nobody can make a granted
//! name lead elsewhere without being its resolver.

use super::{Case, Engine, NO_RULE};
use crate::flow::{
    Access, Cut, Denial, Fact, FactKind, Grant, Judgement, Kind, Message, Mode, Reason, Scene, Side, Verdict,
};
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
}

/// A connection that was judged.
pub struct Dialled<'e> {
    /// Its case.
    pub case: Case<'e>,
    /// What was decided.
    pub judgement: Judgement,
    /// `tcp://api.example:443`.
    pub resource: String,
    /// `ssh on a port granted to http, https`, where that is why.
    pub detail: Option<String>,
}

impl Engine {
    /// The protocols that are granted to the destination of an outbound connection, as rules name them; empty when it may
    /// not be called at all.
    pub fn spoken(&self, scene: &Scene<'_>) -> Vec<&'static str> {
        self.policy().spoken(scene)
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
            detail = (reason == PROTOCOL).then(|| {
                format!("{} on a port granted to {}", opening.protocol.unwrap_or("unknown bytes"), spoken.join(", "))
            });
        }
        let resource = format!("{SCHEME}://{name}:{}", scene.connection.port);
        Dialled { case, judgement, resource, detail }
    }

    /// What is done with verdicts on an outbound port.
    pub fn mode_towards(&self, scene: &Scene<'_>) -> Mode {
        self.port(scene.connection.direction, scene.connection.port).mode
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
    /// The name that the connection says it is for, for records.
    pub fn said(&self) -> &[u8] {
        self.hello.and_then(|hello| hello.server_name.as_deref()).unwrap_or_default().as_bytes()
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
