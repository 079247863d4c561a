# SPDX-License-Identifier: Apache-2.0
"""What was seen of a request: an instance that runs, or a refusal.

A field that is None was not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class InstanceNode:
    """A NUMA node of an instance that runs, as far as it was seen.

    :param node: the host's node of its memory
    :param pins: the host CPU of each guest CPU that has only one
    :param floating: the host CPUs of its other guest CPUs
    :param page_size_kib: the size of its pages
    """

    node: int
    pins: Mapping[int, int] = field(default_factory=dict)
    floating: frozenset[int] | None = None
    memory_mib: int | None = None
    page_size_kib: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """An instance that runs.

    :param nodes: by the number of the instance's node; none where it has no NUMA topology
    :param devices: the PCI functions that it has
    :param emulator: the host CPUs of its emulator's threads
    """

    nodes: tuple[InstanceNode, ...] = ()
    devices: frozenset[PciAddress] = frozenset()
    emulator: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """An instance that does not run.

    :param http_status: what the API answered, None where it accepted the instance and no host
        was found
    :param message: what the user got
    """

    http_status: int | None = None
    message: str = ""
