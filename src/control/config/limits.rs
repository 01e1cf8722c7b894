//! Every limit, as it is written, and what it is where nothing is.

use super::{kib, seconds};
use crate::document::{ByteSize, HumanDuration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every bound on what a peer can make us hold, wait for or do. None of them can be switched off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a head, first line included.
    pub head_bytes: ByteSize,
    /// Header lines of a head.
    #[schemars(range(min = 1, max = 256))]
    pub headers: u16,
    /// Bytes of one header line.
    pub header_bytes: ByteSize,
    /// Bytes of a request target.
    pub target_bytes: ByteSize,
    /// Bytes of all trailers of a message.
    pub trailer_bytes: ByteSize,
    /// Bytes of a body that are held and judged whole; a larger body is denied unless its route says `stream`.
    pub inspect_bytes: ByteSize,
    /// Bytes of a gRPC message, which is held and judged whole; a larger one is denied.
    pub grpc_message_bytes: ByteSize,
    /// Bytes of a body after its content codings (gzip …) are undone.
    pub decoded_bytes: ByteSize,
    /// Bytes of messages that the whole process holds until they are judged.
    pub held_bytes: ByteSize,
    /// Connections of the whole process.
    #[schemars(range(min = 1))]
    pub connections: u32,
    /// Pairs of rate and caller that are counted apart; callers beyond share one counter per rate.
    #[schemars(range(min = 1))]
    pub rate_counters: u32,
    /// Requests on one connection; then it is closed.
    #[schemars(range(min = 1))]
    pub requests_per_connection: u32,
    /// HTTP/2: streams at once on one connection.
    #[schemars(range(min = 1, max = 10_000))]
    pub http2_streams: u32,
    /// HTTP/2: bytes that a client may send on one stream before they are taken.
    pub http2_stream_window: ByteSize,
    /// HTTP/2: bytes that a client may send on all streams of a connection before they are taken.
    pub http2_connection_window: ByteSize,
    /// HTTP/2: frames that carry nothing (PING, SETTINGS, empty DATA …) of one connection in a second.
    #[schemars(range(min = 1))]
    pub http2_control_frames: u32,
    /// HTTP/2: streams that a client may reset in a second, on one connection. A head that is too large counts for up to 80; one that
    /// names the same fields again and again ends the connection.
    #[schemars(range(min = 1))]
    pub http2_resets: u32,
    /// Idle connections kept to each upstream, for each worker.
    #[schemars(range(max = 65_536))]
    pub upstream_idle: u32,
    /// Until the first byte of a connection.
    pub first_byte_deadline: HumanDuration,
    /// From the first byte of a TLS handshake to its end.
    pub handshake_deadline: HumanDuration,
    /// From the first byte of a head to its last.
    pub header_deadline: HumanDuration,
    /// Between two pieces of a request's body.
    pub body_deadline: HumanDuration,
    /// Between two requests on a connection.
    pub idle_deadline: HumanDuration,
    /// HTTP/2: how long a connection with open streams goes without being asked whether its client still lives.
    pub http2_ping_interval: HumanDuration,
    /// HTTP/2: for the client's answer to that.
    pub http2_ping_deadline: HumanDuration,
    /// For a peer to take what we send.
    pub send_deadline: HumanDuration,
    /// Until an upstream takes a connection.
    pub connect_deadline: HumanDuration,
    /// From the end of a request to the head of its answer.
    pub response_deadline: HumanDuration,
    /// Between two pieces of an answer's body. Event streams are silent for long.
    pub response_body_deadline: HumanDuration,
    /// For an idle connection to an upstream; below what the upstream itself allows.
    pub upstream_idle_deadline: HumanDuration,
    /// From SIGTERM until what is still in flight is cut; below the pod's grace period.
    pub drain_deadline: HumanDuration,
    /// TLS handshakes at once, for each worker.
    #[schemars(range(min = 1))]
    pub handshakes: u32,
    /// TLS handshakes per second, for each worker.
    #[schemars(range(min = 1))]
    pub handshakes_per_second: u32,
    /// Certificates in a peer's chain.
    #[schemars(range(min = 1, max = 16))]
    pub chain_length: u8,
    /// Bytes of all certificates of a peer's chain.
    pub chain_bytes: ByteSize,
    /// Bits of a peer's RSA key, at least.
    #[schemars(range(min = 2048, max = 16_384))]
    pub rsa_bits_least: u16,
    /// Bits of a peer's RSA key, at most.
    #[schemars(range(min = 2048, max = 16_384))]
    pub rsa_bits_most: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: kib(32),
            headers: 100,
            header_bytes: kib(16),
            target_bytes: kib(8),
            trailer_bytes: kib(8),
            inspect_bytes: kib(256),
            grpc_message_bytes: kib(4096),
            decoded_bytes: kib(1024),
            held_bytes: kib(64 * 1024),
            connections: 8192,
            rate_counters: 65_536,
            requests_per_connection: 100_000,
            http2_streams: 100,
            http2_stream_window: kib(64),
            http2_connection_window: kib(256),
            http2_control_frames: 500,
            http2_resets: 200,
            upstream_idle: 64,
            first_byte_deadline: seconds(30),
            handshake_deadline: seconds(10),
            header_deadline: seconds(10),
            body_deadline: seconds(20),
            idle_deadline: seconds(75),
            http2_ping_interval: seconds(30),
            http2_ping_deadline: seconds(20),
            send_deadline: seconds(30),
            connect_deadline: seconds(5),
            response_deadline: seconds(60),
            response_body_deadline: seconds(300),
            upstream_idle_deadline: seconds(30),
            drain_deadline: seconds(25),
            handshakes: 512,
            handshakes_per_second: 4000,
            chain_length: 5,
            chain_bytes: kib(16),
            rsa_bits_least: 2048,
            rsa_bits_most: 8192,
        }
    }
}
