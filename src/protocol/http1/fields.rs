//! The header lines of a head, each known by name where it means something, and what they say together: how the body
//! ends, whether the connection lives on, what is meant for this connection alone. Refuses what two servers could
//! understand differently.

use super::{Framing, Span, Version};
use crate::flow::{Kind, Reason, Side};
use crate::protocol::Malformed;
use crate::protocol::head::Header;
use crate::protocol::names::{self, Is, Name};

/// Content-Length with Transfer-Encoding.
pub const LENGTH_AND_CODING: Reason =
    malformed("http1-length-and-coding", "Content-Length together with Transfer-Encoding");
/// A Content-Length that is no number.
pub const LENGTH_INVALID: Reason = malformed("http1-length-invalid", "Content-Length is not a plain decimal number");
/// Two different Content-Lengths.
pub const LENGTHS_DIFFER: Reason = malformed("http1-lengths-differ", "two Content-Length headers that differ");
/// A second Content-Length, though the same.
pub const LENGTH_REPEATED: Reason = malformed("http1-length-repeated", "a second Content-Length header");
/// A transfer coding that is not exactly `chunked`.
pub const CODING: Reason = malformed("http1-transfer-coding", "Transfer-Encoding is not exactly `chunked`");
/// A second Transfer-Encoding.
pub const CODING_REPEATED: Reason = malformed("http1-transfer-coding-repeated", "a second Transfer-Encoding header");
/// Transfer-Encoding in HTTP/1.0.
pub const CODING_IN_10: Reason = malformed("http1-transfer-coding-in-1.0", "Transfer-Encoding in an HTTP/1.0 message");
/// A second Host.
pub const HOST_REPEATED: Reason = malformed("http1-host-repeated", "a second Host header");
/// A second one of a header that has one meaning only.
pub const REPEATED: Reason = malformed("http1-header-repeated", "a second one of a header that a message has once");
/// A name that servers fold onto another one of the message.
pub const NAMES_FOLD: Reason =
    malformed("http1-names-fold", "two header names that some servers take for one (`X_Foo` with `X-Foo`)");
/// A name that servers fold onto one that means something.
pub const NAME_FOLDS: Reason =
    malformed("http1-name-folds", "a header name that some servers take for a well-known one (`Content_Length`)");
/// A name that is ours.
pub const NAME_OURS: Reason = malformed("http1-name-ours", "a request header whose name only we may write");
/// Connection names a field that is not the connection's.
pub const CONNECTION_NAMES: Reason =
    malformed("http1-connection-names", "Connection names a header that belongs to the whole message");
/// A connection option that is no token.
pub const CONNECTION_OPTION: Reason = malformed("http1-connection-option", "an option of Connection is no token");
/// More connection options than anybody has a use for.
pub const CONNECTION_OPTIONS: Reason = malformed("http1-connection-options", "Connection has more than 32 options");

const fn malformed(name: &'static str, says: &'static str) -> Reason {
    Reason::new(name, Kind::Malformed, says)
}

/// One header line, as offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub name: Span,
    pub value: Span,
    pub known: Option<&'static Name>,
    /// Not forwarded as it came.
    pub dropped: bool,
}

impl Field {
    pub(super) fn view<'a>(&self, buffer: &'a [u8]) -> Header<'a> {
        Header {
            name: self.name.bytes(buffer),
            value: self.value.bytes(buffer),
            known: self.known,
            forwarded: !self.dropped,
        }
    }
}

/// What the header lines of one head say together.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub list: Vec<Field>,
    pub host: Option<Span>,
    pub length: Option<u64>,
    pub chunked: bool,
    pub expect: Option<Span>,
    pub upgrade: Option<Span>,
    pub websocket_key: Option<Span>,
    pub websocket_accept: Option<Span>,
    pub options: Options,
}

/// The options that Connection and TE name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    pub close: bool,
    pub keep_alive: bool,
    pub upgrade: bool,
    pub trailers: bool,
}

/// Reads the headers of the head that starts at `offset`.
pub(super) fn read(
    head: &[u8],
    offset: usize,
    headers: &[httparse::Header<'_>],
    side: Side,
    version: Version,
) -> Result<Fields, Malformed> {
    let mut fields = Fields { list: Vec::with_capacity(headers.len()), ..Fields::default() };
    let (mut odd, mut connection) = (false, false);
    for header in headers {
        let name = header.name.as_bytes();
        let known = names::known(name);
        let field = Field {
            name: Span::of(head, name, offset),
            value: Span::of(head, header.value, offset),
            known,
            dropped: known.map_or_else(|| names::is_own(name), drops),
        };
        let at = |why| Malformed::new(field.name.start as usize, why);
        match known {
            Some(known) => fields.note(known, field, header.value, side).map_err(at)?,
            None if side == Side::Client => odd |= check_name(name).map_err(at)?,
            None => {}
        }
        connection |= known.is_some_and(|known| known.is == Is::Connection);
        fields.list.push(field);
    }
    if odd {
        names_apart(headers).map_err(|why| Malformed::new(offset, why))?;
    }
    if connection {
        fields.read_connection(headers).map_err(|why| Malformed::new(offset, why))?;
    }
    fields.framing_agrees(version).map_err(|why| Malformed::new(offset, why))?;
    Ok(fields)
}

fn drops(known: &Name) -> bool {
    known.is_hop_by_hop() || matches!(known.is, Is::ContentLength | Is::ClientCertificate)
}

/// Whether a name that means nothing to us needs to be compared with the others.
fn check_name(name: &[u8]) -> Result<bool, Reason> {
    if names::is_own(name) {
        return Err(NAME_OURS);
    }
    if !names::is_odd(name) {
        return Ok(false);
    }
    if names::folds_onto_known(name) { Err(NAME_FOLDS) } else { Ok(true) }
}

/// Sorted, so that a head full of long names that differ late costs little more than any other.
fn names_apart(headers: &[httparse::Header<'_>]) -> Result<(), Reason> {
    let mut folded: Vec<_> =
        headers.iter().map(|header| (names::folded(header.name.as_bytes()), header.name)).collect();
    folded.sort_unstable();
    let alike = |pair: &[(Vec<u8>, &str)]| match pair {
        [one, other] => one.0 == other.0 && !one.1.eq_ignore_ascii_case(other.1),
        _ => false,
    };
    if folded.windows(2).any(alike) { Err(NAMES_FOLD) } else { Ok(()) }
}

impl Fields {
    fn note(&mut self, known: &'static Name, field: Field, value: &[u8], side: Side) -> Result<(), Reason> {
        match known.is {
            Is::ContentLength => self.note_length(value)?,
            Is::TransferEncoding => self.note_coding(value)?,
            Is::Host if self.host.is_some() && side == Side::Client => return Err(HOST_REPEATED),
            Is::Host => self.host = Some(field.value),
            Is::Expect => self.expect = Some(field.value),
            // Two lists are one list; only `websocket` alone is understood, so the second makes it something else.
            Is::Upgrade => self.upgrade = Some(if self.upgrade.is_some() { Span::default() } else { field.value }),
            Is::WebSocketKey => self.websocket_key = Some(field.value),
            Is::WebSocketAccept => self.websocket_accept = Some(field.value),
            Is::Te => self.options.trailers |= options(value).any(|option| option.eq_ignore_ascii_case(b"trailers")),
            _ => {}
        }
        let repeated =
            side == Side::Client && known.is_single() && self.list.iter().any(|before| before.known == Some(known));
        if repeated { Err(REPEATED) } else { Ok(()) }
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), Reason> {
        let length = read_length(value).ok_or(LENGTH_INVALID)?;
        match self.length.replace(length) {
            None => Ok(()),
            Some(before) if before == length => Err(LENGTH_REPEATED),
            Some(_) => Err(LENGTHS_DIFFER),
        }
    }

    fn note_coding(&mut self, value: &[u8]) -> Result<(), Reason> {
        if std::mem::replace(&mut self.chunked, true) {
            return Err(CODING_REPEATED);
        }
        if value.eq_ignore_ascii_case(b"chunked") { Ok(()) } else { Err(CODING) }
    }

    fn framing_agrees(&self, version: Version) -> Result<(), Reason> {
        match (self.chunked, self.length, version) {
            (true, Some(_), _) => Err(LENGTH_AND_CODING),
            (true, _, Version::Http10) => Err(CODING_IN_10),
            _ => Ok(()),
        }
    }

    /// Notes the options of Connection, and drops the fields that it names.
    fn read_connection(&mut self, headers: &[httparse::Header<'_>]) -> Result<(), Reason> {
        /// Each is looked for among all headers; nobody names more than a few.
        const MAX_OPTIONS: usize = 32;
        let lists = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("connection"));
        for (number, option) in lists.flat_map(|header| options(header.value)).enumerate() {
            match option {
                _ if number == MAX_OPTIONS => return Err(CONNECTION_OPTIONS),
                // RFC 9110 §5.6.1.2: an empty member says nothing.
                [] => {}
                o if o.eq_ignore_ascii_case(b"close") => self.options.close = true,
                o if o.eq_ignore_ascii_case(b"keep-alive") => self.options.keep_alive = true,
                o if o.eq_ignore_ascii_case(b"upgrade") => self.options.upgrade = true,
                o => self.drop_named(o, headers)?,
            }
        }
        Ok(())
    }

    fn drop_named(&mut self, option: &[u8], headers: &[httparse::Header<'_>]) -> Result<(), Reason> {
        if !option.iter().all(|b| names::is_token(*b)) {
            return Err(CONNECTION_OPTION);
        }
        if names::known(option).is_some_and(Name::is_end_to_end) || names::is_own(option) {
            return Err(CONNECTION_NAMES);
        }
        for (field, header) in self.list.iter_mut().zip(headers) {
            field.dropped |= header.name.as_bytes().eq_ignore_ascii_case(option);
        }
        Ok(())
    }

    /// The framing that the headers alone declare.
    pub(super) fn framing(&self) -> Framing {
        match (self.chunked, self.length) {
            (true, _) => Framing::Chunked,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::None,
        }
    }

    /// Whether the connection lives on after this message (RFC 9112 §9.3).
    pub(super) fn keeps_alive(&self, version: Version) -> bool {
        !self.options.close && (version == Version::Http11 || self.options.keep_alive)
    }
}

/// The members of a comma-separated list, without the whitespace around them.
pub(super) fn options(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii)
}

/// `1*DIGIT`, at most 18 of them: no length is that large, and none overflows.
fn read_length(value: &[u8]) -> Option<u64> {
    const MAX_DIGITS: usize = 18;
    if value.is_empty() || value.len() > MAX_DIGITS || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}
