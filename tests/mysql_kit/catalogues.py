"""SHOW and DESCRIBE tell of the databases that are granted, and of no other, however they name it."""

import pymysql
from clients_kit.checks import Failed, expect

SHOWS = [
    "SHOW TABLES FROM {0}", "SHOW FULL TABLES IN `{0}` LIKE 'ord%'", "SHOW TABLE STATUS FROM {0} WHERE Name IN ('orders')",
    "SHOW OPEN TABLES FROM {0}", "SHOW COLUMNS FROM orders FROM {0}", "SHOW FULL FIELDS IN {0} . orders", "SHOW INDEX FROM `{0}`.`orders`",
    "SHOW KEYS FROM orders IN {0}", "SHOW CREATE TABLE {0}.orders", "SHOW CREATE DATABASE IF NOT EXISTS {0}", "SHOW TRIGGERS FROM {0}",
    "SHOW EVENTS /*!40101 FROM {0} */", "DESCRIBE {0}.orders", "DESC {0}.orders 'i%'", "EXPLAIN {0}.orders",
]
OF_ALL = ["SHOW DATABASES", "SHOW OPEN TABLES", "SHOW PROCEDURE STATUS", "SHOW FUNCTION STATUS LIKE '%'"]
BOTH = ["SHOW COLUMNS FROM shop.orders FROM other", "SHOW COLUMNS FROM other.orders FROM shop"]


def catalogues(door):
    """What is granted is what the server tells; what is denied it is not asked. `app` has a rule for one database, `owner` for all."""
    with door.pymysql(autocommit=True) as session, session.cursor() as cursor:
        told(door, cursor, "shop")
        for sql in [*(sql.format("other") for sql in SHOWS), *OF_ALL, *BOTH]:
            is_denied(cursor, sql)
        expect("in use", ask(cursor, "SHOW TABLES LIKE 'orders'"), (("orders",),))
    with door.pymysql(user="owner", autocommit=True) as session, session.cursor() as cursor:
        told(door, cursor, "other")
        expect("of all", ("other",) in ask(cursor, "SHOW DATABASES"), True)
    return f"{len(SHOWS) + len(OF_ALL) + len(BOTH)} forms"


def told(door, cursor, database):
    for sql in (sql.format(database) for sql in SHOWS):
        expect(sql, len(ask(cursor, sql)), len(door.server.direct(sql).splitlines()))


def ask(cursor, sql):
    cursor.execute(sql)
    return cursor.fetchall()


def is_denied(cursor, sql):
    try:
        cursor.execute(sql)
    except pymysql.MySQLError as error:
        return expect(sql, (error.args[0], "event " in error.args[1]), (1142, True))
    raise Failed(f"told: {sql}: {cursor.fetchall()}")
