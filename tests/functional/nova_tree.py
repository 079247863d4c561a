# SPDX-License-Identifier: Apache-2.0
"""A working tree of Nova made from an installed one, for want of a repository."""

import shutil
from importlib import metadata
from pathlib import Path

from vhost_tempest_plugin.lab.environment import Environment

_PYPROJECT = '[build-system]\nrequires = ["pbr>=6.1.1"]\nbuild-backend = "pbr.build"\n'
_SETUP = """\
[metadata]
name = nova

[files]
packages =
    nova
data_files =
    etc/nova =
        etc/nova/api-paste.ini

[entry_points]
"""


def make(environment: Environment, path: Path) -> None:
    """Make the directory *path* a tree of the Nova in *environment*."""
    shutil.copytree(
        environment.packages / "nova",
        path / "nova",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copytree(environment.path / "etc/nova", path / "etc/nova")
    (nova,) = metadata.distributions(name="nova", path=[str(environment.packages)])
    groups: dict[str, list[str]] = {}
    for point in nova.entry_points:
        groups.setdefault(point.group, []).append(f"    {point.name} = {point.value}\n")
    points = "".join(f"{group} =\n{''.join(lines)}\n" for group, lines in groups.items())
    (path / "setup.cfg").write_text(_SETUP + points)
    (path / "setup.py").write_text("import setuptools\nsetuptools.setup(pbr=True)\n")
    (path / "pyproject.toml").write_text(_PYPROJECT)
    plain = [line for line in nova.requires or () if "extra ==" not in line]
    (path / "requirements.txt").write_text("\n".join(plain) + "\n")
