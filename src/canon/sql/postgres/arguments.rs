//! Arguments of functions that are more than values: SQL that the function runs, tables that it reads, paths that it opens.
//! Input are the tokens of a call. SQL that is neither written out nor a value by itself cannot be read: it is asked for as
//! such.

use super::keys::Key;
use super::lexer::{Kind, Token};
use super::{Statement, Table, literal, tokens};

/// Which argument of a function is SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    First,
    /// The second of two; of three, none is.
    Second,
    /// The last that is no flag.
    Last,
    Every,
    /// The first is the name of a table, which is read.
    Table,
    /// It makes SQL of its arguments, or reads tables that it does not name.
    Untold,
    /// None is SQL, but there are paths among them.
    Paths,
}

/// Tokens of one call that are looked at: calls stand in calls, and each is looked at by itself.
const MOST_TOKENS: usize = 4096;

/// Functions by their name; one that ends in `*` is a beginning. Sorted.
static TAKING: &[(&str, Takes)] = &[
    ("connectby", Takes::Untold),
    ("cron.schedule*", Takes::Untold),
    ("crosstab*", Takes::Every),
    ("database_to_xml*", Takes::Untold),
    ("dblink", Takes::Last),
    ("dblink_exec", Takes::Last),
    ("dblink_open", Takes::Last),
    ("dblink_send_query", Takes::Last),
    ("lo_export", Takes::Paths),
    ("lo_import", Takes::Paths),
    ("pg_background_launch", Takes::First),
    ("pg_file_*", Takes::Paths),
    ("pg_ls_dir", Takes::Paths),
    ("pg_read_*", Takes::Paths),
    ("pg_stat_file", Takes::Paths),
    ("query_to_xml*", Takes::First),
    ("schema_to_xml*", Takes::Untold),
    ("table_to_xml*", Takes::Table),
    ("ts_rewrite", Takes::Second),
    ("ts_stat", Takes::First),
    ("xpath_table", Takes::Untold),
];

/// Notes what a call hands on. `call` begins with its parenthesis; a function that is called as a field has none.
pub(super) fn note(text: &[u8], call: &[Token], name: &str, out: &mut Statement) {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is = |known: &str| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start) || last.starts_with(start),
        None => name == known || last == known,
    };
    let Some((_, takes)) = TAKING.iter().find(|(known, _)| is(known)) else { return };
    out.by_literal = true;
    if *takes == Takes::Paths {
        out.live.reaches = true;
        return;
    }
    let Some(all) = arguments(call) else { return out.other("UNREADABLE", "") };
    match takes {
        Takes::Paths => {}
        Takes::Table => table(text, all.first().copied().unwrap_or_default(), out),
        Takes::Every => all.iter().for_each(|argument| sql(text, argument, out)),
        Takes::First => sql(text, all.first().copied().unwrap_or_default(), out),
        Takes::Second if all.len() == 3 => {}
        Takes::Second => sql(text, all.get(1).copied().unwrap_or_default(), out),
        Takes::Last => {
            let is_flag = |argument: &&[Token]| matches!(argument, [one] if matches!(one.kind, Kind::Word(Key::True | Key::False)));
            let argument = all.iter().rev().find(|argument| !is_flag(argument));
            sql(text, argument.copied().unwrap_or_default(), out);
        }
        Takes::Untold => out.other("UNREADABLE", ""),
    }
}

/// The tokens between the commas of a call; nothing when it is longer than [`MOST_TOKENS`].
fn arguments(call: &[Token]) -> Option<Vec<&[Token]>> {
    let (mut found, mut depth, mut from) = (Vec::new(), 0_usize, 1);
    for (at, token) in call.iter().enumerate().take(MOST_TOKENS) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Comma if depth == 1 => {
                found.extend(call.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            found.extend(call.get(from..at).filter(|argument| !argument.is_empty()));
            return Some(found);
        }
    }
    None
}

/// Without the cast to a text that drivers write behind values.
fn uncast<'a>(text: &[u8], argument: &'a [Token]) -> Option<&'a Token> {
    let is_text = |token: &Token| {
        ["text", "varchar", "regclass"].iter().any(|name| token.of(text).eq_ignore_ascii_case(name.as_bytes()))
    };
    match argument {
        [one] => Some(one),
        [one, colon, other, kind] if [colon, other].iter().all(|mark| mark.of(text) == b":") && is_text(kind) => {
            Some(one)
        }
        _ => None,
    }
}

fn sql(text: &[u8], argument: &[Token], out: &mut Statement) {
    let Some(token) = uncast(text, argument) else { return out.other("UNREADABLE", "") };
    match token.kind {
        Kind::Text => match string(text, token) {
            Some(sql) => out.live.texts.push(sql.into()),
            None => out.other("UNREADABLE", ""),
        },
        Kind::Parameter => match number(text, token) {
            Some(number) => out.live.values.push(number),
            None => out.other("UNREADABLE", ""),
        },
        // How many there are, of crosstab; no text is a number.
        Kind::Number => {}
        _ => out.other("UNREADABLE", ""),
    }
}

fn table(text: &[u8], argument: &[Token], out: &mut Statement) {
    let token = uncast(text, argument).filter(|token| token.kind == Kind::Text);
    let named = token.and_then(|token| string(text, token)).and_then(|name| qualified(name.as_bytes()));
    let Some((schema, name)) = named else { return out.other("UNREADABLE", "") };
    out.star = true;
    out.tables.push(Table { action: "SELECT", schema, name, has_where: false });
}

/// `name` or `schema.name`, as the server reads it where it stands in a string.
fn qualified(name: &[u8]) -> Option<(Option<String>, String)> {
    let tokens = tokens(name, false).ok()?;
    let part = |token: &Token| match token.kind {
        Kind::Word(_) | Kind::Quoted => token.name(name).ok().map(std::borrow::Cow::into_owned),
        _ => None,
    };
    match tokens.as_slice() {
        [only] => Some((None, part(only)?)),
        [schema, dot, only] if dot.kind == Kind::Dot => Some((Some(part(schema)?), part(only)?)),
        _ => None,
    }
}

/// What a string says, if it has no escapes in it: `'…'`, `E'…'`, `$$…$$`.
fn string(text: &[u8], token: &Token) -> Option<String> {
    let bytes = token.of(text);
    if bytes.starts_with(b"$") {
        let tag = 2 + memchr::memchr(b'$', bytes.get(1..)?)?;
        let inner = bytes.get(tag..bytes.len().checked_sub(tag)?)?;
        return std::str::from_utf8(inner).ok().map(str::to_owned);
    }
    let prefix = usize::from(matches!(bytes.first(), Some(b'e' | b'E')));
    literal(text, &Token { start: token.start + prefix, ..*token })
}

/// `$1` is the value of number 0.
fn number(text: &[u8], token: &Token) -> Option<u16> {
    let digits = std::str::from_utf8(token.of(text).get(1..)?).ok()?;
    digits.parse::<u16>().ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::sql::postgres::statements;

    fn read(text: &str) -> Statement {
        statements(text.as_bytes(), false).unwrap().remove(0)
    }

    fn told(text: &str) -> (Vec<String>, Vec<u16>, bool) {
        let read = read(text);
        let texts = read.live.texts.iter().map(|text| text.to_string()).collect();
        (texts, read.live.values, read.others.iter().any(|other| other.action == "UNREADABLE"))
    }

    #[test]
    fn sql_is_found_where_it_is_taken() {
        let sql = |text: &str| (vec![text.to_owned()], vec![], false);
        for (text, expected) in [
            ("SELECT * FROM ts_stat('SELECT a FROM t')", sql("SELECT a FROM t")),
            ("SELECT * FROM ts_stat($q$SELECT 'a'$q$, 'w')", sql("SELECT 'a'")),
            ("SELECT query_to_xml(E'SELECT ''a''', true, true, '')", sql("SELECT 'a'")),
            ("SELECT ts_rewrite('a'::tsquery, 'SELECT a, b FROM t'::text)", sql("SELECT a, b FROM t")),
            ("SELECT ts_rewrite(a, b, c) FROM t", (vec![], vec![], false)),
            ("SELECT dblink_exec('dbname=x', 'DROP TABLE t', false)", sql("DROP TABLE t")),
            ("SELECT dblink_exec('DROP TABLE t')", sql("DROP TABLE t")),
            ("SELECT dblink_exec('SELECT 1', q) FROM t", (vec![], vec![], true)),
            ("SELECT s.dblink($1, $2)", (vec![], vec![1], false)),
            ("SELECT * FROM ts_stat($1::text)", (vec![], vec![0], false)),
            ("SELECT * FROM ts_stat('SELECT a FROM ' || $1)", (vec![], vec![], true)),
            ("SELECT * FROM ts_stat((SELECT q FROM t))", (vec![], vec![], true)),
            ("SELECT * FROM ts_stat(E'SELECT \\x61')", (vec![], vec![], true)),
            ("SELECT * FROM ts_stat(sqlquery => 'SELECT 1')", (vec![], vec![], true)),
            ("SELECT ('SELECT 1').ts_stat", (vec![], vec![], true)),
            ("SELECT dblink(dblink('SELECT 1'))", (vec!["SELECT 1".to_owned()], vec![], true)),
            ("SELECT schema_to_xml('s', true, true, '')", (vec![], vec![], true)),
            ("SELECT cron.schedule('x', '* * * * *', 'DROP TABLE t')", (vec![], vec![], true)),
            ("SELECT lower('SELECT 1')", (vec![], vec![], false)),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
        assert!(TAKING.is_sorted_by(|(left, _), (right, _)| left < right));
    }

    #[test]
    fn table_in_a_string_is_read_whole() {
        let read = read("SELECT table_to_xml('S.\"T\"'::regclass, true, true, '')");
        let table = Table { action: "SELECT", schema: Some("s".into()), name: "T".into(), has_where: false };
        assert_eq!((read.tables, read.star), (vec![table], true));
        assert!(told("SELECT table_to_xml($1, true, true, '')").2);
    }

    #[test]
    fn paths_are_told() {
        assert!(read("SELECT pg_read_file($1)").live.reaches && read("COPY t FROM '/x'").live.reaches);
        assert!(read("COPY t FROM PROGRAM 'x'").live.reaches && !read("COPY t FROM STDIN").live.reaches);
    }
}
