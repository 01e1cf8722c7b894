//! The protocols that a rule can name. Those with rules of their own (HTTP, DNS, PostgreSQL) are judged message
//! by message; the others are judged once, as the connection they open.

use super::document::Protocol;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use std::borrow::Cow;

/// What is spoken: `http`, `https`, `kafka`, `tcp`; or what is spoken inside of HTTP: `grpc`, `docker`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// The protocol.
    pub protocol: Protocol,
    /// Of HTTP, what its requests must speak besides.
    pub inside: Option<Word>,
}

/// A protocol's name. (Not spelled out where documents are decoded: names there are not borrowed from them.)
pub type Word = &'static str;

/// Protocols that are told apart and judged once: what identification calls them, and `https`, which is TLS that offers
/// nothing but HTTP.
pub static NAMED: &[&str] = &[
    "amqp",
    "bittorrent",
    "cassandra",
    "clickhouse",
    "couchbase",
    "ftp",
    "https",
    "imap",
    "kafka",
    "ldap",
    "memcached",
    "mongodb",
    "mqtt",
    "mssql",
    "mysql",
    "nats",
    "oracle",
    "pop3",
    "rdp",
    "redis",
    "rtsp",
    "sip",
    "smb",
    "smtp",
    "socks4",
    "socks5",
    "ssh",
    "stomp",
    "stratum",
    "syslog",
    "telnet",
    "tls",
    "tor",
    "vnc",
    "zookeeper",
];

/// Protocols that are judged message by message, by the names that identification gives them: no rule for a connection
/// as a whole takes them.
pub static JUDGED: &[&str] = &["dns", "http-connect", "http1", "http2", "postgres"];

/// What requests speak besides HTTP, by the names that heads are told apart by.
pub static INSIDE: &[&str] = &["docker", "doh", "elasticsearch", "etcd", "grpc", "kubernetes", "websocket"];

/// What no outbound rule grants that does not name it: lookups in HTTP pass by the resolver.
pub const DOH: Word = "doh";

/// Protocols that rules of their own speak of.
const OWN: &[(&str, Protocol)] =
    &[("http", Protocol::Http), ("tcp", Protocol::Tcp), ("dns", Protocol::Dns), ("postgres", Protocol::Postgres)];

impl Spoken {
    /// The protocol of this name.
    pub fn parse(text: &str) -> Option<Self> {
        let own = || OWN.iter().find(|(name, _)| *name == text).map(|(_, protocol)| *protocol);
        let named = || NAMED.iter().find(|name| **name == text).map(|name| Protocol::Named(name));
        if let Some(inside) = INSIDE.iter().find(|name| **name == text) {
            return Some(Self { protocol: Protocol::Http, inside: Some(inside) });
        }
        own().or_else(named).map(Self::from)
    }

    /// The word that rules say.
    pub fn name(self) -> &'static str {
        self.inside.unwrap_or_else(|| self.protocol.name())
    }

    /// Every name there is.
    pub fn names() -> impl Iterator<Item = &'static str> {
        OWN.iter().map(|(name, _)| *name).chain(NAMED.iter().chain(INSIDE).copied())
    }
}

impl From<Protocol> for Spoken {
    fn from(protocol: Protocol) -> Self {
        Self { protocol, inside: None }
    }
}

impl<'de> Deserialize<'de> for Spoken {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no protocol that is told apart")))
    }
}

impl JsonSchema for Spoken {
    fn schema_name() -> Cow<'static, str> {
        "Spoken".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What is spoken: `http` is judged request by request, `https` is TLS that offers nothing but \
                HTTP, `grpc`, `docker` and the like are HTTP whose requests speak that, `tcp` is anything that has no rules of \
                its own.",
            "type": "string",
            "enum": Self::names().collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_are_called() {
        assert!(Spoken::names().all(|name| Spoken::parse(name).is_some_and(|spoken| spoken.name() == name)));
        assert_eq!(Spoken::parse("kafkaesque"), None);
        assert!(NAMED.is_sorted() && INSIDE.is_sorted() && NAMED.iter().all(|name| !JUDGED.contains(name)));
    }
}
