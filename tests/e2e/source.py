# SPDX-License-Identifier: Apache-2.0
"""A working tree of Nova: the source of a release from the package index."""

import re
import subprocess
from pathlib import Path

from vhost_tempest_plugin.lab.environment import release

MANAGER = "nova/compute/manager.py"


def make(python: Path, directory: Path) -> Path:
    """The tree of the newest release's Nova in *directory*; *python* has pip."""
    version = release.find().pins()["nova"]
    options = ["--no-deps", "--no-binary", "nova", "--dest", directory]
    subprocess.run(
        [python, "-m", "pip", "download", "-q", *options, f"nova=={version}"], check=True
    )
    (archive,) = directory.glob("nova-*.tar.gz")
    subprocess.run(["tar", "xf", archive, "-C", directory], check=True)
    return directory / f"nova-{version}"


def insert(file: Path, after: str, line: str) -> None:
    """Put a line into *file* as the first of the block of the only line that matches *after*."""
    text = file.read_text()
    (found,) = re.finditer(rf"^( *){after}\n", text, re.MULTILINE)
    file.write_text(f"{text[: found.end()]}{found[1]}    {line}\n{text[found.end() :]}")
