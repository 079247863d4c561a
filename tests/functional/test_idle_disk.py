# SPDX-License-Identifier: Apache-2.0
"""The disk of silent guests, booted by a real QEMU."""

import json
import re
import subprocess
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.scenario.clients import idle_disk
from vhost_tempest_plugin.util import speed

_LIMIT_S = 30.0
# Where a BIOS puts the boot sector.
_SECTOR_AT = 0x7C00
_QEMU = "qemu-system-x86_64 -accel tcg -m 32 -nodefaults -display none -qmp stdio"


class Booted:
    """A guest, over QEMU's monitor."""

    def __init__(self, qemu: subprocess.Popen[str]) -> None:
        self.qemu = qemu
        self.events: list[dict[str, Any]] = []

    def ask(self, command: str, **arguments: str) -> Any:
        """What the monitor answers."""
        assert self.qemu.stdin is not None
        self.qemu.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.qemu.stdin.flush()
        while "return" not in (said := self._hear()):
            assert "error" not in said, said
        return said["return"]

    def last(self, event: str) -> dict[str, Any]:
        """Wait for an event; its data."""
        while not (found := [each for each in self.events if each["event"] == event]):
            self._hear()
        return dict(found[-1]["data"])

    def _hear(self) -> Any:
        assert self.qemu.stdout is not None
        said = json.loads(self.qemu.stdout.readline())
        if "event" in said:
            self.events.append(said)
        return said


@contextmanager
def booted(machine: str) -> Iterator[Booted]:
    """A guest of the disk that waits, its CPU halted."""
    with tempfile.TemporaryDirectory() as directory:
        disk = Path(directory, "disk")
        disk.write_bytes(idle_disk.content())
        drive = f"file={disk},format=raw,if=virtio"
        argv = [*_QEMU.split(), "-machine", machine, "-drive", drive]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as qemu:
            # What waits for it then hears its end.
            limit = threading.Timer(_LIMIT_S * speed.timeout_scale(), qemu.kill)
            limit.start()
            try:
                guest = Booted(qemu)
                guest.ask("qmp_capabilities")
                _await_halt(guest)
                yield guest
            finally:
                limit.cancel()
                qemu.kill()


def _await_halt(guest: Booted) -> None:
    while True:
        said = guest.ask("human-monitor-command", **{"command-line": "info registers"})
        found = re.search(r"EIP=([0-9a-f]+) .*HLT=1", said)
        if found and int(found[1], 16) == _SECTOR_AT + idle_disk.HALTED_AT:
            return
        time.sleep(0.05)


class IdleDiskTest(unittest.TestCase):
    def test_it_waits_halted_and_switches_itself_off(self) -> None:
        for machine in ("q35", "pc"):
            with self.subTest(machine), booted(machine) as guest:
                guest.ask("system_powerdown")
                event = guest.last("SHUTDOWN")
                self.assertEqual({"guest": True, "reason": "guest-shutdown"}, event)
                self.assertEqual(0, guest.qemu.wait())
