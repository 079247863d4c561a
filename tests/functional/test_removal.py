# SPDX-License-Identifier: Apache-2.0
"""Directories are removed on the file system that containers have."""

import subprocess
import sys
import unittest

# An overlay whose lower layer, the image of a container, has a directory.
_SCRIPT = """\
set -e
mount -t tmpfs tmpfs /mnt
cd /mnt
mkdir -p lower/cache/entry/part upper work merged
touch lower/cache/entry/part/file
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr overlay merged
"$1" -P -c '
import pathlib
from vhost_tempest_plugin.util import removal
removal.remove(pathlib.Path("/mnt/merged/cache/entry"))'
ls -A merged/cache
"""


class OverlayTest(unittest.TestCase):
    def test_directory_of_a_lower_layer(self) -> None:
        words = ["unshare", "--map-root-user", "--mount", "sh", "-c", _SCRIPT, "sh", sys.executable]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))
