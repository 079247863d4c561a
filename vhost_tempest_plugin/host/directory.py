# SPDX-License-Identifier: Apache-2.0
"""The hosts on this machine.

Nothing of a host is outside its directory but its processes, which the record finds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vhost_tempest_plugin.errors import VhostCommand
from vhost_tempest_plugin.host.owner import OwnerKind, claimants
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.util.state_directory import NamedDirectory


@dataclass(frozen=True, slots=True)
class HostDirectory(NamedDirectory[HostRecord]):
    """The files of one host."""

    noun: ClassVar[str] = "host"
    overview: ClassVar[VhostCommand] = VhostCommand("list")

    @property
    def removal(self) -> VhostCommand:
        for owner in claimants(self.name):
            # Which brings its hosts back at its next start.
            is_lab = owner.kind is OwnerKind.LAB
            return (
                VhostCommand("lab", "down", name=owner.name) if is_lab else owner.removal(self.name)
            )
        return VhostCommand("destroy", self.name)

    @property
    def topology(self) -> Path:
        """The topology as it was brought up."""
        return self.path / "topology.yaml"

    @property
    def overlay(self) -> Path:
        """The disk: what the host wrote, over the shared image."""
        return self.path / "overlay.qcow2"

    @property
    def seed(self) -> Path:
        """The initrd with the host's own keys behind it."""
        return self.path / "initrd"

    @property
    def console_log(self) -> Path:
        """All that its serial console said since the last boot."""
        return self.path / "console.log"

    @property
    def console_before(self) -> Path:
        """What it had said when it was saved; restored, it begins an empty console."""
        return self.path / "console.before.log"

    @property
    def saved(self) -> Path:
        """Its memory and devices, while it is saved."""
        return self.path / "saved"

    @property
    def client_key(self) -> Path:
        """The private key that it accepts."""
        return self.path / "client_key"

    @property
    def host_key(self) -> Path:
        """The private key by which it proves itself."""
        return self.path / "host_key"

    @property
    def known_hosts(self) -> Path:
        """Its public key for ssh; the host's name is its alias there."""
        return self.path / "known_hosts"

    @property
    def libvirt_root(self) -> Path:
        """Where the private libvirt keeps its own files."""
        return self.path / "libvirt"

    def keep_console(self) -> None:
        """Put what the console said aside, if anything, for the one that begins."""
        if self.console_log.exists() and self.console_log.stat().st_size:
            self.console_log.replace(self.console_before)

    @staticmethod
    def load(text: str) -> HostRecord:
        """From the text of a record."""
        return HostRecord.load(text)
