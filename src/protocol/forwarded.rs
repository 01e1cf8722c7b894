//! What a request says of those before its sender: `Forwarded` (RFC 7239), `X-Forwarded-*` and their kin. A caller can
//! write into them what it likes, so the application is given what is known here instead: the address that the connection
//! came from, and how. Only a caller that is named as a forwarder is taken at its word, and its own address put behind it.
//! A host named in them is another reading of the request's host, whoever says it.

use super::head::Header;
use super::names::{self, Is};
use crate::canon::host::{self, Host};
use crate::flow::{Kind, Reason};

/// A host that a header claims, and that is none; or claims of many.
pub const HOST: Reason = Reason::new(
    "http-forwarded-host",
    Kind::Malformed,
    "a host that a header names instead of the request's own is none, or one of many",
);

/// Hosts named besides the request's own; each is asked for under each reading of the path.
const MAX_HOSTS: usize = 4;

/// What is known of the sender.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// The address that its connection came from.
    pub address: &'a str,
    /// Whether it came over TLS.
    pub https: bool,
    /// Whether what it says of those before it is believed.
    pub believed: bool,
}

/// What becomes of a header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate<'a> {
    /// It goes on as it came.
    GoesOn,
    /// It goes on with this value.
    Becomes(&'a str),
    /// It does not go on.
    Ends,
}

impl<'a> Forwarded<'a> {
    /// What becomes of a header.
    pub fn fate(&self, header: &Header<'_>) -> Fate<'a> {
        match header.known.map(|known| known.is) {
            // One line in any case; see `addresses`.
            Some(Is::ForwardedFor) => Fate::Ends,
            Some(Is::Forwarded | Is::ForwardedHost | Is::ForwardedProto | Is::ForwardedElse | Is::ClientAddress)
                if self.believed =>
            {
                Fate::GoesOn
            }
            Some(Is::Forwarded | Is::ForwardedHost | Is::ForwardedProto | Is::ForwardedElse) => Fate::Ends,
            Some(Is::ClientAddress) => Fate::Becomes(self.address),
            None if !self.believed && names::is_forwarding(header.name) => Fate::Ends,
            _ => Fate::GoesOn,
        }
    }

    /// The value of `x-forwarded-for`: our caller's address, behind those that are believed.
    pub fn addresses<'h>(&self, headers: impl Iterator<Item = Header<'h>>, out: &mut Vec<u8>) {
        let before = headers.filter(|header| self.believed && is(header, Is::ForwardedFor) && !header.value.is_empty());
        for header in before {
            out.extend_from_slice(header.value);
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(self.address.as_bytes());
    }

    /// The value of `x-forwarded-proto`, unless one that is believed goes on.
    pub fn proto<'h>(&self, mut headers: impl Iterator<Item = Header<'h>>) -> Option<&'static str> {
        let told = self.believed && headers.any(|header| is(&header, Is::ForwardedProto));
        (!told).then_some(if self.https { "https" } else { "http" })
    }
}

fn is(header: &Header<'_>, wanted: Is) -> bool {
    header.known.is_some_and(|known| known.is == wanted)
}

/// Whether a header speaks of those before the sender: no rule can ask for it, as anybody can write it.
pub fn is_claim(header: &Header<'_>) -> bool {
    match header.known.map(|known| known.is) {
        Some(is) => matches!(
            is,
            Is::Forwarded
                | Is::ForwardedFor
                | Is::ForwardedHost
                | Is::ForwardedProto
                | Is::ForwardedElse
                | Is::ClientAddress
        ),
        None => names::is_forwarding(header.name),
    }
}

/// The hosts that headers name instead of the request's own.
///
/// # Errors
/// [`HOST`].
pub fn hosts(headers: &[Header<'_>], own: Option<&Host<'_>>) -> Result<Vec<String>, Reason> {
    let mut hosts = Vec::new();
    for header in headers {
        match header.known.map(|known| known.is) {
            Some(Is::ForwardedHost) => {
                for member in header.value.split(|b| *b == b',') {
                    note(member, own, &mut hosts)?;
                }
            }
            Some(Is::Forwarded) => {
                for pair in header.value.split(|b| matches!(b, b',' | b';')).map(<[u8]>::trim_ascii) {
                    let host = pair.split_at_checked(5).filter(|(name, _)| name.eq_ignore_ascii_case(b"host="));
                    host.map_or(Ok(()), |(_, value)| note(unquoted(value), own, &mut hosts))?;
                }
            }
            _ => {}
        }
    }
    Ok(hosts)
}

fn note(value: &[u8], own: Option<&Host<'_>>, hosts: &mut Vec<String>) -> Result<(), Reason> {
    let value = value.trim_ascii();
    if value.is_empty() {
        return Ok(());
    }
    let host = host::parse(value).map_err(|_| HOST)?;
    let known = own.is_some_and(|own| own.name == host.name) || hosts.iter().any(|named| *named == *host.name);
    if !known {
        hosts.push(host.name.into_owned());
    }
    if hosts.len() > MAX_HOSTS { Err(HOST) } else { Ok(()) }
}

/// RFC 7239 §4: a value is a token or a quoted string. What a backslash would hide no host has.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(name: &'a str, value: &'a str) -> Header<'a> {
        Header { name: name.as_bytes(), value: value.as_bytes(), known: names::known(name.as_bytes()), forwarded: true }
    }

    fn named(name: &str, value: &str) -> Result<Vec<String>, Reason> {
        hosts(&[header(name, value)], host::parse(b"shop:8080").ok().as_ref())
    }

    #[test]
    fn caller_is_not_believed() {
        let known = Forwarded { address: "10.0.0.7", https: true, believed: false };
        for name in [
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Forwarded-Port",
            "X-Forwarded-Prefix",
            "X-Forwarded-User",
            "X-Forwarded-Anything",
            "Remote-User",
            "X-Host",
        ] {
            assert_eq!(known.fate(&header(name, "evil")), Fate::Ends, "{name}");
            assert!(is_claim(&header(name, "evil")), "{name}");
        }
        for name in ["X-Real-IP", "True-Client-IP", "X-Client-IP", "CF-Connecting-IP"] {
            assert_eq!(known.fate(&header(name, "127.0.0.1")), Fate::Becomes("10.0.0.7"), "{name}");
        }
        for name in ["Via", "X-Request-ID", "Host", "X-Forwarded"] {
            assert_eq!(known.fate(&header(name, "x")), Fate::GoesOn, "{name}");
        }
    }

    #[test]
    fn forwarder_is_believed_and_named_behind() {
        let known = Forwarded { address: "10.0.0.7", https: true, believed: true };
        let headers = [header("X-Forwarded-For", "1.2.3.4, 5.6.7.8"), header("x-forwarded-for", "9.9.9.9")];
        let mut value = Vec::new();
        known.addresses(headers.into_iter(), &mut value);
        assert_eq!(value, b"1.2.3.4, 5.6.7.8, 9.9.9.9, 10.0.0.7");
        assert_eq!(known.fate(&header("X-Forwarded-Host", "shop.example")), Fate::GoesOn);
        assert_eq!(known.proto([header("X-Forwarded-Proto", "http")].into_iter()), None);
        assert_eq!(known.proto(std::iter::empty()), Some("https"));
        let stranger = Forwarded { believed: false, ..known };
        value.clear();
        stranger.addresses(headers.into_iter(), &mut value);
        assert_eq!(value, b"10.0.0.7");
    }

    #[test]
    fn another_host_is_another_reading() {
        assert_eq!(named("X-Forwarded-Host", "Shop"), Ok(vec![]));
        assert_eq!(named("X-Forwarded-Host", "admin, SHOP:1"), Ok(vec!["admin".into()]));
        assert_eq!(named("X-Original-Host", "admin"), Ok(vec!["admin".into()]));
        assert_eq!(named("Forwarded", "for=1.2.3.4;Host=\"admin:80\", host=shop"), Ok(vec!["admin".into()]));
        assert_eq!(named("X-Forwarded-Host", "a b"), Err(HOST));
        assert_eq!(named("Forwarded", "host=\"a\\b\""), Err(HOST));
    }

    #[test]
    fn hosts_end_at_their_limit() {
        assert_eq!(named("X-Forwarded-Host", "a,b,c,d").map(|hosts| hosts.len()), Ok(MAX_HOSTS));
        assert_eq!(named("X-Forwarded-Host", "a,b,c,d,e"), Err(HOST));
    }
}
