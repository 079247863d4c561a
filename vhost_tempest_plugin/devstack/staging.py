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

    A tree that was refused is refused again until it is mended: what was copied stays marked
    until it has been compiled and Nova has been imported with it.

    :raises InputError: Nova does not compile or import; with the last line of the traceback
    :raises LocalError: the disk does not take it
    """
    taken = tuple(sources)
    marks = []
    for source in taken:
        place, mark = target / source.name, target / f".{source.name}.unchecked"
        try:
            changed = _copy(source, place, mark)
        except OSError as error:
            raise LocalError(
                f"cannot copy {source.path} to {place}: {error}",
                hint="free some space, or see to the permissions",
            ) from None
        if changed:
            progress(f"{source.name}: {len(changed)} changed files of {source.path}")
        if mark.exists():
            importing.compile_files(sorted(place.rglob("*.py")), environment, place, source.path)
            marks.append(mark)
    if marks:
        for source in taken:
            if source.name == _NOVA:
                importing.import_nova(environment, target / source.name, source.path)
        for mark in marks:
            mark.unlink()
    return tuple(_as_host_has(source, target / source.name) for source in taken)


def _as_host_has(source: Source, place: Path) -> Copy:
    record = _RECORDS / f"{source.name}.json"
    return Copy(Tree(place, manifest(place)), PurePosixPath(source.path), record)


def _copy(source: Source, place: Path, mark: Path) -> list[Path]:
    """Make *place* hold the source's files; those that are new or changed.

    :param mark: a file that is made before anything changes
    """
    place.mkdir(parents=True, exist_ok=True)
    wanted = set(source.files())
    stale = []
    for file in [path for path in place.rglob("*") if path.is_file()]:
        owner = file
        if file.suffix == ".pyc":
            owner = file.parent.parent / f"{file.name.split('.', 1)[0]}.py"
        if str(owner.relative_to(place)) not in wanted:
            stale.append(file)
    changed = [name for name in sorted(wanted) if not _is_same(source.path / name, place / name)]
    if stale or changed:
        mark.touch()
    for file in stale:
        file.unlink()
    for name in changed:
        copy = place / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source.path / name, copy)
    return [place / name for name in changed]


def _is_same(original: Path, copy: Path) -> bool:
    try:
        there = copy.stat()
    except FileNotFoundError:
        return False
    here = original.stat()
    return (here.st_size, here.st_mtime_ns) == (there.st_size, there.st_mtime_ns)
