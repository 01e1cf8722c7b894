"""An application on MariaDB that pastes values into its statements, and asks the same with parameters under /p/.

    python tests/mysql_kit/app.py PORT DATABASE_PORT PASSWORD
"""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pymysql

LOCAL = threading.local()
PASTED = {
    "/literal": "SELECT id, name FROM items WHERE name = '{v}'",
    "/double": 'SELECT id, name FROM items WHERE name = "{v}"',
    "/number": "SELECT id, name FROM items WHERE id = {v}",
    "/like": "SELECT id, name FROM items WHERE name LIKE '%{v}%'",
    "/order": "SELECT id, name FROM items ORDER BY {v}",
    "/in": "SELECT id, name FROM items WHERE id IN ({v})",
}
TWINS = {
    "/p/literal": "SELECT id, name FROM items WHERE name = %s",
    "/p/number": "SELECT id, name FROM items WHERE CAST(id AS CHAR) = %s",
    "/p/like": "SELECT id, name FROM items WHERE name LIKE CONCAT('%%', %s, '%%')",
}


def statement(path, value):
    return (PASTED[path].format(v=value), None) if path in PASTED else (TWINS[path], (value,))


def ask(sql, values):
    if getattr(LOCAL, "connection", None) is None or not LOCAL.connection.open:
        LOCAL.connection = pymysql.connect(host="127.0.0.1", port=int(sys.argv[2]), user="app", password=sys.argv[3],
                                           database="shop", autocommit=True, client_flag=65536)
    with LOCAL.connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        value = parse_qs(url.query, keep_blank_values=True).get("v", [""])[0]
        try:
            self.say(200, "".join(f"<li>{row}</li>" for row in ask(*statement(url.path, value))))
        except pymysql.MySQLError as error:  # the mistake: the caller is told
            self.say(500, str(error))
        except KeyError as error:
            self.say(400, repr(error))

    def say(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
