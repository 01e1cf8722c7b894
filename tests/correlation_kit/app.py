"""An application with endpoints that paste what they are sent into statements, twins of them with parameters, and those of
query builders: one that puts in names and directions but no values, and SQLAlchemy.

    python -m correlation_kit.app DIALECT PORT DATABASE_PORT PASSWORD
"""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from .builder import BUILDERS, built
from .drivers import DRIVERS, ERRORS
from .statements import DIALECTS

LOCAL = threading.local()


def ask(dialect, path, value):
    if getattr(LOCAL, "session", None) is None or LOCAL.session.is_closed():
        LOCAL.session = DRIVERS[dialect](*sys.argv[3:5])
    if path in BUILDERS:
        return LOCAL.session.written(*built(dialect, path, value))
    sql, values = DIALECTS[dialect].of(path, value)
    return LOCAL.session.bound(sql, values) if path.startswith("/p/") else LOCAL.session.written(sql, values)


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        value = parse_qs(url.query, keep_blank_values=True).get("v", [""])[0]
        try:
            return self.say(200, "".join(f"<li>{row}</li>" for row in ask(sys.argv[1], url.path, value)))
        except ERRORS as error:  # the mistake: the caller is told
            return self.say(500, DRIVERS[sys.argv[1]].says(error))
        except (KeyError, ValueError) as error:
            return self.say(400, repr(error))

    def say(self, status, text):
        body = text.encode(errors="replace")
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
    Server(("127.0.0.1", int(sys.argv[2])), App).serve_forever()
