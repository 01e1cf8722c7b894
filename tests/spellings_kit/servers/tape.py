"""Reads what the sidecar writes, which has one spelling only, and nothing else. tape.py PORT"""

import re
import sys
from socketserver import StreamRequestHandler, ThreadingTCPServer

from report import act

LINE = re.compile(rb"([!-~]+) ([!-~]+) HTTP/1\.([01])\r\n")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ((?:[\t\x20-\x7e\x80-\xff]*[!-~\x80-\xff])?)\r\n")
SIZE = re.compile(rb"([1-9a-f][0-9a-f]*|0)\r\n")


class Unreadable(Exception):
    pass


class Handler(StreamRequestHandler):
    timeout = 60

    def handle(self):
        try:
            while first := self.rfile.readline():
                self.request_of(first)
        except (Unreadable, OSError) as why:
            if isinstance(why, Unreadable):
                act("UNREADABLE", str(why), [], [], {}, "", b"")

    def request_of(self, first):
        method, target, _ = self.parts(LINE, first)
        headers = self.fields()
        body = self.body(headers)
        query = target.partition(b"?")[2].decode()
        number = act(method.decode(), target.decode(), [], headers.get("host", []), headers, query, body)
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nx-acted: %s\r\n\r\n" % (6, number.encode()))
        if method != b"HEAD":
            self.wfile.write(b"acted\n")

    def parts(self, form, line):
        found = form.fullmatch(line)
        if not found:
            raise Unreadable(repr(line))
        return found.groups()

    def fields(self):
        found = {}
        while (line := self.rfile.readline()) != b"\r\n":
            name, value = self.parts(FIELD, line)
            found.setdefault(name.decode().lower(), []).append(value.decode("latin-1"))
        return found

    def body(self, headers):
        lengths, codings = headers.get("content-length", []), headers.get("transfer-encoding", [])
        if len(lengths) + len(codings) > 1 or codings not in ([], ["chunked"]):
            raise Unreadable(repr(headers))
        if not codings:
            return self.exactly(int(lengths[0])) if lengths else b""
        body = b""
        while size := int(self.parts(SIZE, self.rfile.readline())[0], 16):
            body += self.exactly(size)
            self.parts(re.compile(rb"\r\n"), self.exactly(2))
        self.fields()
        return body

    def exactly(self, size):
        found = self.rfile.read(size)
        if len(found) < size:
            raise ConnectionResetError  # the sidecar cuts what it denies
        return found


class Server(ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True
    request_queue_size = 256


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
