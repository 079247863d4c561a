# SPDX-License-Identifier: Apache-2.0
"""The networks that there are: a file each, which root writes and everybody reads.

Nobody believes a record that others could have written: root opens the libvirt that it names, and
removes the devices.  There is no lock on what everybody reads, since whoever can read a file can
lock it and keep others waiting.
"""

import contextlib
import shlex
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
from vhost_tempest_plugin.util import account, atomic_file, json_record, paths, trust
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
    """Those that there are, damaged ones included.

    :raises LocalError: this user may not know
    """
    base = paths.networks()
    try:
        return sorted(path.stem for path in base.iterdir() if path.suffix == ".json")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(error) from None


def exists(name: str) -> bool:
    """Whether there is a record of a network.

    :raises LocalError: this user may not know
    """
    file = _file(name)
    try:
        file.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unreadable(error) from None
    return True


def read(name: str) -> NatNetwork:
    """A network.

    :raises InputError: there is none of this name
    :raises HostError: its record is damaged
    :raises LocalError: others could have written it, or this user may not read it
    """
    file = _file(name)
    try:
        with file.open(encoding="utf-8") as opened:
            _require_trust(file)
            return load(opened.read())
    except FileNotFoundError:
        create = VhostCommand("network", "create", name, owner=account.name())
        raise InputError(
            f"there is no network {name!r}", hint=f"{create.as_root} makes it"
        ) from None
    except PermissionError as error:
        raise _unreadable(error) from None
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
    :raises LocalError: this user may not, or others can write there
    """
    base = paths.networks()
    try:
        for directory in (base.parent, base):
            _make(directory)
        _require_trust(base)
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


def _file(name: str) -> Path:
    nat.validate_name(name)
    return paths.networks() / f"{name}.json"


def _make(directory: Path) -> None:
    """Have a directory that everybody reads and only root writes, whatever the umask is."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o755, parents=True)
        directory.chmod(0o755)


def _require_trust(path: Path) -> None:
    """Check that only root can have written something of the registry.

    :raises LocalError: others can
    """
    run = paths.networks().parent
    trust.require(path, f"run 'sudo rm -r {shlex.quote(str(run))}', and create the networks anew")


def _unreadable(error: OSError) -> LocalError:
    """Modes that keep a user out are no reason to destroy anything."""
    base = paths.networks()
    places = shlex.join(map(str, (base.parent, base)))
    return LocalError(
        f"the records of the machine's networks cannot be read: {error.strerror} "
        f"({error.filename})",
        hint=(
            f"run 'sudo chmod 755 {places}'"
            if isinstance(error, PermissionError)
            else f"see 'ls -ld {places}'"
        ),
    )
