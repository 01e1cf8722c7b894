//! Protocols whose first message is a line of text.

use super::{Guess, either, starts};

/// A first line is looked at up to here; none of these protocols begins with a longer one that is told by its end.
const LINE: usize = 8192;

/// The first line without its end, once it is there; what is no text is no line.
fn line(bytes: &[u8]) -> Result<&[u8], Guess> {
    let seen = bytes.get(..bytes.len().min(LINE)).unwrap_or_default();
    match seen.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(seen.get(..end).unwrap_or_default().trim_ascii_end()),
        None if seen.len() < LINE && seen.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\r' | b'\t')) => {
            Err(Guess::NeedMore)
        }
        None => Err(Guess::No),
    }
}

/// Whether the first line begins with one of these words, and the rest of it pleases.
fn command(bytes: &[u8], words: &[&str], rest: fn(&[u8]) -> bool) -> Guess {
    match either(words.iter().map(|word| starts(bytes, word.as_bytes()))) {
        Guess::Yes => line(bytes).map_or_else(|guess| guess, |line| if rest(line) { Guess::Yes } else { Guess::No }),
        guess => guess,
    }
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// RFC 9113 §3.4.
pub(super) fn http2(bytes: &[u8]) -> Guess {
    starts(bytes, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
}

/// Methods that some servers take in any letter case.
const METHODS: [&str; 8] = ["GET ", "PUT ", "POST ", "HEAD ", "PATCH ", "TRACE ", "DELETE ", "OPTIONS "];

/// RFC 9112 §3: a method, a target, the version; and what servers take for it besides: after empty lines (§2.2), with a usual
/// method in lower case, `GET` without a version.
pub(super) fn http1(bytes: &[u8]) -> Guess {
    let empty = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let bytes = bytes.get(empty..).unwrap_or_default();
    let method = bytes.iter().take_while(|byte| byte.is_ascii_uppercase() || **byte == b'-').count();
    match (bytes.get(method), either(METHODS.map(|word| starts_in_any_case(bytes, word.as_bytes())))) {
        (None, _) if method <= 32 && empty < LINE => Guess::NeedMore,
        (_, Guess::NeedMore) => Guess::NeedMore,
        (Some(b' '), _) if (1..=32).contains(&method) => version(bytes),
        (_, Guess::Yes) => version(bytes),
        _ => Guess::No,
    }
}

fn version(bytes: &[u8]) -> Guess {
    let old = |line: &[u8]| line.starts_with(b"GET /") && !line.iter().skip(4).any(|byte| *byte == b' ');
    line(bytes).map_or_else(
        |guess| guess,
        |line| if contains(line, b" HTTP/1.") || old(line) { Guess::Yes } else { Guess::No },
    )
}

/// Whether the bytes begin with this word, as far as they go, letter case apart.
fn starts_in_any_case(bytes: &[u8], word: &[u8]) -> Guess {
    let common = bytes.len().min(word.len());
    let alike = bytes.iter().zip(word).all(|(byte, letter)| byte.eq_ignore_ascii_case(letter));
    match alike {
        true if common == word.len() => Guess::Yes,
        true => Guess::NeedMore,
        false => Guess::No,
    }
}

/// RFC 9110 §9.3.6.
pub(super) fn connect(bytes: &[u8]) -> Guess {
    command(bytes, &["CONNECT "], |line| contains(line, b" HTTP/1."))
}

/// RFC 4253 §4.2; either side.
pub(super) fn ssh(bytes: &[u8]) -> Guess {
    either(["SSH-2.0-", "SSH-1.99-", "SSH-1.5-"].map(|start| starts(bytes, start.as_bytes())))
}

/// RFC 5321 §4.2; what says nothing of mail is known by what the client answers.
pub(super) fn smtp_server(bytes: &[u8]) -> Guess {
    command(bytes, &["220 ", "220-", "554 "], |line| {
        contains(line, b"smtp") || contains(line, b"mail") && !contains(line, b"ftp")
    })
}

/// RFC 5321 §4.1.1.1, RFC 2033 §4.1.
pub(super) fn smtp_client(bytes: &[u8]) -> Guess {
    command(bytes, &["EHLO ", "HELO ", "LHLO ", "ehlo ", "helo ", "lhlo "], |line| line.len() > 5)
}

/// RFC 959 §5.4.
pub(super) fn ftp_server(bytes: &[u8]) -> Guess {
    command(bytes, &["220 ", "220-"], |line| contains(line, b"ftp"))
}

/// RFC 9051 §7.1.
pub(super) fn imap_server(bytes: &[u8]) -> Guess {
    either(["* OK", "* PREAUTH", "* BYE"].map(|start| starts(bytes, start.as_bytes())))
}

/// RFC 9051 §2.2.1: a tag, then one of the commands that are allowed before login.
pub(super) fn imap_client(bytes: &[u8]) -> Guess {
    let alphanumeric = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    match bytes.split_at_checked(alphanumeric) {
        Some((_, [])) if alphanumeric <= 16 => Guess::NeedMore,
        Some((tag, rest)) if (1..=16).contains(&tag.len()) && tag.iter().any(u8::is_ascii_digit) => either(
            [" CAPABILITY\r\n", " LOGIN ", " STARTTLS\r\n", " AUTHENTICATE ", " NOOP\r\n", " ID "]
                .map(|word| starts(rest, word.as_bytes())),
        ),
        _ => Guess::No,
    }
}

/// RFC 1939 §4.
pub(super) fn pop3_server(bytes: &[u8]) -> Guess {
    starts(bytes, b"+OK")
}

/// RFC 2449 §5, RFC 2595 §4. USER is said to FTP servers too.
pub(super) fn pop3_client(bytes: &[u8]) -> Guess {
    either(["CAPA\r\n", "STLS\r\n", "APOP "].map(|start| starts(bytes, start.as_bytes())))
}

/// RFC 6143 §7.1.1.
pub(super) fn vnc(bytes: &[u8]) -> Guess {
    command(bytes, &["RFB 00"], |line| line.len() == 11 && line.get(7) == Some(&b'.'))
}

/// The server's INFO.
pub(super) fn nats(bytes: &[u8]) -> Guess {
    starts(bytes, b"INFO {")
}

/// The client's CONNECT.
pub(super) fn nats_client(bytes: &[u8]) -> Guess {
    starts(bytes, b"CONNECT {")
}

/// JSON-RPC of miners: Stratum, and the login of its Monero kin.
pub(super) fn stratum(bytes: &[u8]) -> Guess {
    command(bytes, &["{"], |line| {
        let words: [&[u8]; 4] =
            [b"\"mining.subscribe\"", b"\"mining.authorize\"", b"\"mining.configure\"", b"\"eth_submitlogin\""];
        let login = contains(line, b"\"method\"") && contains(line, b"\"login\"") && contains(line, b"\"params\"");
        login || words.iter().any(|word| contains(line, word))
    })
}

/// RFC 7826 §3; version 1.0 of RFC 2326 too.
pub(super) fn rtsp(bytes: &[u8]) -> Guess {
    command(bytes, &["OPTIONS ", "DESCRIBE ", "SETUP ", "PLAY ", "ANNOUNCE "], |line| contains(line, b" RTSP/"))
}

/// RFC 3261 §7.1.
pub(super) fn sip(bytes: &[u8]) -> Guess {
    let words = ["OPTIONS ", "INVITE ", "REGISTER ", "MESSAGE ", "SUBSCRIBE "];
    command(bytes, &words, |line| line.ends_with(b" SIP/2.0"))
}

/// STOMP 1.2, frame CONNECT or STOMP.
pub(super) fn stomp(bytes: &[u8]) -> Guess {
    either(["CONNECT\n", "CONNECT\r\n", "STOMP\n", "STOMP\r\n"].map(|start| starts(bytes, start.as_bytes())))
}

/// The text protocol.
pub(super) fn memcached(bytes: &[u8]) -> Guess {
    let words = [
        "get ",
        "gets ",
        "set ",
        "add ",
        "mg ",
        "ms ",
        "mn\r",
        "delete ",
        "stats",
        "version\r",
        "verbosity ",
        "flush_all",
    ];
    command(bytes, &words, |_| true)
}

/// RFC 5424 §6.2.1, with or without the length of RFC 6587 §3.4.1.
pub(super) fn syslog(bytes: &[u8]) -> Guess {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length = digits(bytes);
    let rest = match bytes.get(length..) {
        Some([b' ', rest @ ..]) if (1..=5).contains(&length) => rest,
        Some([b'<', ..]) if length == 0 => bytes,
        Some([]) if length <= 5 => return Guess::NeedMore,
        _ => return Guess::No,
    };
    let Some((b'<', rest)) = rest.split_first() else {
        return if rest.is_empty() { Guess::NeedMore } else { Guess::No };
    };
    let priority = digits(rest);
    match (rest.get(..priority), rest.get(priority)) {
        (_, None) if priority <= 3 => Guess::NeedMore,
        (Some(number), Some(b'>')) if (1..=3).contains(&priority) => {
            let value = number.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
            if value <= 191 { Guess::Yes } else { Guess::No }
        }
        _ => Guess::No,
    }
}
