//! A place in bytes, for tokenizers: every step is bounded by the bytes, nothing is ever indexed. Comparisons ignore
//! ASCII case, because the languages of attacks mostly do.

/// A set of bytes, for going past what is not in it.
#[derive(Debug)]
pub struct ByteSet([bool; 256]);

impl ByteSet {
    /// The set of these bytes; for constants.
    pub const fn of(bytes: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut rest = bytes;
        while let [byte, tail @ ..] = rest {
            #[expect(clippy::indexing_slicing, reason = "a byte is less than 256, at compile time")]
            {
                set[*byte as usize] = true;
            }
            rest = tail;
        }
        Self(set)
    }

    /// Whether a byte is in the set.
    #[inline]
    pub fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// Where a byte of the set first stands.
    #[inline]
    pub fn find(&self, bytes: &[u8]) -> Option<usize> {
        bytes.iter().position(|byte| self.has(*byte))
    }
}

/// A place in bytes. `at <= bytes.len()`.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at `at`, or at the end when that is beyond it.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()) }
    }

    /// Takes one byte.
    pub fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Goes on by `count`, at most to the end.
    pub fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.bytes.len());
    }

    /// Goes past `literal` if it stands here, ignoring ASCII case.
    pub fn eat(&mut self, literal: &[u8]) -> bool {
        let here = self.sees(literal);
        if here {
            self.at += literal.len();
        }
        here
    }

    /// Takes bytes while they are wanted.
    pub fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let count = rest.iter().position(|&b| !wanted(b)).unwrap_or(rest.len());
        self.at += count;
        rest.get(..count).unwrap_or_default()
    }

    /// Goes to the next byte of a set, or to the end.
    #[inline]
    pub fn skip_to(&mut self, set: &ByteSet) {
        let rest = self.rest();
        self.at += set.find(rest).unwrap_or(rest.len());
    }

    /// Takes bytes while they are wanted, at most `limit`.
    pub fn take_up_to(&mut self, limit: usize, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let rest = rest.get(..limit.min(rest.len())).unwrap_or_default();
        let count = rest.iter().position(|&b| !wanted(b)).unwrap_or(rest.len());
        self.at += count;
        rest.get(..count).unwrap_or_default()
    }

    /// Takes ASCII whitespace.
    pub fn blanks(&mut self) -> usize {
        self.take_while(|b| b.is_ascii_whitespace() || b == 0x0b).len()
    }

    /// Where it stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// All the bytes, also those before this place.
    pub fn whole(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether nothing follows.
    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The byte here.
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The byte `ahead` of here.
    pub fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at.saturating_add(ahead)).copied()
    }

    /// The byte before this one.
    pub fn before(&self) -> Option<u8> {
        self.bytes.get(self.at.checked_sub(1)?).copied()
    }

    /// Whether `literal` stands here, ignoring ASCII case.
    pub fn sees(&self, literal: &[u8]) -> bool {
        starts_with(self.rest(), literal)
    }

    /// What follows.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

/// Whether `bytes` start with `literal`, ignoring ASCII case.
pub fn starts_with(bytes: &[u8], literal: &[u8]) -> bool {
    bytes.get(..literal.len()).is_some_and(|head| head.eq_ignore_ascii_case(literal))
}

/// Whether `bytes` end with `literal`, ignoring ASCII case.
pub fn ends_with(bytes: &[u8], literal: &[u8]) -> bool {
    bytes
        .len()
        .checked_sub(literal.len())
        .and_then(|at| bytes.get(at..))
        .is_some_and(|t| t.eq_ignore_ascii_case(literal))
}

/// Where `literal` first stands in `bytes`, ignoring ASCII case. At most `bytes.len() * literal.len()` steps; literals
/// are short constants.
pub fn find(bytes: &[u8], literal: &[u8]) -> Option<usize> {
    let first = *literal.first()?;
    let mut from = 0;
    while let Some(rest) = bytes.get(from..) {
        let at = memchr::memchr2(first.to_ascii_lowercase(), first.to_ascii_uppercase(), rest)?;
        if starts_with(rest.get(at..).unwrap_or_default(), literal) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Where `literal` first stands in `bytes`, letter for letter; for short literals, whose first byte is rare. At most
/// `bytes.len() * literal.len()` steps, and nothing to prepare: a searcher made for one short value costs more than it saves.
pub fn find_exact(bytes: &[u8], literal: &[u8]) -> Option<usize> {
    let first = *literal.first()?;
    memchr::memchr_iter(first, bytes).find(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(literal)))
}

/// Whether `literal` stands anywhere in `bytes`, ignoring ASCII case.
pub fn contains(bytes: &[u8], literal: &[u8]) -> bool {
    find(bytes, literal).is_some()
}

/// Whether `word` is one of a sorted list of lower-case words, ignoring ASCII case.
pub fn is_one_of(word: &[u8], sorted: &[&str]) -> bool {
    position(word, sorted).is_some()
}

/// The place of `word` in a sorted list of lower-case words, none of them empty.
pub fn position(word: &[u8], sorted: &[&str]) -> Option<usize> {
    let first = word.first()?.to_ascii_lowercase();
    let begin = |entry: &&str| entry.as_bytes().first().copied().unwrap_or_default();
    let from = sorted.partition_point(|entry| begin(entry) < first);
    let alike = sorted.get(from..)?.iter().take_while(|entry| begin(entry) == first);
    alike.zip(from..).find(|(entry, _)| entry.as_bytes().eq_ignore_ascii_case(word)).map(|(_, at)| at)
}

/// Where a literal stands next, sought from places that only go forward: all searches together look at each byte once.
#[derive(Debug)]
pub struct Ahead<'a> {
    bytes: &'a [u8],
    literal: &'a [u8],
    /// The first occurrence at or behind the last place; the end of the bytes when there is none.
    next: Option<usize>,
}

impl<'a> Ahead<'a> {
    /// Looks for `literal`, ignoring ASCII case.
    pub fn of(literal: &'a [u8], bytes: &'a [u8]) -> Self {
        Self { bytes, literal, next: None }
    }

    /// Where it stands within `limit` bytes from `at` on. `at` is not before that of the last call.
    pub fn within(&mut self, at: usize, limit: usize) -> Option<usize> {
        let known = self.next.filter(|next| *next >= at);
        let next = known.unwrap_or_else(|| {
            let rest = self.bytes.get(at..).unwrap_or_default();
            find(rest, self.literal).map_or(self.bytes.len(), |offset| at + offset)
        });
        self.next = Some(next);
        (next + self.literal.len() <= self.bytes.len().min(at.saturating_add(limit))).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_ignores_case() {
        assert_eq!(find(b"xxJaVa", b"java"), Some(2));
        assert_eq!(find(b"jjav", b"java"), None);
        assert_eq!(find(b"", b"a"), None);
        assert_eq!(find(b"a", b""), None);
    }

    #[test]
    fn exact_find_minds_case() {
        assert_eq!(find_exact(b"JaJajava", b"java"), Some(4));
        assert_eq!(find_exact(b"jjav", b"java"), None);
        assert_eq!(find_exact(b"a", b""), None);
    }

    #[test]
    fn cursor_stops_at_the_end() {
        let mut cursor = Cursor::new(b"ab", 9);
        assert_eq!((cursor.at(), cursor.bump(), cursor.before()), (2, None, Some(b'b')));
        cursor.skip(usize::MAX);
        assert!(cursor.is_at_end() && cursor.rest().is_empty());
    }

    #[test]
    fn words_are_looked_up_without_regard_to_case() {
        assert!(is_one_of(b"Cat", &["bat", "cat"]));
        assert!(!is_one_of(b"cats", &["bat", "cat"]));
        assert!(!is_one_of(&[b'c'; 41], &["cat"]));
    }

    #[test]
    fn words_of_a_list_have_their_places() {
        let list = ["and", "any", "or", "xor"];
        assert_eq!(position(b"ANY", &list), Some(1));
        assert_eq!(position(b"xor", &list), Some(3));
        assert_eq!(position(b"a", &list), None);
        assert_eq!(position(b"", &list), None);
    }

    #[test]
    fn literals_ahead_are_found_within_their_limit() {
        let mut ahead = Ahead::of(b"ab", b"..AB..ab");
        assert_eq!(ahead.within(0, 3), None);
        assert_eq!(ahead.within(0, 4), Some(2));
        assert_eq!(ahead.within(3, 100), Some(6));
        assert_eq!(ahead.within(7, 100), None);
    }
}
