# SPDX-License-Identifier: Apache-2.0
"""What runs of a lab: its hosts and its control plane, with the Nova that both run.

Which Nova that is, is chosen before anything can be done to either, and does not change.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from vhost_tempest_plugin.cloud.compute.copies import Tree
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.lab.checks import run
from vhost_tempest_plugin.lab.environment.source import NovaSource
from vhost_tempest_plugin.lab.hosts.compute_hosts import ComputeHosts
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.services import bootstrap
from vhost_tempest_plugin.lab.services.control_plane import ControlPlane
from vhost_tempest_plugin.util.progress import Progress

_MIGRATIONS = "nova/db/*/migrations/versions/*.py"


class LabRuntime:
    """The hosts and the control plane of a lab that this command holds.

    Made by ``with_new_nova`` or ``with_kept_nova``; for a lab that runs its release's own Nova
    there is no difference.

    :param tree: the Nova under test, None for the environment's own
    """

    def __init__(self, lab: Lab, tree: Tree | None, progress: Progress) -> None:
        self.lab = lab
        self.progress = progress
        self._tree = tree
        self.hosts = ComputeHosts(lab, tree, progress)
        self.plane = ControlPlane(lab.settings, progress, tree.digest if tree else "")

    @classmethod
    def with_new_nova(cls, lab: Lab, progress: Progress) -> Self:
        """Take the lab's working tree of Nova as it is now.

        :raises InputError: it does not import; what was taken last stays
        :raises LocalError: the disk does not take it, or the environment is gone
        """
        nova = lab.record.nova
        return cls(lab, None if nova is None else _source(lab, progress).take(nova), progress)

    @classmethod
    def with_kept_nova(cls, lab: Lab, progress: Progress) -> Self:
        """Stay with the lab's working tree of Nova as it was taken last.

        :raises InputError: nothing was taken yet, and it does not import
        :raises LocalError: the disk does not take it, or the environment is gone
        """
        nova = lab.record.nova
        if nova is None:
            return cls(lab, None, progress)
        source = _source(lab, progress)
        return cls(lab, source.current() or source.take(nova), progress)

    @classmethod
    @contextmanager
    def held(cls, name: str, progress: Progress) -> Iterator[Self]:
        """What runs of the lab *name*, with the Nova that it has; held during the block.

        :raises InputError: there is no such lab, or it is not up
        """
        with Lab.held(name, progress) as lab:
            yield cls.with_kept_nova(lab, progress)

    def take_over(self) -> None:
        """Make this what the lab is: its record, and the Nova that services start with."""
        if self._tree is not None:
            _source(self.lab, self.progress).select(self._tree)
        self.lab.directory.write(self.lab.record)

    def upgrade_schema(self) -> None:
        """Migrate Nova's tables if the Nova under test has migrations of its own."""
        if self._tree is not None and not self._has_known_migrations(self._tree):
            self.progress("databases: the migrations of the Nova under test")
            bootstrap.upgrade_nova(self.lab.settings)

    def apply(self, down: Collection[Service] = ()) -> None:
        """Restart what runs with other files than it should, and wait until it can be used.

        :param down: services that do not run and are to be started too
        :raises StartError: a service does not come up
        """
        with self.hosts.restarting(only_changed=True):
            self.plane.restart_changed(down)

    def heal(self) -> None:
        """Have everything run that should, with what it should run with.

        :raises StartError: a service does not come up
        :raises HostError: a check of the lab fails
        """
        self.plane.launch()
        self.plane.start_database()
        self.upgrade_schema()
        self.plane.start_services()
        self.hosts.heal()
        run.require(self.lab.settings)

    def _has_known_migrations(self, tree: Tree) -> bool:
        """Whether the environment's Nova has all migrations of a Nova under test."""

        def names(directory: Path) -> set[str]:
            return {str(path.relative_to(directory)) for path in directory.glob(_MIGRATIONS)}

        return names(tree.directory) <= names(self.lab.environment.packages)


def _source(lab: Lab, progress: Progress) -> NovaSource:
    return NovaSource(lab.directory, lab.environment, progress)
