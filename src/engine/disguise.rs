//! Tunnels in disguise: what begins inside of a request's body, a message of a WebSocket or of a gRPC call, or in a field of
//! one, is asked, as the first bytes of a connection are, what it is. SSH and SOCKS in there carry anything past what judges
//! requests. `beginning` asks the same of answers.

use super::Case;
use crate::canon::cursor;
use crate::flow::{Chain, Extent, Hit, Part, Place, Side, Weight};
use crate::protocol::identify::{Answer, identify};
use crate::protocol::protobuf;
use std::borrow::Cow;

const OBSERVER: &str = "tunnel";
/// Bytes before a banner that a tunnel's own framing may take.
pub(super) const FRAMING: usize = 32;
/// RFC 4253 §4.2: the longest banner.
pub(super) const BANNER: usize = 255;
/// Pieces of one body that are asked: a tunnel begins with its body, or with the first few pieces of it.
const PIECES: u8 = 4;
/// Messages of one call that are asked, and fields of each.
const MESSAGES: u8 = 32;
const FIELDS: usize = 16;
/// Bytes that are shown as evidence.
const SHOWN: usize = 64;

/// What else a carrier can begin with inside of HTTP, and what that is called.
const CARRIERS: [(&str, &str); 5] = [
    ("socks4", "tunnel-socks"),
    ("tls", "tunnel-tls"),
    ("rdp", "tunnel-rdp"),
    ("smb", "tunnel-smb"),
    ("stratum", "miner-login"),
];

impl Case<'_> {
    /// Asks what begins in the next piece of a body, or in a message. What is found is weighed with it.
    pub(super) fn unmask(&mut self, bytes: &[u8]) {
        if self.pieces >= PIECES || bytes.is_empty() {
            return;
        }
        self.pieces += 1;
        self.weigh(disguised(bytes), bytes);
    }

    /// Asks what begins in the next messages of a gRPC call, and in their fields.
    pub(super) fn unmask_messages(&mut self, messages: &[Cow<'_, [u8]>]) {
        for message in messages.iter().filter(|message| !message.is_empty()) {
            if self.pieces >= MESSAGES {
                return;
            }
            self.pieces += 1;
            let fields = protobuf::beginnings(message, FIELDS);
            let found = [&**message].into_iter().chain(fields).find_map(|bytes| Some((disguised(bytes)?, bytes)));
            if let Some((signature, bytes)) = found {
                self.weigh(Some(signature), bytes);
            }
        }
    }

    fn weigh(&mut self, signature: Option<&'static str>, bytes: &[u8]) {
        let Some(signature) = signature else { return };
        let (part, hit) = sign(Place::BodyOpaque, signature, bytes);
        self.observe(part, hit);
    }
}

/// What is found, with the bytes that show it.
pub(super) fn sign(place: Place, signature: &'static str, bytes: &[u8]) -> (Part<'static>, Hit) {
    let shown = bytes.get(..bytes.len().min(SHOWN)).unwrap_or_default().to_vec();
    let range = 0..shown.len();
    let part = Part {
        place,
        name: Cow::Borrowed(b""),
        raw: b"",
        canonical: Cow::Owned(shown),
        chain: Chain::EMPTY,
        extent: Extent::First,
    };
    (part, Hit { detector: OBSERVER, signature: signature.into(), range, weight: Weight::CERTAIN })
}

/// What begins here, if it is a carrier.
fn disguised(bytes: &[u8]) -> Option<&'static str> {
    if banner_end(bytes).is_some() {
        return Some("tunnel-ssh");
    }
    if is_socks_request(bytes) {
        return Some("tunnel-socks");
    }
    match identify(Side::Client, bytes) {
        Answer::Is(sign) => CARRIERS.iter().find(|(protocol, _)| *protocol == sign.protocol).map(|(_, name)| *name),
        Answer::NeedMore | Answer::Unknown => None,
    }
}

/// Where a banner of SSH ends that is a line of its own, at the beginning or behind the few octets of a tunnel's framing. (One
/// tunnel says its own name where the version stands.)
pub(super) fn banner_end(bytes: &[u8]) -> Option<usize> {
    let name = b"SSH-";
    let at = cursor::find_exact(bytes.get(..bytes.len().min(FRAMING + name.len())).unwrap_or_default(), name)?;
    let (before, banner) = bytes.get(..bytes.len().min(FRAMING + BANNER)).unwrap_or_default().split_at_checked(at)?;
    let starts: [&[u8]; 3] = [b"SSH-2.0-", b"SSH-1.99-", b"SSH-chisel-"];
    let framed = before.is_empty() || before.iter().any(is_framing) && !has_word(before);
    let line = memchr::memchr(b'\n', banner)?;
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) || *byte == b'\r';
    let spoken = starts.iter().any(|start| banner.starts_with(start));
    (framed && spoken && banner.iter().take(line).all(plain)).then_some(at + line + 1)
}

/// What no text has: control characters other than those that end its lines and columns.
pub(super) fn is_framing(byte: &u8) -> bool {
    byte.is_ascii_control() && !byte.is_ascii_whitespace()
}

/// Framing has no words; a text about banners has.
fn has_word(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|letters| letters.iter().all(u8::is_ascii_alphabetic))
}

/// A request to connect, all of it (RFC 1928 §4).
pub(super) fn is_socks_request(bytes: &[u8]) -> bool {
    match bytes {
        [5, 1, 0, 1, rest @ ..] => rest.len() == 6,
        [5, 1, 0, 4, rest @ ..] => rest.len() == 18,
        [5, 1, 0, 3, length, name @ ..] => {
            let host = name.get(..usize::from(*length)).unwrap_or_default();
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            name.len() == usize::from(*length) + 2 && !host.is_empty() && host.iter().all(plain)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_known_by_their_beginning() {
        let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some("tunnel-ssh")),
            (b"SSH-2.0-OpenSSH_9.2\r\n\0\0\x05\x14\x06\x14", Some("tunnel-ssh")),
            (b"\x02\0\x15SSH-2.0-OpenSSH_9.2\r\n", Some("tunnel-ssh")),
            (b"SSH-chisel-v3-client\r\n", Some("tunnel-ssh")),
            (b"\x05\x01\0\x03\x0bapi.example\x01\xbb", Some("tunnel-socks")),
            (b"\x05\x01\0\x01\x0a\0\0\x01\x01\xbb", Some("tunnel-socks")),
            (hello, Some("tunnel-tls")),
            (b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n", Some("miner-login")),
            (b"SSH-2.0-OpenSSH_9.2 is what the scanner found", None),
            (b"banner: SSH-2.0-OpenSSH_9.2\r\n", None),
            (b"{\"banner\": \"SSH-2.0-OpenSSH_9.2\"}\n", None),
            (b"\x05\x01\0\x03\x0bapi.example\x01\xbb and more", None),
            (b"\x05\x01\0\x01", None),
            (b"GET / HTTP/1.1\r\n", None),
        ];
        for (bytes, told) in cases {
            assert_eq!(disguised(bytes), *told, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn framing_ends_at_its_limit() {
        let framed = |octets: usize| [vec![0; octets], b"SSH-2.0-x\r\n".to_vec()].concat();
        assert_eq!(disguised(&framed(FRAMING)), Some("tunnel-ssh"));
        assert_eq!(disguised(&framed(FRAMING + 1)), None);
    }
}
