# SPDX-License-Identifier: Apache-2.0
"""The OpenStack releases that a lab can be of.

Each is a file ``releases/<name>.txt`` with constraints for pip: what was really installed
together and run.  https://releases.openstack.org/ explains the names.
"""

import importlib.resources
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import InputError

# What builds the packages that have no wheel, and a Nova of one's own.
TOOLS = ("setuptools", "wheel", "pbr")
BINDINGS = ("libvirt-python",)
PACKAGES = (
    *("nova", "keystone", "glance", "openstack-placement", "neutron"),
    *("gunicorn", "PyMySQL", "python-openstackclient", "osc-placement"),
)

_NAME = re.compile(r"(\d{4})\.([12])")
_PIN = re.compile(r"^([\w.-]+)==([\w.+!]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Release:
    """What of a release is installed from the package index.

    :param name: as '2026.2': the year, and which of its two
    :param constraints: a file with one version for each distribution
    :param tools: distributions that the others are built with
    :param bindings: distributions that are built for this machine's libraries
    :param packages: distributions that are asked for; what they need comes along
    """

    name: str
    constraints: Path
    tools: tuple[str, ...] = TOOLS
    bindings: tuple[str, ...] = BINDINGS
    packages: tuple[str, ...] = PACKAGES

    def pins(self) -> Mapping[str, str]:
        """The version of each distribution, by its name as the constraints spell it."""
        return dict(_PIN.findall(self.constraints.read_text(encoding="utf-8")))


def catalogue(directory: Path | None = None) -> Mapping[str, Release]:
    """The supported releases by name, the newest first.

    :param directory: where the constraints files are, by default this package's
    """
    if directory is None:
        package = importlib.resources.files("vhost_tempest_plugin.lab.environment")
        directory = Path(str(package)) / "releases"
    files = {path.stem: path for path in directory.glob("*.txt") if _NAME.fullmatch(path.stem)}
    return {name: Release(name, files[name]) for name in sorted(files, reverse=True)}


def find(name: str | None = None, directory: Path | None = None) -> Release:
    """The release *name*, by default the newest.

    :raises InputError: it is not supported; with those that are
    """
    known = catalogue(directory)
    wanted = next(iter(known)) if name is None else name
    if wanted not in known:
        raise InputError(
            f"the lab knows no OpenStack release {wanted!r}", hint=f"known are {', '.join(known)}"
        )
    return known[wanted]
