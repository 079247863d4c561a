# SPDX-License-Identifier: Apache-2.0
"""The Nova under test of a lab: taken from its working tree whole, or not at all.

What is taken goes beside what the services run from, and takes its place by a link when it has
been imported once.  What was before stays, to go back to.
"""

from pathlib import Path

from vhost_tempest_plugin.cloud.compute.copies import Tree, manifest
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.lab.environment import staging
from vhost_tempest_plugin.lab.environment.environment import Environment
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.util import atomic_file, process, removal
from vhost_tempest_plugin.util.die_with_parent import asked_to_end
from vhost_tempest_plugin.util.progress import Progress

_PLACES = ("a", "b")


class NovaSource:
    """The Nova under test of one lab, for one environment."""

    def __init__(self, lab: LabDirectory, made: Environment, progress: Progress) -> None:
        self._link = lab.nova
        self._top = lab.nova.parent
        self._home = self._top / made.digest
        self._environment = made
        self._progress = progress

    def current(self) -> Tree | None:
        """What the services run from; None where nothing was taken for this environment."""
        try:
            place = self._home / self._link.readlink().name
        except OSError:
            return None
        if self._link.readlink() != self._target(place) or not place.is_dir():
            return None
        return Tree(place, manifest(place))

    def take(self, source: Path) -> Tree:
        """Make the working tree *source*, as it is now, what the services run from.

        :raises InputError: it does not import; the message has the last line of the traceback, and
            the services run from what they did
        :raises LocalError: the disk does not take it
        """
        before = self.current()
        place = self._spare(before)
        staged = staging.stage(source, self._environment, place, self._progress)
        tree = Tree(place, staged.manifest)
        if before is not None and before.manifest == tree.manifest:
            return before
        staging.verify(staged, self._environment)
        self.select(tree)
        return tree

    def select(self, tree: Tree) -> None:
        """Have the services run from *tree* when they are started next.

        :raises LocalError: the disk does not take it
        """
        try:
            with atomic_file.replacing(self._link) as link:
                link.symlink_to(self._target(tree.directory))
            for other in tuple(self._top.iterdir()):
                if other.name not in (self._home.name, self._link.name):
                    removal.remove(other)
        except OSError as error:
            raise LocalError(
                f"cannot write {self._link}: {error}", hint="free some space"
            ) from None

    def _target(self, place: Path) -> Path:
        return place.relative_to(self._top)

    def _spare(self, current: Tree | None) -> Path:
        """A place that is not in use, with something like what is to be there."""
        used = None if current is None else current.directory.name
        place = self._home / next(name for name in _PLACES if name != used)
        if current is not None and not place.exists():
            partial = self._home / "partial"
            removal.remove(partial)
            process.run(
                asked_to_end(["cp", "--archive", "--reflink=auto", current.directory, partial])
            )
            partial.rename(place)
        return place
