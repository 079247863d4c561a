# SPDX-License-Identifier: Apache-2.0
"""The networks that there are: a file each, which root writes and everybody reads."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vhost_tempest_plugin.errors import (
    BusyError,
    HostError,
    InputError,
    LocalError,
    VhostCommand,
    VhostError,
)
from vhost_tempest_plugin.host.network import nat
from vhost_tempest_plugin.host.network.nat import NatNetwork
from vhost_tempest_plugin.util import atomic_file, json_record, paths
from vhost_tempest_plugin.util.file_lock import FileLock

_FORMAT = 1


def dump(network: NatNetwork) -> str:
    """A network as JSON."""
    return json_record.dump(network, _FORMAT)


def load(text: str) -> NatNetwork:
    """Read what ``dump`` wrote.

    :raises ValueError: for anything else, saying what is wrong
    """
    return json_record.load(NatNetwork, text, _FORMAT)


def names() -> list[str]:
    """Those that there are, damaged ones included."""
    return sorted(path.stem for path in paths.networks().glob("*.json"))


def exists(name: str) -> bool:
    """Whether there is anything of a network."""
    return _file(name).exists()


def read(name: str) -> NatNetwork:
    """A network.

    :raises InputError: there is none of this name
    :raises HostError: its record is damaged
    """
    try:
        return load(_file(name).read_text())
    except FileNotFoundError:
        create = VhostCommand("network", "create", name, owner=getpass.getuser())
        raise InputError(
            f"there is no network {name!r}", hint=f"{create.as_root} makes it"
        ) from None
    except (OSError, ValueError) as error:
        raise HostError(
            f"the record of network {name!r} cannot be read ({error})",
            hint=f"run {VhostCommand('network', 'destroy', name).as_root}",
        ) from None


def readable() -> Iterator[NatNetwork]:
    """All networks whose records are in order."""
    for name in names():
        try:
            yield read(name)
        except VhostError:
            continue


def write(network: NatNetwork) -> None:
    """Remember a network; the record is whole or not there.

    :raises LocalError: it cannot be written
    """
    atomic_file.write(_file(network.name), dump(network), mode=0o644)


def forget(name: str) -> None:
    """Remove a record, if there is one."""
    _file(name).unlink(missing_ok=True)


@contextmanager
def changing() -> Iterator[None]:
    """Hold all networks: what is free depends on all of them.

    :raises BusyError: another command does
    :raises InputError: this user may not
    """
    base = paths.networks()
    try:
        base.mkdir(mode=0o755, parents=True, exist_ok=True)
        lock = FileLock.create(base / "lock")
    except OSError as error:
        raise LocalError(
            f"{base} cannot be written: {error.strerror}", hint="run the command as root"
        ) from None
    with lock:
        if not lock.take():
            raise BusyError(
                "another command changes the machine's networks", hint="wait for it or end it"
            )
        yield


@contextmanager
def choosing(network: NatNetwork) -> Iterator[None]:
    """Hold the ports of a network against others who choose one; waits for them."""
    try:
        record = FileLock.on(_file(network.name))
    except OSError:
        raise InputError(
            f"network {network.name!r} is gone", hint=f"see {VhostCommand('network', 'list')}"
        ) from None
    with record:
        record.wait()
        yield


def _file(name: str) -> Path:
    nat.validate_name(name)
    return paths.networks() / f"{name}.json"
