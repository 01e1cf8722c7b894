//! What may be written of what a sender chose: secrets are masked before anything is written, and what is left cannot
//! disguise itself. A mask carries a keyed hash, so that the same secret can be told to be the same.

mod escape;
mod secrets;

use super::event::Clipped;
use crate::flow::{Evidence, Excerpt, Place};
use escape::escape;
pub use escape::escape_again;
use hmac::{Hmac, Mac};
use secrets::{Secrets, is_secret_name};
use sha2::Sha256;
use std::ops::Range;

/// Masks and spells out. Linear in what it is given.
#[derive(Debug)]
pub struct Redactor {
    key: Hmac<Sha256>,
    secrets: Secrets,
}

/// Bytes around a match, fit to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// What stands before the match.
    pub before: String,
    /// The match.
    pub matched: String,
    /// What stands after it.
    pub after: String,
}

/// Stands for what is left out.
const ELLIPSIS: &str = "…";

impl Redactor {
    /// With the key of the hashes: random for each process, or from a file when masks are to be compared across them.
    pub fn new(key: &[u8; 32]) -> Self {
        let key = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { key, secrets: Secrets::new() }
    }

    /// Text without declared structure.
    pub fn text(&self, text: &str) -> String {
        self.shown(text.as_bytes(), &self.secrets.find(text.as_bytes(), false))
    }

    /// Text that a sender chose, perhaps cut. Secrets are looked for behind its percent-encoding too.
    pub fn clipped(&self, text: &Clipped) -> String {
        let cut = text.beyond > 0;
        let mut secret = self.secrets.find(&text.bytes, cut);
        if text.bytes.contains(&b'%') {
            let (decoded, places) = percent_decoded(&text.bytes);
            let place = |at: usize| places.get(at).copied().unwrap_or(text.bytes.len());
            let found = self.secrets.find(&decoded, cut);
            secret.extend(found.into_iter().map(|range| place(range.start)..place(range.end)));
            secret = secrets::merge(secret);
        }
        let mut out = self.shown(&text.bytes, &secret);
        push_beyond(text.beyond, &mut out);
        out
    }

    /// The bytes around a match. A cookie's value, a credential header's and that of a field with a telling name are
    /// masked as a whole.
    pub fn evidence(&self, evidence: &Evidence) -> Shown {
        let excerpt = &evidence.excerpt;
        let whole = [&*excerpt.before, &*excerpt.matched, &*excerpt.after].concat();
        if is_secret_part(evidence.place, &evidence.name) {
            return Shown { matched: self.mask(&whole), ..Shown::default() };
        }
        let start = excerpt.before.len();
        let end = start + excerpt.matched.len();
        let head = if start >= Excerpt::AROUND { torn_head(&excerpt.before, evidence.place) } else { 0 };
        // The middle of a long match is not there: what follows begins as torn as what stands before.
        let elided = evidence.hit.range.len() > excerpt.matched.len();
        let seam = if elided { torn_head(&excerpt.after, evidence.place) } else { 0 };
        let after_cut = excerpt.after.len() >= Excerpt::AROUND;
        let tail = if after_cut { torn_tail(excerpt.after.get(seam..).unwrap_or_default()) } else { 0 };
        let secret = self.secrets.find(&whole, after_cut);
        let show = |from: usize, to: usize| self.shown_between(&whole, &secret, from..to);
        let mark = |torn: bool| if torn { ELLIPSIS } else { "" };
        Shown {
            before: format!("{}{}", mark(head > 0), show(head, start)),
            matched: format!("{}{}", show(start, end), mark(elided)),
            after: format!("{}{}{}", mark(seam > 0), show(end + seam, whole.len() - tail), mark(tail > 0)),
        }
    }

    /// `[masked:1f2e3d4c]`: the first 32 bits of the keyed hash of the secret.
    pub fn mask(&self, secret: &[u8]) -> String {
        let mut hash = self.key.clone();
        hash.update(secret);
        let hash = hash.finalize().into_bytes();
        let short: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("[masked:{short}]")
    }

    fn shown(&self, text: &[u8], secret: &[Range<usize>]) -> String {
        self.shown_between(text, secret, 0..text.len())
    }

    /// The part of `text` within `window`, with what it holds of each secret masked.
    fn shown_between(&self, text: &[u8], secret: &[Range<usize>], window: Range<usize>) -> String {
        let mut out = String::with_capacity(window.len());
        let mut at = window.start;
        for range in secret.iter().filter(|range| range.start < window.end && range.end > window.start) {
            escape(text.get(at..range.start.max(at)).unwrap_or_default(), &mut out);
            out.push_str(&self.mask(text.get(range.clone()).unwrap_or_default()));
            at = range.end.min(window.end);
        }
        escape(text.get(at..window.end).unwrap_or_default(), &mut out);
        out
    }
}

fn is_secret_part(place: Place, name: &[u8]) -> bool {
    place == Place::CookieValue || is_secret_name(name)
}

fn push_beyond(beyond: usize, out: &mut String) {
    if beyond > 0 {
        out.push_str(&format!("{ELLIPSIS}(+{beyond} bytes)"));
    }
}

/// A window may begin inside a secret whose name or prefix it does not show: what comes before the first separator of
/// fields is left out. Where there is none in sight, a value that was already cut out of its structure loses its first
/// word, free text all of it.
fn torn_head(before: &[u8], place: Place) -> usize {
    let field = before.iter().position(|b| matches!(b, b'&' | b';' | b',' | b'{' | b'}' | b'<' | b'\n'));
    let word = || before.iter().position(|b| is_boundary(*b)).filter(|_| !is_free_text(place));
    let torn = field.or_else(word).unwrap_or(before.len());
    // Digits may be the end of a card number.
    torn + before.iter().skip(torn).take_while(|b| is_card_byte(**b)).count()
}

/// A window may end inside a token, or a card number. Names come before their values, so a word is enough.
fn torn_tail(after: &[u8]) -> usize {
    let torn = after.iter().rev().position(|b| is_boundary(*b)).unwrap_or(after.len());
    torn + after.iter().rev().skip(torn).take_while(|b| is_card_byte(**b)).count()
}

/// Whether a part may hold names and values of its own, which nobody has taken apart.
fn is_free_text(place: Place) -> bool {
    matches!(
        place,
        Place::Path
            | Place::Query
            | Place::HeaderValue
            | Place::TrailerValue
            | Place::FileContent
            | Place::FileBinary
            | Place::XmlMarkup
            | Place::MessageField
            | Place::GraphQl
            | Place::BodyText
            | Place::BodyOpaque
            | Place::BodyBinary
    )
}

fn is_boundary(byte: u8) -> bool {
    matches!(byte, b'&' | b';' | b',' | b'"' | b'\'' | b'<' | b'>' | b'(' | b')' | b'{' | b'}') || byte <= b' '
}

fn is_card_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b' ' | b'-')
}

/// The text with `%41` undone once, and where each of its bytes stood.
fn percent_decoded(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut decoded = Vec::with_capacity(text.len());
    let mut places = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let pair = text.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(hex_pair);
        decoded.push(pair.unwrap_or(*byte));
        places.push(at);
        at += if pair.is_some() { 3 } else { 1 };
    }
    (decoded, places)
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    pair.iter().try_fold(0u8, |value, digit| Some((value << 4) | char::from(*digit).to_digit(16)? as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Hit, Part, Weight};

    fn redactor() -> Redactor {
        Redactor::new(&[7; 32])
    }

    fn shown(place: Place, name: &[u8], text: &[u8], range: Range<usize>) -> Shown {
        let hit = Hit { detector: "sql", signature: "t".into(), range, weight: Weight::CERTAIN };
        redactor().evidence(&Evidence::of(&Part::plain(place, name, text), hit))
    }

    fn unhashed(text: &str) -> String {
        let mut parts = text.split("[masked:");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |out, part| out + "#" + &part[9..])
    }

    #[test]
    fn same_secret_gets_same_mask() {
        let text = redactor().text("password=a&token=a&secret=b");
        let masks: Vec<_> = text.split("[masked:").skip(1).map(|part| &part[..8]).collect();
        assert_eq!(masks[0], masks[1]);
        assert_ne!(masks[0], masks[2]);
        assert_ne!(text, Redactor::new(&[8; 32]).text("password=a&token=a&secret=b"));
    }

    #[test]
    fn target_hides_what_is_percent_encoded() {
        let show = |text: &str| unhashed(&redactor().clipped(&Clipped::text(text.as_bytes())));
        assert_eq!(show("/l?p%61ssword=h%75nter2&x=1"), "/l?p%61ssword=#&x=1");
        assert_eq!(show("/l?card=4111%201111%201111%201111&x"), "/l?card=#&x");
        assert_eq!(show("/l?user%5Bpassword%5D=a&x"), "/l?user%5Bpassword%5D=#&x");
        assert_eq!(show("/%zz%"), "/%zz%");
    }

    #[test]
    fn cut_target_says_how_much_is_missing() {
        let shown = redactor().clipped(&Clipped::to(3, b"/abcdef"));
        assert_eq!(shown, "/ab…(+4 bytes)");
    }

    #[test]
    fn excerpt_of_telling_field_is_masked_whole() {
        for (place, name) in [
            (Place::JsonValue, &b"user.password"[..]),
            (Place::CookieValue, b"theme"),
            (Place::HeaderValue, b"authorization"),
            (Place::QueryValue, b"api_key"),
        ] {
            let shown = shown(place, name, b"hunter2' OR 1=1 --", 7..15);
            assert_eq!((&*shown.before, &*unhashed(&shown.matched), &*shown.after), ("", "#", ""));
        }
    }

    #[test]
    fn excerpt_masks_secrets_around_the_match() {
        let text = b"password=hunter2&q=1 UNION SELECT&token=abc";
        let shown = shown(Place::BodyText, b"", text, 19..33);
        assert_eq!(
            (&*unhashed(&shown.before), &*shown.matched, &*unhashed(&shown.after)),
            ("password=#&q=", "1 UNION SELECT", "&token=#")
        );
    }

    #[test]
    fn secret_that_runs_into_the_match_is_masked_in_both() {
        let text = b"password=hunter2UNION";
        let shown = shown(Place::BodyText, b"", text, 16..21);
        assert_eq!((&*unhashed(&shown.before), &*unhashed(&shown.matched)), ("password=#", "#"));
    }

    #[test]
    fn window_that_begins_inside_a_value_drops_its_rest() {
        let text = [&[b'x'; 60][..], b"hunter2 1111&q=", b"MATCH", b" a b", &[b'y'; 60]].concat();
        let shown = shown(Place::BodyText, b"", &text, 75..80);
        assert_eq!((&*shown.before, &*shown.after), ("…&q=", " a…"));
        assert_eq!(shown.matched, "MATCH");
    }

    #[test]
    fn no_cut_of_the_window_shows_a_secret() {
        let secret = "Zx8hunter2Qv";
        for around in [
            "{\"password\":\"@\",\"q\":\"#\",\"token\" : \"@\"}",
            "a=1&password=@&q=#&pwd=@&z=1",
            "<password>@</password><q>#</q><token>@</token>",
            "Authorization: Basic @\nX: #\nCookie: s=@\n",
            "{\\\"api_key\\\":\\\"@\\\",\\\"q\\\":\\\"#\\\"}",
        ] {
            let text = around.replace('@', secret);
            // The match grows to either side, so that the window's ends pass over every byte of the text.
            for pad in 0..80 {
                let padding = "p ".repeat(40)[..pad].to_owned();
                let text = format!("{padding}{}", text.replace('#', &format!("{padding}MATCH{padding}")));
                let at = text.find("MATCH").unwrap();
                let shown = shown(Place::BodyText, b"", text.as_bytes(), at..at + 5);
                let all = format!("{}{}{}", shown.before, shown.matched, shown.after);
                let leak = (0..secret.len() - 4).find(|from| all.contains(&secret[*from..from + 5]));
                assert!(leak.is_none(), "{pad}: {all}");
            }
        }
    }

    #[test]
    fn long_match_says_that_its_middle_is_missing() {
        let text = [&[b'x'; Excerpt::MATCH + 1][..], b"yyy,z"].concat();
        let shown = shown(Place::BodyText, b"", &text, 0..Excerpt::MATCH + 1);
        assert!(shown.matched.ends_with("x…"));
        assert_eq!(shown.after, "…,z");
    }

    #[test]
    fn escapes_survive_masking() {
        assert_eq!(redactor().text("a\u{1b}[0m\u{202e}b"), "a\\u{1b}[0m\\u{202e}b");
    }
}
