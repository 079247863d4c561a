# SPDX-License-Identifier: Apache-2.0
"""What a host must be to work: the checks across its parts.

Each refusal names the key, in the topology file's words, and every number involved.
"""

import re
from collections.abc import Iterator

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology import bus_numbers, iommus, memory, numa
from vhost_tempest_plugin.topology.iommu_model import IommuModel
from vhost_tempest_plugin.topology.key import Key, spelled
from vhost_tempest_plugin.topology.model import (
    Binding,
    DeviceGroup,
    Host,
    Iommu,
)
from vhost_tempest_plugin.topology.pci import SLOTS_PER_BUS
from vhost_tempest_plugin.util import name

_MACHINE = re.compile(r"(pc-)?q35(-\d+\.\d+)?\Z", re.ASCII)
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z", re.ASCII)

# The xAPIC id is a byte and 255 is the broadcast; more needs x2APIC, which emulation lacks.
_LAST_APIC_ID = 254
# Slot 0 is the memory controller, 31 the south bridge; management, disk, random: 1 to 3.
_ROOT_SLOTS = SLOTS_PER_BUS - 5


def validate(host: Host) -> None:
    """Return if *host* will work, provided that its buses can be numbered.

    :raises TopologyError: for the first reason why not, with its key
    """
    _identity(host)
    _cpus(host)
    numa.validate(host)
    memory.validate(host)
    _iommu(host.iommu)
    for key, group in _groups(host):
        _group(group, host.iommu, key)
    _macs(host)
    _slots(host)


def _identity(host: Host) -> None:
    if not name.is_name(host.name):
        raise TopologyError(
            f"{host.name!r} is no host name",
            ("name",),
            hint=f"use {name.RULE}",
        )
    if not _MACHINE.match(host.machine):
        raise TopologyError(
            f"machine type {host.machine!r} has no PCI Express or no IOMMU",
            ("machine",),
            hint="use 'q35'",
        )


def _cpus(host: Host) -> None:
    cpus = host.cpus
    for key, number in (
        ("sockets", cpus.sockets),
        ("cores", cpus.cores),
        ("threads", cpus.threads),
    ):
        if number < 1:
            raise TopologyError(f"{number} {key} make no CPU", ("cpus", key), hint="use 1 or more")
    core_bits = (cpus.cores - 1).bit_length()
    thread_bits = (cpus.threads - 1).bit_length()
    last = ((cpus.sockets - 1 << core_bits | cpus.cores - 1) << thread_bits) + cpus.threads - 1
    if last > _LAST_APIC_ID:
        raise TopologyError(
            f"{cpus.sockets} sockets of {cpus.cores} cores of {cpus.threads} threads give APIC ids "
            f"up to {last}, the last usable is {_LAST_APIC_ID}",
            ("cpus",),
            hint="use fewer CPUs, or powers of 2",
        )


def _iommu(iommu: Iommu) -> None:
    for option, choices in _choices(iommu.model).items():
        value = getattr(iommu, option)
        if value in choices:
            continue
        whose = f"with the IOMMU {iommu.model.name!r}" if iommu.model else "without an IOMMU"
        able = [
            repr(model.name) for model in iommus.MODELS.values() if value in _choices(model)[option]
        ]
        raise TopologyError(
            f"{option} is {str(value).lower()} {whose}",
            ("iommu", option),
            hint=f"leave it out or use {' or '.join(able or map(str, choices))}",
        )


def _choices(model: IommuModel | None) -> dict[str, tuple[object, ...]]:
    """What each option of an IOMMU can be."""
    switch = (False, True)
    return {
        "interrupt_remapping": switch if model and model.remapping else (False,),
        "caching_mode": switch if model and model.has_caching_mode else (False,),
        "address_width_bits": (
            model.address_widths_bits
            if model and model.address_widths_bits
            else (Iommu().address_width_bits,)
        ),
    }


def _groups(host: Host) -> Iterator[tuple[Key, DeviceGroup]]:
    for index, node in enumerate(host.nodes):
        for number, group in enumerate(node.devices):
            yield ("nodes", index, "devices", number), group
    for number, group in enumerate(host.devices):
        yield ("devices", number), group


def _group(group: DeviceGroup, iommu: Iommu, key: Key) -> None:
    if group.count < 1:
        raise TopologyError(
            f"a group of {group.count} devices", (*key, "count"), hint="use 1 or more"
        )
    if not 0 <= group.vfs <= group.model.max_vfs:
        can = f"{group.model.max_vfs}" if group.model.max_vfs else "none, it has no SR-IOV"
        raise TopologyError(
            f"{group.vfs} virtual functions on each {group.model}, which can have {can}",
            (*key, "vfs"),
            hint=f"use 0 to {group.model.max_vfs}",
        )
    if group.macs and not group.model.is_nic:
        raise TopologyError(
            f"MAC addresses for each {group.model}, which is no NIC",
            (*key, "macs"),
            hint="leave them out",
        )
    if group.macs and len(group.macs) != group.count:
        raise TopologyError(
            f"{len(group.macs)} MAC addresses for {group.count} NICs",
            (*key, "macs"),
            hint="give one for each or none",
        )
    if group.binding is Binding.VFIO_PCI and iommu.model is None:
        raise TopologyError(
            f"{group.binding} cannot hold devices without an IOMMU",
            (*key, "driver"),
            hint=f"use the IOMMU {' or '.join(map(repr, iommus.MODELS))}, or the driver "
            f"{Binding.KERNEL.value!r}",
        )


def _macs(host: Host) -> None:
    seen: dict[str, Key] = {}
    given: list[tuple[Key, str]] = []
    if host.management.mac is not None:
        given.append((("management", "mac"), host.management.mac))
    for key, group in _groups(host):
        given.extend(((*key, "macs", i), mac) for i, mac in enumerate(group.macs))
    for place, mac in given:
        if not _MAC.match(mac):
            raise TopologyError(
                f"{mac!r} is no MAC address",
                place,
                hint="use six pairs of small hexadecimal digits such as '52:54:00:00:00:01'",
            )
        if int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00":
            raise TopologyError(
                f"{mac} is a multicast address or zero",
                place,
                hint="a NIC needs an even first pair",
            )
        if mac in seen:
            raise TopologyError(
                f"{mac} is at {spelled(seen[mac])} too", place, hint="each NIC needs its own"
            )
        seen[mac] = place


def _slots(host: Host) -> None:
    for index, node in enumerate(host.nodes):
        count = bus_numbers.count(node.devices)
        if count > SLOTS_PER_BUS:
            raise TopologyError(
                f"node {index} has {count} NICs, its expander bus {SLOTS_PER_BUS} slots",
                ("nodes", index, "devices"),
                hint=f"use at most {SLOTS_PER_BUS}",
            )
    expanders = sum(1 for node in host.nodes if node.devices)
    ports = bus_numbers.count(host.devices)
    if expanders + ports > _ROOT_SLOTS:
        raise TopologyError(
            f"{expanders} expander buses and {ports} NICs on no node make {expanders + ports}, "
            f"pcie-root has {_ROOT_SLOTS} slots for them",
            ("devices",) if ports else ("nodes",),
            hint="use fewer NICs on no node",
        )
