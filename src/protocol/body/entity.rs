//! The entities of a multipart body: fields, files, and multipart bodies within; each judged as it stands and, where a
//! transfer encoding or charset is declared, as it is meant.

use super::collect::{Parts, Value, join, spend};
use super::media::{Family, Media};
use super::multipart::{self, Cut, Entity, Transfer};
use super::{Limits, charset, json, opaque, sniff, transfer, xml};
use crate::flow::{Chain, Fuel, Layer, Place};
use crate::protocol::Malformed;
use std::borrow::Cow;

/// A multipart body that is still to be read.
struct Pending<'a> {
    body: &'a [u8],
    boundary: Cow<'a, [u8]>,
    depth: usize,
}

/// Adds the names, values and files of a multipart body and of those within it.
pub(super) fn read<'a>(
    body: &'a [u8],
    boundary: &[u8],
    parts: &mut Parts<'a>,
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<(), Malformed> {
    let mut pending = vec![Pending { body, boundary: Cow::Owned(boundary.to_vec()), depth: 1 }];
    let mut entities = 0;
    let before = parts.list.len();
    while let Some(next) = pending.pop() {
        spend(fuel, next.body)?;
        let Cut { around, entities: found } = multipart::cut(next.body, &next.boundary, limits)?;
        for text in around.into_iter().filter(|text| !text.trim_ascii().is_empty()) {
            parts.plain(Place::BodyText, b"", text)?;
        }
        entities += found.len();
        if entities > limits.entities {
            return Err(Malformed { at: 0, why: multipart::TOO_MANY_ENTITIES });
        }
        for entity in found {
            let media = Media::parse(entity.heading.content_type)?;
            let (name, content) = (name(&entity), entity.content);
            headings(&entity, parts)?;
            if let Family::Multipart(boundary) = media.family {
                if next.depth >= limits.multipart_depth {
                    return Err(Malformed { at: 0, why: multipart::TOO_DEEP });
                }
                pending.push(Pending { body: content, boundary: Cow::Borrowed(boundary), depth: next.depth + 1 });
                continue;
            }
            let holder = Holder { name, is_file: entity.heading.is_file, media, transfer: entity.heading.transfer };
            holder.content(content, parts, limits, fuel)?;
        }
    }
    parts.join_repeated(before)
}

/// The field's name as it stands: a file may have many parts, and none of them shall need a copy of it.
fn name<'a>(entity: &Entity<'a>) -> &'a [u8] {
    entity.heading.names.first().map(|name| name.raw).unwrap_or_default()
}

/// Adds what the headers of an entity say.
pub(super) fn headings<'a>(entity: &Entity<'a>, parts: &mut Parts<'a>) -> Result<(), Malformed> {
    for value in &entity.heading.names {
        parts.add(Place::FormName, Cow::Borrowed(b""), value.clone())?;
    }
    for value in &entity.heading.file_names {
        parts.add(Place::FileName, Cow::Borrowed(name(entity)), value.clone())?;
    }
    for (name, value) in &entity.heading.others {
        parts.plain(Place::HeaderValue, name, value)?;
    }
    Ok(())
}

/// What is known about a field or file before its content is looked at.
struct Holder<'a> {
    name: &'a [u8],
    is_file: bool,
    media: Media<'a>,
    transfer: Transfer,
}

impl<'a> Holder<'a> {
    fn content(
        &self,
        content: &'a [u8],
        parts: &mut Parts<'a>,
        limits: &Limits,
        fuel: &mut Fuel,
    ) -> Result<(), Malformed> {
        spend(fuel, content)?;
        if self.structure(content, parts, limits, fuel)? && !self.is_file {
            return Ok(());
        }
        self.bytes(content, parts)?;
        let (decoded, layer) = match self.transfer {
            Transfer::Identity => return self.texts(content, content, Chain::EMPTY, parts, fuel),
            Transfer::Base64 => (transfer::base64(content), Layer::Base64),
            Transfer::QuotedPrintable => (transfer::quoted_printable(content), Layer::QuotedPrintable),
        };
        spend(fuel, &decoded)?;
        let chain = Chain::of(layer);
        self.owned(&decoded, content, chain, parts)?;
        self.texts(&decoded, content, chain, parts, fuel)
    }

    /// Adds what stands in a JSON field, or in an XML field or file; whether it was one.
    fn structure(
        &self,
        content: &'a [u8],
        parts: &mut Parts<'a>,
        limits: &Limits,
        fuel: &mut Fuel,
    ) -> Result<bool, Malformed> {
        let before = parts.list.len();
        let read = match self.media.family {
            Family::Json if !self.is_file => json::read(content, parts, limits, fuel)?,
            Family::Xml => xml::read(content, parts, limits, fuel)?,
            _ if self.is_file && sniff::surely_xml(content) => {
                // A file in another charset, or one too deep, is judged as the text that it is.
                xml::read(content, parts, limits, fuel).or_else(|malformed| match malformed.why {
                    why if why == charset::UNKNOWN || why == xml::TOO_DEEP => Ok(json::Read::Lenient),
                    _ => Err(malformed),
                })?
            }
            _ => return Ok(false),
        };
        if read == json::Read::Lenient && !self.is_file {
            parts.list.truncate(before);
        }
        Ok(read == json::Read::Strict)
    }

    /// Adds content as it stands: text whole, other bytes as the runs of text in them.
    fn bytes<'b>(&self, content: &'b [u8], parts: &mut Parts<'b>) -> Result<(), Malformed>
    where
        'a: 'b,
    {
        if sniff::like_binary(content) {
            return opaque::runs(content, self.place(), self.name, parts);
        }
        parts.plain(self.place(), self.name, content)
    }

    /// Adds what `content` means in the charsets it is declared in or looks like.
    fn texts(
        &self,
        content: &[u8],
        raw: &'a [u8],
        chain: Chain,
        parts: &mut Parts<'a>,
        fuel: &mut Fuel,
    ) -> Result<(), Malformed> {
        for (text, layers) in charset::texts(content, self.media.charset) {
            spend(fuel, &text)?;
            self.owned(&text, raw, join(chain, layers), parts)?;
        }
        Ok(())
    }

    /// Adds decoded content; `raw` is what stood on the wire for all of it.
    fn owned(&self, decoded: &[u8], raw: &'a [u8], chain: Chain, parts: &mut Parts<'a>) -> Result<(), Malformed> {
        let mut found = parts.beside();
        self.bytes(decoded, &mut found)?;
        for part in found.list {
            let value = Value { raw, canonical: Cow::Owned(part.canonical.into_owned()), chain };
            parts.add(part.place, Cow::Borrowed(self.name), value)?;
        }
        Ok(())
    }

    fn place(&self) -> Place {
        if self.is_file { Place::FileContent } else { Place::FormValue }
    }
}
