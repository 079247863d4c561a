# SPDX-License-Identifier: Apache-2.0
"""Networks between hosts: names, addresses, XML, records, and which port a host gets."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import tempfile
import unittest
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from unittest import mock
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.unit import users
from vhost_tempest_plugin.errors import BusyError, HostError, InputError, LocalError
from vhost_tempest_plugin.host import lifecycle
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.network import registry, subnet, taps, uplink, uplinks, xml
from vhost_tempest_plugin.host.network.lifecycle import NetworkState, overview
from vhost_tempest_plugin.host.network.nat import MOST_PORTS, Identity, NatNetwork
from vhost_tempest_plugin.host.network.uplink import Uplink, UplinkSpec
from vhost_tempest_plugin.host.record import HostRecord, Phase
from vhost_tempest_plugin.host.spec import HostSpec
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.topology.layout import made_up_macs
from vhost_tempest_plugin.util.file_lock import FileLock
from vhost_tempest_plugin.util.progress import silent

LAN = NatNetwork("lan", IPv4Network("192.168.128.0/24"), 2, os.geteuid(), LibvirtUri.SYSTEM)


class NatNetworkTest(unittest.TestCase):
    def test_the_machine_is_first_and_the_ports_follow(self) -> None:
        self.assertEqual(IPv4Interface("192.168.128.1/24"), LAN.gateway)
        found = LAN.uplink(1)
        self.assertEqual(IPv4Interface("192.168.128.3/24"), found.address)
        self.assertEqual(IPv4Address("192.168.128.1"), found.gateway)
        self.assertEqual("lan:1", str(found))

    def test_the_last_port_is_no_broadcast(self) -> None:
        full = dataclasses.replace(LAN, ports=MOST_PORTS)
        last = full.uplink(MOST_PORTS - 1)
        self.assertEqual("192.168.128.255", str(last.address.network.broadcast_address))
        self.assertEqual("192.168.128.254", str(last.address.ip))
        macs = {full.uplink(port).mac for port in range(MOST_PORTS)} | {full.identity.mac(0)}
        self.assertEqual(MOST_PORTS + 1, len(macs))

    def test_what_it_cannot_be(self) -> None:
        for words, said in (
            ({"ports": 0}, "1 to 253 ports, and not 0"),
            ({"ports": MOST_PORTS + 1}, "and not 254"),
            ({"name": "a/b"}, "'a/b' is no network name"),
        ):
            with self.subTest(said), self.assertRaisesRegex(InputError, said):
                dataclasses.replace(LAN, **words)
        for port in (-1, 2):
            with self.assertRaisesRegex(InputError, f"the ports 0 to 1, and no {port}"):
                LAN.uplink(port)

    @given(st.from_regex(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True))
    def test_names_fit_the_kernel(self, name: str) -> None:
        identity = Identity(name)
        for interface in (identity.bridge, identity.tap(MOST_PORTS - 1)):
            self.assertLessEqual(len(interface.encode()), 15)
        first = int(identity.mac(3).split(":")[0], 16)
        self.assertEqual(0b10, first & 0b11, "locally administered, of one")

    def test_its_addresses_are_none_of_a_topologys(self) -> None:
        made_up = next(made_up_macs(catalog.find("article").host))
        self.assertNotEqual(made_up[:2], LAN.uplink(0).mac[:2])


class UplinkSpecTest(unittest.TestCase):
    def test_what_is_specified(self) -> None:
        self.assertEqual(UplinkSpec("lan"), uplink.parse("lan"))
        self.assertEqual(UplinkSpec("a-1", 12), uplink.parse("a-1:12"))
        for text in ("", ":1", "lan:", "lan:x", "lan:-1", "a/b", "LAN", "lan:1:2", "lan\n"):
            with self.subTest(text), self.assertRaisesRegex(InputError, "is no network; give"):
                uplink.parse(text)

    def test_whether_a_host_has_it(self) -> None:
        found = LAN.uplink(1)
        self.assertTrue(UplinkSpec("lan").admits(found))
        self.assertTrue(uplink.parse(str(found)).admits(found))
        for spec in (UplinkSpec("lan", 0), UplinkSpec("wan"), UplinkSpec("wan", 1)):
            self.assertFalse(spec.admits(found))
        self.assertFalse(UplinkSpec("lan").admits(None))


class SubnetTest(unittest.TestCase):
    def test_the_first_that_overlaps_nothing(self) -> None:
        networks = ("192.168.128.0/25", "192.168.129.77/32", "192.168.130.0/23", "0.0.0.0/32")
        self.assertEqual(IPv4Network("192.168.132.0/24"), subnet.free(map(IPv4Network, networks)))
        self.assertEqual(IPv4Network("172.28.0.0/24"), subnet.free([IPv4Network("192.168.0.0/16")]))

    def test_a_vpn_that_replaces_the_default_route_takes_no_subnet(self) -> None:
        for vpn in (("0.0.0.0/1", "128.0.0.0/1"), ("0.0.0.0/0",), ("128.0.0.0/2", "192.0.0.0/7")):
            with self.subTest(vpn):
                occupied = map(IPv4Network, (*vpn, "192.168.128.0/24"))
                self.assertEqual(IPv4Network("192.168.129.0/24"), subnet.free(occupied))

    def test_all_are_private_and_nobodys_by_habit(self) -> None:
        others = (
            *("192.168.122.0/24", "10.0.2.0/24", "10.0.0.0/22", "172.24.4.0/24"),
            *("172.17.0.0/16", "192.168.0.0/20"),
        )
        for each in subnet.candidates():
            self.assertTrue(each.is_private)
            self.assertFalse(any(each.overlaps(IPv4Network(other)) for other in others), each)

    def test_none_is_free(self) -> None:
        taken = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
        with self.assertRaisesRegex(LocalError, "^no /24 of .* is free: .*'ip route.*needed$"):
            subnet.free(map(IPv4Network, taken))


class XmlTest(unittest.TestCase):
    def test_a_network(self) -> None:
        root = etree.fromstring(xml.render_network(LAN))
        self.assertEqual("vhost-lan", root.findtext("name"))
        self.assertEqual(str(LAN.identity.uuid), root.findtext("uuid"))
        self.assertEqual("nat", root.find("forward").get("mode"))
        self.assertEqual("no", root.find("dns").get("enable"))
        self.assertIsNone(root.find("ip/dhcp"))
        self.assertEqual((LAN.subnet,), xml.subnets(xml.render_network(LAN)))

    def test_subnets_of_others(self) -> None:
        for inner, expected in (
            ("<ip address='192.168.122.1' netmask='255.255.255.0'/>", ["192.168.122.0/24"]),
            ("<ip family='ipv4' address='172.30.1.9'/>", ["172.30.0.0/16"]),
            ("<ip family='ipv6' address='fd00::1' prefix='64'/>", []),
            ("<bridge name='br0'/><mac address='52:54:00:00:00:01'/>", []),
            ("<route address='10.9.0.0' prefix='16' gateway='10.1.1.1'/>", ["10.9.0.0/16"]),
        ):
            with self.subTest(inner):
                found = xml.subnets(f"<network>{inner}</network>")
                self.assertEqual(expected, [str(each) for each in found])
        for text in ("", "<network><ip address='x'/></network>"):
            with self.subTest(text), self.assertRaisesRegex(HostError, "cannot be read"):
                xml.subnets(text)


class KeptTest(unittest.TestCase):
    """With a directory of networks of the test's own."""

    def setUp(self) -> None:
        self.home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        places = {"VHOST_RUN_DIR": str(self.home / "run"), "XDG_STATE_HOME": str(self.home)}
        self.enterContext(mock.patch.dict(os.environ, places))
        self.interfaces = self.home / "net"
        self.enterContext(mock.patch.object(taps, "_INTERFACES", self.interfaces))

    def interface(self, name: str, *, owner: int = os.geteuid(), taken: bool = False) -> None:
        place = self.interfaces / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "owner").write_text(f"{owner}\n")
        (place / "carrier").write_text(f"{int(taken)}\n")

    def made(self, network: NatNetwork = LAN) -> None:
        with registry.changing():
            registry.write(network)
        for name in (network.identity.bridge, *network.taps):
            self.interface(name)

    def host(self, name: str, linked: Uplink | None) -> HostRecord:
        directory = HostDirectory.of(name)
        directory.path.mkdir(parents=True, exist_ok=True)
        record = HostRecord(name, UUID(int=1), "small", Accelerator.TCG, "", uplink=linked)
        directory.write(record)
        directory.topology.write_text(yaml_file.dump(catalog.find("small").host))
        return record


class RegistryTest(KeptTest):
    def test_what_is_written_everybody_reads(self) -> None:
        self.made()
        self.assertEqual(LAN, registry.read("lan"))
        file = self.home / "run/networks/lan.json"
        self.assertEqual(0o644, file.stat().st_mode & 0o777)
        self.assertEqual(0o755, file.parent.stat().st_mode & 0o777)
        self.assertEqual(["lan"], registry.names())
        registry.forget("lan")
        registry.forget("lan")
        self.assertEqual([], overview())

    def test_one_command_at_a_time(self) -> None:
        with (
            registry.changing(),
            self.assertRaisesRegex(BusyError, "another command changes"),
        ):
            registry.changing().__enter__()
        with registry.changing():
            pass

    def test_modes_are_the_same_with_any_umask(self) -> None:
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)
        for umask in (0o000, 0o002, 0o027, 0o077):
            with self.subTest(umask=oct(umask)):
                os.umask(umask)
                self.made()
                os.umask(0o022)
                for path, mode in (
                    ("run", 0o755),
                    ("run/networks", 0o755),
                    ("run/networks/lan.json", 0o644),
                    ("run/networks/lock", 0o600),
                ):
                    self.assertEqual(mode, (self.home / path).stat().st_mode & 0o7777, path)
                shutil.rmtree(self.home / "run")

    def test_what_others_could_have_written_is_not_believed(self) -> None:
        for path, mode in (
            ("run", 0o777),
            ("run/networks", 0o777),
            ("run/networks/lan.json", 0o666),
            ("run/networks/lan.json", 0o664),
        ):
            with self.subTest(path=path, mode=oct(mode)):
                self.made()
                os.chown(self.home / path, -1, os.getgid() or 4711)
                (self.home / path).chmod(mode)
                with self.assertRaisesRegex(LocalError, "'sudo rm -r .*/run', and create"):
                    registry.read("lan")
                if not path.endswith(".json"):
                    with self.assertRaisesRegex(LocalError, "'sudo rm -r .*/run', and create"):
                        registry.changing().__enter__()
                shutil.rmtree(self.home / "run")

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a file away")
    def test_what_belongs_to_another_is_not_believed(self) -> None:
        for path in ("run", "run/networks", "run/networks/lan.json"):
            with self.subTest(path):
                self.made()
                os.chown(self.home / path, 4711, -1)
                with self.assertRaisesRegex(LocalError, "can be written by user id 4711"):
                    registry.read("lan")
                shutil.rmtree(self.home / "run")

    def test_modes_that_keep_a_user_out_are_no_damage(self) -> None:
        self.made()
        for closed in ("run", "run/networks"):
            (self.home / closed).chmod(0o700)
            self.home.chmod(0o755)
            acts = (partial(act, "lan") for act in (registry.exists, registry.read))
            for act in (registry.names, *acts):
                with self.subTest(closed=closed, act=act):
                    said = users.as_ordinary(lambda act=act: str(act()))
                    self.assertRegex(said, "LocalError: .* Permission denied .*'sudo chmod 755")
            (self.home / closed).chmod(0o755)

    def test_unknown_and_damaged_ones(self) -> None:
        with self.assertRaisesRegex(InputError, "no network 'lan'; 'sudo vhost network create"):
            registry.read("lan")
        with self.assertRaisesRegex(InputError, "is no network name"):
            registry.read("../lan")
        self.made()
        good = json.loads(registry.dump(LAN))
        for case, text in {
            "no JSON": "{",
            "no object": "[]",
            "of another format": json.dumps({**good, "format": 0}),
            "with one too few": json.dumps({k: v for k, v in good.items() if k != "uri"}),
            "with a word for a number": json.dumps({**good, "ports": "2"}),
            "without ports": json.dumps({**good, "ports": 0}),
            "with no subnet": json.dumps({**good, "subnet": "192.168.128.1/24"}),
        }.items():
            with self.subTest(case):
                (self.home / "run/networks/lan.json").write_text(text)
                with self.assertRaisesRegex(HostError, "run 'sudo vhost network destroy lan'$"):
                    registry.read("lan")
                self.assertEqual([], list(registry.readable()))
                [status] = overview()
                self.assertEqual(NetworkState.DAMAGED, status.state)

    def test_how_they_are(self) -> None:
        self.made()
        self.interface(LAN.taps[1], taken=True)
        [status] = overview()
        self.assertEqual((NetworkState.UP, (1,)), (status.state, status.taken))
        (self.interfaces / LAN.identity.bridge).rename(self.interfaces / "other")
        [status] = overview()
        self.assertEqual(NetworkState.INCOMPLETE, status.state)


class UplinksTest(KeptTest):
    def chosen(self, text: str) -> Uplink | None:
        with uplinks.chosen(uplink.parse(text), silent) as found:
            return found

    def test_the_first_free_port(self) -> None:
        self.made()
        self.assertEqual(LAN.uplink(0), self.chosen("lan"))
        self.host("one", LAN.uplink(0))
        self.assertEqual(LAN.uplink(1), self.chosen("lan"))
        # Another state directory's host has it.
        self.interface(LAN.taps[1], taken=True)
        with self.assertRaisesRegex(InputError, "^all 2 ports of network 'lan' belong to hosts"):
            self.chosen("lan")

    def test_no_lock_is_on_what_others_can_open(self) -> None:
        """Whoever can open a file can lock it, and keep this user's commands waiting."""
        self.made()
        with contextlib.ExitStack() as others:
            for path in sorted((self.home / "run").rglob("*")):
                if path.stat().st_mode & 0o004:
                    descriptor = os.open(path, os.O_RDONLY)
                    others.callback(os.close, descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            # It would wait for ever.
            self.assertEqual(LAN.uplink(0), self.chosen("lan"))
        self.assertEqual(0o600, (self.home / "vhost/uplinks.lock").stat().st_mode & 0o777)

    def test_one_command_chooses_at_a_time(self) -> None:
        self.made()
        self.chosen("lan")
        with (
            FileLock.create(self.home / "vhost/uplinks.lock") as lock,
            mock.patch.object(uplinks, "_CHOOSING_S", 0),
        ):
            self.assertTrue(lock.take())
            lock.write("pid 1 (vhost up)")
            with self.assertRaisesRegex(BusyError, r"the choice of a port is in use by pid 1 \(v"):
                self.chosen("lan")

    def test_a_port_by_its_number(self) -> None:
        self.made()
        self.host("one", LAN.uplink(0))
        self.host("plain", None)
        self.assertEqual(LAN.uplink(1), self.chosen("lan:1"))
        with self.assertRaisesRegex(InputError, "another host has port lan:0"):
            self.chosen("lan:0")
        with self.assertRaisesRegex(InputError, "and no 2"):
            self.chosen("lan:2")
        with self.assertRaisesRegex(InputError, "no network 'wan'"):
            self.chosen("wan")

    def test_no_spec_is_no_uplink(self) -> None:
        with uplinks.chosen(None, silent) as found:
            self.assertIsNone(found)
        self.assertIsNone(uplinks.current(None))

    def test_a_network_that_was_made_anew_has_other_addresses(self) -> None:
        record = self.host("one", LAN.uplink(0))
        other = dataclasses.replace(LAN, subnet=IPv4Network("172.28.0.0/24"))
        self.made(other)
        self.assertEqual(other.uplink(0), uplinks.current(record.uplink))
        with self.assertRaisesRegex(InputError, "'vhost up --name one --cold' boots"):
            uplinks.require_unchanged(record)
        uplinks.require_unchanged(dataclasses.replace(record, uplink=other.uplink(0)))

    def test_a_port_that_cannot_be_had(self) -> None:
        self.made()
        tap = LAN.taps[0]
        self.interface(tap, taken=True)
        with self.assertRaisesRegex(InputError, "another host has port lan:0"):
            uplinks.current(LAN.uplink(0))
        self.interface(tap, owner=4711)
        with (
            mock.patch("os.geteuid", return_value=1000),
            self.assertRaisesRegex(InputError, "is user id 4711's; .*--owner 1000"),
        ):
            uplinks.current(LAN.uplink(0))
        (self.interfaces / tap).rename(self.interfaces / "other")
        with self.assertRaisesRegex(InputError, f"tap device {tap} .* is gone; repeat"):
            uplinks.current(LAN.uplink(0))

    def test_where_the_machine_is_found_too(self) -> None:
        own = ("127.0.0.1/8", "192.168.128.1/24", "192.0.2.2/24", "10.0.2.9/16", "192.0.2.1/32")
        with mock.patch.object(taps, "addresses", return_value=map(IPv4Interface, own)):
            found = uplinks.machine_addresses(LAN.uplink(0))
        self.assertEqual(["192.0.2.1", "192.0.2.2"], list(map(str, found)))
        self.assertEqual((), uplinks.machine_addresses(None))

    def test_a_host_keeps_its_port(self) -> None:
        self.made()
        for linked, there in ((LAN.uplink(1), "lan:1"), (None, "none")):
            self.host("one", linked)
            spec = HostSpec(catalog.find("small"), "one", uplink=UplinkSpec("lan", 0))
            with self.subTest(there), self.assertRaisesRegex(InputError, rf"network \({there}\)"):
                lifecycle.up(spec, silent)

    def test_a_host_keeps_what_it_reaches(self) -> None:
        self.host("one", None)
        spec = HostSpec(catalog.find("small"), "one", internet=True)
        with self.assertRaisesRegex(InputError, "without access to the internet"):
            lifecycle.up(spec, silent)

    def test_a_host_without_a_network_is_not_made(self) -> None:
        spec = HostSpec(catalog.find("small"), "one", uplink=UplinkSpec("lan"))
        with self.assertRaisesRegex(InputError, "there is no network 'lan'"):
            lifecycle.up(spec, silent)
        self.assertEqual([], HostDirectory.all())

    def test_a_record_of_a_host_keeps_it(self) -> None:
        record = dataclasses.replace(self.host("one", LAN.uplink(1)), phase=Phase.RUNNING)
        self.assertEqual(record, HostRecord.load(record.dump()))
        fields = json.loads(record.dump())
        for wrong in (
            "lan",
            {**fields["uplink"], "port": "1"},
            {**fields["uplink"], "address": "here"},
            {k: v for k, v in fields["uplink"].items() if k != "mac"},
        ):
            with self.subTest(wrong), self.assertRaises(ValueError):
                HostRecord.load(json.dumps({**fields, "uplink": wrong}))


class LayoutTest(unittest.TestCase):
    def test_no_topologys_hardware_knows_of_it(self) -> None:
        hardware = catalog.find("article").hardware()
        self.assertNotIn("0000:00:01.1", {str(e.address) for e in hardware.endpoints})
