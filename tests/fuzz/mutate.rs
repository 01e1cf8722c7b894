//! Mutations of known inputs: bytes changed, cut, repeated, swapped for telling ones, two inputs spliced.

/// Draws inputs for ever, the same ones from the same seed.
pub(crate) struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    state: u64,
}

/// Bytes and words that parsers stumble over.
const TELLING: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"%",
    b"%2f",
    b"%2e",
    b"%25",
    b"%00",
    b"..",
    b"//",
    b"\\",
    b"?",
    b"&",
    b"=",
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b"<![CDATA[",
    b"--",
    b"0",
    b"1",
    b"-1",
    b"ffffffffffffffff",
    b"chunked",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: a\r\n",
    b"\xc0\xaf",
    b"\xff",
    b"\xe2\x80\xae",
    b"\\u0041",
    b"&#65;",
    b"*",
    b"&a",
    b"*a",
    b"!",
    b"- ",
    b"  ",
    b"---\n",
    b"$",
];

/// Longest input that is drawn.
const MAX_BYTES: usize = 4096;

impl<'a> Mutator<'a> {
    pub(crate) fn new(seed: u64, seeds: &'a [Vec<u8>]) -> Self {
        Self { seeds, state: seed | 1 }
    }

    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.seed();
        for _ in 0..=self.below(6) {
            self.mutate(&mut bytes);
        }
        bytes.truncate(MAX_BYTES);
        bytes
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        self.seeds[at].clone()
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let (start, end) = self.range(bytes.len());
        match self.below(8) {
            0 if start < bytes.len() => bytes[start] = self.below(256) as u8,
            1 if start < bytes.len() => bytes[start] ^= 1 << self.below(8),
            2 => drop(bytes.drain(start..end)),
            3 => {
                let piece = bytes[start..end].to_vec();
                bytes.splice(end..end, piece);
            }
            4 | 5 => {
                let telling = TELLING[self.below(TELLING.len())];
                bytes.splice(start..start, telling.iter().copied());
            }
            6 => {
                let other = self.seed();
                let (from, to) = self.range(other.len());
                bytes.splice(start..end, other[from..to].iter().copied());
            }
            _ => bytes.truncate(end),
        }
    }

    /// A piece of `len` bytes, mostly a short one.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let start = self.below(len + 1);
        let most = if self.below(4) == 0 { len - start } else { (len - start).min(8) };
        (start, start + self.below(most + 1))
    }

    /// Less than `bound`; xorshift64*.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let drawn = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        drawn as usize % bound.max(1)
    }
}
