# SPDX-License-Identifier: Apache-2.0
"""The host from which tests/unit/recorded was recorded, and a stand-in for it."""

import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from vhost_tempest_plugin.host.checks.base import Subject
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.devices import e1000e, igb
from vhost_tempest_plugin.topology.layout import lay_out
from vhost_tempest_plugin.topology.model import (
    Binding,
    CpuTopology,
    DeviceGroup,
    Host,
    HugePages,
    Iommu,
    NumaNode,
)

_E1000E = DeviceGroup(e1000e.MODEL)
HOST = Host(
    name="recorded",
    cpus=CpuTopology(2, 2, 2),
    nodes=(
        NumaNode(
            0,
            frozenset(range(4)),
            2048,
            ((0, 10), (1, 21), (2, 31)),
            (HugePages(2048, 64),),
            (_E1000E, dataclasses.replace(_E1000E, binding=Binding.VFIO_PCI)),
            180,
        ),
        NumaNode(
            1,
            frozenset({4, 5}),
            1024,
            ((0, 21), (1, 10), (2, 21)),
            (HugePages(2048, 32),),
            (dataclasses.replace(_E1000E, count=2),),
            200,
        ),
        NumaNode(
            2,
            frozenset({6, 7}),
            1024,
            ((0, 31), (1, 21), (2, 10)),
            (),
            (DeviceGroup(igb.MODEL, vfs=2),),
            220,
        ),
    ),
    devices=(_E1000E,),
)
NO_IOMMU = Iommu(None, interrupt_remapping=False, caching_mode=False)
NO_REMAPPING = Iommu(interrupt_remapping=False)


def recorded(name: str) -> str:
    """A file of tests/unit/recorded."""
    return (Path(__file__).with_name("recorded") / f"{name}.txt").read_text()


class RecordedConnection:
    """A stand-in for ``HostConnection``: it answers with recorded text."""

    name = "recorded"

    def __init__(self, sysfs: str, virsh: str, *, modprobe_status: int = 0) -> None:
        self._sysfs = sysfs
        self._virsh = virsh
        self._modprobe_status = modprobe_status
        self.ran: list[list[str]] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        input_text: str | None = None,
        timeout_s: float | None = None,
        check: bool = True,
    ) -> "subprocess.CompletedProcess[str]":
        words = list(argv)
        self.ran.append(words)
        if words[0] == "sh" and input_text is not None and "== values" in input_text:
            return subprocess.CompletedProcess(words, 0, self._sysfs, "")
        if "virsh" in words and "capabilities" in words[-1]:
            return subprocess.CompletedProcess(words, 0, self._virsh, "")
        if words == ["modprobe", "vfio-pci"]:
            return subprocess.CompletedProcess(words, self._modprobe_status, "", "")
        raise AssertionError(f"the stand-in has no answer to {words}")


def subject(
    sysfs: str | None = None,
    virsh: str | None = None,
    *,
    host: Host = HOST,
    accelerator: Accelerator = Accelerator.TCG,
    modprobe_status: int = 0,
) -> Subject:
    """The recorded host, or one whose text is given, that should be *host*."""
    connection = RecordedConnection(
        recorded("sriov") if sysfs is None else sysfs,
        recorded("sriov-virsh") if virsh is None else virsh,
        modprobe_status=modprobe_status,
    )
    return Subject(lay_out(host), accelerator, cast("HostConnection", connection))
