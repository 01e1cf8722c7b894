//! Resource records (RFC 1035 §4.1.3). Data that may contain compressed names is taken apart, so that it can be written
//! anew; TXT strings, addresses and service parameters are looked into; what is left is passed as it is (RFC 3597).

use super::input::{Input, SHORT};
use super::name::Name;
use super::svcb::Svcb;
use super::{Class, Type};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The data does not fill its length, or is longer than it.
pub const DATA: Reason = Reason::new("dns-record-data", Kind::Malformed, "record data that does not fit its length");

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub owner: Name,
    /// Of which type.
    pub of: Type,
    /// Of which class.
    pub class: Class,
    /// Seconds that it may be kept. The top bit counts as nothing (RFC 2181 §8).
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says, as far as anybody here looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An address of either family.
    Address(IpAddr),
    /// Fixed octets, names, then octets: NS, CNAME, SOA, MX, SRV, RRSIG and their like.
    Names {
        /// What stands before the names.
        before: Box<[u8]>,
        /// One name or two.
        names: Vec<Name>,
        /// What stands after them.
        after: Box<[u8]>,
    },
    /// A service binding.
    Svcb(Svcb),
    /// Anything else; for TXT and SPF strings that fill it.
    Octets(Box<[u8]>),
}

/// How the data of a type is laid out.
struct Layout {
    /// Octets before the first name.
    before: usize,
    /// Character strings between these and the first name.
    strings: usize,
    names: usize,
    /// Octets after the last name; nothing: as many as there are.
    after: Option<usize>,
}

/// Types whose data contains names: RFC 1035 §3.3, 1183 (RP, AFSDB, RT), 2163 (PX), 2230 (KX), 2782 (SRV), 3403
/// (NAPTR), 4034 (RRSIG, NSEC), 6672 (DNAME).
fn layout(of: Type) -> Option<Layout> {
    let (before, strings, names, after) = match of {
        Type::NS | Type::MD | Type::MF | Type::CNAME | Type::MB | Type::MG | Type::MR | Type::PTR | Type::DNAME => {
            (0, 0, 1, Some(0))
        }
        Type::SOA => (0, 0, 2, Some(20)),
        Type::MINFO | Type::RP => (0, 0, 2, Some(0)),
        Type::MX | Type::AFSDB | Type::RT | Type::KX => (2, 0, 1, Some(0)),
        Type::PX => (2, 0, 2, Some(0)),
        Type::SRV => (6, 0, 1, Some(0)),
        Type::NAPTR => (4, 3, 1, Some(0)),
        Type::RRSIG | Type::SIG => (18, 0, 1, None),
        Type::NSEC => (0, 0, 1, None),
        _ => return None,
    };
    Some(Layout { before, strings, names, after })
}

impl Data {
    /// Reads data that fills `input`.
    pub(super) fn read(of: Type, input: &mut Input<'_>) -> Result<Self, Malformed> {
        let start = input.at();
        let data = Self::read_some(of, input)
            .map_err(|fault| if fault.why == SHORT { Malformed::new(fault.at, DATA) } else { fault })?;
        if input.is_empty() { Ok(data) } else { Err(Malformed::new(start, DATA)) }
    }

    fn read_some(of: Type, input: &mut Input<'_>) -> Result<Self, Malformed> {
        match of {
            Type::A => Ok(Self::Address(Ipv4Addr::from(input.u32()?).into())),
            Type::AAAA => {
                let octets = <[u8; 16]>::try_from(input.take(16)?).unwrap_or_default();
                Ok(Self::Address(Ipv6Addr::from(octets).into()))
            }
            Type::SVCB | Type::HTTPS => Svcb::read(input).map(Self::Svcb),
            Type::TXT | Type::SPF => strings(input).map(Self::Octets),
            of => match layout(of) {
                Some(layout) => layout.read(input),
                None => Ok(Self::Octets(input.rest().into())),
            },
        }
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        match self {
            Self::Address(IpAddr::V4(address)) => out.extend_from_slice(&address.octets()),
            Self::Address(IpAddr::V6(address)) => out.extend_from_slice(&address.octets()),
            Self::Names { before, names, after } => {
                out.extend_from_slice(before);
                names.iter().for_each(|name| out.extend_from_slice(name.wire()));
                out.extend_from_slice(after);
            }
            Self::Svcb(svcb) => svcb.emit(out),
            Self::Octets(octets) => out.extend_from_slice(octets),
        }
    }

    /// About how many bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Address(_) => 0,
            Self::Names { before, names, after } => {
                before.len() + after.len() + names.iter().map(|name| name.wire().len() + 16).sum::<usize>()
            }
            Self::Svcb(svcb) => svcb.parameters.iter().map(|(_, value)| value.len() + 24).sum::<usize>() + 64,
            Self::Octets(octets) => octets.len(),
        }
    }
}

impl Layout {
    fn read(&self, input: &mut Input<'_>) -> Result<Data, Malformed> {
        let mut before = input.take(self.before)?.to_vec();
        for _ in 0..self.strings {
            before.extend_from_slice(input.string()?);
        }
        let names = (0..self.names).map(|_| input.name()).collect::<Result<_, _>>()?;
        let after = match self.after {
            Some(count) => input.take(count)?,
            None => input.rest(),
        };
        Ok(Data::Names { before: before.into(), names, after: after.into() })
    }
}

/// At least one character string, and nothing else.
fn strings(input: &mut Input<'_>) -> Result<Box<[u8]>, Malformed> {
    let mut octets = input.string()?.to_vec();
    while !input.is_empty() {
        octets.extend_from_slice(input.string()?);
    }
    Ok(octets.into())
}

impl Record {
    /// The addresses that it leads to.
    pub fn addresses(&self) -> Vec<IpAddr> {
        match &self.data {
            Data::Address(address) => vec![*address],
            Data::Svcb(svcb) => svcb.addresses().collect(),
            Data::Names { .. } | Data::Octets(_) => Vec::new(),
        }
    }

    /// The name that a CNAME or DNAME leads to.
    pub fn alias(&self) -> Option<&Name> {
        match &self.data {
            Data::Names { names, .. } if matches!(self.of, Type::CNAME | Type::DNAME) => names.first(),
            _ => None,
        }
    }
}
