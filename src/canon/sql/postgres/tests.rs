//! Statements, and what they ask for.

use super::{Prepared, Statement, Unreadable, statements};

fn read(text: &str) -> Statement {
    let mut found = statements(text.as_bytes(), false).unwrap_or_else(|why| panic!("{text}: {why}"));
    assert_eq!(found.len(), 1, "{text}");
    found.remove(0)
}

/// `SELECT public.a, UPDATE b, DO`
fn asked(text: &str) -> String {
    let statement = read(text);
    let table = |table: &super::Table| {
        let schema = table.schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
        let all = matches!(table.action, "UPDATE" | "DELETE") && !table.has_where;
        format!("{} {schema}{}{}", table.action, table.name, if all { "!" } else { "" })
    };
    let tables = statement.tables.iter().map(table);
    let others = statement.others.iter().map(|other| format!("{} {}", other.action, other.name).trim().to_owned());
    tables.chain(others).collect::<Vec<_>>().join(", ")
}

#[test]
fn tables_are_found_wherever_they_stand() {
    for (text, expected) in [
        ("SELECT 1", ""),
        ("SELECT * FROM a", "SELECT a"),
        (
            "SELECT * FROM a, public.b AS x, ONLY c JOIN d ON d.i = a.i LEFT OUTER JOIN e USING (i), f",
            "SELECT a, SELECT public.b, SELECT c, SELECT d, SELECT e, SELECT f",
        ),
        (
            "SELECT (SELECT max(x) FROM b) FROM a WHERE EXISTS (SELECT 1 FROM c WHERE c.x IN (SELECT y FROM d))",
            "SELECT b, SELECT a, SELECT c, SELECT d",
        ),
        ("SELECT x FROM (SELECT y FROM a) s, LATERAL (SELECT z FROM b) t", "SELECT a, SELECT b"),
        ("SELECT x FROM (a JOIN (b CROSS JOIN c) ON true) AS j, d", "SELECT a, SELECT b, SELECT c, SELECT d"),
        ("(SELECT 1 FROM a) UNION ALL (SELECT 2 FROM b) ORDER BY 1", "SELECT a, SELECT b"),
        ("SELECT 1 FROM ((SELECT 1 FROM a) UNION SELECT 2 FROM b) AS x, c", "SELECT a, SELECT b, SELECT c"),
        ("SELECT 1 FROM a UNION SELECT 2 FROM b EXCEPT SELECT 3 FROM c", "SELECT a, SELECT b, SELECT c"),
        ("TABLE a", "SELECT a"),
        ("VALUES (1, (SELECT x FROM a))", "SELECT a"),
        ("SELECT FROM \"A b\".\"C\"", "SELECT A b.C"),
        ("SELECT 1 FROM generate_series(1, 3) AS g, b", "SELECT b"),
        ("SELECT 1 FROM ROWS FROM (f(1), g(2)) AS x, b", "SELECT b"),
        ("SELECT 1 FROM a TABLESAMPLE BERNOULLI (10) REPEATABLE (1), b", "SELECT a, SELECT b"),
        ("SELECT a from FROM x", "!"),
        ("SELECT x AS from FROM a", "SELECT a"),
        ("SELECT t.select, t.from FROM a t", "SELECT a"),
        ("SELECT extract(epoch FROM x), substring(y FROM 1 FOR 2), trim(both ' ' from z) FROM a", "SELECT a"),
        ("SELECT 1 FROM a WHERE b IS DISTINCT FROM c AND d IS NOT DISTINCT FROM e", "SELECT a"),
        ("SELECT DISTINCT FROM a", "SELECT a"),
        (
            "SELECT count(*) OVER (PARTITION BY x ORDER BY y ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM a WINDOW w AS (ORDER BY z)",
            "SELECT a",
        ),
        (
            "SELECT array(SELECT x FROM b)[1], CASE WHEN EXISTS (TABLE c) THEN 1 END FROM a",
            "SELECT b, SELECT c, SELECT a",
        ),
        ("SELECT 1 INTO TEMP TABLE n FROM a", "DDL n, SELECT a"),
        ("SELECT 1 FROM a FOR NO KEY UPDATE OF a SKIP LOCKED", "SELECT a"),
        (
            "SELECT 1 FROM a ORDER BY x LIMIT (SELECT 1 FROM b) OFFSET 2 ROWS FETCH FIRST 5 ROWS ONLY",
            "SELECT a, SELECT b",
        ),
    ] {
        if expected == "!" {
            assert!(statements(text.as_bytes(), false).is_err(), "{text}");
        } else {
            assert_eq!(asked(text), expected, "{text}");
        }
    }
}

#[test]
fn writes_are_told_from_reads() {
    for (text, expected) in [
        ("INSERT INTO a (x, y) VALUES (1, 2) RETURNING id", "INSERT a"),
        ("INSERT INTO s.a AS q DEFAULT VALUES", "INSERT s.a"),
        (
            "INSERT INTO a SELECT * FROM b JOIN c ON b.i = c.i ON CONFLICT (i) DO UPDATE SET x = excluded.x WHERE a.y > 1",
            "INSERT a, SELECT b, SELECT c, UPDATE a",
        ),
        ("INSERT INTO a (x) (SELECT y FROM b)", "INSERT a, SELECT b"),
        ("INSERT INTO a WITH w AS (SELECT 1 FROM b) SELECT * FROM w", "INSERT a, SELECT b"),
        ("UPDATE a SET x = 1, (y, z) = (SELECT p, q FROM b) FROM c WHERE a.i = c.i", "UPDATE a, SELECT b, SELECT c"),
        ("UPDATE a SET x = (SELECT 1 FROM b WHERE true)", "UPDATE a!, SELECT b"),
        ("UPDATE ONLY a AS t SET x = 1 WHERE CURRENT OF c", "UPDATE a"),
        ("DELETE FROM a", "DELETE a!"),
        ("DELETE FROM a USING b, c WHERE a.i = b.i", "DELETE a, SELECT b, SELECT c"),
        (
            "MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN UPDATE SET x = 1 WHEN NOT MATCHED THEN INSERT (i) VALUES (1)",
            "INSERT a, UPDATE a, DELETE a, SELECT b",
        ),
        ("TRUNCATE TABLE a, ONLY s.b RESTART IDENTITY CASCADE", "TRUNCATE a, TRUNCATE s.b"),
        ("LOCK TABLE a, b IN ACCESS SHARE MODE NOWAIT", "LOCK a, LOCK b"),
        ("COPY a (x, y) FROM STDIN", "COPY a, INSERT a"),
        ("COPY s.a TO STDOUT (FORMAT csv)", "COPY s.a, SELECT s.a"),
        ("COPY (SELECT x FROM a) TO STDOUT", "SELECT a"),
        ("COPY (DELETE FROM a WHERE x RETURNING *) TO STDOUT", "DELETE a"),
        ("COPY a TO PROGRAM 'sh'", "COPY a, SELECT a, COPY program"),
        ("COPY a FROM '/etc/passwd'", "COPY a, INSERT a, COPY file"),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
}

#[test]
fn names_of_with_hide_tables_only_where_they_are_known() {
    for (text, expected) in [
        ("WITH w AS (SELECT * FROM a) SELECT * FROM w, b", "SELECT a, SELECT b"),
        ("WITH w AS (SELECT * FROM w) SELECT * FROM w", "SELECT w"),
        ("WITH RECURSIVE w AS (SELECT 1 UNION SELECT x FROM w) SELECT * FROM w", ""),
        ("WITH v AS (SELECT 1), w AS (SELECT * FROM v) SELECT * FROM w, v", ""),
        ("SELECT * FROM (WITH w AS (SELECT 1) SELECT * FROM w) x, w", "SELECT w"),
        ("WITH w AS (SELECT 1) SELECT * FROM public.w", "SELECT public.w"),
        ("WITH w AS (SELECT 1) DELETE FROM w WHERE true", "DELETE w"),
        (
            "WITH d AS (DELETE FROM a WHERE x RETURNING *), i AS MATERIALIZED (INSERT INTO b SELECT * FROM d) SELECT 1",
            "DELETE a, INSERT b",
        ),
        ("WITH w (p, q) AS (VALUES (1, 2)) UPDATE a SET x = p FROM w WHERE true", "UPDATE a"),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
}

#[test]
fn wrappers_are_looked_into() {
    for (text, expected) in [
        ("EXPLAIN ANALYZE DELETE FROM a", "DELETE a!, EXPLAIN"),
        ("EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM a", "SELECT a, EXPLAIN"),
        ("EXPLAIN (SELECT * FROM a)", "SELECT a, EXPLAIN"),
        ("PREPARE p (int) AS SELECT * FROM a WHERE x = $1", "SELECT a"),
        ("DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM a", "SELECT a"),
        ("CREATE TABLE n AS SELECT * FROM a", "DDL n, SELECT a"),
        ("CREATE OR REPLACE VIEW s.v AS WITH w AS (SELECT 1) SELECT * FROM a, w", "DDL s.v, SELECT a"),
        ("CREATE TABLE IF NOT EXISTS t (id int DEFAULT nextval('s'), n varchar(10))", "DDL t"),
        ("CREATE INDEX CONCURRENTLY i ON a (lower(x))", "DDL"),
        ("CREATE POLICY p ON a USING (x IN (SELECT y FROM b))", "SELECT b, DDL"),
        ("ALTER TABLE ONLY a ADD COLUMN x int", "DDL a"),
        ("DROP TABLE a", "DDL a"),
        ("DROP TABLE a, b", "DDL"),
        ("GRANT SELECT ON a TO b", "ADMIN"),
        ("ALTER ROLE x SUPERUSER", "ADMIN"),
        ("CREATE EXTENSION dblink", "ADMIN"),
        ("DO $$ BEGIN DELETE FROM a; END $$", "DO"),
        ("CALL s.p((SELECT x FROM a), 1)", "SELECT a, CALL s.p"),
        ("LISTEN c", "LISTEN c"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "SESSION"),
        ("FETCH 10 FROM c", "SESSION"),
        ("SET LOCAL search_path TO a, 'b'", "SET search_path"),
        ("SELECT set_config('search_path', '', false)", "SET search_path"),
        ("VACUUM ANALYZE a", "DDL"),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
    assert_eq!(read("EXECUTE p(1, 'x')").prepared, Some(Prepared::Use("p".into())));
    assert_eq!(read("DEALLOCATE ALL").prepared, Some(Prepared::DropAll));
    let path = |text| read(text).setting.and_then(|setting| setting.value);
    assert_eq!(path("SET search_path TO A, 'b'"), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(path("SET search_path = DEFAULT"), None);
    assert_eq!(
        path("SELECT pg_catalog.set_config('search_path', '\"x\", y', false)"),
        Some(vec!["x".into(), "y".into()])
    );
    assert_eq!(path("SELECT set_config(a, b, c) FROM t"), None);
}

#[test]
fn columns_and_whole_rows_are_told() {
    for (text, columns, star) in [
        ("SELECT a, t.b FROM t WHERE c = 1 ORDER BY d", "a b c d", false),
        ("SELECT count(*), a * 2 FROM t", "a", false),
        ("SELECT * FROM t", "", true),
        ("SELECT t.* FROM t", "", true),
        ("SELECT t FROM t", "t", true),
        ("SELECT row_to_json(x) FROM t AS x", "x", true),
        ("SELECT (x).a FROM t x", "x a", true),
        ("SELECT c FROM t AS x (a, b, c)", "c a b", true),
        ("SELECT a FROM t NATURAL JOIN u", "a", true),
        ("SELECT a FROM t JOIN u USING (b)", "a b", false),
        ("TABLE t", "", true),
        ("INSERT INTO t (a, b) VALUES (1, 2) RETURNING c", "c", false),
        ("UPDATE t SET a = b, c = 1 WHERE d = 2", "b d", false),
        ("SELECT a FROM t FOR UPDATE OF t", "a", false),
        ("COPY t TO STDOUT", "", true),
        ("SELECT a FROM generate_series(1, 2) AS a", "a", true),
    ] {
        let statement = read(text);
        assert_eq!((statement.columns.join(" ").as_str(), statement.star), (columns, star), "{text}");
    }
}

#[test]
fn functions_are_told_with_their_schema() {
    let functions = |text: &str| read(text).functions.join(" ");
    assert_eq!(functions("SELECT pg_catalog.lower(x), s.f(1), \"G\"(2) FROM h(3) WHERE x IN (1)"), "lower s.f G h");
    assert_eq!(functions("INSERT INTO t (a) VALUES (pg_read_file('x'))"), "pg_read_file");
}

#[test]
fn what_has_no_role_is_unreadable() {
    for (text, why) in [
        ("SELECT 1 FROM", Unreadable::Incomplete),
        ("SELECT (1", Unreadable::Parentheses),
        ("SELECT 1)", Unreadable::Parentheses),
        ("SELECT 1 SELECT 2", Unreadable::Keyword),
        ("SELECT f(x FROM a)", Unreadable::Keyword),
        ("FROBNICATE a", Unreadable::Command),
        ("SELECT 1 FROM a JOIN", Unreadable::Incomplete),
        ("WITH w AS (SELECT 1)", Unreadable::Incomplete),
        ("SELECT 'a", Unreadable::OpenString),
    ] {
        assert_eq!(statements(text.as_bytes(), false), Err(why), "{text}");
    }
}

#[test]
fn statements_are_split_and_limits_hold() {
    assert_eq!(statements(b"; SELECT 1;; SELECT ';' ;", false).unwrap().len(), 2);
    let nested = |depth: usize| format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(statements(nested(super::MOST_DEPTH).as_bytes(), false).is_ok());
    assert_eq!(statements(nested(super::MOST_DEPTH + 1).as_bytes(), false), Err(Unreadable::Depth));
    let many = |count: usize| format!("SELECT 1 FROM {}", vec!["t"; count].join(", "));
    assert!(statements(many(super::MOST_NAMES).as_bytes(), false).is_ok());
    assert_eq!(statements(many(super::MOST_NAMES + 1).as_bytes(), false), Err(Unreadable::Names));
}

proptest::proptest! {
    #[test]
    fn nothing_panics(words in proptest::collection::vec(proptest::sample::select(vec![
        "SELECT", "FROM", "a", "b", ",", "(", ")", ".", "*", "WITH", "AS", "INSERT", "INTO", "UPDATE", "SET", "=", "1",
        "'x'", "WHERE", "UNION", "JOIN", "ON", "COPY", "TO", "EXPLAIN", "DELETE", "USING", "FOR", "VALUES", ";", "SET",
        "TABLE", "ROWS", "PREPARE", "EXECUTE", "DECLARE", "CURSOR", "MERGE", "WHEN", "THEN", "set_config", "::", "[",
    ]), 0..30)) {
        let _ = statements(words.join(" ").as_bytes(), false);
    }
}

#[test]
fn fields_that_are_calls_are_called() {
    for (text, functions, star) in [
        ("SELECT ('/etc/passwd').pg_read_file", "pg_read_file", false),
        ("SELECT x.pg_ls_dir FROM lower('/') x", "pg_ls_dir, lower", false),
        ("SELECT (x.a).lo_import FROM (SELECT 'p'::text AS a) x", "lo_import", false),
        ("SELECT c.row_to_json FROM t c", "", true),
        ("SELECT s.t.json_agg FROM s.t", "", true),
        ("SELECT (ARRAY[1])[1].to_json", "", true),
        ("SELECT c.count, c.pgx FROM t c", "", false),
        ("INSERT INTO t (a[pg_read_file('x')::int]) VALUES (1)", "pg_read_file", false),
    ] {
        let read = read(text);
        assert_eq!((read.functions.join(", ").as_str(), read.star), (functions, star), "{text}");
    }
}

#[test]
fn tables_that_become_part_of_another_are_defined_too() {
    for (text, expected) in [
        ("ALTER TABLE a ATTACH PARTITION s.b DEFAULT", "DDL a, DDL s.b"),
        ("ALTER TABLE a DETACH PARTITION b", "DDL a, DDL b"),
        ("ALTER TABLE a INHERIT b", "DDL a, DDL b"),
        ("ALTER TABLE a RENAME TO b", "DDL a, DDL b"),
        ("ALTER TABLE a RENAME COLUMN b TO c", "DDL a"),
        ("CREATE TABLE a PARTITION OF b FOR VALUES IN (1)", "DDL a, DDL b"),
        ("CREATE TABLE a (x int) INHERITS (b, s.c)", "DDL a, DDL b, DDL s.c"),
        ("CREATE TABLE a (x int) PARTITION BY LIST (x)", "DDL a"),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
}

#[test]
fn commands_in_other_words_are_the_same_commands() {
    assert_eq!(asked("SELECT pg_notify('a', 'b')"), "NOTIFY");
    let update = "UPDATE pg_catalog.pg_settings SET setting = 'x' WHERE name = 'search_path'";
    assert_eq!(asked(update), "UPDATE pg_catalog.pg_settings, SET any");
    assert_eq!(read(update).setting.map(|setting| (setting.name, setting.value)), Some(("any".to_owned(), None)));
    assert_eq!(read("CREATE TABLE a AS EXECUTE b(1)").prepared, Some(Prepared::Use("b".to_owned())));
}
