//! Objects that are revived, made by the name of their class, or whose prototype is written.

use super::Finding;
use crate::canon::cursor::{self, Cursor};
use crate::detect::context::Strength::{Certain, Strong, Weak};
use crate::flow::{Part, Place};

/// A serialised object at the start of a value: Java, .NET, PHP, Python, Ruby.
pub(super) fn object(bytes: &[u8]) -> Option<Finding> {
    let certain =
        |end: usize| Some(Finding { strength: Certain, name: "code-object", at: 0, end: end.min(bytes.len()) });
    for (head, exact) in [
        (&b"\xac\xed\x00\x05"[..], true),
        (b"rO0AB", true),
        (b"aced0005", false),
        (b"AAEAAAD/////", true),
        (b"gASV", true),
        (b"\x80\x04\x95", true),
    ] {
        let here = if exact { bytes.starts_with(head) } else { cursor::starts_with(bytes, head) };
        if here && bytes.len() > head.len() {
            return certain(head.len());
        }
    }
    let at = php_object(bytes)?;
    Some(Finding { strength: Strong, name: "code-object", at, end: (at + 12).min(bytes.len()) })
}

/// `O:8:"stdClass":1:{…`, `C:11:"…`, alone or inside of a serialised array.
fn php_object(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'O', b'C', bytes.get(from..)?).map(|at| from + at) {
        from = at + 1;
        let mut cursor = Cursor::new(bytes, from);
        let fresh = at == 0 || matches!(bytes.get(at - 1), Some(b'{' | b';' | b'}' | b':' | b' ' | b'"' | b'|'));
        if !fresh || !cursor.eat(b":") {
            continue;
        }
        cursor.eat(b"+");
        if !cursor.take_up_to(6, |b| b.is_ascii_digit()).is_empty() && (cursor.eat(b":\"") || cursor.eat(b":\\\"")) {
            return Some(at);
        }
    }
    None
}

/// `__proto__` and `constructor.prototype` as a key, as a key within a key, or as the key of an object inside a value.
pub(super) fn prototype(part: &Part<'_>) -> Option<Finding> {
    let bytes = part.canonical.as_ref();
    cursor::find(bytes, b"proto")?;
    let key = matches!(part.place, Place::QueryName | Place::FormName | Place::JsonKey | Place::CookieName);
    let proto = cursor::find(bytes, b"__proto__");
    let constructor = [
        &b"constructor[prototype]"[..],
        b"constructor.prototype",
        b"constructor][prototype",
        b"\"prototype\"",
        b"'prototype'",
    ]
    .iter()
    .find_map(|name| cursor::find(bytes, name));
    if bytes == b"prototype" && part.name.as_ref() == b"constructor" {
        return Some(Finding { strength: Certain, name: "code-prototype", at: 0, end: bytes.len() });
    }
    let at = proto.or(constructor)?;
    let quoted = usize::from(proto.is_none());
    let after = bytes.get(at + 9 + quoted..).unwrap_or_default().trim_ascii_start();
    let set = matches!(after.first(), Some(b'"' | b'\'' | b'[' | b'.' | b']' | b':' | b'='));
    let nested = cursor::contains(bytes, b"constructor\"") || cursor::contains(bytes, b"constructor'");
    let strength = if key || proto.is_some() && set || proto.is_none() && nested && set {
        Certain
    } else if proto.is_some() {
        Strong
    } else {
        Weak
    };
    Some(Finding { strength, name: "code-prototype", at, end: at + 9 })
}

/// Packages of classes that a value names only to have them made or called.
const PACKAGES: &[&[u8]] = &[
    b"java.lang.",
    b"java.io.",
    b"java.util.",
    b"java.net.",
    b"java.nio.",
    b"javax.script.",
    b"javax.naming.",
    b"com.sun.org.apache",
    b"com.sun.rowset",
    b"com.opensymphony.",
    b"org.apache.commons",
    b"org.apache.struts",
    b"org.apache.xalan",
    b"org.codehaus.groovy",
    b"org.springframework.context",
    b"java.processbuilder",
    b"java.runtime",
];

/// A value that is nothing but the name of a class of the Java runtime; one of an exception is an ordinary record.
pub(super) fn class_name(bytes: &[u8]) -> Option<Finding> {
    let whole = bytes.len() <= 80 && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'$' | b'_'));
    let known = whole && PACKAGES.iter().any(|package| cursor::starts_with(bytes, package));
    let ordinary = cursor::ends_with(bytes, b"exception")
        || cursor::ends_with(bytes, b"error")
        || cursor::starts_with(bytes, b"java.util.concurrent");
    (known && !ordinary).then_some(Finding { strength: Strong, name: "code-java", at: 0, end: bytes.len() })
}
