# SPDX-License-Identifier: Apache-2.0
"""That nobody changes, removes or takes the host of another: who owns which."""

from collections.abc import Iterable

from vhost_tempest_plugin.errors import HostError, InputError, VhostCommand
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.owner import USER, HostOwner, OwnerKind, claimants
from vhost_tempest_plugin.util.progress import Progress

_OTHER_NAME = {
    OwnerKind.USER: "give another --name",
    OwnerKind.LAB: "give the lab another --name",
    OwnerKind.DEVSTACK: "set another VHOST_NAME in local.conf",
}


def owner(name: str) -> HostOwner | None:
    """Whose a host is; None where there is none, or nothing was made of it yet.

    One whose record is damaged belongs to the lab or devstack that has its name, else to the user.
    """
    directory = HostDirectory.of(name)
    if not directory.is_recorded:
        return None
    try:
        return directory.read().owner
    except InputError:
        return None
    except HostError:
        return next(iter(claimants(name)), USER)


def hosts_of(wanted: HostOwner, progress: Progress) -> tuple[str, ...]:
    """The hosts that are recorded as those of *wanted*.

    :param progress: gets a line for each that may be, but has a damaged record
    """
    found = []
    for directory in HostDirectory.all():
        try:
            if directory.read().owner == wanted:
                found.append(directory.name)
        except InputError:
            continue
        except HostError as error:
            if directory.is_recorded and wanted in claimants(directory.name):
                destroy = VhostCommand("destroy", directory.name)
                progress(f"{error.fact}, so it stays; {destroy} removes it")
    return tuple(found)


def require(name: str, asking: HostOwner) -> None:
    """Refuse to touch the host of another.

    :raises InputError: it is another's
    """
    found = owner(name)
    if found not in (None, asking):
        raise _taken(name, found, asking)


def require_unclaimed(name: str, asking: HostOwner) -> None:
    """Refuse to make a host whose name is that of a lab's or a devstack's.

    :raises InputError: it is, and *asking* is another
    """
    for claimant in claimants(name):
        if claimant != asking:
            raise InputError(
                f"hosts called {name!r} belong to {claimant.words}",
                hint=f"{_OTHER_NAME[asking.kind]}, or {claimant.removal(name)} first",
            )


def require_names(asking: HostOwner, names: Iterable[str], *, is_new: bool) -> None:
    """Refuse names that another has, for who is about to make hosts of all of them.

    :param is_new: there was nothing of it before, so that no host can be its own
    :raises InputError: a host or a name is another's, or it cannot be known whose a host is
    """
    for name in names:
        require_unclaimed(name, asking)
        directory = HostDirectory.of(name)
        if is_new and directory.is_recorded:
            _require_readable(directory, asking)
        require(name, asking)


def _require_readable(directory: HostDirectory, asking: HostOwner) -> None:
    try:
        directory.read()
    except HostError as error:
        raise InputError(
            f"host {directory.name!r} is there, and it is not known whose it is: {error.fact}",
            hint=f"{_OTHER_NAME[asking.kind]}, or {VhostCommand('destroy', directory.name)} first",
        ) from None


def _taken(name: str, found: HostOwner, asking: HostOwner) -> InputError:
    fact = f"host {name!r} belongs to {found.words}"
    removal = found.removal(name)
    if asking != USER:
        return InputError(fact, hint=f"{_OTHER_NAME[asking.kind]}, or {removal} first")
    return InputError(fact, hint=f"{removal} removes it with {found.words}")
