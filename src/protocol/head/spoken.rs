//! What a request speaks besides HTTP, by its head: one table, one function each. A request may speak several: etcd's
//! calls are gRPC's too. What nobody knows is plain HTTP.
//!
//! Paths are compared as they were spelled: one that is spelled otherwise is none of these, so that a rule that grants one
//! of these grants nothing else. DNS is told by what is asked, whatever the path.

use super::{Head, query};
use crate::canon::cursor;
use crate::protocol::grpc::Call;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Whether a head of this shape speaks it.
pub type Fits = fn(&Shape<'_>) -> bool;

/// What a request may speak, and how it shows; what is told by more comes first.
pub static SPOKEN: &[(&str, Fits)] = &[
    ("websocket", websocket),
    ("doh", doh),
    ("etcd", etcd),
    ("docker", docker),
    ("kubernetes", kubernetes),
    ("elasticsearch", elasticsearch),
    ("grpc", grpc),
];

/// What is looked at of a head.
#[derive(Debug)]
pub struct Shape<'h> {
    method: &'h str,
    path: &'h str,
    /// The first of the path's.
    segments: [Option<&'h str>; 3],
    query: &'h [u8],
    websocket: bool,
    grpc: bool,
    /// The first values of these headers.
    content_type: &'h [u8],
    accept: &'h [u8],
    agent: &'h [u8],
    elastic: bool,
}

impl<'h> Shape<'h> {
    /// Of a head.
    pub fn of(head: &Head<'h>) -> Self {
        let path = std::str::from_utf8(head.path).unwrap_or_default();
        let mut segments = path.split('/').skip(1);
        let mut shape = Self {
            method: head.method,
            path,
            segments: std::array::from_fn(|_| segments.next()),
            query: head.query.unwrap_or_default(),
            websocket: head.upgrade == Some("websocket"),
            grpc: false,
            content_type: b"",
            accept: b"",
            agent: b"",
            elastic: false,
        };
        for header in &head.headers {
            match header.known.map(|known| known.lower) {
                Some("content-type") => shape.content_type = header.value,
                Some("accept") => shape.accept = header.value,
                Some("user-agent") => shape.agent = header.value,
                Some(_) => {}
                None => shape.elastic |= header.is_named("x-elastic-client-meta"),
            }
        }
        shape.grpc =
            shape.content_type.starts_with(b"application/grpc") && Call::of(head.headers.iter().copied()).is_some();
        shape
    }

    /// What it speaks, the most particular first.
    pub fn speaks(&self) -> impl Iterator<Item = &'static str> {
        SPOKEN.iter().filter(|(_, fits)| fits(self)).map(|(name, _)| *name)
    }
}

/// RFC 6455 §4.1, RFC 8441 §4.
fn websocket(shape: &Shape<'_>) -> bool {
    shape.websocket
}

/// gRPC over HTTP/2, and both kinds of gRPC-Web.
fn grpc(shape: &Shape<'_>) -> bool {
    shape.grpc
}

/// RFC 8484 §4.1, and the JSON in which public resolvers answer besides.
fn doh(shape: &Shape<'_>) -> bool {
    let declared = |value: &[u8]| {
        let kind = cursor::find_exact(value, b"application/dns-").and_then(|at| value.get(at + 16..));
        kind.is_some_and(|kind| kind.starts_with(b"message") || kind.starts_with(b"json"))
    };
    if declared(shape.content_type) || declared(shape.accept) {
        return true;
    }
    let (mut named, mut typed) = (false, false);
    for pair in query::pairs(shape.query) {
        let value = pair.value.unwrap_or_default();
        match pair.name {
            b"dns" if is_question(value) => return true,
            b"name" => named = !value.is_empty(),
            b"type" => typed = !value.is_empty(),
            _ => {}
        }
    }
    named && (shape.path.ends_with("/dns-query") || shape.path == "/resolve" && typed)
}

/// The header of a DNS query with one question (RFC 1035 §4.1.1), in base64url (RFC 8484 §6).
fn is_question(value: &[u8]) -> bool {
    let text = query::form_text(value);
    let header = text.get(..16).and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    header.is_some_and(|header| {
        let asks = header.get(2).is_some_and(|flags| flags & 0xF8 == 0);
        asks && header.get(4..8) == Some(&[0, 1, 0, 0])
    })
}

/// Services of version 3, the same as JSON, and version 2.
fn etcd(shape: &Shape<'_>) -> bool {
    match shape.segments {
        [Some("v3" | "v3beta" | "v3alpha"), Some(service), Some(_)] => {
            shape.method == "POST" && ETCD.contains(&service)
        }
        [Some("v2"), Some("keys" | "members" | "stats"), _] => true,
        [Some(service), Some(_), None] => {
            shape.grpc && ["etcdserverpb.", "v3lockpb.", "v3electionpb."].iter().any(|named| service.starts_with(named))
        }
        _ => false,
    }
}

const ETCD: &[&str] = &["auth", "cluster", "election", "kv", "lease", "lock", "maintenance", "watch"];

/// The Engine API, with its version or without it.
fn docker(shape: &Shape<'_>) -> bool {
    let [first, second, _] = shape.segments;
    let minor = first.and_then(|segment| segment.strip_prefix("v1."));
    if minor.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit())) {
        return second.is_some_and(|area| DOCKER.contains(&area));
    }
    match shape.segments {
        [Some("_ping"), None, None] => true,
        [Some("containers"), Some("json" | "create" | "prune"), None] => true,
        [Some("containers"), Some(_), Some(verb)] => CONTAINER.contains(&verb),
        [Some("images"), Some("json" | "create" | "load" | "prune"), None] => true,
        [Some("exec"), Some(_), Some("start" | "json" | "resize")] => true,
        _ => shape.agent.starts_with(b"Docker-Client/") || shape.agent.starts_with(b"docker-sdk-python/"),
    }
}

const DOCKER: &[&str] = &[
    "_ping",
    "auth",
    "build",
    "commit",
    "configs",
    "containers",
    "distribution",
    "events",
    "exec",
    "grpc",
    "images",
    "info",
    "networks",
    "nodes",
    "plugins",
    "secrets",
    "services",
    "session",
    "swarm",
    "system",
    "tasks",
    "version",
    "volumes",
];

/// What is done with one container.
const CONTAINER: &[&str] = &[
    "archive", "attach", "changes", "exec", "export", "json", "kill", "logs", "start", "stats", "stop", "top", "wait",
];

/// Resources of the core group and of any other, what there is of them, and what clients of their own ask in.
fn kubernetes(shape: &Shape<'_>) -> bool {
    match shape.segments {
        [Some("api"), Some("v1"), Some(resource)] => KUBERNETES.contains(&resource),
        [Some("apis"), Some(group), Some(version)] => !group.is_empty() && is_version(version),
        [Some("api"), Some("v1"), None] | [Some("apis" | "api" | "version"), None | Some(""), None] => {
            is_kubernetes_client(shape)
        }
        [Some("apis"), Some(group), None] => group.contains('.') || is_kubernetes_client(shape),
        [Some("openapi"), Some("v2" | "v3"), _] => is_kubernetes_client(shape),
        _ => false,
    }
}

const KUBERNETES: &[&str] = &[
    "componentstatuses",
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "serviceaccounts",
    "services",
    "watch",
];

/// `v1`, `v2beta3`.
fn is_version(segment: &str) -> bool {
    let Some(version) = segment.strip_prefix('v') else { return false };
    let stable = version.trim_start_matches(|c: char| c.is_ascii_digit());
    let counted = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    let early = || ["alpha", "beta"].iter().any(|stage| stable.strip_prefix(stage).is_some_and(counted));
    stable.len() < version.len() && (stable.is_empty() || early())
}

fn is_kubernetes_client(shape: &Shape<'_>) -> bool {
    let asks: [&[u8]; 3] = [b"kubernetes", b"apidiscovery.k8s.io", b"com.github.proto-openapi"];
    let agents: [&[u8]; 3] = [b"kubernetes/", b"kubectl", b"OpenAPI-Generator/"];
    asks.iter().any(|words| contains(shape.accept, words)) || agents.iter().any(|words| contains(shape.agent, words))
}

/// What its clients say, and paths with its verbs; OpenSearch has them too.
fn elasticsearch(shape: &Shape<'_>) -> bool {
    let vendor = b"application/vnd.elasticsearch+";
    if shape.elastic || shape.content_type.starts_with(vendor) || shape.accept.starts_with(vendor) {
        return true;
    }
    let agents: [&[u8]; 3] = [b"elasticsearch-", b"opensearch-", b"elastic-transport"];
    if agents.iter().any(|agent| shape.agent.starts_with(agent)) {
        return true;
    }
    match shape.segments {
        [Some(verb), ..] if verb.starts_with('_') => CLUSTER.contains(&verb),
        [Some(_), Some(verb), _] if verb.starts_with('_') => INDEX.contains(&verb),
        _ => false,
    }
}

/// What is asked of a whole cluster.
const CLUSTER: &[&str] = &[
    "_alias",
    "_aliases",
    "_analyze",
    "_bulk",
    "_cat",
    "_cluster",
    "_component_template",
    "_count",
    "_delete_by_query",
    "_field_caps",
    "_ilm",
    "_index_template",
    "_ingest",
    "_license",
    "_mapping",
    "_mget",
    "_msearch",
    "_nodes",
    "_pit",
    "_plugins",
    "_refresh",
    "_reindex",
    "_scripts",
    "_search",
    "_settings",
    "_snapshot",
    "_sql",
    "_tasks",
    "_template",
    "_xpack",
];
/// What is asked of one index.
const INDEX: &[&str] = &[
    "_alias",
    "_aliases",
    "_analyze",
    "_bulk",
    "_count",
    "_create",
    "_delete_by_query",
    "_doc",
    "_field_caps",
    "_flush",
    "_forcemerge",
    "_mapping",
    "_mget",
    "_msearch",
    "_pit",
    "_refresh",
    "_search",
    "_settings",
    "_source",
    "_stats",
    "_update",
    "_update_by_query",
];

fn contains(text: &[u8], words: &[u8]) -> bool {
    cursor::find_exact(text, words).is_some()
}
