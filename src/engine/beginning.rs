//! What an answer begins with, and each of the first messages that a server sends: a tunnel in disguise speaks there too,
//! and one that hides what it sends in its requests shows in nothing else. Looked at as it comes, never held.
//!
//! A file may hold anything, so less is a sign here than in a request: a banner of SSH is one where binary packets follow
//! it, or as a message of its own; in a body whose last bytes it is, or before text, it is a line of text.

use super::disguise::{self, BANNER, FRAMING, banner_end};
use super::{ATTACK, Case, Engine};
use crate::canon::cursor;
use crate::flow::{Exception, Hit, Judgement, Mode, Part, Place, Side};
use crate::protocol::grpc::PREFIX;
use crate::protocol::identify::{Answer, identify};
use crate::protocol::protobuf;
use std::sync::Arc;

/// Bytes that are looked at: the longest banner behind its framing, and what follows it.
const LOOKED: usize = FRAMING + BANNER + 1;
/// Messages whose beginning is looked at.
const MESSAGES: u8 = 32;
/// Fields of one message that are looked at.
const FIELDS: usize = 16;

/// What else a carrier can begin with, sent by either of its sides, and what that is called. Bytes that some file may begin
/// with as well are not among them.
const CARRIERS: [(&str, &str); 3] = [("tls", "tunnel-tls"), ("rdp", "tunnel-rdp"), ("smb", "tunnel-smb")];

/// What begins in an answer does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disguised;

/// The beginning of one answer, or of the messages in it. `head.len() <= LOOKED`.
#[derive(Clone, Debug, Default)]
pub struct Beginning {
    /// Whether what is found keeps the rest back, or is only told of.
    acts: bool,
    exceptions: Vec<Arc<Exception>>,
    head: Vec<u8>,
    messages: Option<Frames>,
    /// Messages that were begun.
    begun: u8,
    done: bool,
    found: Option<Box<(Part<'static>, Hit)>>,
}

/// Where in the messages of a gRPC call the next byte stands. `prefix.len() <= PREFIX`.
#[derive(Clone, Debug, Default)]
struct Frames {
    prefix: Vec<u8>,
    left: usize,
}

impl Beginning {
    /// Whether anything was found.
    pub fn is_telling(&self) -> bool {
        self.found.is_some()
    }

    /// What follows are messages of gRPC.
    pub fn of_messages(&mut self) {
        self.messages = Some(Frames::default());
    }

    /// The next bytes of a body; `last` when they end it.
    ///
    /// # Errors
    /// They do not go on, and nothing after them.
    pub fn body(&mut self, bytes: &[u8], last: bool) -> Result<(), Disguised> {
        if self.done {
            return Ok(());
        }
        if let Some(frames) = self.messages.take() {
            return self.frames(frames, bytes);
        }
        if self.head.is_empty() && bytes.len() >= LOOKED {
            self.done = true;
            let signature = bytes.get(..LOOKED).and_then(|head| carrier(head, Extent::Goes { on: true }));
            return self.act(signature, bytes);
        }
        self.keep(bytes);
        self.done = self.head.len() == LOOKED || last;
        let head = std::mem::take(&mut self.head);
        let acted = self.act(carrier(&head, Extent::Goes { on: !last }), &head);
        self.head = head;
        acted
    }

    /// The next bytes of a message; `first` when they begin it.
    ///
    /// # Errors
    /// As [`Self::body`].
    pub fn message(&mut self, bytes: &[u8], first: bool) -> Result<(), Disguised> {
        if first {
            self.head.clear();
            self.begun = self.begun.saturating_add(1);
        }
        if self.begun > MESSAGES || self.head.len() == LOOKED || bytes.is_empty() {
            return Ok(());
        }
        self.keep(bytes);
        let head = std::mem::take(&mut self.head);
        let within = protobuf::beginnings(&head, FIELDS);
        let signature = [&*head].into_iter().chain(within).find_map(|bytes| carrier(bytes, Extent::Message));
        let acted = self.act(signature, &head);
        self.head = head;
        acted
    }

    fn frames(&mut self, mut frames: Frames, mut bytes: &[u8]) -> Result<(), Disguised> {
        while !bytes.is_empty() && self.begun <= MESSAGES {
            if frames.left == 0 {
                let (prefix, rest) = bytes.split_at(bytes.len().min(PREFIX - frames.prefix.len()));
                frames.prefix.extend_from_slice(prefix);
                bytes = rest;
                let Some([_, a, b, c, d]) = frames.prefix.first_chunk() else { break };
                frames.left = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                self.message(&[], true)?;
                if frames.left == 0 {
                    frames.prefix.clear();
                }
                continue;
            }
            let (content, rest) = bytes.split_at(bytes.len().min(frames.left));
            bytes = rest;
            frames.left -= content.len();
            // What is compressed says nothing, and trailers are no message.
            if frames.prefix.first() == Some(&0) {
                self.message(content, false)?;
            }
            if frames.left == 0 {
                frames.prefix.clear();
            }
        }
        self.messages = Some(frames);
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LOOKED - self.head.len();
        self.head.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
    }

    fn act(&mut self, signature: Option<&'static str>, bytes: &[u8]) -> Result<(), Disguised> {
        let Some(signature) = signature.filter(|_| self.found.is_none()) else { return Ok(()) };
        let (part, hit) = disguise::sign(Place::Response, signature, bytes);
        if self.exceptions.iter().any(|exception| exception.excuses(&part, &hit)) {
            return Ok(());
        }
        self.found = Some(Box::new((part, hit)));
        if self.acts { Err(Disguised) } else { Ok(()) }
    }
}

impl Case<'_> {
    /// What the beginning of an answer is held against.
    pub fn beginning(&self) -> Beginning {
        let exceptions = self.found().exceptions().to_vec();
        Beginning { acts: self.mode == Mode::Enforce, exceptions, ..Beginning::default() }
    }

    /// The judgement of what an answer began with; nothing when there is nothing to tell.
    pub fn unmasked(&mut self, beginning: Beginning) -> Option<Judgement> {
        let (part, hit) = *beginning.found?;
        self.observe(part, hit);
        let reason = self.inspect(&[], &mut Engine::budget(0));
        (reason == Some(ATTACK)).then(|| self.object(ATTACK))
    }
}

/// What bytes are the beginning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// A body, of which more comes or not.
    Goes { on: bool },
    /// A message.
    Message,
}

/// What begins here, if it is a carrier.
fn carrier(bytes: &[u8], extent: Extent) -> Option<&'static str> {
    if let Some(end) = banner_end(bytes) {
        let packets = match bytes.get(end) {
            Some(next) => disguise::is_framing(next),
            // What comes next tells.
            None => extent == Extent::Message,
        };
        return packets.then_some("tunnel-ssh");
    }
    let whole = matches!(extent, Extent::Goes { on: false } | Extent::Message);
    if whole && disguise::is_socks_request(bytes) {
        return Some("tunnel-socks");
    }
    if is_server_hello(bytes) {
        return Some("tunnel-tls");
    }
    if is_connection_confirm(bytes) {
        return Some("tunnel-rdp");
    }
    if is_job(bytes) {
        return Some("miner-job");
    }
    // The first octets of these three; the rest of the table need not be asked.
    if !matches!(bytes.first(), Some(0 | 3 | 22)) {
        return None;
    }
    match identify(Side::Client, bytes) {
        Answer::Is(sign) => CARRIERS.iter().find(|(protocol, _)| *protocol == sign.protocol).map(|(_, name)| *name),
        Answer::NeedMore | Answer::Unknown => None,
    }
}

/// A ServerHello that begins a record, to its session's identifier (RFC 8446 §4.1.3, §5.1).
fn is_server_hello(bytes: &[u8]) -> bool {
    let [22, 3, 0..=4, high, low, 2, 0, a, b, 3, 0..=3, rest @ ..] = bytes else { return false };
    let record = usize::from(u16::from_be_bytes([*high, *low]));
    let message = usize::from(u16::from_be_bytes([*a, *b]));
    record <= 1 << 14 && (38..=1 << 12).contains(&message) && rest.get(32).is_some_and(|session| *session <= 32)
}

/// TPKT, then an X.224 connection confirm of a whole packet (MS-RDPBCGR §2.2.1.2).
fn is_connection_confirm(bytes: &[u8]) -> bool {
    let [3, 0, 0, length @ (11 | 19), inner, 0xD0, 0, 0, _, _, _, ..] = bytes else { return false };
    *inner == length - 5
}

/// The first line is a pool's word to its miner.
fn is_job(bytes: &[u8]) -> bool {
    if bytes.first() != Some(&b'{') {
        return false;
    }
    let line = bytes.get(..memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())).unwrap_or_default();
    let says = |word: &[u8]| cursor::find_exact(line, word).is_some();
    match says(b"mining.") {
        true => says(b"\"mining.notify\"") || says(b"\"mining.set_difficulty\""),
        false => has_block(line) && says(b"job\""),
    }
}

/// A block to work on: `"blob"` is more hexadecimal digits than any hash has.
fn has_block(line: &[u8]) -> bool {
    const DIGITS: usize = 96;
    let name = b"blob\":";
    let value = cursor::find_exact(line, name).and_then(|at| line.get(at + name.len()..)).unwrap_or_default();
    let digits = value.trim_ascii_start().strip_prefix(b"\"").unwrap_or_default();
    digits.iter().take_while(|byte| byte.is_ascii_hexdigit()).count() >= DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is found in a body that comes in pieces of so many bytes.
    fn found(bytes: &[u8], size: usize, whole: bool) -> Option<String> {
        let mut beginning = Beginning { acts: true, ..Beginning::default() };
        let count = bytes.chunks(size).count();
        let mut pieces = bytes.chunks(size).enumerate();
        let passed = pieces.try_for_each(|(at, piece)| beginning.body(piece, whole && at + 1 == count));
        assert_eq!(passed.is_err(), beginning.found.is_some());
        beginning.found.map(|found| found.1.signature.to_string())
    }

    fn grpc(messages: &[&[u8]]) -> Vec<u8> {
        let frame = |message: &&[u8]| [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat();
        messages.iter().flat_map(frame).collect()
    }

    fn found_in_messages(bytes: &[u8], size: usize) -> Option<String> {
        let mut beginning = Beginning { acts: true, ..Beginning::default() };
        beginning.of_messages();
        let _ = bytes.chunks(size).try_for_each(|piece| beginning.body(piece, false));
        beginning.found.map(|found| found.1.signature.to_string())
    }

    fn server_hello() -> Vec<u8> {
        [b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03".as_slice(), &[7; 32], &[32], &[1; 32], b"\x13\x01\0"].concat()
    }

    #[test]
    fn carriers_are_known_however_they_are_split() {
        let job = format!(r#"{{"id":1,"result":{{"job":{{"blob":"{}","job_id":"1"}}}}}}"#, "07a6".repeat(38));
        let cases: &[(&[u8], &str)] = &[
            (b"SSH-2.0-OpenSSH_9.2\r\n\0\0\x05\x14\x06\x14", "tunnel-ssh"),
            (b"\x02\0\x15SSH-2.0-OpenSSH_9.2\r\n\x02\0\0\x05", "tunnel-ssh"),
            (&server_hello(), "tunnel-tls"),
            (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "tunnel-tls"),
            (b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x0f\x08\0\x02\0\0\0", "tunnel-rdp"),
            (b"\0\0\0\x45\xfeSMB@\0", "tunnel-smb"),
            (b"{\"id\":null,\"method\":\"mining.notify\",\"params\":[]}\n", "miner-job"),
            (job.as_bytes(), "miner-job"),
        ];
        for (bytes, name) in cases {
            for size in [1, 2, 7, 1000] {
                assert_eq!(found(bytes, size, false).as_deref(), Some(*name), "{} by {size}", bytes.escape_ascii());
            }
        }
        let long = [b"SSH-2.0-OpenSSH_9.2\r\n\0\0\x05".to_vec(), vec![9; 5000]].concat();
        assert_eq!(found(&long, 5000, true).as_deref(), Some("tunnel-ssh"));
    }

    #[test]
    fn what_files_hold_is_no_tunnel() {
        let middle = [vec![b'x'; 300], b"\nSSH-2.0-OpenSSH_9.2\r\n\0\0\x05\x14".to_vec()].concat();
        let cases: &[&[u8]] = &[
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\nSSH-2.0-dropbear\r\n",
            b"SSH-2.0-OpenSSH_9.2 is what the scanner found\n",
            b"host a\nSSH-2.0-OpenSSH_9.2\r\nhost b\n",
            b"{\"banner\":\"SSH-2.0-OpenSSH_9.2\\r\\n\"}",
            b"{\"job\":\"nightly\",\"state\":\"done\"}",
            b"{\"job\":{\"id\":7},\"blob\":\"9e107d9d372bb6826bd81d3542a419d69e107d9d\"}",
            b"\x16\x03\x03 is how a record begins",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            b"PK\x03\x04\x14\0\0\0",
            b"\x1f\x8b\x08\0\0\0\0\0",
            b"\x04\x01\0\x50\x0a\0\0\x01\0and more",
            b"\0\0\0\x18ftypmp42",
            b"%PDF-1.7\n",
            b"%PDF-1.7\nSSH-2.0-OpenSSH_9.2\r\n\0\0\x05\x14",
            &middle,
        ];
        for bytes in cases {
            for size in [1, 2, 7, 1000] {
                assert_eq!(found(bytes, size, true), None, "{} by {size}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn messages_are_asked_one_by_one() {
        let banner = b"SSH-2.0-OpenSSH_9.2\r\n".as_slice();
        let field = |bytes: &[u8]| [&[0x12, bytes.len() as u8], bytes].concat();
        let inner = [b"\x08\x01".to_vec(), field(&field(&server_hello()))].concat();
        for (messages, name) in [
            (grpc(&[b"\x08\x07", &field(banner)]), Some("tunnel-ssh")),
            (grpc(&[banner]), Some("tunnel-ssh")),
            (grpc(&[b"", &inner]), Some("tunnel-tls")),
            (grpc(&[&field(b"\x05\x01\0\x01\x0a\0\0\x01\x01\xbb")]), Some("tunnel-socks")),
            (grpc(&[&field(b"the banner SSH-2.0-x\r\n"), &field(b"{\"id\":1}")]), None),
        ] {
            for size in [1, 2, 7, 1000] {
                assert_eq!(found_in_messages(&messages, size).as_deref(), name, "{}", messages.escape_ascii());
            }
        }
    }

    #[test]
    fn messages_are_asked_up_to_their_limit() {
        let behind = |count: u8| {
            let hello = [vec![b"\x08\x07".as_slice(); usize::from(count)], vec![b"SSH-2.0-x\r\n"]].concat();
            found_in_messages(&grpc(&hello), 1000)
        };
        assert!(behind(MESSAGES - 1).is_some() && behind(MESSAGES).is_none());
    }

    #[test]
    fn what_is_not_acted_on_goes_on() {
        let mut beginning = Beginning::default();
        assert_eq!(beginning.body(b"SSH-2.0-x\r\n\0\0\x05", false), Ok(()));
        assert!(beginning.found.is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), size in 1usize..50, calls: bool) {
            let mut beginning = Beginning { acts: true, ..Beginning::default() };
            if calls {
                beginning.of_messages();
            }
            let passed = bytes.chunks(size).try_for_each(|piece| beginning.body(piece, false));
            prop_assert!(beginning.head.len() <= LOOKED);
            prop_assert_eq!(passed.is_err(), beginning.found.is_some());
        }
    }
}
