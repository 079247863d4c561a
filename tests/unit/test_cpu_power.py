# SPDX-License-Identifier: Apache-2.0
"""CPUs of a host that Nova took offline."""

import tempfile
import unittest
from pathlib import Path

from vhost_tempest_plugin.cloud.compute import cpu_power
from vhost_tempest_plugin.util import process


class SettledTest(unittest.TestCase):
    """The command in a shell, on files in place of the host's."""

    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.configuration = self.place / "nova.conf"
        self.marker = self.place / "marker"
        for number in range(3):
            (self.place / f"cpu/cpu{number}").mkdir(parents=True)
        # The first CPU of most machines cannot be taken offline and has no such file.
        (self.place / "cpu/cpufreq").mkdir()
        self.offline(1)

    def offline(self, *numbers: int) -> None:
        for number in (1, 2):
            text = "0\n" if number in numbers else "1\n"
            (self.place / f"cpu/cpu{number}/online").write_text(text)

    def settle(self, value: str) -> None:
        """Start nova-compute with the option, or without it for the empty value."""
        option = f"cpu_power_management = {value}\n" if value else ""
        self.configuration.write_text(f"[libvirt]\ncpu_mode = none\n{option}virt_type = qemu\n")
        settled = cpu_power.settled(self.configuration, self.marker, self.place / "cpu")
        process.run(["sh", "-eu"], input_text=settled)

    def online(self) -> list[str]:
        return [(self.place / f"cpu/cpu{n}/online").read_text().strip() for n in (1, 2)]

    def test_with_the_option_they_are_novas(self) -> None:
        self.settle("True")
        self.assertEqual(["0", "1"], self.online())
        self.assertTrue(self.marker.exists())

    def test_without_it_they_come_back(self) -> None:
        for value in ("", "false"):
            self.settle("true")
            self.offline(1, 2)
            self.settle(value)
            with self.subTest(value=value):
                self.assertEqual(["1", "1"], self.online())
                self.assertFalse(self.marker.exists())

    def test_what_somebody_else_took_offline_stays_so(self) -> None:
        self.settle("")
        self.assertEqual(["0", "1"], self.online())
