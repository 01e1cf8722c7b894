"""An upstream that answers in chunks only, whose answers can be held back: events one by one, an answer that is slow."""

import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        # The test opens the gates, so that nothing here depends on time.
        self.second_event = threading.Event()
        self.slow_arrived = threading.Event()
        self.slow_may_end = threading.Event()
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # clients that leave early are part of the test


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Longer than proxies keep a connection that nobody uses: closed under a POST, it would cost them an answer.
    timeout = 300
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/events":
            self.answer(self.events(), "text/event-stream")
        elif self.path == "/slow":
            self.server.slow_arrived.set()
            self.answer(self.slow())
        else:
            self.answer(["hel", "lo\n"])

    do_HEAD = do_GET

    def do_POST(self):
        count = check = 0
        for piece in self.body():
            count += len(piece)
            check = zlib.crc32(piece, check)
        self.answer([f"{count}", f" {check}" if self.path == "/upload" else ""])

    def events(self):
        yield "data: first\n\n"
        if not self.server.second_event.wait(20):
            return
        yield "data: second\n\n"

    def slow(self):
        yield "begun, "
        self.server.slow_may_end.wait(20)
        yield "done"

    def answer(self, pieces, content_type="text/plain"):
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in filter(None, pieces):
            self.wfile.write(f"{len(piece):x}\r\n{piece}\r\n".encode())
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def body(self):
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            left = int(self.headers.get("content-length", 0))
            while left and (piece := self.rfile.read(min(left, 1 << 18))):
                left -= len(piece)
                yield piece
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
