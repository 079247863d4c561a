# SPDX-License-Identifier: Apache-2.0
"""What devstack's plugin writes for "vhost stack up", and what is made of it."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.networking import (
    NO_NETWORKING,
    Certificates,
    NeutronAgent,
)
from vhost_tempest_plugin.devstack import config_file
from vhost_tempest_plugin.devstack.spec import DevstackSpec
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator

TOP = Path(__file__).resolve().parents[2]
WRITE = """
set -o errexit -o nounset
source "$TOP/tests/functional/devstack_stand_in.bash"
source "$TOP/devstack/settings"
source "$TOP/devstack/plugin.sh" source
vhost_write_config
echo "$VHOST_CONFIG"
"""
LEAST = """\
[vhost]
name = mine
[devstack]
nova_conf = /etc/nova/nova.conf
nova_cpu_conf = /etc/nova/nova-cpu.conf
environment = /venv
"""


class ConfigFileTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.top / "vhost-stack.conf"

    def read(self, text: str) -> DevstackSpec:
        self.file.write_text(text)
        return config_file.read(self.file)

    def ovn(self, services: str, *more: str) -> DevstackSpec:
        lines = ("ovn_southbound = tcp:192.0.2.2:6642", f"services = {services}", *more)
        text = LEAST.replace("[devstack]", "neutron_agent = ovn\n[devstack]")
        return self.read("\n".join([text.rstrip(), *lines, ""]))

    def test_the_least_that_there_is_to_say(self) -> None:
        spec = self.read(LEAST)
        self.assertEqual(("mine", "small", 1), (spec.name, spec.topology, spec.count))
        self.assertEqual(("mine-0",), spec.hosts)
        self.assertIsNone(spec.accelerator)
        self.assertIsNone(spec.network)
        self.assertIs(NO_NETWORKING, spec.networking)

    def test_what_the_docstring_has_is_such_a_file(self) -> None:
        said = re.findall(r"^    (.*)$", config_file.__doc__ or "", re.MULTILINE)
        spec = self.read("\n".join([*said, ""]))
        self.assertEqual("vhost-node", spec.name)
        self.assertEqual(("compute.a=1", "pci.b=2"), spec.assignments)

    def test_what_means_nothing_is_refused(self) -> None:
        for text, words in (
            (LEAST.replace("name = mine\n", ""), r"\[vhost\]name is not there; add it"),
            (LEAST.replace("environment = /venv", "environment ="), "environment is not there"),
            (f"{LEAST}more = 1\n", r"\[devstack\]more means nothing; remove it"),
            (f"{LEAST}[other]\n", r"\[other\] means nothing; remove it"),
            (LEAST.replace("mine", "mine\nhosts = x"), "hosts is 'x'; give a whole number"),
            (LEAST.replace("mine", "mine\nhosts = 0"), "VHOST_HOSTS is 0; give 1 to"),
            (LEAST.replace("mine", "mine\nnetwork = bridge"), "is 'bridge'; give one of user, nat"),
            (LEAST.replace("mine", "mine\naccelerator = x"), "give one of auto, kvm, tcg"),
            (LEAST.replace("mine", "mine\npci_in_placement = 1"), "give True or False"),
            (LEAST.replace("mine", "mine\nneutron_agent = ovn"), "has no OVN_SB_REMOTE; set"),
            ("x", "line 1: .*; correct it"),
        ):
            with self.subTest(words), self.assertRaisesRegex(InputError, words):
                self.read(text)
        with self.assertRaisesRegex(InputError, "cannot be read"):
            config_file.read(self.top / "away")

    def test_a_network_has_the_hosts_name_and_shows_where_consoles_are(self) -> None:
        text = LEAST.replace("mine", "mine\nnetwork = nat\nnova_options = a.b=1; c.d=2;")
        spec = self.read(f"{text}services = n-novnc\nnovnc_url = http://h\n")
        self.assertEqual("mine", spec.network)
        self.assertEqual(("vnc.novncproxy_base_url=http://h", "a.b=1", "c.d=2"), spec.assignments)
        self.assertEqual(("a.b=1", "c.d=2"), self.read(text).assignments)

    def test_hosts_are_chassis_of_ovn_with_the_agent_that_the_machine_has(self) -> None:
        files = "ovn_agent_conf = /a.ini", "ovn_metadata_conf = /m.ini"
        plain = self.ovn("", *files).networking
        self.assertEqual(("tcp:192.0.2.2:6642", None, ()), (plain.southbound, None, plain.agents))
        for services, agents in (
            ("ovn-controller ovn-metadata-agent", [("neutron-ovn-metadata-agent", "/m.ini")]),
            ("ovn-controller ovn-agent", [("neutron-ovn-agent", "/a.ini")]),
            ("ovn-metadata-agent", []),
        ):
            wanted = tuple(NeutronAgent(program, (Path(file),)) for program, file in agents)
            self.assertEqual(wanted, self.ovn(services, *files).networking.agents)

    def test_certificates_of_a_cloud_with_tls(self) -> None:
        said = "ca_directory = /ca", "certificate = own"
        self.assertEqual(
            Certificates(
                Path("/ca/private/own.key"), Path("/ca/own.crt"), Path("/ca/ca-chain.pem")
            ),
            self.ovn("tls-proxy", *said).networking.certificates,
        )
        self.assertIsNone(self.ovn("", *said).networking.certificates)

    def test_open_vswitchs_agent(self) -> None:
        text = LEAST.replace("mine", "mine\nneutron_agent = openvswitch")
        spec = self.read(f"{text}neutron_conf = /n.conf\nml2_conf = /m.ini\n")
        agent = NeutronAgent("neutron-openvswitch-agent", (Path("/n.conf"), Path("/m.ini")))
        self.assertEqual((agent,), spec.networking.agents)
        self.assertEqual(("nova", "neutron"), spec.projects)

    def test_files_that_are_there(self) -> None:
        cell, bundle = self.top / "cell.conf", self.top / "bundle.pem"
        text = f"{LEAST}services = n-cond\ncell_conf = {cell}\nca_bundle = {bundle}\n"
        spec = self.read(text)
        self.assertIsNone(spec.database)
        self.assertNotIn(bundle, spec.files)
        cell.touch()
        bundle.touch()
        spec = self.read(text)
        self.assertEqual(cell, spec.database)
        self.assertEqual(bundle, spec.files[0])
        self.assertIsNone(self.read(text.replace("n-cond", "")).database)


class PluginTest(unittest.TestCase):
    """The file as ``devstack/plugin.sh`` writes it, with a stand-in for devstack's functions."""

    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def written(self, **variables: str) -> DevstackSpec:
        etc = self.top / "etc"
        etc.mkdir(exist_ok=True)
        (etc / "nova_cell1.conf").touch()
        given = {
            "PATH": os.environ["PATH"],
            "TOP": str(TOP),
            "SAID": str(self.top / "said"),
            "DATA_DIR": str(self.top),
            "NOVA_CONF_DIR": str(etc),
            "NOVA_CONF": str(etc / "nova.conf"),
            "NOVA_CPU_CONF": str(etc / "nova-cpu.conf"),
            "NOVA_CPU_CELL": "1",
            "SERVICE_HOST": "192.0.2.2",
            "VHOST_NAME": "mine",
        }
        done = subprocess.run(
            ["bash", "-c", WRITE],
            env={**given, **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        return config_file.read(Path(done.stdout.strip()))

    def test_of_a_local_conf_that_says_nothing(self) -> None:
        spec = self.written()
        etc = self.top / "etc"
        self.assertEqual(
            (etc / "nova.conf", etc / "nova-cpu.conf"), (spec.nova_conf, spec.configuration)
        )
        self.assertEqual(self.top / "venv", spec.environment)
        self.assertEqual(etc / "nova_cell1.conf", spec.database)
        self.assertEqual(((), None), (spec.assignments, spec.log_directory))

    def test_everything_from_local_conf(self) -> None:
        spec = self.written(
            VHOST_TOPOLOGY="article",
            VHOST_HOSTS="2",
            VHOST_ACCELERATOR="kvm",
            VHOST_PCI_IN_PLACEMENT="1",
            VHOST_NOVA_OPTIONS='pci.x={"a": "b"};compute.y=a b\nz.z=1',
            VHOST_LOG_DIR="/logs",
            VHOST_MEMORY_LIMIT_MIB="9000",
            VHOST_DISK_LIMIT_MIB="800",
        )
        self.assertEqual(
            ("article", 2, Accelerator.KVM), (spec.topology, spec.count, spec.accelerator)
        )
        self.assertEqual(('pci.x={"a": "b"}', "compute.y=a b", "z.z=1"), spec.assignments)
        self.assertEqual((9000, 800), (spec.memory_limit_mib, spec.disk_limit_mib))
        self.assertEqual(Path("/logs"), spec.log_directory)
        self.assertTrue(spec.pci_in_placement)

    def test_of_a_cloud_with_ovn(self) -> None:
        spec = self.written(
            Q_AGENT="ovn",
            OVN_SB_REMOTE="ssl:192.0.2.2:6642",
            OVN_META_CONF="/meta.ini",
            INT_CA_DIR="/ca",
            DEVSTACK_CERT_NAME="cert",
            ENABLED_SERVICES="n-cond,tls-proxy,ovn-controller,q-ovn-metadata-agent",
        )
        self.assertEqual("ssl:192.0.2.2:6642", spec.networking.southbound)
        self.assertEqual(("ovn-controller", "neutron-ovn-metadata-agent"), spec.networking.binaries)
        self.assertIsNotNone(spec.networking.certificates)

    def test_of_a_cloud_with_open_vswitch_and_one_conductor(self) -> None:
        (self.top / "etc").mkdir()
        (self.top / "etc/nova.conf").touch()
        spec = self.written(
            Q_AGENT="openvswitch",
            NEUTRON_CONF="/n.conf",
            Q_PLUGIN_CONF_FILE="etc/m.ini",
            CELLSV2_SETUP="singleconductor",
            VHOST_NETWORK="nat",
        )
        (agent,) = spec.networking.agents
        self.assertEqual((Path("/n.conf"), Path("/etc/m.ini")), agent.files)
        self.assertEqual("mine", spec.network)
        self.assertEqual("nova.conf", spec.database and spec.database.name)

    def test_of_a_subnode(self) -> None:
        spec = self.written(ENABLED_SERVICES="placement-client")
        self.assertIsNone(spec.database)
