//! gRPC (its HTTP/2 mapping, and gRPC-Web): a body is messages, each behind a flag and its length, each compressed by
//! itself. A message is the unit that is judged and released; here they are cut out, decompressed under the same caps as
//! any body, and taken apart: by the protobuf wire format, and as bytes of unknown structure.

use super::body::{self, Declared, Limits};
use super::head::Header;
use super::{Malformed, protobuf};
use crate::flow::{Chain, Extent, Fuel, Kind, Part, Place, Reason};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::borrow::Cow;

/// A message larger than may be held.
pub const TOO_LARGE: Reason =
    Reason::new("grpc-message-too-large", Kind::TooLarge, "a gRPC message is larger than may be held");
/// The body ends inside a message.
pub const CUT: Reason = Reason::new("grpc-cut", Kind::Malformed, "the body ends inside a gRPC message");
/// A flag that is neither 0 nor 1.
pub const FLAG: Reason = Reason::new("grpc-flag", Kind::Malformed, "the flag of a gRPC message is neither 0 nor 1");
/// A compressed message without `grpc-encoding`.
pub const CODING: Reason =
    Reason::new("grpc-coding", Kind::Malformed, "a compressed gRPC message, and no grpc-encoding says how");
/// `application/grpc-web-text` that is no base64.
pub const BASE64: Reason = Reason::new("grpc-web-base64", Kind::Malformed, "gRPC-Web text that is no base64");

/// Bytes before each message: a flag and a length.
pub const PREFIX: usize = 5;

/// How the messages of a call are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which of the three.
    pub flavour: Flavour,
    coding: Option<Vec<u8>>,
}

/// The three ways of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Over HTTP/2.
    Native,
    /// gRPC-Web, binary.
    Web,
    /// gRPC-Web in base64.
    WebText,
}

impl Call {
    /// The call that these headers begin, if they do.
    pub fn of<'h>(headers: impl Iterator<Item = Header<'h>>) -> Option<Self> {
        let (mut flavour, mut coding) = (None, None);
        for header in headers {
            if header.is_named("content-type") {
                flavour = Flavour::of(header.value);
            } else if header.is_named("grpc-encoding") {
                coding = Some(header.value.to_vec());
            }
        }
        Some(Self { flavour: flavour?, coding })
    }

    /// Cuts a whole body into its messages and undoes what they are written in.
    ///
    /// # Errors
    /// What is no message, or cannot be decompressed.
    pub fn open<'a>(&self, bytes: &'a [u8], limits: &Limits, fuel: &mut Fuel) -> Result<Vec<Cow<'a, [u8]>>, Malformed> {
        if self.flavour != Flavour::WebText {
            return self.cut(bytes, limits, fuel);
        }
        // Clients may encode each frame by itself, padding included.
        let mut decoded = Vec::new();
        for piece in bytes.trim_ascii().split_inclusive(|b| *b == b'=').filter(|piece| *piece != b"=") {
            let piece = piece.strip_suffix(b"=").unwrap_or(piece);
            let lenient = base64::engine::general_purpose::STANDARD_NO_PAD;
            let read = BASE64_STANDARD.decode(piece).or_else(|_| lenient.decode(piece));
            decoded.extend(read.map_err(|_| Malformed::new(0, BASE64))?);
        }
        let messages = self.cut(&decoded, limits, fuel)?;
        Ok(messages.into_iter().map(|message| Cow::Owned(message.into_owned())).collect())
    }

    fn cut<'a>(&self, mut bytes: &'a [u8], limits: &Limits, fuel: &mut Fuel) -> Result<Vec<Cow<'a, [u8]>>, Malformed> {
        let mut messages = Vec::new();
        while !bytes.is_empty() {
            let (flag, length) = prefix(bytes, self.flavour)?.ok_or(Malformed::new(0, CUT))?;
            let rest = bytes.get(PREFIX..).unwrap_or_default();
            let (message, rest) = rest.split_at_checked(length).ok_or(Malformed::new(0, CUT))?;
            bytes = rest;
            messages.push(match (flag & 1, &self.coding) {
                (0, _) => Cow::Borrowed(message),
                (_, None) => return Err(Malformed::new(0, CODING)),
                (_, Some(coding)) => body::decompress(message, coding, limits, fuel)?,
            });
        }
        Ok(messages)
    }
}

/// The status that answers a refusal.
pub fn status(why: &Reason) -> u8 {
    match why.kind {
        Kind::Policy | Kind::Attack => 7,
        Kind::Malformed => 3,
        Kind::Unsupported => 12,
        Kind::TooLarge | Kind::TooMany => 8,
        Kind::TooSlow => 4,
        Kind::Tls => 16,
        Kind::Upstream | Kind::Ours => 14,
    }
}

impl Flavour {
    /// What an answer of ours is declared as: clients of gRPC-Web believe no other.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Native => "application/grpc",
            Self::Web => "application/grpc-web+proto",
            Self::WebText => "application/grpc-web-text+proto",
        }
    }

    fn of(content_type: &[u8]) -> Option<Self> {
        let kind = content_type.split(|b| matches!(b, b';' | b'+')).next().unwrap_or_default().trim_ascii();
        match kind.to_ascii_lowercase().as_slice() {
            b"application/grpc" => Some(Self::Native),
            b"application/grpc-web" => Some(Self::Web),
            b"application/grpc-web-text" => Some(Self::WebText),
            _ => None,
        }
    }
}

/// How many bytes at the start of `bytes` are whole messages.
///
/// # Errors
/// A message of more than `most` bytes, or a flag that is none.
pub fn whole(bytes: &[u8], most: usize) -> Result<usize, Malformed> {
    let mut at = 0;
    while let Some((_, length)) = prefix(bytes.get(at..).unwrap_or_default(), Flavour::Native)? {
        if length > most {
            return Err(Malformed::new(at, TOO_LARGE));
        }
        if bytes.len() - at - PREFIX < length {
            break;
        }
        at += PREFIX + length;
    }
    Ok(at)
}

fn prefix(bytes: &[u8], flavour: Flavour) -> Result<Option<(u8, usize)>, Malformed> {
    /// gRPC-Web's trailers travel as one more message.
    const TRAILERS: u8 = 0x80;
    let Some([flag, a, b, c, d]) = bytes.first_chunk() else { return Ok(None) };
    let flags = if flavour == Flavour::Native { 1 } else { TRAILERS | 1 };
    if flag & !flags != 0 {
        return Err(Malformed::new(0, FLAG));
    }
    Ok(Some((*flag, u32::from_be_bytes([*a, *b, *c, *d]) as usize)))
}

/// What the sender of messages controls in them: the strings of their fields, and all their bytes as those of a body of
/// unknown type, of which `opened` is one each.
///
/// # Errors
/// A bound of bodies that is reached.
pub fn parts<'a>(
    messages: &'a [Cow<'a, [u8]>],
    opened: &'a [body::Opened<'a>],
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<Vec<Part<'a>>, Malformed> {
    let mut parts = Vec::new();
    for opened in opened {
        parts.extend(opened.parts(limits, fuel)?);
    }
    for message in messages {
        let room = limits.parts.saturating_sub(parts.len());
        let fields = protobuf::strings(message, room).unwrap_or_default();
        parts.extend(fields.into_iter().map(|field| Part {
            place: Place::MessageField,
            name: Cow::Owned(field.path.into_bytes()),
            raw: field.value,
            canonical: Cow::Borrowed(field.value),
            chain: Chain::EMPTY,
            extent: Extent::Whole,
        }));
    }
    Ok(parts)
}

/// Each message as a body of unknown type.
///
/// # Errors
/// As [`body::open`].
pub fn opened<'a>(
    messages: &'a [Cow<'a, [u8]>],
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<Vec<body::Opened<'a>>, Malformed> {
    messages.iter().map(|message| body::open(message, &Declared::default(), limits, fuel)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(content_type: &str, coding: Option<&str>) -> Option<Call> {
        let header = |name: &'static str, value| Header { name: name.as_bytes(), value, known: None, forwarded: true };
        let kind = header("Content-Type", content_type.as_bytes());
        Call::of([Some(kind), coding.map(|coding| header("grpc-encoding", coding.as_bytes()))].into_iter().flatten())
    }

    fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
        [&[flag], &(message.len() as u32).to_be_bytes()[..], message].concat()
    }

    fn read(call: &Call, bytes: &[u8]) -> Result<Vec<(Place, String)>, &'static str> {
        let (limits, mut fuel) = (Limits::default(), Fuel::new(1 << 22));
        let name = |malformed: Malformed| malformed.why.name;
        let messages = call.open(bytes, &limits, &mut fuel).map_err(name)?;
        let opened = opened(&messages, &limits, &mut fuel).map_err(name)?;
        let parts = parts(&messages, &opened, &limits, &mut fuel).map_err(name)?;
        Ok(parts.iter().map(|part| (part.place, String::from_utf8_lossy(&part.canonical).into_owned())).collect())
    }

    #[test]
    fn calls_are_known_by_their_type() {
        for (kind, flavour) in [
            ("application/grpc", Flavour::Native),
            ("application/grpc+proto", Flavour::Native),
            ("Application/GRPC; charset=x", Flavour::Native),
            ("application/grpc-web+proto", Flavour::Web),
            ("application/grpc-web-text", Flavour::WebText),
        ] {
            assert_eq!(call(kind, None).map(|call| call.flavour), Some(flavour), "{kind}");
        }
        assert_eq!(call("application/json", None), None);
        assert_eq!(call("application/grpcx", None), None);
    }

    #[test]
    fn strings_of_every_flavour_are_read() {
        let message = [framed(0, b"\x0a\x0e' OR '1'='1' -"), framed(0, b"\x12\x02hi")].concat();
        let wanted = (Place::MessageField, "' OR '1'='1' -".to_owned());
        let native = call("application/grpc", None).unwrap();
        assert!(read(&native, &message).unwrap().contains(&wanted));
        let text = BASE64_STANDARD.encode(&message);
        assert!(read(&call("application/grpc-web-text", None).unwrap(), text.as_bytes()).unwrap().contains(&wanted));
        let pieces =
            BASE64_STANDARD.encode(framed(0, b"\x0a\x02ab")) + &BASE64_STANDARD.encode(framed(0, b"\x0a\x02cd"));
        let found = read(&call("application/grpc-web-text", None).unwrap(), pieces.as_bytes()).unwrap();
        assert!(found.contains(&(Place::MessageField, "cd".into())), "{found:?}");
    }

    #[test]
    fn compressed_messages_are_undone_by_their_coding() {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"\x0a\x04text").unwrap();
        let packed = framed(1, &encoder.finish().unwrap());
        let found = read(&call("application/grpc", Some("gzip")).unwrap(), &packed).unwrap();
        assert!(found.contains(&(Place::MessageField, "text".into())), "{found:?}");
        assert_eq!(read(&call("application/grpc", None).unwrap(), &packed), Err(CODING.name));
        assert_eq!(read(&call("application/grpc", Some("snappy")).unwrap(), &packed), Err("body-coding-unknown"));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let call = call("application/grpc", None).unwrap();
        assert_eq!(read(&call, &framed(2, b"x")), Err(FLAG.name));
        assert_eq!(read(&call, &framed(0, b"abc")[..7]), Err(CUT.name));
        assert_eq!(read(&call, &[0, 0, 0]), Err(CUT.name));
        assert_eq!(read(&call, b""), Ok(Vec::new()));
    }

    #[test]
    fn whole_messages_end_at_their_limit() {
        let two = [framed(0, &[b'a'; 10]), framed(0, &[b'b'; 10])].concat();
        assert_eq!(whole(&two, 10), Ok(30));
        assert_eq!(whole(&two[..29], 10), Ok(15));
        assert_eq!(whole(&two[..14], 10), Ok(0));
        assert_eq!(whole(&two, 9).map_err(|malformed| malformed.why), Err(TOO_LARGE));
        assert_eq!(whole(&[0, 0xff, 0xff, 0xff, 0xff], 10).map_err(|malformed| malformed.why), Err(TOO_LARGE));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), flavour in 0usize..3) {
            let kind = ["application/grpc", "application/grpc-web", "application/grpc-web-text"][flavour];
            let _ = read(&call(kind, Some("gzip")).unwrap(), &bytes);
            let _ = whole(&bytes, 100);
        }

        #[test]
        fn any_prefix_cuts_at_whole_messages(lengths in prop::collection::vec(0usize..20, 0..6), end in 0usize..150) {
            let wire: Vec<u8> = lengths.iter().flat_map(|length| framed(0, &vec![b'x'; *length])).collect();
            let end = end.min(wire.len());
            let cut = whole(&wire[..end], 20).unwrap();
            prop_assert!(cut <= end);
            prop_assert_eq!(whole(&wire[..cut], 20).unwrap(), cut);
        }
    }
}
