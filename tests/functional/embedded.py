# SPDX-License-Identifier: Apache-2.0
"""Where the tests of one process have libvirt's embedded driver, which opens in one place only."""

import tempfile
from pathlib import Path

_directory = tempfile.TemporaryDirectory(prefix="vhost-functional-")
ROOT = Path(_directory.name) / "libvirt"
