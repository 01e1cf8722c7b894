//! Protocols whose first message is told by bytes at fixed places.

use super::{Guess, either, holds, starts};

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|value| u16::from_be_bytes(*value))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|value| u32::from_be_bytes(*value))
}

fn little_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|value| u32::from_le_bytes(*value))
}

/// What a value must be; unknown until it is there.
fn needs<T: Copy>(value: Option<T>, right: impl Fn(T) -> bool) -> Guess {
    match value {
        Some(value) if right(value) => Guess::Yes,
        Some(_) => Guess::No,
        None => Guess::NeedMore,
    }
}

/// All of these.
fn all<const N: usize>(guesses: [Guess; N]) -> Guess {
    match guesses {
        guesses if guesses.contains(&Guess::No) => Guess::No,
        guesses if guesses.contains(&Guess::NeedMore) => Guess::NeedMore,
        _ => Guess::Yes,
    }
}

/// RFC 8446 §5.1: a handshake record that begins with a ClientHello.
pub(super) fn tls(bytes: &[u8]) -> Guess {
    all([holds(bytes, &[(0, 22), (1, 3), (5, 1)]), needs(bytes.get(2), |minor| *minor <= 4)])
}

/// StartupMessage of version 3, or a request for TLS, GSS encryption or cancelling.
pub(super) fn postgres(bytes: &[u8]) -> Guess {
    let codes = [80_877_102, 80_877_103, 80_877_104];
    let length = needs(u32_at(bytes, 0), |length| (8..=10_000).contains(&length));
    let request = needs(u32_at(bytes, 4), |code| codes.contains(&code));
    // Other protocols have small numbers there too; a startup goes on with the name of a parameter.
    let version = needs(u32_at(bytes, 4), |code| code >> 16 == 3 && code & 0xFFFF <= 9);
    let startup = all([version, needs(bytes.get(8), |byte| byte.is_ascii_alphanumeric() || *byte == b'_')]);
    // The length is told by its first octets already: what begins otherwise waits for nobody.
    all([holds(bytes, &[(0, 0), (1, 0)]), length, either([request, startup])])
}

/// Protocol::HandshakeV10 as the first packet, its version a text that begins with a digit.
pub(super) fn mysql(bytes: &[u8]) -> Guess {
    let handshake = all([holds(bytes, &[(2, 0), (3, 0), (4, 10)]), needs(bytes.get(5), |byte| byte.is_ascii_digit())]);
    all([handshake, needs(bytes.get(6), |byte| byte.is_ascii_digit() || *byte == b'.')])
}

/// AMQP 0-9-1 §4.2.2, AMQP 1.0 §2.2.
pub(super) fn amqp(bytes: &[u8]) -> Guess {
    let heads: [&[u8]; 5] =
        [b"AMQP\0\0\x09\x01", b"AMQP\x01\x01\0\x09", b"AMQP\0\x01\0\0", b"AMQP\x02\x01\0\0", b"AMQP\x03\x01\0\0"];
    either(heads.map(|head| starts(bytes, head)))
}

/// MQTT 3.1.1 and 5 §3.1, and 3.1: CONNECT with the protocol's name.
pub(super) fn mqtt(bytes: &[u8]) -> Guess {
    let Some((0x10, rest)) = bytes.split_first() else {
        return if bytes.is_empty() { Guess::NeedMore } else { Guess::No };
    };
    let length = rest.iter().take_while(|byte| **byte & 0x80 != 0).count();
    match rest.get(length + 1..) {
        Some(name) if length < 4 => either([starts(name, b"\0\x04MQTT"), starts(name, b"\0\x06MQIsdp")]),
        None if length < 4 => Guess::NeedMore,
        _ => Guess::No,
    }
}

/// BEP 3.
pub(super) fn bittorrent(bytes: &[u8]) -> Guess {
    starts(bytes, b"\x13BitTorrent protocol")
}

/// MS-TDS §2.2.6.5: PRELOGIN, whose first option is the version.
pub(super) fn tds(bytes: &[u8]) -> Guess {
    all([holds(bytes, &[(0, 0x12), (4, 0), (5, 0), (7, 0), (8, 0)]), needs(bytes.get(1), |status| *status <= 1)])
}

/// TNS: a connect packet.
pub(super) fn oracle(bytes: &[u8]) -> Guess {
    let version = needs(u16_at(bytes, 8), |version| (300..=400).contains(&version));
    all([holds(bytes, &[(2, 0), (3, 0), (4, 1), (6, 0), (7, 0)]), version])
}

/// OP_MSG, OP_COMPRESSED or OP_QUERY that answers nothing.
pub(super) fn mongodb(bytes: &[u8]) -> Guess {
    let length = needs(little_at(bytes, 0), |length| (16..=48_000_000).contains(&length));
    all([
        length,
        needs(little_at(bytes, 8), |to| to == 0),
        needs(little_at(bytes, 12), |op| matches!(op, 2004 | 2012 | 2013)),
    ])
}

/// Memcached's binary protocol with the command HELLO, which only Couchbase has.
pub(super) fn couchbase(bytes: &[u8]) -> Guess {
    all([holds(bytes, &[(0, 0x80), (1, 0x1F), (4, 0), (5, 0)]), needs(u32_at(bytes, 8), |length| length < 4096)])
}

/// Memcached's binary protocol: a request whose fields fit together.
pub(super) fn memcached_binary(bytes: &[u8]) -> Guess {
    let fields = [
        needs(bytes.get(1), |command| *command <= 0x1D || matches!(command, 0x20..=0x26)),
        holds(bytes, &[(0, 0x80), (5, 0)]),
    ];
    let lengths = bytes.get(8..12).and(u16_at(bytes, 2)).zip(u32_at(bytes, 8));
    all([all(fields), needs(lengths, |(key, body)| key <= 250 && u32::from(key) <= body && body < 1 << 20)])
}

/// CQL native protocol v3 to v5, and two of a vendor's own: OPTIONS or STARTUP.
pub(super) fn cassandra(bytes: &[u8]) -> Guess {
    let first = all([
        needs(bytes.first(), |version| matches!(version, 3..=5 | 0x41 | 0x42)),
        needs(bytes.get(1), |flags| *flags <= 0x10),
    ]);
    let body = needs(bytes.get(4).copied().zip(u32_at(bytes, 5)), |(command, length)| match command {
        5 => length == 0,
        1 => (4..1024).contains(&length),
        _ => false,
    });
    all([first, body])
}

/// A session's first packet: protocol 0, a password of 16 octets.
pub(super) fn zookeeper(bytes: &[u8]) -> Guess {
    let length = needs(u32_at(bytes, 0), |length| matches!(length, 44 | 45));
    all([length, needs(u32_at(bytes, 4), |version| version == 0), needs(u32_at(bytes, 28), |password| password == 16)])
}

/// A request that clients begin with: Metadata, SaslHandshake, ApiVersions.
pub(super) fn kafka(bytes: &[u8]) -> Guess {
    let length = needs(u32_at(bytes, 0), |length| (10..1 << 20).contains(&length));
    let request =
        needs(u16_at(bytes, 4).zip(u16_at(bytes, 6)), |(key, version)| matches!(key, 3 | 17 | 18) && version < 20);
    all([length, request, needs(u16_at(bytes, 12), |client| client < 256 || client == u16::MAX)])
}

/// Hello of the native protocol: packet 0, the client's name.
pub(super) fn clickhouse(bytes: &[u8]) -> Guess {
    let Some((0, rest)) = bytes.split_first() else {
        return if bytes.is_empty() { Guess::NeedMore } else { Guess::No };
    };
    match rest.split_first() {
        None => Guess::NeedMore,
        Some((length, name)) if (8..64).contains(length) => starts(name, b"ClickHouse"),
        Some(_) => Guess::No,
    }
}

/// RFC 4511 §4.1.1: a sequence, a small number, then a bind, search or extended request.
pub(super) fn ldap(bytes: &[u8]) -> Guess {
    let Some((0x30, rest)) = bytes.split_first() else {
        return if bytes.is_empty() { Guess::NeedMore } else { Guess::No };
    };
    let skip = match rest.first() {
        None => return Guess::NeedMore,
        Some(length @ 0x81..=0x84) => usize::from(length & 0x0F) + 1,
        Some(0..=0x7F) => 1,
        Some(_) => return Guess::No,
    };
    let Some(message) = rest.get(skip..) else { return Guess::NeedMore };
    let size = needs(message.get(1), |size| (1..=4).contains(size));
    let request = needs(message.get(1).and_then(|size| message.get(usize::from(*size) + 2)), |tag| {
        matches!(tag, 0x42 | 0x60 | 0x63 | 0x77)
    });
    all([holds(message, &[(0, 2)]), size, request])
}

/// NetBIOS session service, then SMB 1 or 2.
pub(super) fn smb(bytes: &[u8]) -> Guess {
    let magic = [0xFF, 0xFE].map(|first| holds(bytes, &[(0, 0), (4, first), (5, b'S'), (6, b'M'), (7, b'B')]));
    either(magic)
}

/// TPKT, then an X.224 connection request.
pub(super) fn rdp(bytes: &[u8]) -> Guess {
    holds(bytes, &[(0, 3), (1, 0), (2, 0), (5, 0xE0), (6, 0), (7, 0)])
}

/// A VERSIONS cell: without a circuit, with versions 3 to 5.
pub(super) fn tor(bytes: &[u8]) -> Guess {
    all([
        holds(bytes, &[(0, 0), (1, 0), (2, 7), (3, 0), (5, 0)]),
        needs(bytes.get(6), |version| (3..=5).contains(version)),
    ])
}

/// RFC 1928 §3: version, methods, and nothing else.
pub(super) fn socks5(bytes: &[u8]) -> Guess {
    let Some((5, rest)) = bytes.split_first() else {
        return if bytes.is_empty() { Guess::NeedMore } else { Guess::No };
    };
    match rest.split_first() {
        None => Guess::NeedMore,
        Some((count, methods)) if (1..=8).contains(count) => {
            let known = methods.iter().all(|method| *method <= 9 || *method >= 0x80);
            match methods.len().cmp(&usize::from(*count)) {
                _ if !known => Guess::No,
                std::cmp::Ordering::Less => Guess::NeedMore,
                std::cmp::Ordering::Equal => Guess::Yes,
                std::cmp::Ordering::Greater => Guess::No,
            }
        }
        Some(_) => Guess::No,
    }
}

/// CONNECT or BIND, an address, and a user's name that ends with 0.
pub(super) fn socks4(bytes: &[u8]) -> Guess {
    let request = all([holds(bytes, &[(0, 4)]), needs(bytes.get(1), |command| matches!(command, 1 | 2))]);
    let name = bytes.get(8..).unwrap_or_default();
    let ends = match name.iter().position(|byte| *byte == 0) {
        Some(end) if name.iter().take(end).all(u8::is_ascii_graphic) => Guess::Yes,
        None if name.len() < 256 && name.iter().all(u8::is_ascii_graphic) => Guess::NeedMore,
        _ => Guess::No,
    };
    all([request, ends])
}

/// RFC 854: a negotiation.
pub(super) fn telnet(bytes: &[u8]) -> Guess {
    all([
        holds(bytes, &[(0, 255)]),
        needs(bytes.get(1), |command| (250..=254).contains(command)),
        needs(bytes.get(2), |option| *option < 64),
    ])
}
