# SPDX-License-Identifier: Apache-2.0
"""The part of a host that libvirt's domain XML has no place for, as its metadata element.

    <vhost:host xmlns:vhost="urn:vhost-tempest-plugin:host:1" name="small" machine="q35">
      <vhost:management mac="made-up"/>
      <vhost:node id="0" bus="chosen">
        <vhost:hugepages size-kib="2048" count="64"/>
        <vhost:group count="3" vfs="0" binding="kernel" macs="made-up"/>
      </vhost:node>
      <vhost:group count="1" vfs="0" binding="kernel" macs="given"/>
    </vhost:host>

The groups outside the nodes are those on no node.
"""

from dataclasses import dataclass

from lxml import etree

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.topology.model import Binding, DeviceGroup, Host, HugePages

NAMESPACE = "urn:vhost-tempest-plugin:host:1"

_GIVEN = "given"  # by the topology
_MADE_UP = "made-up"
_CHOSEN = "chosen"  # by the layout

_Element = etree._Element


@dataclass(frozen=True, slots=True)
class GroupNote:
    """What is noted of a device group; its model and addresses are in the domain itself."""

    count: int
    vfs: int
    binding: Binding
    macs_given: bool


@dataclass(frozen=True, slots=True)
class NodeNote:
    """What is noted of a NUMA node, or of no node at all."""

    bus_given: bool = False
    huge_pages: tuple[HugePages, ...] = ()
    groups: tuple[GroupNote, ...] = ()


@dataclass(frozen=True, slots=True)
class HostNote:
    """What is noted of a host; ``nodes`` by node id, None for what is on no node."""

    name: str
    machine: str
    management_mac_given: bool
    nodes: dict[int | None, NodeNote]


def describe(host: Host) -> _Element:
    """The metadata element of *host*."""
    root = etree.Element(
        _tag("host"), {"name": host.name, "machine": host.machine}, nsmap={"vhost": NAMESPACE}
    )
    etree.SubElement(
        root, _tag("management"), mac=_MADE_UP if host.management.mac is None else _GIVEN
    )
    for node in host.nodes:
        bus = _CHOSEN if node.bus is None else _GIVEN
        element = etree.SubElement(root, _tag("node"), id=str(node.id), bus=bus)
        for pages in node.huge_pages:
            facts = {"size-kib": str(pages.size_kib), "count": str(pages.count)}
            etree.SubElement(element, _tag("hugepages"), facts)
        for group in node.devices:
            _describe_group(element, group)
    for group in host.devices:
        _describe_group(root, group)
    return root


def read(domain: _Element) -> HostNote:
    """The note in a domain element.

    :raises InputError: it has none, or one that this program did not write
    """
    root = domain.find(f"metadata/{_tag('host')}")
    if root is None:
        name = domain.findtext("name")
        raise InputError(f"domain {name!r} was not made by vhost: it has no {NAMESPACE} metadata")
    try:
        nodes: dict[int | None, NodeNote] = {
            int(element.attrib["id"]): _read_node(element)
            for element in root.iterfind(_tag("node"))
        }
        nodes[None] = _read_node(root)
        management = root.find(_tag("management"))
        return HostNote(
            name=root.attrib["name"],
            machine=root.attrib["machine"],
            management_mac_given=management is not None and management.get("mac") == _GIVEN,
            nodes=nodes,
        )
    except (KeyError, ValueError) as error:
        raise InputError(
            f"the {NAMESPACE} metadata of domain {domain.findtext('name')!r} is damaged ({error})",
            hint="destroy the host and make it anew",
        ) from None


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _describe_group(parent: _Element, group: DeviceGroup) -> None:
    etree.SubElement(
        parent,
        _tag("group"),
        count=str(group.count),
        vfs=str(group.vfs),
        binding=group.binding.value,
        macs=_GIVEN if group.macs else _MADE_UP,
    )


def _read_node(element: _Element) -> NodeNote:
    return NodeNote(
        bus_given=element.get("bus") == _GIVEN,
        huge_pages=tuple(
            HugePages(int(pages.attrib["size-kib"]), int(pages.attrib["count"]))
            for pages in element.iterfind(_tag("hugepages"))
        ),
        groups=tuple(
            GroupNote(
                int(group.attrib["count"]),
                int(group.attrib["vfs"]),
                Binding(group.attrib["binding"]),
                group.attrib["macs"] == _GIVEN,
            )
            for group in element.iterfind(_tag("group"))
        ),
    )
