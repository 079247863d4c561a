# SPDX-License-Identifier: Apache-2.0
"""A lab as it was when it was ready, to start from and to go back to.

It holds the saved hosts, the databases and the contents of glance.  The broker is not in it:
its queues are made anew by who uses them.  It is complete where it exists: it is made beside
its place, flushed to the disk and renamed.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import render
from vhost_tempest_plugin.cloud.configuration.settings import Ports, Settings
from vhost_tempest_plugin.errors import HostError, LocalError, VhostCommand
from vhost_tempest_plugin.host import ownership
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.record import FORMAT, HostRecord
from vhost_tempest_plugin.lab.services import database
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.util import cache, durability, process, removal
from vhost_tempest_plugin.util.die_with_parent import asked_to_end

_NOTES = "snapshot.json"
_RECORD = "record.json"
# What of a host's directory another start makes for itself.
_LEFT_OUT = ("libvirt", "lock", "ssh.socket")
_QEMU = "qemu-system-x86_64"


def digest(settings: Settings, contents: Iterable[str]) -> str:
    """A name for all that a snapshot depends on; with another one it is stale.

    What was set by hand does not count, since it can be set again; neither do ports, which the
    catalogue can follow, nor the Nova under test, of which a host gets what has changed.

    :param contents: digests of what the hosts and images are made of
    """
    anywhere = Ports(*range(len(Ports.__dataclass_fields__)))
    plain = replace(settings, overrides=(), nova_path=None, ports=anywhere)
    texts = [render.text(options) for options in render.options(plain).values()]
    texts += [render.text(render.compute_options(plain, host)) for host in plain.hosts]
    versions = (
        process.run([process.which(_QEMU), "--version"]).stdout,
        process.run([process.which("libvirtd"), "--version"]).stdout,
        database.version(),
    )
    return cache.digest(*texts, *versions, str(FORMAT), *contents)


def is_current(directory: LabDirectory, wanted: str) -> bool:
    """Whether there is a snapshot that *wanted* names, and it is not damaged."""
    if not durability.is_whole(directory.snapshot):
        return False
    try:
        notes = json.loads((directory.snapshot / _NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(notes, dict) and notes.get("digest") == wanted


def is_damaged(directory: LabDirectory) -> bool:
    """Whether there is a snapshot that lacks files, or parts of them."""
    return directory.snapshot.is_dir() and not durability.is_whole(directory.snapshot)


def ports(directory: LabDirectory) -> Ports:
    """The ports of the lab that was kept."""
    return Ports(**json.loads((directory.snapshot / _NOTES).read_text(encoding="utf-8"))["ports"])


def take(directory: LabDirectory, settings: Settings, named: str) -> None:
    """Keep the lab as it is: its hosts are saved, its database does not run.

    :param named: its digest
    :raises LocalError: the disk does not take it
    """
    partial = directory.snapshot.with_name("snapshot.partial")
    removal.remove(partial)
    try:
        partial.mkdir(mode=0o700)
        for host in settings.hosts:
            _keep_host(HostDirectory.of(host.name), partial / "hosts" / host.name)
        _copy(directory.mysql, partial / "mysql")
        _copy(directory.glance, partial / "glance")
        notes = {"digest": named, "ports": asdict(settings.ports)}
        (partial / _NOTES).write_text(json.dumps(notes), encoding="utf-8")
        durability.seal(partial)
        removal.remove(directory.snapshot)
        durability.rename(partial, directory.snapshot)
    except OSError as error:
        raise LocalError(
            f"cannot keep the lab in {directory.snapshot}: {error}", hint="free some space"
        ) from None
    finally:
        removal.remove(partial)


def put_back(directory: LabDirectory) -> None:
    """Make the databases and glance's contents what they were; neither is in use.

    :raises LocalError: the disk does not take it
    """
    try:
        for name in ("mysql", "glance"):
            removal.remove(directory.path / name)
            _copy(directory.snapshot / name, directory.path / name)
    except OSError as error:
        raise LocalError(
            f"cannot go back to {directory.snapshot}: {error}", hint="free some space"
        ) from None


def put_back_host(directory: LabDirectory, name: str) -> None:
    """Make a host that does not exist the saved one that it was.

    :raises InputError: another has made a host of this name meanwhile
    :raises HostError: its record is damaged, or of another version of this program
    :raises LocalError: the disk does not take it
    """
    kept = directory.snapshot / "hosts" / name
    host = HostDirectory.of(name)
    with host.locked(create=True):
        ownership.require(name, directory.owner)
        try:
            for entry in sorted(kept.iterdir()):
                if entry.name != _RECORD:
                    _take(entry, host.path / entry.name)
        except OSError as error:
            raise LocalError(
                f"cannot bring {name!r} back: {error}", hint="free some space"
            ) from None
        try:
            record = HostRecord.load((kept / _RECORD).read_text(encoding="utf-8"))
        except ValueError as error:
            raise HostError(
                f"the record of {name!r} in {directory.snapshot} cannot be read ({error})",
                hint=f"{VhostCommand('lab', 'up', cold=True, name=directory.name)} makes it anew",
            ) from None
        # Last, since with a record the host is there.
        host.write(record)


def forget(directory: LabDirectory) -> None:
    """Remove it.

    :raises LocalError: it cannot be removed
    """
    removal.remove(directory.snapshot)


def sizes_mib(directory: LabDirectory) -> Mapping[str, int]:
    """What its parts take on the disk."""
    return {
        part.name: sum(path.stat().st_blocks * 512 for path in part.rglob("*") if path.is_file())
        >> 20
        for part in directory.snapshot.iterdir()
        if part.is_dir()
    }


def _keep_host(host: HostDirectory, place: Path) -> None:
    place.mkdir(parents=True)
    for entry in sorted(host.path.iterdir()):
        if entry.name not in _LEFT_OUT:
            _take(entry, place / entry.name)


def _take(source: Path, target: Path) -> None:
    """Copy a file of a host; the saved memory, which nobody writes to, has two names then."""
    if source.name == HostDirectory(source.parent).saved.name:
        os.link(source, target)
    else:
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    """Copy, sharing blocks where the file system can, and leaving holes."""
    process.run(
        asked_to_end(["cp", "--archive", "--reflink=auto", "--sparse=auto", "-T", source, target])
    )
