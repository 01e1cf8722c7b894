//! Injection into stores that do not speak SQL: MongoDB's operators where a plain value is awaited and JavaScript for
//! `$where`; commands for Redis and the scripts it runs.
//!
//! Steps: at most 2 for each byte. Operators are looked for in names only: `{"price": "$5"}` and OData's `?$filter=` are none.

use super::{Detector, Wake};
use crate::canon::cursor;
use crate::flow::{Found, Fuel, Hit, Layer, Part, Place, Weight};
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::LazyLock;

/// The registered detector.
pub(super) static NOSQL: NoSql = NoSql;

/// Looks for injection into MongoDB and Redis.
#[derive(Debug)]
pub(super) struct NoSql;

/// Steps for each byte.
const STEPS_PER_BYTE: usize = 2;

/// Operators that widen a match, or run code: no client of an honest API sends them alone.
const WIDE: &[&[u8]] = &[
    b"$accumulator",
    b"$exists",
    b"$expr",
    b"$function",
    b"$gt",
    b"$gte",
    b"$jsonSchema",
    b"$ne",
    b"$nin",
    b"$nor",
    b"$not",
    b"$regex",
    b"$where",
];

/// The other operators of queries and updates, which some APIs take.
const NARROW: &[&[u8]] = &[
    b"$all",
    b"$and",
    b"$comment",
    b"$elemMatch",
    b"$eq",
    b"$in",
    b"$inc",
    b"$lookup",
    b"$lt",
    b"$lte",
    b"$match",
    b"$mod",
    b"$or",
    b"$out",
    b"$pull",
    b"$push",
    b"$rename",
    b"$set",
    b"$setOnInsert",
    b"$size",
    b"$text",
    b"$type",
    b"$unset",
];

type Sign = (&'static str, u16, Range<usize>);

impl Detector for NoSql {
    fn name(&self) -> &'static str {
        "nosql"
    }

    fn wakes(&self) -> Wake {
        Wake {
            literals: &["this.", "db.", "redis.call", "flushall", "slaveof", "config set", "new date"],
            bytes: &["$a", ";'a", ";\"a"],
        }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let value = part.canonical.as_ref();
        if fuel.spend(STEPS_PER_BYTE * value.len()).is_err() {
            return;
        }
        let sign = match part.place {
            Place::JsonKey => key(part),
            Place::QueryName | Place::FormName | Place::CookieName => name(value),
            _ => None,
        };
        let sign = sign.or_else(|| script(value)).or_else(|| query(value)).or_else(|| redis(value));
        if let Some((signature, weight, range)) = sign {
            found.add(part, Hit { detector: "nosql", signature: signature.into(), range, weight: Weight(weight) });
        }
    }
}

/// `"$gt"` as the key of an object. An object within a string or a parameter was not meant to be one.
fn key(part: &Part<'_>) -> Option<Sign> {
    let value = part.canonical.as_ref();
    let smuggled = part.chain.layers().contains(&Layer::Json);
    let weight = operator(value)?;
    Some(("nosql-operator", if smuggled { 100 } else { weight }, 0..value.len()))
}

/// `user[$ne]`, `user.$ne` and `user[$nin][]`: the operator right behind a plain name; deeper ones may be a filter's.
fn name(value: &[u8]) -> Option<Sign> {
    let dollar = memchr::memchr(b'$', value)?;
    let before = value.get(..dollar)?;
    let length = value.iter().skip(dollar + 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let end = dollar + 1 + length;
    let opened = before.last()?;
    let closed = matches!((opened, value.get(end)), (b'[', Some(b']')) | (b'.', None | Some(b'[' | b'.')));
    let weight = operator(value.get(dollar..end)?)?;
    let deep = before.iter().filter(|byte| matches!(byte, b'[' | b'.')).count() > 1;
    closed.then_some(("nosql-operator", if deep { 60 } else { weight.max(100) }, dollar..end))
}

/// How much an operator weighs, or nothing for any other word.
fn operator(text: &[u8]) -> Option<u16> {
    if WIDE.contains(&text) {
        return Some(100);
    }
    NARROW.contains(&text).then_some(50)
}

/// JavaScript that leaves the string it stands in: `' && this.a`, `'; return true; //`, `'} ], $comment: '`.
fn script(value: &[u8]) -> Option<Sign> {
    let quote = memchr::memchr2(b'\'', b'"', value);
    let start = quote.map_or(0, |at| at + 1);
    let rest = value.get(start..)?;
    let skipped = rest.iter().take_while(|byte| is_joint(**byte)).count();
    let (joint, code) = rest.split_at_checked(skipped)?;
    let leaves = quote.is_some() || starts_with_statement(value);
    let joins = joint.iter().any(|byte| matches!(byte, b'&' | b'|' | b';' | b'}' | b']'));
    let known = [&b"this."[..], b"return ", b"return(", b"var ", b"sleep(", b"while(", b"db.", b"emit(", b"$"];
    let known = known.iter().any(|start| code.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start)));
    (leaves && joins && known).then_some(("nosql-script", 100, start.saturating_sub(1)..value.len()))
}

/// A piece of a query where a value is awaited: `, $where: '1'`, `{ $ne: 1 }`, `db.staff.drop()`. In a longer text it may be
/// somebody's code.
fn query(value: &[u8]) -> Option<Sign> {
    let at = named_operator(value).or_else(|| collection_call(value))?;
    Some(("nosql-query", if value.len() <= SHORT { 100 } else { 40 }, at..value.len()))
}

/// Bytes beyond which a text is more than a value.
const SHORT: usize = 128;

/// The first `$operator` that a colon follows, or that stands in brackets of its own: `pin[$ne]=1` where a value is awaited.
fn named_operator(value: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'$', value).take(8).find(|at| {
        let rest = value.get(*at..).unwrap_or_default();
        let length = 1 + rest.iter().skip(1).take(16).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (name, behind) = rest.split_at_checked(length).unwrap_or_default();
        let bracketed = at.checked_sub(1).and_then(|at| value.get(at)) == Some(&b'[') && behind.starts_with(b"]");
        operator(name).is_some() && (bracketed || behind.trim_ascii_start().starts_with(b":"))
    })
}

/// `db.`, a collection, and a method that reads or changes it.
fn collection_call(value: &[u8]) -> Option<usize> {
    const METHODS: &[&[u8]] =
        &[b"insert", b"find", b"drop", b"remove", b"update", b"delete", b"mapReduce", b"aggregate"];
    let at = cursor::find_exact(value, b"db.")?;
    let rest = value.get(at + 3..)?;
    let name = rest.iter().take(64).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let method = rest.get(name..)?.strip_prefix(b".")?;
    let called = method.iter().take(32).position(|byte| *byte == b'(').is_some();
    (name > 0 && called && METHODS.iter().any(|known| method.starts_with(known))).then_some(at)
}

/// `0;var d=new Date();`
fn starts_with_statement(value: &[u8]) -> bool {
    let first = value.iter().take(8).position(|byte| *byte == b';');
    first.is_some_and(|at| value.iter().take(at).all(u8::is_ascii_digit))
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'&' | b'|' | b';' | b'}' | b']' | b')' | b',' | b'0'..=b'9')
}

/// A Redis command on a line of its own, a script that calls back, a settings command.
fn redis(value: &[u8]) -> Option<Sign> {
    let calls = |at: &usize| {
        let rest = value.get(*at..).unwrap_or_default();
        rest.starts_with(b"redis.call(") || rest.starts_with(b"redis.pcall(")
    };
    if let Some(at) = REDIS.find_iter(value).find(calls) {
        return Some(("nosql-redis", 100, at..value.len()));
    }
    if memchr::memchr(b'\n', value).is_none() && !begins_with_words(value.trim_ascii(), b"config set ") {
        return None;
    }
    let mut start = 0;
    for line in value.split(|byte| *byte == b'\n') {
        let command = line.trim_ascii();
        let inline = COMMANDS.iter().any(|known| begins_with_words(command, known));
        let framed = command.first() == Some(&b'*') && value.get(start + line.len() + 1) == Some(&b'$');
        if inline && (start > 0 || begins_with_words(command, b"config set ")) || framed && start > 0 {
            return Some(("nosql-redis", 100, start..start + line.len()));
        }
        start += line.len() + 1;
    }
    None
}

static REDIS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("redis."));

/// Redis commands that change the server or run code.
const COMMANDS: &[&[u8]] = &[
    b"config set ",
    b"flushall",
    b"flushdb",
    b"slaveof ",
    b"replicaof ",
    b"eval \"",
    b"module load ",
    b"debug sleep",
    b"bgsave",
];

fn begins_with_words(line: &[u8], words: &[u8]) -> bool {
    line.get(..words.len()).is_some_and(|start| start.eq_ignore_ascii_case(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(place: Place, value: &[u8]) -> u32 {
        let part = Part::plain(place, b"", value);
        let mut found = Found::default();
        NOSQL.inspect(&part, &mut found, &mut Fuel::new(1_000_000));
        found.total()
    }

    #[test]
    fn operator_in_a_parameter_name_is_denied() {
        for name in ["pin[$ne]", "pin[$nin][]", "pin.$gt", "pin[$in][]"] {
            assert!(weight(Place::QueryName, name.as_bytes()) >= 100, "{name}");
        }
    }

    #[test]
    fn operator_deep_in_a_filter_needs_company() {
        assert_eq!(weight(Place::QueryName, b"filters[price][$gt]"), 60);
    }

    #[test]
    fn other_dollar_names_are_nothing() {
        for name in ["$filter", "$top", "a[$x]", "$ref", "$schema", "cost[$]", "$ne w"] {
            assert_eq!(weight(Place::QueryName, name.as_bytes()), 0, "{name}");
            assert_eq!(weight(Place::JsonKey, name.as_bytes()), 0, "{name}");
        }
    }

    #[test]
    fn operator_as_a_key_is_denied_when_it_widens() {
        assert_eq!(weight(Place::JsonKey, b"$ne"), 100);
        assert_eq!(weight(Place::JsonKey, b"$set"), 50);
        assert_eq!(weight(Place::JsonValue, b"$ne"), 0);
    }

    #[test]
    fn script_that_leaves_its_string_is_denied() {
        for value in [
            "x' && this.pin.match(/^1/)//",
            "x'; return true; var a='",
            "0;var d=new Date();while(1){}",
            "'}], $where: '1",
        ] {
            assert!(weight(Place::JsonValue, value.as_bytes()) >= 100, "{value}");
        }
    }

    #[test]
    fn piece_of_a_query_is_denied_when_it_is_all_there_is() {
        for value in [
            "', $where: '3 == 3",
            "{ $ne: 3 }",
            "7, $or: [ {}, {'q':'q",
            "db.staff.drop()",
            "x';db.staff.insert({a:1});",
            "pin[$nin][]=1",
        ] {
            assert_eq!(weight(Place::JsonValue, value.as_bytes()), 100, "{value}");
        }
        assert_eq!(weight(Place::JsonValue, b"db.internal.example:5432"), 0);
        assert_eq!(weight(Place::JsonValue, b"total: $set price"), 0);
    }

    #[test]
    fn prose_with_quotes_is_nothing() {
        for value in ["it's this. And that", "a 'quoted' word; return it", "'yes' or 'no'; $5 each", "Tom & Jerry's $5"]
        {
            assert_eq!(weight(Place::JsonValue, value.as_bytes()), 0, "{value}");
        }
    }

    #[test]
    fn redis_commands_on_a_line_of_their_own_are_denied() {
        assert!(weight(Place::QueryValue, b"x\r\nFLUSHALL\r\n") >= 100);
        assert!(weight(Place::QueryValue, b"x\r\n*1\r\n$8\r\nFLUSHALL\r\n") >= 100);
        assert!(weight(Place::JsonValue, b"return redis.call('keys','*')") >= 100);
        assert_eq!(weight(Place::JsonValue, b"flushall is a command"), 0);
    }
}
