//! Which reader gets a body: the one its type asks for, and every one its bytes ask for.
//!
//! | declared | read as |
//! |---|---|
//! | form | form; JSON or XML too when the bytes begin so |
//! | JSON | JSON; when that is not strict also as text, as a form when it begins like one, as XML likewise |
//! | XML | the same with XML |
//! | multipart | multipart, and nothing else: without its boundary it is refused |
//! | text | text, and all that its bytes look like |
//! | other, none | all that its bytes look like; else text or runs of text between other bytes |

use super::collect::{Parts, Value, spend};
use super::media::{Family, Media};
use super::{Limits, entity, graphql, json, opaque, sniff, urlencoded, xml};
use crate::flow::{Fuel, Kind, Place};
use crate::protocol::Malformed;

/// Adds the parts of a whole body.
pub(super) fn body<'a>(
    bytes: &'a [u8],
    media: &Media<'a>,
    parts: &mut Parts<'a>,
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<(), Malformed> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.trim_ascii().is_empty() {
        return Ok(());
    }
    let explained = match media.family {
        Family::Multipart(boundary) => return entity::read(text, boundary, parts, limits, fuel),
        Family::Form => {
            urlencoded::read(text, parts, fuel)?;
            sniffed(text, Family::Form, parts, limits, fuel)?;
            true
        }
        declared => sniffed(text, declared, parts, limits, fuel)? && declared != Family::Text,
    };
    if explained {
        return Ok(());
    }
    spend(fuel, text)?;
    if sniff::like_binary(text) {
        return opaque::runs(text, Place::BodyOpaque, b"", parts);
    }
    parts.plain(Place::BodyText, b"", text)
}

/// Reads `text` as everything that it is declared as or looks like, forms that are declared apart. Whether one of the
/// readings explains all of it.
fn sniffed<'a>(
    text: &'a [u8],
    declared: Family<'_>,
    parts: &mut Parts<'a>,
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<bool, Malformed> {
    let mut explained = false;
    if declared == Family::Json || sniff::like_json(text) {
        explained |= attempt(declared == Family::Json, parts, |parts| {
            Ok(json::read(text, parts, limits, fuel)? == json::Read::Strict)
        })?;
    }
    if declared == Family::Xml || sniff::like_xml(text) {
        explained |= attempt(declared == Family::Xml, parts, |parts| {
            Ok(xml::read(text, parts, limits, fuel)? == json::Read::Strict)
        })?;
    }
    if declared == Family::GraphQl {
        spend(fuel, text)?;
        explained |= graphql::read(&Value::plain(text), b"", limits.depth, parts)?;
    }
    if declared != Family::Form && !explained && sniff::like_form(text) {
        urlencoded::read(text, parts, fuel)?;
    }
    if !explained && let Some(boundary) = sniff::like_multipart(text) {
        explained |= undeclared_multipart(text, boundary, parts, limits, fuel)?;
    }
    Ok(explained)
}

/// Reads with `reader`; takes back what it found when the text neither is declared so nor keeps to the grammar.
fn attempt<'a>(
    declared: bool,
    parts: &mut Parts<'a>,
    reader: impl FnOnce(&mut Parts<'a>) -> Result<bool, Malformed>,
) -> Result<bool, Malformed> {
    let before = parts.list.len();
    let strict = match reader(parts) {
        Err(malformed) if !declared && is_depth(&malformed) => false,
        read => read?,
    };
    if !strict && !declared {
        parts.list.truncate(before);
    }
    Ok(strict)
}

/// Whether this is nesting beyond the limit: in what only looks like JSON or XML, it shows that it is neither (a page
/// with a hundred `<br>`).
pub(super) fn is_depth(malformed: &Malformed) -> bool {
    [json::TOO_DEEP, xml::TOO_DEEP].contains(&malformed.why)
}

/// Reads what only looks like a multipart body; what is malformed under that reading is no multipart body.
fn undeclared_multipart<'a>(
    text: &'a [u8],
    boundary: &[u8],
    parts: &mut Parts<'a>,
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<bool, Malformed> {
    let before = parts.list.len();
    match entity::read(text, boundary, parts, limits, fuel) {
        Ok(()) => Ok(true),
        Err(malformed) if malformed.why.kind == Kind::Malformed => {
            parts.list.truncate(before);
            Ok(false)
        }
        Err(malformed) => Err(malformed),
    }
}
