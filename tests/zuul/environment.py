# SPDX-License-Identifier: Apache-2.0
"""The virtual environment with Zuul, ansible-core and ansible-lint, made once and kept.

It is in the cache beside the project's own images, and has nothing of this project in it.
"""

import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

from vhost_tempest_plugin import cache as kept
from vhost_tempest_plugin import progress

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
CONSTRAINTS = HERE / "constraints.txt"


def _make(directory: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    command = [directory / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    words = [*command, "-c", CONSTRAINTS, "-r", REQUIREMENTS]
    # Under tox there are the project's own constraints, which are others.
    environment = {key: value for key, value in os.environ.items() if key != "PIP_CONSTRAINT"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise AssertionError(f"pip install failed: {done.stderr}")


@cache
def directory() -> Path:
    """Where it is; made if there is none, with more than a hundred packages from the index."""
    facts = (platform.python_version(), sys.base_prefix)
    digest = kept.digest(*facts, CONSTRAINTS.read_bytes(), REQUIREMENTS.read_bytes())
    return kept.obtain("zuul", digest, _make, progress.Lines(), in_place=True)


def program(name: str) -> Path:
    """One of its programs."""
    return directory() / "bin" / name


def packages() -> Path:
    """Where its packages are."""
    (found,) = directory().glob("lib/python*/site-packages")
    return found
