# SPDX-License-Identifier: Apache-2.0
"""A developer's working tree of Nova; nothing is ever written into it."""

import configparser
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError, InputError
from vhost_tempest_plugin.util import paths, process

PACKAGE = "nova"

# What decides about a distribution's metadata: entry points, requirements, data files.
_DESCRIPTION = (
    *("pyproject.toml", "setup.cfg", "setup.py", "*requirements*.txt", "README*", "LICENSE*"),
    *("etc/**/*", f"{PACKAGE}/__init__.py"),
)
_TAG = "[0-9]*.[0-9]*.[0-9]*"


@dataclass(frozen=True, slots=True)
class Tree:
    """The directory *path* has a ``nova`` package and says that it is Nova."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "Tree":
        """The tree in the directory *path*.

        :raises InputError: it is none
        """
        path = paths.absolute(path)
        if not path.is_dir():
            raise InputError(
                f"there is no directory {str(path)!r}", hint="give Nova's working tree"
            )
        if not (path / PACKAGE / "__init__.py").is_file():
            raise InputError(
                f"{str(path)!r} has no package {PACKAGE!r}",
                hint="give the top of Nova's working tree",
            )
        if (name := _name(path)) != PACKAGE:
            raise InputError(
                f"{str(path)!r} is {'no distribution' if name is None else repr(name)} by its"
                f" pyproject.toml and setup.cfg, not {PACKAGE!r}",
                hint="give Nova's working tree",
            )
        return cls(path)

    def files(self) -> Mapping[str, Path]:
        """The files that Nova runs from, by their path from the top: no tests, nothing hidden."""
        return {str(file.relative_to(self.path)): file for file in self._walk()}

    def description(self) -> Mapping[str, Path]:
        """The files that decide about the metadata, by their path from the top."""
        return {
            str(file.relative_to(self.path)): file
            for pattern in _DESCRIPTION
            for file in sorted(self.path.glob(pattern))
            if file.is_file()
        }

    def version(self, otherwise: str) -> str:
        """The version to install as: of the last tag before, or *otherwise*, marked as local."""
        # The tree may be another user's than this process's, as root's is.
        owned = ("-c", f"safe.directory={self.path}")
        argv = ("git", *owned, "-C", self.path, "describe", "--tags", "--abbrev=0", "--match", _TAG)
        try:
            tag = process.run(argv, environment={"GIT_OPTIONAL_LOCKS": "0"}).stdout.strip()
        except CommandError:
            tag = ""
        return f"{tag or otherwise}+tree"

    def _walk(self) -> Iterator[Path]:
        for directory, names, files in os.walk(self.path / PACKAGE):
            here = Path(directory)
            top = here == self.path / PACKAGE
            names[:] = sorted(
                name
                for name in names
                if name != "__pycache__" and name[0] != "." and not (top and name == "tests")
            )
            for name in sorted(files):
                if name[0] != "." and not name.endswith(".pyc"):
                    yield here / name


def _name(path: Path) -> str | None:
    """What the distribution in a directory is called, by pyproject.toml else setup.cfg."""
    try:
        project = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8")).get(
            "project", {}
        )
    except FileNotFoundError:
        project = {}
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read {path / 'pyproject.toml'}: {error}", hint="correct it"
        ) from error
    if isinstance(name := project.get("name"), str):
        return name
    setup = configparser.RawConfigParser(strict=False)
    try:
        setup.read(path / "setup.cfg")
    except (OSError, ValueError, configparser.Error) as error:
        said = str(error).splitlines()[0]
        raise InputError(f"cannot read {path / 'setup.cfg'}: {said}", hint="correct it") from error
    return setup.get("metadata", "name", fallback=None)
