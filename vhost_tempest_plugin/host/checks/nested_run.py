# SPDX-License-Identifier: Apache-2.0
"""Runs the nested guest inside a host, once for each NIC."""

import re
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from vhost_tempest_plugin.host import nested_guest
from vhost_tempest_plugin.host.checks.base import Subject
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.domain.nested import render_nested
from vhost_tempest_plugin.topology.hardware import Endpoint
from vhost_tempest_plugin.topology.iommu_model import IommuModel
from vhost_tempest_plugin.topology.pci import PciId
from vhost_tempest_plugin.util import speed
from vhost_tempest_plugin.util.waiting import TimedOutError, wait_for

NAME = "vhost-nested"
_DIRECTORY = "/run/vhost-nested"
_CONSOLE = f"{_DIRECTORY}/console.log"
_PID = f"/run/libvirt/qemu/{NAME}.pid"
_VIRSH = ("env", "LC_ALL=C", "virsh", "-q", "-c", "qemu:///system")
_ALIVE = f"kill -0 $(cat {_PID})"
_POLL_S = 1.0
# Start and DHCP took 40 to 80 s under emulation inside emulation, and up to 270 s on a busy
# machine; the guest itself gives up in time (init.c).
_LIMIT_S = {Accelerator.KVM: 180.0, Accelerator.TCG: 600.0}
_RETURN_S = 20.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a guest with one NIC fared.

    :param seen: the NICs that it saw
    :param leased: it got an address by DHCP
    :param driver: what held the NIC in the host afterwards
    :param no_dhcp: why it got none, in the guest's word
    :param fault: why there is no report, empty where there is one
    :param iommu_faults: what the host's kernel said of refused accesses
    """

    seen: tuple[PciId, ...] = ()
    leased: bool = False
    driver: str | None = None
    no_dhcp: str = ""
    fault: str = ""
    iommu_faults: str = ""

    def words(self) -> str:
        """It, without what differs from run to run."""
        if self.fault:
            return self.fault
        seen = " ".join(map(str, self.seen)) or "no NIC"
        dhcp = "an address by DHCP" if self.leased else f"no address by DHCP ({self.no_dhcp})"
        faults = f", {self.iommu_faults}" if self.iommu_faults else ""
        return f"{seen}, {dhcp}{faults}, then back on {self.driver or 'no driver'}"

    def hint(self, subject: Subject, nic: Endpoint) -> str:
        """What to do about it in *subject*, the host."""
        if self.fault:
            return (
                "see whether the NIC can be assigned in the checks iommu-active, iommu-groups "
                f"and vfio; /var/log/libvirt/qemu/{NAME}.log in the host has QEMU's messages"
            )
        if self.seen != (nic.id,):
            return (
                "the host gave the guest something else, see 'virsh nodedev-dumpxml'; "
                f"{subject.anew}"
            )
        if self.no_dhcp == "no-carrier":
            return _link_hint(subject, nic)
        if not self.leased:
            return (
                "DMA or interrupts do not come through the IOMMU: look for the IOMMU in the host's "
                f"dmesg; a NIC without a user-mode backend does the same, see {subject.xml}"
            )
        return "give the NIC back with 'virsh nodedev-reattach' in the host, and see dmesg there"


def _link_hint(subject: Subject, nic: Endpoint) -> str:
    if nic.physical_function is None:
        return (
            "the NIC's link is down: set it up with 'virsh domif-setlink', and look for <link> in "
            f"{subject.xml}"
        )
    return (
        f"a virtual function has a link while its physical one is up: 'ip link set up' for "
        f"{nic.physical_function} in the host"
    )


class NestedRun:
    """The guest's files in the host; a context manager that leaves nothing there."""

    def __init__(self, subject: Subject, iommu: IommuModel, image: nested_guest.GuestImage) -> None:
        self._connection = subject.connection
        self._accelerator = subject.accelerator
        self._fault = re.compile(rf"\[ *(\d+\.\d+)\] ({iommu.fault}.*)", re.IGNORECASE)
        self._image = image
        self._limit_s = _LIMIT_S[subject.accelerator] * speed.timeout_scale()

    def __enter__(self) -> Self:
        self._clean_up()
        self._connection.run(["mkdir", "-p", _DIRECTORY])
        self._connection.send([self._image.kernel, self._image.initrd], _DIRECTORY)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clean_up()

    def attempt(self, nic: Endpoint) -> Attempt:
        """Assign *nic* to a guest, hear it out, take the NIC back.

        :raises HostError: the host does not answer
        """
        self._connection.run(["rm", "-f", _CONSOLE])
        begun_s = float(self._connection.run(["cat", "/proc/uptime"]).stdout.split()[0])
        fault = self._start(nic)
        report = None
        try:
            if not fault:
                report, fault = self._listen()
        finally:
            self._destroy()
        if report is None:
            return Attempt(fault=fault)
        return Attempt(
            seen=tuple(device.id for device in report.nics),
            leased=bool(report.leases) and not report.failures,
            driver=self._driver_afterwards(nic),
            no_dhcp=report.failures[0].reason if report.failures else "nothing said",
            iommu_faults="" if report.leases else self._iommu_faults(begun_s),
        )

    def _start(self, nic: Endpoint) -> str:
        """Why libvirt could not start the guest; empty where it did."""
        self._connection.put(self._xml(nic), f"{_DIRECTORY}/guest.xml")
        done = self._connection.run(
            [*_VIRSH, "create", f"{_DIRECTORY}/guest.xml"], timeout_s=self._limit_s, check=False
        )
        if done.returncode == 0:
            return ""
        said = " ".join(done.stderr.split()).removeprefix("error: ")
        return f"libvirt does not start the guest: {said}"

    def _xml(self, nic: Endpoint) -> str:
        return render_nested(
            NAME,
            nic.address,
            kernel=f"{_DIRECTORY}/{self._image.kernel.name}",
            initrd=f"{_DIRECTORY}/{self._image.initrd.name}",
            command_line=" ".join(nested_guest.PARAMETERS),
            console_log=_CONSOLE,
            accelerator=self._accelerator,
        )

    def _listen(self) -> tuple[nested_guest.GuestReport | None, str]:
        """What the guest reported, or why there is no report."""

        def listen() -> tuple[nested_guest.GuestReport | None, str] | None:
            alive = self._connection.run(["sh", "-c", _ALIVE], check=False).returncode == 0
            report = nested_guest.parse(self._console())
            if report.complete:
                return report, ""
            return None if alive else (None, f"the guest ended too early; {self._last_words()}")

        limit_s = _LIMIT_S[self._accelerator]
        try:
            return wait_for(listen, "the guest's report", limit_s, poll_s=_POLL_S)
        except TimedOutError as error:
            return None, f"{error.fact}; {self._last_words()}"

    def _console(self) -> str:
        return self._connection.run(["cat", _CONSOLE], check=False).stdout

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._console().splitlines() if line.strip()]
        return f"its last words: {' / '.join(lines[-3:])}" if lines else "it said nothing"

    def _driver_afterwards(self, nic: Endpoint) -> str | None:
        """The NIC's driver, once it is the one that it should be or was given up."""
        path = f"/sys/bus/pci/devices/{nic.address}/driver"
        driver: str | None = None

        def is_back() -> bool:
            nonlocal driver
            target = self._connection.run(["readlink", path], check=False).stdout.strip()
            driver = target.rpartition("/")[2] or None
            return driver == nic.driver

        with suppress(TimedOutError):
            wait_for(is_back, f"driver {nic.driver}", _RETURN_S, poll_s=_POLL_S)
        return driver

    def _iommu_faults(self, begun_s: float) -> str:
        """What the kernel said since then about accesses that the IOMMU refused."""
        lines = self._connection.run(["dmesg"], check=False).stdout.splitlines()
        faults = [
            match[2]
            for line in lines
            if (match := self._fault.match(line)) and float(match[1]) >= begun_s
        ]
        return f"and the host's kernel says {faults[-1]!r}" if faults else ""

    def _destroy(self) -> None:
        self._connection.run([*_VIRSH, "destroy", NAME], check=False)

    def _clean_up(self) -> None:
        self._destroy()
        self._connection.run(["rm", "-rf", _DIRECTORY])
