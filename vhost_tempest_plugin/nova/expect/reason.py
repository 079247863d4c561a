# SPDX-License-Identifier: Apache-2.0
"""Why an instance is refused."""

from enum import StrEnum


class Conflict(StrEnum):
    """A request that contradicts itself: the API refuses it, on any host.

    The value is the name of Nova's exception (nova/exception.py); its text is what the user
    gets.
    """

    CPU_POLICIES = "ImageCPUPinningForbidden"
    THREAD_POLICIES = "ImageCPUThreadPolicyForbidden"
    PCI_POLICIES = "ImagePCINUMAPolicyForbidden"
    NODE_COUNTS = "ImageNUMATopologyForbidden"
    PAGE_SIZES = "MemoryPageSizeForbidden"
    DEDICATED_MASK = "InvalidMixedInstanceDedicatedMask"
    THREADS_OF_SHARED = "CPUThreadPolicyConfigurationInvalid"
    EMULATOR_OF_SHARED = "BadRequirementEmulatorThreadsPolicy"
    MASK_WITHOUT_MIXED = "RequiredMixedInstancePolicy"
    MIXED_WITHOUT_MASK = "RequiredMixedOrRealtimeCPUMask"
    UNEVEN_NODES = "ImageNUMATopologyAsymmetric"
    HALF_DESCRIBED_NODES = "ImageNUMATopologyIncomplete"
    CPU_BEYOND = "ImageNUMATopologyCPUOutOfRange"
    CPU_TWICE = "ImageNUMATopologyCPUDuplicates"
    CPU_LEFT_OUT = "ImageNUMATopologyCPUsUnassigned"
    MEMORY_SUM = "ImageNUMATopologyMemoryOutOfRange"
    UNKNOWN_ALIAS = "PciRequestAliasNotDefined"

    @property
    def http_status(self) -> int:
        """What the API answers.

        A user's mistake is 400 (INVALID_FLAVOR_IMAGE_EXCEPTIONS in
        nova/api/openstack/compute/servers.py), but that list leaves this one out, so that it
        is answered as what it derives from, ``Forbidden``.
        """
        return 403 if self is Conflict.PCI_POLICIES else 400


class Shortage(StrEnum):
    """What a host does not have: "No valid host was found", and the instance goes to ERROR."""

    VCPUS = "floating CPUs of the whole host"
    TOTAL_MEMORY = "memory of the whole host"
    NODES = "NUMA nodes"
    FLOATING_CPUS = "floating CPUs on a node"
    DEDICATED_CPUS = "free dedicated CPUs on a node"
    THREADS = "cores as the thread policy wants them"
    MEMORY = "memory on a node"
    PAGES = "pages of that size on a node"
    ONE_NODE = "a node that has all of it"
    SEPARATE_NODES = "a node of its own for each guest node"
    DEVICES = "free devices"
    AFFINITY = "free devices near the instance's nodes"
