//! What judges: an engine and limits as a configuration wants them, or an engine that grants everything.

use super::Terms;
use crate::detect::{Detectors, signature};
use crate::document::{self, render_all};
use crate::engine::Engine;
use crate::flow::{
    ClientAddr, Connection, ConnectionId, Direction, Identity, Names, Now, OriginalDestination, Peer, Sensitivity,
    Session,
};
use crate::policy;
use crate::protocol::{body, http1};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

/// The port of the connection where no configuration names one.
const PORT: u16 = 80;

/// What judges, and the connection that everything seems to arrive on.
pub(super) struct Judge {
    pub(super) engine: Engine,
    pub(super) limits: Limits,
    pub(super) connection: Connection,
    pub(super) session: Session,
    pub(super) now: Now,
}

/// The limits that the data path would apply.
pub(super) struct Limits {
    pub(super) http1: http1::Limits,
    pub(super) body: body::Limits,
    pub(super) inspect_bytes: usize,
}

impl Judge {
    /// A judge on these terms.
    ///
    /// # Errors
    /// Every problem of every file that the terms name, as text for a terminal.
    pub(super) fn new(terms: &Terms) -> Result<Self, String> {
        let (engine, limits, declared) = match &terms.config {
            Some(file) => configured(file, terms)?,
            None => (open_engine(terms)?, Limits::default(), terms.port.unwrap_or(PORT)),
        };
        let now = Now { wall: SystemTime::now(), since_start: std::time::Duration::ZERO };
        let session = Session { exchanges: 1 };
        Ok(Self { engine, limits, connection: connection(terms, declared, now.wall), session, now })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { http1: http1::Limits::default(), body: body::Limits::default(), inspect_bytes: 256 << 10 }
    }
}

/// An engine whose policy grants everything, so that only inspection decides.
fn open_engine(terms: &Terms) -> Result<Engine, String> {
    let port = terms.to.map(|to| to.port()).or(terms.port).unwrap_or(PORT);
    let sensitivity = terms.sensitivity.unwrap_or_default();
    let everything = everything(port, sensitivity);
    let documents = document::read("everything", &everything).map_err(|problems| render_all(&problems))?;
    let context = policy::Context { now: SystemTime::now(), trust_domain: None, tls: None };
    let compiled = policy::compile(&documents, &context).map_err(|problems| render_all(&problems))?;
    Ok(Engine::new(compiled.policy, Detectors::new(signature::load(true, &terms.with)?), 0))
}

/// The allowlist that grants everything.
fn everything(port: u16, sensitivity: Sensitivity) -> String {
    format!(
        "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {{name: everything}}\nowner: podwall judge\n\
         ports: {{{port}: {{sensitivity: {0}}}}}\noutboundPorts: {{{port}: {{sensitivity: {0}}}}}\ninbound:\n- name: everything\n  reason: only inspection decides\n  \
         from: any\n  methods: any\n  path: /{{rest...}}\n  upgrade: [websocket]\n  absoluteForm: true\n  stream: true\n\
         outbound:\n- {{name: every name, reason: only inspection decides, to: '*', protocol: dns, types: any}}\n\
         - {{name: every call, reason: only inspection decides, to: [0.0.0.0/0, '::/0'], upgrade: [websocket]}}\n",
        sensitivity.name()
    )
}

#[cfg(not(feature = "sidecar"))]
fn configured(_: &std::path::Path, _: &Terms) -> Result<(Engine, Limits, u16), String> {
    Err("this build has no sidecar, and so no configuration of one".into())
}

#[cfg(feature = "sidecar")]
fn configured(file: &std::path::Path, terms: &Terms) -> Result<(Engine, Limits, u16), String> {
    use crate::control::{config, translate};
    let environment = config::Environment::of_process();
    let config = config::load_elsewhere(file, &environment).map_err(|problems| render_all(&problems))?.config;
    // The sidecar's own certificate names its domain; here it is taken from whom it believes.
    let believed = config.identity.iter().flat_map(|identity| &identity.trust).next();
    let sources = translate::judging(&config, believed.map(|trust| trust.domain.clone()));
    let engine = sources.load(SystemTime::now()).map_err(|problems| problems.join("\n"))?.engine(0);
    let limits = Limits {
        http1: config.limits.http1(),
        body: config.limits.body(),
        inspect_bytes: usize::try_from(config.limits.inspect_bytes.0).unwrap_or(usize::MAX),
    };
    let inbound = config.listeners.iter().filter(|listener| listener.direction == config::Direction::Inbound);
    let declared: Vec<u16> = inbound.flat_map(config::Listener::declared).map(|port| port.port).collect();
    match terms.port {
        Some(port) if !declared.contains(&port) => Err(format!("no listener declares port {port}")),
        port => Ok((engine, limits, port.or(declared.first().copied()).unwrap_or(PORT))),
    }
}

fn connection(terms: &Terms, port: u16, now: SystemTime) -> Connection {
    let here = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let peer = terms.peer.clone().map_or(Peer::Unverified, |id| {
        Peer::Verified(Arc::new(Identity { id, serial: String::new(), not_after: now }))
    });
    let to = terms.to.unwrap_or(here(port));
    Connection {
        id: ConnectionId(1),
        direction: if terms.to.is_some() { Direction::Outbound } else { Direction::Inbound },
        from: ClientAddr(here(0)),
        to: OriginalDestination(to),
        port: to.port(),
        names: Names::settled(),
        peer,
        protocol: http1::PROTOCOL.name,
        opened: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitivity_is_that_of_the_port() {
        let terms = Terms { sensitivity: Some(Sensitivity::High), port: Some(81), ..Terms::default() };
        let judge = Judge::new(&terms).unwrap();
        assert_eq!(judge.engine.port(Direction::Inbound, 81).sensitivity, Sensitivity::High);
    }

    #[test]
    fn calls_of_the_pod_are_outbound() {
        let terms = Terms { to: Some("192.0.2.7:8080".parse().unwrap()), ..Terms::default() };
        let judge = Judge::new(&terms).unwrap();
        assert_eq!((judge.connection.direction, judge.connection.port), (Direction::Outbound, 8080));
        let verdict = |request: &[u8]| judge.each(request).iter().map(|verdict| verdict.denies()).collect::<Vec<_>>();
        assert_eq!(verdict(b"GET /items/7 HTTP/1.1\r\nHost: catalog\r\n\r\n"), [false]);
        assert_eq!(verdict(b"GET /items/7%27%20OR%201=1-- HTTP/1.1\r\nHost: catalog\r\n\r\n"), [true]);
    }
}
