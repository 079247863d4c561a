# SPDX-License-Identifier: Apache-2.0
"""devstack's own configuration files, and what is added to them.

They are changed here and not by devstack's ``iniset``, which has a value on the command lines
of the programs that it runs.
"""

from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import ini, stack
from vhost_tempest_plugin.cloud.configuration.settings import Options
from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.topology.layout import Layout


def read(file: Path) -> Options:
    """The options of a file that devstack has written.

    :raises InputError: it is not there, or is no such file
    """
    return ini.parse(text(file), str(file))


def database_url(file: Path) -> str | None:
    """The URL of the cell's database by the file of the cell's conductor, as it is meant."""
    url = ini.last(read(file), "connection", "database")
    return None if url is None else url.replace("$$", "$")


def configure_nova(file: Path, layout: Layout, *, pci_in_placement: bool) -> None:
    """Add what Nova's services need for hosts like that of *layout*.

    :raises InputError: devstack has not written the file
    :raises LocalError: it cannot be written
    """
    edit(file, stack.control_plane([layout], pci_in_placement=pci_in_placement))


def edit(file: Path, options: Options) -> None:
    """Put *options* into a file that devstack has written.

    :raises InputError: it is not there
    :raises LocalError: it cannot be written
    """
    changed = ini.edited(text(file), options)
    try:
        # In place, so that it stays whose it is.
        file.write_text(changed)
    except OSError as error:
        raise LocalError(f"{file} cannot be written: {error.strerror}") from None


def text(file: Path) -> str:
    """What is in a file that devstack has written.

    :raises InputError: it is not there
    """
    try:
        return file.read_text()
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror}; stack.sh writes it, run it first"
        ) from None
