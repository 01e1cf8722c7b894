//! The headers of one multipart entity: what it is called, what it holds, how it is coded.
//!
//! Tolerated: unknown headers (their values are judged). Rejected by name: folded lines, a blank before the colon, bare
//! CR or other controls, a header that matters given twice, an unknown transfer encoding, more or longer lines than the
//! limits allow.

use super::parameter::{self, Parameter};
use crate::flow::{Kind, Reason};
use crate::protocol::body::Limits;
use crate::protocol::body::collect::Value;

/// More header lines than [`Limits::entity_headers`].
pub(super) const TOO_MANY_HEADERS: Reason =
    Reason::new("multipart-headers", Kind::TooLarge, "a multipart entity has too many headers");
/// A header line longer than [`Limits::entity_header_bytes`].
pub(super) const HEADER_TOO_LONG: Reason =
    Reason::new("multipart-header-bytes", Kind::TooLarge, "a header of a multipart entity is too long");
/// A line that begins with a blank.
pub(super) const FOLDED: Reason =
    Reason::new("multipart-folded-header", Kind::Malformed, "a header of a multipart entity is folded");
/// No colon, no name, a blank in the name, or a control character.
pub(super) const BAD_HEADER: Reason =
    Reason::new("multipart-bad-header", Kind::Malformed, "a header of a multipart entity is no header line");
/// `content-disposition`, `content-type` or `content-transfer-encoding` given twice.
pub(super) const HEADER_TWICE: Reason =
    Reason::new("multipart-header-twice", Kind::Malformed, "a multipart entity gives one header twice");
/// A transfer encoding that RFC 2045 does not name.
pub(super) const UNKNOWN_TRANSFER: Reason =
    Reason::new("multipart-unknown-transfer", Kind::Unsupported, "a multipart entity has an unknown transfer encoding");

/// `content-transfer-encoding` (RFC 2045 §6). Most servers ignore it, so content is judged as it stands, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::protocol::body) enum Transfer {
    #[default]
    Identity,
    Base64,
    QuotedPrintable,
}

/// What the headers of an entity say.
#[derive(Debug, Default)]
pub(in crate::protocol::body) struct Heading<'a> {
    /// The field's name; more than one when `name*` is given too.
    pub(in crate::protocol::body) names: Vec<Value<'a>>,
    /// The file's names.
    pub(in crate::protocol::body) file_names: Vec<Value<'a>>,
    /// Whether there is a `filename`, be it empty.
    pub(in crate::protocol::body) is_file: bool,
    pub(in crate::protocol::body) content_type: &'a [u8],
    pub(in crate::protocol::body) transfer: Transfer,
    /// Values that we give no meaning: other headers, other parameters.
    pub(in crate::protocol::body) others: Vec<(&'a [u8], &'a [u8])>,
}

/// Which of the headers that matter have been seen.
#[derive(Default)]
struct Seen {
    disposition: bool,
    kind: bool,
    transfer: bool,
}

impl<'a> Heading<'a> {
    /// Reads header lines without their line ends.
    pub(super) fn read(lines: &[&'a [u8]], limits: &Limits) -> Result<Self, Reason> {
        let mut heading = Self::default();
        let mut seen = Seen::default();
        for line in lines {
            let (name, value) = split(line, limits)?;
            heading.take(name, value, &mut seen)?;
        }
        Ok(heading)
    }

    fn take(&mut self, name: &'a [u8], value: &'a [u8], seen: &mut Seen) -> Result<(), Reason> {
        if name.eq_ignore_ascii_case(b"content-disposition") {
            once(&mut seen.disposition)?;
            return self.disposition(value);
        }
        if name.eq_ignore_ascii_case(b"content-type") {
            once(&mut seen.kind)?;
            self.content_type = value;
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            once(&mut seen.transfer)?;
            self.transfer = transfer(value)?;
            return Ok(());
        }
        self.others.push((name, value));
        Ok(())
    }

    fn disposition(&mut self, value: &'a [u8]) -> Result<(), Reason> {
        let mut known = true;
        for parameter in parameter::read(value)? {
            match parameter {
                Parameter::Name(value) => self.names.push(value),
                Parameter::FileName(value) => {
                    self.is_file = true;
                    self.file_names.push(value);
                }
                Parameter::Other => known = false,
            }
        }
        if !known {
            self.others.push((b"content-disposition", value));
        }
        Ok(())
    }
}

fn split<'a>(line: &'a [u8], limits: &Limits) -> Result<(&'a [u8], &'a [u8]), Reason> {
    if line.len() > limits.entity_header_bytes {
        return Err(HEADER_TOO_LONG);
    }
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err(FOLDED);
    }
    let colon = memchr::memchr(b':', line).ok_or(BAD_HEADER)?;
    let (name, value) = line.split_at_checked(colon).ok_or(BAD_HEADER)?;
    let sound = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    if !sound || line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err(BAD_HEADER);
    }
    Ok((name, value.get(1..).unwrap_or_default().trim_ascii()))
}

fn once(seen: &mut bool) -> Result<(), Reason> {
    if std::mem::replace(seen, true) { Err(HEADER_TWICE) } else { Ok(()) }
}

fn transfer(value: &[u8]) -> Result<Transfer, Reason> {
    if value.eq_ignore_ascii_case(b"base64") {
        return Ok(Transfer::Base64);
    }
    if value.eq_ignore_ascii_case(b"quoted-printable") {
        return Ok(Transfer::QuotedPrintable);
    }
    let identity = [&b"7bit"[..], b"8bit", b"binary", b""].iter().any(|known| value.eq_ignore_ascii_case(known));
    if identity { Ok(Transfer::Identity) } else { Err(UNKNOWN_TRANSFER) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(lines: &[&'a str]) -> Result<Heading<'a>, Reason> {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        Heading::read(&lines, &Limits::default())
    }

    #[test]
    fn names_are_read() {
        let heading =
            read(&["Content-Disposition: form-data; name=\"a\"; filename=\"\"", "content-type: text/plain"]).unwrap();
        assert_eq!(&*heading.names[0].canonical, b"a");
        assert!(heading.is_file);
        assert_eq!(heading.content_type, b"text/plain");
    }

    #[test]
    fn other_values_are_kept() {
        let heading = read(&["X-A: one", "content-disposition: form-data; size=2"]).unwrap();
        assert_eq!(heading.others, [(&b"X-A"[..], &b"one"[..]), (b"content-disposition", b"form-data; size=2")]);
    }

    #[test]
    fn odd_lines_are_refused() {
        for (line, why) in [
            (" folded", FOLDED),
            ("\tfolded", FOLDED),
            ("no colon", BAD_HEADER),
            (": x", BAD_HEADER),
            ("A : x", BAD_HEADER),
            ("A: x\ry", BAD_HEADER),
            ("A: \0", BAD_HEADER),
            ("Content-Transfer-Encoding: x-own", UNKNOWN_TRANSFER),
        ] {
            assert_eq!(read(&[line]).unwrap_err(), why, "{line:?}");
        }
        assert_eq!(read(&["Content-Type: a/b", "content-type: a/b"]).unwrap_err(), HEADER_TWICE);
    }

    #[test]
    fn line_is_limited_at_4096() {
        let line = format!("A: {}", "x".repeat(4093));
        assert!(read(&[&line]).is_ok());
        assert_eq!(read(&[&format!("{line}x")]).unwrap_err(), HEADER_TOO_LONG);
    }

    #[test]
    fn transfer_encodings_are_told_apart() {
        assert_eq!(read(&["Content-Transfer-Encoding: BASE64"]).unwrap().transfer, Transfer::Base64);
        assert_eq!(read(&["Content-Transfer-Encoding: quoted-printable"]).unwrap().transfer, Transfer::QuotedPrintable);
        assert_eq!(read(&["Content-Transfer-Encoding: 8bit"]).unwrap().transfer, Transfer::Identity);
    }
}
