# SPDX-License-Identifier: Apache-2.0
"""The devstacks on this machine whose compute hosts are emulated hosts; as a rule one."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vhost_tempest_plugin.devstack.record import StackRecord
from vhost_tempest_plugin.errors import VhostCommand
from vhost_tempest_plugin.host import owner
from vhost_tempest_plugin.host.owner import HostOwner
from vhost_tempest_plugin.util.state_directory import NamedDirectory


@dataclass(frozen=True, slots=True)
class StackDirectory(NamedDirectory[StackRecord]):
    """The files of one; its hosts have directories of their own."""

    noun: ClassVar[str] = "stack"
    overview: ClassVar[VhostCommand] = VhostCommand("list")
    longest_chars: ClassVar[int] = owner.LONGEST_CHARS

    @property
    def removal(self) -> VhostCommand:
        return VhostCommand("stack", "destroy", name=self.name)

    @property
    def owner(self) -> HostOwner:
        """What its hosts have for an owner."""
        return owner.devstack(self.name)

    @property
    def topology(self) -> Path:
        """The topology of its hosts."""
        return self.path / "topology.yaml"

    @property
    def trees(self) -> Path:
        """Devstack's source trees as they were taken last, byte-compiled."""
        return self.path / "trees"

    @property
    def records(self) -> Path:
        """Where tempest's scenarios leave what they saw."""
        return self.path / "records"

    @property
    def whitebox(self) -> Path:
        """What whitebox-tempest-plugin's tests get into its hosts by."""
        return self.path / "whitebox"

    @property
    def mesh_key(self) -> Path:
        """The private key with which its hosts get into one another."""
        return self.path / "mesh_key"

    @property
    def journal(self) -> Path:
        """What tests have changed of devstack that run now, or were killed."""
        return self.path / "journal"

    @property
    def set_aside(self) -> Path:
        """Texts of devstack's files that could not be put back."""
        return self.path / "set-aside"

    @property
    def spool(self) -> Path:
        """For what is on its way into a host."""
        return self.path / "spool"

    @staticmethod
    def load(text: str) -> StackRecord:
        """From the text of a record."""
        return StackRecord.load(text)
