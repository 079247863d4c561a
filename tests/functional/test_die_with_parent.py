# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import unittest

from vhost_tempest_plugin.util.die_with_parent import killed_with_parent

PROGRAM = """
import subprocess
from vhost_tempest_plugin.util.die_with_parent import killed_with_parent
subprocess.run(killed_with_parent(["sh", "-c", "sh -c 'echo started; sleep 300' & sleep 300"]))
"""


class DieWithParentTest(unittest.TestCase):
    def test_it_runs(self) -> None:
        argv = killed_with_parent(["sh", "-c", "echo said; exit 7"])
        done = subprocess.run(argv, capture_output=True, check=False)
        self.assertEqual((7, b"said\n"), (done.returncode, done.stdout))

    def test_all_of_it_is_killed_with_its_parent(self) -> None:
        program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
        assert program.stdout is not None
        self.assertEqual(b"started\n", program.stdout.readline())
        program.kill()
        # Ends when nobody has the output open any more.
        self.assertEqual((b"", None), program.communicate(timeout=30))
