# SPDX-License-Identifier: Apache-2.0
import unittest
from dataclasses import replace

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.host import boot
from vhost_tempest_plugin.host.kernel_parameters import command_line
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.devices import e1000e, igb
from vhost_tempest_plugin.topology.layout import lay_out
from vhost_tempest_plugin.topology.model import (
    Binding,
    DeviceGroup,
    Host,
    HugePages,
    Iommu,
)


def words(host: Host) -> list[str]:
    return command_line(lay_out(host)).split(" ")


class CommandLineTest(unittest.TestCase):
    def setUp(self) -> None:
        small = catalog.find("small").host
        self.host = replace(
            small, nodes=tuple(replace(n, huge_pages=(), bus=None) for n in small.nodes)
        )

    def with_devices(self, *groups: DeviceGroup) -> Host:
        first = replace(self.host.nodes[0], devices=groups)
        return replace(self.host, nodes=(first, *self.host.nodes[1:]))

    def test_the_log_of_a_boot_with_many_nics_is_kept(self) -> None:
        """``wide`` says more than 128 KiB: its check interrupt-remapping found no message."""
        for accelerator in Accelerator:
            with self.subTest(accelerator):
                self.assertIn("log_buf_len=1M", boot.parameters(accelerator))

    def test_iommu(self) -> None:
        unsafe = "vfio_iommu_type1.allow_unsafe_interrupts=1"
        self.assertIn("intel_iommu=on", words(self.host))
        self.assertNotIn(unsafe, words(self.host))
        self.assertIn(unsafe, words(replace(self.host, iommu=Iommu(interrupt_remapping=False))))
        without = Iommu(None, interrupt_remapping=False, caching_mode=False)
        self.assertEqual("", command_line(lay_out(replace(self.host, iommu=without))))

    def test_huge_pages(self) -> None:
        first, second, *rest = self.host.nodes
        first = replace(
            first, memory_mib=4096, huge_pages=(HugePages(2048, 8), HugePages(1 << 20, 1))
        )
        second = replace(second, huge_pages=(HugePages(2048, 4),))
        line = command_line(lay_out(replace(self.host, nodes=(first, second, *rest))))
        self.assertIn("hugepagesz=2M hugepages=0:8,1:4 hugepagesz=1G hugepages=0:1", line)

    def test_many_nics_leave_the_windows_to_the_kernel(self) -> None:
        self.assertIn("pci=nocrs", words(catalog.find("wide").host))
        self.assertNotIn("pci=nocrs", words(catalog.find("article").host))

    def test_vfio(self) -> None:
        host = self.with_devices(
            DeviceGroup(e1000e.MODEL),
            DeviceGroup(e1000e.MODEL, binding=Binding.VFIO_PCI),
        )
        self.assertIn("vhost.vfio=0000:b6:00.0", words(host))

    def test_sriov(self) -> None:
        host = self.with_devices(
            DeviceGroup(igb.MODEL, vfs=2, binding=Binding.VFIO_PCI),
            DeviceGroup(igb.MODEL, vfs=1),
        )
        said = words(host)
        self.assertIn("vhost.sriov=0000:b5:00.0=2,0000:b6:00.0=1", said)
        self.assertIn("vhost.vfio=0000:b5:10.0,0000:b5:10.2", said)

    def test_too_long(self) -> None:
        group = DeviceGroup(igb.MODEL, 32, vfs=7, binding=Binding.VFIO_PCI)
        with self.assertRaisesRegex(TopologyError, "1900 characters.*224 functions"):
            words(self.with_devices(group))
