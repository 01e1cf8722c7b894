//! Networks: `10.0.0.0/8`, `2001:db8::/32`, one address. An IPv4 address mapped into IPv6 is that IPv4 address, in the
//! document and on the connection.

use super::Wrong;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A network. Invariant: the bits beyond `prefix` are zero; never an IPv4-mapped network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::new("an address or network such as `10.0.0.0/8` or `2001:db8::/32`", "");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = width(address);
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
        };
        if prefix > longest {
            return Err(Wrong::new(format!("at most /{longest}"), ""));
        }
        let network = Self { address: masked(address, prefix), prefix };
        if network.address != address {
            return Err(Wrong::new(format!("no bits beyond /{prefix}"), format!("write `{network}`")));
        }
        Ok(network.unmapped())
    }

    pub(crate) fn matches(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.address) && masked(address, self.prefix) == self.address
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.matches(other.address)
    }

    fn unmapped(self) -> Self {
        match self.address.to_canonical() {
            v4 @ IpAddr::V4(_) if self.address.is_ipv6() && self.prefix >= 96 => {
                Self { address: v4, prefix: self.prefix - 96 }
            }
            _ => self,
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with the bits beyond the prefix cleared; `prefix <= width(address)`.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(prefix))).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(prefix))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().matches(address.parse().unwrap())
    }

    #[test]
    fn prefix_is_compared() {
        assert!(takes("10.0.0.0/8", "10.255.0.1") && !takes("10.0.0.0/8", "11.0.0.0"));
        assert!(takes("10.0.0.7", "10.0.0.7") && !takes("10.0.0.7", "10.0.0.8"));
        assert!(takes("0.0.0.0/0", "1.2.3.4") && !takes("0.0.0.0/0", "::1"));
        assert!(takes("2001:db8::/32", "2001:db8::1") && !takes("2001:db8::/32", "2001:db9::1"));
        assert!(takes("::/0", "2001:db8::1") && !takes("::/0", "1.2.3.4"));
    }

    #[test]
    fn mapped_address_is_ipv4() {
        assert!(takes("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(takes("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(!takes("::/0", "::ffff:10.1.2.3"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0/8", "::/129", "host", "2001:db8::1/32"]
        {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn covering_networks() {
        let covers = |a: &str, b: &str| Network::parse(a).unwrap().covers(&Network::parse(b).unwrap());
        assert!(covers("10.0.0.0/8", "10.1.0.0/16") && covers("0.0.0.0/0", "10.0.0.0/8"));
        assert!(!covers("10.1.0.0/16", "10.0.0.0/8") && !covers("::/0", "10.0.0.0/8"));
    }
}
