"""The handler behind Python's http.server. plain.py PORT"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from report import act


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        body, whole = self.body()
        headers = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        parts = urlsplit(self.path)
        number = act(
            self.command,
            self.path,
            [unquote(parts.path)],
            self.headers.get_all("host", []),
            headers,
            parts.query,
            body,
            whole,
        )
        self.send_response(200)
        self.send_header("x-acted", number)
        self.send_header("content-length", "6")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"acted\n")

    def body(self):
        """As handlers of this server are often written: it has no word on bodies."""
        if self.path.startswith("/public/lazy"):
            return b"", True
        if "chunked" in self.headers.get("transfer-encoding", ""):
            return self.chunks()
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        return body, len(body) == length

    def chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            piece = self.rfile.read(size)
            body += piece
            if len(piece) < size:
                return body, False
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body, True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass  # clients that send nonsense are the test


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
