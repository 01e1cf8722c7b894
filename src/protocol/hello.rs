//! The TLS ClientHello, read without ending TLS (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301): which name is asked for, which
//! protocols and versions are offered, whether the name is hidden. Any split over records and segments reads alike.
//!
//! Refuses: what is no handshake record, a hello longer than 16 KiB, lists that do not fill their lengths, an extension
//! twice, more than one name. GREASE versions (RFC 8701) are passed over.

use super::Malformed;
use crate::flow::{Kind, Reason};
use nom::bytes::complete::take;
use nom::combinator::all_consuming;
use nom::multi::{length_data, many0};
use nom::number::complete::{be_u8, be_u16, be_u24};
use nom::{IResult, Parser};

/// It is no ClientHello.
pub const NO_HELLO: Reason =
    Reason::new("tls-no-hello", Kind::Malformed, "what opens the connection is no ClientHello");
/// A list in it does not fill its length.
pub const LISTS: Reason = Reason::new("tls-hello-lists", Kind::Malformed, "a ClientHello whose lists do not fill it");
/// It is too long.
pub const TOO_LONG: Reason = Reason::new("tls-hello-too-long", Kind::TooLarge, "a ClientHello of more than 16 KiB");
/// An extension stands there twice, or there are several names.
pub const TWICE: Reason =
    Reason::new("tls-hello-twice", Kind::Malformed, "a ClientHello with an extension twice, or with several names");

/// Real ones have some hundred bytes, with post-quantum keys two thousand.
pub const MAX_BYTES: usize = 16 << 10;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const VERSIONS: u16 = 43;
const ENCRYPTED_HELLO: u16 = 0xFE0D;

/// What a ClientHello offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name asked for, in lower case.
    pub server_name: Option<String>,
    /// The protocols offered: `h2`, `http/1.1`.
    pub protocols: Vec<String>,
    /// The versions offered, as on the wire: 0x0304 is TLS 1.3.
    pub versions: Vec<u16>,
    /// Whether the true name is hidden in it (Encrypted ClientHello).
    pub hidden: bool,
}

impl Hello {
    /// Whether it is as Tor's links begin: a name of its own making, `www.`, 4 to 25 letters of base32, `.com` (or `.net`),
    /// which nobody has looked up, and nothing offered inside. An honest name may look so too: it says something only of a
    /// connection that is denied for its name.
    pub fn is_like_tor(&self) -> bool {
        let name = self.server_name.as_deref().and_then(|name| name.strip_prefix("www."));
        let made_up = name.and_then(|name| name.strip_suffix(".com").or(name.strip_suffix(".net")));
        let base32 = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
        self.protocols.is_empty()
            && made_up.is_some_and(|name| (4..=25).contains(&name.len()) && name.bytes().all(base32))
    }
}

/// Reads a ClientHello from the first bytes of a connection; nothing until all of it is there.
///
/// # Errors
/// The rule that it breaks.
pub fn read(bytes: &[u8]) -> Result<Option<Hello>, Malformed> {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        if let Some(body) = whole(&message)? {
            return hello(body).map(Some);
        }
        let Some((fragment, after)) = record(rest, bytes.len() - rest.len())? else { return Ok(None) };
        message.extend_from_slice(fragment);
        rest = after;
    }
}

/// A record's fragment, and what follows it.
type Fragment<'a> = (&'a [u8], &'a [u8]);

/// The next record's fragment; nothing until all of it is there.
fn record(bytes: &[u8], at: usize) -> Result<Option<Fragment<'_>>, Malformed> {
    if bytes.iter().zip([HANDSHAKE, 3]).any(|(byte, expected)| *byte != expected) {
        return Err(Malformed::new(at, NO_HELLO));
    }
    let header: IResult<&[u8], (&[u8], u16), ()> = (take(3usize), be_u16).parse(bytes);
    let Ok((rest, (_, length))) = header else { return Ok(None) };
    match usize::from(length) {
        0 => Err(Malformed::new(at, NO_HELLO)),
        length if length > MAX_BYTES => Err(Malformed::new(at, TOO_LONG)),
        length => Ok(rest.split_at_checked(length)),
    }
}

/// The body of the handshake message, once all of it is there.
fn whole(message: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Err(Malformed::new(0, NO_HELLO));
    }
    let header: IResult<&[u8], (u8, u32), ()> = (be_u8, be_u24).parse(message);
    let Ok((body, (_, length))) = header else { return Ok(None) };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_BYTES {
        return Err(Malformed::new(0, TOO_LONG));
    }
    Ok(body.get(..length))
}

fn hello(body: &[u8]) -> Result<Hello, Malformed> {
    let fixed = (be_u16, take(32usize), length_data(be_u8), length_data(be_u16), length_data(be_u8));
    let (rest, (version, ..)) = list(body, fixed)?;
    let mut found = Hello { versions: vec![version], ..Hello::default() };
    if rest.is_empty() {
        return Ok(found);
    }
    let (_, all) = list(rest, all_consuming(length_data(be_u16)))?;
    let (_, extensions) = list(all, all_consuming(many0((be_u16, length_data(be_u16)))))?;
    let mut seen = Vec::new();
    for (kind, data) in extensions {
        if seen.contains(&kind) {
            return Err(Malformed::new(0, TWICE));
        }
        seen.push(kind);
        found.take(kind, data)?;
    }
    Ok(found)
}

/// Runs a parser whose failure is a list that does not fill its length.
fn list<'a, T>(
    bytes: &'a [u8],
    mut parser: impl Parser<&'a [u8], Output = T, Error = ()>,
) -> Result<(&'a [u8], T), Malformed> {
    parser.parse(bytes).map_err(|_| Malformed::new(0, LISTS))
}

impl Hello {
    fn take(&mut self, kind: u16, data: &[u8]) -> Result<(), Malformed> {
        match kind {
            SERVER_NAME => self.server_name = Some(server_name(data)?),
            ALPN => {
                let (_, all) = list(data, all_consuming(length_data(be_u16)))?;
                let (_, names) = list(all, all_consuming(many0(length_data(be_u8))))?;
                self.protocols = names.iter().map(|name: &&[u8]| String::from_utf8_lossy(name).into_owned()).collect();
            }
            VERSIONS => {
                let (_, all) = list(data, all_consuming(length_data(be_u8)))?;
                self.versions = list(all, all_consuming(many0(be_u16)))?.1;
                self.versions.retain(|version| !is_grease(*version));
            }
            ENCRYPTED_HELLO => self.hidden = true,
            _ => {}
        }
        Ok(())
    }
}

/// RFC 6066 §3: one name of type host.
fn server_name(data: &[u8]) -> Result<String, Malformed> {
    let (_, all) = list(data, all_consuming(length_data(be_u16)))?;
    let (_, names): (_, Vec<(u8, &[u8])>) = list(all, all_consuming(many0((be_u8, length_data(be_u16)))))?;
    match names.as_slice() {
        [(0, name)] if name.is_ascii() && !name.is_empty() => {
            Ok(String::from_utf8_lossy(name).to_ascii_lowercase().trim_end_matches('.').to_owned())
        }
        [_] => Err(Malformed::new(0, LISTS)),
        _ => Err(Malformed::new(0, TWICE)),
    }
}

/// RFC 8701 §2: 0x0A0A, 0x1A1A … 0xFAFA.
fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0F == 0x0A
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(bytes: &[u8], octets: usize) -> Vec<u8> {
        let length = (bytes.len() as u32).to_be_bytes();
        [&length[4 - octets..], bytes].concat()
    }

    fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &sized(data, 2)].concat()
    }

    fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
        let fixed = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0]].concat();
        [&[1][..], &sized(&[fixed, sized(&extensions.concat(), 2)].concat(), 3)].concat()
    }

    /// The message in records of at most so many bytes.
    fn records(message: &[u8], each: usize) -> Vec<u8> {
        message.chunks(each).flat_map(|piece| [&[22, 3, 1][..], &sized(piece, 2)].concat()).collect()
    }

    fn usual() -> Vec<Vec<u8>> {
        vec![
            extension(0x1A1A, &[]),
            extension(0, &sized(&[&[0][..], &sized(b"API.example.", 2)].concat(), 2)),
            extension(16, &sized(&[sized(b"h2", 1), sized(b"http/1.1", 1)].concat(), 2)),
            extension(43, &sized(&[0x2A, 0x2A, 3, 4, 3, 3], 1)),
            extension(0xFE0D, &[0]),
        ]
    }

    #[test]
    fn link_of_tor_is_known_by_its_name() {
        let like = |name: &str, offers: &[&str]| {
            let protocols = offers.iter().map(|offer| (*offer).to_owned()).collect();
            Hello { server_name: Some(name.to_owned()), protocols, ..Hello::default() }.is_like_tor()
        };
        assert!(like("www.ruqwgq7wg6aqmrgzyturasa.com", &[]) && like("www.hz74.net", &[]));
        assert!(!like("www.ruqwgq7wg6aqmrgzyturasa.com", &["h2"]));
        for name in ["www.abc.com", "www.api-1.com", "www.a1b2c3d4.com", "ruqwgq7wg6.com", "www.ruqwgq7wg6.org"] {
            assert!(!like(name, &[]), "{name}");
        }
        let capture = include_bytes!("../../tests/data/identify/tls.client.tor");
        assert!(read(capture).unwrap().unwrap().is_like_tor());
    }

    #[test]
    fn any_split_reads_alike() {
        let message = message(&usual());
        for each in [1, 5, 40, 4096] {
            let wire = records(&message, each);
            let hello = read(&wire).unwrap().unwrap();
            assert_eq!(hello.server_name.as_deref(), Some("api.example"));
            assert_eq!(hello.protocols, ["h2", "http/1.1"]);
            assert_eq!((hello.versions, hello.hidden), (vec![0x0304, 0x0303], true));
            assert!((0..wire.len()).all(|end| read(&wire[..end]) == Ok(None)));
        }
    }

    #[test]
    fn rule_that_is_broken_is_named() {
        let why = |extensions: Vec<Vec<u8>>| read(&records(&message(&extensions), 4096)).unwrap_err().why.name;
        let name = |names: &[&[u8]]| {
            let names: Vec<u8> = names.iter().flat_map(|name| [&[0][..], &sized(name, 2)].concat()).collect();
            extension(0, &sized(&names, 2))
        };
        assert_eq!(why(vec![name(&[b"a", b"b"])]), "tls-hello-twice");
        assert_eq!(why(vec![name(&[b"a"]), name(&[b"a"])]), "tls-hello-twice");
        assert_eq!(why(vec![name(&[b""])]), "tls-hello-lists");
        assert_eq!(why(vec![extension(16, &[0, 9, 1])]), "tls-hello-lists");
        for other in [&b"\x16\x03\x01\x00\x00"[..], b"\x17", b"\x16\x03\x01\x00\x01\x02"] {
            assert_eq!(read(other).unwrap_err().why, NO_HELLO);
        }
    }

    #[test]
    fn hello_is_taken_up_to_its_limit() {
        let of = |length: usize| {
            let empty = message(&[extension(21, &[])]).len() - 4;
            let message = message(&[extension(21, &vec![0; length - empty])]);
            read(&records(&message, 8192)).map(|read| read.is_some())
        };
        assert_eq!(of(MAX_BYTES), Ok(true));
        assert_eq!(of(MAX_BYTES + 1).unwrap_err().why, TOO_LONG);
    }
}
