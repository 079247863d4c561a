# SPDX-License-Identifier: Apache-2.0
import os
import unittest
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.unit.strategies import hosts
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host.network.nat import NatNetwork
from vhost_tempest_plugin.host.network.uplink import Uplink
from vhost_tempest_plugin.hypervisor.domain import Boot, ManagementNic, Tap, parse, render
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.hardware import ControllerKind
from vhost_tempest_plugin.topology.layout import Layout, lay_out
from vhost_tempest_plugin.topology.model import Iommu

BOOT = Boot(
    kernel=Path("/images/vmlinux"),
    initrd=Path("/images/initrd"),
    command_line="console=ttyS0 quote=\"<&'",
    disk=Path("/hosts/disk.qcow2"),
    console_log=Path("/hosts/console.log"),
    firmware=Path("/usr/share/OVMF/OVMF_CODE_4M.fd"),
)
SHARES = tuple(Path(f"/images/tree-{number}.ext4") for number in range(1, 8))
UPLINK = NatNetwork("lan", IPv4Network("192.168.128.0/24"), 2, 1000, LibvirtUri.SYSTEM).uplink(1)
UUID_5 = UUID(int=5)
NO_IOMMU = Iommu(None, interrupt_remapping=False, caching_mode=False)
GOLDEN = Path(__file__).parent / "golden"
REGENERATE = "VHOST_REGENERATE_GOLDEN"


def xml_of(
    layout: Layout,
    accelerator: Accelerator = Accelerator.TCG,
    shares: tuple[Path, ...] = (),
    uplink: Uplink | None = None,
    *,
    internet: bool = False,
) -> str:
    tap = None if uplink is None else Tap(uplink.tap, uplink.mac)
    boot = replace(BOOT, shares=shares, uplink=tap, internet=internet)
    return render(layout, name="vhost-x", uuid=UUID_5, boot=boot, accelerator=accelerator)


class GoldenTest(unittest.TestCase):
    """VHOST_REGENERATE_GOLDEN=1 writes the files anew; read the difference before committing."""

    SHAPES = (
        ("article", xml_of(catalog.find("article"))),
        ("sriov", xml_of(catalog.find("sriov"))),
        ("no-iommu", xml_of(lay_out(replace(catalog.find("small").host, iommu=NO_IOMMU)))),
        ("kvm", xml_of(catalog.find("smt"), Accelerator.KVM)),
        ("efi", xml_of(catalog.find("wide"))),
        ("shares", xml_of(catalog.find("smt"), shares=SHARES)),
        ("uplink", xml_of(catalog.find("smt"), uplink=UPLINK)),
    )

    def test_golden(self) -> None:
        for shape, text in self.SHAPES:
            with self.subTest(shape):
                golden = GOLDEN / f"{shape}.xml"
                if os.environ.get(REGENERATE):
                    golden.write_text(text)
                self.assertEqual(
                    etree.canonicalize(golden.read_text(), strip_text=True),
                    etree.canonicalize(text, strip_text=True),
                    f"set {REGENERATE}=1 if this is meant",
                )


class ReachTest(unittest.TestCase):
    """A host's interfaces are on networks of which libvirt knows nothing."""

    def connections(self, text: str) -> dict[str, str]:
        """QEMU's option for the network of each interface, by the interface's alias."""
        domain = etree.fromstring(text)
        words = [each.get("value") for each in domain.iterfind("{*}commandline/{*}arg")]
        self.assertEqual({"-netdev"}, set(words[::2]))
        options = {word.split(",")[1].removeprefix("id="): word for word in words[1::2]}
        return {
            each.get("alias"): options[netdev.get("value")]
            for each in domain.iterfind("{*}override/{*}device")
            if (netdev := each.find("{*}frontend/{*}property[@name='netdev']")) is not None
        }

    def test_all_nics_for_guests_are_restricted(self) -> None:
        for accelerator in Accelerator:
            with self.subTest(accelerator):
                layout = catalog.find("article")
                text = xml_of(layout, accelerator, internet=True)
                _, *of_guests = self.connections(text).values()
                self.assertEqual(len(layout.devices), len(of_guests))
                for option in of_guests:
                    self.assertIn("restrict=on", option)

    def test_the_management_link_is_restricted_unless_the_host_has_the_internet(self) -> None:
        layout = catalog.find("small")
        for internet, restrict in ((False, "on"), (True, "off")):
            with self.subTest(internet=internet):
                connections = self.connections(xml_of(layout, internet=internet))
                options = f"user,id={ManagementNic.NETDEV},restrict={restrict}"
                self.assertEqual(options, connections["net0"])

    def test_an_uplink_is_a_tap_device_and_stays_one(self) -> None:
        layout = catalog.find("article")
        with_uplink = self.connections(xml_of(layout, uplink=UPLINK))
        self.assertEqual(self.connections(xml_of(layout)), with_uplink)


class X2ApicTest(unittest.TestCase):
    """Under emulation QEMU 10.0 loses acknowledgements that go through memory."""

    def test_the_cpus_and_the_iommu_have_it(self) -> None:
        layout = catalog.find("article")
        text = render(
            layout,
            name="vhost-x",
            uuid=UUID_5,
            boot=BOOT,
            accelerator=Accelerator.TCG,
            x2apic=True,
        )
        domain = etree.fromstring(text)
        self.assertEqual("require", domain.find("cpu/feature[@name='x2apic']").get("policy"))
        self.assertEqual("on", domain.find("devices/iommu/driver").get("eim"))
        self.assertEqual(layout, parse(text))

    def test_without_it_neither_is_named(self) -> None:
        text = xml_of(catalog.find("article"))
        self.assertNotIn("x2apic", text)
        self.assertNotIn("eim", text)


class RoundTripTest(unittest.TestCase):
    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(hosts(), st.sampled_from(Accelerator), st.integers(0, 7))
    def test_reads_back_equal(self, host, accelerator, shares) -> None:
        layout = lay_out(host)
        self.assertEqual(layout, parse(xml_of(layout, accelerator, SHARES[:shares])))

    def test_shares_move_nothing(self) -> None:
        layout = catalog.find("article")
        domain = etree.fromstring(xml_of(layout, shares=SHARES))
        own, *shared = domain.findall("devices/disk")
        for device in domain.findall("{*}override/{*}device"):
            if device.get("alias") in [f"virtio-disk{number + 1}" for number in range(len(shared))]:
                device.getparent().remove(device)
        self.assertEqual(
            ["vhost-share-1", "vhost-share-7"],
            [shared[0].findtext("serial"), shared[6].findtext("serial")],
        )
        self.assertEqual("on", own.find("address").attrib.pop("multifunction"))
        for disk in shared:
            self.assertIsNotNone(disk.find("readonly"))
            domain.find("devices").remove(disk)
        plain = etree.fromstring(xml_of(layout))
        self.assertEqual(
            etree.canonicalize(etree.tostring(plain, encoding="unicode"), strip_text=True),
            etree.canonicalize(etree.tostring(domain, encoding="unicode"), strip_text=True),
        )

    def test_an_uplink_moves_nothing(self) -> None:
        layout = catalog.find("article")
        text = xml_of(layout, uplink=UPLINK)
        self.assertEqual(layout, parse(text))
        domain = etree.fromstring(text)
        *others, last = domain.findall("devices/interface")
        self.assertEqual("ethernet", last.get("type"))
        self.assertEqual(
            ("no", UPLINK.tap), tuple(map(last.find("target").get, ("managed", "dev")))
        )
        self.assertEqual("on", others[0].find("address").attrib.pop("multifunction"))
        alias = f"net{len(others)}"
        domain.find("devices").remove(last)
        override = domain.find("{*}override")
        override.remove(override.find(f"{{*}}device[@alias='{alias}']"))
        plain = etree.fromstring(xml_of(layout))
        self.assertEqual(
            etree.canonicalize(etree.tostring(plain, encoding="unicode"), strip_text=True),
            etree.canonicalize(etree.tostring(domain, encoding="unicode"), strip_text=True),
        )

    def test_text_is_escaped(self) -> None:
        domain = etree.fromstring(xml_of(catalog.find("small")))
        self.assertEqual(BOOT.command_line, domain.findtext("os/cmdline"))

    def test_management_is_first_and_not_assignable(self) -> None:
        layout = catalog.find("article")
        domain = etree.fromstring(xml_of(layout))
        interfaces = domain.findall("devices/interface")
        self.assertEqual("virtio", interfaces[0].find("model").get("type"))
        self.assertEqual(layout.management_mac, interfaces[0].find("mac").get("address"))
        self.assertEqual(len(interfaces) - 1, len(parse(xml_of(layout)).devices))

    def test_no_device_is_left_to_libvirt(self) -> None:
        domain = etree.fromstring(xml_of(catalog.find("wide")))
        for element in domain.findall("devices/interface"):
            self.assertIsNotNone(element.find("address"))
        self.assertEqual(["none"], [b.get("model") for b in domain.findall("devices/memballoon")])
        usb = domain.findall("devices/controller[@type='usb']")
        self.assertEqual(["none"], [controller.get("model") for controller in usb])


class ChangedByHandTest(unittest.TestCase):
    """What a person did to the domain is read as it is."""

    def setUp(self) -> None:
        self.layout = catalog.find("article")
        self.domain = etree.fromstring(xml_of(self.layout))

    def parsed(self) -> Layout:
        return parse(etree.tostring(self.domain, encoding="unicode"))

    def test_expander_on_another_node(self) -> None:
        self.domain.find("devices/controller[@model='pcie-expander-bus']/target/node").text = "2"
        nodes = {str(d.address)[5:7]: d.node for d in self.parsed().devices}
        self.assertEqual((2, 1, 2), (nodes["b5"], nodes["c9"], nodes["dd"]))

    def test_nic_removed(self) -> None:
        devices = self.domain.find("devices")
        devices.remove(devices.findall("interface")[-1])
        parsed = self.parsed()
        self.assertEqual(self.layout.devices[:-1], parsed.devices)
        self.assertEqual(2, parsed.host.nodes[2].devices[0].count)

    def test_nic_added(self) -> None:
        devices = self.domain.find("devices")
        extra = etree.fromstring(etree.tostring(devices.findall("interface")[-1]))
        extra.find("mac").set("address", "52:54:00:00:00:99")
        extra.find("address").set("slot", "0x01")
        devices.append(extra)
        added = self.parsed().host.nodes[2].devices[1]
        self.assertEqual((1, ("52:54:00:00:00:99",)), (added.count, added.macs))

    def test_switch_below_a_root_port(self) -> None:
        port = self.layout.devices[0].parent
        place = "<address type='pci' domain='0' bus='{}' slot='{}' function='0'/></controller>"
        pci = "<controller type='pci' index='{}' model='pcie-switch-{}'>"
        devices = self.domain.find("devices")
        for index, kind, bus, slot in (
            (90, "upstream-port", port, 0),
            (91, "downstream-port", 90, 0),
            (92, "downstream-port", 90, 1),
        ):
            xml = pci.format(index, kind) + place.format(bus, slot)
            devices.append(etree.fromstring(xml))
        buses = {c.index: c.guest_bus for c in self.parsed().controllers}
        self.assertEqual([181, 182, 183, 184], [buses[i] for i in (port, 90, 91, 92)])
        self.assertEqual(185, buses[port + 1])
        self.assertIn(
            ControllerKind.PCIE_SWITCH_UPSTREAM_PORT, {c.kind for c in self.parsed().controllers}
        )


class RefusalTest(unittest.TestCase):
    def refused(self, xml: str, *words: str) -> None:
        with self.assertRaises(InputError) as caught:
            parse(xml)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_not_xml(self) -> None:
        self.refused("nodes: []", "not XML")

    def test_another_domain(self) -> None:
        self.refused("<domain><name>mine</name></domain>", "'mine'", "not made by vhost")

    def test_entities_are_not_read(self) -> None:
        hostile = "<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><domain>&e;</domain>"
        self.refused(hostile, "not made by vhost")

    def test_damaged(self) -> None:
        xml = xml_of(catalog.find("small"))
        self.refused(xml.replace('binding="kernel"', 'binding="x"'), "metadata", "'x'")
        self.refused(xml.replace("<topology ", "<topologie "), "cpu/topology")
        self.refused(xml.replace('busNr="', 'busNr="x'), "malformed")

    def test_efi_needs_its_image(self) -> None:
        layout = catalog.find("wide")
        boot = replace(BOOT, firmware=None)
        with self.assertRaisesRegex(InputError, "72 NICs.*ovmf"):
            render(layout, name="x", uuid=UUID_5, boot=boot, accelerator=Accelerator.TCG)
