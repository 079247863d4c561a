# SPDX-License-Identifier: Apache-2.0
"""What devstack's files get, and that the lab's tempest.conf says the same of the same hosts."""

import json
import unittest
from dataclasses import replace
from pathlib import Path

from oslo_config import cfg

from tests.unit.lab_settings import host, settings
from tests.unit.test_configuration import read
from vhost_tempest_plugin import config
from vhost_tempest_plugin.cloud.configuration import (
    ini,
    override,
    scenarios,
    stack,
    tempest,
    whitebox,
)
from vhost_tempest_plugin.cloud.configuration.scenarios import Contents, SshAccess, Subject
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Options
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.topology import catalog, cpuset

# As devstack's stable/2026.1 writes nova-cpu.conf, shortened.
BASE = """
[DEFAULT]
my_ip = 192.0.2.2
host = controller
transport_url = rabbit://stackrabbit:a$b@192.0.2.2:5672/nova_cell1
instances_path = /opt/stack/data/nova/instances
state_path = /opt/stack/data/nova
rootwrap_config = /etc/nova/rootwrap.conf
logging_default_format_string = %(color)s%(levelname)s
report_interval = 120
[database]
connection = mysql+pymysql://root:secret@192.0.2.2/nova_cell1
[keystone_authtoken]
password = secret
[libvirt]
virt_type = qemu
cpu_mode = custom
cpu_model = Nehalem
[pci]
alias = {"name": "e1000e"}
[placement]
auth_url = http://192.0.2.2/identity
[workarounds]
libvirt_disable_apic = True
disable_group_policy_check_upcall = True
"""
PROGRAMS = Path("/opt/stack/data/venv/bin")


def compute(base: str = BASE, *assignments: str, pci_in_placement: bool = False) -> Options:
    return stack.compute(
        ini.parse(base, "nova-cpu.conf"),
        host("article", "vhost-0"),
        PROGRAMS,
        override.parse(Service.NOVA_COMPUTE, assignments),
        pci_in_placement=pci_in_placement,
    )


class ComputeTest(unittest.TestCase):
    def setUp(self) -> None:
        self.read = read(stack.text(compute()))

    def test_devstacks_own_options_stay(self) -> None:
        self.assertEqual(
            ["rabbit://stackrabbit:a$b@192.0.2.2:5672/nova_cell1"],
            self.read["DEFAULT"]["transport_url"],
        )
        self.assertEqual(['{"name": "e1000e"}'], self.read["pci"]["alias"])
        self.assertEqual(["True"], self.read["workarounds"]["disable_group_policy_check_upcall"])

    def test_those_of_the_host_are_its_own(self) -> None:
        self.assertEqual(["vhost-0"], self.read["DEFAULT"]["host"])
        self.assertEqual(["10.0.2.15"], self.read["DEFAULT"]["my_ip"])
        self.assertEqual(["/var/lib/nova"], self.read["DEFAULT"]["state_path"])
        self.assertEqual(["false"], self.read["workarounds"]["libvirt_disable_apic"])
        self.assertEqual(
            list(pci_devices.device_spec(host("article").layout)), self.read["pci"]["device_spec"]
        )
        self.assertEqual(
            [f"{PROGRAMS}/privsep-helper --config-file /etc/nova/nova-cpu.conf"],
            self.read["vif_plug_ovs_privileged"]["helper_command"],
        )

    def test_what_only_the_machine_has_is_left_out(self) -> None:
        self.assertNotIn("database", self.read)
        self.assertNotIn("keystone_authtoken", self.read)
        self.assertNotIn("cpu_model", self.read["libvirt"])
        for option in ("instances_path", "rootwrap_config", "logging_default_format_string"):
            self.assertNotIn(option, self.read["DEFAULT"])

    def test_what_was_set_by_hand_wins(self) -> None:
        options = read(stack.text(compute(BASE, "libvirt.virt_type=kvm", "a.b=1")))
        self.assertEqual(["kvm"], options["libvirt"]["virt_type"])
        self.assertEqual(["1"], options["a"]["b"])

    def test_devices_in_placement(self) -> None:
        self.assertNotIn("report_in_placement", self.read["pci"])
        options = read(stack.text(compute(pci_in_placement=True)))
        self.assertEqual(["true"], options["pci"]["report_in_placement"])
        self.assertIn("device_spec", options["pci"])

    def test_places_that_mean_the_host_itself_are_refused(self) -> None:
        for place in ("127.0.0.1", "127.0.1.1", "localhost", "[::1]"):
            for before in ("@", "auth_url = http://"):
                with (
                    self.subTest(place=place, before=before),
                    self.assertRaisesRegex(InputError, "set HOST_IP in local.conf"),
                ):
                    compute(BASE.replace(f"{before}192.0.2.2", f"{before}{place}"))


class ReachedTest(unittest.TestCase):
    """A host that the machine and other hosts reach at an address of its own."""

    def options(self, vnc: str) -> Options:
        reached = replace(host("article", "vhost-0"), address="192.168.128.2")
        base = ini.parse(f"{BASE}[vnc]\n{vnc}", "nova-cpu.conf")
        return read(stack.text(stack.compute(base, reached, PROGRAMS)))

    def test_others_send_guests_there(self) -> None:
        found = self.options("enabled = false\n")
        self.assertEqual(["192.168.128.2"], found["DEFAULT"]["my_ip"])
        self.assertEqual(["192.168.128.2"], found["libvirt"]["live_migration_inbound_addr"])
        self.assertEqual(["ssh"], found["libvirt"]["live_migration_scheme"])
        self.assertEqual(["qemu"], found["libvirt"]["virt_type"])
        self.assertEqual(["false"], found["vnc"]["enabled"])

    def test_consoles_are_there_where_devstack_has_a_proxy(self) -> None:
        proxy = "server_listen = 0.0.0.0\nserver_proxyclient_address = 192.0.2.2\n"
        found = self.options(proxy)["vnc"]
        self.assertEqual(["true"], found["enabled"])
        self.assertEqual(["192.168.128.2"], found["server_listen"])
        self.assertEqual(["192.168.128.2"], found["server_proxyclient_address"])
        # Nobody would reach one at the address that all hosts have.
        unreached = read(stack.text(compute(f"{BASE}[vnc]\n{proxy}")))
        self.assertEqual(["false"], unreached["vnc"]["enabled"])
        self.assertNotIn("live_migration_scheme", unreached["libvirt"])


class ControlPlaneTest(unittest.TestCase):
    def test_aliases_and_discovery(self) -> None:
        layout = catalog.find("small")
        text = ini.edited("", stack.control_plane({}, [layout], pci_in_placement=True))
        options = read(text)
        self.assertEqual(list(pci_devices.aliases([layout])), options["pci"]["alias"])
        self.assertLess(int(options["scheduler"]["discover_hosts_in_cells_interval"][0]), 60)
        self.assertEqual(["true"], options["filter_scheduler"]["pci_in_placement"])
        without = stack.control_plane({}, [layout], pci_in_placement=False)
        self.assertNotIn("pci_in_placement", without["filter_scheduler"])

    def test_filters_that_are_missing_are_added_once(self) -> None:
        def filters(text: str) -> tuple[str, ...]:
            said = f"[filter_scheduler]\nenabled_filters = {text}\n"
            return stack.filters(ini.parse(said, "nova.conf"))

        self.assertEqual(
            ("A", "PciPassthroughFilter", "NUMATopologyFilter"), filters("A, PciPassthroughFilter")
        )
        self.assertEqual(pci_devices.FILTERS, filters(""))
        self.assertEqual(pci_devices.FILTERS, stack.filters({}))


class TempestTest(unittest.TestCase):
    """The lab and devstack write the same options of the same hosts to tempest.conf."""

    def setUp(self) -> None:
        self.contents = Contents("image-id", "flavor-id")
        self.subject = Subject(
            hosts=("lab-0", "lab-1"),
            topology=Path("/topology.yaml"),
            database="mysql+pymysql://nova",
            driver="devstack",
            deployment_name="vhost",
            records=Path("/records"),
        )
        self.devstack = scenarios.options(self.subject, self.contents)
        lab = settings(host("article"), host("article", "lab-1"))
        self.lab = tempest.options(lab, self.contents, self.subject.topology, self.subject.records)

    def test_the_sections_are_the_same(self) -> None:
        of_the_cloud = {
            ("vhost", option) for option in ("nova_cell_database", "driver", "deployment_name")
        }
        for section, content in self.devstack.items():
            for option, value in content.items():
                with self.subTest(section=section, option=option):
                    self.assertIn(option, self.lab[section])
                    if (section, option) not in of_the_cloud:
                        self.assertEqual(value, self.lab[section][option])
        self.assertEqual(set(self.devstack["vhost"]), set(self.lab["vhost"]))

    def test_the_plugin_knows_its_options(self) -> None:
        known = {option.dest for _, options in config.list_opts() for option in options}
        self.assertLessEqual(set(self.devstack["vhost"]), known)

    def test_another_user_has_a_way_of_its_own_and_changes_nothing(self) -> None:
        access = SshAccess({"lab-0": 2200, "lab-1": 2201}, Path("/e/key"), Path("/e/known"))
        subject = replace(self.subject, driver=None, ssh_access=access)
        said = scenarios.options(subject, self.contents)["vhost"]
        self.assertEqual(
            {"lab-0": "127.0.0.1:2200", "lab-1": "127.0.0.1:2201"},
            cfg.types.Dict()(str(said["ssh_addresses"])),
        )
        self.assertNotIn("driver", said)
        known = {option.dest for _, options in config.list_opts() for option in options}
        self.assertLessEqual(set(said), known)

    def test_an_image_of_others_stays(self) -> None:
        self.assertNotIn("image_ref", scenarios.options(self.subject, None)["compute"])


class WhiteboxTest(unittest.TestCase):
    """Values as whitebox-tempest-plugin's own types read them (its config.py)."""

    def options(self, topology: str, *, pci_in_placement: bool = False) -> dict[str, object]:
        layout = catalog.find(topology)
        said = whitebox.options(layout, ("one", "two"), pci_in_placement=pci_in_placement)
        numbers = cfg.types.Dict(cfg.types.List(cfg.types.Integer(), bounds=True))
        kinds = {
            "cpu_topology": numbers,
            "socket_topology": numbers,
            "configured_hugepage_sizes": cfg.types.List(cfg.types.Integer()),
            "dedicated_cpus_per_numa": cfg.types.Integer(),
            "shared_cpus_per_numa": cfg.types.Integer(),
            "smt_hosts": cfg.types.List(),
            "pci_passthrough_addresses": cfg.types.List(),
        }
        return {
            option: kinds.get(option, cfg.types.String())(str(value))
            for option, value in said["whitebox-hardware"].items()
        }

    def test_article(self) -> None:
        options = self.options("article", pci_in_placement=True)
        self.assertEqual({"0": [0, 1, 2, 3], "1": [4, 5], "2": [6, 7]}, options["cpu_topology"])
        self.assertEqual(1, options["dedicated_cpus_per_numa"])
        self.assertEqual(1, options["shared_cpus_per_numa"])
        addresses = options["pci_passthrough_addresses"]
        assert isinstance(addresses, list)
        self.assertEqual(9, len(addresses))
        self.assertEqual("CUSTOM_PCI_8086_10D3", options["pci_passthrough_resource_class"])
        self.assertNotIn("smt_hosts", options)

    def test_guests_on_huge_pages_are_whole_pages(self) -> None:
        for topology, size_mib in (("small", "64"), ("single", "64"), ("smt", "1024")):
            said = whitebox.options(catalog.find(topology), ("one",))["whitebox"]
            self.assertEqual(size_mib, said["hugepage_guest_ram_size"], topology)

    def test_a_realtime_guest_finds_its_cpus_on_any_node(self) -> None:
        masks = {}
        for topology in ("article", "lopsided", "smt", "sockets"):
            options = self.options(topology)
            masks[topology] = str(options["realtime_mask"])
            wanted = len(cpuset.parse(masks[topology])) + 1 if masks[topology] else 0
            self.assertLessEqual(wanted, int(str(options["dedicated_cpus_per_numa"])), topology)
        self.assertEqual("", masks["article"])
        self.assertTrue(any(masks.values()), masks)

    def test_the_way_into_hosts(self) -> None:
        hosts = [
            replace(host("sockets", name), address=f"192.0.2.{number}")
            for number, name in enumerate(("one", "two"), 2)
        ]
        way = whitebox.way_in(hosts, Path("/w/key"), Path("/w/nodes.yaml"))
        self.assertEqual(
            {"one": "192.0.2.2", "two": "192.0.2.3"},
            cfg.types.Dict()(way["ctlplane_addresses"]),
        )
        said = whitebox.options(hosts[0].layout, ("one", "two"), way_in=way)["whitebox"]
        self.assertEqual("2", said["max_compute_nodes"])
        self.assertLessEqual(way.items(), said.items())
        nodes = json.loads(whitebox.services(hosts, stack.COMPUTE_FILE))
        self.assertEqual(["one", "two"], list(nodes))
        compute = nodes["one"]["services"]["nova-compute"]
        self.assertEqual("/etc/nova/nova-cpu.conf", compute["config_path"])
        self.assertEqual("systemctl stop devstack@n-cpu", compute["stop_command"])
        self.assertEqual(["numa-2", "numa-3"], list(nodes["two"]["topology"]["socket-1"]))

    def test_what_there_is_not_is_left_out(self) -> None:
        self.assertNotIn("pci_passthrough_resource_class", self.options("article"))

    def test_sockets_and_threads(self) -> None:
        self.assertEqual({"0": [0, 1], "1": [2, 3]}, self.options("sockets")["socket_topology"])
        self.assertEqual(["one", "two"], self.options("smt")["smt_hosts"])

    def test_the_alias_is_one_of_novas_and_means_the_addresses(self) -> None:
        for topology in ("article", "sriov", "lopsided", "wide"):
            with self.subTest(topology):
                layout = catalog.find(topology)
                options = self.options(topology)
                alias = next(
                    entry
                    for entry in map(json.loads, pci_devices.aliases([layout]))
                    if entry["name"] == options["pci_passthrough_alias"]
                )
                self.assertEqual("preferred", alias["numa_policy"])
                expected = [
                    str(row.address)
                    for row in pci_devices.expected_devices(layout)
                    if (row.vendor_id, row.product_id, row.dev_type.value)
                    == (alias["vendor_id"], alias["product_id"], alias["device_type"])
                ]
                self.assertEqual(expected, options["pci_passthrough_addresses"])
