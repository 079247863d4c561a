# SPDX-License-Identifier: Apache-2.0
"""What hosts of a devstack have of Neutron."""

import ipaddress
import unittest
from pathlib import Path

from tests.unit.test_configuration import read
from vhost_tempest_plugin.cloud.configuration import ini, networking, stack
from vhost_tempest_plugin.cloud.configuration.networking import (
    Certificates,
    Networking,
    NeutronAgent,
)
from vhost_tempest_plugin.cloud.configuration.settings import HOST_IN_USER_MODE

# As devstack's stable/2026.1 writes them, shortened.
NEUTRON = """
[DEFAULT]
bind_host = 192.0.2.2
transport_url = rabbit://stackrabbit:a$b@192.0.2.2:5672/
state_path = /opt/stack/data/neutron
logging_default_format_string = %(color)s%(levelname)s
[agent]
root_helper = sudo /opt/stack/data/venv/bin/neutron-rootwrap /etc/neutron/rootwrap.conf
root_helper_daemon = sudo /opt/stack/data/venv/bin/neutron-rootwrap-daemon
[database]
connection = mysql+pymysql://root:secret@192.0.2.2/neutron
[keystone_authtoken]
password = secret
[nova]
password = secret
[placement]
password = secret
"""
ML2 = """
[ml2]
tenant_network_types = vlan, vxlan
mechanism_drivers = openvswitch
[agent]
tunnel_types = gre
[ovs]
local_ip = 192.0.2.2
bridge_mappings = public:br-ex
"""
METADATA = """
[DEFAULT]
nova_metadata_host = 192.0.2.2
metadata_workers = 2
[ovn]
ovn_sb_connection = tcp:192.0.2.2:6642
[ovs]
ovsdb_connection = tcp:127.0.0.1:6640
"""


def options(base: str, address: str = HOST_IN_USER_MODE) -> dict[str, dict[str, list[str]]]:
    """What a host named vhost-0 has in the file."""
    parsed = ini.parse(base, "file")
    return read(stack.text(networking.agent_options(parsed, "vhost-0", address)))


class SwitchTest(unittest.TestCase):
    def test_a_chassis(self) -> None:
        argv = networking.switch(Networking("tcp:192.0.2.2:6642"), "vhost-0", "192.0.2.20")
        self.assertEqual(
            ("ovs-vsctl", "--no-wait", "set-manager", "ptcp:6640:127.0.0.1", "--", "set"), argv[:6]
        )
        self.assertEqual(
            {
                'external-ids:hostname="vhost-0"',
                f'external-ids:system-id="{networking.chassis_id("vhost-0")}"',
                'external-ids:ovn-remote="tcp:192.0.2.2:6642"',
                'external-ids:ovn-bridge="br-int"',
                'external-ids:ovn-encap-type="geneve"',
                'external-ids:ovn-encap-ip="192.0.2.20"',
            },
            set(argv[8:]),
        )

    def test_with_certificates(self) -> None:
        own = Certificates(Path("/ca/key"), Path("/ca/certificate"), Path("/ca/authority"))
        argv = networking.switch(
            Networking("ssl:192.0.2.2:6642", own), "vhost-0", HOST_IN_USER_MODE
        )
        place = argv.index("set-ssl")
        self.assertEqual(("/ca/key", "/ca/certificate", "/ca/authority"), argv[place + 1 :][:3])

    def test_without_ovn(self) -> None:
        agent = NeutronAgent("neutron-openvswitch-agent", ())
        argv = networking.switch(Networking(agents=(agent,)), "vhost-0", HOST_IN_USER_MODE)
        self.assertFalse([word for word in argv if "ovn" in word])

    def test_each_host_has_its_own_chassis(self) -> None:
        names = [f"vhost-{number}" for number in range(50)]
        self.assertEqual(len(names), len({networking.chassis_id(name) for name in names}))

    def test_what_neutron_must_know(self) -> None:
        agent = NeutronAgent("neutron-ovn-metadata-agent", ())
        both = Networking("tcp:192.0.2.2:6642", agents=(agent,))
        self.assertEqual(("ovn-controller", "neutron-ovn-metadata-agent"), both.binaries)
        self.assertEqual((), networking.NO_NETWORKING.binaries)

    def test_whether_there_is_any(self) -> None:
        self.assertFalse(networking.NO_NETWORKING)
        self.assertTrue(Networking("tcp:192.0.2.2:6642"))
        self.assertTrue(Networking(agents=(NeutronAgent("neutron-openvswitch-agent", ()),)))


class TunnelAddressTest(unittest.TestCase):
    def test_one_of_its_own(self) -> None:
        self.assertEqual("192.0.2.20", networking.tunnel_address("vhost-0", "192.0.2.20"))

    def test_all_have_the_address_of_user_mode_networking(self) -> None:
        found = [
            networking.tunnel_address(f"vhost-{number}", HOST_IN_USER_MODE) for number in range(9)
        ]
        self.assertEqual(9, len(set(found)))
        for address in found:
            self.assertTrue(ipaddress.IPv4Address(address).is_link_local, address)


class AgentOptionsTest(unittest.TestCase):
    def test_what_is_of_the_machine_alone(self) -> None:
        said = options(NEUTRON)
        self.assertFalse({"database", "keystone_authtoken", "nova", "placement"} & set(said))
        self.assertEqual(["vhost-0"], said["DEFAULT"]["host"])
        self.assertEqual(["/var/lib/neutron"], said["DEFAULT"]["state_path"])
        self.assertEqual(
            ["rabbit://stackrabbit:a$b@192.0.2.2:5672/"], said["DEFAULT"]["transport_url"]
        )
        self.assertEqual({"root_helper": ["env"]}, said["agent"])
        self.assertFalse({"bind_host", "logging_default_format_string"} & set(said["DEFAULT"]))
        self.assertNotIn("ovs", said)

    def test_tunnels_of_the_cloud(self) -> None:
        said = options(ML2, "192.0.2.20")
        self.assertEqual({"local_ip": ["192.0.2.20"]}, said["ovs"])
        self.assertEqual(["vxlan"], said["agent"]["tunnel_types"])
        self.assertEqual(["openvswitch"], said["securitygroup"]["firewall_driver"])
        self.assertEqual(["openvswitch"], said["ml2"]["mechanism_drivers"])

    def test_tunnels_under_the_name_that_neutron_has_for_them_now(self) -> None:
        new = ML2.replace("tenant_network_types", "project_network_types")
        self.assertEqual(["vxlan"], options(new)["agent"]["tunnel_types"])
        both = ML2.replace("[agent]", "project_network_types = gre, vxlan\n[agent]")
        self.assertEqual(["gre,vxlan"], options(both)["agent"]["tunnel_types"])

    def test_the_metadata_agent(self) -> None:
        said = options(METADATA)
        self.assertEqual(["192.0.2.2"], said["DEFAULT"]["nova_metadata_host"])
        self.assertEqual(["0"], said["DEFAULT"]["metadata_workers"])
        self.assertEqual({"ovn_sb_connection": ["tcp:192.0.2.2:6642"]}, said["ovn"])
        self.assertEqual({"ovsdb_connection": ["tcp:127.0.0.1:6640"]}, said["ovs"])
