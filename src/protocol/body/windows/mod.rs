//! Bodies that pass in pieces, on routes that say `stream`. Each piece is read by the same grammars as a whole body, unit
//! by unit (form field, JSON string, XML tag or text, multipart header or content), and every byte of it is seen before
//! it goes on. A unit that a piece leaves unfinished is judged as far as it goes and again, from its start, with the next
//! piece; of one longer than [`OVERLAP_BYTES`] the last so many are kept, so that an attack on the seam of two pieces is
//! seen before its end goes on.
//!
//! What is declared is not believed: the first [`SNIFF_BYTES`] decide with it which readings there are. A text that
//! breaks its declared grammar is read as plain text, too, from there on; a grammar that was only guessed is dropped. Memory: a piece and the overlap. Cost: each piece and, once
//! more, at most the overlap. Rejected by name: content codings (nothing is released inside an unfinished layer), wide
//! charsets, multipart spellings and sizes as in whole bodies.

mod form;
mod json;
mod multipart;
mod text;
mod units;
mod xml;

use super::collect::Parts;
use super::media::{Family, Media};
use super::{Declared, Limits, charset::Charset, read, sniff};
use crate::flow::{Extent, Kind, Part, Reason};
use crate::protocol::Malformed;
use units::Units;

/// What is seen again with the next piece. The longest attack that is recognised across a seam is about this long; ten
/// times what signatures and tokenizers need, and cheap beside reading a piece from a socket.
pub const OVERLAP_BYTES: usize = 4096;

/// How much is awaited before the bytes decide what else the body may be; until then it is plain text, too.
const SNIFF_BYTES: usize = 512;

/// A compressed body on a stream route.
pub(super) const CODED: Reason =
    Reason::new("body-stream-coded", Kind::Unsupported, "a streamed body has a content coding");
/// UTF-16 or UTF-32 on a stream route.
pub(super) const WIDE: Reason =
    Reason::new("body-stream-charset", Kind::Unsupported, "a streamed body is in a charset of wide units");

/// The window that moves over one body.
#[derive(Debug)]
pub struct Windows {
    window: Vec<u8>,
    readings: Vec<Reading>,
    /// What was declared, until the bytes have been looked at.
    undecided: Option<Undecided>,
    units: Units,
}

/// What the head says, kept until enough bytes are there to compare it with.
#[derive(Clone, Debug)]
enum Undecided {
    Form,
    Json,
    Xml,
    Multipart(Vec<u8>),
    Other,
}

/// One grammar that follows the body. `from <= window.len()`.
#[derive(Debug)]
struct Reading {
    grammar: Grammar,
    /// Whether the head declares it; a reading that is only a guess ends where the bytes are something else.
    declared: bool,
    /// Where what it has not finished begins in the window.
    from: usize,
}

#[derive(Debug)]
enum Grammar {
    Text(text::Text),
    Form(form::Form),
    Json(json::Json),
    Xml(xml::Xml),
    Multipart(Box<multipart::Multipart>),
}

impl Default for Windows {
    fn default() -> Self {
        Self::over(Undecided::Other)
    }
}

impl Windows {
    /// Windows over a body of the declared type.
    ///
    /// # Errors
    /// A content coding, a charset or a content type that cannot be inspected.
    pub fn new(declared: &Declared<'_>) -> Result<Self, Malformed> {
        let coding = declared.content_encoding.unwrap_or_default();
        let plain = |name: &[u8]| name.trim_ascii().is_empty() || name.trim_ascii().eq_ignore_ascii_case(b"identity");
        if !coding.split(|b| *b == b',').all(plain) {
            return refuse(CODED);
        }
        let media = Media::parse(declared.content_type.unwrap_or_default())?;
        if matches!(media.charset, Some(Charset::Utf16(_) | Charset::Utf32(_))) {
            return refuse(WIDE);
        }
        Ok(Self::over(match media.family {
            Family::Form => Undecided::Form,
            Family::Json => Undecided::Json,
            Family::Xml => Undecided::Xml,
            Family::Multipart(boundary) => Undecided::Multipart(boundary.to_vec()),
            Family::GraphQl | Family::Text | Family::Other | Family::Unknown => Undecided::Other,
        }))
    }

    fn over(declared: Undecided) -> Self {
        let plain = Reading { grammar: Grammar::Text(text::Text::default()), declared: true, from: 0 };
        let readings = match &declared {
            Undecided::Other => vec![plain],
            _ => Vec::new(),
        };
        let units = match &declared {
            Undecided::Json => Units::Lines,
            Undecided::Multipart(boundary) => Units::fields(boundary),
            Undecided::Other => Units::Unknown,
            Undecided::Form | Undecided::Xml => Units::None,
        };
        Self { window: Vec::new(), readings, undecided: Some(declared), units }
    }

    /// How many bytes at the start of what has come, and was not fed yet, are whole units: what is to be fed next. Of a
    /// unit that is longer than `most`, all that has come.
    pub fn whole(&mut self, pending: &[u8], most: usize) -> usize {
        self.units.whole(pending, most)
    }

    /// Looks at the next piece, together with what the pieces before it left unfinished.
    ///
    /// # Errors
    /// A bound that is reached, or a structure that cannot be read in one way only.
    pub fn feed<'a>(&'a mut self, piece: &[u8], last: bool, limits: &Limits) -> Result<Vec<Part<'a>>, Malformed> {
        self.move_on(piece);
        self.decide(last)?;
        let Self { window, readings, .. } = self;
        let window: &'a [u8] = window;
        let mut parts = Parts::new(limits, window.len());
        let mut at = 0;
        while let Some(reading) = readings.get_mut(at) {
            let (from, before) = (reading.from, parts.list.len());
            let unread = window.get(from..).unwrap_or_default();
            let (done, sound) = match reading.grammar.read(unread, last, &mut parts, limits) {
                Err(malformed) if !reading.declared && read::is_depth(&malformed) => (0, false),
                read => read?,
            };
            if !sound && !reading.declared {
                parts.list.truncate(before);
                readings.remove(at);
                continue;
            }
            reading.from = (from + done).min(window.len());
            let has_text = readings.iter().any(|reading| matches!(reading.grammar, Grammar::Text(_)));
            if !sound && !has_text {
                readings.push(Reading { grammar: Grammar::Text(text::Text::default()), declared: true, from });
            }
            at += 1;
        }
        Ok(parts.list)
    }

    /// Drops what every reading has finished, and appends the piece.
    /// How many bytes of earlier pieces are looked at again with the next one, over all readings; at most
    /// [`OVERLAP_BYTES`] for each.
    pub fn seen_again(&self) -> usize {
        self.readings.iter().map(|reading| self.window.len().saturating_sub(reading.from)).sum()
    }

    fn move_on(&mut self, piece: &[u8]) {
        let finished = self.readings.iter().map(|reading| reading.from).min().unwrap_or_default();
        self.window.drain(..finished.min(self.window.len()));
        self.readings.iter_mut().for_each(|reading| reading.from -= finished);
        self.window.extend_from_slice(piece);
    }

    /// Chooses the readings once: what is declared, and what the bytes look like.
    fn decide(&mut self, last: bool) -> Result<(), Malformed> {
        let enough = last || self.window.len() >= SNIFF_BYTES || !matches!(self.undecided, Some(Undecided::Other));
        let Some(declared) = self.undecided.take_if(|_| enough) else { return Ok(()) };
        let text = self.window.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.window);
        let from = self.window.len() - text.len();
        if matches!(declared, Undecided::Json | Undecided::Xml) && Charset::sniff(&self.window).is_some() {
            return refuse(WIDE);
        }
        if let Undecided::Multipart(boundary) = &declared {
            let grammar = Grammar::Multipart(Box::new(multipart::Multipart::new(boundary)));
            self.readings.push(Reading { grammar, declared: true, from });
            return Ok(());
        }
        let (json, xml) = (matches!(declared, Undecided::Json), matches!(declared, Undecided::Xml));
        let (form, other) = (matches!(declared, Undecided::Form), matches!(declared, Undecided::Other));
        let candidates = [
            (json, sniff::like_json(text), Grammar::Json(json::Json::default())),
            (xml, sniff::like_xml(text), Grammar::Xml(xml::Xml)),
            (form, other && sniff::like_form(text), Grammar::Form(form::Form::default())),
        ];
        let chosen = candidates.into_iter().filter(|(declared, looks, _)| *declared || *looks);
        self.readings.extend(chosen.map(|(declared, _, grammar)| Reading { grammar, declared, from }));
        Ok(())
    }
}

impl Grammar {
    /// Adds what `text` holds. How much of it is finished, and whether all of it kept to the grammar. What is unfinished
    /// is at most the overlap.
    fn read<'a>(
        &mut self,
        text: &'a [u8],
        last: bool,
        parts: &mut Parts<'a>,
        limits: &Limits,
    ) -> Result<(usize, bool), Malformed> {
        match self {
            Self::Text(reader) => Ok((reader.read(text, last, parts)?, true)),
            Self::Form(reader) => Ok((reader.read(text, last, parts)?, true)),
            Self::Json(reader) => reader.read(text, last, parts, limits),
            Self::Xml(reader) => Ok((reader.read(text, last, parts, limits)?, true)),
            Self::Multipart(reader) => Ok((reader.read(text, last, parts, limits)?, true)),
        }
    }
}

/// How much of `text` is finished when its end is one long unit: all but the overlap.
fn all_but_overlap(text: &[u8]) -> usize {
    text.len().saturating_sub(OVERLAP_BYTES)
}

/// Gives the parts from `before` on their extent.
fn mark(parts: &mut Parts<'_>, before: usize, extent: Extent) {
    parts.list.iter_mut().skip(before).for_each(|part| part.extent = extent);
}

fn refuse<T>(why: Reason) -> Result<T, Malformed> {
    Err(Malformed { at: 0, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Fuel, Place};
    use proptest::prelude::*;

    type Found = Vec<(Place, String)>;

    fn text(part: &Part<'_>) -> (Place, String) {
        (part.place, String::from_utf8_lossy(&part.canonical).into_owned())
    }

    /// All parts of a body fed in pieces of these sizes, over and over.
    fn streamed(content_type: &str, body: &[u8], sizes: &[usize]) -> Result<Found, Malformed> {
        let limits = Limits::default();
        let declared = Declared { content_type: Some(content_type.as_bytes()), content_encoding: None };
        let mut windows = Windows::new(&declared)?;
        let mut found = Vec::new();
        let mut sizes = sizes.iter().copied().cycle();
        let mut rest = body;
        loop {
            let (piece, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
            rest = after;
            found.extend(windows.feed(piece, rest.is_empty(), &limits)?.iter().map(text));
            assert!(windows.readings.iter().all(|reading| windows.window.len() - reading.from <= OVERLAP_BYTES));
            if rest.is_empty() {
                return Ok(found);
            }
        }
    }

    fn held(content_type: &str, body: &[u8]) -> Found {
        let (limits, mut fuel) = (Limits::default(), Fuel::new(1 << 20));
        let declared = Declared { content_type: Some(content_type.as_bytes()), content_encoding: None };
        let opened = crate::protocol::body::open(body, &declared, &limits, &mut fuel).unwrap();
        opened.parts(&limits, &mut fuel).unwrap().iter().map(text).collect()
    }

    const JSON: &str = "{\"ab\": [\"c d\", {\"e\": \"\\u0041\\\\\"}], \"f\\\"g\": 12.5, \"h\": true}\n{\"i\":\"j k\"}";
    const FORM: &str = "ab=c+d&e%5B%5D=%41%42&f=&g=hi%2Bj";
    const XML: &str = "<?xml version='1.0'?><a b='c d'><e>f &lt; g</e><!-- h --><i/></a>";
    const MULTIPART: &str = "--x\r\nContent-Disposition: form-data; name=\"ab\"\r\n\r\nc d\r\n--xy\r\n--x\r\n\
        Content-Disposition: form-data; name=f; filename=\"g.h\"\r\nContent-Type: text/plain\r\n\r\ni\r\nj\r\n\
        --x\r\nContent-Disposition: form-data; name=k\r\n\r\n\r\n--x--\r\n";

    fn kinds() -> Vec<(&'static str, String)> {
        vec![
            ("application/json", JSON.into()),
            ("application/x-ndjson", JSON.into()),
            ("application/x-www-form-urlencoded", FORM.into()),
            ("application/xml", XML.into()),
            ("multipart/form-data; boundary=x", MULTIPART.replace("\r\n--xy", "\r\n-xy")),
            ("text/plain", "some text".into()),
            ("application/octet-stream", "\0\u{1}some text\0".into()),
        ]
    }

    proptest! {
        #[test]
        fn any_split_finds_what_is_found_whole(which in 0usize..7, sizes in prop::collection::vec(1usize..40, 1..6)) {
            let (content_type, body) = &kinds()[which];
            let found = streamed(content_type, body.as_bytes(), &sizes).unwrap();
            for part in held(content_type, body.as_bytes()) {
                prop_assert!(found.contains(&part), "{content_type}: {part:?} not in {found:?}");
            }
        }

        #[test]
        fn long_value_is_seen_over_every_seam(
            which in 0usize..5,
            before in 0usize..20_000,
            sizes in prop::collection::vec(1usize..9_000, 1..5),
        ) {
            let value = format!("{}<needle of forty bytes that must be seen>{}", "a".repeat(before), "b".repeat(6_000));
            let (content_type, body) = match which {
                0 => ("application/json", format!("{{\"k\":\"{value}\"}}")),
                1 => ("application/x-www-form-urlencoded", format!("k={value}&l=m")),
                2 => ("multipart/form-data; boundary=x", format!("--x\r\nA: b\r\n\r\n{value}\r\n--x--")),
                3 => ("text/plain", value),
                _ => ("application/xml", format!("<a b='{}'>{}</a>", value.replace('<', "&lt;"), value.replace('<', "&lt;"))),
            };
            let found = streamed(content_type, body.as_bytes(), &sizes).unwrap();
            prop_assert!(found.iter().any(|(_, text)| text.contains("<needle of forty bytes that must be seen>")));
        }

        #[test]
        fn any_bytes_are_survived(which in 0usize..7, body in prop::collection::vec(any::<u8>(), 0..2_000), sizes in prop::collection::vec(1usize..600, 1..4)) {
            let _ = streamed(kinds()[which].0, &body, &sizes);
        }

        #[test]
        fn any_text_is_survived(which in 0usize..7, body in "(--x|--|\r\n|\n|<a|</|/>|<!--|\\[|\\{|\\]|\\}|\"|'|=|&|%|:|,|[a-z ]|\\\\){0,80}", sizes in prop::collection::vec(1usize..12, 1..4)) {
            let _ = streamed(kinds()[which].0, body.as_bytes(), &sizes);
        }
    }

    #[test]
    fn undeclared_structure_is_found() {
        assert!(streamed("", JSON.as_bytes(), &[7]).unwrap().contains(&(Place::JsonValue, "j k".into())));
        assert!(streamed("text/plain", FORM.as_bytes(), &[600]).unwrap().contains(&(Place::FormValue, "AB".into())));
    }

    #[test]
    fn what_breaks_its_grammar_is_text_too() {
        let found = streamed("application/json", b"{\"a\":1} no json at all", &[5]).unwrap();
        assert!(found.iter().any(|(place, text)| *place == Place::BodyText && text.contains("no json at all")));
    }

    #[test]
    fn guessed_grammar_is_dropped_when_it_breaks() {
        let found = streamed("text/plain", "[INFO] started [[ \"x\" ".repeat(200).as_bytes(), &[700]).unwrap();
        assert!(found.iter().all(|(place, _)| *place == Place::BodyText));
    }

    #[test]
    fn wide_text_is_read() {
        let wide: Vec<u8> =
            "some wide text, and more of it".repeat(300).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let found = streamed("text/plain", &wide, &[5_001]).unwrap();
        assert!(found.iter().any(|(place, text)| *place == Place::BodyText && text.contains("some wide text")));
    }

    #[test]
    fn windows_say_which_they_are() {
        let mut windows = Windows::default();
        let limits = Limits::default();
        let extent = |parts: Vec<Part<'_>>| parts.first().map(|part| part.extent);
        assert_eq!(extent(windows.feed(b"some text", false, &limits).unwrap()), Some(Extent::First));
        assert_eq!(extent(windows.feed(b" and more", true, &limits).unwrap()), Some(Extent::Next));
        assert_eq!(extent(Windows::default().feed(b"all", true, &limits).unwrap()), Some(Extent::Whole));
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let refused = |content_type: &str, coding: &str| {
            let (content_type, coding) = (Some(content_type.as_bytes()), Some(coding.as_bytes()));
            Windows::new(&Declared { content_type, content_encoding: coding }).unwrap_err().why
        };
        assert_eq!(refused("", "gzip"), CODED);
        assert_eq!(refused("text/plain; charset=utf-16", "identity"), WIDE);
        let unclosed = streamed("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\nc", &[9]);
        assert_eq!(unclosed.unwrap_err().why.name, "multipart-unclosed");
        let suffix = streamed("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\nc\r\n--xy\r\n--x--", &[9]);
        assert_eq!(suffix.unwrap_err().why.name, "multipart-boundary-suffix");
    }

    #[test]
    fn streamed_headers_are_limited() {
        let body = |length: usize| format!("--x\r\nA: {}", "b".repeat(length));
        let fed = |length| {
            let declared = Declared { content_type: Some(b"multipart/form-data; boundary=x"), content_encoding: None };
            let mut windows = Windows::new(&declared).unwrap();
            windows
                .feed(body(length).as_bytes(), false, &Limits::default())
                .map(|_| ())
                .map_err(|malformed| malformed.why.name)
        };
        assert_eq!(fed(OVERLAP_BYTES - 3), Ok(()));
        assert_eq!(fed(OVERLAP_BYTES - 2), Err("multipart-headers-bytes"));
    }
}
