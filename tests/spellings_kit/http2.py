"""A client that sends the streams it is told to, however they break the rules of HTTP/2."""

import socket
from dataclasses import dataclass

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection

from .wire import Answer


@dataclass(frozen=True)
class Stream:
    """A request: fields in their order, pseudo-headers among them, DATA frames, trailers."""

    fields: tuple
    frames: tuple = ()
    trailers: tuple = ()

    def replace(self, old, new):
        return Stream(swapped(self.fields, old, new), tuple(frame.replace(old, new) for frame in self.frames), self.trailers)

    def naive(self):
        """As a gateway writes it in HTTP/1.1 that believes everything."""
        pseudo = {name: value for name, value in self.fields if name.startswith(b":")}
        first = b"%s %s HTTP/1.1" % (pseudo.get(b":method", b"GET"), pseudo.get(b":path", b"/"))
        lines = [b"host: " + pseudo[b":authority"]] if b":authority" in pseudo else []
        lines += [b"%s: %s" % field for field in self.fields if not field[0].startswith(b":")]
        return b"\r\n".join([first, *lines]) + b"\r\n\r\n" + b"".join(self.frames)


def swapped(fields, old, new):
    return tuple((name.replace(old, new), value.replace(old, new)) for name, value in fields)


def exchange(port, streams, patience):
    """Sends the streams over one connection. Gives the answers, and whether every stream came to an end."""
    off = {f"{what}_{way}_headers": False for what in ("validate", "normalize") for way in ("inbound", "outbound")}
    connection = H2Connection(H2Configuration(client_side=True, header_encoding=None, **off))
    connection.initiate_connection()
    with socket.create_connection(("127.0.0.1", port), patience) as wire:
        try:
            numbers = [send(connection, stream) for stream in streams]
            wire.sendall(connection.data_to_send())
            return received(connection, wire, numbers)
        except TimeoutError:
            return [], False
        except OSError:  # a connection that is closed ends every stream
            return [], True


def send(connection, stream):
    number = connection.get_next_available_stream_id()
    more = bool(stream.frames or stream.trailers)
    connection.send_headers(number, stream.fields, end_stream=not more)
    for at, frame in enumerate(stream.frames, 1):
        connection.send_data(number, frame, end_stream=at == len(stream.frames) and not stream.trailers)
    if stream.trailers:
        connection.send_headers(number, stream.trailers, end_stream=True)
    return number


def received(connection, wire, numbers):
    heads, ended = {}, set()
    while not ended.issuperset(numbers) and (piece := wire.recv(1 << 16)):
        for event in connection.receive_data(piece):
            if isinstance(event, events.ResponseReceived):
                heads[event.stream_id] = dict(event.headers)
            elif isinstance(event, (events.StreamEnded, events.StreamReset)):
                ended.add(event.stream_id)
            elif isinstance(event, events.ConnectionTerminated):
                ended.update(numbers)
        wire.sendall(connection.data_to_send())
    return [answer(heads[number]) for number in numbers if number in heads], True


def answer(head):
    text = [head.get(name, b"").decode() for name in (b":status", b"x-acted", b"x-podwall-event")]
    return Answer(int(text[0]), *text[1:])
