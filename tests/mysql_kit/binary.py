"""What no driver here does of the binary protocol: cursors whose rows are fetched in portions, and values that are sent ahead."""

import struct

import pymysql
from clients_kit.checks import Failed, expect


class Prepared:
    """A statement that the server holds."""

    def __init__(self, session, sql):
        self.session = session
        answer = self.ask(b"\x16" + sql.encode()).get_all_data()
        self.number, columns, values = struct.unpack("<xIHH", answer[:9])
        for count in (values, columns):
            for _ in range(count + 1 if count else 0):
                session._read_packet()

    def send(self, payload):
        self.session._next_seq_id = 0
        self.session.write_packet(payload)
        self.session._next_seq_id = 1

    def ask(self, payload):
        self.send(payload)
        return self.session._read_packet()

    def execute(self, values=b"", cursor=False):
        return self.ask(b"\x17" + struct.pack("<IBI", self.number, int(cursor), 1) + values)

    def ask_text(self, value):
        """How many rows come for one value, a string."""
        text = value.encode()
        answer = self.execute(b"\0\x01\xfd\0\xfe" + struct.pack("<Q", len(text)) + text)
        self.columns(answer.get_all_data()[0])
        return self.rows(self.session._read_packet())

    def columns(self, count):
        """What the columns are, up to their end."""
        for _ in range(count + 1):
            packet = self.session._read_packet()
        return packet

    def rows(self, packet):
        """How many rows come, up to their end."""
        count = 0
        while not packet.is_eof_packet():
            count += 1
            packet = self.session._read_packet()
        return count

    def fetch(self, count):
        return self.rows(self.ask(b"\x1c" + struct.pack("<II", self.number, count)))


def binary(door):
    session = door.pymysql(autocommit=True)
    insert = Prepared(session, "INSERT INTO orders (item, amount) VALUES (?, 5)")
    for piece in (b"long ", b"data"):
        insert.send(b"\x18" + struct.pack("<IH", insert.number, 0) + piece)
    insert.execute(b"\0\x01\xfc\0")
    expect("sent ahead", door.orders(), "long data")
    expect("reset", insert.ask(b"\x1a" + struct.pack("<I", insert.number)).is_ok_packet(), True)
    large = b"\0\x01\xfc\0\xfd" + (0x100000).to_bytes(3, "little") + b"x" * 0x100000
    try:
        insert.execute(large)  # too long for its column, but not for the sidecar
    except pymysql.MySQLError as error:
        expect("a value of a mebibyte", error.args[0], 1406)
    insert.send(b"\x19" + struct.pack("<I", insert.number))
    try:
        insert.execute(b"\0\x01\xfc\0\x01x")
    except pymysql.MySQLError as error:
        expect("closed", error.args[0], 1243)
    else:
        raise Failed("a closed statement ran")
    session.close()
    door.empty()


def cursors(door):
    door.empty()
    door.server.direct("INSERT INTO orders (item) SELECT seq FROM seq_1_to_110")
    session = door.pymysql(user="report", autocommit=True)
    select = Prepared(session, "SELECT id FROM orders")
    for _ in range(2):
        select.execute(cursor=True)
        select.columns(1)
        expect("portions", (select.fetch(60), select.fetch(40)), (60, 40))
    try:
        select.fetch(1)
    except pymysql.MySQLError:
        return door.empty()
    raise Failed("101 rows came")
