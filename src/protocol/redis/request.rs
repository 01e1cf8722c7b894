//! What a client sends: arrays of bulk strings, or a line of words. Strict where servers are loose: what is released
//! reads one way only. An inline command goes on as the array that it means.

use super::{FORM, HTTP, INLINE_BYTES, LENGTH, WORDS};
use crate::protocol::Malformed;
use crate::protocol::exchange::Found;
use std::ops::Range;

/// Digits of a length: no command is longer than ten digits say.
const DIGITS: usize = 10;

/// Reads commands; remembers how far it has come, so that a command that arrives byte by byte is read once.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes read of an unfinished array; 0 when none is.
    at: usize,
    /// Words that it still lacks.
    left: usize,
    /// Where each word stands in the message, or in `inline`.
    words: Vec<Range<usize>>,
    /// The array that an inline command means; empty when the command came as an array.
    inline: Vec<u8>,
    most_bytes: usize,
}

impl Reader {
    /// Reads commands of at most so many bytes.
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, ..Self::default() }
    }

    /// The next command at the beginning of `bytes`.
    ///
    /// # Errors
    /// Its form, or a limit.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Found, Malformed> {
        match bytes.first() {
            None => Ok(Found::Need),
            Some(b'*') => self.array(bytes),
            Some(_) => self.line(bytes),
        }
    }

    /// The words of the command that was found last, which stands in `message`.
    pub fn words<'a>(&'a self, message: &'a [u8]) -> Vec<&'a [u8]> {
        let text = if self.inline.is_empty() { message } else { &self.inline };
        self.words.iter().map(|word| text.get(word.clone()).unwrap_or_default()).collect()
    }

    /// The command that was found last, as an array.
    pub fn spelled<'a>(&'a self, message: &'a [u8]) -> &'a [u8] {
        if self.inline.is_empty() { message } else { &self.inline }
    }

    fn array(&mut self, bytes: &[u8]) -> Result<Found, Malformed> {
        if self.at == 0 {
            let Some((count, at)) = number(bytes, 0, b'*')? else { return Ok(Found::Need) };
            if count == 0 {
                return Ok(Found::Nothing(at));
            }
            if count > WORDS {
                return Err(Malformed::new(0, LENGTH));
            }
            self.inline.clear();
            self.words.clear();
            (self.at, self.left) = (at, count);
        }
        while self.left > 0 {
            let Some((length, start)) = number(bytes, self.at, b'$')? else { return self.more(bytes) };
            let end = start.saturating_add(length);
            if end > self.most_bytes {
                return Err(Malformed::new(self.at, LENGTH));
            }
            match bytes.get(end..end + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(Malformed::new(end, FORM)),
                None => return self.more(bytes),
            }
            self.words.push(start..end);
            self.at = end + 2;
            self.left -= 1;
        }
        Ok(Found::Message(std::mem::take(&mut self.at)))
    }

    fn more(&self, bytes: &[u8]) -> Result<Found, Malformed> {
        if bytes.len() > self.most_bytes { Err(Malformed::new(self.at, LENGTH)) } else { Ok(Found::Need) }
    }

    fn line(&mut self, bytes: &[u8]) -> Result<Found, Malformed> {
        let most = INLINE_BYTES.min(self.most_bytes);
        let Some(end) = bytes.iter().take(most).position(|byte| *byte == b'\n') else {
            return if bytes.len() >= most { Err(Malformed::new(most, LENGTH)) } else { Ok(Found::Need) };
        };
        let line = bytes.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(at) = line.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(Malformed::new(at, FORM));
        }
        if is_http(line) {
            return Err(Malformed::new(0, HTTP));
        }
        let words = split(line).ok_or(Malformed::new(0, FORM))?;
        if words.is_empty() {
            return Ok(Found::Nothing(end + 1));
        }
        self.spell(&words);
        Ok(Found::Message(end + 1))
    }

    fn spell(&mut self, words: &[Vec<u8>]) {
        self.inline.clear();
        self.words.clear();
        self.inline.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            self.inline.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            let start = self.inline.len();
            self.inline.extend_from_slice(word);
            self.words.push(start..self.inline.len());
            self.inline.extend_from_slice(b"\r\n");
        }
    }
}

/// A line such as `*3\r\n` at `at`: the number, and where the next line begins; nothing if it is not whole.
fn number(bytes: &[u8], at: usize, sign: u8) -> Result<Option<(usize, usize)>, Malformed> {
    let wrong = Malformed::new(at, FORM);
    let line = bytes.get(at..).unwrap_or_default();
    match line.split_first() {
        None => return Ok(None),
        Some((first, _)) if *first != sign => return Err(wrong),
        Some(_) => {}
    }
    let digits = line.get(1..).unwrap_or_default();
    let count = digits.iter().take(DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if count > DIGITS {
        return Err(Malformed::new(at, LENGTH));
    }
    let leading_zero = count > 1 && digits.first() == Some(&b'0');
    match digits.get(count..) {
        Some([b'\r', b'\n', ..]) if count > 0 && !leading_zero => {
            let number = digits.iter().take(count).fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
            Ok(Some((number, at + 1 + count + 2)))
        }
        Some([] | [b'\r']) => Ok(None),
        _ => Err(wrong),
    }
}

/// Whether a line is one of an HTTP request, as servers tell it too.
fn is_http(line: &[u8]) -> bool {
    let mut words = line.split(|byte| byte.is_ascii_whitespace());
    let first = words.next().unwrap_or_default();
    let last = words.next_back().unwrap_or_default();
    first.eq_ignore_ascii_case(b"post") || first.eq_ignore_ascii_case(b"host:") || last.starts_with(b"HTTP/")
}

/// The words of a line, quotes undone as servers do it; nothing when a quote does not end, or a word goes on behind it.
fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut words, mut rest) = (Vec::new(), line);
    loop {
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        rest = rest.get(blank..).unwrap_or_default();
        if rest.is_empty() {
            return Some(words);
        }
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
}

/// The word that a line begins with, and what stands behind it.
fn word(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut word, mut at) = (Vec::new(), 0);
    while let Some(byte) = line.get(at) {
        match byte {
            b'"' | b'\'' => {
                let used = quoted(line.get(at + 1..)?, *byte, &mut word)?;
                let rest = line.get(at + 1 + used..).unwrap_or_default();
                let ends = rest.first().is_none_or(u8::is_ascii_whitespace);
                return ends.then_some((word, rest));
            }
            byte if byte.is_ascii_whitespace() => break,
            byte => word.push(*byte),
        }
        at += 1;
    }
    Some((word, line.get(at..).unwrap_or_default()))
}

/// Appends what stands up to the closing quote; gives the bytes used, the quote included.
fn quoted(text: &[u8], quote: u8, word: &mut Vec<u8>) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at..)? {
            [byte, ..] if *byte == quote => return Some(at + 1),
            [b'\\', b'x', high, low, ..] if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                at += 4;
            }
            [b'\\', byte, ..] if quote == b'"' => {
                word.push(escaped(*byte));
                at += 2;
            }
            [b'\\', b'\'', ..] => {
                word.push(b'\'');
                at += 2;
            }
            [byte, ..] => {
                word.push(*byte);
                at += 1;
            }
            [] => return None,
        }
    }
}

fn escaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        byte => byte,
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<String>, &'static str> {
        let mut reader = Reader::new(1 << 20);
        match reader.next(text.as_bytes()).map_err(|malformed| malformed.why.name)? {
            Found::Message(length) => {
                assert_eq!(length, text.len());
                let words = reader.words(text.as_bytes());
                Ok(words.into_iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect())
            }
            found => Ok(vec![format!("{found:?}")]),
        }
    }

    #[test]
    fn array_is_read_alike_in_every_split() {
        let text = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\nv\0\r\n";
        let mut reader = Reader::new(1024);
        for end in 0..text.len() {
            assert_eq!(reader.next(&text[..end]), Ok(Found::Need), "{end}");
        }
        assert_eq!(reader.next(text), Ok(Found::Message(text.len())));
        assert_eq!(reader.words(text), [b"SET".as_slice(), b"k", b"\r\nv\0"]);
        assert_eq!(reader.spelled(text), text);
    }

    #[test]
    fn line_goes_on_as_the_array_it_means() {
        let mut reader = Reader::new(1024);
        let text = b"set \"a \\x41\\n\" 'it\\'s' x\r\n";
        assert_eq!(reader.next(text), Ok(Found::Message(text.len())));
        assert_eq!(reader.words(text), [b"set".as_slice(), b"a A\n", b"it's", b"x"]);
        assert_eq!(reader.spelled(text), b"*4\r\n$3\r\nset\r\n$4\r\na A\n\r\n$4\r\nit's\r\n$1\r\nx\r\n");
    }

    #[test]
    fn loose_spellings_are_refused() {
        for text in [
            "*1\r\n$3\r\nGETx\r\n",
            "*01\r\n$4\r\nPING\r\n",
            "*-1\r\n",
            "*1\n$4\nPING\n",
            "*1\r\n:4\r\n",
            "* 1\r\n$4\r\nPING\r\n",
            "get \"a\r\n",
            "get \"a\"b\r\n",
            "get a\x01\r\n",
            "\x16\x03\x01\n",
        ] {
            assert_eq!(words(text), Err("redis-form"), "{text:?}");
        }
    }

    #[test]
    fn http_is_told() {
        for text in ["POST / HTTP/1.1\r\n", "Host: cache:6379\r\n", "GET /a HTTP/1.0\r\n", "PUT /x HTTP/1.1\n"] {
            assert_eq!(words(text), Err("redis-http"), "{text:?}");
        }
        assert_eq!(words("GET host:1\r\n").unwrap(), ["GET", "host:1"]);
    }

    #[test]
    fn nothing_is_said_by_an_empty_command() {
        assert_eq!(words("\r\n").unwrap(), ["Nothing(2)"]);
        assert_eq!(words("*0\r\n").unwrap(), ["Nothing(4)"]);
    }

    #[test]
    fn command_ends_at_its_limits() {
        let of = |bytes: usize| format!("*2\r\n$3\r\nGET\r\n${bytes}\r\n{}\r\n", "x".repeat(bytes)).into_bytes();
        let size = of(50).len();
        assert_eq!(Reader::new(size - 2).next(&of(50)), Ok(Found::Message(size)));
        assert_eq!(Reader::new(size - 2).next(&of(51)).map_err(|malformed| malformed.why), Err(LENGTH));
        let head = |count: usize| format!("*{count}\r\n").into_bytes();
        assert_eq!(Reader::new(size).next(&head(WORDS)), Ok(Found::Need));
        assert_eq!(Reader::new(size).next(&head(WORDS + 1)).map_err(|malformed| malformed.why), Err(LENGTH));
        assert_eq!(Reader::new(1 << 20).next(&vec![b'a'; INLINE_BYTES - 1]), Ok(Found::Need));
        assert_eq!(
            Reader::new(1 << 20).next(&vec![b'a'; INLINE_BYTES]).map_err(|malformed| malformed.why),
            Err(LENGTH)
        );
    }
}
