# SPDX-License-Identifier: Apache-2.0
"""What a host says on its console is bounded, and read once."""

import tempfile
import unittest
from pathlib import Path

from supervisor import events

from vhost_tempest_plugin.host import console_log
from vhost_tempest_plugin.host.console import Stage
from vhost_tempest_plugin.lab.services import supervisor_plugin

_LINE = b"a line of the console\n"


class ConsoleLogTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory())) / "demo-0"
        directory.mkdir()
        self.log = directory / "console.log"

    def flood(self, size_bytes: int = console_log.LIMIT_BYTES + 1) -> None:
        with self.log.open("ab") as file:
            file.write(_LINE * (size_bytes // len(_LINE) + 1))

    def test_it_is_cut_while_it_is_written(self) -> None:
        with self.log.open("ab", buffering=0) as qemu:
            self.flood()
            qemu.write(b"last before\n")
            console_log.cut(self.log)
            qemu.write(b"first after\n")
            lines = self.log.read_bytes().splitlines()
            self.assertRegex(lines[0], rb"^\[\d+ bytes before this were cut\]$")
            self.assertEqual(_LINE.strip(), lines[1])
            self.assertEqual([b"last before", b"first after"], lines[-2:])
            self.assertLessEqual(self.log.stat().st_size, console_log.KEPT_BYTES + 100)

    def test_what_is_short_or_absent_is_left_alone(self) -> None:
        console_log.cut(self.log)
        self.assertFalse(self.log.exists())
        self.log.write_bytes(_LINE)
        console_log.cut(self.log)
        self.assertEqual(_LINE, self.log.read_bytes())

    def test_the_stage_of_a_boot_is_read_bit_by_bit(self) -> None:
        reader = console_log.StageReader(self.log)
        self.assertEqual(Stage.FIRMWARE, reader.read())
        with self.log.open("ab", buffering=0) as qemu:
            qemu.write(b"Linux ver")
            self.assertEqual(Stage.FIRMWARE, reader.read())
            qemu.write(b"sion 6.1\n")
            self.assertEqual(Stage.KERNEL, reader.read())
            self.assertEqual(Stage.KERNEL, reader.read())
            self.flood()
            self.assertEqual(Stage.KERNEL, reader.read())
            qemu.write(b"Welcome to Debian\n")
            for _ in range(8):
                stage = reader.read()
            self.assertEqual(Stage.USERSPACE, stage)

    def test_it_is_printed_in_pieces_and_followed_through_a_cut(self) -> None:
        self.flood()
        left = iter([True, True, True, False])

        def goes_on() -> bool:
            console_log.cut(self.log)
            return next(left, False)

        text = "".join(console_log.pieces(self.log, goes_on))
        self.assertIn("bytes before this were cut", text)
        self.assertTrue(text.endswith(_LINE.decode()))

    def test_a_lab_s_supervisor_cuts_those_of_its_hosts(self) -> None:
        self.addCleanup(events.clear)
        self.flood()
        supervisor_plugin.make(None, hosts=str(self.log.parents[1]), lab="demo")
        events.notify(events.Tick60Event(0, None))
        self.assertLess(self.log.stat().st_size, console_log.LIMIT_BYTES)
