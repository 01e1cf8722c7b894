"""A shop with every mistake: what it is sent is pasted into its statements, and errors are shown to the caller.

    python shop.py PORT DATABASE_SOCKET
"""

import json
import sys
import threading
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pg8000.native

LOCAL = threading.local()


def ask(statement):
    if getattr(LOCAL, "connection", None) is None:
        LOCAL.connection = pg8000.native.Connection("shop", unix_sock=sys.argv[2], database="postgres")
    try:
        return LOCAL.connection.run(statement)
    finally:
        LOCAL.connection.run("ROLLBACK")


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        cookies = {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()}
        self.serve(url.path, given, cookies)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace")
        try:
            given = json.loads(body)
        except ValueError:
            given = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        self.serve(urlsplit(self.path).path, given if isinstance(given, dict) else {}, {})

    def serve(self, path, given, cookies):
        statement = {
            "/number": lambda: f"SELECT name FROM items WHERE id = {given['id']}",
            "/text": lambda: f"SELECT name FROM items WHERE name = '{given['name']}'",
            "/cookie": lambda: f"SELECT name FROM items WHERE id = {unquote(cookies['cart'])}",
        }.get(path)
        try:
            rows = ask(statement()) if statement else []
            self.say(200 if statement else 404, "".join(f"<li>{row[0]}</li>" for row in rows) or "nothing")
        except Exception as error:  # the mistake: the caller is told
            self.say(500, f"error: {error}")

    def say(self, status, text):
        body = f"<html><ul>{text}</ul></html>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
