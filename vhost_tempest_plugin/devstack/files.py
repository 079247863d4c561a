# SPDX-License-Identifier: Apache-2.0
"""devstack's own configuration files, and what is added to them.

They are changed here and not by devstack's ``iniset``, which has a value on the command lines
of the programs that it runs.
"""

import os
import stat
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import ini, stack
from vhost_tempest_plugin.cloud.configuration.settings import Options
from vhost_tempest_plugin.devstack.spec import DevstackSpec
from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.topology import catalog


def read(file: Path) -> Options:
    """The options of a file that devstack has written.

    :raises InputError: it is not there, or is no such file
    """
    return ini.parse(text(file), str(file))


def database_url(file: Path) -> str | None:
    """The URL of the cell's database by the file of the cell's conductor, as it is meant."""
    url = ini.last(read(file), "connection", "database")
    return None if url is None else url.replace("$$", "$")


def configure_nova(spec: DevstackSpec) -> None:
    """Add what Nova's services need for the hosts: aliases, filters, discovery of hosts.

    :raises InputError: devstack has not written the file
    :raises LocalError: it cannot be written
    """
    layout = catalog.find(spec.topology)
    base = read(spec.nova_conf)
    edit(
        spec.nova_conf,
        stack.control_plane(base, [layout], pci_in_placement=spec.pci_in_placement),
    )


def edit(file: Path, options: Options) -> None:
    """Put *options* into a file that devstack has written.

    :raises InputError: it is not there
    :raises LocalError: it cannot be written
    """
    write(file, ini.edited(text(file), options, str(file)))


def write(file: Path, content: str) -> None:
    """Give a file that devstack has written another text, whole or not at all.

    It stays whose it is, and where it is if there is a link to it.

    :raises InputError: it is not there
    :raises LocalError: it cannot be written
    """
    place = file.resolve()
    partial = place.with_name(f".{place.name}.partial")
    try:
        kept = place.stat()
    except OSError as error:
        raise _unreadable(file, error) from None
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(content)
            out.flush()
            made = os.fstat(out.fileno())
            if (made.st_uid, made.st_gid) != (kept.st_uid, kept.st_gid):
                os.fchown(out.fileno(), kept.st_uid, kept.st_gid)
            os.fchmod(out.fileno(), stat.S_IMODE(kept.st_mode))
            os.fsync(out.fileno())
        partial.replace(place)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise LocalError(
            f"{file} cannot be written: {error.strerror}",
            hint="free some space, or correct the permissions of its directory",
        ) from None


def text(file: Path) -> str:
    """What is in a file that devstack has written.

    :raises InputError: it is not there
    """
    try:
        return file.read_text()
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError) -> InputError:
    return InputError(
        f"{file} cannot be read: {error.strerror}", hint="stack.sh writes it, run it first"
    )
