"""What is kept of what is printed, for a service that finds it after a sudden end."""

import pathlib
import struct
import tempfile
import unittest

from fenxi_kernel.said import Said

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
RING_BYTES = 64 * 1024


class SaidTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "s-said"

    def totals(self):
        return struct.unpack_from("<QQ", self.path.read_bytes(), 48)

    def ring(self, stream, start=0):
        """A ring from this byte on."""
        begin = 4096 + stream * RING_BYTES
        ring = self.path.read_bytes()[begin : begin + RING_BYTES]
        return ring[start:] + ring[:start]

    def test_text_is_in_the_file_at_once(self):
        said = Said(self.path)
        said.begin(ID, 7)
        said.keep("stdout", "one ")
        said.keep("stdout", "哎")
        said.keep("stderr", "two")
        contents = self.path.read_bytes()
        self.assertEqual(contents[:8], b"FENXI\0\0\1")
        self.assertEqual(contents[8:44], ID.encode())
        self.assertEqual(struct.unpack_from("<I", contents, 44), (7,))
        self.assertEqual(self.totals(), (7, 3))
        self.assertEqual(self.ring(0)[:7].decode(), "one 哎")
        self.assertEqual(self.ring(1)[:3], b"two")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_the_newest_text_takes_the_place_of_the_oldest(self):
        said = Said(self.path)
        said.begin(ID, 1)
        text = "".join(f"{number:06}\n" for number in range(30_000))
        for start in range(0, len(text), 1001):
            said.keep("stdout", text[start : start + 1001])
        self.assertEqual(self.totals(), (len(text), 0))
        self.assertEqual(self.ring(0, len(text) % RING_BYTES).decode(), text[-RING_BYTES:])
        said.keep("stdout", text)
        self.assertEqual(self.ring(0, 2 * len(text) % RING_BYTES).decode(), text[-RING_BYTES:])

    def test_a_new_execution_begins_anew(self):
        said = Said(self.path)
        said.begin(ID, 1)
        said.keep("stdout", "old")
        said.begin("x" * 100, 2)
        self.assertEqual(self.totals(), (0, 0))
        self.assertEqual(self.path.read_bytes()[8:44], b"x" * 36)
        said.keep("stdout", "new")
        self.assertEqual(self.ring(0)[:3], b"new")

    def test_half_a_character_is_replaced(self):
        said = Said(self.path)
        said.begin(ID, 1)
        said.keep("stdout", "a\ud800b")
        self.assertEqual(self.ring(0)[:3], b"a?b")

    def test_a_file_of_somebody_else_is_not_taken(self):
        self.path.write_bytes(b"precious")
        with self.assertRaises(OSError):
            Said(self.path)
        self.assertEqual(self.path.read_bytes(), b"precious")


if __name__ == "__main__":
    unittest.main()
