# SPDX-License-Identifier: Apache-2.0
"""What a test leaves of what it saw, for ``vhost lab test``'s page."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vhost_tempest_plugin.nova.expect import Observation
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.topology import cpuset


@dataclass(slots=True)
class Record:
    """Of one test.

    :param guests: a guest at one moment each
    :param disagreements: where the views differed
    """

    test: str
    guests: list[dict[str, Any]] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)

    def guest(self, number: int, step: str, host: str, request: Request, seen: Observation) -> None:
        """Note where a guest is after a step."""
        self.guests.append(
            {
                "guest": number,
                "step": step,
                "host": host,
                "request": _words(request),
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
                "emulator": cpuset.format(seen.emulator or ()),
            }
        )

    def disagree(self, facts: Iterable[object]) -> None:
        """Note what was not as it should be."""
        self.disagreements += map(str, facts)

    def write(self, directory: Path, waited_s: dict[str, float], own_s: float) -> None:
        """Write it to a file of the test's own in *directory*."""
        directory.mkdir(parents=True, exist_ok=True)
        content = {
            "test": self.test,
            "waited_s": {what: round(spent_s, 3) for what, spent_s in waited_s.items()},
            "own_s": round(own_s, 3),
            "guests": self.guests,
            "disagreements": self.disagreements,
        }
        (directory / f"{self.test}.json").write_text(json.dumps(content, indent=2) + "\n")


def _words(request: Request) -> str:
    """What was asked for, as flavor and image say it."""
    asked = {**request.extra_specs(), **request.image_properties()}
    words = (f"{name}={value}" for name, value in asked.items())
    return " ".join([f"vcpus={request.vcpus} ram={request.memory_mib}", *words])
