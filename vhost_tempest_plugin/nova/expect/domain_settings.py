# SPDX-License-Identifier: Apache-2.0
"""What Nova writes into a domain besides CPUs, memory and devices.

It follows from what Nova itself has recorded of the server, and not from the domain.
nova/virt/libvirt/driver.py, ``_get_guest_numa_config``, ``_get_guest_iothread`` and
``_get_guest_memory_backing_config``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vhost_tempest_plugin.nova.expect.observation import Observation
from vhost_tempest_plugin.nova.request import EmulatorPolicy

# nova/objects/service.py, SERVICE_VERSION_ALIASES: that of 2025.2 (Flamingo), the last release
# whose servers have no I/O threads.
_WITHOUT_IOTHREADS = 70
_EMULATOR_POLICY = "hw:emulator_threads_policy"
# nova/virt/hardware.py, is_realtime_enabled and get_locked_memory_constraint.
_LOCKING = ("hw:cpu_realtime", "hw:locked_memory", "hw_locked_memory")
_ENCRYPTING = ("hw:mem_encryption", "hw_mem_encryption")
_MODELS = ("hw:mem_encryption_model", "hw_mem_encryption_model")
# needs_locked_memory of these models is false; without a model it is amd-sev.
_UNLOCKED_MODELS = frozenset({"amd-sev-snp", "intel-tdx"})
# oslo_utils/strutils.py, bool_from_string.
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})


@dataclass(frozen=True, slots=True)
class DomainSettings:
    """Parts of a domain's XML.

    :param cpuset: of ``<vcpu>``; None where it has none
    :param emulator: of ``<emulatorpin>``; None where the emulator is not pinned
    :param iothreads: how many I/O threads it has
    :param iothread_cpus: of the ``<iothreadpin>`` of each I/O thread that is pinned
    :param locked: whether ``<memoryBacking>`` has ``<locked/>``
    """

    cpuset: frozenset[int] | None
    emulator: frozenset[int] | None = None
    iothreads: int = 0
    iothread_cpus: Mapping[int, frozenset[int]] = field(default_factory=dict)
    locked: bool = False


def domain_settings(
    recorded: Observation,
    floating: Mapping[int, frozenset[int]],
    shared: frozenset[int],
    asked: Mapping[str, str],
    compute_version: int,
) -> DomainSettings:
    """Those of a server.

    One without NUMA nodes floats over the host's shared CPUs.  One with nodes has its emulator and
    its I/O threads where its CPUs are, on CPUs of their own, or on the shared ones, as its flavor
    says.  No server here has realtime CPUs, which its emulator would leave alone.

    :param recorded: Nova's record of its nodes, pins and reserved CPUs
    :param floating: the host CPUs of each of its CPUs for those that no pin is recorded of
    :param shared: the host's CPUs for floating servers
    :param asked: the words of its flavor (``hw:...``) and of its image (``hw_...``)
    :param compute_version: that of its host's nova-compute, as in Nova's table ``services``
    """
    iothreads = int(compute_version > _WITHOUT_IOTHREADS)
    locked = locks_memory(asked)
    if not recorded.nodes:
        return DomainSettings(shared, iothreads=iothreads, locked=locked)
    emulator = _emulator(recorded, floating, shared, asked.get(_EMULATOR_POLICY))
    pins = dict.fromkeys(range(1, iothreads + 1), emulator)
    return DomainSettings(None, emulator, iothreads, pins, locked)


def locks_memory(asked: Mapping[str, str]) -> bool:
    """Whether a flavor and an image with these words have a server's memory locked."""
    if any(_is_true(asked.get(word, "")) for word in _LOCKING):
        return True
    encrypted = any(_is_true(asked.get(word, "")) for word in _ENCRYPTING)
    return encrypted and not any(asked.get(word) in _UNLOCKED_MODELS for word in _MODELS)


def _emulator(
    recorded: Observation,
    floating: Mapping[int, frozenset[int]],
    shared: frozenset[int],
    policy: str | None,
) -> frozenset[int]:
    if policy == EmulatorPolicy.ISOLATE:
        return recorded.emulator or frozenset()
    if policy == EmulatorPolicy.SHARE and shared:
        return shared
    pins = {vcpu: cpu for node in recorded.nodes for vcpu, cpu in node.pins.items()}
    return frozenset(pins.values()).union(
        *(cpus for vcpu, cpus in floating.items() if vcpu not in pins)
    )


def _is_true(word: str) -> bool:
    return word.strip().lower() in _TRUE
