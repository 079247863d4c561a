# SPDX-License-Identifier: Apache-2.0
"""What the checks of a lab look at."""

from dataclasses import dataclass

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Settings
from vhost_tempest_plugin.errors import VhostCommand
from vhost_tempest_plugin.host.checks.base import AnyCheck
from vhost_tempest_plugin.host.checks.registry import Registry
from vhost_tempest_plugin.lab.hosts import options
from vhost_tempest_plugin.nova.compute_options import ComputeOptions
from vhost_tempest_plugin.util.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class LabSubject:
    """A lab beside what it should be.

    :param settings: what it should be follows from them
    """

    settings: Settings
    cloud: Cloud
    progress: Progress = silent

    @property
    def again(self) -> str:
        """The hint that brings back what has died."""
        return f"{VhostCommand('lab', 'up', name=self.settings.name)} brings back what has died"

    def logs(self, service: str = "") -> VhostCommand:
        """The command that prints the log of a service, or of all, for hints."""
        words = (service,) if service else ()
        return VhostCommand("lab", "logs", *words, name=self.settings.name)

    def config(self, host: ComputeHost) -> VhostCommand:
        """The command that prints nova-compute's options, for hints."""
        return options.show(self.settings, host)

    def in_force(self, host: ComputeHost) -> ComputeOptions:
        """What the options that nova-compute runs with lead to, those set by hand included.

        :raises InterfaceNameError: that cannot be known
        :raises HostError: Nova would not take one of them
        """
        return options.in_force(self.settings, host)


class LabCheck(AnyCheck[LabSubject]):
    """Something that must be true of a lab that is up."""


LAB: Registry[LabSubject] = Registry(
    "vhost_tempest_plugin.lab_checks",
    ("programs", "hosts", "apis", "compute-service", "host-mapping", "placement", "pci-devices"),
)
