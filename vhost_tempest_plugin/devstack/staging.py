# SPDX-License-Identifier: Apache-2.0
"""Takes devstack's source trees as they are now: copied, byte-compiled and imported once.

The copy is compiled for the hosts, which would take half a minute for it; what a service of
the machine imports is left alone.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.cloud.compute import importing
from vhost_tempest_plugin.cloud.compute.copies import Copy, Tree, manifest
from vhost_tempest_plugin.devstack.sources import Source
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.util.progress import Progress

_RECORDS = PurePosixPath("/opt/vhost/trees")
_NOVA = "nova"


def take(
    sources: Iterable[Source], environment: Path, target: Path, progress: Progress
) -> tuple[Copy, ...]:
    """Copy what has changed of *sources* below *target*; as the hosts are to have them.

    :raises InputError: Nova does not compile or import; the last line of the traceback is told
    :raises LocalError: the disk does not take it
    """
    python = environment / "bin/python3"
    copies = []
    for source in sources:
        place = target / source.name
        try:
            changed = _copy(source, place)
        except OSError as error:
            raise LocalError(
                f"cannot copy {source.path} to {place}: {error}; free some space, or see to the "
                "permissions"
            ) from None
        if changed:
            progress(f"{source.name}: {len(changed)} changed files of {source.path}")
            importing.compile_files(changed, python, place, source.path)
            if source.name == _NOVA:
                importing.import_nova(python, place, source.path)
        tree = Tree(place, manifest(place))
        path = PurePosixPath(source.path)
        copies.append(Copy(tree, path, _RECORDS / f"{source.name}.json"))
    return tuple(copies)


def _copy(source: Source, place: Path) -> list[Path]:
    """Make *place* hold the source's files; those that are new or changed."""
    place.mkdir(parents=True, exist_ok=True)
    wanted = set(source.files())
    for file in [path for path in place.rglob("*") if path.is_file()]:
        owner = file
        if file.suffix == ".pyc":
            owner = file.parent.parent / f"{file.name.split('.', 1)[0]}.py"
        if str(owner.relative_to(place)) not in wanted:
            file.unlink()
    changed = []
    for name in sorted(wanted):
        original, copy = source.path / name, place / name
        if not _is_same(original, copy):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(original, copy)
            changed.append(copy)
    return changed


def _is_same(original: Path, copy: Path) -> bool:
    try:
        there = copy.stat()
    except FileNotFoundError:
        return False
    here = original.stat()
    return (here.st_size, here.st_mtime_ns) == (there.st_size, there.st_mtime_ns)
