# SPDX-License-Identifier: Apache-2.0
"""devstack's own configuration files, and what is added to them.

They are changed here and not by devstack's ``iniset``, which has a value on the command lines
of the programs that it runs.
"""

import stat
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import ini, stack
from vhost_tempest_plugin.cloud.configuration.settings import Options
from vhost_tempest_plugin.devstack.spec import DevstackSpec
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import atomic_file


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


def edit(file: Path, options: Options, *, secret: bool = False) -> None:
    """Put *options* into a file that devstack has written.

    :param secret: only its owner may read it from then on
    :raises InputError: it is not there
    :raises LocalError: it cannot be written
    """
    write(file, ini.edited(text(file), options, str(file)), secret=secret)


def write(file: Path, content: str, *, secret: bool = False) -> None:
    """Give a file that devstack has written another text, whole or not at all.

    It stays whose it is, and where it is if there is a link to it.

    :param secret: only its owner may read it from then on; else its mode stays
    :raises InputError: it is not there
    :raises LocalError: it cannot be written
    """
    place = file.resolve()
    try:
        kept = place.stat()
    except OSError as error:
        raise _unreadable(file, error) from None
    atomic_file.write(
        place,
        content,
        mode=atomic_file.PRIVATE if secret else stat.S_IMODE(kept.st_mode),
        owner=(kept.st_uid, kept.st_gid),
        durable=True,
    )


def text(file: Path) -> str:
    """What is in a file that devstack has written.

    :raises InputError: it is not there
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError) -> InputError:
    return InputError(
        f"{file} cannot be read: {error.strerror}", hint="stack.sh writes it, run it first"
    )
