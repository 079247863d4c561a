# SPDX-License-Identifier: Apache-2.0
"""What tests of expectations ask, on the hosts of this package."""

import unittest
from typing import Any

from vhost_tempest_plugin import catalog, novaconf
from vhost_tempest_plugin.expect import (
    Conflict,
    Expectation,
    Lack,
    Limits,
    Placed,
    Refused,
    expectation,
)
from vhost_tempest_plugin.layout import Layout, lay_out
from vhost_tempest_plugin.load import Load
from vhost_tempest_plugin.novaconf import NumaPolicy
from vhost_tempest_plugin.pci import DeviceModel, PciAddress
from vhost_tempest_plugin.request import CpuPolicy, DeviceRequest, Request

(NIC,) = novaconf.kinds(DeviceModel.E1000E)
ALL = Limits(reserved_mib=0)
DEDICATED = CpuPolicy.DEDICATED


def topology(name: str) -> Layout:
    return lay_out(catalog.find(name))


ARTICLE, LOPSIDED, SMT = topology("article"), topology("lopsided"), topology("smt")
SOCKETS, SMALL, SRIOV = topology("sockets"), topology("small"), topology("sriov")


def on(layout: Layout, *nodes: int | None) -> frozenset[PciAddress]:
    """The devices on these nodes."""
    rows = novaconf.expected_devices(layout)
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
        self, layout: Layout, request: Request, reason: Conflict | Lack, load: Load | None = None
    ) -> None:
        expected = self.expect(layout, request, load)
        self.assertIsInstance(expected, Refused)
        assert isinstance(expected, Refused)
        self.assertIs(reason, expected.reason, expected.detail)
