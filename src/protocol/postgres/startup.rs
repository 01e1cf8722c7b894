//! The first message of a connection, which has no type byte: a startup message, or a request for encryption or to cancel
//! (PostgreSQL 15 §55.7 StartupMessage, SSLRequest, GSSENCRequest, CancelRequest).

use super::{FORM, LENGTH, UNSUPPORTED};
use crate::protocol::{Guess, Malformed};
use nom::bytes::complete::{take, take_till};
use nom::combinator::{all_consuming, rest};
use nom::multi::many0;
use nom::number::complete::be_u32;
use nom::sequence::{pair, terminated};
use nom::{IResult, Parser};

/// The server's own limit (`MAX_STARTUP_PACKET_LENGTH`).
pub const STARTUP_BYTES: usize = 10_000;
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// Bytes of a key that cancels. Protocol 3.0 has four, 3.2 up to 256.
const MOST_KEY: usize = 256;

/// The first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// A session begins.
    Startup(Startup),
    /// TLS is asked for: answered with one byte, then TLS begins or another first message comes.
    Tls,
    /// GSS encryption is asked for: answered with one byte, then another first message comes.
    Gss,
    /// A statement of another session is to be cancelled.
    Cancel(CancelKey),
}

/// What a session begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Startup {
    /// Who.
    pub user: String,
    /// Where; the user's name unless it is said.
    pub database: String,
    /// What the application calls itself.
    pub application: String,
    /// It is to replicate, and speaks the commands for that.
    pub replication: bool,
    /// Settings of the session, lower case, from parameters and command-line options.
    pub settings: Vec<(String, String)>,
}

/// What a server hands out for cancelling, process and key together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CancelKey(pub Box<[u8]>);

/// The first message and its length, once all of it has come.
///
/// # Errors
/// A length or a form that is impossible; a version or an option that is not carried.
pub fn first(bytes: &[u8]) -> Result<Option<(First, usize)>, Malformed> {
    let malformed = |why| Malformed::new(0, why);
    let header: IResult<&[u8], (u32, u32)> = pair(be_u32, be_u32).parse(bytes);
    let Some(length) = bytes.first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_be_bytes(*length) as usize;
    if !(8..=STARTUP_BYTES).contains(&len) {
        return Err(malformed(LENGTH));
    }
    let (Ok((_, (_, code))), Some(body)) = (header, bytes.get(8..len)) else { return Ok(None) };
    let first = match code {
        SSL if body.is_empty() => First::Tls,
        GSS if body.is_empty() => First::Gss,
        CANCEL if (8..=4 + MOST_KEY).contains(&body.len()) => First::Cancel(CancelKey(body.into())),
        version if version >> 16 == 3 => First::Startup(startup(body)?),
        SSL | GSS | CANCEL => return Err(malformed(FORM)),
        _ => return Err(malformed(UNSUPPORTED)),
    };
    Ok(Some((first, len)))
}

/// What asks a server for TLS, and what it answers if it will.
pub const ASKS_FOR_TLS: ([u8; 8], u8) = ([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f], b'S');

/// Whether bytes open this protocol.
pub fn identify(bytes: &[u8]) -> Guess {
    let Some(code) = bytes.get(4..8) else {
        let begun = bytes.first().is_none_or(|byte| *byte == 0);
        return if begun { Guess::NeedMore } else { Guess::No };
    };
    let known = [CANCEL, SSL, GSS, 0x0003_0000, 0x0003_0002].iter().any(|known| known.to_be_bytes() == *code);
    if known { Guess::Yes } else { Guess::No }
}

fn startup(body: &[u8]) -> Result<Startup, Malformed> {
    let text = || terminated(take_till::<_, &[u8], nom::error::Error<&[u8]>>(|byte| byte == 0), take(1_usize));
    let (end, pairs) = many0(pair(terminated_name(), text())).parse(body).map_err(|_| Malformed::new(8, FORM))?;
    let last: IResult<&[u8], &[u8]> = all_consuming(rest).parse(end);
    if !matches!(last, Ok((_, [0]))) {
        return Err(Malformed::new(body.len() - end.len(), FORM));
    }
    let mut startup = Startup::default();
    for (name, value) in pairs {
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            return Err(Malformed::new(8, FORM));
        };
        startup.take(name, value)?;
    }
    if startup.user.is_empty() {
        return Err(Malformed::new(8, FORM));
    }
    if startup.database.is_empty() {
        startup.database = startup.user.clone();
    }
    Ok(startup)
}

/// A name that is not empty: an empty one ends the list.
fn terminated_name<'a>() -> impl Parser<&'a [u8], Output = &'a [u8], Error = nom::error::Error<&'a [u8]>> {
    terminated(nom::bytes::complete::take_till1(|byte| byte == 0), take(1_usize))
}

impl Startup {
    fn take(&mut self, name: &str, value: &str) -> Result<(), Malformed> {
        match name {
            "user" => self.user = value.to_owned(),
            "database" => self.database = value.to_owned(),
            "application_name" => self.application = value.to_owned(),
            "options" => self.settings.extend(options(value).ok_or(Malformed::new(8, UNSUPPORTED))?),
            "replication" if matches!(value, "false" | "off" | "no" | "0") => {}
            "replication" if matches!(value, "true" | "on" | "yes" | "1" | "database") => self.replication = true,
            "replication" => return Err(Malformed::new(8, UNSUPPORTED)),
            name if name.starts_with("_pq_.") => {}
            name => self.settings.push((name.to_ascii_lowercase(), value.to_owned())),
        }
        Ok(())
    }
}

/// `-c name=value`, `-cname=value` and `--name=value` of the server's command line; nothing when there is anything else.
fn options(text: &str) -> Option<Vec<(String, String)>> {
    let mut settings = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or(word.strip_prefix("-c")) {
            Some("") => words.next()?,
            Some(setting) => setting.to_owned(),
            None => return None,
        };
        let (name, value) = setting.split_once('=')?;
        settings.push((name.trim().replace('-', "_").to_ascii_lowercase(), value.to_owned()));
    }
    Some(settings)
}

/// Words between white space; a backslash keeps the character behind it.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.extend(chars.next()),
            c if c.is_ascii_whitespace() => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap();
        [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
    }

    fn startup_of(body: &[u8]) -> Result<Startup, Malformed> {
        match first(&message(0x0003_0000, body))? {
            Some((First::Startup(startup), _)) => Ok(startup),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn startup_says_who_and_where() {
        let startup = startup_of(b"user\0ann\0application_name\0psql\0TimeZone\0UTC\0\0").unwrap();
        assert_eq!((startup.user.as_str(), startup.database.as_str()), ("ann", "ann"));
        assert_eq!(startup.settings, [("timezone".to_owned(), "UTC".to_owned())]);
        let replicates =
            |value: &str| startup_of(format!("user\0a\0replication\0{value}\0\0").as_bytes()).unwrap().replication;
        assert_eq!(["off", "true", "database"].map(replicates), [false, true, true]);
        assert_eq!(startup_of(b"user\0a\0database\0shop\0\0").unwrap().database, "shop");
    }

    #[test]
    fn options_are_settings() {
        let startup = startup_of(b"user\0a\0options\0-c search_path=a,\\ b --work-mem=1MB -cjit=off\0\0").unwrap();
        let settings: Vec<_> = startup.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(settings, ["search_path=a, b", "work_mem=1MB", "jit=off"]);
        assert_eq!(startup_of(b"user\0a\0options\0-d 5\0\0").unwrap_err().why, UNSUPPORTED);
    }

    #[test]
    fn what_is_no_startup_is_refused() {
        for body in [&b""[..], b"\0", b"user\0a\0", b"user\0a\0\0x", b"user\0\0\0", b"user\0\xff\0\0"] {
            assert_eq!(startup_of(body).unwrap_err().why, FORM, "{body:?}");
        }
        assert_eq!(first(&message(0x0002_0000, b"")).unwrap_err().why, UNSUPPORTED);
        assert_eq!(startup_of(b"user\0a\0replication\0what\0\0").unwrap_err().why, UNSUPPORTED);
        assert_eq!(first(b"\0\0\0\x07").unwrap_err().why, LENGTH);
        assert_eq!(first(&10_001_u32.to_be_bytes()).unwrap_err().why, LENGTH);
        assert_eq!(first(&10_000_u32.to_be_bytes()), Ok(None));
    }

    #[test]
    fn requests_are_told_apart() {
        assert_eq!(first(&ASKS_FOR_TLS.0), Ok(Some((First::Tls, 8))));
        assert_eq!(first(&message(SSL, b"")), Ok(Some((First::Tls, 8))));
        assert_eq!(first(&message(GSS, b"")), Ok(Some((First::Gss, 8))));
        let key = CancelKey(b"pid.key.".as_slice().into());
        assert_eq!(first(&message(CANCEL, b"pid.key.")), Ok(Some((First::Cancel(key), 16))));
        assert_eq!(first(&message(CANCEL, b"pid.key")).unwrap_err().why, FORM);
    }
}
