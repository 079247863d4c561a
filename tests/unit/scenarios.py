# SPDX-License-Identifier: Apache-2.0
"""All scenarios that there are: discovered, so that none is left out of the simulations."""

import importlib
import pkgutil
import unittest
from collections.abc import Iterator
from enum import Enum, auto
from functools import cache
from typing import Any

from vhost_tempest_plugin import scenario
from vhost_tempest_plugin.scenario.base import ScenarioTest
from vhost_tempest_plugin.scenario.base_config import BaseConfigTest
from vhost_tempest_plugin.scenario.base_hardware import BaseHardwareTest
from vhost_tempest_plugin.scenario.base_lifecycle import BaseLifecycleTest

# What nothing simulates, with the reason.
NOT_SIMULATED = {
    "test_alias.UnknownAliasTest": "asserts what nova-api says of an alias",
    "test_device_spec.ManagedTest": "looks at libvirt's XML of a server",
    "test_host.EmulatedHostTest": "runs 'vhost check' on hosts, and asks no cloud",
    "test_placement_report.UnreportedTest": "reads the providers of a running Placement",
    "test_ports.PortTest": "needs Neutron, and an agent that plugs ports",
}


class Kind(Enum):
    """Which simulation a test runs on."""

    PLAIN = auto()
    CHANGING = auto()
    FAULTY = auto()


@cache
def cases() -> tuple[type[Any], ...]:
    """All test classes of all modules ``test_*``."""
    found = (each.name for each in pkgutil.iter_modules(scenario.__path__))
    names = sorted(name for name in found if name.startswith("test_"))
    modules = [importlib.import_module(f"{scenario.__name__}.{name}") for name in names]
    return tuple(
        case
        for module in modules
        for case in vars(module).values()
        if isinstance(case, type)
        and issubclass(case, unittest.TestCase)
        and case.__module__ == module.__name__
        and test_names(case)
    )


def test_names(case: type[Any]) -> list[str]:
    """Those of a class's tests."""
    return list(unittest.defaultTestLoader.getTestCaseNames(case))


def name_of(case: type[Any]) -> str:
    """Module and class."""
    return f"{case.__module__.rpartition('.')[2]}.{case.__name__}"


def kind_of(case: type[Any]) -> Kind:
    """By its base class, but for what looks into guests."""
    if issubclass(case, BaseHardwareTest) or name_of(case) == "test_in_guest.InGuestTest":
        return Kind.FAULTY
    restarts = case.__module__.endswith(".test_restarts")
    if issubclass(case, BaseConfigTest | BaseLifecycleTest) or restarts:
        return Kind.CHANGING
    return Kind.PLAIN


def simulated(kind: Kind) -> Iterator[tuple[type[ScenarioTest], str]]:
    """The tests that run on a simulation."""
    for case in cases():
        if name_of(case) not in NOT_SIMULATED and kind_of(case) is kind:
            for name in test_names(case):
                yield case, name
