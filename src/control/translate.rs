//! The bootstrap configuration, written in people's terms, becomes the settings of each part.

use super::config::{Config, Listener, Port};
use super::judging;
use crate::document::ByteSize;
use crate::flow::Direction;
use crate::identity;
use crate::policy;
use crate::protocol::{body, http1};
use crate::proxy::settings::{self, Settings};
use crate::proxy::tls;
use crate::record::file::RotatedFile;
use crate::record::sink::{Sink, Stdout};
use crate::record::{self, queue::Room};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;

/// What the data path is told.
pub(super) fn data_path(config: &Config) -> Settings {
    Settings {
        listeners: config.listeners.iter().map(listener).collect(),
        limits: limits(config),
        workers: usize::from(config.workers()),
    }
}

fn listener(listener: &Listener) -> settings::Listener {
    settings::Listener {
        listen: listener.listen,
        direction: Direction::Inbound,
        redirected: listener.redirected,
        ports: listener.declared().iter().map(port).collect(),
    }
}

fn port(port: &Port) -> settings::Port {
    let tls = tls::Port { mode: port.tls, ..tls::Port::default() };
    settings::Port { port: port.port, tls, upstream: port.upstream() }
}

fn limits(config: &Config) -> settings::Limits {
    let limits = &config.limits;
    settings::Limits {
        http1: http1::Limits {
            head_bytes: bytes(limits.head_bytes),
            headers: usize::from(limits.headers),
            header_bytes: bytes(limits.header_bytes),
            target_bytes: bytes(limits.target_bytes),
            trailer_bytes: bytes(limits.trailer_bytes),
        },
        body: body::Limits { decoded_bytes: bytes(limits.decoded_bytes), ..body::Limits::default() },
        tls: tls::Limits {
            first_byte: limits.first_byte_deadline.0,
            handshake: limits.handshake_deadline.0,
            at_once: limits.handshakes as usize,
            per_second: limits.handshakes_per_second,
            burst: limits.handshakes_per_second,
            ..tls::Limits::default()
        },
        inspect_bytes: bytes(limits.inspect_bytes),
        held_bytes: bytes(limits.held_bytes),
        connections: limits.connections as usize,
        connections_per_address: limits.connections_per_address,
        requests_per_connection: u64::from(limits.requests_per_connection),
        header: limits.header_deadline.0,
        body_progress: limits.body_deadline.0,
        idle: limits.idle_deadline.0,
        write_progress: limits.send_deadline.0,
        connect: limits.connect_deadline.0,
        response: limits.response_deadline.0,
        response_progress: limits.response_body_deadline.0,
        upgraded_idle: limits.response_body_deadline.0,
        upstream_idle: limits.upstream_idle_deadline.0,
        upstream_pool: limits.upstream_idle as usize,
        drain: limits.drain_deadline.0,
    }
}

/// Our certificate and whom we believe; nothing when every port is plaintext.
pub(super) fn identity(config: &Config) -> Option<(identity::Sources, identity::Limits)> {
    let given = config.identity.as_ref()?;
    let bundle = |trust: &super::config::Trust| identity::BundleFile {
        domain: trust.domain.clone(),
        path: trust.bundle.clone(),
    };
    let sources = identity::Sources {
        certificate: given.certificate.clone(),
        key: given.key.clone(),
        bundles: given.trust.iter().map(bundle).collect(),
    };
    let limits = identity::Limits {
        chain_length: usize::from(config.limits.chain_length),
        chain_bytes: bytes(config.limits.chain_bytes),
        rsa_bits: config.limits.rsa_bits_least.into()..=config.limits.rsa_bits_most.into(),
    };
    Some((sources, limits))
}

/// Where what judges is written down.
pub(super) fn judging(config: &Config, trust_domain: Option<String>) -> judging::Sources {
    let tls = |mode| match mode {
        tls::Mode::Strict => policy::Tls::Strict,
        tls::Mode::Permissive => policy::Tls::Permissive,
        tls::Mode::Off => policy::Tls::Off,
    };
    let ports = config.listeners.iter().flat_map(Listener::declared);
    judging::Sources {
        allowlists: config.allowlists.clone(),
        signatures: config.signatures.paths.clone(),
        shipped: config.signatures.shipped,
        trust_domain,
        tls: ports.map(|port| (port.port, tls(port.tls))).collect(),
    }
}

/// How the record is kept, and where it goes.
///
/// # Errors
/// The record's file cannot be opened, or the key of its masks cannot be read.
pub(super) fn record(config: &Config) -> io::Result<(record::Settings, Vec<Box<dyn Sink>>)> {
    let given = &config.record;
    let settings = record::Settings {
        queue: Room { lines: given.queue_lines as usize, bytes: bytes(given.queue_bytes) },
        repeats: u64::from(given.repeats),
        repeat_window: given.repeat_window.0,
        lines_per_second: u64::from(given.lines_per_second),
        aggregate_interval: given.aggregate_interval.0,
        mask_key: given.mask_key.as_ref().map(fs::read).transpose()?.map(|key| Sha256::digest(key).into()),
        ..record::Settings::default()
    };
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if given.stdout {
        sinks.push(Box::new(Stdout));
    }
    if let Some(file) = &given.file {
        sinks.push(Box::new(RotatedFile::open(&file.path, file.max_bytes.0, file.keep)?));
    }
    Ok((settings, sinks))
}

/// What does not fit into an address space is no bound there.
fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}
