# SPDX-License-Identifier: Apache-2.0
"""A copy of a lab's Nova that mutants are made of; the Nova itself is never touched.

The copy is the lab's Nova under test while there are mutants.  What that was before is written
down first, so that a lab whose mutation check was killed can be given it back.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from vhost_tempest_plugin.errors import HostError, LocalError, VhostCommand
from vhost_tempest_plugin.lab.environment.environment import Environment
from vhost_tempest_plugin.lab.environment.tree import PACKAGE, Tree
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabRecord
from vhost_tempest_plugin.mutation import NovaMutant, mutated
from vhost_tempest_plugin.util import atomic_file, removal

_NOTE = "before.json"
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


def directory(lab: LabDirectory) -> Path:
    """Where a lab has its copy."""
    return lab.path / "mutants"


def tree(lab: LabDirectory) -> Path:
    """The copy, which looks like a working tree of Nova."""
    return directory(lab) / "tree"


def is_mutated(lab: LabDirectory, record: LabRecord) -> bool:
    """Whether a lab runs from its copy."""
    return record.nova == tree(lab)


def before(lab: LabDirectory, record: LabRecord) -> Path | None:
    """The Nova under test that a lab had, or has where it does not run from a copy.

    :raises HostError: that was not written down
    """
    if not is_mutated(lab, record):
        return record.nova
    try:
        said = json.loads((directory(lab) / _NOTE).read_text(encoding="utf-8"))["nova"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HostError(
            f"what Nova lab {record.name!r} had is not known any more ({error})",
            hint=f"give it one: {VhostCommand('lab', 'up', name=record.name, release_nova=True)}",
        ) from None
    return None if said is None else Path(said)


def make(lab: LabDirectory, record: LabRecord, environment: Environment) -> Path:
    """Copy a lab's Nova, and write down which it is; the copy.

    :raises LocalError: the disk does not take it
    """
    source, copy = before(lab, record), tree(lab)
    try:
        removal.remove(copy)
        copy.mkdir(parents=True)
        note = json.dumps({"nova": None if source is None else str(source)})
        atomic_file.write(directory(lab) / _NOTE, note, durable=True)
        if source is None:
            copy_installed(environment, copy)
        else:
            _copy_tree(Tree.at(source), copy)
    except OSError as error:
        raise LocalError(f"cannot write {copy}: {error}", hint="free some space") from None
    return copy


@contextmanager
def applied(mutant: NovaMutant, copy: Path) -> Iterator[None]:
    """A copy with a mutant's edits while the block runs.

    :raises InputError: an edit does not fit this Nova
    """
    names = {edit.path for edit in mutant.edits}
    texts = {
        name: (copy / name).read_text(encoding="utf-8") for name in names if (copy / name).is_file()
    }
    changed = mutated(texts, mutant.edits)
    try:
        for name, text in changed.items():
            (copy / name).write_text(text, encoding="utf-8")
        yield
    finally:
        for name in changed:
            (copy / name).write_text(texts[name], encoding="utf-8")


def _copy_tree(source: Tree, copy: Path) -> None:
    for name, file in {**source.files(), **source.description()}.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy / name)


def copy_installed(environment: Environment, copy: Path) -> None:
    """Make a working tree, in the directory *copy*, of an installed Nova."""
    shutil.copytree(
        environment.packages / PACKAGE,
        copy / PACKAGE,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copytree(environment.path / "etc/nova", copy / "etc/nova")
    (nova,) = metadata.distributions(name=PACKAGE, path=[str(environment.packages)])
    groups: dict[str, list[str]] = {}
    for point in nova.entry_points:
        groups.setdefault(point.group, []).append(f"    {point.name} = {point.value}\n")
    points = "".join(f"{group} =\n{''.join(lines)}\n" for group, lines in groups.items())
    (copy / "setup.cfg").write_text(_SETUP + points, encoding="utf-8")
    (copy / "setup.py").write_text(
        "import setuptools\nsetuptools.setup(pbr=True)\n", encoding="utf-8"
    )
    (copy / "pyproject.toml").write_text(_PYPROJECT, encoding="utf-8")
    plain = [line for line in nova.requires or () if "extra ==" not in line]
    (copy / "requirements.txt").write_text("\n".join(plain) + "\n", encoding="utf-8")
