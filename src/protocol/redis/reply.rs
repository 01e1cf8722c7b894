//! What a server sends: frames of RESP2 and RESP3, passed on as they come. Only where a whole answer begins is looked at:
//! a simple error there may be the refusal that stands for a denial.

use super::{ANSWER, DEPTH};
use crate::protocol::Malformed;

/// Bytes of a line: a length, a number, a status, an error. Servers' errors are shorter than a few hundred.
const LINE: usize = 64 << 10;

/// Where a stream of answers has come to.
#[derive(Debug, Default)]
pub struct Frames {
    /// Elements that each open aggregate still lacks, the outermost first.
    open: Vec<u64>,
    /// Bytes of a string that are still to come, its line end included.
    string: u64,
}

/// One step through the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not enough bytes.
    Need,
    /// So many bytes pass.
    Pass(usize),
    /// A simple error that is a whole answer, of so many bytes.
    Error(usize),
}

impl Frames {
    /// Whether the next byte begins an answer.
    pub fn is_between(&self) -> bool {
        self.open.is_empty() && self.string == 0
    }

    /// The next step at the beginning of `bytes`.
    ///
    /// # Errors
    /// The server breaks the form.
    pub fn step(&mut self, bytes: &[u8]) -> Result<Step, Malformed> {
        if self.string > 0 {
            let count = bytes.len().min(usize::try_from(self.string).unwrap_or(usize::MAX));
            self.string -= count as u64;
            if self.string == 0 {
                self.element_done();
            }
            return Ok(if count == 0 { Step::Need } else { Step::Pass(count) });
        }
        let Some(end) = bytes.iter().take(LINE).position(|byte| *byte == b'\n') else {
            return if bytes.len() >= LINE { Err(Malformed::new(0, ANSWER)) } else { Ok(Step::Need) };
        };
        let line = bytes.get(..=end).unwrap_or_default();
        let Some(([sign, text @ ..], b"\r\n")) = line.split_last_chunk::<2>().map(|(line, end)| (line, end.as_slice()))
        else {
            return Err(Malformed::new(0, ANSWER));
        };
        let whole = self.open.is_empty();
        match sign {
            b'-' if whole => return Ok(Step::Error(line.len())),
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => self.element_done(),
            b'$' | b'!' | b'=' => self.string(length(text)?),
            b'*' | b'~' | b'>' => self.aggregate(length(text)?, 1)?,
            b'%' => self.aggregate(length(text)?, 2)?,
            // Attributes stand before what they are of.
            b'|' => self.attributes(length(text)?)?,
            _ => return Err(Malformed::new(0, ANSWER)),
        }
        Ok(Step::Pass(line.len()))
    }

    fn string(&mut self, length: Option<u64>) {
        match length {
            Some(length) => self.string = length.saturating_add(2),
            None => self.element_done(),
        }
    }

    fn aggregate(&mut self, count: Option<u64>, each: u64) -> Result<(), Malformed> {
        match count.map(|count| count.saturating_mul(each)) {
            Some(0) | None => self.element_done(),
            Some(_) if self.open.len() >= DEPTH => return Err(Malformed::new(0, ANSWER)),
            Some(count) => self.open.push(count),
        }
        Ok(())
    }

    fn attributes(&mut self, count: Option<u64>) -> Result<(), Malformed> {
        // One more element: what they are of takes the place that was meant for it.
        if let Some(last) = self.open.last_mut() {
            *last = last.saturating_add(1);
        }
        let count = count.unwrap_or_default().saturating_mul(2);
        match (count, self.open.is_empty()) {
            (0, true) => Ok(()),
            // At the top an attribute and its answer are one: both are elements of a pair.
            (_, true) => {
                self.open.push(2);
                self.aggregate(Some(count), 1)
            }
            (_, false) => self.aggregate(Some(count), 1),
        }
    }

    /// An element is complete; so may be what it was the last of.
    fn element_done(&mut self) {
        while let Some(last) = self.open.last_mut() {
            *last = last.saturating_sub(1);
            if *last > 0 {
                return;
            }
            self.open.pop();
        }
    }
}

/// A length; nothing for -1, the null of RESP2.
fn length(text: &[u8]) -> Result<Option<u64>, Malformed> {
    if text == b"-1" {
        return Ok(None);
    }
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).map(Some).ok_or(Malformed::new(0, ANSWER))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole answers of a stream, cut anywhere.
    fn answers(stream: &[u8], piece: usize) -> Result<Vec<String>, &'static str> {
        let (mut frames, mut answers) = (Frames::default(), vec![String::new()]);
        let (mut held, mut given) = (Vec::new(), stream.chunks(piece));
        loop {
            match frames.step(&held).map_err(|malformed| malformed.why.name)? {
                Step::Need => match given.next() {
                    Some(more) => held.extend_from_slice(more),
                    None => break,
                },
                Step::Pass(count) | Step::Error(count) => {
                    let taken: Vec<u8> = held.drain(..count).collect();
                    answers.last_mut().unwrap().push_str(&String::from_utf8_lossy(&taken));
                    if frames.is_between() {
                        answers.push(String::new());
                    }
                }
            }
        }
        answers.pop();
        Ok(answers)
    }

    #[test]
    fn answers_are_told_apart_in_every_split() {
        let whole = [
            "+OK\r\n",
            "-ERR no\r\n",
            "$5\r\n-ERR \r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*0\r\n",
            "*2\r\n*1\r\n:1\r\n$4\r\n-a\r\n\r\n",
            ">3\r\n+message\r\n$1\r\nc\r\n$0\r\n\r\n",
            "%1\r\n+server\r\n*2\r\n_\r\n#t\r\n",
            "|1\r\n+ttl\r\n:3\r\n*1\r\n,1.5\r\n",
            "*2\r\n|1\r\n+ttl\r\n:3\r\n:1\r\n:2\r\n",
            "=8\r\ntxt:a\r\nb\r\n",
            "(123456789012345678901234567890\r\n",
        ];
        let stream = whole.concat();
        for piece in [1, 2, 3, 7, stream.len()] {
            assert_eq!(answers(stream.as_bytes(), piece).unwrap(), whole, "{piece}");
        }
    }

    #[test]
    fn only_a_whole_answer_is_an_error() {
        let mut frames = Frames::default();
        assert_eq!(frames.step(b"-ERR no\r\n"), Ok(Step::Error(9)));
        assert_eq!(frames.step(b"*1\r\n"), Ok(Step::Pass(4)));
        assert_eq!(frames.step(b"-ERR no\r\n"), Ok(Step::Pass(9)));
        assert!(frames.is_between());
    }

    #[test]
    fn broken_form_is_the_servers_fault() {
        for stream in ["HTTP/1.1 400\r\n", "$x\r\n", "*--1\r\n", "+OK\n", "$+1\r\n"] {
            assert_eq!(answers(stream.as_bytes(), 64), Err("redis-answer"), "{stream:?}");
        }
        let deep = |depth: usize| format!("{}:1\r\n", "*1\r\n".repeat(depth));
        assert_eq!(answers(deep(DEPTH).as_bytes(), 999).unwrap().len(), 1);
        assert_eq!(answers(deep(DEPTH + 1).as_bytes(), 999), Err("redis-answer"));
    }
}
