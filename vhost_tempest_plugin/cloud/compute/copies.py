# SPDX-License-Identifier: Apache-2.0
"""Copies of the machine's source trees in a host, of which only what has changed is sent."""

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.util import cache

_ARCHIVE = "tree.tar"


def manifest(directory: Path) -> dict[str, str]:
    """A digest of each file below *directory*, by its path from there.

    What is hidden at the top is not content: notes of whoever made the directory.
    """
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {
        str(file.relative_to(directory)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.parent != directory or not file.name.startswith(".")
    }


@dataclass(frozen=True, slots=True)
class Tree:
    """Files to import: where they are on the machine, and what is in them.

    :param manifest: a digest of each file, by its path below *directory*
    """

    directory: Path
    manifest: Mapping[str, str]

    @property
    def digest(self) -> str:
        """A name for its content."""
        return cache.digest(*(part for item in sorted(self.manifest.items()) for part in item))


@dataclass(frozen=True, slots=True)
class Copy:
    """A tree in a host.

    :param path: where it is
    :param record: where the host has its manifest
    """

    tree: Tree
    path: PurePosixPath
    record: PurePosixPath

    def bring_up_to_date(self, connection: HostConnection, spool: Path) -> None:
        """Make the host's copy equal to the tree.

        :param spool: a directory of the machine for what is on its way
        :raises HostError: the host does not take it
        """
        said = connection.run(["cat", str(self.record)], check=False).stdout
        there = _recorded(said)
        wanted = self.tree.manifest
        changed = sorted(name for name in wanted if there.get(name) != wanted[name])
        removed = sorted(name for name in there if name not in wanted)
        if not changed and not removed:
            return
        # Should this be interrupted, the next one begins from nothing.
        connection.run(["rm", "-f", str(self.record)])
        if removed:
            connection.run(
                ["xargs", "-0", "rm", "-f"],
                input_text="".join(f"{self.path / name}\0" for name in removed),
            )
        if changed:
            self._unpack(connection, spool, changed)
        connection.put(json.dumps(dict(wanted)), str(self.record))

    def _unpack(self, connection: HostConnection, spool: Path, names: Iterable[str]) -> None:
        archive = spool / _ARCHIVE
        with tarfile.open(archive, "w") as tar:
            for name in names:
                tar.add(self.tree.directory / name, name, recursive=False)
        try:
            connection.run(["mkdir", "-p", str(self.path), str(self.record.parent)])
            connection.send([archive], str(self.record.parent))
        finally:
            archive.unlink()
        packed = self.record.parent / archive.name
        # The files are root's there, whoever has them on the machine.
        connection.run(["tar", "xf", str(packed), "--no-same-owner", "-C", str(self.path)])
        connection.run(["rm", str(packed)])


def digest(copies: Iterable[Copy]) -> str:
    """A name for the content of all; empty for none."""
    found = [part for copy in copies for part in (str(copy.path), copy.tree.digest)]
    return cache.digest(*found) if found else ""


def _recorded(text: str) -> Mapping[str, str]:
    """The names and digests of a host's copy; none of them where the host says something else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
