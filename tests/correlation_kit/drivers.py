"""How the application talks to its database."""

import psycopg
import pymysql
from mysql_kit.binary import Prepared

ERRORS = (psycopg.Error, pymysql.MySQLError)


class Postgres:
    def __init__(self, port, password):
        self.session = psycopg.connect(host="127.0.0.1", port=port, user="app", password=password, dbname="shop", autocommit=True,
                                       application_name="shop")

    def is_closed(self):
        return self.session.closed

    def bound(self, sql, values):
        """With the values apart from the text."""
        return self.session.execute(sql, values).fetchall()

    def written(self, sql, values=None):
        """With the values written into the text, as literals."""
        return psycopg.ClientCursor(self.session).execute(sql, values).fetchall()

    @staticmethod
    def says(error):
        return f"{error.sqlstate} {error.diag.message_primary} {error.diag.message_detail}"


class MariaDB:
    def __init__(self, port, password):
        several = pymysql.constants.CLIENT.MULTI_STATEMENTS
        self.session = pymysql.connect(host="127.0.0.1", port=int(port), user="app", password=password, database="shop", autocommit=True,
                                       ssl_disabled=True, client_flag=several)
        self.prepared = {}

    def is_closed(self):
        return not self.session.open

    def bound(self, sql, values):
        sql = sql.replace("%s", "?").replace("%%", "%")
        if sql not in self.prepared:
            self.prepared[sql] = Prepared(self.session, sql)
        return [self.prepared[sql].ask_text(values[0])]

    def written(self, sql, values=None):
        with self.session.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()

    says = str


DRIVERS = {"postgres": Postgres, "mariadb": MariaDB}
