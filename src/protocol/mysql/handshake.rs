//! The server's greeting and the client's answer (MySQL, "Protocol::HandshakeV10", "Protocol::HandshakeResponse41",
//! "Protocol::SSLRequest"). What is not carried is taken out of the offer, so that no client asks for it.

use super::packet::{HEADER, Packet, length_prefixed};
use super::settings::is_safe_collation;
use super::{CHARSET, FORM, LENGTH, UNSUPPORTED};
use crate::canon::sql::mysql::Server;
use crate::protocol::{Guess, Malformed};
use nom::bytes::complete::{tag, take, take_till};
use nom::number::complete::{le_u8, le_u16, le_u32};
use nom::sequence::terminated;
use nom::{IResult, Parser};

/// Bytes of a greeting, and of an answer to it: names, a scramble, attributes.
pub const GREETING_BYTES: usize = 4 << 10;
/// Attributes of a connection may take 64 KiB.
pub const ANSWER_BYTES: usize = 68 << 10;

const CONNECT_WITH_DB: u32 = 1 << 3;
const COMPRESS: u32 = 1 << 5;
const LOCAL_FILES: u32 = 1 << 7;
const PROTOCOL_41: u32 = 1 << 9;
/// The client goes on with TLS; the bit in the answer, and in the greeting.
pub const SSL: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;
const CONNECT_ATTRS: u32 = 1 << 20;
const LENGTH_ENCODED_AUTH: u32 = 1 << 21;
/// Rows end with an OK packet instead of an EOF packet.
pub const DEPRECATE_EOF: u32 = 1 << 24;
const OPTIONAL_METADATA: u32 = 1 << 25;
const ZSTD: u32 = 1 << 26;
const QUERY_ATTRIBUTES: u32 = 1 << 27;
const MULTI_FACTOR: u32 = 1 << 28;
/// More flags follow, of which none is known.
const EXTENSION: u32 = 1 << 29;
const REMEMBER_OPTIONS: u32 = 1 << 31;

/// What is taken out of the offer, whatever the port takes.
const LEFT_OUT: u32 =
    COMPRESS | SSL | OPTIONAL_METADATA | ZSTD | QUERY_ATTRIBUTES | MULTI_FACTOR | EXTENSION | REMEMBER_OPTIONS;

/// Bytes of a request for TLS: the beginning of an answer.
pub const TLS_REQUEST: usize = 32;

/// What depends on the port that a client has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// It takes clients that ask for TLS.
    pub tls: bool,
    /// Files of clients may be loaded.
    pub files: bool,
}

/// A server's greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Which server it is.
    pub server: Server,
    /// Its own character set, as the number of a collation.
    pub collation: u8,
    /// Everything that it offers.
    pub offers: u32,
    /// What client and server can agree on.
    pub offered: u32,
    /// The client may ask for TLS.
    pub tls: bool,
    /// The payload, with what is not carried taken out, and TLS as the port has it.
    pub payload: Vec<u8>,
}

/// A client's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it takes of the offer.
    pub takes: u32,
    /// Its character set, as the number of a collation.
    pub collation: u8,
    /// Who.
    pub user: String,
    /// Where; empty for no database.
    pub database: String,
    /// What the application calls itself.
    pub application: String,
    /// How it proves itself.
    pub plugin: String,
}

/// What comes first from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// A session begins.
    Answer(Answer),
    /// TLS is asked for.
    Tls,
}

/// Reads a greeting, and takes out of it what is not carried on a port.
///
/// # Errors
/// [`FORM`]; another version than 10, or a server whose version is not told.
pub fn greeting(payload: &[u8], port: Port) -> Result<Greeting, Malformed> {
    let form = Malformed::new(HEADER, FORM);
    if payload.first().is_some_and(|version| *version != 10) {
        return Err(Malformed::new(HEADER, UNSUPPORTED));
    }
    let fields: IResult<&[u8], _> = (
        tag(&b"\x0a"[..]),
        terminated(take_till(|byte| byte == 0), tag(&b"\0"[..])),
        take(13_usize),
        le_u16,
        le_u8,
        le_u16,
        le_u16,
    )
        .parse(payload);
    let (rest, (_, version, _, low, collation, _, high)) = fields.map_err(|_| form)?;
    let server = Server::of(version);
    if server.version == 0 || !is_safe_collation(collation) {
        return Err(Malformed::new(HEADER, if server.version == 0 { UNSUPPORTED } else { CHARSET }));
    }
    let offers = u32::from(low) | u32::from(high) << 16;
    if offers & PROTOCOL_41 == 0 {
        return Err(Malformed::new(HEADER, UNSUPPORTED));
    }
    let offered = offers & !LEFT_OUT & if port.files { u32::MAX } else { !LOCAL_FILES };
    let mut payload_out = payload.to_vec();
    let at = payload.len() - rest.len();
    let [low_0, low_1, high_0, high_1] = (offered | if port.tls { SSL } else { 0 }).to_le_bytes();
    // Behind the version and its zero, the connection's number and eight bytes of the scramble with theirs.
    let mut set = |at: usize, byte: u8| {
        if let Some(place) = payload_out.get_mut(at) {
            *place = byte;
        }
    };
    [(at - 7, low_0), (at - 6, low_1), (at - 2, high_0), (at - 1, high_1)]
        .into_iter()
        .for_each(|(at, byte)| set(at, byte));
    // The length of the scramble, six zeros, and what MariaDB offers besides, of which nothing is carried.
    (at + 7..at + 11).for_each(|at| set(at, 0));
    Ok(Greeting { server, collation, offers, offered, tls: port.tls, payload: payload_out })
}

/// Reads what a client answers to an offer, or asks before that.
///
/// # Errors
/// [`FORM`]; what was not offered, or must be.
pub fn first(payload: &[u8], greeting: &Greeting) -> Result<First, Malformed> {
    let says: IResult<&[u8], u32> = le_u32.parse(payload);
    match says {
        Ok((_, says)) if says & SSL == 0 => answer(payload, greeting).map(First::Answer),
        Ok(_) if !greeting.tls => Err(Malformed::new(HEADER, UNSUPPORTED)),
        Ok(_) if payload.len() == TLS_REQUEST => Ok(First::Tls),
        _ => Err(Malformed::new(HEADER, FORM)),
    }
}

/// Reads a client's answer, in TLS or not.
///
/// # Errors
/// [`FORM`]; what must be said.
pub fn answer(payload: &[u8], greeting: &Greeting) -> Result<Answer, Malformed> {
    let malformed = |why| Malformed::new(HEADER, why);
    let fields: IResult<&[u8], (u32, u32, u8, &[u8])> = (le_u32, le_u32, le_u8, take(23_usize)).parse(payload);
    let (rest, (says, _, collation, _)) = fields.map_err(|_| malformed(FORM))?;
    // What is said without having been offered does not go on: then it does not hold.
    if says & PROTOCOL_41 == 0 {
        return Err(malformed(UNSUPPORTED));
    }
    if !is_safe_collation(collation) {
        return Err(malformed(CHARSET));
    }
    let answer = body(rest, says, collation).ok_or(malformed(FORM))?;
    Ok(Answer { takes: says & greeting.offered, ..answer })
}

fn body(rest: &[u8], says: u32, collation: u8) -> Option<Answer> {
    let (user, rest) = text(rest)?;
    let (_, rest) = match says {
        says if says & LENGTH_ENCODED_AUTH != 0 => length_prefixed(rest)?,
        says if says & SECURE_CONNECTION != 0 => short(rest)?,
        _ => text(rest)?,
    };
    let (database, rest) = if says & CONNECT_WITH_DB != 0 { text(rest)? } else { (&[][..], rest) };
    let (plugin, rest) = if says & PLUGIN_AUTH != 0 { text(rest).unwrap_or((rest, &[])) } else { (&[][..], rest) };
    let application = if says & CONNECT_ATTRS != 0 { program(rest).unwrap_or_default() } else { String::new() };
    let [user, database, plugin] = [user, database, plugin].map(|bytes| String::from_utf8(bytes.to_vec()).ok());
    Some(Answer { takes: says, collation, user: user?, database: database?, application, plugin: plugin? })
}

/// Reads `COM_CHANGE_USER` behind its first byte: the same fields in another order (MySQL, "COM_CHANGE_USER").
///
/// # Errors
/// [`FORM`]; a character set that cannot be read.
pub fn change_user(rest: &[u8], takes: u32) -> Result<Answer, Malformed> {
    let malformed = |why| Malformed::new(HEADER, why);
    let read = || {
        let (user, rest) = text(rest)?;
        let (_, rest) = short(rest)?;
        let (database, rest) = text(rest)?;
        let (collation, rest) = match rest.split_first_chunk::<2>() {
            Some((collation, rest)) => (Some(u16::from_le_bytes(*collation)), rest),
            None => (None, rest),
        };
        let (plugin, rest) = text(rest).unwrap_or((rest, &[]));
        Some((user, database, collation, plugin, program(rest).unwrap_or_default()))
    };
    let (user, database, collation, plugin, application) = read().ok_or(malformed(FORM))?;
    let collation = collation.map_or(Ok(0), u8::try_from).map_err(|_| malformed(CHARSET))?;
    if !is_safe_collation(collation) {
        return Err(malformed(CHARSET));
    }
    let [user, database, plugin] = [user, database, plugin].map(|bytes| String::from_utf8(bytes.to_vec()));
    match (user, database, plugin) {
        (Ok(user), Ok(database), Ok(plugin)) => Ok(Answer { takes, collation, user, database, application, plugin }),
        _ => Err(malformed(FORM)),
    }
}

/// The answer as it goes on: without what was not offered, and with the mark of TLS where that is spoken.
pub fn forwarded(payload: &[u8], answer: &Answer, tls: bool) -> Vec<u8> {
    let mut out = payload.to_vec();
    let takes = answer.takes | if tls { SSL } else { 0 };
    out.iter_mut().zip(takes.to_le_bytes()).for_each(|(place, byte)| *place = byte);
    // The filler behind the character set is zero: nobody is to read more into it, MariaDB's further flags among that.
    out.iter_mut().skip(9).take(23).for_each(|place| *place = 0);
    out
}

/// What asks a server for TLS: the beginning of the answer.
pub fn asks_for_tls(payload: &[u8], answer: &Answer) -> Vec<u8> {
    let mut out = forwarded(payload, answer, true);
    out.truncate(TLS_REQUEST);
    out
}

/// `program_name` of the attributes.
fn program(bytes: &[u8]) -> Option<String> {
    let (mut rest, _) = length_prefixed(bytes)?;
    while !rest.is_empty() {
        let (name, after) = length_prefixed(rest)?;
        let (value, after) = length_prefixed(after)?;
        if matches!(name, b"program_name" | b"_program_name") {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
        rest = after;
    }
    None
}

/// A text and the zero that ends it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// Bytes whose number stands in one byte before them.
fn short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// The packet that a side of the handshake sends, once it has come whole; its length is checked before.
///
/// # Errors
/// [`LENGTH`].
pub fn packet(bytes: &[u8], most: usize) -> Result<Option<Packet>, Malformed> {
    let Some(packet) = Packet::of(bytes) else { return Ok(None) };
    if packet.len > most {
        return Err(Malformed::new(0, LENGTH));
    }
    Ok((bytes.len() >= packet.whole()).then_some(packet))
}

/// Whether bytes of a server open this protocol: a greeting of version 10 with a version that begins with a digit.
pub fn identify(bytes: &[u8]) -> Guess {
    let Some(packet) = Packet::of(bytes) else { return Guess::NeedMore };
    if packet.number != 0 || !(32..=GREETING_BYTES).contains(&packet.len) {
        return Guess::No;
    }
    match bytes.get(HEADER..HEADER + 2) {
        Some([10, version]) if version.is_ascii_digit() => Guess::Yes,
        Some(_) => Guess::No,
        None if bytes.get(HEADER).is_none_or(|version| *version == 10) => Guess::NeedMore,
        None => Guess::No,
    }
}

/// Whether an answer to the client's proof asks for what depends on TLS (`caching_sha2_password`, the whole password).
pub fn asks_for_password(payload: &[u8]) -> bool {
    payload == [1, 4]
}

/// How a switch of the method names it (MySQL, "Protocol::AuthSwitchRequest").
pub fn switched_to(payload: &[u8]) -> &[u8] {
    let name = payload.get(1..).unwrap_or_default();
    name.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Whether what a method sends depends on whether TLS is spoken.
pub fn depends_on_tls(plugin: &[u8]) -> bool {
    matches!(plugin, b"sha256_password" | b"mysql_clear_password" | b"dialog")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(offers: u32) -> Vec<u8> {
        let [a, b, c, d] = offers.to_le_bytes();
        let mut out = b"\x0a5.5.5-10.11.6-MariaDB\0".to_vec();
        out.extend_from_slice(&[1, 0, 0, 0]);
        out.extend_from_slice(b"12345678\0");
        out.extend_from_slice(&[a, b, 45, 2, 0, c, d, 21]);
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0x1d, 0, 0, 0]);
        out.extend_from_slice(b"123456789012\0mysql_native_password\0");
        out
    }

    fn says(takes: u32, rest: &[u8]) -> Vec<u8> {
        let mut out = takes.to_le_bytes().to_vec();
        out.extend_from_slice(&[0, 0, 0, 1, 45]);
        out.extend_from_slice(&[0; 19]);
        out.extend_from_slice(&[7, 0, 0, 0]);
        out.extend_from_slice(rest);
        out
    }

    const PLAIN: Port = Port { tls: false, files: false };

    #[test]
    fn what_is_not_carried_is_not_offered() {
        let read = greeting(&hello(u32::MAX), PLAIN).unwrap();
        assert_eq!(read.offered & (LEFT_OUT | LOCAL_FILES), 0);
        assert!(read.server.mariadb && read.server.version == 101_106);
        let again = greeting(&read.payload, PLAIN).unwrap();
        assert_eq!((again.offers, again.payload), (read.offered, read.payload.clone()));
        assert!(!read.payload.windows(4).any(|bytes| bytes == [0x1d, 0, 0, 0]));
        assert_eq!(identify(&[&[90, 0, 0, 0][..], &read.payload].concat()), Guess::Yes);
    }

    #[test]
    fn answer_says_who_and_where() {
        let offer = greeting(&hello(u32::MAX), PLAIN).unwrap();
        let takes = PROTOCOL_41 | SECURE_CONNECTION | CONNECT_WITH_DB | PLUGIN_AUTH | CONNECT_ATTRS | LOCAL_FILES;
        let payload = says(takes, b"ann\0\x02xyshop\0mysql_native_password\0\x12\x0cprogram_name\x04till");
        let First::Answer(answer) = first(&payload, &offer).unwrap() else { panic!("no answer") };
        let (who, how) = ((&*answer.user, &*answer.database), (&*answer.application, &*answer.plugin));
        assert_eq!((who, how), (("ann", "shop"), ("till", "mysql_native_password")));
        let forwarded = forwarded(&payload, &answer, false);
        assert_eq!(forwarded.len(), payload.len());
        assert_eq!(u32::from_le_bytes(*forwarded.first_chunk::<4>().unwrap()) & LOCAL_FILES, 0);
        assert_eq!(forwarded.get(28..32), Some(&[0; 4][..]));
        assert_eq!(asks_for_tls(&payload, &answer).len(), 32);
    }

    #[test]
    fn what_was_not_offered_is_refused() {
        let offer = greeting(&hello(u32::MAX), PLAIN).unwrap();
        let why = |payload: &[u8]| first(payload, &offer).map_err(|malformed| malformed.why);
        assert_eq!(why(&says(PROTOCOL_41 | SSL, b"")), Err(UNSUPPORTED));
        let Ok(First::Answer(answer)) = first(&says(PROTOCOL_41 | COMPRESS, b"a\0\0"), &offer) else {
            panic!("refused")
        };
        assert_eq!(answer.takes & COMPRESS, 0);
        assert_eq!(why(&says(0, b"a\0\0")), Err(UNSUPPORTED));
        assert_eq!(why(&says(PROTOCOL_41, b"a")), Err(FORM));
        let mut gbk = says(PROTOCOL_41, b"a\0\0");
        gbk[8] = 28;
        assert_eq!(why(&gbk), Err(CHARSET));
        assert_eq!(greeting(b"\x09x", PLAIN), Err(Malformed::new(HEADER, UNSUPPORTED)));
        assert_eq!(greeting(b"\x0ax\0", PLAIN), Err(Malformed::new(HEADER, FORM)));
    }

    #[test]
    fn port_offers_what_it_takes() {
        // A server without TLS: what is offered is the sidecar's own.
        let offer = greeting(&hello(!SSL), Port { tls: true, files: true }).unwrap();
        let told = greeting(&offer.payload, PLAIN).unwrap().offers;
        assert_eq!((told & SSL, told & LOCAL_FILES, told & COMPRESS), (SSL, LOCAL_FILES, 0));
        let request = says(PROTOCOL_41 | SSL, b"");
        assert_eq!(first(&request, &offer), Ok(First::Tls));
        let full = says(PROTOCOL_41 | SSL | LOCAL_FILES, b"ann\0\0");
        assert_eq!(first(&full, &offer), Err(Malformed::new(HEADER, FORM)));
        let answer = answer(&full, &offer).unwrap();
        assert_eq!((&*answer.user, answer.takes), ("ann", PROTOCOL_41 | LOCAL_FILES));
        let sent = |tls| u32::from_le_bytes(*forwarded(&full, &answer, tls).first_chunk::<4>().unwrap());
        assert_eq!((sent(false) & SSL, sent(true) & SSL), (0, SSL));
    }

    #[test]
    fn change_of_user_is_read() {
        let answer = change_user(b"bob\0\x01xother\0\x2d\0mysql_native_password\0", 0).unwrap();
        assert_eq!((&*answer.user, &*answer.database, answer.collation), ("bob", "other", 45));
        assert!(change_user(b"bob\0\x01xother\0\x1c\0", 0).is_err());
        assert!(change_user(b"bob", 0).is_err());
    }
}
