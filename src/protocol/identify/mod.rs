//! Which protocol a connection speaks, by its first bytes from either side. One table; a new protocol is one line of it
//! and one function in the file of its kind.
//!
//! Every entry looks at one side and says yes, no, or that it needs more. The first yes counts; what nobody knows stays
//! unknown. No entry waits for bytes that its protocol's first message would not have.

mod binary;
mod text;

use super::{Guess, dns, redis};
use crate::flow::Side;
use binary::{
    amqp, bittorrent, cassandra, clickhouse, couchbase, kafka, ldap, memcached_binary, mongodb, mqtt, mysql, oracle,
    postgres, rdp, smb, socks4, socks5, tds, telnet, tls, tor, zookeeper,
};
use text::{
    connect, ftp_server, http1, http2, imap_client, imap_server, memcached, nats, nats_client, pop3_client,
    pop3_server, rtsp, sip, smtp_client, smtp_server, ssh, stomp, stratum, syslog, vnc,
};

/// How far a protocol is understood once it is identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// By name only: another protocol on its port can be told apart.
    Identified,
    /// What opens it is taken apart.
    Parsed,
    /// What is asked for in it is held against the allowlist.
    Judged,
}

/// One way in which a protocol shows itself.
#[derive(Debug)]
pub struct Sign {
    /// The protocol's name.
    pub protocol: &'static str,
    /// Who sends these bytes.
    pub side: Side,
    /// Whether they open the protocol.
    pub fits: fn(&[u8]) -> Guess,
    /// How far it is understood.
    pub depth: Depth,
}

const fn client(protocol: &'static str, fits: fn(&[u8]) -> Guess, depth: Depth) -> Sign {
    Sign { protocol, side: Side::Client, fits, depth }
}

const fn server(protocol: &'static str, fits: fn(&[u8]) -> Guess, depth: Depth) -> Sign {
    Sign { protocol, side: Side::Server, fits, depth }
}

/// Every sign, tried in this order: what is told by more bytes comes first.
pub static SIGNS: &[Sign] = &[
    client("tls", tls, Depth::Parsed),
    client("http2", http2, Depth::Judged),
    client("http-connect", connect, Depth::Identified),
    client("rtsp", rtsp, Depth::Identified),
    client("sip", sip, Depth::Identified),
    client("http1", http1, Depth::Judged),
    client("dns", dns::PROTOCOL.identify, Depth::Judged),
    client("postgres", postgres, Depth::Judged),
    client("ssh", ssh, Depth::Identified),
    client("smtp", smtp_client, Depth::Identified),
    client("imap", imap_client, Depth::Identified),
    client("pop3", pop3_client, Depth::Identified),
    client("nats", nats_client, Depth::Identified),
    client("redis", redis::identify, Depth::Judged),
    client("stratum", stratum, Depth::Identified),
    client("stomp", stomp, Depth::Identified),
    client("memcached", memcached, Depth::Identified),
    client("syslog", syslog, Depth::Identified),
    client("bittorrent", bittorrent, Depth::Identified),
    client("amqp", amqp, Depth::Identified),
    client("mqtt", mqtt, Depth::Identified),
    client("socks5", socks5, Depth::Identified),
    client("socks4", socks4, Depth::Identified),
    client("cassandra", cassandra, Depth::Identified),
    client("telnet", telnet, Depth::Identified),
    client("mssql", tds, Depth::Identified),
    client("oracle", oracle, Depth::Identified),
    client("couchbase", couchbase, Depth::Identified),
    client("memcached", memcached_binary, Depth::Identified),
    client("zookeeper", zookeeper, Depth::Identified),
    client("kafka", kafka, Depth::Identified),
    client("clickhouse", clickhouse, Depth::Identified),
    client("ldap", ldap, Depth::Identified),
    client("smb", smb, Depth::Identified),
    client("rdp", rdp, Depth::Identified),
    client("tor", tor, Depth::Identified),
    client("mongodb", mongodb, Depth::Identified),
    server("ssh", ssh, Depth::Identified),
    server("mysql", mysql, Depth::Judged),
    server("smtp", smtp_server, Depth::Identified),
    server("ftp", ftp_server, Depth::Identified),
    server("imap", imap_server, Depth::Identified),
    server("pop3", pop3_server, Depth::Identified),
    server("vnc", vnc, Depth::Identified),
    server("nats", nats, Depth::Identified),
    server("telnet", telnet, Depth::Identified),
];

/// What the first bytes of one side say.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// It is this protocol.
    Is(&'static Sign),
    /// It may become clear with more bytes.
    NeedMore,
    /// No protocol of the table begins like this.
    Unknown,
}

/// Identifies a protocol by the first bytes of one side.
pub fn identify(side: Side, bytes: &[u8]) -> Answer {
    let mut answer = Answer::Unknown;
    for sign in SIGNS.iter().filter(|sign| sign.side == side) {
        match (sign.fits)(bytes) {
            // An earlier sign that still needs bytes is told by more of them: it is waited for.
            Guess::Yes if matches!(answer, Answer::Unknown) => return Answer::Is(sign),
            Guess::Yes | Guess::NeedMore => answer = Answer::NeedMore,
            Guess::No => {}
        }
    }
    answer
}

/// Whether the bytes begin with these, as far as they go.
fn starts(bytes: &[u8], with: &[u8]) -> Guess {
    let common = bytes.len().min(with.len());
    match bytes.get(..common) == with.get(..common) {
        true if common == with.len() => Guess::Yes,
        true => Guess::NeedMore,
        false => Guess::No,
    }
}

/// The best of several guesses.
fn either(guesses: impl IntoIterator<Item = Guess>) -> Guess {
    let mut best = Guess::No;
    for guess in guesses {
        match guess {
            Guess::Yes => return Guess::Yes,
            Guess::NeedMore => best = Guess::NeedMore,
            Guess::No => {}
        }
    }
    best
}

/// Whether bytes at these places have these values; all that are there must, and all must be there.
fn holds(bytes: &[u8], places: &[(usize, u8)]) -> Guess {
    let mut guess = Guess::Yes;
    for (at, expected) in places {
        match bytes.get(*at) {
            Some(found) if found == expected => {}
            Some(_) => return Guess::No,
            None => guess = Guess::NeedMore,
        }
    }
    guess
}
