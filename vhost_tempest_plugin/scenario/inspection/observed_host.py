# SPDX-License-Identifier: Apache-2.0
"""One look at a compute host, by everybody but its servers."""

from collections.abc import Mapping
from dataclasses import dataclass

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import HostCandidate, Limits
from vhost_tempest_plugin.nova.pci_devices import CpuSets
from vhost_tempest_plugin.nova.readers import ComputeHostReader, Link, NovaDatabase, Placement
from vhost_tempest_plugin.nova.views import (
    Disagreement,
    Holding,
    HostView,
    NovaView,
    Provider,
    leaks,
)
from vhost_tempest_plugin.nova.views.placement import device_of
from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class HostSnapshot:
    """What they say.

    :param tree: the host's providers in Placement: names by uuid
    """

    host: HostView
    nova: NovaView
    tree: Mapping[str, str]

    @property
    def reports_devices(self) -> bool:
        """Whether devices of the host are in Placement."""
        return any(device_of(name) for name in self.tree.values())


class ObservedHost:
    """Observes one host again and again.

    ``layout`` is what hardware it has; a test that changes the hardware changes it.
    """

    def __init__(
        self, reader: ComputeHostReader, database: NovaDatabase, placement: Placement
    ) -> None:
        self.reader = reader
        self.layout = reader.layout
        self._link = Link(reader)
        self._database = database
        self._placement = placement
        self.first = self.snapshot()

    @property
    def cpu_sets(self) -> CpuSets:
        """Its CPUs that servers float over, and those that they are pinned to."""
        return pci_devices.cpu_sets(self.layout)

    @property
    def physical(self) -> Mapping[PciAddress, PciAddress]:
        """The physical function of each virtual one."""
        return {vf: device.address for device in self.layout.devices for vf in device.vf_addresses}

    def candidate(self, limits: Limits) -> HostCandidate:
        """The host without servers."""
        return HostCandidate(self.layout, limits, self.first.host.memory_kib)

    def snapshot(self) -> HostSnapshot:
        """What everybody says now.

        :raises VhostError: the host or the database does not answer
        """
        nova = self.nova()
        return HostSnapshot(self._link.view(), nova, self._placement.tree(nova.compute_node))

    def has(self, file: str, line: str) -> bool:
        """Whether a file of the host has this in a line; waits for it for a while.

        :raises VhostError: the host does not answer
        """
        return self._link.has(file, line)

    def providers(self) -> tuple[Provider, ...]:
        """What Placement says now of the host and its devices."""
        return self._placement.providers(self.nova().compute_node)

    def holdings(self) -> tuple[Holding, ...]:
        """What anybody has of the host in Placement now."""
        return self._placement.all(self._placement.tree(self.nova().compute_node))

    def nova(self) -> NovaView:
        """What Nova's database says now."""
        return self._database.view(self.reader.name)

    def close(self) -> None:
        """Let the connection to the host end."""
        self._link.close()

    def leaks(self) -> tuple[Disagreement, ...]:
        """Who holds what of the host now; none where all is free and as it was at first."""
        return self._leaks(self.snapshot())

    def first_leaks(self) -> tuple[Disagreement, ...]:
        """Who held what of the host at first."""
        return self._leaks(self.first)

    def settle(self) -> bool | None:
        """Whether nothing was held at first by servers that are no more; if it was, look again.

        Nova lets go of a server's devices after its API has called the server gone.
        """
        if self.first.nova.instances or not self.first_leaks():
            return True
        self.first = self.snapshot()
        return None

    def _leaks(self, snapshot: HostSnapshot) -> tuple[Disagreement, ...]:
        return leaks(
            snapshot.host, snapshot.nova, self._placement.all(snapshot.tree), self.first.host
        )
