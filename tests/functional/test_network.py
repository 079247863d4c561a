# SPDX-License-Identifier: Apache-2.0
"""Networks with libvirt's test driver, which makes no bridge, and a stand-in for ``ip``."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import libvirt
from lxml import etree

from tests.unit.test_network import LAN
from vhost_tempest_plugin.errors import BusyError, HostError, InputError, LocalError
from vhost_tempest_plugin.host.network import lifecycle, registry, taps, xml
from vhost_tempest_plugin.host.network.lifecycle import NetworkSpec, NetworkState
from vhost_tempest_plugin.host.network.nat import Identity
from vhost_tempest_plugin.hypervisor import Networks
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri

_SCHEMA = Path("/usr/share/libvirt/schemas/network.rng")
_URI = LibvirtUri.TEST
# Interfaces are directories, and what "ip" prints is in a file.
_IP = """\
#!/bin/sh
echo "$*" >>"$STAND_IN/said"
case "$1 $2" in
    "tuntap add") mkdir "$STAND_IN/net/$4"; echo 0 >"$STAND_IN/net/$4/carrier" ;;
    "link set") [ -d "$STAND_IN/net/$4" ] || { echo "Cannot find device" >&2; exit 1; } ;;
    "link delete") rm -r "$STAND_IN/net/$4" ;;
    "-json -4") cat "$STAND_IN/$3" ;;
esac
"""


class NetworkTest(unittest.TestCase):
    def setUp(self) -> None:
        # The driver forgets all where nobody is connected to it.
        self.libvirt = libvirt.open(_URI)
        self.addCleanup(self.libvirt.close)
        home = self.home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.said = home / "said"
        self.interfaces = home / "net"
        self.interfaces.mkdir()
        (home / "address").write_text(
            '[{"ifname": "eth0", "addr_info": [{"local": "192.168.128.9", "prefixlen": 24}]}, {}]'
        )
        (home / "route").write_text('[{"dst": "default"}, {"dst": "192.168.129.0/24"}, {}]')
        program = home / "ip"
        program.write_text(_IP)
        program.chmod(0o755)
        path = f"{home}:{os.environ['PATH']}"
        environment = {"PATH": path, "STAND_IN": str(home), "VHOST_RUN_DIR": str(home / "run")}
        self.enterContext(mock.patch.dict(os.environ, environment))
        self.enterContext(mock.patch.object(taps, "_INTERFACES", self.interfaces))
        self.enterContext(mock.patch("os.geteuid", return_value=0))
        self.news: list[str] = []
        self.addCleanup(self.end)

    def end(self) -> None:
        for found in self.libvirt.listAllNetworks():
            if found.name().startswith("vhost-"):
                found.destroy()

    def create(self, name: str = "lan", ports: int = 2, owner: int = 1000) -> None:
        lifecycle.create(NetworkSpec(name, ports, owner, _URI), self.news.append)

    def destroy(self, name: str = "lan", *, missing_ok: bool = False) -> None:
        lifecycle.destroy(name, self.news.append, missing_ok=missing_ok)

    def xml_of_all(self) -> list[str]:
        return [found.XMLDesc() for found in self.libvirt.listAllNetworks()]

    def names(self) -> list[str]:
        return sorted(found.name() for found in self.libvirt.listAllNetworks())

    def test_the_xml_is_one_of_libvirts_schema(self) -> None:
        schema = etree.RelaxNG(etree.parse(_SCHEMA))
        schema.assertValid(etree.fromstring(xml.render_network(LAN)))

    def test_created_and_destroyed(self) -> None:
        self.create()
        self.assertEqual(["default", "vhost-lan"], self.names())
        identity = Identity("lan")
        found = self.libvirt.networkLookupByName("vhost-lan")
        self.assertEqual(str(identity.uuid), found.UUIDString())
        self.assertFalse(found.isPersistent())
        network = registry.read("lan")
        # The machine's own address and route are left alone.
        self.assertEqual("192.168.130.0/24", str(network.subnet))
        for tap in network.taps:
            self.assertIn(f"tuntap add dev {tap} mode tap user 1000", self.said.read_text())
            self.assertIn(f"link set dev {tap} master {identity.bridge} up", self.said.read_text())
        self.destroy()
        self.assertEqual(["default"], self.names())
        self.assertEqual([], list(self.interfaces.iterdir()))
        self.assertEqual([], registry.names())
        with self.assertRaisesRegex(InputError, "there is no network 'lan'; see 'vhost network"):
            self.destroy()
        self.destroy(missing_ok=True)

    def test_created_again_nothing_changes(self) -> None:
        self.create()
        record, before = registry.read("lan"), self.said.read_text().count("tuntap")
        self.create()
        self.assertEqual(record, registry.read("lan"))
        self.assertEqual(before, self.said.read_text().count("tuntap"))

    def test_another_shape_is_refused(self) -> None:
        self.create()
        for words, said in (
            (
                {"ports": 3},
                "was created with --ports 2, not 3; run 'sudo vhost network destroy lan' first",
            ),
            ({"owner": 0}, "was created with --owner 1000, not 0"),
        ):
            with self.subTest(said), self.assertRaisesRegex(InputError, said):
                self.create(**words)

    def test_two_have_nothing_in_common(self) -> None:
        self.create()
        self.create("wan")
        one, two = registry.read("lan"), registry.read("wan")
        self.assertFalse(one.subnet.overlaps(two.subnet))
        self.assertFalse(set(one.taps) & set(two.taps))
        self.destroy()
        self.assertEqual(set(two.taps), {path.name for path in self.interfaces.iterdir()})
        self.assertEqual(["default", "vhost-wan"], self.names())

    def test_what_a_killed_create_left_is_completed_or_removed(self) -> None:
        for after in (self.create, self.destroy):
            with (
                self.subTest(after=after.__name__),
                mock.patch.object(taps, "add", side_effect=KeyboardInterrupt),
                self.assertRaises(KeyboardInterrupt),
            ):
                self.create()
            [status] = lifecycle.overview()
            self.assertEqual(NetworkState.INCOMPLETE, status.state)
            after()
        self.assertEqual((["default"], []), (self.names(), registry.names()))

    @mock.patch.object(lifecycle, "DEFAULT_URI", _URI)
    def test_without_its_record_it_is_made_anew_or_removed(self) -> None:
        for after in (self.create, self.destroy):
            with self.subTest(after=after.__name__):
                self.create(owner=1000)
                old = registry.read("lan")
                # Then another subnet is the first that is free, and the owner is another.
                (self.home / "address").write_text(
                    '[{"addr_info": [{"local": "192.168.130.1", "prefixlen": 24}]}]'
                )
                registry.forget("lan")
                self.said.unlink()
                if after == self.create:
                    self.create(owner=1001)
                    network = registry.read("lan")
                    self.assertNotEqual(old.subnet, network.subnet)
                    [xml_] = [x for x in self.xml_of_all() if "vhost-lan" in x]
                    self.assertEqual((network.subnet,), xml.subnets(xml_))
                    said = self.said.read_text()
                    for tap in network.taps:
                        self.assertIn(f"tuntap add dev {tap} mode tap user 1001", said)
                self.destroy()
                self.assertEqual(["default"], self.names())
                self.assertEqual([], list(self.interfaces.iterdir()))

    @mock.patch.object(lifecycle, "DEFAULT_URI", _URI)
    def test_without_its_record_it_stays_while_a_host_has_a_port(self) -> None:
        self.create()
        tap = registry.read("lan").taps[1]
        (self.interfaces / tap / "carrier").write_text("1\n")
        registry.forget("lan")
        for act in (self.create, self.destroy):
            with self.assertRaisesRegex(BusyError, f"a host has {tap} of network 'lan'"):
                act()
        self.assertEqual([], registry.names())
        self.assertEqual(["default", "vhost-lan"], self.names())

    def test_recorded_before_anything_is_made(self) -> None:
        with (
            mock.patch.object(Networks, "create", side_effect=HostError("no")),
            self.assertRaises(HostError),
        ):
            self.create()
        self.assertEqual(["lan"], registry.names())
        self.destroy()

    def test_a_damaged_record_does_not_keep_it(self) -> None:
        self.create()
        with registry.changing():
            (registry.paths.networks() / "lan.json").write_text("{")
        with mock.patch.object(lifecycle, "DEFAULT_URI", _URI):
            self.destroy()
        self.assertEqual(["default"], self.names())
        self.assertEqual([], list(self.interfaces.iterdir()))

    def test_somebody_elses_network_of_that_name_stays(self) -> None:
        xml = "<network><name>vhost-lan</name><bridge name='other0'/></network>"
        other = self.libvirt.networkCreateXML(xml)
        with self.assertRaisesRegex(HostError, "cannot start the network: .*vhost-lan"):
            self.create()
        self.destroy()
        self.assertTrue(other.isActive())

    def test_a_port_that_a_host_has_keeps_all(self) -> None:
        self.create()
        tap = registry.read("lan").taps[1]
        (self.interfaces / tap / "carrier").write_text("1\n")
        with self.assertRaisesRegex(
            BusyError, f"a host has {tap} of network 'lan'; destroy that host first"
        ):
            self.destroy()
        self.assertEqual(["default", "vhost-lan"], self.names())

    def test_only_root(self) -> None:
        self.create()
        with mock.patch("os.geteuid", return_value=1000):
            for act in (self.create, self.destroy):
                with self.assertRaisesRegex(InputError, "only root can .*; put 'sudo' before"):
                    act()
            self.destroy("wan", missing_ok=True)

    def test_what_the_machine_lacks(self) -> None:
        with (
            mock.patch.object(libvirt, "open", side_effect=libvirt.libvirtError("no socket")),
            self.assertRaisesRegex(LocalError, "install 'libvirt-daemon-system' and start"),
        ):
            self.create()
        with (
            mock.patch("shutil.which", return_value=None),
            self.assertRaisesRegex(LocalError, "'ip' is not installed; run 'vhost doctor'"),
        ):
            self.create()
