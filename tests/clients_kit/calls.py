"""A gRPC service and calls of every kind. Messages are protobuf, written by hand: field 1 is a string, field 3 bytes."""

import threading
from concurrent import futures

import grpc

OPTIONS = [("grpc.max_receive_message_length", 8 << 20), ("grpc.max_send_message_length", 8 << 20)]


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def order(text="", content=b""):
    """A message."""
    fields = ((1, text.encode()), (3, content))
    return b"".join(varint(number << 3 | 2) + varint(len(value)) + value for number, value in fields if value)


def content_of(message):
    """The bytes of a message that has nothing else."""
    at, length, shift = 1, 0, 0
    while True:
        byte = message[at]
        length, shift, at = length | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return message[at : at + length]


class Service(grpc.GenericRpcHandler):
    """`shop.Orders`: keeps every message it was given."""

    def __init__(self):
        self.received = []
        self.cancelled = threading.Event()
        self.waiting = threading.Event()
        self.deadlines = []
        server = grpc.server(futures.ThreadPoolExecutor(16), options=OPTIONS)
        server.add_generic_rpc_handlers((self,))
        self.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.end = lambda: server.stop(None)

    def service(self, details):
        kinds = {
            "Get": grpc.unary_unary_rpc_method_handler(self.get),
            "Secret": grpc.unary_unary_rpc_method_handler(self.get),
            "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
            "Collect": grpc.stream_unary_rpc_method_handler(self.collect),
            "List": grpc.unary_stream_rpc_method_handler(self.list),
            "Talk": grpc.stream_stream_rpc_method_handler(self.talk),
            "Seldom": grpc.unary_unary_rpc_method_handler(self.get),
        }
        service, _, method = details.method.rpartition("/")
        return kinds.get(method) if service == "/shop.Orders" else None

    def keep(self, message):
        self.received.append(message)
        return message

    def get(self, message, context):
        context.set_trailing_metadata((("x-served-by", "orders"),))
        return self.keep(message)

    def wait(self, message, context):
        context.add_callback(self.cancelled.set)
        self.deadlines.append(context.time_remaining())
        self.waiting.set()
        self.cancelled.wait(20)
        return message

    def collect(self, messages, _):
        return order(str(sum(len(self.keep(message)) for message in messages)))

    def list(self, message, _):
        self.keep(message)
        yield from (order(f"item {number}") for number in range(100))

    def talk(self, messages, _):
        for message in messages:
            yield self.keep(message)


class Client:
    """Calls over one channel."""

    def __init__(self, target, files=()):
        if files:
            ca, cert, key = (open(file, "rb").read() for file in files)
            credentials = grpc.ssl_channel_credentials(ca, key, cert)
            self.channel = grpc.secure_channel(target, credentials, OPTIONS)
        else:
            self.channel = grpc.insecure_channel(target, OPTIONS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def unary(self, method, message, timeout=20, **options):
        return self.channel.unary_unary(f"/shop.Orders/{method}")(message, timeout=timeout, **options)

    def later(self, method, message, timeout=20):
        return self.channel.unary_unary(f"/shop.Orders/{method}").future(message, timeout=timeout)

    def collect(self, messages):
        return self.channel.stream_unary("/shop.Orders/Collect")(iter(messages), timeout=20)

    def list(self, message):
        return self.channel.unary_stream("/shop.Orders/List")(message, timeout=20)

    def talk(self, messages):
        return self.channel.stream_stream("/shop.Orders/Talk")(messages, timeout=20)
