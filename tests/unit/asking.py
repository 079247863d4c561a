# SPDX-License-Identifier: Apache-2.0
"""What tests of expectations ask, on the hosts of this package."""

import unittest
from typing import Any

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.expect import (
    Conflict,
    Expectation,
    Limits,
    Placed,
    Refused,
    Shortage,
    expectation,
)
from vhost_tempest_plugin.nova.load import Load
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import CpuPolicy, DeviceRequest, Request
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.devices import e1000e
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

(NIC,) = pci_devices.kinds(e1000e.MODEL)
ALL = Limits(reserved_mib=0)
DEDICATED = CpuPolicy.DEDICATED


def topology(name: str) -> Layout:
    return catalog.find(name)


ARTICLE, LOPSIDED, SMT = topology("article"), topology("lopsided"), topology("smt")
SOCKETS, SMALL, SRIOV = topology("sockets"), topology("small"), topology("sriov")


def on(layout: Layout, *nodes: int | None) -> frozenset[PciAddress]:
    """The devices on these nodes."""
    rows = pci_devices.expected_devices(layout)
    return frozenset(row.address for row in rows if row.numa_node in nodes)


def nic(count: int = 1, policy: NumaPolicy = NumaPolicy.REQUIRED) -> DeviceRequest:
    return DeviceRequest(NIC, count, policy)


def guest(vcpus: int = 1, memory_mib: int = 64, nodes: int | None = 1, **words: Any) -> Request:
    return Request(vcpus=vcpus, memory_mib=memory_mib, nodes=nodes, **words)


def places(expected: Expectation) -> set[tuple[int, ...]]:
    assert isinstance(expected, Placed), expected
    return {choice.nodes for choice in expected.choices}


class CaseTest(unittest.TestCase):
    def expect(self, layout: Layout, request: Request, load: Load | None = None) -> Expectation:
        return expectation(layout, request, load or Load(), ALL)

    def refused(
        self,
        layout: Layout,
        request: Request,
        reason: Conflict | Shortage,
        load: Load | None = None,
    ) -> None:
        expected = self.expect(layout, request, load)
        self.assertIsInstance(expected, Refused)
        assert isinstance(expected, Refused)
        self.assertIs(reason, expected.reason, expected.detail)
