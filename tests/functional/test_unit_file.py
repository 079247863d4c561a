# SPDX-License-Identifier: Apache-2.0
"""systemd's own parser reads what is written for it."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from vhost_tempest_plugin.cloud.compute.unit_file import command, unit_file, variable

ODD = "50%h/$HOME/a b&;,#:@=~+/müller/prog"


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd's parser is not installed")
class UnitFileTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.program = self.top / ODD
        self.program.parent.mkdir(parents=True)

    def complaints(self) -> str:
        """What systemd says of a unit with this program, lines about other units left out."""
        file = self.top / "odd.service"
        lines = {
            "Environment": variable("X", str(self.program)),
            "ExecStart": command(str(self.program), "%i", "$HOME"),
        }
        file.write_text(unit_file({"Description": "x"}, lines))
        argv = ["systemd-analyze", "--man=no", "verify", str(file)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return "\n".join(line for line in done.stderr.splitlines() if "odd.service" in line)

    def test_a_program_of_any_name_is_found(self) -> None:
        self.program.write_text("#!/bin/sh\n")
        self.program.chmod(0o755)
        self.assertEqual("", self.complaints())

    def test_its_name_is_read_as_it_was_written(self) -> None:
        self.assertIn(f"Command {self.program} is not executable", self.complaints())


if __name__ == "__main__":
    unittest.main()
