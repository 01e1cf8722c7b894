//! The host of a URL as a resolver would understand it: numbers in any base, short forms, IPv6 with IPv4 inside, names
//! that public servers resolve to loopback.

use crate::canon::cursor;
use crate::detect::context::Strength::{self, Certain, Strong, Weak};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a host is to the server that would connect to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A cloud's metadata service, in whatever spelling.
    Metadata,
    /// Loopback, link-local or a private address in a spelling that only hides it.
    Disguised,
    /// Loopback, plainly.
    Loopback,
    /// Link-local, plainly.
    LinkLocal,
    /// Another address, plainly.
    Address,
    /// Anything else.
    Elsewhere,
}

impl Host {
    /// Reads the authority of a URL: user information and port are taken off. At most 256 bytes.
    pub(super) fn read(authority: &[u8]) -> Self {
        let host = authority.rsplit(|b| *b == b'@').next().unwrap_or_default();
        if let Some(inner) = host.strip_prefix(b"[") {
            let end = inner.iter().position(|b| *b == b']').unwrap_or(inner.len());
            return inner.get(..end).map_or(Self::Elsewhere, Self::of_ipv6);
        }
        let mut host = host.split(|b| matches!(b, b':' | 0)).next().unwrap_or_default();
        host = host.strip_suffix(b".").unwrap_or(host);
        let plain = folded(host);
        match numeric(&plain) {
            Some(address) => {
                Self::of_ipv4(address, *plain == *host && canonical(host), memchr::memchr2(b'x', b'X', host).is_some())
            }
            None => Self::of_name(&plain),
        }
    }

    /// `odd`: it is spelled in hexadecimal or octal, as no honest client spells any address.
    fn of_ipv4(address: Ipv4Addr, canonical: bool, odd: bool) -> Self {
        let inside =
            address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified();
        match address.octets() {
            [169, 254, 169 | 170, 254 | 2 | 253] | [100, 100, 100, 200] | [192, 0, 0, 192] => Self::Metadata,
            _ if !canonical && (inside || odd) => Self::Disguised,
            [127, 0, 0, 1] | [0, 0, 0, 0] => Self::Loopback,
            [127, ..] => Self::Disguised,
            [169, 254, ..] => Self::LinkLocal,
            _ => Self::Address,
        }
    }

    fn of_ipv6(text: &[u8]) -> Self {
        let Some(address) =
            std::str::from_utf8(text).ok().and_then(|text| text.split('%').next()?.parse::<Ipv6Addr>().ok())
        else {
            return Self::Elsewhere;
        };
        if address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
            || address == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)
        {
            return Self::Metadata;
        }
        if address.is_loopback() || address.is_unspecified() {
            return if text.len() <= 3 { Self::Loopback } else { Self::Disguised };
        }
        let inner = address.to_ipv4().map(|inner| Self::of_ipv4(inner, false, false));
        match inner {
            Some(Self::Metadata) => Self::Metadata,
            Some(_) => Self::Disguised,
            None => Self::Address,
        }
    }

    fn of_name(name: &[u8]) -> Self {
        let ends = |suffix: &&[u8]| cursor::ends_with(name, suffix);
        if METADATA.iter().any(|host| name.eq_ignore_ascii_case(host)) {
            return Self::Metadata;
        }
        if LOCAL.iter().any(ends) || RESOLVERS.iter().any(ends) && embeds_inside(name) {
            return Self::Disguised;
        }
        let localhost = [&b"localhost"[..], b"localhost.localdomain", b"localhost4", b"localhost6", b"ip6-localhost"];
        if localhost.iter().any(|host| name.eq_ignore_ascii_case(host))
            || cursor::ends_with(name, b".localhost")
            || cursor::ends_with(name, b".docker.internal")
        {
            Self::Loopback
        } else {
            Self::Elsewhere
        }
    }

    /// How clearly a web URL with this host is an attack; `whole`: the URL is all of its value.
    pub(super) fn strength(self, whole: bool) -> Option<Strength> {
        match self {
            Self::Metadata | Self::Disguised => Some(if whole { Certain } else { Weak }),
            Self::Loopback | Self::LinkLocal => Some(if whole { Strong } else { Weak }),
            Self::Address | Self::Elsewhere => None,
        }
    }

    /// The name that a finding of this host is reported under.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Metadata => "url-metadata",
            Self::Disguised => "url-disguised-loopback",
            _ => "url-loopback",
        }
    }

    /// Whether it is an address, however spelled.
    pub(super) fn is_address(self) -> bool {
        self != Self::Elsewhere
    }
}

/// Names of metadata services.
const METADATA: &[&[u8]] = &[
    b"metadata.google.internal",
    b"metadata.goog",
    b"metadata",
    b"instance-data",
    b"instance-data.ec2.internal",
    b"rancher-metadata",
    b"metadata.packet.net",
    b"metadata.platformequinix.com",
    b"metadata.tencentyun.com",
    b"metadata.azure.internal",
    b"metadata.nicp.it",
    b"kubernetes.default.svc.metadata",
];

/// Public names under which everything is loopback.
const LOCAL: &[&[u8]] = &[
    b"localtest.me",
    b".lvh.me",
    b".vcap.me",
    b".lacolhost.com",
    b".localho.st",
    b"spoofed.burpcollaborator.net",
    b"localh.st",
    b".yoogle.com",
    b"bugbounty.dod.network",
    b".oastify.local",
];

/// Public names that resolve to the address that stands in them.
const RESOLVERS: &[&[u8]] =
    &[b".nip.io", b".xip.io", b".sslip.io", b".1u.ms", b".rbndr.us", b".ip6.name", b".backname.io"];

/// Whether a name holds an address of the inside: `127.0.0.1.nip.io`, `a9fea9fe.example`, `…-169.254-…`.
fn embeds_inside(name: &[u8]) -> bool {
    let inside: [&[u8]; 9] =
        [b"127.", b"127-", b"7f0000", b"169.254", b"169-254", b"a9fe", b"10.", b"192.168", b"192-168"];
    inside.iter().any(|part| cursor::contains(name, part))
}

/// The host with the letters, digits and dots that Unicode has more than one of folded into ASCII.
fn folded(host: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(host) {
        Ok(text) if !text.is_ascii() => Cow::Owned(text.chars().filter_map(fold).collect::<String>().into_bytes()),
        _ => Cow::Borrowed(host),
    }
}

fn fold(c: char) -> Option<char> {
    let code = u32::from(c);
    let folded = match code {
        0xff01..=0xff5e => code - 0xfee0,
        0x3002 | 0xff61 | 0x2024 => u32::from(b'.'),
        0x2460..=0x2468 => code - 0x2460 + u32::from(b'1'),
        0x24ea => u32::from(b'0'),
        0x2474..=0x247c => code - 0x2474 + u32::from(b'1'),
        0x2488..=0x2490 => code - 0x2488 + u32::from(b'1'),
        0x24d0..=0x24e9 => code - 0x24d0 + u32::from(b'a'),
        0x24b6..=0x24cf => code - 0x24b6 + u32::from(b'a'),
        _ => code,
    };
    char::from_u32(folded)
}

/// An IPv4 address of one to four numbers, each decimal, octal or hexadecimal, as `inet_aton` reads them.
fn numeric(host: &[u8]) -> Option<Ipv4Addr> {
    let mut numbers = [0_u64; 4];
    let mut count = 0;
    for part in host.split(|b| *b == b'.') {
        *numbers.get_mut(count)? = number(part)?;
        count += 1;
    }
    let [a, b, c, d] = numbers;
    let address = match count {
        1 => a,
        2 => part(a, 24)? | (b & 0xff_ffff),
        3 => part(a, 24)? | part(b, 16)? | (c & 0xffff),
        _ => part(a, 24)? | part(b, 16)? | part(c, 8)? | (d & 0xff),
    };
    (count > 1 || host.len() >= 7 || address == 0).then(|| Ipv4Addr::from((address & 0xffff_ffff) as u32))
}

/// Numbers over 255 wrap in some readers: only the last byte counts.
fn part(value: u64, shift: u32) -> Option<u64> {
    (value <= 0xffff).then_some((value & 0xff) << shift)
}

fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let hex = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    match hex {
        Some(digits) => u64::from_str_radix(digits.get(digits.len().saturating_sub(12)..)?, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None => text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?,
    }
}

/// Four decimal numbers without leading zeros.
fn canonical(host: &[u8]) -> bool {
    std::str::from_utf8(host).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_base() {
        let loopback = Some(Ipv4Addr::LOCALHOST);
        for host in
            ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.1", "127.0.1", "017700000001"]
        {
            assert_eq!(numeric(host.as_bytes()), loopback, "{host}");
        }
        for host in ["example.com", "1.2.3.4.5", "", "0x", "v1.2", "12"] {
            assert_eq!(numeric(host.as_bytes()), None, "{host}");
        }
    }

    #[test]
    fn hosts_are_told_apart() {
        for (authority, host) in [
            ("169.254.169.254", Host::Metadata),
            ("user:pw@169.254.169.254:80", Host::Metadata),
            ("\u{ff11}27.0.0.1", Host::Disguised),
            ("\u{2460}\u{2461}\u{2466}.0.0.1", Host::Disguised),
            ("127\u{3002}0\u{3002}0\u{3002}1", Host::Disguised),
            ("127.0.0.1", Host::Loopback),
            ("localhost:8080", Host::Loopback),
            ("[::1]", Host::Loopback),
            ("[0:0:0:0:0:0:0:1]", Host::Disguised),
            ("[::ffff:127.0.0.1]", Host::Disguised),
            ("10.0.0.1", Host::Address),
            ("example.com", Host::Elsewhere),
            ("a.nip.io", Host::Elsewhere),
            ("", Host::Elsewhere),
        ] {
            assert_eq!(Host::read(authority.as_bytes()), host, "{authority}");
        }
    }
}
