"""Carriers: a connection each, on which one variant after another is sent. `send` gives the status, in the carrier's own
words, and the event's id where it was refused."""

import socket

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection

PATIENCE = 60


def pieces(body, cut):
    return [body[at : at + cut] for at in range(0, len(body), cut)] if cut else [body]


class Http1:
    def __init__(self, port, path):
        self.port, self.path, self.wire = port, path, None

    def send(self, variant):
        if self.wire is None:
            self.wire = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
            self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.reader = self.wire.makefile("rb")
        head = f"POST {self.path} HTTP/1.1\r\nhost: shop\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in variant.headers)
        if variant.cut:
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces(variant.body, variant.cut))
            sent = f"{head}transfer-encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"
        else:
            sent = f"{head}content-length: {len(variant.body)}\r\n\r\n".encode() + variant.body
        try:
            self.wire.sendall(sent)
        except OSError:
            pass  # refused before its end: the answer is there all the same
        return self.answer()

    def answer(self):
        status = self.reader.readline().split()
        headers = {}
        while line := self.reader.readline().strip():
            name, value = line.decode().split(": ", 1)
            headers[name.lower()] = value
        if "chunked" in headers.get("transfer-encoding", ""):
            while size := int(self.reader.readline(), 16):
                self.reader.read(size + 2)
            self.reader.readline()
        else:
            self.reader.read(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close" or not status:
            self.wire.close()
            self.wire = None
        return (status[1].decode() if status else "closed"), headers.get("x-podwall-event")


class Http2:
    def __init__(self, port, path):
        self.port, self.path, self.wire = port, path, None

    def connect(self):
        self.wire = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.sent = 0

    def send(self, variant):
        if self.wire is None or self.sent == 900:
            self.connect()
        self.sent += 1
        number = self.h2.get_next_available_stream_id()
        pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", "shop"), (":path", self.path)]
        self.h2.send_headers(number, [*pseudo, *variant.headers])
        told, left = {}, pieces(variant.body, variant.cut)
        while "ended" not in told:
            while left and (room := min(self.h2.local_flow_control_window(number), 16384)):
                piece, left[0] = left[0][:room], left[0][room:]
                if not left[0]:
                    left.pop(0)
                self.h2.send_data(number, piece, end_stream=not left)
            self.wire.sendall(self.h2.data_to_send())
            self.take(number, told)
            if told.get("refused"):
                left = []
        return told.get("grpc-status") or told.get(":status", "reset"), told.get("x-podwall-event")

    def take(self, number, told):
        piece = self.wire.recv(1 << 16)
        if not piece:
            self.wire, told["ended"] = None, True
            return
        for event in self.h2.receive_data(piece):
            if isinstance(event, events.ConnectionTerminated):
                self.wire = None
            if getattr(event, "stream_id", None) != number:
                continue
            if isinstance(event, (events.ResponseReceived, events.TrailersReceived)):
                told.update(event.headers)
                told["refused"] = "x-podwall-event" in told
            elif isinstance(event, events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, number)
            elif isinstance(event, (events.StreamEnded, events.StreamReset)):
                told["ended"] = True
        if self.wire:
            self.wire.sendall(self.h2.data_to_send())


class WebSocket:
    """Frames by hand, so that they can be cut anywhere."""

    HANDSHAKE = (
        b"GET /live HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    def __init__(self, port, _):
        self.port, self.wire = port, None

    def send(self, variant):
        if self.wire is None:
            self.wire = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
            self.reader = self.wire.makefile("rb")
            self.wire.sendall(self.HANDSHAKE)
            while self.reader.readline().strip():
                pass
        opcode = 1 if variant.headers[0][0] == "text" else 2
        all_of_it = pieces(variant.body, variant.cut)
        frames = b""
        for at, piece in enumerate(all_of_it):
            first = (opcode if at == 0 else 0) | (0x80 if at == len(all_of_it) - 1 else 0)
            length = len(piece)
            size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
            mask = b"\x11\x22\x33\x44"
            frames += bytes([first]) + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(piece))
        self.wire.sendall(frames)
        first, length = self.reader.read(2)
        if length == 126:
            length = int.from_bytes(self.reader.read(2), "big")
        elif length == 127:
            length = int.from_bytes(self.reader.read(8), "big")
        payload = self.reader.read(length)
        if first & 0x0F != 8:
            return "101", None
        self.wire.close()
        self.wire = None
        return str(int.from_bytes(payload[:2], "big")), payload[2:].decode()


CARRIERS = {"http1": Http1, "http2": Http2, "grpc": Http2, "grpc-web": Http2, "websocket": WebSocket}
