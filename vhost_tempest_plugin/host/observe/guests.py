# SPDX-License-Identifier: Apache-2.0
"""What a compute host says of its devices and who holds them, in one go.

``script`` is run inside the host; ``read`` makes a HostView of what it prints and of what
libvirt says of the guests.
"""

import re
from collections.abc import Iterable, Iterator
from importlib import resources

from vhost_tempest_plugin.host.observe.host_view import HostDevice, HostView
from vhost_tempest_plugin.host.observe.sysfs import convert, unreadable
from vhost_tempest_plugin.hypervisor import domain
from vhost_tempest_plugin.topology.pci import PciAddress

_SECTIONS = ("values", "links", "holders", "end")
_MEMORY = re.compile(r"/sys/devices/system/node/node(\d+)/meminfo:Node \d+ MemTotal:\s+(\d+) kB")
_NODE = re.compile(r"/sys/bus/pci/devices/([0-9a-f:.]+)/numa_node:(-?\d+)")
_LINK = re.compile(r"/sys/bus/pci/devices/([0-9a-f:.]+)/? (driver|iommu_group) (?:.*/)?([^/ ]+)")
_HOLDER = re.compile(r"(\d+) (\d+) (.*)")
_UUID = re.compile(r" -uuid ([0-9a-f-]{36})( |\Z)")


def script() -> str:
    """The POSIX shell script whose output ``read`` takes; it wants to be run as root."""
    return resources.files(__package__).joinpath("guests.sh").read_text(encoding="utf-8")


def read(text: str, domains: Iterable[str]) -> HostView:
    """Take the script's output apart.

    :param domains: the XML of libvirt's
    :raises HostError: a section is missing or a line has another form
    """
    sections = _sections(text)
    nodes = dict(_matches(_NODE, sections["values"]))
    links = {(m[1], m[2]): m[3] for m in _all(_LINK, sections["links"])}
    holders: dict[int, set[str]] = {}
    for match in _all(_HOLDER, sections["holders"]):
        found = _UUID.search(f" {match[3]}")
        who = found[1] if found else f"process {match[2]} ({match[3].strip()[:80]})"
        holders.setdefault(int(match[1]), set()).add(who)
    devices = {}
    for name, node in nodes.items():
        address = convert("PCI address", name, PciAddress.parse)
        number = links.get((name, "iommu_group"))
        group = None if number is None else convert("IOMMU group", number, int)
        devices[address] = HostDevice(
            address=address,
            node=None if int(node) < 0 else int(node),
            driver=links.get((name, "driver")),
            group=group,
            holders=frozenset(holders.get(group, ()) if group is not None else ()),
        )
    memory = {int(n): int(kib) for n, kib in _matches(_MEMORY, sections["values"])}
    guests = [domain.parse_guest(xml) for xml in domains]
    return HostView(devices, memory, {guest.uuid: guest for guest in guests})


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("== "):
            lines = sections.setdefault(line.removeprefix("== "), [])
        else:
            lines.append(line)
    if missing := [name for name in _SECTIONS if name not in sections]:
        raise unreadable(f"account of its guests (no section {missing[0]!r})", text[-200:])
    return sections


def _matches(pattern: re.Pattern[str], lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if match := pattern.fullmatch(line):
            yield match[1], match[2]


def _all(pattern: re.Pattern[str], lines: list[str]) -> Iterator[re.Match[str]]:
    for line in lines:
        match = pattern.fullmatch(line.rstrip())
        if match is None:
            raise unreadable("account of its guests", line)
        yield match
