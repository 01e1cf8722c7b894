//! Statements with an injected value, and the same with the value escaped, as the application meant them.

use super::inspect;
use crate::canon::sql::{Names, Reading, shape};
use crate::flow::{Found, Fuel, Part, Place, Sensitivity};

fn sign(dialect: &str, text: &str) -> Option<String> {
    let mut found = Found::default();
    let part = Part::plain(Place::SqlText, dialect.as_bytes(), text.as_bytes());
    inspect(&part, &mut found, &mut Fuel::new(1_000_000));
    let denies = Sensitivity::Default.denies(found.total());
    found.evidence().first().filter(|_| denies).map(|evidence| evidence.hit.signature.to_string())
}

fn in_string(value: &str) -> String {
    format!("SELECT id, name FROM customers WHERE email = '{value}' AND active LIMIT 5")
}

#[test]
fn value_that_leaves_its_string_is_found() {
    for value in [
        "x' OR 1=1 --",
        "x' OR 'a'='a",
        "x' OR 1 OR 'y",
        "x'; DROP TABLE customers; --",
        "x' UNION SELECT NULL, NULL WHERE '1'='1",
        "x' UNION SELECT usename, passwd FROM pg_shadow WHERE usename <> '",
        "x' AND 7=(SELECT count(*) FROM generate_series(1, 9)) AND active <> '",
        "x' || pg_sleep(5) || '",
        "'='",
        "x' AND (SELECT pg_sleep(5)) IS NULL AND name <> '",
    ] {
        assert!(sign("postgres", &in_string(value)).is_some(), "{value}");
        assert_eq!(sign("postgres", &in_string(&value.replace('\'', "''"))), None, "{value}");
    }
}

#[test]
fn value_where_a_number_belongs_is_found() {
    for value in [
        "1 OR 2=2",
        "1; DELETE FROM customers",
        "1 UNION ALL SELECT 1, version()",
        "1 AND ascii(substr(current_user, 1, 1)) > 64",
        "(SELECT pg_read_file('/etc/passwd'))",
    ] {
        let text = format!("SELECT id, name FROM customers WHERE region = {value}");
        assert!(sign("postgres", &text).is_some(), "{value}");
    }
    assert_eq!(sign("mysql", "SELECT a FROM t WHERE b = 1 INTO OUTFILE '/tmp/x'").as_deref(), Some("sql-output"));
}

#[test]
fn programs_and_files_are_reached_in_other_words_too() {
    for (dialect, text, name) in [
        ("postgres", "COPY t FROM PROGRAM 'id'", "sql-program"),
        ("postgres", "copy (SELECT 1) to program $$id$$", "sql-program"),
        ("mysql", "CREATE FUNCTION f RETURNS string SONAME 'x.so'", "sql-program"),
        ("postgres", "SELECT ('/srv/x').pg_read_file", "sql-reach"),
        ("postgres", "SELECT pg_file_write('/srv/x', 'y', false)", "sql-reach"),
    ] {
        assert_eq!(sign(dialect, text).as_deref(), Some(name), "{text}");
    }
    for text in ["COPY program FROM STDIN", "SELECT program FROM t", "SELECT t.pg_version, soname FROM t"] {
        assert_eq!(sign("postgres", text), None, "{text}");
    }
}

#[test]
fn what_applications_write_is_clean() {
    for text in [
        "SELECT 1",
        "SELECT a, b FROM t WHERE 1=1 AND c = 'x' ORDER BY a DESC LIMIT 10 OFFSET 20",
        "SELECT a FROM t WHERE c = $1 OR (d IS NULL AND e LIKE '%' || $2 || '%')",
        "SELECT a, b FROM t UNION ALL SELECT c, d FROM u",
        "WITH RECURSIVE w AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM w WHERE n < 10) SELECT n FROM w",
        "SELECT \"t\".\"a\" AS \"a\" FROM \"t\" WHERE \"t\".\"b\" = 'x' ORDER BY \"a\"",
        "INSERT INTO t (a, b) VALUES ('it''s', 1), ('-- no', 2) RETURNING id",
        "UPDATE t SET a = a + 1, b = CASE WHEN c > 1 THEN 'x' ELSE 'y' END WHERE d BETWEEN 1 AND 5",
        "SELECT count(*) FROM t WHERE created > now() - interval '1 day' -- of the last day",
        "CREATE TABLE a (id int);\nCREATE TABLE b (id int);",
        "BEGIN; UPDATE t SET a = 1 WHERE id = 2; COMMIT",
        "SELECT a FROM pg_catalog.pg_type t WHERE b != 0 AND (SELECT c FROM pg_type e WHERE e.oid = t.oid) = d",
        "SELECT a FROM t WHERE (true AND visible(b)) OR (true AND visible(c))",
        "SELECT p.a, (SELECT b FROM pg_catalog.pg_roles) FROM unnest('{1}'::oid[]) AS s (o) JOIN pg_policy p ON true",
        "SELECT a FROM t WHERE data->>'b' = 'x' OR data#>>'{a,b}' = 'y' AND NOT data ? 'c'",
        "SELECT a FROM t WHERE body @@ to_tsquery('x & y') ORDER BY place <-> '(1,2)' LIMIT 3",
        "SELECT a FROM t WHERE b = '2026-01-01'::date - interval '1 day' AND c = ANY ('{1,2}'::int[])",
        "SELECT a || ' ' || b AS name FROM t WHERE lower(c) LIKE lower($1) || '%' ESCAPE '!'",
        "SELECT data->>'a' FROM t WHERE data->>'b' = $1 AND data @> '{}'",
    ] {
        assert_eq!(sign("postgres", text), None, "{text}");
        assert_eq!(sign("", text), None, "{text}");
    }
}

#[test]
fn setting_that_is_kept_is_no_reconnaissance() {
    for text in ["/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE */", "SET @a = @@sql_mode, sql_mode = ''"] {
        assert_eq!(sign("mysql", text), None, "{text}");
    }
    assert!(sign("mysql", "SELECT a FROM t WHERE b = 1 AND @@version").is_some());
}

#[test]
fn statement_that_no_server_takes_is_found() {
    for (dialect, text) in [
        ("", "SELECT a FROM t WHERE b = ' ORDER BY 1,MD5('A')),4' LIMIT 1"),
        ("", "SELECT a FROM t WHERE b = '1 into outfile 'one'' AND c = 1"),
        ("", "SELECT a FROM t WHERE b = limit AND c = 1"),
        ("", "SELECT a FROM t WHERE b = (delete) AND c = 1"),
        ("", "SELECT a FROM t ORDER BY b UNION SELECT c FROM u"),
        ("", "SELECT a FROM t WHERE b = 1 FOR UPDATE UNION SELECT c FROM u"),
        ("mysql", "SELECT count(*) FROM t WHERE b = 1 UNION SELECT hex(concat(version(), user()))"),
        ("postgres", "SELECT a FROM t WHERE b = \"&\" AND c = 1"),
        ("postgres", "SELECT a FROM t WHERE b = \" or \"\" \" AND c = 1"),
    ] {
        assert!(sign(dialect, text).is_some(), "{text}");
    }
    for text in [
        "(SELECT a FROM t ORDER BY b LIMIT 1) UNION (SELECT c FROM u)",
        "SELECT version() UNION SELECT current_database()",
        "SELECT row_number() OVER (ORDER BY a) FROM t UNION ALL SELECT b FROM u",
        "SELECT a FROM t WHERE \"b\" = \"c\" AND d = N'x' AND e = 'y'::text",
        "SELECT a FROM t WHERE b = (SELECT c FROM u) AND d = limit.x",
    ] {
        assert_eq!(sign("", text), None, "{text}");
    }
}

#[test]
fn bytes_are_made_in_small_numbers_by_right() {
    assert_eq!(sign("sqlite", "INSERT INTO t VALUES (randomblob(16), zeroblob(4 * 1024 + 100))"), None);
    assert!(sign("sqlite", "SELECT a FROM t WHERE b = randomblob(500000000 / 2)").is_some());
}

#[test]
fn time_is_linear_in_the_statement() {
    for piece in ["(select ", "select a union ", "((((", "order by ", "union select ", "1=1 or ", "'a'", "/**/1"] {
        let text = format!("SELECT a FROM t WHERE {}", piece.repeat(20_000 / piece.len()));
        let mut fuel = Fuel::new(50_000 + 200 * text.len() as u64);
        inspect(&Part::plain(Place::SqlText, b"", text.as_bytes()), &mut Found::default(), &mut fuel);
        assert!(!fuel.is_empty(), "{piece}");
    }
}

proptest::proptest! {
    /// What sessions remember of a statement by its shape holds for every statement of that shape.
    #[test]
    fn statements_of_one_shape_have_one_verdict(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 1..14),
        values in proptest::collection::vec(proptest::sample::select(VALUES), 32),
    ) {
        let spelled = |values: &[&str]| {
            let mut values = values.iter().cycle();
            let mut text = String::from("SELECT a FROM t WHERE ");
            for piece in &pieces {
                let value = values.next().copied().unwrap_or_default();
                text.push_str(&piece.replace('?', value));
            }
            text
        };
        let (one, other) = (spelled(&values[..16]), spelled(&values[16..]));
        for (names, reading) in [(Names::Double, Reading::POSTGRES), (Names::Backtick, Reading::MYSQL)] {
            let (one, other) = match names {
                Names::Double => (one.clone(), other.clone()),
                Names::Backtick => (one.replace('"', "`"), other.replace('"', "`")),
            };
            let shape = |text: &str| {
                let mut out = Vec::new();
                shape(text.as_bytes(), names, &mut out).then_some(out)
            };
            let verdict = |text: &str| {
                let found = crate::detect::sql::statement::heaviest(text.as_bytes(), reading, &mut Fuel::new(u64::MAX));
                found.ok().flatten().map(|(name, weight, _)| (name, weight))
            };
            if shape(&one).is_some() && shape(&one) == shape(&other) {
                proptest::prop_assert_eq!(verdict(&one), verdict(&other), "{} {}", one, other);
            }
        }
    }
}

const PIECES: &[&str] = &[
    "a = ? ",
    "a = '?' ",
    "'?' = '?' ",
    "? = ? ",
    "AND ",
    "OR ",
    "NOT ",
    "a LIKE '?' ",
    "a IN (?, '?') ",
    "'?'",
    "?",
    " ",
    "+ ?",
    "|| '?' ",
    "UNION SELECT ? ",
    "FROM t ",
    "ORDER BY ? ",
    "(",
    ") ",
    "f(?) ",
    "; ",
    "SELECT '?' ",
    "\"a\" = '?' ",
    "t.a = '?' ",
    "pg_sleep(?) ",
    "sleep(?) ",
    "\"b\" ",
    "INTO OUTFILE '?' ",
    ", ",
    "CASE WHEN ? THEN ? END ",
    "LIMIT ? ",
    "BETWEEN ? AND ? ",
    "= ",
    "\n",
    "::int ",
    "XOR '?' ",
    "IS ? ",
];
const VALUES: &[&str] =
    &["1", "22", "3.5", "a", "x y", "it''s", "t", "%", "%%", "", "0", "pg_user", "1 or 1", "f", "--", ";"];
