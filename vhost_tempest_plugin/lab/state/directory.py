# SPDX-License-Identifier: Apache-2.0
"""The labs on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vhost_tempest_plugin.errors import LocalError, VhostCommand
from vhost_tempest_plugin.host import owner
from vhost_tempest_plugin.host.owner import HostOwner
from vhost_tempest_plugin.lab.state.record import LabRecord
from vhost_tempest_plugin.util.state_directory import NamedDirectory


@dataclass(frozen=True, slots=True)
class LabDirectory(NamedDirectory[LabRecord]):
    """The files of one lab; its hosts have directories of their own."""

    noun: ClassVar[str] = "lab"
    overview: ClassVar[VhostCommand] = VhostCommand("lab", "list")
    longest_chars: ClassVar[int] = owner.LONGEST_CHARS

    @property
    def removal(self) -> VhostCommand:
        return VhostCommand("lab", "destroy", name=self.name)

    @property
    def owner(self) -> HostOwner:
        """What its hosts have for an owner."""
        return owner.lab(self.name)

    @property
    def topology(self) -> Path:
        """The topology of its hosts."""
        return self.path / "topology.yaml"

    @property
    def nova(self) -> Path:
        """The Nova under test, where it is not the environment's; a link to one that was taken."""
        return self.path / "nova" / "current"

    @property
    def snapshot(self) -> Path:
        """What the lab was when it was ready."""
        return self.path / "snapshot"

    @property
    def stages(self) -> Path:
        """How long the stages of its last start took."""
        return self.path / "stages.jsonl"

    @property
    def glance(self) -> Path:
        """The contents of glance's images."""
        return self.path / "glance"

    @property
    def mysql(self) -> Path:
        """The data directory of the database."""
        return self.path / "mysql"

    def prepare(self) -> None:
        """Make the directories that every lab has, the user's alone.

        :raises LocalError: the disk does not take them
        """
        try:
            for name in ("etc", "log", "run", "glance"):
                (self.path / name).mkdir(mode=0o700, exist_ok=True)
                os.chmod(self.path / name, 0o700)  # noqa: PTH101 - whatever the umask was
        except OSError as error:
            raise LocalError(
                f"cannot write {self.path}: {error.strerror}", hint="see XDG_STATE_HOME"
            ) from None

    @staticmethod
    def load(text: str) -> LabRecord:
        """From the text of a record."""
        return LabRecord.load(text)
