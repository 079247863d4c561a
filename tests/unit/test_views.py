# SPDX-License-Identifier: Apache-2.0
"""Views that agree, and every way in which one may not."""

import json
import unittest
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tests.unit import server_views
from tests.unit.server_views import CPU_SETS, DEDICATED, GUEST, HOST, ROW, SHARED, VIEWS
from vhost_tempest_plugin.hypervisor.domain import AssignedDevice, DomainCell
from vhost_tempest_plugin.nova.expect import InstanceNode, Observation
from vhost_tempest_plugin.nova.expect.domain_settings import locks_memory
from vhost_tempest_plugin.nova.views import (
    Disagreement,
    Holding,
    HostDevice,
    HostView,
    NovaView,
    Power,
    ServerViews,
    TrackedDevice,
    View,
    disagreements,
    leaks,
    observation,
    unchanged,
)
from vhost_tempest_plugin.nova.views.nova import extra_specs, numa_topology, server_topology
from vhost_tempest_plugin.nova.views.placement import device_of
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.pci import PciAddress

HELD = VIEWS.sysfs[ROW.address]
FREE = replace(HELD, driver="e1000e", holders=frozenset())
DOMAIN = server_views.domain()
OTHER = PciAddress(0xFA, 0)
SHARED_THERE = server_views.cpus(1)
# nova/objects/service.py: the service version of 2025.2.
FLAMINGO = 70


FLOATING = replace(
    VIEWS,
    domain=replace(
        DOMAIN,
        cells=(),
        vcpu_cpus={},
        emulator_cpus=None,
        memory_mode=None,
        cpuset=SHARED,
        iothread_cpus={},
    ),
    recorded=Observation(),
    api=Observation(),
)


def held(recorded: Observation | None) -> dict[str, int]:
    """What a server with a floating CPU has of Placement."""
    own = {"PCPU": 1} if recorded and recorded.emulator else {}
    return {"VCPU": 1, "MEMORY_MB": server_views.MIB, **own}


def off(power: Power = Power.OFF) -> ServerViews:
    return replace(
        VIEWS, power=power, domain=replace(DOMAIN, active=False), sysfs={ROW.address: FREE}
    )


def with_domain(**words: Any) -> ServerViews:
    """One of whose domain libvirt says something else."""
    return replace(VIEWS, domain=replace(DOMAIN, **words))


def words(found: Iterable[Disagreement]) -> str:
    return "; ".join(map(str, found))


class AgreementTest(unittest.TestCase):
    def assert_agreed(self, views: ServerViews) -> None:
        self.assertEqual("", words(disagreements(views, CPU_SETS)))

    def test_they_agree(self) -> None:
        self.assert_agreed(VIEWS)
        self.assert_agreed(off())
        self.assert_agreed(
            replace(off(Power.SUSPENDED), domain=replace(DOMAIN, active=False, assigned=()))
        )

    def test_who_differs_and_in_what(self) -> None:
        row = VIEWS.nova[0]
        node = InstanceNode(1, memory_mib=server_views.MIB)
        for view, subject, views in (
            (View.NOVA, GUEST, replace(VIEWS, recorded=None)),
            (View.LIBVIRT, GUEST, replace(VIEWS, domain=None)),
            (View.LIBVIRT, GUEST, replace(VIEWS, domain=replace(DOMAIN, active=False))),
            (View.LIBVIRT, GUEST, replace(off(), domain=DOMAIN)),
            (View.NOVA, str(ROW.address), replace(VIEWS, nova=(replace(row, status="claimed"),))),
            (View.NOVA, str(ROW.address), replace(VIEWS, nova=())),
            (View.LIBVIRT, str(ROW.address), replace(VIEWS, domain=replace(DOMAIN, assigned=()))),
            (View.SYSFS, str(ROW.address), replace(VIEWS, sysfs={})),
            (View.SYSFS, "node 0", replace(VIEWS, sysfs={ROW.address: replace(HELD, node=0)})),
            (View.SYSFS, "no node", replace(VIEWS, sysfs={ROW.address: replace(HELD, node=None)})),
            (
                View.SYSFS,
                "e1000e",
                replace(VIEWS, sysfs={ROW.address: replace(HELD, driver="e1000e")}),
            ),
            (
                View.SYSFS,
                "nobody",
                replace(VIEWS, sysfs={ROW.address: replace(HELD, holders=frozenset())}),
            ),
            (
                View.SYSFS,
                "returned to the host",
                replace(off(), sysfs={ROW.address: replace(FREE, driver="vfio-pci")}),
            ),
            (
                View.SYSFS,
                "held by",
                replace(off(), sysfs={ROW.address: replace(FREE, holders=frozenset({GUEST}))}),
            ),
            (View.API, "guest node 0", replace(VIEWS, api=Observation((replace(node, node=2),)))),
            (View.API, "NUMA nodes", replace(VIEWS, api=Observation())),
            (
                View.NOVA,
                "pins",
                replace(VIEWS, recorded=Observation((replace(node, pins={0: 5}),))),
            ),
            (
                View.NOVA,
                "memory",
                replace(VIEWS, recorded=Observation((replace(node, memory_mib=64),))),
            ),
            (
                View.NOVA,
                "pages",
                replace(VIEWS, recorded=Observation((replace(node, page_size_kib=2048),))),
            ),
            (View.LIBVIRT, "guest node 0", replace(VIEWS, domain=server_views.domain(node=0))),
            (
                View.LIBVIRT,
                "numatune",
                replace(VIEWS, domain=replace(DOMAIN, memory_mode="preferred")),
            ),
            (View.LIBVIRT, "memory: nova: not locked", with_domain(locked=True)),
            (View.LIBVIRT, "cpuset of vcpu", with_domain(cpuset=SHARED)),
            (
                View.LIBVIRT,
                "cpuset of vcpu",
                replace(FLOATING, domain=replace(FLOATING.domain, cpuset=DEDICATED)),
            ),
            (View.LIBVIRT, "emulator: nova: CPUs", with_domain(emulator_cpus=DEDICATED)),
            (View.LIBVIRT, "libvirt: not pinned", with_domain(emulator_cpus=None)),
            (
                View.LIBVIRT,
                "I/O threads: nova: 1; libvirt: 0",
                with_domain(iothreads=0, iothread_cpus={}),
            ),
            (View.LIBVIRT, "I/O threads: nova: 1; libvirt: 2", with_domain(iothreads=2)),
            (
                View.LIBVIRT,
                "I/O threads: nova: 0; libvirt: 1",
                replace(VIEWS, compute_version=FLAMINGO),
            ),
            (View.LIBVIRT, "I/O thread 1: nova: CPUs", with_domain(iothread_cpus={})),
            (View.LIBVIRT, "I/O thread 1", with_domain(iothread_cpus={1: DEDICATED})),
            (
                View.LIBVIRT,
                "I/O thread 1: nova: CPUs",
                with_domain(emulator_cpus=DEDICATED, iothread_cpus={1: DEDICATED}),
            ),
            (
                View.LIBVIRT,
                "I/O thread 2: nova: not pinned",
                with_domain(iothread_cpus={1: SHARED_THERE, 2: SHARED_THERE}),
            ),
            (
                View.LIBVIRT,
                "memory: nova: locked; libvirt: not locked",
                replace(VIEWS, asked={"hw:locked_memory": "true"}),
            ),
            (View.PLACEMENT, "MEMORY_MB", replace(VIEWS, holdings=())),
            (View.PLACEMENT, str(ROW.address), replace(VIEWS, reported_devices=True)),
        ):
            with self.subTest(view=view, subject=subject):
                found = disagreements(views, CPU_SETS)
                ours = [each for each in found if view in each.said]
                self.assertIn(subject, words(ours))

    def test_pinned_cpus_are_pcpus_in_placement(self) -> None:
        """The mutant pcpus-never-asked-for has VCPUs of all that it pins."""
        cpu = min(DEDICATED)
        node = replace(VIEWS.recorded.nodes[0], pins={0: cpu})  # type: ignore[union-attr]
        seen = Observation((node,))
        pinned = replace(
            VIEWS,
            domain=replace(
                DOMAIN,
                vcpu_cpus={0: frozenset({cpu})},
                emulator_cpus=frozenset({cpu}),
                iothread_cpus={1: frozenset({cpu})},
            ),
            recorded=seen,
            api=seen,
        )
        memory = {"MEMORY_MB": server_views.MIB}
        (holding,) = VIEWS.holdings
        pcpus = replace(pinned, holdings=(replace(holding, resources={"PCPU": 1, **memory}),))
        vcpus = replace(pinned, holdings=(replace(holding, resources={"VCPU": 1, **memory}),))
        both = replace(
            pinned, holdings=(replace(holding, resources={"VCPU": 1, "PCPU": 1, **memory}),)
        )
        self.assert_agreed(pcpus)
        self.assertEqual(
            "PCPU: libvirt: 1; placement: 0; VCPU: libvirt: 0; placement: 1",
            words(disagreements(vcpus, CPU_SETS)),
        )
        self.assert_agreed(replace(vcpus, pcpu_fallback=True))
        self.assert_agreed(replace(pcpus, pcpu_fallback=True))
        for views in (both, replace(both, pcpu_fallback=True)):
            self.assertIn("VCPU: libvirt: 0", words(disagreements(views, CPU_SETS)))

    def test_a_floating_server_has_no_pcpus(self) -> None:
        (holding,) = VIEWS.holdings
        pcpu = {"PCPU": 1, "MEMORY_MB": server_views.MIB}
        views = replace(VIEWS, holdings=(replace(holding, resources=pcpu),))
        self.assertIn("PCPU: libvirt: 0", words(disagreements(views, CPU_SETS)))

    def test_a_device_of_placement_is_that_of_nova(self) -> None:
        name = f"{HOST.name}_{str(ROW.address).upper()}"
        self.assertEqual(ROW.address, device_of(name))
        self.assertIsNone(device_of(HOST.name))
        held = Holding(GUEST, name, device_of(name), {"CUSTOM_PCI_8086_10D3": 1})
        agreed = replace(VIEWS, holdings=(*VIEWS.holdings, held), reported_devices=True)
        self.assert_agreed(agreed)
        other = replace(held, device=OTHER)
        found = disagreements(replace(agreed, holdings=(*VIEWS.holdings, other)), CPU_SETS)
        self.assertIn(f"{OTHER}: nova: not allocated to", words(found))

    def test_what_else_nova_writes_into_the_domain(self) -> None:
        self.assert_agreed(FLOATING)
        self.assert_agreed(
            replace(with_domain(locked=True), asked={"hw:locked_memory": "true"}),
        )

    def test_releases_before_2026_1_have_no_iothreads(self) -> None:
        without = with_domain(iothreads=0, iothread_cpus={})
        self.assert_agreed(replace(without, compute_version=FLAMINGO))
        self.assertNotEqual((), disagreements(without, CPU_SETS))

    def test_where_the_emulator_is_follows_from_the_flavor(self) -> None:
        """And its I/O threads are there, whatever the domain says of its emulator."""
        own = frozenset({min(DEDICATED)})
        reserved = replace(VIEWS.recorded, emulator=own)  # type: ignore[type-var]
        for policy, recorded, cpus in (
            ("share", VIEWS.recorded, SHARED),
            ("isolate", reserved, own),
        ):
            with self.subTest(policy):
                views = replace(
                    with_domain(emulator_cpus=cpus, iothread_cpus={1: cpus}),
                    recorded=recorded,
                    asked={"hw:emulator_threads_policy": policy},
                    holdings=(replace(VIEWS.holdings[0], resources=held(recorded)),),
                )
                self.assert_agreed(views)
                found = words(disagreements(replace(views, domain=DOMAIN), CPU_SETS))
                self.assertIn("emulator: nova: CPUs", found)
                self.assertIn("I/O thread 1: nova: CPUs", found)

    def test_virtual_functions_are_those_of_their_physical_one(self) -> None:
        """Placement has a provider for all of them, as on ``sriov``."""
        physical = catalog.find("sriov").devices[0]
        first, second, *_ = physical.vf_addresses
        rows = tuple(replace(VIEWS.nova[0], row=replace(ROW, address=a)) for a in (first, second))
        holding = Holding(GUEST, "host_PF", physical.address, {"CUSTOM_PCI_8086_10CA": 2})
        views = replace(
            VIEWS,
            domain=replace(
                DOMAIN, assigned=tuple(AssignedDevice(a, managed=True) for a in (first, second))
            ),
            sysfs={a: replace(HELD, address=a) for a in (first, second)},
            nova=rows,
            holdings=(*VIEWS.holdings, holding),
            reported_devices=True,
            physical=dict.fromkeys(physical.vf_addresses, physical.address),
        )
        self.assert_agreed(views)
        one = replace(holding, resources={"CUSTOM_PCI_8086_10CA": 1})
        found = disagreements(replace(views, holdings=(*VIEWS.holdings, one)), CPU_SETS)
        self.assertEqual(
            f"{physical.address}: nova: allocated 2 times to {GUEST}; "
            f"placement: allocated to {GUEST}",
            words(found),
        )

    def test_what_it_left_behind_in_a_resize(self) -> None:
        left = TrackedDevice(replace(ROW, address=OTHER), "allocated", GUEST)
        sysfs = {**VIEWS.sysfs, OTHER: HostDevice(OTHER, 1, "e1000e", 8)}
        views = replace(VIEWS, nova=(*VIEWS.nova, left), sysfs=sysfs)
        self.assertNotEqual((), disagreements(views, CPU_SETS))
        self.assert_agreed(replace(views, migration_reserved=frozenset({OTHER})))


class ObservationTest(unittest.TestCase):
    def test_floating_and_pinned(self) -> None:
        pinned = min(DEDICATED)
        two = replace(
            DOMAIN,
            cells=(DomainCell(frozenset({0, 1}), 64, frozenset({1}), 2048),),
            vcpu_cpus={0: frozenset({pinned}), 1: server_views.cpus(1)},
        )
        (node,) = observation(two, DEDICATED).nodes
        self.assertEqual(InstanceNode(1, {0: pinned}, server_views.cpus(1), 64, 2048), node)

    def test_memory_of_several_nodes_is_on_none(self) -> None:
        wide = replace(DOMAIN, cells=(DomainCell(frozenset({0}), 64, frozenset({0, 1}), None),))
        self.assertEqual(-1, observation(wide, DEDICATED).nodes[0].node)

    def test_nova_database(self) -> None:
        cell = {
            "id": 2,
            "cpuset": [],
            "pcpuset": [0, 1],
            "cpuset_reserved": [7],
            "memory": 256,
            "pagesize": 4,
            "cpu_pinning_raw": {"0": 5, "1": 6},
        }
        text = json.dumps(
            {
                "nova_object.data": {
                    "cells": [{"nova_object.data": cell}],
                    "emulator_threads_policy": "isolate",
                }
            }
        )
        self.assertEqual(
            Observation((InstanceNode(2, {0: 5, 1: 6}, None, 256, 4),), emulator=frozenset({7})),
            numa_topology(text),
        )
        self.assertEqual(Observation(), numa_topology(None))

    def test_nova_api(self) -> None:
        answer = {
            "nodes": [
                {
                    "host_node": 2,
                    "cpu_pinning": {"0": 5},
                    "memory_mb": 256,
                    "vcpu_set": [0],
                    "siblings": [],
                }
            ],
            "pagesize_kb": None,
        }
        self.assertEqual(
            Observation((InstanceNode(2, {0: 5}, None, 256, None),)), server_topology(answer)
        )
        self.assertEqual(Observation(), server_topology({"nodes": [], "pagesize_kb": None}))


class SettingsTest(unittest.TestCase):
    def test_whether_memory_is_locked(self) -> None:
        encrypted = "hw:mem_encryption"
        for asked, locked in (
            ({}, False),
            ({"hw:cpu_realtime": "yes"}, True),
            ({"hw:cpu_realtime": "no"}, False),
            ({"hw:locked_memory": "True"}, True),
            ({"hw_locked_memory": "true"}, True),
            ({encrypted: "1"}, True),
            ({"hw_mem_encryption": "true"}, True),
            ({encrypted: "1", "hw:mem_encryption_model": "amd-sev-es"}, True),
            ({encrypted: "1", "hw:mem_encryption_model": "amd-sev-snp"}, False),
            ({encrypted: "1", "hw_mem_encryption_model": "intel-tdx"}, False),
            ({"hw:mem_encryption_model": "amd-sev"}, False),
            ({"hw:mem_page_size": "large"}, False),
        ):
            with self.subTest(asked):
                self.assertIs(locked, locks_memory(asked))

    def test_flavor_of_nova_database(self) -> None:
        flavor = {"nova_object.data": {"name": "pinned", "extra_specs": {"hw:numa_nodes": "1"}}}
        text = json.dumps({"cur": flavor, "old": None, "new": None})
        self.assertEqual({"hw:numa_nodes": "1"}, extra_specs(text))
        self.assertEqual({}, extra_specs(None))
        self.assertEqual({}, extra_specs('{"cur": {"nova_object.data": {}}}'))


class LeakTest(unittest.TestCase):
    host = HostView({ROW.address: FREE}, {}, {})
    nova = NovaView("uuid", (TrackedDevice(ROW, "available"),), {})

    def test_nothing(self) -> None:
        self.assertEqual((), leaks(self.host, self.nova, (), self.host))

    def test_whoever_holds_on_is_named(self) -> None:
        for view, host, nova, holdings in (
            (View.LIBVIRT, replace(self.host, domains={GUEST: DOMAIN}), self.nova, ()),
            (View.SYSFS, replace(self.host, devices={ROW.address: HELD}), self.nova, ()),
            (
                View.SYSFS,
                replace(self.host, devices={ROW.address: replace(FREE, driver=None)}),
                self.nova,
                (),
            ),
            (View.SYSFS, replace(self.host, devices={}), self.nova, ()),
            (View.NOVA, self.host, replace(self.nova, devices=VIEWS.nova), ()),
            (View.NOVA, self.host, replace(self.nova, instances={GUEST: Observation()}), ()),
            (View.PLACEMENT, self.host, self.nova, VIEWS.holdings),
        ):
            with self.subTest(view=view):
                found = leaks(host, nova, holdings, self.host)
                self.assertEqual({view}, {each for leak in found for each in leak.said})

    def test_what_waits_to_be_confirmed_keeps_its_devices_and_nobody_has_them(self) -> None:
        devices = {ROW.address}
        taken = NovaView("root", VIEWS.nova, {})
        self.assertEqual((), unchanged(GUEST, devices, taken, self.host))
        claimed = replace(taken, devices=(replace(VIEWS.nova[0], status="claimed"),))
        in_hand = replace(self.host, devices={ROW.address: HELD})
        for nova, host, had in (
            (self.nova, self.host, devices),
            (claimed, self.host, devices),
            (taken, in_hand, devices),
            (taken, self.host, frozenset[PciAddress]()),
        ):
            with self.subTest(nova=nova, had=had):
                self.assertIn(str(ROW.address), words(unchanged(GUEST, had, nova, host)))

    def test_only_ours(self) -> None:
        nova = replace(self.nova, devices=VIEWS.nova)
        self.assertEqual((), leaks(self.host, nova, VIEWS.holdings, ours={"another"}))
        self.assertEqual(2, len(leaks(self.host, nova, VIEWS.holdings, ours={GUEST})))
