//! Request bodies: bytes → parts, under every kind the bytes could be taken for. A body arrives here whole (held up to
//! `inspect_bytes`); what passes in pieces goes through [`Windows`]. Nothing here reads a socket or decides anything.
//!
//! ```text
//! open: content-encoding undone (capped) → charset undone → readings
//! parts: each reading → urlencoded | multipart | JSON | XML | GraphQL | text | opaque
//! ```
//!
//! What is declared is never simply believed: `sniff` looks at the bytes, and a body that contradicts its content
//! type is read both ways. Every pass is linear, none recurses on the depth of the input, and each bound of [`Limits`]
//! that is reached refuses the body by name.

mod charset;
mod coding;
mod collect;
mod entity;
mod graphql;
mod json;
mod media;
mod multipart;
mod opaque;
mod read;
mod sniff;
mod swar;
mod transfer;
mod urlencoded;
mod windows;
mod xml;

pub use json::path as json_path;
pub use media::Declared;
pub use windows::{OVERLAP_BYTES, Windows};

use self::media::Media;
use crate::flow::{Chain, Fuel, Kind, Part, Reason};
use crate::protocol::Malformed;
use std::borrow::Cow;

/// How much of everything a body may hold. A bound that is reached refuses the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body, or of a part of it, after its codings are undone.
    pub decoded_bytes: usize,
    /// How many times its compressed size a body may grow to; sizes up to 64 KiB are free. JSON of many equal records
    /// reaches 40, a bomb 1,000.
    pub decoded_ratio: usize,
    /// Content codings on top of each other.
    pub codings: usize,
    /// Parts of one body: one per name (in JSON, when it is new) and one per value. A part costs about 100 bytes while it is
    /// judged.
    pub parts: usize,
    /// Nesting of JSON and XML. Common parsers stop at 64 (.NET), 512 (PHP) or 1,000 (Jackson); nothing honest comes near.
    pub depth: usize,
    /// Entities of a multipart body, nested ones included.
    pub entities: usize,
    /// Multipart bodies within each other; RFC 2388 clients nest a `multipart/mixed` in a form.
    pub multipart_depth: usize,
    /// Header lines of one multipart entity.
    pub entity_headers: usize,
    /// Bytes of one header line of a multipart entity.
    pub entity_header_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            decoded_bytes: 1024 * 1024,
            decoded_ratio: 100,
            codings: 2,
            parts: 32_768,
            depth: 100,
            entities: 1000,
            multipart_depth: 2,
            entity_headers: 16,
            entity_header_bytes: 4096,
        }
    }
}

/// The budget of the judgement ended while the body was being read.
pub const BUDGET: Reason = Reason::new("body-budget", Kind::Ours, "reading the body used up the judgement's budget");

/// A body whose codings are undone.
#[derive(Debug)]
pub struct Opened<'a> {
    readings: Vec<Reading<'a>>,
    /// The body as it came, where a coding was undone: not every server does.
    packed: &'a [u8],
    media: Media<'a>,
}

/// The body's bytes under one assumption about its charset.
#[derive(Debug)]
struct Reading<'a> {
    bytes: Cow<'a, [u8]>,
    chain: Chain,
}

/// Undoes content coding and charset. Borrows `bytes` unless something had to be undone.
///
/// # Errors
/// An unknown or broken coding, an unknown charset, a decoded size over its limit.
pub fn open<'a>(
    bytes: &'a [u8],
    declared: &Declared<'a>,
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<Opened<'a>, Malformed> {
    let media = Media::parse(declared.content_type.unwrap_or_default())?;
    let plain = coding::undo(bytes, declared.content_encoding.unwrap_or_default(), limits, fuel)?;
    let packed = if matches!(plain.bytes, Cow::Owned(_)) { bytes } else { &[] };
    let mut readings = vec![plain];
    if let Some(plain) = readings.first() {
        let texts = charset::texts(&plain.bytes, media.charset);
        texts.iter().try_for_each(|(text, _)| collect::spend(fuel, text))?;
        let outer = plain.chain;
        let reading = |(text, chain)| Reading { bytes: Cow::Owned(text), chain: collect::join(outer, chain) };
        readings.extend(texts.into_iter().map(reading));
    }
    Ok(Opened { readings, packed, media })
}

/// Undoes content codings and nothing else, under the same caps.
///
/// # Errors
/// An unknown or broken coding, a decoded size over its limit.
pub fn decompress<'a>(
    bytes: &'a [u8],
    coding: &[u8],
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<Cow<'a, [u8]>, Malformed> {
    Ok(coding::undo(bytes, coding, limits, fuel)?.bytes)
}

impl Opened<'_> {
    /// Bytes to be read, under all assumptions together.
    pub fn bytes(&self) -> usize {
        self.readings.iter().map(|reading| reading.bytes.len()).sum::<usize>() + self.packed.len()
    }

    /// What the sender controls, under every kind the bytes could be taken for.
    ///
    /// # Errors
    /// A bound that is reached, or a structure that cannot be read in one way only.
    pub fn parts(&self, limits: &Limits, fuel: &mut Fuel) -> Result<Vec<Part<'_>>, Malformed> {
        let mut parts = collect::Parts::new(limits, self.bytes());
        for reading in &self.readings {
            parts.chain = reading.chain;
            read::body(&reading.bytes, &self.media, &mut parts, limits, fuel)?;
        }
        parts.chain = Chain::EMPTY;
        opaque::runs_of_packed(self.packed, &mut parts, fuel)?;
        Ok(parts.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Place;
    use proptest::prelude::*;

    fn read(content_type: &str, bytes: &[u8]) -> Result<Vec<(Place, String)>, Malformed> {
        let declared = Declared { content_type: Some(content_type.as_bytes()), content_encoding: None };
        let (limits, mut fuel) = (Limits::default(), Fuel::new(1 << 22));
        let opened = open(bytes, &declared, &limits, &mut fuel)?;
        let parts = opened.parts(&limits, &mut fuel)?;
        Ok(parts.iter().map(|part| (part.place, String::from_utf8_lossy(&part.canonical).into_owned())).collect())
    }

    fn found(content_type: &str, text: &str) -> Vec<(Place, String)> {
        read(content_type, text.as_bytes()).unwrap()
    }

    fn places(content_type: &str, text: &str) -> Vec<Place> {
        let mut places: Vec<_> = found(content_type, text).into_iter().map(|(place, _)| place).collect();
        places.dedup();
        places
    }

    #[test]
    fn declared_kind_is_read() {
        assert_eq!(places("application/json", "{\"a\":\"b\"}"), [Place::JsonKey, Place::JsonValue]);
        assert_eq!(places("application/x-www-form-urlencoded", "a=b"), [Place::FormName, Place::FormValue]);
        assert_eq!(places("application/xml", "<a b='c'>d</a>"), [Place::XmlName, Place::XmlAttribute, Place::XmlText]);
        assert_eq!(places("application/graphql", "{ a(b: \"c\") }"), [Place::GraphQl]);
        assert_eq!(places("text/plain", "a b"), [Place::BodyText]);
        assert_eq!(places("application/octet-stream", "\0\u{1}some text"), [Place::BodyOpaque]);
    }

    #[test]
    fn undeclared_kind_is_read() {
        for declared in ["", "application/octet-stream", "text"] {
            assert_eq!(places(declared, "{\"a\":\"b\"}"), [Place::JsonKey, Place::JsonValue], "{declared}");
            assert_eq!(places(declared, "a=b"), [Place::FormName, Place::FormValue, Place::BodyText], "{declared}");
            assert_eq!(places(declared, "some text"), [Place::BodyText], "{declared}");
            assert_eq!(places(declared, "<a>b</a>"), [Place::XmlName, Place::XmlText], "{declared}");
        }
        let multipart = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x--";
        assert_eq!(places("", multipart), [Place::FormName, Place::FormValue]);
    }

    #[test]
    fn contradicted_type_is_read_both_ways() {
        let json = "{\"a\":\"b\"}";
        assert_eq!(places("text/plain", json), [Place::JsonKey, Place::JsonValue, Place::BodyText]);
        assert_eq!(
            places("application/x-www-form-urlencoded", json),
            [Place::FormName, Place::JsonKey, Place::JsonValue]
        );
        assert_eq!(places("text/plain", "a=b"), [Place::FormName, Place::FormValue, Place::BodyText]);
        assert!(places("application/json", "a=b").contains(&Place::FormValue));
        assert!(places("application/json", "<a>b</a>").contains(&Place::XmlText));
        assert!(places("application/x-www-form-urlencoded", "<a>b</a>").contains(&Place::XmlText));
        assert!(places("application/xml", json).contains(&Place::JsonValue));
    }

    #[test]
    fn lenient_json_is_read_as_text_too() {
        assert_eq!(places("application/json", "{'a':'b'}"), [Place::JsonKey, Place::JsonValue, Place::BodyText]);
        assert_eq!(places("text/plain", "{not json"), [Place::BodyText]);
    }

    #[test]
    fn broken_markup_is_read_as_text_too() {
        assert_eq!(places("application/xml", "<a>b"), [Place::XmlName, Place::XmlText, Place::BodyText]);
        assert_eq!(places("text/html", "<p>b<br>c"), [Place::BodyText]);
        assert_eq!(places("text/html", &"<br>line".repeat(200)), [Place::BodyText]);
    }

    #[test]
    fn uploaded_markup_is_read() {
        let body = "--x\r\nContent-Disposition: form-data; name=f; filename=i.svg\r\n\r\n<svg a='b'/>\r\n--x--";
        let found = found("multipart/form-data; boundary=x", body);
        assert!(found.contains(&(Place::XmlAttribute, "b".into())));
        assert!(found.contains(&(Place::FileContent, "<svg a='b'/>".into())));
    }

    #[test]
    fn byte_order_mark_is_no_content() {
        assert_eq!(places("application/json", "\u{feff}{\"a\":\"b\"}"), [Place::JsonKey, Place::JsonValue]);
    }

    #[test]
    fn blank_body_has_no_parts() {
        for declared in ["application/json", "multipart/form-data; boundary=x", "text/plain", ""] {
            assert_eq!(found(declared, " \r\n"), []);
        }
    }

    #[test]
    fn wide_json_is_read() {
        let wide: Vec<u8> = "{\"a\":\"b\"}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for declared in ["application/json", "application/json; charset=utf-16", ""] {
            assert!(read(declared, &wide).unwrap().contains(&(Place::JsonValue, "b".into())), "{declared}");
        }
    }

    #[test]
    fn ascii_under_wide_charset_is_read() {
        assert!(found("application/json; charset=utf-16", "{\"a\":\"b\"}").contains(&(Place::JsonValue, "b".into())));
    }

    #[test]
    fn fields_files_and_nested_bodies_are_read() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n\
            --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\n\r\nfile text\r\n\
            --x\r\nContent-Disposition: form-data; name=\"b\"\r\nContent-Transfer-Encoding: base64\r\n\r\ndHdv\r\n\
            --x\r\nContent-Disposition: form-data; name=\"j\"\r\nContent-Type: application/json\r\n\r\n[\"v\"]\r\n\
            --x\r\nContent-Disposition: form-data; name=\"m\"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n\
            --y\r\nContent-Disposition: file; filename=\"in.txt\"\r\n\r\ninner\r\n--y--\r\n\
            --x--\r\n";
        let found = found("multipart/form-data; boundary=x", body);
        for (place, text) in [
            (Place::FormName, "a"),
            (Place::FormValue, "one"),
            (Place::FileName, "n.txt"),
            (Place::FileContent, "file text"),
            (Place::FormValue, "dHdv"),
            (Place::FormValue, "two"),
            (Place::JsonValue, "v"),
            (Place::FileName, "in.txt"),
            (Place::FileContent, "inner"),
        ] {
            assert!(found.contains(&(place, text.into())), "{place:?} {text}");
        }
    }

    #[test]
    fn multipart_depth_is_limited() {
        let nest = |inner: &str, boundary: &str, next: &str| {
            format!("--{boundary}\r\nContent-Type: multipart/mixed; boundary={next}\r\n\r\n{inner}\r\n--{boundary}--")
        };
        let last = |boundary: &str| format!("--{boundary}\r\n\r\nx\r\n--{boundary}--");
        let two = nest(&last("y"), "x", "y");
        let three = nest(&nest(&last("z"), "y", "z"), "x", "y");
        assert!(read("multipart/mixed; boundary=x", two.as_bytes()).is_ok());
        assert_eq!(read("multipart/mixed; boundary=x", three.as_bytes()).unwrap_err().why.name, "multipart-depth");
    }

    #[test]
    fn decoded_parts_point_to_the_wire() {
        let body = b"a=%41&b=plain";
        let declared = Declared { content_type: Some(b"application/x-www-form-urlencoded"), content_encoding: None };
        let (limits, mut fuel) = (Limits::default(), Fuel::new(1000));
        let opened = open(body, &declared, &limits, &mut fuel).unwrap();
        let parts = opened.parts(&limits, &mut fuel).unwrap();
        let raws: Vec<_> = parts.iter().map(|part| part.raw).collect();
        assert_eq!(raws, [&b"a"[..], b"%41", b"b", b"plain"]);
    }

    const KINDS: [&str; 9] = [
        "",
        "application/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "application/graphql",
        "text/plain; charset=utf-16",
        "text/plain; charset=latin1",
        "application/octet-stream",
    ];

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..KINDS.len()) {
            let _ = read(KINDS[kind], &bytes);
        }

        #[test]
        fn any_text_is_survived(text in "(--b|--|\r\n|\n|<a|</|/>|<!|\\[|\\{|\\]|\\}|\"|'|=|&|%|:|,|[a-z ]|\\\\){0,60}", kind in 0..KINDS.len()) {
            let _ = read(KINDS[kind], text.as_bytes());
        }
    }

    #[test]
    fn text_in_compressed_bytes_is_text_for_who_does_not_unpack_them() {
        // RFC 1952 §2.3: flag 16 says that a comment follows the header.
        let commented = |comment: &[u8]| {
            let empty_block = [0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            [&[0x1f, 0x8b, 8, 16, 0, 0, 0, 0, 0, 3], comment, &[0], &empty_block].concat()
        };
        let read = |comment: &[u8]| {
            let content_encoding = Some(&b"gzip"[..]);
            let declared = Declared { content_type: Some(b"application/json"), content_encoding };
            let (bytes, limits, mut fuel) = (commented(comment), Limits::default(), Fuel::new(1 << 22));
            let opened = open(&bytes, &declared, &limits, &mut fuel).unwrap();
            let parts = opened.parts(&limits, &mut fuel).unwrap();
            parts.iter().map(|part| String::from_utf8_lossy(&part.canonical).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(read(b"19 bytes is no text"), [""; 0]);
        assert!(read(b"&q=%27%20or%20twenty").contains(&"' or twenty".to_owned()));
    }
}
