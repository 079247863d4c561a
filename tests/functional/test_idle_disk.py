# SPDX-License-Identifier: Apache-2.0
"""The disk of silent guests, booted by a real QEMU."""

import json
import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

from vhost_tempest_plugin import speed
from vhost_tempest_plugin.scenario import idle_disk

_LIMIT_S = 30.0
# Where a BIOS puts the boot sector, and the jmp behind its hlt.
_HALTED_AT = 0x7C00 + 2


class IdleDiskTest(unittest.TestCase):
    def test_it_halts_its_cpu(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        disk = directory / "disk"
        disk.write_bytes(idle_disk.content())
        argv = [
            "qemu-system-x86_64",
            "-accel",
            "tcg",
            "-m",
            "32",
            "-nodefaults",
            "-display",
            "none",
        ]
        drive = ["-drive", f"file={disk},format=raw,if=virtio", "-qmp", "stdio"]
        qemu = self.enterContext(
            subprocess.Popen(
                [*argv, *drive], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )
        self.addCleanup(qemu.kill)

        def ask(command: str, **arguments: str) -> Any:
            assert qemu.stdin is not None
            assert qemu.stdout is not None
            qemu.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            qemu.stdin.flush()
            while "return" not in (answer := json.loads(qemu.stdout.readline())):
                self.assertNotIn("error", answer)
            return answer["return"]

        ask("qmp_capabilities")
        end_s = time.monotonic() + _LIMIT_S * speed.slowness()
        while True:
            said = ask("human-monitor-command", **{"command-line": "info registers"})
            found = re.search(r"EIP=([0-9a-f]+) .*HLT=1", said)
            if found and int(found[1], 16) == _HALTED_AT:
                break
            self.assertLess(time.monotonic(), end_s, said)
            time.sleep(0.05)
