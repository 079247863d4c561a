# SPDX-License-Identifier: Apache-2.0
"""What a check is, and what it looks at."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Generic, Protocol, TypeVar

from vhost_tempest_plugin.errors import HostError, VhostCommand
from vhost_tempest_plugin.host import observe
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Comparison, Finding
from vhost_tempest_plugin.host.observe import Observation, libvirt_view, sysfs
from vhost_tempest_plugin.host.observe.libvirt_view import LibvirtView
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.hardware import Endpoint, Hardware
from vhost_tempest_plugin.topology.iommu_model import IommuModel
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util.progress import Progress, silent

Facts = Mapping[str, str]


@dataclass(frozen=True)
class Subject:
    """A running host beside what it should be; it is looked at once, when first asked.

    :param layout: of the topology that the host should have
    """

    layout: Layout
    accelerator: Accelerator
    connection: HostConnection
    progress: Progress = silent

    @property
    def anew(self) -> str:
        """The hint that starts the host anew."""
        up = VhostCommand("up", name=self.connection.name)
        down = VhostCommand("down", self.connection.name)
        return f"{down} and {up} start the host anew from its topology"

    @property
    def xml(self) -> VhostCommand:
        """The command that prints the host's domain XML, for hints."""
        return VhostCommand("render", host=self.connection.name)

    @cached_property
    def hardware(self) -> Hardware:
        """What the host should have."""
        return self.layout.hardware()

    @cached_property
    def observation(self) -> Observation:
        """What the host's kernel shows.

        :raises HostError: the host does not answer, or in no known form
        """
        return observe.read(self.connection.run(sysfs.argv(), input_text=sysfs.script()).stdout)

    @cached_property
    def libvirt(self) -> LibvirtView:
        """What libvirt inside the host shows, of the devices that should be there.

        :raises HostError: libvirt does not answer, or in no known form
        """
        addresses = [endpoint.address for endpoint in self.hardware.endpoints]
        done = self.connection.run(libvirt_view.argv(addresses), check=False)
        if not done.stdout.strip():
            said = " ".join(done.stderr.split()) or "it prints nothing"
            raise HostError(
                f"virsh in the host reaches no libvirt: {said}",
                hint="start it in the host with 'systemctl restart libvirtd'; 'journalctl -u "
                "libvirtd' there shows why it ended",
            )
        return libvirt_view.read(done.stdout)

    @property
    def iommu(self) -> IommuModel | None:
        """The topology's IOMMU, None without one."""
        return self.layout.host.iommu.model


class Looked(Protocol):
    """What a check can look at."""

    @property
    def progress(self) -> Progress: ...


S = TypeVar("S", bound=Looked)


class AnyCheck(ABC, Generic[S]):
    """Something that must be true of a subject of some kind."""

    name: ClassVar[str]

    @abstractmethod
    def run(self, subject: S) -> Finding:
        """Look at *subject*.

        :raises HostError: it could not be examined
        """

    def passed(self, expected: str, observed: str) -> Finding:
        """It is as it should be."""
        return Finding(self.name, CheckVerdict.PASSED, expected, observed)

    def failed(self, expected: str, observed: str, hint: str) -> Finding:
        """It is not."""
        return Finding(self.name, CheckVerdict.FAILED, expected, observed, hint)

    def not_applicable(self, reason: str) -> Finding:
        """The topology has nothing of the kind."""
        return Finding(self.name, CheckVerdict.NOT_APPLICABLE, reason, "")

    def compare(self, expected: Facts, observed: Facts, hint: str) -> Finding:
        """Compare item by item; the words of a failure name only the items that differ."""
        differing = differences(expected, observed)
        finding = (
            self.failed(
                words({key: expected.get(key, "nothing") for key in differing}),
                words({key: observed.get(key, "nothing") for key in differing}),
                hint,
            )
            if differing
            else self.passed(words(expected), words(observed))
        )
        return dataclasses.replace(
            finding,
            compared=tuple(
                Comparison(key, expected.get(key, ""), observed.get(key, ""))
                for key in dict.fromkeys([*expected, *observed])
            ),
        )


class Check(AnyCheck[Subject]):
    """Something that must be true of a running host."""


def differences(expected: Facts, observed: Facts) -> tuple[str, ...]:
    """The keys of what differs, or is on one side only, in their order."""
    keys = dict.fromkeys([*expected, *observed])
    return tuple(key for key in keys if expected.get(key) != observed.get(key))


def words(facts: Facts) -> str:
    """The facts on a line; those of one value are grouped."""
    keys: dict[str, list[str]] = {}
    for key, value in facts.items():
        keys.setdefault(value, []).append(key)
    return "; ".join(f"{', '.join(same)}: {value}" for value, same in keys.items())


def by_address(endpoints: Iterable[Endpoint]) -> dict[PciAddress, Endpoint]:
    """Functions by where they are."""
    return {endpoint.address: endpoint for endpoint in endpoints}


def node_words(node: int | None) -> str:
    """A NUMA node as findings name it."""
    return "no node" if node is None else f"node {node}"
