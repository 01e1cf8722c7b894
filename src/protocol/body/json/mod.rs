//! JSON (RFC 8259), one document or a series of them (NDJSON, JSON text sequences): every string is a part, and every
//! key when it is new; numbers and the literals are none, as nothing can be hidden in them.
//!
//! The reader never gives up: what breaks the grammar is read as lenient parsers read it (comments, single quotes, bare
//! words), and the answer says that it was not strict, so that the caller judges the text as a whole too. Duplicate keys
//! are no fault here: each of their values is judged. A value's part is named by its key, raw as it stands; that of an
//! array element by the key of the array. A GraphQL document under `query` is read as one. [`path`] gives the whole path of a byte where a record asks for it.

mod escape;
mod lexer;
mod path;

use super::collect::{Parts, Value, spend};
use super::{Limits, graphql, swar};
use crate::flow::{Fuel, Kind, Place, Reason};
use crate::protocol::Malformed;
use std::borrow::Cow;

pub(super) use escape::undo as undo_escapes;
pub(super) use lexer::{Lexer, Token, closing_quote};
pub use path::path;

/// Deeper than [`Limits::depth`].
pub(super) const TOO_DEEP: Reason = Reason::new("json-depth", Kind::TooLarge, "JSON is nested too deeply");

/// How closely a text keeps to the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// RFC 8259, but for details on which no two readings differ.
    Strict,
    /// Read as a lenient parser may read it; another may read it otherwise.
    Lenient,
}

/// What may stand next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

/// An array or object that is not closed yet.
struct Frame<'a> {
    object: bool,
    /// The key it stands under.
    key: &'a [u8],
}

struct Reader<'a, 'p> {
    parts: &'p mut Parts<'a>,
    depth: usize,
    frames: Vec<Frame<'a>>,
    /// Whether the innermost open frame is an object.
    object: bool,
    key: &'a [u8],
    known: Keys<'a>,
    want: Want,
    read: Read,
}

/// Keys that were added not long ago: records of one shape have the same again and again, and there is nothing in the
/// second that was not in the first.
#[derive(Default)]
struct Keys<'a>([[Option<&'a [u8]>; 2]; 16]);

impl<'a> Keys<'a> {
    /// Whether this key is new, or was forgotten.
    #[inline(always)] // called for every key
    fn is_new(&mut self, key: &'a [u8]) -> bool {
        let (Some(first), Some(last)) = (key.first(), key.last()) else { return true };
        let mixed = (key.len() as u32) << 16 ^ u32::from(*first) << 8 ^ u32::from(*last);
        let Some([latest, earlier]) = self.0.get_mut((mixed.wrapping_mul(0x9e37_79b1) >> 28) as usize) else {
            return true;
        };
        let is_known = |known: &Option<&[u8]>| known.is_some_and(|known| swar::same(known, key));
        if is_known(latest) || is_known(earlier) {
            return false;
        }
        *earlier = latest.replace(key);
        true
    }
}

/// Adds the keys and strings of `text`.
///
/// # Errors
/// Nesting or parts beyond their limits; an empty budget.
pub(super) fn read<'a>(
    text: &'a [u8],
    parts: &mut Parts<'a>,
    limits: &Limits,
    fuel: &mut Fuel,
) -> Result<Read, Malformed> {
    // Looked at once, and written down once.
    spend(fuel, text)?;
    spend(fuel, text)?;
    let mut lexer = Lexer::new(text);
    let mut reader = Reader {
        parts,
        depth: limits.depth,
        frames: Vec::with_capacity(8),
        object: false,
        key: b"",
        known: Keys::default(),
        want: Want::Value,
        read: Read::Strict,
    };
    loop {
        if reader.read == Read::Strict {
            lexer = reader.run(lexer)?;
        }
        let Some(token) = lexer.next() else { break };
        reader.take(token, &mut lexer).map_err(|why| Malformed { at: lexer.at(), why })?;
    }
    if !reader.frames.is_empty() {
        reader.read = Read::Lenient;
    }
    Ok(reader.read)
}

impl<'a> Reader<'a, '_> {
    /// Takes what nearly all documents are made of, and stops before anything else. The lexer comes and goes as a value, so
    /// that it stays in registers.
    fn run(&mut self, mut lexer: Lexer<'a>) -> Result<Lexer<'a>, Malformed> {
        loop {
            let taken = if let Some((inside, escaped)) = lexer.eat_text() {
                self.text(inside, escaped, &mut lexer)
            } else if lexer.eat_number() {
                self.value(&mut lexer);
                Ok(())
            } else if let Some(object) = lexer.eat_close() {
                self.close(object);
                self.after_value(&mut lexer);
                Ok(())
            } else if let Some(object) = lexer.eat_open() {
                self.open(object)
            } else if lexer.eat_blanks() {
                Ok(())
            } else {
                return Ok(lexer);
            };
            taken.map_err(|why| Malformed { at: lexer.at(), why })?;
        }
    }

    fn take(&mut self, token: Token<'a>, lexer: &mut Lexer<'a>) -> Result<(), Reason> {
        match token {
            Token::Text { inside, escaped } => self.text(inside, escaped, lexer)?,
            Token::Colon => self.step(Want::Colon, Want::Value),
            Token::Comma => self.step(Want::CommaOrEnd, self.after_comma()),
            Token::Open(object) => self.open(object)?,
            Token::Close(object) => {
                self.close(object);
                self.after_value(lexer);
            }
            Token::Number => self.value(lexer),
            Token::Odd(inside) => self.odd(inside, lexer)?,
        }
        Ok(())
    }

    /// What no strict reader takes.
    fn odd(&mut self, inside: &'a [u8], lexer: &mut Lexer<'a>) -> Result<(), Reason> {
        self.read = Read::Lenient;
        if inside.is_empty() { Ok(()) } else { self.text(inside, inside.contains(&b'\\'), lexer) }
    }

    #[inline(always)] // called for every string
    fn text(&mut self, inside: &'a [u8], escaped: bool, lexer: &mut Lexer<'a>) -> Result<(), Reason> {
        let (place, name) = if matches!(self.want, Want::Key | Want::KeyOrEnd) {
            self.key = inside;
            self.want = if lexer.eat(b':') { Want::Value } else { Want::Colon };
            if escaped || inside == b"prototype" {
                return self.nested_key(inside, escaped).map_err(|malformed| malformed.why);
            }
            if !self.known.is_new(inside) {
                return Ok(());
            }
            (Place::JsonKey, &b""[..])
        } else {
            self.value(lexer);
            if self.key == b"query" && self.graphql(inside, escaped).map_err(|malformed| malformed.why)? {
                return Ok(());
            }
            (Place::JsonValue, self.key)
        };
        add_string(place, name, inside, escaped, self.parts).map_err(|malformed| malformed.why)
    }

    /// A key that means something by the key of the object in which it stands, which is its part's name: `prototype` within
    /// `constructor`.
    fn nested_key(&mut self, inside: &'a [u8], escaped: bool) -> Result<(), Malformed> {
        let around = self.frames.last().map_or(&b""[..], |frame| frame.key);
        let name = if around.contains(&b'\\') { escape::undo(around).canonical } else { Cow::Borrowed(around) };
        let value = if escaped { escape::undo(inside) } else { Value::plain(inside) };
        self.parts.add(Place::JsonKey, name, value)
    }

    /// A string under `query` may be a GraphQL document (alone or in a batch, so not deep); whether it was.
    fn graphql(&mut self, inside: &'a [u8], escaped: bool) -> Result<bool, Malformed> {
        let value = if escaped { escape::undo(inside) } else { Value::plain(inside) };
        Ok(self.frames.len() <= 2 && graphql::read(&value, self.key, self.depth, self.parts)?)
    }

    fn open(&mut self, object: bool) -> Result<(), Reason> {
        self.expect_value();
        if self.frames.len() >= self.depth {
            return Err(TOO_DEEP);
        }
        self.frames.push(Frame { object: self.object, key: self.key });
        self.object = object;
        self.want = if object { Want::KeyOrEnd } else { Want::ValueOrEnd };
        Ok(())
    }

    fn close(&mut self, object: bool) {
        let fits = matches!(self.want, Want::CommaOrEnd | Want::KeyOrEnd | Want::ValueOrEnd) && self.object == object;
        match self.frames.pop() {
            Some(frame) => (self.object, self.key) = (frame.object, frame.key),
            None => self.read = Read::Lenient,
        }
        if !fits {
            self.read = Read::Lenient;
        }
    }

    /// A value stands here.
    #[inline(always)] // called for every value
    fn value(&mut self, lexer: &mut Lexer<'a>) {
        self.expect_value();
        self.after_value(lexer);
    }

    fn expect_value(&mut self) {
        if !matches!(self.want, Want::Value | Want::ValueOrEnd) {
            self.read = Read::Lenient;
        }
    }

    #[inline(always)] // called for every value
    fn after_value(&mut self, lexer: &mut Lexer<'a>) {
        self.want = if self.frames.is_empty() {
            Want::Value
        } else if lexer.eat(b',') {
            self.after_comma()
        } else {
            Want::CommaOrEnd
        };
    }

    fn after_comma(&self) -> Want {
        if self.object { Want::Key } else { Want::Value }
    }

    fn step(&mut self, wanted: Want, next: Want) {
        if self.want != wanted {
            self.read = Read::Lenient;
        }
        self.want = next;
    }
}

/// Adds what stands between the quotes of a string.
#[inline(always)] // called for every string
pub(super) fn add_string<'a>(
    place: Place,
    name: &'a [u8],
    inside: &'a [u8],
    escaped: bool,
    parts: &mut Parts<'a>,
) -> Result<(), Malformed> {
    if escaped {
        return parts.add(place, Cow::Borrowed(name), escape::undo(inside));
    }
    parts.plain(place, name, inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &[u8]) -> (Read, Vec<(Place, String, String)>) {
        let mut parts = Parts::new(&Limits::default(), 0);
        let read = read(text, &mut parts, &Limits::default(), &mut Fuel::new(1 << 20)).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (read, parts.list.iter().map(|part| (part.place, text(&part.name), text(&part.canonical))).collect())
    }

    fn values(text: &[u8]) -> Vec<(String, String)> {
        let value = |(place, name, value)| (place == Place::JsonValue).then_some((name, value));
        parse(text).1.into_iter().filter_map(value).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn strings_are_named_by_their_keys() {
        let text = br#"{"a":"x","b":["y",{"c":"z"},"w"],"d":{"e":1,"f":null},"g":"v"}"#;
        assert_eq!(values(text), [pair("a", "x"), pair("b", "y"), pair("c", "z"), pair("b", "w"), pair("g", "v")]);
        assert_eq!(parse(text).0, Read::Strict);
    }

    #[test]
    fn keys_are_parts() {
        let keys: Vec<_> = parse(br#"{"$where":1,"":2}"#).1;
        assert_eq!(keys, [(Place::JsonKey, String::new(), "$where".into())]);
    }

    #[test]
    fn same_key_is_a_part_once() {
        let keys: Vec<_> = parse(br#"[{"a":1,"b":2},{"a":3,"c":4,"b":"5"}]"#).1;
        let keys: Vec<_> = keys.iter().filter(|part| part.0 == Place::JsonKey).map(|part| part.2.as_str()).collect();
        assert_eq!(keys, ["a", "b", "c"]);
    }

    #[test]
    fn key_of_a_prototype_is_named_by_the_key_around_it() {
        let text =
            br#"{"prototype":1,"constr\u0075ctor":{"a":1,"prototyp\u0065":{"b":true}},"constructor":{"prototype":2}}"#;
        let keys = parse(text).1.into_iter().filter(|(.., key)| key == "prototype").map(|(_, name, _)| name);
        assert_eq!(keys.collect::<Vec<_>>(), ["", "constructor", "constructor"]);
    }

    #[test]
    fn both_values_of_a_duplicate_key_are_parts() {
        assert_eq!(values(br#"{"a":"1","a":"2"}"#), [pair("a", "1"), pair("a", "2")]);
    }

    #[test]
    fn series_of_documents_is_strict() {
        for text in [&b"{}\n{}\n"[..], b"[]", b"\x1e{}\n\x1e[1]", b"\"a\"", b"1", b" ", b"true", b"-1.5e+7", b"{}{}"] {
            assert_eq!(parse(text).0, Read::Strict, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn broken_grammar_is_lenient() {
        for text in [
            "{",
            "]",
            "{]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\" 1}",
            "[1,]",
            "[,1]",
            "{,}",
            "{,\"a\":1}",
            "{\"a\":1 \"b\":2}",
            "{'a':1}",
            "{a:1}",
            "[x]",
            "// c\n[]",
            "/* c */[]",
            "# c\n[]",
            "\"a",
            "\"a\\\"",
            "[\"a\nb]",
            "abc",
            "{1:2}",
            "nul",
            "]]]",
            "1\"a\"",
            "true{}",
            ":",
            ",",
        ] {
            assert_eq!(parse(text.as_bytes()).0, Read::Lenient, "{text}");
        }
    }

    #[test]
    fn lenient_values_are_still_found() {
        assert_eq!(
            values(b"{'a': '1\\' or', b: x y, /* \" */ \"c\": \"d\"}"),
            [pair("a", "1' or"), pair("b", "x y"), pair("c", "d")]
        );
        assert_eq!(values(b"{\"a\":\"open"), [pair("a", "open")]);
    }

    #[test]
    fn graphql_is_read_where_it_stands() {
        let places: Vec<_> =
            parse(br#"[{"query":"{ a(b: \"c\") }","x":"{ a }"}]"#).1.into_iter().map(|(place, ..)| place).collect();
        assert_eq!(places, [Place::JsonKey, Place::GraphQl, Place::GraphQl, Place::JsonKey, Place::JsonValue]);
        assert_eq!(values(br#"{"query":"select 1"}"#), [pair("query", "select 1")]);
    }

    #[test]
    fn depth_is_limited() {
        let limits = Limits { depth: 3, ..Limits::default() };
        let mut parts = Parts::new(&limits, 0);
        let mut fuel = Fuel::new(100);
        assert!(read(b"[[[]]]", &mut parts, &limits, &mut fuel).is_ok());
        assert_eq!(read(b"[[[[]]]]", &mut parts, &limits, &mut fuel).unwrap_err().why, TOO_DEEP);
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn strings(value: &serde_json::Value, found: &mut Vec<(Place, String)>) {
        match value {
            serde_json::Value::String(text) => found.push((Place::JsonValue, text.clone())),
            serde_json::Value::Array(list) => list.iter().for_each(|value| strings(value, found)),
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    found.push((Place::JsonKey, key.clone()));
                    strings(value, found);
                }
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn sees_what_serde_sees(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let mut wanted = Vec::new();
            strings(&value, &mut wanted);
            wanted.retain(|(_, text)| !text.is_empty());
            let (read, found) = parse(text.as_bytes());
            let found: Vec<_> = found.into_iter().map(|(place, _, text)| (place, text)).collect();
            let values = |all: &[(Place, String)]| {
                all.iter().filter(|(place, _)| *place == Place::JsonValue).cloned().collect::<Vec<_>>()
            };
            let keys = |all: &[(Place, String)]| {
                let keys = all.iter().filter(|(place, _)| *place == Place::JsonKey).map(|(_, key)| key.clone());
                keys.collect::<std::collections::BTreeSet<_>>()
            };
            prop_assert_eq!(read, Read::Strict);
            prop_assert_eq!(values(&found), values(&wanted));
            prop_assert_eq!(keys(&found), keys(&wanted));
        }

        #[test]
        fn what_serde_takes_is_strict(text in "[\\[\\]{}:,\"a0 \\\\/'-]{0,24}") {
            let valid = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let (read, _) = parse(text.as_bytes());
            prop_assert!(!valid || read == Read::Strict);
        }

        #[test]
        fn any_bytes_are_survived(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut parts = Parts::new(&Limits::default(), 0);
            let _ = read(&text, &mut parts, &Limits::default(), &mut Fuel::new(1 << 20));
        }
    }
}
