//! Content codings (RFC 9110 §8.4), undone with a cap on size and on growth: the only place where anything is
//! decompressed.
//!
//! Known: `identity`, `gzip` (with all its members), `deflate` (RFC 9110's zlib, and the raw form that some clients
//! send), `br`, `zstd` (windows up to 8 MiB, RFC 9659). Rejected by name: any other coding, broken or cut off data, bytes
//! behind the end, more codings on top of each other than the limit, growth beyond the limits.

use super::collect::{spend, then};
use super::{Limits, Reading};
use crate::flow::{Chain, Fuel, Kind, Layer, Reason};
use crate::protocol::Malformed;
use std::borrow::Cow;
use std::io::Read;

/// A coding that is none of ours.
pub(super) const UNKNOWN: Reason =
    Reason::new("body-coding-unknown", Kind::Unsupported, "the content coding is not one that can be inspected");
/// More codings than [`Limits::codings`].
pub(super) const TOO_MANY: Reason =
    Reason::new("body-codings", Kind::TooLarge, "too many content codings on top of each other");
/// Data that its decoder refuses.
pub(super) const BROKEN: Reason =
    Reason::new("body-coding-broken", Kind::Malformed, "the body is not what its content coding says, or is cut off");
/// Bytes behind the end of the compressed data.
pub(super) const TRAILING: Reason =
    Reason::new("body-coding-trailing", Kind::Malformed, "bytes stand behind the end of the compressed body");
/// More than [`Limits::decoded_bytes`].
pub(super) const TOO_LARGE: Reason =
    Reason::new("body-decoded-bytes", Kind::TooLarge, "the decompressed body is too large");
/// More than [`Limits::decoded_ratio`] times what it was.
pub(super) const BOMB: Reason =
    Reason::new("body-decoded-ratio", Kind::Attack, "the body grows too much when it is decompressed");

/// Growth up to this size is never held against a body.
const FREE_BYTES: usize = 64 * 1024;

/// RFC 9659 §3: the largest window that a content coding may ask for.
const ZSTD_WINDOW: u64 = 8 * 1024 * 1024;

#[derive(Clone, Copy)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Undoes the codings that `declared` lists, the last one first.
pub(super) fn undo<'a>(
    bytes: &'a [u8],
    declared: &[u8],
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<Reading<'a>, Malformed> {
    let mut reading = Reading { bytes: Cow::Borrowed(bytes), chain: Chain::EMPTY };
    if bytes.is_empty() {
        return Ok(reading);
    }
    let mut undone = 0;
    for name in declared.rsplit(|b| *b == b',') {
        let Some(coding) = Coding::parse(name.trim_ascii())? else { continue };
        undone += 1;
        if undone > limits.codings {
            return refuse(TOO_MANY);
        }
        spend(fuel, &reading.bytes)?;
        let plain = coding.undo(&reading.bytes, limits)?;
        spend(fuel, &plain)?;
        reading = Reading { bytes: Cow::Owned(plain), chain: then(reading.chain, Layer::Compressed) };
    }
    Ok(reading)
}

impl Coding {
    fn parse(name: &[u8]) -> Result<Option<Self>, Malformed> {
        let known = [
            (&b""[..], None),
            (b"identity", None),
            (b"gzip", Some(Self::Gzip)),
            (b"x-gzip", Some(Self::Gzip)),
            (b"deflate", Some(Self::Deflate)),
            (b"br", Some(Self::Brotli)),
            (b"zstd", Some(Self::Zstd)),
        ];
        match known.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
            Some((_, coding)) => Ok(*coding),
            None => refuse(UNKNOWN),
        }
    }

    fn undo(self, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Malformed> {
        let cap = Cap::new(bytes.len(), limits);
        match self {
            Self::Gzip => gzip(bytes, &cap),
            Self::Deflate => deflate(bytes, &cap),
            Self::Brotli => brotli(bytes, &cap),
            Self::Zstd => zstd(bytes, &cap),
        }
    }
}

/// How much one decompression may give: `bytes <= limits.decoded_bytes`.
struct Cap {
    bytes: usize,
    why: Reason,
}

impl Cap {
    fn new(compressed: usize, limits: &Limits) -> Self {
        let grown = compressed.saturating_mul(limits.decoded_ratio).max(FREE_BYTES);
        if grown < limits.decoded_bytes {
            Self { bytes: grown, why: BOMB }
        } else {
            Self { bytes: limits.decoded_bytes, why: TOO_LARGE }
        }
    }

    /// Adds all that `decoder` gives to `out`.
    fn fill(&self, out: &mut Vec<u8>, decoder: &mut impl Read) -> Result<(), Malformed> {
        let room = self.bytes.saturating_sub(out.len());
        match decoder.take(room as u64 + 1).read_to_end(out) {
            Ok(given) if given > room => refuse(self.why),
            Ok(_) => Ok(()),
            Err(_) => refuse(BROKEN),
        }
    }
}

#[expect(clippy::disallowed_types, reason = "this is the capped decoder")]
fn gzip(bytes: &[u8], cap: &Cap) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    cap.fill(&mut out, &mut flate2::bufread::MultiGzDecoder::new(bytes))?;
    Ok(out)
}

/// zlib where the header fits, else raw deflate; when the zlib reading breaks, raw deflate too.
#[expect(clippy::disallowed_types, reason = "this is the capped decoder")]
fn deflate(bytes: &[u8], cap: &Cap) -> Result<Vec<u8>, Malformed> {
    if is_zlib(bytes) {
        let mut out = Vec::new();
        let mut decoder = flate2::bufread::ZlibDecoder::new(bytes);
        match cap.fill(&mut out, &mut decoder) {
            Ok(()) => return ended(out, decoder.into_inner()),
            Err(malformed) if malformed.why == BROKEN => {}
            Err(malformed) => return Err(malformed),
        }
    }
    let mut out = Vec::new();
    let mut decoder = flate2::bufread::DeflateDecoder::new(bytes);
    cap.fill(&mut out, &mut decoder)?;
    ended(out, decoder.into_inner())
}

/// RFC 1950 §2.2: method 8 and a header that 31 divides.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

#[expect(clippy::disallowed_types, reason = "this is the capped decoder")]
fn brotli(bytes: &[u8], cap: &Cap) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    let mut decoder = brotli::Decompressor::new(bytes, 4096);
    cap.fill(&mut out, &mut decoder)?;
    // Once more behind its end, the decoder complains of input that it did not need.
    match decoder.read(&mut [0]) {
        Ok(0) => ended(out, decoder.into_inner()),
        _ => refuse(TRAILING),
    }
}

#[expect(clippy::disallowed_types, reason = "this is the capped decoder")]
fn zstd(bytes: &[u8], cap: &Cap) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(&mut rest, ZSTD_WINDOW)
            .map_err(|_| Malformed { at: 0, why: BROKEN })?;
        cap.fill(&mut out, &mut decoder)?;
    }
    Ok(out)
}

fn ended(out: Vec<u8>, rest: &[u8]) -> Result<Vec<u8>, Malformed> {
    if rest.is_empty() { Ok(out) } else { refuse(TRAILING) }
}

fn refuse<T>(why: Reason) -> Result<T, Malformed> {
    Err(Malformed { at: 0, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn gzipped(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zlibbed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn deflated(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn brotlied(plain: &[u8]) -> Vec<u8> {
        let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
        encoder.write_all(plain).unwrap();
        encoder.into_inner()
    }

    fn zstded(plain: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
    }

    type Coder = fn(&[u8]) -> Vec<u8>;

    const CODERS: [(&str, Coder); 5] =
        [("gzip", gzipped), ("deflate", zlibbed), ("Deflate", deflated), ("br", brotlied), ("zstd", zstded)];

    fn undone(bytes: &[u8], declared: &str, limits: &Limits) -> Result<Vec<u8>, Reason> {
        let reading = undo(bytes, declared.as_bytes(), limits, &mut Fuel::new(1 << 24));
        reading.map(|reading| reading.bytes.into_owned()).map_err(|malformed| malformed.why)
    }

    fn small(decoded_bytes: usize) -> Limits {
        Limits { decoded_bytes, ..Limits::default() }
    }

    #[test]
    fn every_coding_is_undone() {
        for (name, coder) in CODERS {
            assert_eq!(
                undone(&coder(b"plain text"), name, &Limits::default()).as_deref(),
                Ok(&b"plain text"[..]),
                "{name}"
            );
        }
        assert_eq!(undone(b"as it is", "identity", &Limits::default()).as_deref(), Ok(&b"as it is"[..]));
    }

    #[test]
    fn last_coding_is_undone_first() {
        let twice = brotlied(&gzipped(b"x"));
        assert_eq!(undone(&twice, "gzip, br", &Limits::default()).as_deref(), Ok(&b"x"[..]));
        assert_eq!(undone(&gzipped(&twice), "gzip, br, gzip", &Limits::default()), Err(TOO_MANY));
    }

    #[test]
    fn every_member_is_undone() {
        let two = [gzipped(b"one "), gzipped(b"two")].concat();
        assert_eq!(undone(&two, "gzip", &Limits::default()).as_deref(), Ok(&b"one two"[..]));
        let two = [zstded(b"one "), zstded(b"two")].concat();
        assert_eq!(undone(&two, "zstd", &Limits::default()).as_deref(), Ok(&b"one two"[..]));
    }

    #[test]
    fn size_is_limited() {
        for (name, coder) in CODERS {
            let packed = coder(&[b'a'; 1000]);
            assert_eq!(undone(&packed, name, &small(1000)).map(|plain| plain.len()), Ok(1000), "{name}");
            assert_eq!(undone(&packed, name, &small(999)), Err(TOO_LARGE), "{name}");
        }
    }

    #[test]
    fn growth_is_limited() {
        let packed = gzipped(&vec![b'a'; 500_000]);
        let enough = 500_000 / packed.len() + 1;
        let limits = |decoded_ratio| Limits { decoded_ratio, ..Limits::default() };
        assert_eq!(undone(&packed, "gzip", &limits(enough)).map(|plain| plain.len()), Ok(500_000));
        assert_eq!(undone(&packed, "gzip", &limits(enough - 1)), Err(BOMB));
        assert_eq!(
            undone(&gzipped(&vec![b'a'; FREE_BYTES]), "gzip", &limits(1)).map(|plain| plain.len()),
            Ok(FREE_BYTES)
        );
    }

    #[test]
    fn broken_data_is_refused() {
        for (name, coder) in CODERS {
            let packed = coder(b"some plain text, some plain text");
            let cut = packed.get(..packed.len() - 2).unwrap();
            assert_eq!(undone(cut, name, &Limits::default()), Err(BROKEN), "{name} cut");
            let more = [&packed, &b"\0garbage"[..]].concat();
            let why = undone(&more, name, &Limits::default()).unwrap_err();
            assert!(why == TRAILING || why == BROKEN, "{name} trailing: {}", why.name);
        }
        assert_eq!(undone(b"plain", "gzip", &Limits::default()), Err(BROKEN));
    }

    #[test]
    fn other_codings_are_refused() {
        for name in ["compress", "aws-chunked", "gzip;q=1", "gzip br"] {
            assert_eq!(undone(b"x", name, &Limits::default()), Err(UNKNOWN), "{name}");
        }
    }

    #[test]
    fn nothing_needs_no_coding() {
        assert_eq!(undone(b"", "compress, gzip", &Limits::default()).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn zstd_window_is_limited() {
        // Magic, no single segment, then a window descriptor: exponent 13 is 8 MiB, 14 is 16 MiB; an empty last block.
        let frame = |exponent: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3, 1, 0, 0];
        assert_eq!(undone(&frame(13), "zstd", &Limits::default()).as_deref(), Ok(&b""[..]));
        assert_eq!(undone(&frame(14), "zstd", &Limits::default()), Err(BROKEN));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), which in 0..CODERS.len()) {
            let _ = undone(&bytes, CODERS[which].0, &Limits::default());
        }

        #[test]
        fn damaged_data_is_survived(at in 0usize..60, to in any::<u8>(), which in 0..CODERS.len()) {
            let mut packed = CODERS[which].1(b"some plain text, some plain text and some more of it");
            if let Some(byte) = packed.get_mut(at) {
                *byte = to;
            }
            let _ = undone(&packed, CODERS[which].0, &Limits::default());
        }
    }
}
