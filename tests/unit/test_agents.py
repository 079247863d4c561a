# SPDX-License-Identifier: Apache-2.0
"""What runs in a host of its switch and Neutron's agents."""

import subprocess
import unittest
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import cast

from vhost_tempest_plugin.cloud.compute import agents
from vhost_tempest_plugin.cloud.compute.service import ComputeService
from vhost_tempest_plugin.cloud.compute.unit import Unit
from vhost_tempest_plugin.cloud.configuration import networking
from vhost_tempest_plugin.cloud.configuration.networking import (
    NO_NETWORKING,
    Networking,
    NeutronAgent,
)
from vhost_tempest_plugin.cloud.configuration.settings import HOST_IN_USER_MODE
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.util.process import Completed

FILE = Path("/etc/neutron/metadata.ini")
AGENT = NeutronAgent("neutron-ovn-metadata-agent", (FILE,))
ENVIRONMENT = Path("/opt/stack/data/venv")


class Host:
    """Stands in for a connection: keeps the scripts, and has a shell see that they are some."""

    def __init__(self) -> None:
        self.scripts: list[str] = []

    def run(self, argv: Sequence[str], *, input_text: str, timeout_s: float) -> Completed:
        """Take a script."""
        assert argv == ["sh", "-s"]
        subprocess.run(["sh", "-n"], input=input_text, text=True, check=True)
        self.scripts.append(input_text)
        return Completed(argv, 0, "", "")


class ConnectTest(unittest.TestCase):
    def connect(self, wanted: Networking, address: str = HOST_IN_USER_MODE, code: str = "1") -> str:
        host = Host()
        unit = Unit("n-cpu.service", Path("/x"), PurePosixPath("/y"))
        compute = ComputeService(unit, cast(HostConnection, host))
        texts = {FILE: "[ovn]\novn_sb_connection = tcp:192.0.2.2:6642\n"}
        agents.connect(compute, wanted, "vhost-0", address, ENVIRONMENT, texts, code)
        return "".join(host.scripts)

    def test_nothing_where_there_is_none(self) -> None:
        self.assertEqual("", self.connect(NO_NETWORKING))

    def test_a_chassis(self) -> None:
        script = self.connect(Networking("tcp:192.0.2.2:6642"))
        tunnel = networking.tunnel_address("vhost-0", HOST_IN_USER_MODE)
        self.assertIn(f"ip address replace {tunnel}/32 dev lo\n", script)
        order = ["system-id.conf", "start openvswitch-switch", "ovs-vsctl", "start ovn-controller"]
        places = [script.index(words) for words in order]
        self.assertEqual(sorted(places), places)
        self.assertNotIn("neutron", script)

    def test_an_address_of_its_own_is_where_tunnels_end(self) -> None:
        wanted = Networking("tcp:192.0.2.2:6642", agents=(AGENT,))
        script = self.connect(wanted, "192.0.2.20")
        self.assertNotIn("dev lo", script)
        self.assertIn('ovn-encap-ip="192.0.2.20"', script)

    def test_an_agent(self) -> None:
        script = self.connect(Networking("tcp:192.0.2.2:6642", agents=(AGENT,)))
        self.assertIn(f"install -D -m 600 /dev/stdin {FILE} ", script)
        program = ENVIRONMENT / "bin" / AGENT.program
        self.assertIn(f"ExecStart={program} --config-file {FILE}\n", script)
        self.assertIn(f"Environment=PATH={ENVIRONMENT}/bin:/usr/sbin", script)
        tunnel = networking.tunnel_address("vhost-0", HOST_IN_USER_MODE)
        self.assertIn(f"ExecStartPre=ip address replace {tunnel}/32 dev lo\n", script)

    def test_without_ovn_its_controller_does_not_run(self) -> None:
        agent = NeutronAgent("neutron-openvswitch-agent", (FILE,))
        script = self.connect(Networking(agents=(agent,)))
        self.assertNotIn("ovn-controller", script)
        self.assertIn("systemctl start openvswitch-switch.service\n", script)

    def test_it_is_restarted_where_anything_of_it_has_changed(self) -> None:
        wanted = Networking(agents=(AGENT,))

        def digest(code: str) -> str:
            return next(
                line for line in self.connect(wanted, code=code).splitlines() if "restart" in line
            )

        self.assertEqual(digest("1"), digest("1"))
        self.assertNotEqual(digest("1"), digest("2"))
