# SPDX-License-Identifier: Apache-2.0
"""What an instance asks for: its flavor's and its image's words.

The words are those of https://docs.openstack.org/nova/latest/configuration/extra-specs.html.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vhost_tempest_plugin.nova.pci_devices import DeviceKind, NumaPolicy
from vhost_tempest_plugin.topology import cpuset


class CpuPolicy(StrEnum):
    """Whether an instance's CPUs float over shared host CPUs or have host CPUs of their own."""

    SHARED = "shared"
    DEDICATED = "dedicated"
    MIXED = "mixed"


class ThreadPolicy(StrEnum):
    """What dedicated CPUs may share a host's core with."""

    PREFER = "prefer"
    ISOLATE = "isolate"
    REQUIRE = "require"


class EmulatorPolicy(StrEnum):
    """Where the emulator's own threads run: among the shared CPUs, or on one of their own."""

    SHARE = "share"
    ISOLATE = "isolate"


class PageSize(StrEnum):
    """A page size by its place among a host's; one in KiB is a plain number."""

    SMALL = "small"
    LARGE = "large"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """Some PCI functions of one kind, through an alias.

    :param kind: None where Nova knows no alias of that name
    :param policy: the alias's own numa_policy; a flavor's or an image's goes before it
    :param name: the alias, by default the kind's for that policy
    """

    kind: DeviceKind | None
    count: int = 1
    policy: NumaPolicy = NumaPolicy.REQUIRED
    name: str | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"{self.count} devices are none to ask for")
        if self.kind is None and self.name is None:
            raise ValueError("an unknown alias needs a name")

    @property
    def alias(self) -> str:
        """The name that the flavor asks by."""
        if self.name is not None or self.kind is None:
            return str(self.name)
        return self.kind.alias(self.policy)


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What an image asks for, where a flavor can ask the same.

    :param page_size: None, a ``PageSize``, or a size in KiB
    """

    nodes: int | None = None
    cpu_policy: CpuPolicy | None = None
    thread_policy: ThreadPolicy | None = None
    page_size: PageSize | int | None = None
    pci_policy: NumaPolicy | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """An instance as its flavor and image describe it; its disk is left out.

    :param nodes: how many NUMA nodes the instance has; None leaves it to Nova
    :param node_cpus: the guest CPUs of each guest node, or none for equal shares
    :param node_memory_mib: the memory of each guest node, or none for equal shares
    :param dedicated_mask: with the policy "mixed", the guest CPUs that are dedicated
    :param page_size: None, a ``PageSize``, or a size in KiB
    :param pci_policy: for all devices, whatever their aliases say
    """

    vcpus: int
    memory_mib: int
    nodes: int | None = None
    node_cpus: tuple[frozenset[int], ...] = ()
    node_memory_mib: tuple[int, ...] = ()
    cpu_policy: CpuPolicy | None = None
    dedicated_mask: frozenset[int] = frozenset()
    thread_policy: ThreadPolicy | None = None
    emulator_policy: EmulatorPolicy | None = None
    page_size: PageSize | int | None = None
    pci_policy: NumaPolicy | None = None
    devices: tuple[DeviceRequest, ...] = ()
    image: ImageRequest = field(default_factory=ImageRequest)

    def __post_init__(self) -> None:
        if self.vcpus < 1 or self.memory_mib < 1:
            raise ValueError(f"{self.vcpus} CPUs and {self.memory_mib} MiB make no instance")
        if not all(self.node_cpus):
            raise ValueError("a guest node without CPUs cannot be written in a flavor")

    def extra_specs(self) -> Mapping[str, str]:
        """The flavor's extra specs."""
        aliases = ",".join(f"{device.alias}:{device.count}" for device in self.devices)
        words = {
            "hw:numa_nodes": self.nodes,
            **{f"hw:numa_cpus.{i}": cpuset.format(cpus) for i, cpus in enumerate(self.node_cpus)},
            **{f"hw:numa_mem.{i}": mib for i, mib in enumerate(self.node_memory_mib)},
            "hw:cpu_policy": self.cpu_policy,
            "hw:cpu_dedicated_mask": cpuset.format(self.dedicated_mask) or None,
            "hw:cpu_thread_policy": self.thread_policy,
            "hw:emulator_threads_policy": self.emulator_policy,
            "hw:mem_page_size": self.page_size,
            "hw:pci_numa_affinity_policy": self.pci_policy,
            "pci_passthrough:alias": aliases or None,
        }
        return {name: str(value) for name, value in words.items() if value is not None}

    def image_properties(self) -> Mapping[str, str]:
        """The image's properties."""
        words = {
            "hw_numa_nodes": self.image.nodes,
            "hw_cpu_policy": self.image.cpu_policy,
            "hw_cpu_thread_policy": self.image.thread_policy,
            "hw_mem_page_size": self.image.page_size,
            "hw_pci_numa_affinity_policy": self.image.pci_policy,
        }
        return {name: str(value) for name, value in words.items() if value is not None}
