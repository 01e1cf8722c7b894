//! XML (XML 1.0, fifth edition): element and attribute names, attribute values, text, and all that is markup: comments,
//! processing instructions, document type declarations with their entities. Nothing is fetched and no entity is expanded
//! but the five predefined ones and character references.
//!
//! The reader never gives up: what is not well-formed is read on, and the answer says so, so that the caller judges the
//! text as a whole too. Text that comments or CDATA sections cut into pieces is joined again, as a parser joins it.
//! Rejected by name: nesting beyond [`Limits::depth`], an `encoding` that cannot be inspected.

mod lexer;
mod reference;

use self::lexer::{Attributes, Lexer, Token};
use super::Limits;
use super::charset::Charset;
use super::collect::{Parts, Value, spend, then};
use super::json::Read;
use crate::flow::{Chain, Fuel, Kind, Layer, Place, Reason};
use crate::protocol::Malformed;
use std::borrow::Cow;

/// Deeper than [`Limits::depth`].
pub(super) const TOO_DEEP: Reason = Reason::new("xml-depth", Kind::TooLarge, "XML is nested too deeply");

struct Reader<'a, 'p> {
    parts: &'p mut Parts<'a>,
    depth: usize,
    /// The names of the open elements.
    open: Vec<&'a [u8]>,
    /// Text that has not met a tag yet.
    text: Option<Value<'a>>,
    roots: usize,
    read: Read,
}

/// Adds what the sender controls in `text`.
///
/// # Errors
/// Nesting or parts beyond their limits, an unknown encoding, an empty budget.
pub(super) fn read<'a>(
    text: &'a [u8],
    parts: &mut Parts<'a>,
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<Read, Malformed> {
    spend(fuel, text)?;
    let mut reader = Reader::new(parts, limits);
    reader.run(text)?;
    if !reader.open.is_empty() || reader.roots != 1 {
        reader.read = Read::Lenient;
    }
    Ok(reader.read)
}

/// Adds what stands in a piece of a longer text. Where its last token begins when that may go on behind the piece.
pub(super) fn pieces<'a>(text: &'a [u8], parts: &mut Parts<'a>, limits: &Limits) -> Result<usize, Malformed> {
    Reader::new(parts, limits).run(text)
}

impl<'a, 'p> Reader<'a, 'p> {
    fn new(parts: &'p mut Parts<'a>, limits: &Limits) -> Self {
        Self { parts, depth: limits.depth, open: Vec::new(), text: None, roots: 0, read: Read::Strict }
    }

    /// Reads all tokens. Where the text begins that no tag has ended yet, else the end.
    fn run(&mut self, text: &'a [u8]) -> Result<usize, Malformed> {
        let mut lexer = Lexer::new(text);
        let mut behind_tag = 0;
        let mut open_end = false;
        loop {
            let begins = lexer.at();
            let Some(token) = lexer.next() else { break };
            let is_tag = matches!(token, Token::Start { .. } | Token::End(_));
            open_end = matches!(token, Token::Text(_) | Token::Odd(_));
            self.take(token).map_err(|malformed| Malformed { at: begins, ..malformed })?;
            behind_tag = if is_tag { lexer.at() } else { behind_tag };
        }
        let awaits_more = open_end || self.text.is_some();
        self.flush()?;
        Ok(if awaits_more { behind_tag } else { text.len() })
    }

    fn take(&mut self, token: Token<'a>) -> Result<(), Malformed> {
        match token {
            Token::Text(raw) => self.text(reference::undo(raw)),
            Token::CData(raw) => self.text(Value::plain(raw)),
            Token::Comment(raw) => return self.markup(b"", raw),
            Token::Instruction(raw) => return self.instruction(raw),
            Token::Declaration(raw) => return self.declaration(raw),
            Token::Start { name, attributes, empty } => return self.start(name, attributes, empty),
            Token::End(name) => return self.end(name),
            Token::Odd(raw) => {
                self.read = Read::Lenient;
                if matches!(raw, [b'<', next, ..] if !next.is_ascii_whitespace()) {
                    return self.markup(b"", raw);
                }
                self.text(reference::undo(raw));
            }
        }
        Ok(())
    }

    /// Text joins text that no tag has parted from it.
    fn text(&mut self, more: Value<'a>) {
        let blank_outside = self.open.is_empty() && more.raw.trim_ascii().is_empty();
        if more.raw.is_empty() || blank_outside {
            return;
        }
        if self.open.is_empty() {
            self.read = Read::Lenient;
        }
        match &mut self.text {
            None => self.text = Some(more),
            Some(text) => {
                text.canonical.to_mut().extend_from_slice(&more.canonical);
                if text.chain.layers().is_empty() {
                    text.chain = then(Chain::EMPTY, Layer::Xml);
                }
            }
        }
    }

    /// A tag ends the text before it. Blanks round a text are layout.
    fn flush(&mut self) -> Result<(), Malformed> {
        let Some(Value { raw, canonical, chain }) = self.text.take() else { return Ok(()) };
        let canonical = match canonical {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
            Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_vec()),
        };
        let name = self.open.last().copied().unwrap_or_default();
        self.parts.add(Place::XmlText, Cow::Borrowed(name), Value { raw, canonical, chain })
    }

    fn markup(&mut self, name: &'a [u8], raw: &'a [u8]) -> Result<(), Malformed> {
        self.parts.plain(Place::XmlMarkup, name, raw.trim_ascii())
    }

    /// An XML declaration names the encoding; other instructions are markup.
    fn instruction(&mut self, raw: &'a [u8]) -> Result<(), Malformed> {
        let Some(declared) = raw.strip_prefix(b"xml").filter(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
        else {
            return self.markup(b"", raw);
        };
        for (name, value) in Attributes::new(declared).flatten() {
            if name == b"encoding" {
                Charset::parse(value)?;
            } else if !matches!(name, b"version" | b"standalone") {
                return self.markup(b"xml", raw);
            }
        }
        Ok(())
    }

    /// A document type declaration: whole, and every quoted text in it.
    fn declaration(&mut self, raw: &'a [u8]) -> Result<(), Malformed> {
        self.markup(b"", raw)?;
        let mut rest = raw;
        while let Some(at) = memchr::memchr2(b'"', b'\'', rest) {
            let (_, from) = rest.split_at_checked(at).unwrap_or_default();
            let Some((quote, inside)) = from.split_first() else { break };
            let end = memchr::memchr(*quote, inside).unwrap_or(inside.len());
            let (literal, after) = inside.split_at_checked(end).unwrap_or((inside, b""));
            self.parts.add(Place::XmlMarkup, Cow::Borrowed(b"literal"), reference::undo(literal))?;
            rest = after.get(1..).unwrap_or_default();
        }
        Ok(())
    }

    fn start(&mut self, name: &'a [u8], attributes: &'a [u8], empty: bool) -> Result<(), Malformed> {
        self.flush()?;
        if self.open.is_empty() {
            self.roots += 1;
        }
        self.parts.plain(Place::XmlName, b"", name)?;
        for attribute in Attributes::new(attributes) {
            let Some((name, value)) = attribute else {
                self.read = Read::Lenient;
                continue;
            };
            self.parts.plain(Place::XmlName, b"", name)?;
            self.parts.add(Place::XmlAttribute, Cow::Borrowed(name), reference::undo(value))?;
        }
        if empty {
            return Ok(());
        }
        if self.open.len() < self.depth {
            self.open.push(name);
            return Ok(());
        }
        // In markup that closes other tags than it opened, depth means nothing, and is not kept.
        if self.read == Read::Lenient { Ok(()) } else { Err(Malformed { at: 0, why: TOO_DEEP }) }
    }

    fn end(&mut self, name: &'a [u8]) -> Result<(), Malformed> {
        self.flush()?;
        if self.open.pop() != Some(name) {
            self.read = Read::Lenient;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> (Read, Vec<(Place, String, String)>) {
        let mut parts = Parts::new(&Limits::default(), 0);
        let read = read(text.as_bytes(), &mut parts, &Limits::default(), &mut Fuel::new(1 << 20)).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (read, parts.list.iter().map(|part| (part.place, text(&part.name), text(&part.canonical))).collect())
    }

    fn of(place: Place, text: &str) -> Vec<(String, String)> {
        let pair = |(at, name, value)| (at == place).then_some((name, value));
        parse(text).1.into_iter().filter_map(pair).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn names_attributes_texts_are_found() {
        let text =
            "<?xml version=\"1.0\" encoding='UTF-8'?>\n<s:a x=\"1 &lt; 2\" xmlns:s='u'>\n t1 <b>t2</b><c/></s:a>\n";
        assert_eq!(of(Place::XmlText, text), [pair("s:a", "t1"), pair("b", "t2")]);
        assert_eq!(of(Place::XmlAttribute, text), [pair("x", "1 < 2"), pair("xmlns:s", "u")]);
        let names: Vec<_> = of(Place::XmlName, text).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["s:a", "x", "xmlns:s", "b", "c"]);
        assert_eq!(of(Place::XmlMarkup, text), []);
        assert_eq!(parse(text).0, Read::Strict);
    }

    #[test]
    fn markup_is_found() {
        let text = "<!-- c --><?php x ?><!DOCTYPE a [<!ENTITY e SYSTEM \"file:///f\">]><a>&e;</a>";
        let found: Vec<_> = of(Place::XmlMarkup, text).into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, ["c", "php x", "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///f\">]>", "file:///f"]);
        assert_eq!(of(Place::XmlText, text), [pair("a", "&e;")]);
        assert_eq!(parse(text).0, Read::Strict);
    }

    #[test]
    fn text_in_pieces_is_joined() {
        assert_eq!(of(Place::XmlText, "<a>on<!-- x -->e<![CDATA[ <t]]>wo</a>"), [pair("a", "one <two")]);
    }

    #[test]
    fn references_are_undone() {
        assert_eq!(of(Place::XmlText, "<a>&#65;&#x42;&amp;lt;</a>"), [pair("a", "AB&lt;")]);
        assert_eq!(of(Place::XmlText, "<a><![CDATA[&lt;]]></a>"), [pair("a", "&lt;")]);
    }

    #[test]
    fn what_is_not_well_formed_is_lenient() {
        for text in [
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "x<a/>",
            "<a/>x",
            "<a b></a>",
            "<a b=c></a>",
            "<a",
            "<a b=\"",
            "<!-- x",
            "<![CDATA[ x",
            "<?x",
            "<!DOCTYPE x [",
            "<a>< b</a>",
            "",
            "<!x>",
            "<a b='1'c='2'>",
            "<1/>",
        ] {
            assert_eq!(parse(text).0, Read::Lenient, "{text}");
        }
    }

    #[test]
    fn encoding_must_be_known() {
        let refused = |text: &str| {
            let mut parts = Parts::new(&Limits::default(), 0);
            read(text.as_bytes(), &mut parts, &Limits::default(), &mut Fuel::new(1000)).unwrap_err().why.name
        };
        assert_eq!(refused("<?xml version='1.0' encoding='UTF-7'?><a/>"), "body-charset-utf-7");
        assert_eq!(refused("<?xml encoding=\"gb2312\"?><a/>"), "body-charset-unknown");
    }

    #[test]
    fn depth_is_limited() {
        let limits = Limits { depth: 3, ..Limits::default() };
        let mut parts = Parts::new(&limits, 0);
        let mut fuel = Fuel::new(1000);
        assert!(read(b"<a><b><c><d/></c></b></a>", &mut parts, &limits, &mut fuel).is_ok());
        let deeper = read(b"<a><b><c><d></d></c></b></a>", &mut parts, &limits, &mut fuel);
        assert_eq!(deeper.unwrap_err().why, TOO_DEEP);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(<a|</a|<!--|-->|<!\\[CDATA\\[|\\]\\]>|<\\?|\\?>|<!DOCTYPE|\\[|\\]|>|/>|=|\"|'|&#|;|[a-z ]){0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_escaped_is_read_again(value in "[ -~é]{1,30}") {
            let escaped: String = value.chars().map(|c| match c {
                '<' | '&' | '"' | '\'' | '>' => format!("&#{};", c as u32),
                c => c.to_string(),
            }).collect();
            let text = format!("<a b=\"{escaped}\">{escaped}</a>");
            prop_assert_eq!(parse(&text).0, Read::Strict);
            prop_assert_eq!(of(Place::XmlAttribute, &text), [pair("b", &value)]);
            let trimmed = value.trim_matches(' ');
            prop_assert_eq!(of(Place::XmlText, &text).pop().map(|(_, text)| text).unwrap_or_default(), trimmed);
        }
    }
}
