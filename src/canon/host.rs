//! The one canonical spelling of a host, from a `Host` header, an absolute target or an HTTP/2 `:authority`.
//!
//! Tolerates: any letter case, one trailing dot, underscores. Rejects, each by name: userinfo, percent escapes, bytes
//! outside letters, digits, `-`, `.`, `_`; labels over 63 and names over 253 bytes (RFC 1035 §2.3.4); numbers that
//! some resolvers read as an address (`127.1`, `0x7f000001`); ports outside 1 to 65535. Never looks a name up.

use crate::flow::{Kind, Reason};
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The host is empty.
pub const EMPTY: Reason = Reason::new("host-empty", Kind::Malformed, "the host is empty");
/// The host is over 253 bytes.
pub const LONG: Reason = Reason::new("host-long", Kind::Malformed, "the host is longer than any DNS name");
/// The host names a user.
pub const USERINFO: Reason = Reason::new("host-userinfo", Kind::Malformed, "the authority carries a user name");
/// The host holds a byte that no host name has.
pub const BYTE: Reason = Reason::new("host-byte", Kind::Malformed, "the host holds a byte that no host name has");
/// A label is empty or over 63 bytes.
pub const LABEL: Reason = Reason::new("host-label", Kind::Malformed, "a label of the host is empty or too long");
/// It looks like an address and is none in its standard spelling.
pub const ADDRESS: Reason =
    Reason::new("host-address", Kind::Malformed, "the host is an address in a doubtful spelling");
/// The port is no number from 1 to 65535.
pub const PORT: Reason = Reason::new("host-port", Kind::Malformed, "the port of the host is no number from 1 to 65535");

/// Longest DNS name in text form, without its trailing dot.
pub const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// A host in its canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// Lower case, no trailing dot, no port: `shop.example`, `10.0.0.1`, `[::1]`.
    pub name: Cow<'a, str>,
    /// The port, where one was written.
    pub port: Option<u16>,
}

impl Host<'_> {
    /// Whether both mean the same place, where `default_port` is meant when none is written.
    pub fn same(&self, other: &Host<'_>, default_port: u16) -> bool {
        self.name == other.name && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }
}

/// Reads `host [":" port]`.
///
/// # Errors
/// With the name of the rule that is broken.
pub fn parse(authority: &[u8]) -> Result<Host<'_>, Reason> {
    if authority.is_empty() {
        return Err(EMPTY);
    }
    if authority.contains(&b'@') {
        return Err(USERINFO);
    }
    let (name, port) = split_port(authority)?;
    let port = port.map(read_port).transpose()?;
    let name = match name.strip_prefix(b"[") {
        Some(rest) => ipv6(rest.strip_suffix(b"]").ok_or(ADDRESS)?)?,
        None => name_or_ipv4(name)?,
    };
    Ok(Host { name, port })
}

fn split_port(authority: &[u8]) -> Result<(&[u8], Option<&[u8]>), Reason> {
    let tail = match authority.first() {
        Some(b'[') => authority.iter().rposition(|b| *b == b']').ok_or(ADDRESS)?,
        _ => 0,
    };
    match authority.iter().skip(tail).position(|b| *b == b':') {
        None => Ok((authority, None)),
        Some(colon) => {
            let (name, port) = authority.split_at_checked(tail + colon).ok_or(PORT)?;
            Ok((name, port.get(1..)))
        }
    }
}

fn read_port(digits: &[u8]) -> Result<u16, Reason> {
    if digits.is_empty() || digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(PORT);
    }
    let number = digits.iter().fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    u16::try_from(number).ok().filter(|port| *port != 0).ok_or(PORT)
}

fn ipv6(text: &[u8]) -> Result<Cow<'_, str>, Reason> {
    let text = std::str::from_utf8(text).map_err(|_| ADDRESS)?;
    let address: Ipv6Addr = text.parse().map_err(|_| ADDRESS)?;
    Ok(Cow::Owned(format!("[{address}]")))
}

fn name_or_ipv4(name: &[u8]) -> Result<Cow<'_, str>, Reason> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() {
        return Err(EMPTY);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(LONG);
    }
    if !name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        return Err(BYTE);
    }
    if name.split(|b| *b == b'.').any(|label| label.is_empty() || label.len() > MAX_LABEL_BYTES) {
        return Err(LABEL);
    }
    let text = std::str::from_utf8(name).map_err(|_| BYTE)?;
    if looks_like_address(text) && text.parse::<Ipv4Addr>().is_err() {
        return Err(ADDRESS);
    }
    Ok(if text.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { text.into() })
}

/// A last label that is a number makes the whole an address for URL parsers (WHATWG URL, "ends in a number").
fn looks_like_address(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    last.bytes().all(|b| b.is_ascii_digit())
        || hexadecimal.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> String {
        let host = parse(text.as_bytes()).unwrap();
        host.port.map_or(host.name.to_string(), |port| format!("{} {port}", host.name))
    }

    #[test]
    fn spellings_of_one_host_are_one() {
        for (text, expected) in [
            ("shop", "shop"),
            ("Shop.Example.", "shop.example"),
            ("shop:8080", "shop 8080"),
            ("10.0.0.1:80", "10.0.0.1 80"),
            ("[::1]", "[::1]"),
            ("[0:0:0:0:0:0:0:1]:443", "[::1] 443"),
            ("[2001:DB8::A]", "[2001:db8::a]"),
            ("my_service", "my_service"),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
    }

    #[test]
    fn doubtful_hosts_are_refused_by_name() {
        for (text, reason) in [
            ("", EMPTY),
            (".", EMPTY),
            (":80", EMPTY),
            ("user@shop", USERINFO),
            ("shop/", BYTE),
            ("sh op", BYTE),
            ("shop%2e", BYTE),
            ("shöp", BYTE),
            ("a..b", LABEL),
            (".a", LABEL),
            ("127.1", ADDRESS),
            ("2130706433", ADDRESS),
            ("0x7f.0.0.0x1", ADDRESS),
            ("010.0.0.1", ADDRESS),
            ("10.0.0.256", ADDRESS),
            ("[::1", ADDRESS),
            ("[fe80::1%25eth0]", ADDRESS),
            ("[::1]x", ADDRESS),
            ("shop:", PORT),
            ("shop:0", PORT),
            ("shop:65536", PORT),
            ("shop:+80", PORT),
            ("shop:80:80", PORT),
            ("::1", PORT),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(reason), "{text}");
        }
    }

    #[test]
    fn labels_and_names_end_at_their_limits() {
        let label = |n: usize| "a".repeat(n);
        assert!(parse(label(63).as_bytes()).is_ok());
        assert_eq!(parse(label(64).as_bytes()), Err(LABEL));
        let long = format!("{0}.{0}.{0}.{1}", label(63), label(61));
        assert_eq!(long.len(), MAX_NAME_BYTES);
        assert!(parse(long.as_bytes()).is_ok());
        assert_eq!(parse(format!("{long}a").as_bytes()), Err(LONG));
    }

    #[test]
    fn default_port_is_the_same_as_none() {
        let (bare, with) = (parse(b"shop").unwrap(), parse(b"SHOP:80").unwrap());
        assert!(bare.same(&with, 80));
        assert!(!bare.same(&with, 443));
    }
}
