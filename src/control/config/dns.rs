//! The pod's resolver as the platform engineer writes it. Everything but the upstreams has a default.

use super::{kib, seconds};
use crate::document::{ByteSize, HumanDuration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// The pod's resolver: listens where the pod's `resolv.conf` points, judges every question, asks the cluster's resolvers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The addresses to listen on, UDP and TCP. Default: 127.0.0.1:53.
    #[serde(default = "default_listen")]
    #[schemars(extend("items" = {"type": "string", "format": "socket-address"}))]
    pub listen: Vec<SocketAddr>,
    /// The cluster's resolvers, in the order in which they are tried.
    #[schemars(extend("items" = {"type": "string", "format": "socket-address"}))]
    pub upstreams: Vec<SocketAddr>,
    /// The search domains of the pod's `resolv.conf`: `shop.svc.cluster.local`, `svc.cluster.local`, `cluster.local`.
    #[serde(default)]
    pub search: Vec<String>,
    /// Domains of one's own, whose names may lead to private addresses and are not looked at as leaks, besides
    /// `local`, `internal` and the search domains.
    #[serde(default)]
    pub inside: Vec<String>,
    /// What a denied question is answered with.
    #[serde(default)]
    pub denied: Denied,
    /// Questions that wait for an upstream at once, for each worker; for more, those that have waited longest are answered
    /// SERVFAIL.
    #[serde(default = "default_in_flight")]
    #[schemars(range(min = 1, max = 65_536))]
    pub in_flight: u32,
    /// For one upstream to answer; then the next is asked.
    #[serde(default = "default_upstream_deadline")]
    pub upstream_deadline: HumanDuration,
    /// For an answer, however many upstreams are asked.
    #[serde(default = "default_deadline")]
    pub deadline: HumanDuration,
    /// Bytes of answers that are kept, for each worker.
    #[serde(default = "default_cache_bytes")]
    pub cache_bytes: ByteSize,
    /// How much longer than its TTL a name counts as leading to its addresses: programs keep them longer than they are told
    /// to (a JVM by 30 seconds, or for ever). What is dialled later must be looked up again, or is denied.
    #[serde(default = "default_pin_grace")]
    pub pin_grace: HumanDuration,
    /// An answer is kept no longer, whatever its TTL says.
    #[serde(default = "default_ttl_most")]
    pub ttl_most: HumanDuration,
    /// That there is no such name or record is kept no longer.
    #[serde(default = "default_negative_ttl_most")]
    pub negative_ttl_most: HumanDuration,
}

/// What a denied question is answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Denied {
    /// REFUSED: the client may ask another resolver.
    Refused,
    /// NXDOMAIN: the client goes on with its search domains, or gives up at once.
    #[default]
    NxDomain,
}

fn default_listen() -> Vec<SocketAddr> {
    vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 53))]
}

fn default_in_flight() -> u32 {
    4096
}

fn default_upstream_deadline() -> HumanDuration {
    HumanDuration(std::time::Duration::from_millis(1500))
}

fn default_deadline() -> HumanDuration {
    HumanDuration(std::time::Duration::from_millis(4500))
}

fn default_cache_bytes() -> ByteSize {
    kib(4096)
}

fn default_pin_grace() -> HumanDuration {
    seconds(900)
}

fn default_ttl_most() -> HumanDuration {
    seconds(300)
}

fn default_negative_ttl_most() -> HumanDuration {
    seconds(30)
}
