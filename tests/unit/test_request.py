# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy
from vhost_tempest_plugin.nova.request import (
    CpuPolicy,
    DeviceRequest,
    EmulatorPolicy,
    ImageRequest,
    PageSize,
    Request,
    ThreadPolicy,
)
from vhost_tempest_plugin.topology.devices import e1000e

(NIC,) = pci_devices.kinds(e1000e.MODEL)


class WordsTest(unittest.TestCase):
    def test_what_is_not_asked_for_is_not_said(self) -> None:
        request = Request(vcpus=1, memory_mib=64)
        self.assertEqual({}, request.extra_specs())
        self.assertEqual({}, request.image_properties())

    def test_a_flavor(self) -> None:
        request = Request(
            vcpus=4,
            memory_mib=192,
            nodes=2,
            node_cpus=(frozenset({0}), frozenset({1, 2, 3})),
            node_memory_mib=(64, 128),
            cpu_policy=CpuPolicy.MIXED,
            dedicated_mask=frozenset({1, 2}),
            thread_policy=ThreadPolicy.REQUIRE,
            emulator_policy=EmulatorPolicy.ISOLATE,
            page_size=2048,
            pci_policy=NumaPolicy.SOCKET,
            devices=(
                DeviceRequest(NIC, 2),
                DeviceRequest(NIC, 1, NumaPolicy.LEGACY),
                DeviceRequest(NIC, 1, name="fast"),
                DeviceRequest(None, 1, name="nobody"),
            ),
        )
        words = {
            "hw:numa_nodes": "2",
            "hw:numa_cpus.0": "0",
            "hw:numa_cpus.1": "1-3",
            "hw:numa_mem.0": "64",
            "hw:numa_mem.1": "128",
            "hw:cpu_policy": "mixed",
            "hw:cpu_dedicated_mask": "1-2",
            "hw:cpu_thread_policy": "require",
            "hw:emulator_threads_policy": "isolate",
            "hw:mem_page_size": "2048",
            "hw:pci_numa_affinity_policy": "socket",
            "pci_passthrough:alias": "e1000e:2,e1000e-legacy:1,fast:1,nobody:1",
        }
        self.assertEqual(words, request.extra_specs())

    def test_an_image(self) -> None:
        image = ImageRequest(
            2, CpuPolicy.DEDICATED, ThreadPolicy.PREFER, PageSize.LARGE, NumaPolicy.PREFERRED
        )
        words = {
            "hw_numa_nodes": "2",
            "hw_cpu_policy": "dedicated",
            "hw_cpu_thread_policy": "prefer",
            "hw_mem_page_size": "large",
            "hw_pci_numa_affinity_policy": "preferred",
        }
        self.assertEqual(words, Request(1, 64, image=image).image_properties())

    def test_what_no_flavor_can_say(self) -> None:
        for make in (
            lambda: Request(0, 64),
            lambda: Request(1, 0),
            lambda: Request(1, 64, 2, (frozenset({0}), frozenset()), (32, 32)),
            lambda: DeviceRequest(NIC, 0),
            lambda: DeviceRequest(None),
        ):
            self.assertRaises(ValueError, make)
