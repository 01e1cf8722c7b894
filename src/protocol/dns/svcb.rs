//! SVCB and HTTPS record data (RFC 9460 §2.2): addresses that it hints at, and the Encrypted ClientHello key that is
//! taken out unless it is granted.

use super::input::Input;
use super::name::Name;
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Parameters are not in strictly rising order, or one is longer than the record.
pub const PARAMETERS: Reason = Reason::new(
    "dns-svcb-parameters",
    Kind::Malformed,
    "parameters of a SVCB or HTTPS record out of order, or longer than the record",
);
/// An address hint is no list of addresses.
pub const HINT: Reason = Reason::new("dns-svcb-hint", Kind::Malformed, "an address hint that is no list of addresses");

const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;

/// What a SVCB or HTTPS record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svcb {
    /// 0: an alias.
    pub priority: u16,
    /// Where the service is.
    pub target: Name,
    /// Key and value, keys strictly rising.
    pub parameters: Vec<(u16, Box<[u8]>)>,
}

impl Svcb {
    pub(super) fn read(data: &mut Input<'_>) -> Result<Self, Malformed> {
        let (priority, target) = (data.u16()?, data.name()?);
        let mut parameters: Vec<(u16, Box<[u8]>)> = Vec::new();
        while !data.is_empty() {
            let (key, length) = (data.u16()?, data.u16()?);
            if parameters.last().is_some_and(|(before, _)| *before >= key) {
                return Err(data.fault(PARAMETERS));
            }
            let value = data.take(usize::from(length)).map_err(|fault| Malformed::new(fault.at, PARAMETERS))?;
            let size = if key == IPV4_HINT { 4 } else { 16 };
            if matches!(key, IPV4_HINT | IPV6_HINT) && (value.is_empty() || value.len() % size != 0) {
                return Err(data.fault(HINT));
            }
            parameters.push((key, value.into()));
        }
        Ok(Self { priority, target, parameters })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.priority.to_be_bytes());
        out.extend_from_slice(self.target.wire());
        for (key, value) in &self.parameters {
            out.extend_from_slice(&key.to_be_bytes());
            super::emit::length(out, value.len());
            out.extend_from_slice(value);
        }
    }

    /// The addresses that it hints at.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.parameters.iter().flat_map(|(key, value)| {
            let v4 = value.chunks_exact(4).filter(|_| *key == IPV4_HINT);
            let v6 = value.chunks_exact(16).filter(|_| *key == IPV6_HINT);
            let v4 = v4.filter_map(|bytes| <[u8; 4]>::try_from(bytes).ok()).map(|bytes| Ipv4Addr::from(bytes).into());
            let v6 = v6.filter_map(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(|bytes| Ipv6Addr::from(bytes).into());
            v4.chain(v6)
        })
    }

    /// Takes out the Encrypted ClientHello configuration; whether there was one.
    pub fn strip_ech(&mut self) -> bool {
        let before = self.parameters.len();
        self.parameters.retain(|(key, _)| *key != ECH);
        self.parameters.len() < before
    }
}
