# SPDX-License-Identifier: Apache-2.0
"""What a devstack's emulated hosts are to be: the one value that all of it goes by."""

from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.configuration.networking import NO_NETWORKING, Networking
from vhost_tempest_plugin.host import owner
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator


@dataclass(frozen=True, slots=True)
class DevstackSpec:
    """Emulated hosts that are compute hosts of a devstack.

    :param name: what the hosts' names begin with, VHOST_NAME
    :param topology: of each of them, by name or file
    :param nova_conf: devstack's file for Nova's services on this machine
    :param configuration: devstack's file for nova-compute
    :param environment: devstack's virtual environment
    :param accelerator: None takes the one that works here
    :param database: a file with the URL of the cell's database; None on a subnode
    :param files: what the hosts have of the machine's files, at the same paths
    :param assignments: options of nova-compute that were set by hand, as they were typed
    :param pci_in_placement: whether the hosts report devices to Placement
    :param memory_limit_mib: of all hosts together, 0 for no limit
    :param disk_limit_mib: of a host's disk for guests, 0 for no limit
    :param log_directory: where the hosts' logs go beside the journal
    :param networking: what the hosts have of Neutron
    :param network: what connects them, beside the user-mode links; the first has its first port
    """

    name: str
    topology: str
    count: int
    nova_conf: Path
    configuration: Path
    environment: Path
    accelerator: Accelerator | None = None
    database: Path | None = None
    files: tuple[Path, ...] = ()
    assignments: tuple[str, ...] = ()
    pci_in_placement: bool = False
    memory_limit_mib: int = 0
    disk_limit_mib: int = 0
    log_directory: Path | None = None
    networking: Networking = NO_NETWORKING
    network: str | None = None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts' names, which are Nova's too."""
        return owner.devstack(self.name).host_names(self.count)

    @property
    def projects(self) -> tuple[str, ...]:
        """The distributions whose code the hosts run."""
        return ("nova", "neutron") if self.networking.agents else ("nova",)

    @property
    def features(self) -> frozenset[TempestFeature]:
        """What guests can have there; to go from one host to another they need a network."""
        ports = {TempestFeature.NEUTRON_PORTS} if self.networking else set()
        moves = {TempestFeature.COLD_MIGRATION, TempestFeature.LIVE_MIGRATION}
        return frozenset(ports | (moves if self.network and self.count > 1 else set()))
