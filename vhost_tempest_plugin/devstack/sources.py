# SPDX-License-Identifier: Apache-2.0
"""devstack's source trees: what of its virtual environment is imported from elsewhere.

``setup_develop`` installs a project with ``pip install -e``, which leaves the code where it is;
the environment's metadata say where (``direct_url.json``, PEP 610).
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from vhost_tempest_plugin.errors import InputError

_LEFT_OUT = frozenset({"__pycache__", "tests"})


@dataclass(frozen=True, order=True, slots=True)
class Source:
    """A project that is installed in place.

    :param name: of the distribution
    :param path: the top of its tree
    """

    name: str
    path: Path

    def files(self) -> Iterator[str]:
        """What it is imported from, by the path from its top: its packages without their tests."""
        for entry in sorted(self.path.iterdir()):
            if entry.is_dir() and (entry / "__init__.py").is_file() and entry.name != "tests":
                yield from _walk(entry, self.path)


def needed(environment: Path, roots: Iterable[str]) -> tuple[Source, ...]:
    """The sources of *roots* and of all that they require, as far as these are installed in place.

    :param environment: the virtual environment
    :param roots: names of distributions
    :raises InputError: one of them is not installed
    """
    known = _distributions(environment)
    reached = _reached(environment, known, roots)
    found = (_source(name, known[name]) for name in reached if name in known)
    return tuple(sorted(source for source in found if source is not None))


def missing_packages(environment: Path, roots: Iterable[str]) -> tuple[str, ...]:
    """What *roots* require, with all that this requires, and the environment has not itself.

    One that was made with ``--system-site-packages``, as devstack's is, is filled up by the
    machine's own packages: pip leaves those alone whose versions are right.

    :raises InputError: one of the roots is not installed
    """
    known = _distributions(environment)
    return tuple(sorted(_reached(environment, known, roots) - known.keys()))


def _reached(
    environment: Path,
    known: Mapping[NormalizedName, metadata.Distribution],
    roots: Iterable[str],
) -> set[NormalizedName]:
    """The names of *roots* and of all that they require."""
    waiting = [canonicalize_name(root) for root in roots]
    for root in waiting:
        if root not in known:
            raise InputError(
                f"{environment} has no {root!r}",
                hint=(
                    "give devstack's virtual environment, and see that stack.sh has installed it"
                ),
            )
    reached: set[NormalizedName] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _required(known[name]) if name in known else ()
    return reached


def packages(environment: Path) -> Path:
    """Where an environment has what is installed in it.

    :raises InputError: it is none
    """
    found = sorted(environment.glob("lib/python3*/site-packages"))
    if not found:
        raise InputError(
            f"{environment} is no virtual environment",
            hint="devstack's is $DATA_DIR/venv, where GLOBAL_VENV is True",
        )
    return found[0]


def _distributions(environment: Path) -> dict[NormalizedName, metadata.Distribution]:
    return {
        canonicalize_name(distribution.name): distribution
        for distribution in metadata.distributions(path=[str(packages(environment))])
    }


def _required(distribution: metadata.Distribution) -> Iterator[NormalizedName]:
    for line in distribution.requires or ():
        try:
            requirement = Requirement(line)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        except (InvalidRequirement, UndefinedEnvironmentName):
            continue
        if wanted:
            yield canonicalize_name(requirement.name)


def _source(name: str, distribution: metadata.Distribution) -> Source | None:
    text = distribution.read_text("direct_url.json")
    if text is None:
        return None
    said = json.loads(text)
    if not said.get("dir_info", {}).get("editable"):
        return None
    return Source(name, Path(unquote(urlsplit(said["url"]).path)))


def _walk(directory: Path, top: Path) -> Iterator[str]:
    for here, names, files in os.walk(directory):
        names[:] = sorted(n for n in names if n not in _LEFT_OUT and n[0] != ".")
        for name in sorted(files):
            if name[0] != "." and not name.endswith(".pyc"):
                yield str((Path(here) / name).relative_to(top))
