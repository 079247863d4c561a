# SPDX-License-Identifier: Apache-2.0
"""A network as libvirt's XML, and what subnets others have."""

from ipaddress import IPv4Interface, IPv4Network

from lxml import etree

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host.network.nat import NatNetwork
from vhost_tempest_plugin.hypervisor import xml_text


def render_network(network: NatNetwork) -> str:
    """The XML of *network*.

    Its hosts have fixed addresses and the machine's own names, so that libvirt has no server of
    DHCP or DNS to run.
    """
    identity = network.identity
    root = etree.Element("network")
    etree.SubElement(root, "name").text = identity.libvirt_name
    etree.SubElement(root, "uuid").text = str(identity.uuid)
    etree.SubElement(root, "forward", mode="nat")
    etree.SubElement(root, "bridge", name=identity.bridge, stp="off", delay="0")
    etree.SubElement(root, "mac", address=identity.mac(0))
    etree.SubElement(root, "dns", enable="no")
    gateway = network.gateway
    etree.SubElement(root, "ip", address=str(gateway.ip), prefix=str(gateway.network.prefixlen))
    etree.indent(root)
    return etree.tostring(root, encoding="unicode") + "\n"


def subnets(xml: str) -> tuple[IPv4Network, ...]:
    """What IPv4 addresses a network of libvirt's has, or has a route to.

    :raises HostError: it is no network's XML
    """
    try:
        root = xml_text.parse(xml)
        return tuple(
            IPv4Interface((element.attrib["address"], _mask(element))).network
            for element in root.iterfind("*[@address]")
            if element.tag in ("ip", "route") and element.get("family", "ipv4") == "ipv4"
        )
    except (KeyError, ValueError) as error:
        raise HostError(
            f"libvirt's XML of a network cannot be read ({error})", hint="see 'virsh net-dumpxml'"
        ) from None


def _mask(element: etree._Element) -> str:
    """Libvirt takes the class of the address where neither is given (virSocketAddrGetIPPrefix)."""
    given = element.get("prefix") or element.get("netmask")
    if given:
        return given
    first = int(element.attrib["address"].split(".")[0])
    return "8" if first < 128 else "16" if first < 192 else "24"
