# SPDX-License-Identifier: Apache-2.0
"""An expected failure is one for the known fact alone: a cloud that is down makes it fail."""

import ast
import unittest
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from testtools.testcase import _ExpectedFailure, _UnexpectedSuccess

from tests.unit.simulation import HOST, Simulation
from tests.unit.test_fault_scenarios import FaultySimulation
from tests.unit.test_scenarios_changing import ChangingSimulation
from vhost_tempest_plugin import scenario
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.nova.request import CpuPolicy, Request
from vhost_tempest_plugin.scenario import (
    test_alias,
    test_hardware_faults,
    test_life,
    test_migration,
    test_nova_mistakes,
    test_placement_scheduling,
)
from vhost_tempest_plugin.scenario.base_host import BaseHostTest
from vhost_tempest_plugin.scenario.session import DisagreementError

SEEDS = 3
TWICE = (
    "Starting compute node (version 0)",
    "ERROR nova.compute.manager Error updating resources for node article-0.: Traceback",
    "ERROR nova.compute.manager nova.exception.CPUPinningInvalid: "
    "CPU set to pin [5] must be a subset of free CPU set []",
)


class Refusing(Simulation):
    """No host is found for servers with a CPU that floats, or with a thread policy."""

    def decide(self, servers: Any) -> None:
        refused = {each for each in servers if is_refused(self.requests[each])}
        self.refused.update(refused)
        super().decide([each for each in servers if each not in refused])


def is_refused(request: Request) -> bool:
    return request.cpu_policy is CpuPolicy.MIXED or request.image.thread_policy is not None


class Floating(Simulation):
    """The CPU of the last node of a server is not pinned."""

    def decide(self, servers: Any) -> None:
        super().decide(servers)
        for server in servers:
            host, seen = self.where[server]
            last = replace(seen.nodes[-1], pins={}, floating=frozenset({0}))
            self.where[server] = (host, replace(seen, nodes=(*seen.nodes[:-1], last)))


class OldPools(FaultySimulation):
    """Nova places servers by where devices were before the hardware changed."""

    def decide(self, servers: Any) -> None:
        host: Any = self.test.hosts[HOST]
        own, host.layout = host.layout, self.own
        super().decide(servers)
        host.layout = own


class Unstarted(ChangingSimulation):
    """A service does not start with the options."""

    said = ""

    @contextmanager
    def configured(self, service: str, options: Mapping[str, Any]) -> Iterator[None]:
        raise StartError("nova-api does not start", lines=(self.said,))
        yield


class KeyErrors(Unstarted):
    said = "nova.exception.PciInvalidAlias: Invalid PCI alias definition: 'dev_type'"


class WithoutIds(Unstarted):
    said = "The PCI alias(es) nic does not have vendor_id and product_id fields set."


class Audited(ChangingSimulation):
    """Audits of nova-compute fail."""

    def log(self, service: str, host: str, count: int) -> tuple[str, ...]:
        return TWICE


class Kept(ChangingSimulation):
    """Devices of servers that are deleted stay allocated."""

    def delete(self, servers: Any, watch: object) -> None:
        return


class Lost(ChangingSimulation):
    """Devices of a server whose migration is reverted are free."""

    def revert_resize_server(self, server: str) -> None:
        super().revert_resize_server(server)
        self.gone.add(server)


@dataclass(frozen=True)
class Bug:
    """A test that fails because of a bug of Nova's, with a Nova that has it and one that has not.

    :param known: what fails as it is known
    :param mended: what does not fail
    """

    module: ModuleType
    case: str
    test: str
    known: Any
    mended: Any
    hosts: int = 1

    @property
    def name(self) -> str:
        return f"{self.module.__name__.rpartition('.')[2]}.{self.case}.{self.test}"

    def simulation(self, kind: Any, seed: int) -> Any:
        case = getattr(self.module, self.case)
        if issubclass(kind, ChangingSimulation):
            topology = "article" if self.hosts == 1 else "small"
            return kind(case, self.test, topology, seed, hosts=self.hosts)
        if issubclass(kind, FaultySimulation):
            return kind(case, self.test, "article", seed)
        return kind(case, self.test, "article", seed, best=False)


MISTAKES = test_nova_mistakes, "MistakeTest"
BUGS = (
    Bug(
        *MISTAKES,
        "test_isolated_emulator_beside_a_node_without_dedicated_cpus",
        Refusing,
        Simulation,
    ),
    Bug(
        *MISTAKES,
        "test_isolated_threads_beside_a_node_without_dedicated_cpus",
        Refusing,
        Simulation,
    ),
    Bug(
        *MISTAKES,
        "test_thread_policy_of_an_image_that_the_flavor_overrules",
        Refusing,
        Simulation,
    ),
    Bug(*MISTAKES, "test_guest_of_unequal_nodes_is_pinned", Floating, Simulation),
    Bug(
        test_hardware_faults,
        "RewiredTest",
        "test_nics_are_exchanged_and_nova_starts_once",
        OldPools,
        FaultySimulation,
    ),
    Bug(test_alias, "AliasTest", "test_two_sorts_for_one_alias", KeyErrors, ChangingSimulation),
    Bug(
        test_placement_scheduling,
        "ScheduledTest",
        "test_alias_of_a_class_alone",
        WithoutIds,
        ChangingSimulation,
    ),
    Bug(
        test_life,
        "AuditTest",
        "test_accounts_are_right_while_a_guest_is_resized",
        Audited,
        ChangingSimulation,
    ),
    Bug(
        test_life,
        "AuditTest",
        "test_devices_of_a_resized_guest_are_free_without_one",
        Kept,
        ChangingSimulation,
    ),
    Bug(
        test_migration,
        "ColdMigrationTest",
        "test_device_of_a_guest_on_its_way_back",
        Lost,
        ChangingSimulation,
        hosts=2,
    ),
)


class KnownBugsTest(unittest.TestCase):
    def test_the_known_fact_is_an_expected_failure(self) -> None:
        for bug, seed in self.each():
            with self.subTest(bug.name, seed=seed), self.assertRaises(_ExpectedFailure):
                bug.simulation(bug.known, seed).perform()

    def test_a_nova_without_it_is_an_unexpected_success(self) -> None:
        for bug, seed in self.each():
            with self.subTest(bug.name, seed=seed), self.assertRaises(_UnexpectedSuccess):
                bug.simulation(bug.mended, seed).perform()

    def test_an_api_that_does_not_answer_is_an_error(self) -> None:
        for bug, seed in self.each():
            simulation = bug.simulation(bug.mended, seed)
            simulation.down = True
            with self.subTest(bug.name, seed=seed), self.assertRaises(ConnectionError):
                simulation.perform()

    def test_another_refusal_is_a_failure(self) -> None:
        """As of a cloud without a free host: what is known is something else."""
        for bug, seed in self.each():
            simulation = bug.simulation(bug.mended, seed)
            simulation.decide = simulation.refused.update
            with self.subTest(bug.name, seed=seed), self.assertRaises(AssertionError):
                simulation.perform()

    def each(self) -> Iterator[tuple[Bug, int]]:
        return ((bug, seed) for bug in BUGS for seed in range(SEEDS))

    def test_all_are_here(self) -> None:
        """Scenarios with an expected failure, and none that counts any exception as one."""
        found = set()
        for path in Path(*scenario.__path__).glob("test_*.py"):
            self.assertNotRegex(path.read_text(), "expectFailure|expectedFailure")
            for case in ast.parse(path.read_text()).body:
                if isinstance(case, ast.ClassDef):
                    found.update(
                        f"{path.stem}.{case.name}.{each.name}"
                        for each in case.body
                        if isinstance(each, ast.FunctionDef)
                        and each.name.startswith("test_")
                        and {"known_bug", "refused_wrongly"}
                        & {n.attr for n in ast.walk(each) if isinstance(n, ast.Attribute)}
                    )
        self.assertEqual({bug.name for bug in BUGS}, found)


class BlockTest(unittest.TestCase):
    """The block of ``known_bug``."""

    def setUp(self) -> None:
        self.test: Any = BaseHostTest("id")

    def test_each_fact_must_be_known(self) -> None:
        with self.assertRaises(_ExpectedFailure):
            self.fail_with(DisagreementError(["a is 1", "a is 2"]))
        with self.assertRaises(DisagreementError):
            self.fail_with(DisagreementError(["a is 1", "b is 2"]))
        with self.assertRaises(DisagreementError):
            self.fail_with(DisagreementError(["a is 1 and more"]))

    def test_other_exceptions_are_none(self) -> None:
        with self.assertRaises(KeyError):
            self.fail_with(KeyError("a is 1"))

    def test_why_a_service_does_not_start(self) -> None:
        with self.assertRaises(_ExpectedFailure):
            self.fail_with(StartError("a is", lines=("1",)), "a is\n1")
        with self.assertRaises(StartError):
            self.fail_with(StartError("it has no answer", lines=()))

    def fail_with(self, error: Exception, pattern: str = r"a is \d") -> None:
        with self.test.known_bug("a bug", pattern):
            raise error
