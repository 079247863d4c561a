# SPDX-License-Identifier: Apache-2.0
"""What nova-compute's options lead to on a host: its CPUs, its devices, what it reports of them.

nova/virt/libvirt/driver.py (``_get_vcpu_available``, ``_get_pcpu_available``),
nova/virt/hardware.py (``parse_cpu_spec``) and nova/pci/whitelist.py, 34.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vhost_tempest_plugin.nova import device_spec, pci_devices
from vhost_tempest_plugin.nova.device_spec import Entry
from vhost_tempest_plugin.nova.pci_devices import CpuSets, PciDeviceRow
from vhost_tempest_plugin.topology.layout import Layout

# By section; a tuple is a multi-valued option, one value a time that it is written.
Options = Mapping[str, Mapping[str, str | tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class ComputeOptions:
    """The options of nova-compute on one host, as far as its inventory depends on them.

    :param cpus: those that instances float over, and those that instances are pinned to
    :param entries: ``[pci]device_spec``
    :param devices: the functions that Nova tracks, ascending by address
    :param reports_devices: ``[pci]report_in_placement``
    :param memory_mib: ``[libvirt]file_backed_memory``; 0 where instances have the host's own
    """

    cpus: CpuSets
    entries: tuple[Entry, ...]
    devices: tuple[PciDeviceRow, ...]
    reports_devices: bool
    memory_mib: int


def read(options: Options, layout: Layout) -> ComputeOptions:
    """What *options* lead to on a host with this hardware.

    :raises InterfaceNameError: which devices they mean depends on names of network interfaces
    :raises ValueError: Nova would not take one of them
    """

    def values(section: str, option: str) -> tuple[str, ...]:
        found = options.get(section, {}).get(option, ())
        each = found if isinstance(found, tuple) else (found,)
        return tuple(value.replace("$$", "$") for value in each)

    def last(section: str, option: str) -> str:
        return next(reversed(values(section, option)), "").strip()

    entries = device_spec.read(values("pci", "device_spec"))
    tracked = device_spec.tracked(
        pci_devices.functions(layout), entries, pci_devices.physical_functions(layout)
    )
    return ComputeOptions(
        cpus=_cpus(
            layout,
            legacy=last("DEFAULT", "vcpu_pin_set"),
            shared=last("compute", "cpu_shared_set"),
            dedicated=last("compute", "cpu_dedicated_set"),
        ),
        entries=entries,
        devices=tuple(sorted(tracked, key=lambda row: row.address)),
        reports_devices=device_spec.is_true(last("pci", "report_in_placement")),
        memory_mib=int(last("libvirt", "file_backed_memory") or "0"),
    )


def parse_cpu_spec(text: str) -> frozenset[int]:
    """The CPUs of a list such as ``0-7,^3``, in which ``^`` leaves some out.

    :raises ValueError: for anything else
    """
    wanted: set[int] = set()
    unwanted: set[int] = set()
    for rule in filter(None, map(str.strip, text.split(","))):
        chosen = unwanted if rule.startswith("^") else wanted
        first, _, last = rule.removeprefix("^").partition("-")
        try:
            numbers = range(int(first), int(last or first) + 1)
        except ValueError:
            raise ValueError(f"{rule!r} is no CPU, nor a range of CPUs such as '0-3'") from None
        if not numbers:
            raise ValueError(f"{rule!r} runs backwards")
        chosen.update(numbers)
    return frozenset(wanted - unwanted)


def _cpus(layout: Layout, legacy: str, shared: str, dedicated: str) -> CpuSets:
    pinned = parse_cpu_spec(dedicated)
    if legacy or shared:
        return CpuSets(parse_cpu_spec(legacy or shared), pinned)
    every = frozenset(cpu for node in layout.host.nodes for cpu in node.cpus)
    return CpuSets(frozenset() if pinned else every, pinned)
