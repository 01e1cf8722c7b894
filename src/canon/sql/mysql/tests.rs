//! What statements ask for, as `(action table)` lists.

use super::*;

fn read(text: &str) -> Result<Vec<Statement>, Unreadable> {
    let tokens = tokens(text.as_bytes(), Mode::default())?;
    statements_of(text.as_bytes(), &tokens)
}

/// `SELECT t, UPDATE s.u without WHERE; CALL p`
fn asked(text: &str) -> String {
    let Ok(statements) = read(text) else { return "unreadable".to_owned() };
    let mut told = Vec::new();
    for statement in &statements {
        for Table { action, schema, name, has_where } in &statement.tables {
            let schema = schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
            let without = matches!(*action, "UPDATE" | "DELETE") && !has_where;
            told.push(format!("{action} {schema}{name}{}", if without { " without WHERE" } else { "" }));
        }
        told.extend(statement.others.iter().map(|other| format!("{} {}", other.action, other.name).trim().to_owned()));
        told.extend(statement.shows.iter().map(|name| format!("SHOW {name}")));
        told.extend(statement.uses.iter().map(|name| format!("USE {name}")));
    }
    told.join(", ")
}

#[test]
fn queries_name_their_tables() {
    for (text, expected) in [
        ("SELECT a FROM t", "SELECT t"),
        ("SELECT a FROM `my db`.`T` x, u AS y WHERE x.a = y.b", "SELECT my db.T, SELECT u"),
        ("SELECT a FROM t LEFT JOIN s.u ON t.a = u.a NATURAL JOIN v", "SELECT t, SELECT s.u, SELECT v"),
        ("SELECT a FROM (t, u) JOIN (SELECT b FROM v) w USING (a)", "SELECT t, SELECT u, SELECT v"),
        ("SELECT 1 FROM DUAL", ""),
        ("SELECT (SELECT a FROM t) + 1, EXISTS (SELECT 1 FROM u)", "SELECT t, SELECT u"),
        ("(SELECT a FROM t) UNION ALL (SELECT b FROM u) ORDER BY 1 LIMIT 1, 2", "SELECT t, SELECT u"),
        ("WITH w AS (SELECT a FROM t) SELECT * FROM w JOIN u", "SELECT t, SELECT u"),
        (
            "SELECT SQL_NO_CACHE STRAIGHT_JOIN a FROM t STRAIGHT_JOIN u FORCE INDEX FOR JOIN (i) ON 1",
            "SELECT t, SELECT u",
        ),
        ("SELECT a FROM t PARTITION (p0) FOR UPDATE SKIP LOCKED", "SELECT t"),
        ("SELECT a INTO @x FROM t LOCK IN SHARE MODE", "SELECT t"),
        ("SELECT a INTO OUTFILE '/tmp/x' FIELDS TERMINATED BY ',' FROM t", "SELECT t, COPY file"),
        ("SELECT a FROM t INTO DUMPFILE '/tmp/x'", "SELECT t, COPY file"),
        ("SELECT GROUP_CONCAT(DISTINCT a ORDER BY b SEPARATOR ',') FROM t GROUP BY c WITH ROLLUP", "SELECT t"),
        (
            "SELECT IF(a, LEFT(b, 1), REPLACE(c, 'x', 'y')), CONVERT(d USING utf8mb4), CAST(e AS CHAR(3)) FROM t",
            "SELECT t",
        ),
        ("SELECT TRIM(LEADING 'x' FROM a), EXTRACT(YEAR FROM b) FROM t", "SELECT t"),
        ("SELECT a FROM t WHERE MATCH (a) AGAINST ('x' WITH QUERY EXPANSION)", "SELECT t"),
        ("TABLE t", "SELECT t"),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
}

#[test]
fn writes_name_what_they_change() {
    for (text, expected) in [
        ("INSERT INTO t (a, b) VALUES (1, 2), (3, 4)", "INSERT t"),
        ("INSERT LOW_PRIORITY IGNORE t SET a = 1", "INSERT t"),
        ("INSERT INTO t SELECT a FROM u ON DUPLICATE KEY UPDATE a = VALUES(a)", "INSERT t, SELECT u, UPDATE t"),
        ("REPLACE INTO t VALUES (1)", "INSERT t, DELETE t"),
        ("UPDATE t SET a = 1", "UPDATE t without WHERE"),
        ("UPDATE t SET a = (SELECT b FROM u WHERE c = 1) WHERE d = 2 LIMIT 1", "UPDATE t, SELECT u"),
        ("UPDATE t SET a = (SELECT b FROM u WHERE c = 1)", "UPDATE t without WHERE, SELECT u"),
        ("UPDATE t JOIN u AS x ON t.a = x.a SET t.b = 1, t.c = x.c WHERE 1", "UPDATE t, SELECT u"),
        ("UPDATE t, u SET b = 1 WHERE 1", "UPDATE t, UPDATE u"),
        ("UPDATE t JOIN (SELECT 1) x SET t.a = 1", "UPDATE t without WHERE"),
        ("UPDATE t JOIN u SET z.a = 1 WHERE 1", "UPDATE t, UPDATE u"),
        ("DELETE FROM t WHERE a = 1", "DELETE t"),
        ("DELETE FROM t", "DELETE t without WHERE"),
        ("DELETE x FROM t AS x JOIN u ON x.a = u.a WHERE u.b", "DELETE t, SELECT u"),
        ("DELETE t.*, u FROM t, u", "DELETE t without WHERE, DELETE u without WHERE"),
        ("DELETE FROM t, u USING t JOIN u JOIN v WHERE 1", "DELETE t, DELETE u, SELECT v"),
        ("DELETE z FROM t", "unreadable"),
        ("LOAD DATA INFILE 'x' INTO TABLE t FIELDS TERMINATED BY ','", "INSERT t, COPY file"),
        ("LOAD DATA INFILE 'x' REPLACE INTO TABLE t", "INSERT t, DELETE t, COPY file"),
        ("LOAD DATA LOCAL INFILE 'x' INTO TABLE s.t (a) SET b = (SELECT c FROM u)", "COPY s.t, INSERT s.t, SELECT u"),
        ("LOAD XML CONCURRENT LOCAL INFILE 'x' REPLACE INTO TABLE t", "COPY t, INSERT t, DELETE t"),
        ("LOAD DATA LOCAL INFILE 'a\\b' INTO TABLE t", "unreadable"),
        ("LOAD DATA LOCAL INFILE x INTO TABLE t", "unreadable"),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
}

#[test]
fn commands_say_what_they_do() {
    for (text, expected) in [
        ("CREATE TABLE IF NOT EXISTS t (a int REFERENCES u (b)) ENGINE=InnoDB", "DDL t, DDL u"),
        ("CREATE TABLE t AS SELECT a FROM u", "DDL t, SELECT u"),
        ("CREATE TABLE t LIKE s.u", "DDL t, SELECT s.u"),
        ("CREATE OR REPLACE VIEW v AS SELECT a FROM u", "DDL v, SELECT u"),
        ("ALTER TABLE t ADD COLUMN b int", "DDL t"),
        ("ALTER TABLE t RENAME TO s.u", "DDL t, DDL s.u"),
        ("DROP TABLE IF EXISTS t, s.u CASCADE", "DDL t, DDL s.u"),
        ("RENAME TABLE a TO b, c TO d", "DDL a, DDL b, DDL c, DDL d"),
        ("CREATE UNIQUE INDEX i ON t (a)", "DDL t"),
        ("TRUNCATE t", "TRUNCATE t"),
        ("LOCK TABLES a READ, s.b AS x WRITE", "LOCK a, LOCK s.b"),
        ("ANALYZE TABLE a, b", "DDL a, DDL b"),
        ("EXPLAIN SELECT a FROM t", "SELECT t, EXPLAIN"),
        ("ANALYZE FORMAT=JSON DELETE FROM t", "DELETE t without WHERE, EXPLAIN"),
        ("DESCRIBE t", "SHOW"),
        ("CALL p(1, (SELECT a FROM t))", "SELECT t, CALL p"),
        ("DO SLEEP(5)", ""),
        ("USE `shop`", "USE shop"),
        ("SHOW WARNINGS", "SESSION"),
        ("SHOW SESSION VARIABLES LIKE 'a%'", "SESSION"),
        ("SHOW GRANTS", "ADMIN"),
        ("SET NAMES utf8mb4 COLLATE utf8mb4_bin, autocommit = 1", "SET names, SET autocommit"),
        ("SET @a = 1, @@session.sql_mode = CONCAT(@@sql_mode, ',X'), SESSION b = ON", "SESSION, SET sql_mode, SET b"),
        ("SET GLOBAL a = 1", "ADMIN"),
        ("SET @@global.a = 1", "ADMIN"),
        ("SET PASSWORD = 'x'", "ADMIN"),
        ("SET @a = (SELECT b FROM t)", "SELECT t, SESSION"),
        ("SET STATEMENT a = 1 FOR SELECT 1", "unreadable"),
        ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SESSION"),
        ("SET TRANSACTION READ ONLY, NAMES gbk", "unreadable"),
        ("CREATE TABLE t (a int) ENGINE=MERGE UNION=(u, v)", "unreadable"),
        ("CREATE TABLE t AS SELECT a FROM u UNION SELECT b FROM v", "DDL t, SELECT u, SELECT v"),
        ("START TRANSACTION READ ONLY", "SESSION"),
        ("BEGIN NOT ATOMIC SELECT 1", "unreadable"),
        ("GRANT ALL ON *.* TO a", "ADMIN"),
        ("CREATE USER a@b IDENTIFIED BY 'c'", "ADMIN"),
        ("CREATE FUNCTION f RETURNS STRING SONAME 'x.so'", "ADMIN"),
        ("KILL 5", "ADMIN"),
        ("PREPARE s FROM 'SELECT 1'", "PREPARE"),
        ("EXECUTE IMMEDIATE 'SELECT 1'", "PREPARE"),
        ("HANDLER t READ FIRST", "SELECT t"),
        ("HELP 'x'", "unreadable"),
        ("SELECT a FROM t PROCEDURE ANALYSE()", "unreadable"),
        ("SELECT a FROM", "unreadable"),
        ("SELECT a FROM t WHERE (a", "unreadable"),
        ("SELECT 1; DROP TABLE t", "DDL t"),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
}

#[test]
fn catalogues_are_those_of_the_databases_that_are_named() {
    for (text, expected) in [
        ("SHOW TABLES", "SHOW"),
        ("SHOW FULL TABLES LIKE 'a%'", "SHOW"),
        ("SHOW TABLES WHERE Tables_in_shop IN ('a', 'b')", "SHOW"),
        ("SHOW TABLES FROM other", "SHOW other"),
        ("SHOW FULL TABLES IN `other` LIKE 'a%'", "SHOW other"),
        ("SHOW TABLE STATUS FROM other WHERE Name IN ('a')", "SHOW other"),
        ("SHOW OPEN TABLES FROM other", "SHOW other"),
        ("SHOW TRIGGERS IN other", "SHOW other"),
        ("SHOW EVENTS /*! FROM other */", "SHOW other"),
        ("SHOW COLUMNS FROM t", "SHOW"),
        ("SHOW FULL FIELDS IN t IN other", "SHOW other"),
        ("SHOW COLUMNS FROM other.t", "SHOW other"),
        ("SHOW COLUMNS FROM a.t FROM b", "SHOW a, SHOW b"),
        ("SHOW COLUMNS FROM a.like FROM b", "unreadable"),
        ("SHOW EXTENDED INDEX FROM t FROM other", "SHOW other"),
        ("SHOW KEYS FROM `other`.`from` WHERE Key_name = 'x'", "SHOW other"),
        ("SHOW CREATE TABLE t", "SHOW"),
        ("SHOW CREATE TABLE other.t", "SHOW other"),
        ("SHOW CREATE VIEW `other`.`v`", "SHOW other"),
        ("SHOW CREATE PACKAGE BODY other.p", "SHOW other"),
        ("SHOW CREATE PACKAGE body", "SHOW"),
        ("SHOW CREATE DATABASE IF NOT EXISTS other", "SHOW other"),
        ("SHOW CREATE USER ann", "ADMIN"),
        ("SHOW CREATE SERVER s", "ADMIN"),
        ("DESCRIBE t", "SHOW"),
        ("DESC other.t 'a%'", "SHOW other"),
        ("EXPLAIN other.t", "SHOW other"),
        ("SHOW DATABASES LIKE 'a%'", "SHOW information_schema"),
        ("SHOW PROCEDURE STATUS", "SHOW information_schema"),
        ("SHOW OPEN TABLES", "SHOW information_schema"),
        ("SHOW TABLES FROM", "unreadable"),
        ("SHOW TABLES FROM 'other'", "unreadable"),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
}

#[test]
fn names_of_prepared_statements_are_those_that_servers_tell_apart() {
    let named = |text: &str| read(text).map(|mut statements| statements.remove(0).prepared);
    for (text, expected) in [
        ("PREPARE S_1 FROM 'SELECT 1'", Some(Prepared::Make("s_1".to_owned()))),
        ("EXECUTE `S` USING @a, 1", Some(Prepared::Use("s".to_owned()))),
        ("DEALLOCATE PREPARE s", Some(Prepared::Drop("s".to_owned()))),
        ("DROP PREPARE s", Some(Prepared::Drop("s".to_owned()))),
        ("EXECUTE IMMEDIATE 'SELECT 1'", None),
        ("XA START 'a'", None),
    ] {
        assert_eq!(named(text), Ok(expected), "{text}");
    }
    for text in
        ["EXECUTE é", "EXECUTE `s `", "EXECUTE @a", "PREPARE é FROM 'SELECT 1'", "EXECUTE", "DEALLOCATE PREPARE"]
    {
        assert!(asked(text).starts_with("UNREADABLE, PREPARE"), "{text}");
    }
}

#[test]
fn functions_columns_are_told() {
    let statement = read("SELECT a, t.B, Sleep (1), s.f(c) FROM t WHERE `D` = 'e' ORDER BY 1").unwrap().remove(0);
    assert_eq!(statement.columns, ["a", "b", "c", "d"]);
    assert_eq!(statement.functions, ["sleep", "s.f"]);
    assert!(!statement.star);
    for text in ["SELECT * FROM t", "SELECT t.* FROM t", "SELECT a, s.t.* FROM t"] {
        assert!(read(text).unwrap()[0].star, "{text}");
    }
    assert!(!read("SELECT COUNT(*), a * b FROM t").unwrap()[0].star);
}

#[test]
fn settings_are_told_with_their_values() {
    let settings =
        read("SET sql_mode = 'ANSI_QUOTES', @@character_set_client = gbk, a = b + 1").unwrap().remove(0).settings;
    let told: Vec<_> = settings.iter().map(|setting| (&*setting.name, setting.value.as_deref())).collect();
    assert_eq!(told, [("sql_mode", Some("ANSI_QUOTES")), ("character_set_client", Some("gbk")), ("a", None)]);
}

#[test]
fn nothing_panics_and_limits_hold() {
    let deep = format!("SELECT {}1", "(".repeat(MOST_DEPTH + 1));
    assert_eq!(read(&deep), Err(Unreadable::Depth));
    let many: Vec<String> = (0..=MOST_NAMES).map(|at| format!("t{at}")).collect();
    assert_eq!(read(&format!("SELECT 1 FROM {}", many.join(", "))), Err(Unreadable::Names));
}

proptest::proptest! {
    #[test]
    fn pieces_in_any_order_do_not_panic(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..30)) {
        let _ = read(&pieces.join(" "));
    }
}

const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "t",
    "(",
    ")",
    ",",
    ".",
    "*",
    "UPDATE",
    "DELETE",
    "INSERT",
    "INTO",
    "SET",
    "=",
    "1",
    "'x'",
    "JOIN",
    "ON",
    "USING",
    "AS",
    "WITH",
    "UNION",
    "WHERE",
    "VALUES",
    "DUPLICATE",
    "KEY",
    "LOCK",
    "FOR",
    "PARTITION",
    "SHOW",
    "CREATE",
    "TABLE",
    "INDEX",
    "RENAME",
    "TO",
    "@a",
    "`b`",
    ";",
    "REPLACE",
    "EXPLAIN",
    "CALL",
    "LOAD",
    "INFILE",
    "USE",
    "GLOBAL",
    "INTERVAL",
];
