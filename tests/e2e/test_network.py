# SPDX-License-Identifier: Apache-2.0
"""Two hosts of an ordinary user on a network that root has made."""

import pwd
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from tests.e2e import arena, emulated, ordinary
from tests.e2e.arena import Arena

NETWORK = "lan"
NAMES = ("one", "two")
TOPOLOGY = """\
name: linked
nodes:
  - {cpus: "0", memory_mib: 512, devices: [{model: e1000e}]}
  - {cpus: "1", memory_mib: 512, devices: [{model: e1000e}]}
"""
CHECKS = ("numa-topology", "pci-topology", "device-affinity", "iommu-groups", "nodedev")
# What sshd says first shows that a connection is one.
BANNER = "exec 3<>/dev/tcp/{}/{}; head -c 4 <&3"
LISTENER = """\
import socket, sys
with socket.create_server((sys.argv[1], 0)) as server:
    print(server.getsockname()[1], flush=True)
    connection, peer = server.accept()
    connection.sendall(b"SSH-")
    print(peer[0], flush=True)
"""


class NetworkTest(unittest.TestCase):
    """The tests follow one another."""

    arena: ClassVar[Arena]
    root: ClassVar[emulated.Vhost]
    vhost: ClassVar[emulated.Vhost]
    topology: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if (reason := arena.lacking()) is not None:
            raise unittest.SkipTest(reason)
        cls.arena = cls.enterClassContext(arena.opened())
        user = cls.enterClassContext(ordinary.user(("linked.yaml", TOPOLOGY)))
        cls.topology = user.home / "linked.yaml"
        # Nobody else's directory, since root trusts none.
        root = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="vhost-root-"))
        cls.root = emulated.Vhost(Path(root), cls.arena.prefix)
        prefix = (*cls.arena.prefix, *user.prefix)
        cls.vhost = cls.enterClassContext(
            emulated.ended(emulated.Vhost(user.home / "state", prefix, user.environment))
        )

    def network(self) -> dict[str, str]:
        [found] = self.root.json("network", "list")
        return dict(found)

    def uplink(self, name: str) -> tuple[str, str]:
        """The number of a host's port, and its address there."""
        port, address = str(self.vhost.json("show", name)["uplink"]).split()
        return port.split(":")[1], address.split("/")[0]

    def address(self, name: str) -> str:
        return self.uplink(name)[1]

    def assert_reached(self) -> None:
        """The machine reaches the hosts, and each the other."""
        one, two = map(self.address, NAMES)
        for address in (one, two):
            self.assertEqual("SSH-", self.arena.run("bash", "-c", BANNER.format(address, 22)))
        self.assertEqual("SSH-", self.vhost.ssh(NAMES[0], BANNER.format(two, 22)))
        self.assertEqual("SSH-", self.vhost.ssh(NAMES[1], BANNER.format(one, 22)))

    def test_1_root_makes_it(self) -> None:
        words = ("network", "create", NETWORK, "--owner", ordinary.USER)
        refused = self.vhost.run(*words, check=False)
        self.assertEqual(2, refused.returncode)
        self.assertIn("only root", refused.stderr)
        self.root.run(*words)
        bridge = self.network()["bridge"]
        self.assertIn("masquerade", self.rules())
        links = self.arena.run("ip", "-brief", "link")
        self.root.run(*words)
        self.assertEqual(links, self.arena.run("ip", "-brief", "link"))
        # As after a create that was killed.
        self.arena.run("ip", "link", "delete", f"{bridge}p1")
        self.assertEqual("incomplete", self.network()["state"])
        self.root.run(*words)
        self.assertEqual("up", self.network()["state"])
        refused = self.root.run(*words, "--ports", "3", check=False)
        self.assertEqual(2, refused.returncode)

    def test_2_two_hosts_have_a_port_each(self) -> None:
        commands = [
            self.vhost.start("up", self.topology, "--name", name, "--network", NETWORK)
            for name in NAMES
        ]
        for command in commands:
            said = command.communicate()[1]
            self.assertEqual(0, command.returncode, said)
        self.assertEqual("0 1", self.network()["taken"])
        uid = pwd.getpwnam(ordinary.USER).pw_uid
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in emulated.qemu_pids(self.vhost)}
        self.assertEqual({uid}, owners)
        none = self.vhost.run("up", self.topology, "--name", "x", "--network", NETWORK, check=False)
        self.assertEqual(2, none.returncode)
        self.assertIn("all 2 ports", none.stderr)

    def test_3_the_hardware_is_what_it_was_without(self) -> None:
        found = self.vhost.findings(NAMES[0], *CHECKS)
        verdicts = {name: finding["verdict"] for name, finding in found.items()}
        self.assertEqual(dict.fromkeys(CHECKS, "passed"), verdicts)
        names = self.vhost.ssh(NAMES[0], "ls /sys/class/net").split()
        self.assertEqual(["eth0", "eth1", "eth2", "lo", "uplink"], sorted(names))

    def test_4_everybody_reaches_everybody(self) -> None:
        self.assert_reached()
        gateway = self.network()["address"].split("/")[0]
        for machine in (gateway, arena.ADDRESS):
            with self.subTest(machine):
                self.assert_machine_knows(machine)
        route = self.vhost.ssh(NAMES[0], "ip route show default")
        self.assertEqual("", route.strip(), "the machine and what is beyond it")

    def assert_machine_knows(self, address: str) -> None:
        """A host reaches the machine there, as itself and not by its user-mode link."""
        with subprocess.Popen(
            [*self.arena.prefix, sys.executable, "-c", LISTENER, address],
            stdout=subprocess.PIPE,
            text=True,
        ) as listener:
            assert listener.stdout is not None
            port = listener.stdout.readline().strip()
            self.assertEqual("SSH-", self.vhost.ssh(NAMES[0], BANNER.format(address, port)))
            self.assertEqual(self.address(NAMES[0]), listener.stdout.readline().strip())

    def test_5_a_restored_host_has_its_port_again(self) -> None:
        self.vhost.run("save", NAMES[0])
        # Which port is whose, the two have settled among themselves.
        self.assertEqual(self.uplink(NAMES[1])[0], self.network()["taken"])
        self.vhost.run("restore", NAMES[0])
        self.assert_reached()

    def test_6_a_network_that_hosts_have_stays(self) -> None:
        refused = self.root.run("network", "destroy", NETWORK, check=False)
        self.assertEqual(5, refused.returncode)
        self.assertIn("destroy that host first", refused.stderr)
        self.assert_reached()

    def test_7_nothing_is_left(self) -> None:
        bridge = self.network()["bridge"]
        self.vhost.run("save", NAMES[0])
        self.vhost.run("destroy", NAMES[1])
        self.root.run("network", "destroy", NETWORK)
        self.assertNotIn(bridge, self.arena.run("ip", "-brief", "link"))
        self.assertNotIn(bridge, self.rules())
        self.assertNotIn("192.168.128", self.rules())
        self.assertEqual([], self.root.json("network", "list"))
        self.assertEqual("", self.arena.run("virsh", "net-list", "--all", "--name").strip())
        self.root.run("network", "destroy", NETWORK, "--missing-ok")
        refused = self.vhost.run("restore", NAMES[0], check=False)
        self.assertEqual(2, refused.returncode)
        self.assertIn("sudo vhost network create", refused.stderr)

    def rules(self) -> str:
        return self.arena.run("nft", "list", "ruleset")
