//! Lines that hold each other: each carries its number and the hash of the one before, so that a line that is changed,
//! taken out or put in shows. What the chain cannot show is that its end was cut off, or that all of it was written anew
//! by someone who may write the file: keep the newest hash elsewhere (the copy on stdout does).
//!
//! ```text
//! {…the line's own fields…,"seq":7,"prev":"<hash of line 6>","hash":"<SHA-256 of all before this field>"}
//! ```

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Where a chain stands: the number of the next line, and the hash of the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    next: u64,
    last: [u8; 32],
}

/// What comes before `hash` in a line.
const HASH_FIELD: &str = ",\"hash\":\"";
/// What a line ends with: the hash and the brackets.
const TAIL_BYTES: usize = 64 + 2;

/// Why a line does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It is no line of a chain.
    NotALine,
    /// Its own hash is not that of its text: it was changed.
    Changed,
    /// It does not follow the line before: lines were taken out, put in or moved.
    DoesNotFollow {
        /// The number that should follow.
        expected: u64,
        /// The number that it has.
        found: u64,
    },
}

impl Chain {
    /// The line, linked, and the chain as it stands once the line is written.
    ///
    /// `line` is one JSON object without a newline; the answer ends with one.
    pub fn link(&self, line: &str) -> (String, Self) {
        let open = line.strip_suffix('}').unwrap_or(line);
        let mut linked = String::with_capacity(line.len() + 200);
        // Writing to a String cannot fail.
        let _ = write!(linked, "{open},\"seq\":{},\"prev\":\"{}\"", self.next, hex(&self.last));
        let hash: [u8; 32] = Sha256::digest(linked.as_bytes()).into();
        let _ = writeln!(linked, "{HASH_FIELD}{}\"}}", hex(&hash));
        (linked, Self { next: self.next + 1, last: hash })
    }

    /// The chain as it stands after a linked line, which must hold by itself.
    ///
    /// # Errors
    /// When it is no line, or was changed.
    pub fn after(line: &str) -> Result<Self, Broken> {
        let Link { seq, hash, .. } = Link::read(line)?;
        Ok(Self { next: seq + 1, last: hash })
    }

    /// Goes on to the next line, which must follow.
    ///
    /// # Errors
    /// When it does not hold, or does not follow.
    pub fn follow(&mut self, line: &str) -> Result<(), Broken> {
        let Link { seq, prev, hash } = Link::read(line)?;
        let follows = (seq, prev) == (self.next, self.last);
        let expected = std::mem::replace(self, Self { next: seq + 1, last: hash }).next;
        if follows { Ok(()) } else { Err(Broken::DoesNotFollow { expected, found: seq }) }
    }

    /// The number of the next line.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The hash of the last line, hex; zeros before the first.
    pub fn last_hash(&self) -> String {
        hex(&self.last)
    }
}

/// The links of a line whose hash is right.
struct Link {
    seq: u64,
    prev: [u8; 32],
    hash: [u8; 32],
}

impl Link {
    fn read(line: &str) -> Result<Self, Broken> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let (hashed, tail) = line.split_at_checked(line.len().saturating_sub(TAIL_BYTES)).ok_or(Broken::NotALine)?;
        let hash = tail.strip_suffix("\"}").and_then(unhex).ok_or(Broken::NotALine)?;
        let hashed = hashed.strip_suffix(HASH_FIELD).ok_or(Broken::NotALine)?;
        if hash != <[u8; 32]>::from(Sha256::digest(hashed.as_bytes())) {
            return Err(Broken::Changed);
        }
        let (rest, prev) = hashed.rsplit_once(",\"prev\":\"").ok_or(Broken::NotALine)?;
        let prev = prev.strip_suffix('"').and_then(unhex).ok_or(Broken::NotALine)?;
        let (_, seq) = rest.rsplit_once(",\"seq\":").ok_or(Broken::NotALine)?;
        Ok(Self { seq: seq.parse().map_err(|_| Broken::NotALine)?, prev, hash })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<String> {
        let mut chain = Chain::default();
        let lines = ["{\"a\":1}", "{\"a\":2,\"seq\":9,\"prev\":\"x\"}", "{\"a\":3}"];
        lines
            .map(|line| {
                let (linked, next) = chain.link(line);
                chain = next;
                linked
            })
            .to_vec()
    }

    fn first_broken(lines: &[String]) -> Option<Broken> {
        let mut chain = Chain::default();
        lines.iter().find_map(|line| chain.follow(line).err())
    }

    #[test]
    fn whole_chain_holds() {
        assert_eq!(first_broken(&three()), None);
        assert!(serde_json::from_str::<serde_json::Value>(&three()[0]).is_ok());
    }

    #[test]
    fn changed_line_shows() {
        let mut lines = three();
        lines[1] = lines[1].replace("\"a\":2", "\"a\":4");
        assert_eq!(first_broken(&lines), Some(Broken::Changed));
    }

    #[test]
    fn missing_line_shows() {
        let mut lines = three();
        lines.remove(1);
        assert_eq!(first_broken(&lines), Some(Broken::DoesNotFollow { expected: 1, found: 2 }));
    }

    #[test]
    fn swapped_lines_show() {
        let mut lines = three();
        lines.swap(1, 2);
        assert!(first_broken(&lines).is_some());
    }

    #[test]
    fn what_is_no_line_shows() {
        for text in ["", "{}", "x", &"é".repeat(40)] {
            assert_eq!(Chain::after(text), Err(Broken::NotALine));
        }
    }

    #[test]
    fn chain_goes_on_after_its_last_line() {
        let lines = three();
        let mut chain = Chain::after(&lines[1]).unwrap();
        assert_eq!(chain.follow(&lines[2]), Ok(()));
    }
}
