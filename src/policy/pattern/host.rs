//! Host patterns: `orders.shop`, `*.example.com`. `*.` stands for one or more labels; the name itself is not taken.

use super::Wrong;
use std::fmt;
use std::net::IpAddr;

/// A host, or all hosts under a name. Lower case, without a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Host {
    /// This host.
    Is(Box<str>),
    /// All hosts under this name, which starts with a dot.
    Under(Box<str>),
    /// All.
    Any,
}

impl Host {
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        const EXPECTED: &str = "a host such as `orders.shop`, `*.example.com`, `10.0.0.7`, `[2001:db8::7]`";
        let name = text.strip_prefix("*.").unwrap_or(text);
        if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| Wrong::new(EXPECTED, ""))?;
            return Ok(Self::Is(format!("[{address}]").into()));
        }
        if name.contains('*') {
            return Err(Wrong::new(EXPECTED, "`*.` stands only at the beginning; leave `host` out for any host"));
        }
        if name.contains(':') {
            return Err(Wrong::new(EXPECTED, "write the port in `port`"));
        }
        let lower = name.to_ascii_lowercase();
        let label = |label: &str| !label.is_empty() && label.len() <= 63 && label.bytes().all(is_host_byte);
        if name.len() > 253 || !lower.split('.').all(label) {
            return Err(Wrong::new(EXPECTED, ""));
        }
        Ok(if name.len() == text.len() { Self::Is(lower.into()) } else { Self::Under(format!(".{lower}").into()) })
    }

    /// A name that is looked up: as a host, or `*` for all; a last dot means nothing.
    pub(crate) fn name(text: &str) -> Result<Self, Wrong> {
        match text.strip_suffix('.').unwrap_or(text) {
            "*" => Ok(Self::Any),
            name => Self::parse(name),
        }
    }

    /// Whether it takes a canonical host: lower case, without a port.
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Is(name) => **name == *host,
            Self::Under(name) => host.len() > name.len() && host.ends_with(&**name) && !host.starts_with('.'),
            Self::Any => true,
        }
    }

    /// Whether it is an address, which is not looked up.
    pub(crate) fn is_address(&self) -> bool {
        self.address().is_some()
    }

    /// Whether it is this address.
    pub(crate) fn is_literally(&self, address: IpAddr) -> bool {
        self.address() == Some(address.to_canonical())
    }

    fn address(&self) -> Option<IpAddr> {
        let Self::Is(name) = self else { return None };
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Any) => false,
            (Self::Under(mine), Self::Under(theirs)) => theirs.ends_with(&**mine),
            (_, Self::Is(host)) => self.matches(host),
            (Self::Is(_), Self::Under(_)) => false,
        }
    }
}

fn is_host_byte(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(name) => f.write_str(name),
            Self::Under(name) => write!(f, "*{name}"),
            Self::Any => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffix_takes_names_below() {
        let host = Host::parse("*.Example.com").unwrap();
        assert!(host.matches("a.example.com") && host.matches("a.b.example.com"));
        assert!(!host.matches("example.com") && !host.matches("badexample.com") && !host.matches(".example.com"));
    }

    #[test]
    fn address_is_a_host() {
        assert!(Host::parse("[2001:DB8::0:7]").unwrap().matches("[2001:db8::7]"));
        assert!(Host::parse("10.0.0.7").unwrap().matches("10.0.0.7"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "*", "a.*.b", "*a.b", "a:80", "a b", "a..b", "a/b", "[::1", "a.", ".a"] {
            assert!(Host::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn covering_hosts() {
        let covers = |a: &str, b: &str| Host::parse(a).unwrap().covers(&Host::parse(b).unwrap());
        assert!(covers("*.b", "a.b") && covers("*.b", "*.a.b") && covers("*.b", "*.b") && covers("a", "a"));
        assert!(!covers("*.a.b", "*.b") && !covers("a.b", "*.a.b") && !covers("*.b", "b"));
    }
}
