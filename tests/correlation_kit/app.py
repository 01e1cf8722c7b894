"""An application with endpoints that paste what they are sent into statements, twins of them with parameters, and those of a
query builder, which puts in names and directions but no values.

    python app.py PORT DATABASE_PORT PASSWORD
"""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import psycopg

LOCAL = threading.local()
PASTED = {
    "/literal": "SELECT id, name FROM items WHERE name = '{v}'",
    "/number": "SELECT id, name FROM items WHERE id = {v}",
    "/like": "SELECT id, name FROM items WHERE name LIKE '%{v}%'",
    "/order": "SELECT id, name FROM items ORDER BY {v}",
    "/in": "SELECT id, name FROM items WHERE id IN ({v})",
    "/json": "SELECT id, data #>> '{{{v}}}' FROM items",
}
TWINS = {
    "/p/literal": "SELECT id, name FROM items WHERE name = %s",
    "/p/number": "SELECT id, name FROM items WHERE id::text = %s",
    "/p/like": "SELECT id, name FROM items WHERE name LIKE '%%' || %s || '%%'",
    "/p/order": "SELECT id, name FROM items ORDER BY CASE WHEN %s = 'name' THEN name ELSE id::text END",
    "/p/in": "SELECT id, name FROM items WHERE id::text = ANY (string_to_array(%s, ','))",
    "/p/json": "SELECT id, data #>> string_to_array(%s, ',') FROM items",
}
BUILT = {
    "/b/sort": "SELECT id, name FROM items ORDER BY {v}",
    "/b/columns": "SELECT {v} FROM items",
    "/b/filter": "SELECT id, name FROM items WHERE {name} {operator} %s ORDER BY id",
}
OPERATORS = {"eq": "=", "gt": ">", "like": "LIKE"}


def statement(path, value):
    if path in PASTED:
        return PASTED[path].format(v=value), None
    if path in TWINS:
        return TWINS[path], (value,)
    if path == "/b/filter":
        name, operator, given = value.split(":", 2)
        return BUILT[path].format(name=name, operator=OPERATORS[operator]), (given,)
    return BUILT[path].format(v=value), None


def ask(sql, values):
    if getattr(LOCAL, "connection", None) is None or LOCAL.connection.closed:
        port, password = sys.argv[2:4]
        LOCAL.connection = psycopg.connect(host="127.0.0.1", port=port, user="app", password=password, dbname="shop",
                                           autocommit=True, application_name="shop")
    return LOCAL.connection.execute(sql, values).fetchall()


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        value = parse_qs(url.query, keep_blank_values=True).get("v", [""])[0]
        try:
            return self.say(200, "".join(f"<li>{row}</li>" for row in ask(*statement(url.path, value))))
        except psycopg.Error as error:  # the mistake: the caller is told
            return self.say(500, f"{error.sqlstate} {error.diag.message_primary} {error.diag.message_detail}")
        except (KeyError, ValueError) as error:
            return self.say(400, repr(error))

    def say(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
