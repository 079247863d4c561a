# SPDX-License-Identifier: Apache-2.0
"""libvirt's real embedded driver in state directories whose names mean something to somebody.

A URI, libvirt's log option and the name of a socket each have marks and limits of their own.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from vhost_tempest_plugin.hypervisor import alias, forget

NAMES = (
    "plain",
    "a space",
    "two  spaces",
    "amp&ersand",
    "hash#tag",
    "per%41cent",
    "spec%h",
    'quo"te',
    "apo'strophe",
    "müller",
    "co:lon",
    "com,ma",
    "semi;colon",
    "$HOME",
    "back\\slash",
    "que?ry=1",
    "tab\tulator",
    "[brackets]",
    "long-" * 40,
    "deep/" * 300 + "end",
)
# Opens the driver in the directory, and asks another process whether it sees that.
OPEN = """
import subprocess, sys
from pathlib import Path
from vhost_tempest_plugin.hypervisor import Connection
asked = (
    "import sys; from pathlib import Path; from vhost_tempest_plugin.hypervisor import embedded;"
    "print('free' if embedded.holder(Path(sys.argv[1])) is None else 'held')"
)
with Connection.open(None, Path(sys.argv[1])):
    subprocess.run([sys.executable, "-c", asked, sys.argv[1]], check=True)
"""


class StatePathsTest(unittest.TestCase):
    def test_the_driver_is_where_it_belongs(self) -> None:
        for name in NAMES:
            with self.subTest(name[:20]), tempfile.TemporaryDirectory() as base:
                root = Path(base) / name / "hosts/article/libvirt"
                self.addCleanup(forget, root)
                argv = [sys.executable, "-c", OPEN, str(root)]
                done = subprocess.run(argv, capture_output=True, text=True, check=False)
                self.assertEqual(("held\n", ""), (done.stdout, done.stderr[-300:]))
                places = {path.parent for path in Path(base).rglob("driver.pid")}
                self.assertEqual({root / "run/qemu"}, places)
                self.assertTrue((root / "libvirt.log").is_file(), "its log is there too")
                self.assertEqual([name.split("/")[0]], [path.name for path in Path(base).iterdir()])

    def test_a_cache_that_cannot_be_written(self) -> None:
        with tempfile.TemporaryDirectory() as base:
            root = Path(base) / "libvirt"
            argv = [sys.executable, "-c", OPEN, str(root)]
            for made in (True, False):
                # What an earlier command linked to the cache is no obstacle.
                environment = {**os.environ, "XDG_CACHE_HOME": base if made else "/proc"}
                done = subprocess.run(
                    argv, env=environment, capture_output=True, text=True, check=False
                )
                self.assertEqual("held\n", done.stdout, done.stderr)
                self.assertEqual(made, (root / "cache").is_symlink())
            self.assertIn("the cache /proc/vhost cannot be written", done.stderr)

    def test_a_full_disk_is_called_so(self) -> None:
        with tempfile.TemporaryDirectory() as base:
            opened = []
            for files in range(3, 60, 3):
                script = f'mount -t tmpfs -o nr_inodes={files} full {shlex.quote(base)}; exec "$@"'
                namespace = ["unshare", "--map-root-user", "--mount", "sh", "-ec", script, "sh"]
                # Root in a namespace only mounts: libvirt would take it for the machine's.
                user = os.geteuid()
                itself = ["unshare", f"--map-user={user}"] if user else []
                argv = [*namespace, *itself, sys.executable, "-c", OPEN, f"{base}/state/libvirt"]
                # Above it is what root has, who is nobody in an ordinary user's namespace.
                environment = {**os.environ, "HOME": base, "XDG_CACHE_HOME": f"{base}/cache"}
                done = subprocess.run(
                    argv, env=environment, capture_output=True, text=True, check=False
                )
                opened.append(done.returncode == 0)
                if not opened[-1]:
                    last = done.stderr.strip().splitlines()[-1]
                    self.assertRegex(last, "LocalError: .*No space left on device.*free s", files)
            self.assertEqual([False, True], sorted(set(opened)))
            self.assertEqual(opened, sorted(opened), "with more room it opens")

    def test_nothing_is_left_elsewhere(self) -> None:
        with tempfile.TemporaryDirectory() as base:
            root = Path(base) / "a space"
            link = alias.obtain(root)
            self.assertTrue(link.is_symlink())
            forget(root)
            self.assertFalse(link.is_symlink())


if __name__ == "__main__":
    unittest.main()
