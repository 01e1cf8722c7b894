"""The databases, and what they themselves make of a statement: whether it runs, and its tokens without literals and comments."""

import functools
import re

import psycopg
import pymysql
from clients_kit import mariadb, postgres
from clients_kit.checks import Failed, Skipped

SECRET = "the-crown-jewels-4711"
ITEMS = f"""
CREATE TABLE vault (id int PRIMARY KEY, secret text);
INSERT INTO vault VALUES (1, '{SECRET}');
"""
# A statement is stopped after this; it runs all the same.
MOST_MILLISECONDS = 300


class Postgres:
    """`tokens` are those of PostgreSQL's own scanner, of what its own grammar reads (libpg_query)."""

    name, protocol, schema, items = "postgres", "postgres", "public", "items"
    more = """
    tables: {"*": "*", "pg_catalog.*": "*", "information_schema.*": "*"}
    functions: [pg_sleep, pg_read_file, query_to_xml, lo_import, dblink]
    settings: [any, search_path]"""
    password = postgres.PASSWORD

    def __init__(self, folder):
        self.server = postgres.Postgres(folder / "server")
        self.port, self.end = self.server.port, self.server.end
        self.server.direct("CREATE DATABASE shop", "postgres")
        made = self.server.direct(f"""{ITEMS}
            CREATE TABLE items (id int PRIMARY KEY, name text, data jsonb);
            INSERT INTO items SELECT n, 'item ' || n, jsonb_build_object('a', n) FROM generate_series(1, 20) AS n;
            CREATE ROLE app LOGIN PASSWORD '{self.password}';
            GRANT SELECT ON items, vault TO app""")
        if made is None:
            raise Failed("the schema is not made")

    def asked(self):
        """The application's statements, as the server has had them."""
        return self.server.statements("shop")

    @functools.cache
    def tokens(self, sql):
        """Nothing when the grammar does not read it."""
        try:
            from pglast import parse_sql
            from pglast.parser import ParseError, scan
        except ImportError:
            raise Skipped("no pglast") from None
        try:
            parse_sql(sql)
            return [self.token(sql, token) for token in scan(sql) if not token.name.endswith("COMMENT")]
        except ParseError:
            return None

    @staticmethod
    def token(sql, token):
        text = sql[token.start : token.end + 1]
        if token.name.endswith("CONST") or token.name == "PARAM":
            return "?"
        return '"' if text.startswith('"') else text.upper()

    def runs(self, sql):
        """Whether it runs without an error, or so long that it must be stopped."""
        try:
            with psycopg.connect(host="127.0.0.1", port=self.port, user="app", password=self.password, dbname="shop",
                                 options=f"-c statement_timeout={MOST_MILLISECONDS}") as session:
                session.execute(sql)
                session.rollback()
        except psycopg.errors.QueryCanceled:
            return True
        except (psycopg.Error, UnicodeError):
            return False
        return True


class MariaDB:
    """`tokens` are those of the server's digest of the statements that it has read."""

    name, protocol, schema, items = "mariadb", "mysql", "shop", "shop.items"
    more = """
    tables: {"*": "*", "mysql.*": "*", "information_schema.*": "*"}
    functions: [sleep, benchmark, load_file, extractvalue, updatexml]
    settings: [names, sql_mode]"""
    password = mariadb.PASSWORD
    options = ["--performance-schema=ON", "--performance-schema-instrument=statement/%=ON", "--performance-schema-consumer-events-statements-current=ON",
               "--performance-schema-consumer-events-statements-history=ON", "--performance-schema-consumer-statements-digest=ON",
               # What is kept of statements is read anew for each, so it is kept small.
               "--performance-schema-events-statements-history-size=16", "--performance-schema-max-thread-instances=120",
               "--max-digest-length=16384", "--performance-schema-max-digest-length=16384"]

    def __init__(self, folder):
        self.server = mariadb.MariaDB(folder / "server", more=self.options)
        self.port, self.end = self.server.port, self.server.end
        self.server.direct("CREATE DATABASE shop", "mysql")
        made = self.server.direct(f"""{ITEMS}
            CREATE TABLE items (id int PRIMARY KEY, name text, data text);
            INSERT INTO items SELECT seq, CONCAT('item ', seq), JSON_OBJECT('a', seq) FROM seq_1_to_20;
            CREATE USER app@'%' IDENTIFIED BY '{self.password}', reader@'%' IDENTIFIED BY '{self.password}';
            GRANT SELECT ON shop.* TO app@'%', reader@'%';
            GRANT SELECT ON performance_schema.* TO reader@'%'""")
        if made is None:
            raise Failed("the schema is not made")

    def asked(self):
        return [sql for sql in self.server.log_of("app") if sql != "shop"]

    def tokens(self, sql):
        digests, _ = self.tried(sql)
        if not digests or None in digests:
            return None
        folded = ";".join(digests).replace("(...)", "( ? )").replace(", ...", "")
        return re.findall(r'"|\?|\w+|[^\w\s]', re.sub(r"`([^`]*)`", lambda name: '"' if re.search(r"\W", name[1]) else name[1].upper(), folded))

    def runs(self, sql):
        return self.tried(sql)[1]

    @functools.cache
    def tried(self, sql):
        """The digests of the statements in a text, as far as it was read, and whether all ran."""
        session = pymysql.connect(host="127.0.0.1", port=self.port, user="reader", password=self.password, database="shop", autocommit=True,
                                  ssl_disabled=True, client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
        mine = "FROM performance_schema.events_statements_history h JOIN performance_schema.threads USING (thread_id) WHERE processlist_id = CONNECTION_ID()"
        with session, session.cursor() as cursor:
            cursor.execute(f"SET max_statement_time = {MOST_MILLISECONDS / 1000}")
            cursor.execute(f"SELECT MAX(h.event_id) {mine}")
            before = cursor.fetchone()[0]
            ran = self.executes(cursor, sql)
            cursor.execute("SET max_statement_time = 0")
            cursor.execute(f"SELECT h.digest_text {mine} AND h.event_id > %s ORDER BY h.event_id", (before,))
            return [text for (text,) in cursor.fetchall()][1:-1], ran

    @staticmethod
    def executes(cursor, sql):
        try:
            cursor.execute(sql)
            while cursor.nextset():
                pass
        except pymysql.MySQLError as error:
            return error.args[0] in (1969, 1317)  # it was stopped
        except UnicodeError:
            return False
        return True


SERVERS = {"postgres": Postgres, "mariadb": MariaDB}
