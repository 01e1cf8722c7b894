//! EDNS(0): the OPT record (RFC 6891 §6.1) and extended errors (RFC 8914).

use super::header::Rcode;
use super::input::Input;
use super::{MIN_UDP, SAFE_UDP, Type};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;

/// The OPT record's owner is not the root.
pub const OWNER: Reason = Reason::new("dns-opt-owner", Kind::Malformed, "the OPT record's owner is not the root");
/// There is more than one OPT record, or one outside of the additional section.
pub const SECOND: Reason =
    Reason::new("dns-opt-misplaced", Kind::Malformed, "a second OPT record, or one outside of the additional section");
/// An option does not end where its length says.
pub const OPTION: Reason = Reason::new("dns-opt-option", Kind::Malformed, "an EDNS option is longer than its record");

/// RFC 8914 §6, the code of the option.
const EXTENDED_ERROR: u16 = 15;
/// The bit of the OPT record's TTL that asks for DNSSEC records (RFC 3225 §3).
const DO: u32 = 0x8000;
/// Bytes of explanation that are carried on.
const MAX_TEXT: usize = 256;

/// What an OPT record says, as far as it is carried on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edns {
    /// The largest message that its sender takes over UDP, at least 512.
    pub udp_bytes: u16,
    /// 0 is the only version there is.
    pub version: u8,
    /// DNSSEC records are wanted.
    pub dnssec: bool,
    /// The upper eight bits of the response code.
    pub code: u8,
    /// Why the answer is what it is.
    pub errors: Vec<ExtendedError>,
}

/// An extended DNS error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// RFC 8914 §5.2; 15 is "blocked".
    pub code: u16,
    /// For people; at most 256 bytes are kept.
    pub text: String,
}

impl ExtendedError {
    /// The operator of the resolver does not let the name be looked up (RFC 8914 §4.16).
    pub const BLOCKED: u16 = 15;
}

impl Edns {
    /// Ours: what we take, and nothing else.
    pub fn ours(dnssec: bool) -> Self {
        Self { udp_bytes: SAFE_UDP, dnssec, ..Self::default() }
    }

    /// What follows an OPT record's type: its class, TTL and data are all used for something else.
    pub(super) fn read(class: u16, ttl: u32, data: &mut Input<'_>) -> Result<Self, Malformed> {
        let [code, version, ..] = ttl.to_be_bytes();
        let mut errors = Vec::new();
        while !data.is_empty() {
            let (option, length) = (data.u16(), data.u16());
            let (Ok(option), Ok(length)) = (option, length) else { return Err(data.fault(OPTION)) };
            let value = data.take(usize::from(length)).map_err(|fault| Malformed::new(fault.at, OPTION))?;
            if let (EXTENDED_ERROR, Some((code, text))) = (option, value.split_first_chunk()) {
                let text = text.get(..text.len().min(MAX_TEXT)).unwrap_or_default();
                let text = String::from_utf8_lossy(text).into_owned();
                errors.push(ExtendedError { code: u16::from_be_bytes(*code), text });
            }
        }
        Ok(Self { udp_bytes: class.max(MIN_UDP), version, dnssec: ttl & DO != 0, code, errors })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let ttl = u32::from_be_bytes([self.code, self.version, 0, 0]) | if self.dnssec { DO } else { 0 };
        out.push(0);
        out.extend_from_slice(&Type::OPT.0.to_be_bytes());
        out.extend_from_slice(&self.udp_bytes.to_be_bytes());
        out.extend_from_slice(&ttl.to_be_bytes());
        let length: usize = self.errors.iter().map(|error| 6 + error.text.len()).sum();
        super::emit::length(out, length);
        for error in &self.errors {
            out.extend_from_slice(&EXTENDED_ERROR.to_be_bytes());
            super::emit::length(out, 2 + error.text.len());
            out.extend_from_slice(&error.code.to_be_bytes());
            out.extend_from_slice(error.text.as_bytes());
        }
    }

    pub(super) fn extended(&self, low: u16) -> Rcode {
        Rcode(u16::from(self.code) << 4 | low)
    }
}
