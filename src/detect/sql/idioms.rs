//! Spellings that only SQL has, whatever stands around them: no grammar is needed to see them, and none can read the
//! statements that they are cut out of.

use super::functions::Purpose;
use crate::canon::cursor;
use crate::detect::Classes;
use crate::detect::context::Strength::{self, Strong};
use crate::detect::finding::Finding;

/// The longest value that is read as one unfinished call or cast.
const MAX_WHOLE_BYTES: usize = 48;

/// The first of these spellings in a value, whose bytes are of these classes.
pub(super) fn find(value: &[u8], classes: Classes) -> Option<Finding> {
    if !classes.any(Classes::of("(:-*,@.")) {
        return None;
    }
    let whole = |strength: Strength, name| Finding { strength, name, at: 0, end: value.len() };
    if classes.any(Classes::of("(")) && is_unfinished_call(value) {
        return Some(whole(Strong, "sql-unfinished-call"));
    }
    if classes.any(Classes::of(":")) && is_cast(value) {
        return Some(whole(Strong, "sql-cast"));
    }
    if classes.any(Classes::of("-")) && cuts_off(value) {
        return Some(whole(Strong, "sql-cut-off"));
    }
    if classes.any(Classes::of("*,")) && splices_words(value) {
        return Some(whole(Strong, "sql-spliced-words"));
    }
    if classes.any(Classes::of("@")) && runs_script(value) {
        return Some(whole(Strong, "sql-script"));
    }
    let comment = classes.has(Classes::of("/*!")).then(|| executable_comment(value)).flatten();
    let exponent = || classes.has(Classes::of(".a0")).then(|| empty_exponent(value)).flatten();
    let (at, name) =
        comment.map(|at| (at, "sql-executable-comment")).or_else(|| exponent().map(|at| (at, "sql-empty-exponent")))?;
    Some(Finding { strength: Strong, name, at, end: value.len().min(at + 16) })
}

/// `1'--x`, `a')--sp_password`: one word, a quote that ends its string, and a comment that begins right there.
fn cuts_off(value: &[u8]) -> bool {
    let Some(at) = value.iter().position(|b| matches!(b, b'\'' | b'"')).filter(|_| value.len() <= MAX_WHOLE_BYTES)
    else {
        return false;
    };
    let (before, rest) = value.split_at_checked(at).unwrap_or_default();
    let behind = rest.get(1..).unwrap_or_default();
    let closed = behind.iter().take_while(|b| matches!(b, b')' | b';')).count();
    let comment = behind.get(closed..).unwrap_or_default();
    let one_word = |text: &[u8]| text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    one_word(before) && comment.strip_prefix(b"--").is_some_and(one_word)
}

/// `uni/**/on sel/**/ect`, `uni","on`: words of a statement, taken apart by what a careless filter takes out of values, or
/// by what joins the items of a list.
fn splices_words(value: &[u8]) -> bool {
    const JOINTS: &[&[u8]] = &[b"/**/", b"\\\",\\\"", b"\",\""];
    const MAX_BYTES: usize = 512;
    if value.len() > MAX_BYTES || !JOINTS.iter().any(|joint| cursor::find_exact(value, joint).is_some()) {
        return false;
    }
    let mut text = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, tail)) = rest.split_first() {
        let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphabetic);
        let inside = letter(text.last());
        let joint = JOINTS.iter().find(|joint| inside && rest.starts_with(joint) && letter(rest.get(joint.len())));
        text.extend(joint.is_none().then_some(*first));
        rest = joint.map_or(tail, |joint| rest.get(joint.len()..).unwrap_or_default());
    }
    let words = [&b"union select"[..], b"union all select", b"insert into", b"drop table", b"order by"];
    text.len() < value.len() && words.iter().any(|word| cursor::contains(&text, word) && !cursor::contains(value, word))
}

/// `hex(`, `exec (@`: the name of a function of a database, opened and left so. Whoever appends it to a statement learns
/// from the error whether it was taken as one.
fn is_unfinished_call(value: &[u8]) -> bool {
    let value = value.get(..value.len().min(MAX_WHOLE_BYTES)).unwrap_or_default();
    let Some(name) = value.trim_ascii_end().strip_suffix(b"(") else { return false };
    let name = name.trim_ascii();
    let plain = name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    name.len() >= 3 && plain && Purpose::of(name) != Purpose::Unknown
}

/// Types of PostgreSQL that a value is cast to in order to learn something from the error, sorted.
const TYPES: &[&str] =
    &["bigint", "int", "int4", "int8", "integer", "numeric", "regclass", "regproc", "smallint", "text", "varchar"];

/// Those whose names other languages have as well: the value must be a call, sorted.
const SHARED_TYPES: &[&str] = &[
    "bool",
    "boolean",
    "date",
    "double precision",
    "float",
    "float4",
    "float8",
    "json",
    "jsonb",
    "oid",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
];

/// `password::int`: nothing but a name, perhaps in a call, with its cast.
fn is_cast(value: &[u8]) -> bool {
    let Some(at) = cursor::find_exact(value, b"::").filter(|_| value.len() <= MAX_WHOLE_BYTES) else { return false };
    let Some((name, kind)) = value.split_at_checked(at) else { return false };
    let kind = kind.get(2..).unwrap_or_default().trim_ascii();
    let names = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'(' | b')');
    let lower = name.first().is_some_and(u8::is_ascii_lowercase);
    let typed = cursor::is_one_of(kind, TYPES) || name.ends_with(b")") && cursor::is_one_of(kind, SHARED_TYPES);
    lower && name.iter().all(names) && typed
}

/// `… declare @s varchar(99); set @s = …; exec(@s)`: a program that builds its statement, behind anything at all.
fn runs_script(value: &[u8]) -> bool {
    let Some(declared) = cursor::find(value, b"declare @").filter(|at| *at > 0) else { return false };
    let rest = value.get(declared..).unwrap_or_default();
    [&b"exec(@"[..], b"exec (@", b"execute(@", b"sp_executesql"].iter().any(|run| cursor::find(rest, run).is_some())
}

/// `/*!50000 union */`: MySQL runs what other readers take for a comment.
fn executable_comment(value: &[u8]) -> Option<usize> {
    let at = cursor::find_exact(value, b"/*!")?;
    let inside = value.get(at + 3..).unwrap_or_default();
    let digits = inside.iter().take_while(|b| b.is_ascii_digit()).count();
    let speaks =
        inside.get(digits..).unwrap_or_default().trim_ascii_start().first().is_some_and(u8::is_ascii_alphabetic);
    ((digits == 5 || digits == 6) && speaks).then_some(at)
}

/// `1.e(ascii)`, `1.e.tables`: MySQL drops the empty exponent; most others do not see what stands behind it.
fn empty_exponent(value: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'.', value).filter(|at| value.get(at + 1) == Some(&b'e')).find(|at| {
        let digits = value.get(..*at).unwrap_or_default().iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let before = at.checked_sub(digits + 1).and_then(|at| value.get(at));
        let alone = before.is_none_or(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'.' | b'-' | b'_'));
        let after = value.get(at + 2..).unwrap_or_default();
        let goes_on = match after.first() {
            Some(b'(') => true,
            Some(b'.') => after.get(1).is_some_and(u8::is_ascii_alphabetic),
            _ => false,
        };
        digits > 0 && alone && goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str) -> &'static str {
        find(value.as_bytes(), Classes::in_bytes(value.as_bytes())).map_or("", |finding| finding.name)
    }

    #[test]
    fn spellings_of_sql_are_seen() {
        for (value, expected) in [
            ("db_name(", "sql-unfinished-call"),
            ("Hex ( ", "sql-unfinished-call"),
            ("1'--sp_password", "sql-cut-off"),
            ("uni/**/on sel/**/ect 1", "sql-spliced-words"),
            ("uni\",\"on sel\",\"ect 1,2", "sql-spliced-words"),
            ("lookup(x)::double precision", "sql-cast"),
            ("owner::int", "sql-cast"),
            ("version()::text", "sql-cast"),
            ("x' goto a a: declare @q varchar(99);set @q=0x61;exec(@q)--", "sql-script"),
            ("7 /*!50001 and 0 */", "sql-executable-comment"),
            ("1.e(ascii", "sql-empty-exponent"),
            ("select x from 2.e.orders", "sql-empty-exponent"),
        ] {
            assert_eq!(name(value), expected, "{value}");
        }
    }

    #[test]
    fn other_texts_are_nothing() {
        for value in [
            "call me (",
            "he said 'yes'--and left",
            "chrono::date",
            "SELECT a/**/, b/**/FROM t",
            "a\",\"b",
            "see hex(ff)",
            "std::string",
            "Foo::int",
            "a::b::int",
            "v1.e.2",
            "10.0.1.e.example",
            "i.e. (that is)",
            "1.e5",
            "/*! a licence */",
            "declare @a int",
        ] {
            assert_eq!(name(value), "", "{value}");
        }
    }

    #[test]
    fn table_is_sorted() {
        assert!(TYPES.is_sorted() && SHARED_TYPES.is_sorted());
    }
}
