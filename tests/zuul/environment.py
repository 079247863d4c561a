# SPDX-License-Identifier: Apache-2.0
"""The virtual environments with Zuul and what goes with it, made once and kept.

They are in the cache beside the project's own images, and have nothing of this project in them.
"""

import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

from vhost_tempest_plugin.util import cache as kept
from vhost_tempest_plugin.util import progress

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
CONSTRAINTS = HERE / "constraints.txt"
# What an executor runs playbooks with. Of Ansible 11 that is the core alone: jobs of this project
# use no collection. Version 9 goes by the same one, since an executor does not start without.
# zuul_return wants voluptuous.
ANSIBLE = (
    "ansible-core==2.18.*",  # GPL-3.0-or-later
    "google-re2",  # BSD-3-Clause
    "voluptuous",  # BSD-3-Clause
)
ANSIBLE_VERSIONS = ("11", "9")


def _make(directory: Path) -> None:
    _install(directory, "-c", CONSTRAINTS, "-r", REQUIREMENTS)


def _make_ansible(directory: Path) -> None:
    first, *others = ANSIBLE_VERSIONS
    _install(directory / first, *ANSIBLE)
    for name in others:
        (directory / name).symlink_to(first)


def _install(directory: Path, *what: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    pip = directory / "bin" / "pip"
    words = [pip, "install", "--quiet", "--disable-pip-version-check", *what]
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


@cache
def ansible() -> Path:
    """What an executor's ``ansible_root`` is; made if there is none."""
    digest = kept.digest(platform.python_version(), sys.base_prefix, *ANSIBLE, *ANSIBLE_VERSIONS)
    return kept.obtain("zuul-ansible", digest, _make_ansible, progress.Lines(), in_place=True)


def program(name: str) -> Path:
    """One of its programs."""
    return directory() / "bin" / name


def packages() -> Path:
    """Where its packages are."""
    (found,) = directory().glob("lib/python*/site-packages")
    return found
