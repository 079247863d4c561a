# SPDX-License-Identifier: Apache-2.0
"""What a test leaves of what it saw, for ``vhost lab test``'s page."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch
from vhost_tempest_plugin.scenario.placed_server import PlacedServer
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util import atomic_file


class Record:
    """Of one test: its servers after each step, its phases, and where views differed.

    :param test: its id
    """

    def __init__(self, test: str) -> None:
        self.test = test
        self._servers: list[dict[str, Any]] = []
        self._phases: list[dict[str, Any]] = []
        self._disagreements: list[str] = []
        self._ended_s = 0.0
        self._waited_s: Mapping[str, float] = {}
        self._worked_s: Mapping[str, float] = {}

    def server(
        self,
        server: PlacedServer,
        step: str,
        at_s: float,
        device_nodes: Mapping[PciAddress, int | None],
    ) -> None:
        """Note where a running server is after a step.

        :param at_s: seconds since the test began
        :param device_nodes: the host's NUMA node of each of its devices
        """
        seen = server.claim.seen
        self._servers.append(
            {
                "server": server.number,
                "step": step,
                "at_s": round(at_s, 3),
                "host": server.host,
                "power": server.power.value,
                "request": _words(server.claim.request),
                "nodes": [
                    {
                        "node": node.node,
                        "pins": {str(vcpu): cpu for vcpu, cpu in sorted(node.pins.items())},
                        "floating": cpuset.format(node.floating or ()),
                        "memory_mib": node.memory_mib,
                        "page_size_kib": node.page_size_kib,
                    }
                    for node in seen.nodes
                ],
                "devices": [str(address) for address in sorted(seen.devices)],
                "device_nodes": {str(each): device_nodes[each] for each in sorted(device_nodes)},
                "emulator": cpuset.format(seen.emulator or ()),
            }
        )

    def left(self, number: int, step: str, at_s: float) -> None:
        """Note that a server has no host after a step."""
        self._servers.append(
            {
                "server": number,
                "step": step,
                "at_s": round(at_s, 3),
                "host": None,
                "power": "",
                "request": "",
                "nodes": [],
                "devices": [],
                "device_nodes": {},
                "emulator": "",
            }
        )

    def phase(self, step: str, servers: Iterable[int], watch: Stopwatch) -> None:
        """Note that a phase of the test ends here; it began where the one before ended.

        :param servers: the numbers of the servers that it was about
        """
        now_s, waited_s, worked_s = watch.total_s, watch.waited_s, watch.worked_s
        self._phases.append(
            {
                "step": step,
                "servers": list(servers),
                "begun_s": round(self._ended_s, 3),
                "spent_s": round(now_s - self._ended_s, 3),
                "waited_s": _since(self._waited_s, waited_s),
                "worked_s": _since(self._worked_s, worked_s),
            }
        )
        self._ended_s, self._waited_s, self._worked_s = now_s, waited_s, worked_s

    def disagree(self, facts: Iterable[object]) -> None:
        """Note what was not as it should be."""
        self._disagreements += map(str, facts)

    def write(self, directory: Path, watch: Stopwatch) -> None:
        """Write it to a file of the test's own in *directory*; the last phase ends here."""
        self.phase("end", (), watch)
        directory.mkdir(parents=True, exist_ok=True)
        content = {
            "test": self.test,
            "own_s": round(watch.own_s, 3),
            "total_s": round(watch.total_s, 3),
            "waited_s": {what: round(spent_s, 3) for what, spent_s in watch.waited_s.items()},
            "worked_s": {what: round(spent_s, 3) for what, spent_s in watch.worked_s.items()},
            "phases": self._phases,
            "servers": self._servers,
            "disagreements": self._disagreements,
        }
        atomic_file.write(
            directory / f"{self.test}.json",
            json.dumps(content, indent=2) + "\n",
            mode=atomic_file.PUBLIC,
        )


def _since(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """The seconds that were added, of what any were added to."""
    spent = {what: round(s - before.get(what, 0.0), 3) for what, s in now.items()}
    return {what: s for what, s in spent.items() if s > 0}


def _words(request: Request) -> str:
    """What was asked for, in the words of flavor and image."""
    asked = {**request.extra_specs(), **request.image_properties()}
    words = (f"{name}={value}" for name, value in asked.items())
    return " ".join([f"vcpus={request.vcpus} ram={request.memory_mib}", *words])
