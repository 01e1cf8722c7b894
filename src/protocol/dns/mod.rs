//! DNS messages, sans-io: queries and answers from bytes, and back to bytes (RFC 1035, RFC 6891, RFC 8914, RFC 9460).
//!
//! Strict where strictness is safety: exactly one question; counts that hold; names of at most 255 octets whose pointers
//! lead backwards only; record data that fills its length, no more, no less; one OPT record at the root. Each refusal has
//! a named reason beside its check: `name`, `input` (too short), `header`, `query`, `answer`, `record`, `edns`, `svcb`.
//!
//! Tolerates: any letter case (it is kept), any bytes in labels, bytes after a query's last record (they do not travel),
//! EDNS options that we do not know (nor do these), the bits that RFC 1035 calls Z.
//!
//! Nothing travels as it came: [`Query::emit`] and [`Answer::emit`] write what was understood, and only that.
//!
//! ```
//! use podwall::protocol::dns::{Answer, Query, Rcode, Refusal, Type};
//!
//! let wire = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03aPi\x03svc\0\0\x01\0\x01";
//! let query = Query::decode(wire).unwrap();
//! assert_eq!((query.name.to_string(), query.of), ("aPi.svc".to_owned(), Type::A));
//!
//! let mut out = Vec::new();
//! Refusal { code: Rcode::REFUSED, why: None }.emit(&query, &mut out);
//! assert_eq!(Answer::decode(&out).unwrap().code, Rcode::REFUSED);
//! ```

pub mod answer;
pub mod edns;
pub mod emit;
pub mod header;
mod input;
pub mod name;
pub mod query;
pub mod record;
pub mod refusal;
pub mod svcb;
pub mod tcp;
pub mod types;

pub use answer::Answer;
pub use edns::{Edns, ExtendedError};
pub use header::Rcode;
pub use name::Name;
pub use query::Query;
pub use record::{Data, Record};
pub use refusal::Refusal;
pub use types::{Class, Type};

use super::{Carriage, Guess, Protocol};
use crate::flow::Side;

/// DNS over TCP; over UDP there is nothing to identify.
pub const PROTOCOL: Protocol = Protocol { name: "dns", speaks_first: Side::Client, identify, carriage: Carriage::Own };

/// RFC 1035 §4.2.2: the largest message that a length prefix can announce.
pub const MAX_MESSAGE: usize = 65_535;
/// RFC 1035 §4.2.1: what every client takes over UDP.
pub const MIN_UDP: u16 = 512;
/// What travels over UDP without being cut into fragments on nearly every network.
pub const SAFE_UDP: u16 = 1232;

/// The length prefix and a header that asks one question and answers none.
fn identify(bytes: &[u8]) -> Guess {
    // Length, id, flags, then the counts of questions, answers and authorities.
    let expected: [(usize, u8, u8); 8] = [
        (4, 0xF8, 0),
        (5, 0x4F, 0),
        (6, 0xFF, 0),
        (7, 0xFF, 1),
        (8, 0xFF, 0),
        (9, 0xFF, 0),
        (10, 0xFF, 0),
        (11, 0xFF, 0),
    ];
    let length = match bytes {
        [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => return Guess::NeedMore,
    };
    let fits = |(at, mask, value): &(usize, u8, u8)| bytes.get(*at).is_none_or(|byte| byte & mask == *value);
    // A header and the shortest question; a query is never long.
    if !(17..=1024).contains(&length) || !expected.iter().all(fits) {
        return Guess::No;
    }
    match bytes.get(14..) {
        None | Some([]) => Guess::NeedMore,
        Some(message) => first_label(message, length - 12),
    }
}

fn first_label(question: &[u8], length: usize) -> Guess {
    let Some((label, rest)) = question.split_first().map(|(len, rest)| (usize::from(*len), rest)) else {
        return Guess::NeedMore;
    };
    if label > name::MAX_LABEL || label + 5 > length {
        return Guess::No;
    }
    let seen = rest.get(..label.min(rest.len())).unwrap_or_default();
    if seen.len() == label { Guess::Yes } else { Guess::NeedMore }
}

#[cfg(test)]
mod tests;
