# SPDX-License-Identifier: Apache-2.0
"""Puts a developer's Nova where the services import it from, in front of the environment's.

The package's files are copied, so that a later call takes only what has changed.  The metadata
with the entry points is pip's, from a copy of the files that decide about it.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import source_from_cache
from pathlib import Path

from vhost_tempest_plugin.cloud.compute import importing
from vhost_tempest_plugin.cloud.compute.copies import manifest
from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.lab.environment import installer, requirement
from vhost_tempest_plugin.lab.environment.environment import Environment
from vhost_tempest_plugin.lab.environment.requirement import Unmet
from vhost_tempest_plugin.lab.environment.tree import PACKAGE, Tree
from vhost_tempest_plugin.util import atomic_file, cache, removal
from vhost_tempest_plugin.util.progress import Progress, silent

_NOTES = ".staged"


@dataclass(frozen=True, slots=True)
class Staged:
    """A Nova that can be imported.

    :param path: the directory for ``PYTHONPATH``
    :param source: the working tree that it came from
    :param manifest: every file by its path from *path*, with a digest of its content
    :param unmet: what it requires and the environment does not have
    """

    path: Path
    source: Path
    manifest: Mapping[str, str]
    unmet: tuple[Unmet, ...]


@dataclass(slots=True)
class _Notes:
    """What is in the target, so far as it was completed.

    :param description: a digest of what the metadata was made from
    :param files: size in bytes and time in ns of each of the tree's files when it was taken
    """

    environment: str = ""
    description: str = ""
    files: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, target: Path, environment: Environment) -> "_Notes":
        """Those of *target*; none where it was made for another environment."""
        try:
            notes = cls(**json.loads((target / _NOTES).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            notes = cls()
        return notes if notes.environment == environment.digest else cls(environment.digest)

    def write(self, target: Path) -> None:
        notes = {name: getattr(self, name) for name in self.__dataclass_fields__}
        atomic_file.write(target / _NOTES, json.dumps(notes))


def stage(
    source: Path, environment: Environment, target: Path, progress: Progress = silent
) -> Staged:
    """Make the directory *target* hold the Nova of the working tree *source*.

    :raises InputError: *source* is no Nova, cannot be installed or does not compile
    :raises LocalError: it cannot be copied
    """
    tree = Tree.at(source)
    try:
        target.mkdir(parents=True, exist_ok=True)
        notes = _Notes.read(target, environment)
        if notes.description != (description := _description(tree)):
            progress(f"nova: installing the metadata of {tree.path}")
            _describe(tree, environment, target)
            notes.description = description
            notes.write(target)
        if changed := _copy(tree, target, notes):
            progress(f"nova: {len(changed)} changed files of {tree.path}")
            importing.compile_files(changed, environment.path, target, tree.path)
        notes.write(target)
        files = manifest(target)
    except OSError as error:
        raise LocalError(
            f"cannot copy {tree.path} to {target}: {error}",
            hint="see to the permissions and the space",
        ) from error
    unmet = requirement.unmet(target, PACKAGE, environment.packages)
    if unmet:
        progress(f"nova: {tree.path} requires {requirement.listing(unmet)}")
    return Staged(target, tree.path, files, unmet)


def verify(staged: Staged, environment: Environment) -> None:
    """Import what the services import.

    :raises InputError: it does not import; with the last line of the traceback
    """
    try:
        importing.import_nova(environment.path, staged.path, staged.source)
    except InputError as error:
        if staged.unmet:
            wanted = requirement.listing(staged.unmet)
            raise InputError(f"{error.fact}, and it requires {wanted}", hint=error.hint) from error
        raise


def _description(tree: Tree) -> str:
    """A digest of what decides about the metadata."""
    files = tree.description()
    return cache.digest(*(part for name in files for part in (name, files[name].read_bytes())))


def _describe(tree: Tree, environment: Environment, target: Path) -> None:
    """Install the metadata, scripts and data files of *tree*; its package is a stub here."""
    with tempfile.TemporaryDirectory(prefix=".describing-", dir=target) as scratch:
        copy, made = Path(scratch, "source"), Path(scratch, "made")
        for name, file in tree.description().items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy / name)
        options = ("--no-deps", "--no-index", "--no-build-isolation", "--use-pep517")
        try:
            installer.install(
                environment.path,
                [*options, "--target", made, copy],
                log=Path(scratch, "log"),
                what=f"the Nova of {tree.path}",
                variables={"PBR_VERSION": tree.version(environment.release.pins()[PACKAGE])},
            )
        except LocalError as error:
            raise InputError(error.fact, hint=error.hint) from error
        for old in (*target.glob("*.dist-info"), target / "bin", target / "etc"):
            removal.remove(old)
        for new in made.iterdir():
            if new.name != PACKAGE:
                new.rename(target / new.name)


def _copy(tree: Tree, target: Path, notes: _Notes) -> list[Path]:
    """Make the package in *target* that of *tree*; the copies that are new or changed."""
    wanted = tree.files()
    for file in _files(target / PACKAGE):
        owner = Path(source_from_cache(file)) if file.suffix == ".pyc" else file
        if str(owner.relative_to(target)) not in wanted:
            file.unlink()
            _prune(file.parent)
    taken, changed = {}, []
    for name, file in wanted.items():
        status = file.stat()
        taken[name] = [status.st_size, status.st_mtime_ns]
        copy = target / name
        if taken[name] != notes.files.get(name) or not copy.exists():
            changed.append(copy)
            # Until it has compiled: a file that is put back with its old time is taken again.
            notes.files.pop(name, None)
    notes.write(target)
    for copy in changed:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(wanted[str(copy.relative_to(target))], copy)
    notes.files = taken
    return changed


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _prune(directory: Path) -> None:
    """Remove a directory that has become empty, and those around it: one would still import."""
    while not any(directory.iterdir()):
        directory.rmdir()
        directory = directory.parent
