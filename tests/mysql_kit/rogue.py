"""A server of MySQL's protocol that says what it is told to say, whatever it is asked, and keeps what it was sent."""

import contextlib
import struct

from clients_kit.serving import Serving

GREETING = (b"\x0a5.5.5-10.11.6-MariaDB\0" + struct.pack("<I", 7) + b"12345678\0" + struct.pack("<HBHHB", 0xf7ff & ~0x0820, 45, 2, 0x00bf, 21)
            + b"\0" * 10 + b"123456789012\0mysql_native_password\0")
SILENCE = b""
OK = b"\0\0\0\x02\0\0\0"


class Rogue(Serving):
    """`login` is what it says of a login, `says` what it says to packets that begin so (nothing: to an empty one); to all others it
    says OK."""

    def __init__(self, says, login=OK):
        self.says, self.login, self.heard = says, login, []
        super().__init__()

    def talk(self, wire):
        with contextlib.suppress(OSError), wire, wire.makefile("rb") as source:
            self.say(wire, 0, GREETING)
            said = self.login
            while len(header := source.read(4)) == 4:
                packet = source.read(int.from_bytes(header[:3], "little"))
                self.heard.append(packet)
                fit = (words for begins, words in self.says.items() if (packet.startswith(begins) if begins else not packet))
                said = said or next(fit, OK)
                if said != SILENCE:
                    self.say(wire, header[3] + 1, said)
                said = None

    @staticmethod
    def say(wire, number, payload):
        wire.sendall(len(payload).to_bytes(3, "little") + bytes([number & 0xff]) + payload)
