# SPDX-License-Identifier: Apache-2.0
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vhost_tempest_plugin.util.cpio import Entry, archive

NAMES = st.lists(st.text("abcdef", min_size=1, max_size=5), min_size=1, max_size=4).map("/".join)


def unpack(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Modes and contents by path, read by the format's definition."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while at < len(data):
        assert data[at : at + 6] == b"070701", f"no header at {at}"
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110 : at + 110 + fields[11] - 1].decode()
        body = at + 110 + fields[11] + -(110 + fields[11]) % 4
        if name != "TRAILER!!!":
            found[name] = (fields[1], data[body : body + fields[6]])
        at = body + fields[6] + -fields[6] % 4
    return found


class CpioTest(unittest.TestCase):
    @given(st.dictionaries(NAMES, st.binary(max_size=9), max_size=5))
    def test_reads_back(self, files: dict[str, bytes]) -> None:
        paths = [p for p in files if not any(q.startswith(p + "/") for q in files)]
        found = unpack(archive(Entry(p, files[p], 0o640) for p in paths))
        self.assertEqual(
            {p: (0o100640, files[p]) for p in paths},
            {p: entry for p, entry in found.items() if entry[0] & 0o100000},
        )

    def test_parents_come_before_their_files(self) -> None:
        found = list(unpack(archive([Entry("a/b/c", b"x")])))
        self.assertEqual(["a", "a/b", "a/b/c"], found)

    def test_two_archives_are_one(self) -> None:
        found = unpack(archive([Entry("a", b"1")]) + archive([Entry("b", b"2")]))
        self.assertEqual({"a", "b"}, set(found))

    @unittest.skipUnless(shutil.which("cpio"), "cpio is not installed")
    def test_cpio_reads_it(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            data = archive([Entry("d/x", b"content", 0o600), Entry("e")])
            subprocess.run(["cpio", "-id", "--quiet"], input=data, cwd=directory, check=True)
            path = Path(directory) / "d/x"
            self.assertEqual(b"content", path.read_bytes())
            self.assertEqual(0o600, path.stat().st_mode & 0o777)
            self.assertTrue((Path(directory) / "e").is_dir())
