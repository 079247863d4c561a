# SPDX-License-Identifier: Apache-2.0
"""How commands and tests get at a devstack: to change it, or to look at it.

What a test has left that was killed is put back first.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vhost_tempest_plugin.devstack import overrides
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.devstack.stack import Stack
from vhost_tempest_plugin.errors import BusyError
from vhost_tempest_plugin.util.progress import Progress, silent


@contextmanager
def held(name: str, progress: Progress, wait_s: float) -> Iterator[Stack]:
    """A devstack that nobody else changes while the block runs.

    :param wait_s: how long to wait for another command
    :raises InputError: there is no such devstack
    :raises BusyError: another command holds it all that time
    """
    directory = StackDirectory.of(name)
    with directory.locked(wait_s=wait_s, progress=progress):
        overrides.recover(directory, progress)
        yield Stack.of(directory, directory.read(), progress)


def read(name: str, progress: Progress) -> Stack:
    """A devstack for who only looks at it.

    :raises InputError: there is no such devstack
    """
    directory = StackDirectory.of(name).existing()
    if any(directory.journal.glob("*.lock")):
        with suppress(BusyError), directory.locked():
            overrides.recover(directory, progress)
    return Stack.of(directory, directory.read(), silent)
