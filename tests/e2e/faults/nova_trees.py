# SPDX-License-Identifier: Apache-2.0
"""Working trees of Nova that a lab is to be given, all but one of them broken."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e import source

_FILE = "nova/scheduler/manager.py"
# What a file that nova-scheduler imports has instead of its text, and where it is whole.
BROKEN: Mapping[str, str] = {
    "syntax-error": "def broken(:\n",
    "import-error": "import no_such_module\n",
    "import-hangs": "import time\n\ntime.sleep(86400)\n",
    "import-exits": "import os\n\nos._exit(0)\n",
}
WHOLE = "whole"


def make(directory: Path) -> None:
    """Make all of them in *directory*; needs the package index."""
    directory.mkdir()
    scratch = directory / "source"
    scratch.mkdir()
    source.make(Path(sys.executable), scratch).rename(directory / WHOLE)
    shutil.rmtree(scratch)
    for name, text in BROKEN.items():
        shutil.copytree(directory / WHOLE, directory / name, symlinks=True)
        (directory / name / _FILE).write_text(text)
