# SPDX-License-Identifier: Apache-2.0
"""What a distribution requires and an environment does not have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True, order=True, slots=True)
class Unmet:
    """A requirement, and the version that is there in its stead, None where there is none."""

    requirement: str
    version: str | None

    def __str__(self) -> str:
        return f"{self.requirement} (has {self.version or 'none'})"


def unmet(directory: Path, name: str, packages: Path) -> tuple[Unmet, ...]:
    """What the distribution *name* in *directory* requires and *packages* does not have."""
    versions = {
        str(canonicalize_name(found.name)): found.version
        for found in metadata.distributions(path=[str(packages)])
    }
    found = metadata.distributions(name=name, path=[str(directory)])
    python = packages.parent.name.removeprefix("python")
    return tuple(
        sorted(compare((text for one in found for text in one.requires or ()), versions, python))
    )


def compare(
    requirements: Iterable[str], versions: Mapping[str, str], python: str
) -> Iterable[Unmet]:
    """Those of *requirements* that *versions* do not meet.

    :param versions: by canonical name
    :param python: the version, as '3.11', that the markers ask for
    """
    for text in requirements:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            yield Unmet(text, None)
            continue
        about = {"python_version": python, "extra": ""}
        if wanted.marker is not None and not wanted.marker.evaluate(about):
            continue
        version = versions.get(canonicalize_name(wanted.name))
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            yield Unmet(f"{wanted.name}{wanted.specifier}", version)


def listing(missing: Iterable[Unmet]) -> str:
    """Unmet requirements in words."""
    return ", ".join(map(str, missing))
