"""A client that sends exactly the bytes it is told to, and takes the answers apart."""

import re
import socket
from dataclasses import dataclass

# Instead of bytes: waits for `100 Continue`, then goes on.
CONTINUE = object()

HEAD = re.compile(rb"HTTP/1\.[01] (\d\d\d)[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")


@dataclass(frozen=True)
class Answer:
    """One final answer: what its backend acted on by id, or the sidecar's refusal by id."""

    status: int
    acted: str
    event: str


def exchange(port, steps, patience, half_close):
    """Sends the steps over one connection. Gives the answers, and whether the other side closed within `patience`."""
    received, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), patience) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for step in steps:
                if step is CONTINUE:
                    # An answer instead of it means that nobody wants the rest.
                    received += connection.recv(1 << 16)
                    if b" 100 " not in received[-64:]:
                        break
                else:
                    connection.sendall(step)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(1 << 16):
                received += piece
            closed = True
        except TimeoutError:
            pass
        except OSError:  # a reset ends it too
            closed = True
            received += rest(connection)
    return answers(received), closed


def rest(connection):
    """What was received before a reset, where the system still gives it."""
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b""


def answers(received):
    """The final answers. No body of the backends or of the sidecar looks like a head."""
    found = []
    for status, head in HEAD.findall(received):
        fields = dict(re.findall(rb"(?im)^([a-z-]+):[ \t]*(.*?)\r$", head.lower()))
        if status[:1] != b"1" or status == b"101":
            text = [fields.get(name, b"").decode() for name in (b"x-acted", b"x-podwall-event")]
            found.append(Answer(int(status), *text))
    return found
