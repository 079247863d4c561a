# SPDX-License-Identifier: Apache-2.0
"""A domain: an emulated host as libvirt sees it."""

import contextlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from vhost_tempest_plugin.errors import HostError, LocalError, VhostCommand
from vhost_tempest_plugin.hypervisor import image, orphan_processes
from vhost_tempest_plugin.hypervisor.domain.management import ManagementNic
from vhost_tempest_plugin.hypervisor.domain.plugged_network import Command
from vhost_tempest_plugin.hypervisor.library import Handle, Library, host_errors
from vhost_tempest_plugin.util import durability
from vhost_tempest_plugin.util.waiting import wait_for

_SSH_PORT = 22
_FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)\s")

# Of a device that was detached before and has not gone yet (QEMU: hw/pci/pcie.c, qdev-monitor.c).
# libvirt has one code for all that QEMU refuses, so that the text decides among those.
_LEAVING = ("guest is busy", "in the process of unplug")


class DomainState(StrEnum):
    """What a domain is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    OFF = "off"
    CRASHED = "crashed"


class Domain:
    """A transient domain; once it is off it is gone, and only ``state`` still answers."""

    def __init__(self, libvirt: Library, handle: Handle, *, sparse: bool = False) -> None:
        self._libvirt = libvirt
        self._handle = handle
        self._sparse = sparse

    @property
    def name(self) -> str:
        """The name that libvirt has for it."""
        return str(self._handle.name())

    @property
    def uuid(self) -> UUID:
        """What it is found by."""
        return UUID(self._handle.UUIDString())

    @property
    def state(self) -> DomainState:
        """What it is doing now."""
        libvirt = self._libvirt
        try:
            state, _reason = self._handle.state()
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return DomainState.OFF
            raise HostError(f"libvirt cannot report the state of the host: {error}") from None
        if state == libvirt.VIR_DOMAIN_CRASHED:
            return DomainState.CRASHED
        if state in (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PMSUSPENDED):
            return DomainState.PAUSED
        return DomainState.OFF if state == libvirt.VIR_DOMAIN_SHUTOFF else DomainState.RUNNING

    @property
    def pid(self) -> int | None:
        """The QEMU process, None where it is not on this machine."""
        return next(iter(orphan_processes.find(self.uuid, self._handle.connect().getURI())), None)

    def xml(self) -> str:
        """The live domain XML."""
        with self._errors("read the host's XML", f"see {VhostCommand('list')}"):
            return str(self._handle.XMLDesc(0))

    def forward_ssh(self, netdev: str = ManagementNic.NETDEV) -> int:
        """The port on 127.0.0.1 that leads to the host's ssh, made where there is none.

        The kernel chooses it.  It survives the host's reboot, not a save.

        :raises HostError: QEMU refuses
        """
        port = self._forwarded(netdev)
        if port is None:
            said = self._monitor(f"hostfwd_add {netdev} tcp:127.0.0.1:0-:{_SSH_PORT}")
            port = self._forwarded(netdev)
            if port is None:
                raise HostError(f"QEMU does not forward ssh over {netdev}: {said.strip()!r}")
        return port

    def save(self, path: Path) -> None:
        """Save to *path* and end; where it fails the host runs on and no file is left.

        :raises HostError: a device cannot be saved, or the disk is too small
        :raises LocalError: the disk took less than it promised; the host has ended
        """
        self._require_space(path.parent)
        partial = image.partial(path)
        partial.unlink(missing_ok=True)
        hint = (
            "the host runs on; a device that QEMU cannot save has to leave the topology, "
            f"or use {VhostCommand('down', self.name)} and {VhostCommand('up', name=self.name)}"
        )
        try:
            with self._errors("save the host", hint):
                if self._sparse and self._release(partial):
                    wanted = image.parameters(self._libvirt, partial)
                    kind = self._libvirt.VIR_DOMAIN_SAVE_PARAM_IMAGE_FORMAT
                    self._handle.saveParams({**wanted, kind: "sparse"}, 0)
                else:
                    self._handle.save(str(partial))
            durability.flush(partial)
            durability.rename(partial, path)
        except OSError as error:
            raise LocalError(
                f"host {self.name!r} could not be saved: {error.strerror}",
                hint=f"free some space; {VhostCommand('up', name=self.name, cold=True)} boots it",
            ) from None
        finally:
            partial.unlink(missing_ok=True)

    def resume(self) -> None:
        """Let it run on where it is paused."""
        if self.state is DomainState.PAUSED:
            with self._errors(
                "resume the host", f"{VhostCommand('up', name=self.name, cold=True)} boots it anew"
            ):
                self._handle.resume()

    def destroy(self) -> None:
        """End it at once; nothing happens where it is off already."""
        if self._is_off():
            return
        try:
            self._handle.destroy()
        except self._libvirt.libvirtError as error:
            if not self._is_off():
                raise HostError(f"libvirt cannot end the host: {error}", hint="repeat") from None

    def attach(self, device_xml: str) -> None:
        """Plug a device in.

        :raises HostError: there is no place for it
        """
        live = self._libvirt.VIR_DOMAIN_AFFECT_LIVE
        with self._errors("attach the device", "see that a root port is free"):
            self._handle.attachDeviceFlags(device_xml, live)

    def execute(self, commands: Iterable[Command]) -> None:
        """Have QEMU do what libvirt has no way to, by commands of its machine protocol.

        :raises HostError: QEMU refuses one
        """
        for command, arguments in commands:
            self._machine_monitor(command, arguments)

    def execute_what_it_can(self, commands: Iterable[Command]) -> None:
        """Have QEMU do what it does not refuse."""
        for command in commands:
            with contextlib.suppress(HostError):
                self.execute((command,))

    def attach_beside(self, commands: Mapping[str, Mapping[str, str | bool]]) -> None:
        """Plug in what libvirt has no way to, by commands of QEMU's machine protocol.

        :raises HostError: QEMU refuses it
        """
        for command, arguments in commands.items():
            self._machine_monitor(command, arguments)

    def detach(self, alias: str) -> None:
        """Unplug the device that libvirt calls *alias*; the host releases it when it can.

        :raises HostError: there is no such device
        """
        live = self._libvirt.VIR_DOMAIN_AFFECT_LIVE
        with self._errors(
            f"detach {alias!r}", f"see the aliases in {VhostCommand('render', host=self.name)}"
        ):
            try:
                self._handle.detachDeviceAlias(alias, live)
            except self._libvirt.libvirtError as error:
                if not self._is_leaving(error):
                    raise

    def await_detached(self, alias: str, limit_s: float) -> None:
        """Wait until the host has released what was detached.

        :param limit_s: on the machine of ``speed.timeout_scale``
        :raises HostError: the host keeps it
        """
        entry = re.compile(rf"<alias name=['\"]{re.escape(alias)}['\"]/>")
        wait_for(
            lambda: not entry.search(self.xml()),
            f"the host to release {alias!r}",
            limit_s,
            poll_s=0.2,
            error=lambda fact: HostError(
                fact, hint="see that nothing in it uses the device, and repeat"
            ),
        )

    def await_monitor(self) -> None:
        """Wait until QEMU answers libvirt, or is gone."""
        if self._is_off():
            return
        try:
            self._monitor("info status")
        except HostError:
            if not self._is_off():
                raise

    def _is_leaving(self, error: Any) -> bool:
        """Whether QEMU refuses to detach a device because that is under way."""
        is_refused = error.get_error_code() == self._libvirt.VIR_ERR_INTERNAL_ERROR
        return is_refused and any(words in str(error) for words in _LEAVING)

    def _is_off(self) -> bool:
        return self.state is DomainState.OFF

    def _errors(self, action: str, hint: str) -> AbstractContextManager[None]:
        return host_errors(self._libvirt, action, hint)

    def _monitor(self, command: str) -> str:
        """The answer of QEMU's human monitor; the machine's one has no hostfwd_add."""
        import libvirt_qemu

        with self._errors(f"run {command!r} in QEMU's monitor", "see QEMU's log"):
            human = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
            return str(libvirt_qemu.qemuMonitorCommand(self._handle, command, human))

    def _release(self, partial: Path) -> bool:
        """Take from QEMU the files that a killed command was saving to; whether it let go.

        libvirt gives each sparse save the file descriptor set of the same number.  Where
        QEMU still has it, libvirt takes the old one, and QEMU saves to a file that is gone
        (seen with libvirt 11.3).
        """
        for number in self._fdsets(partial):
            self._machine_monitor("remove-fd", {"fdset-id": number})
        return not self._fdsets(partial)

    def _fdsets(self, partial: Path) -> list[int]:
        """The descriptor sets in QEMU with the file *partial*, removed since or not."""
        found = []
        for fdset in self._machine_monitor("query-fdsets", {}):
            if any(self._open_file(held["fd"]).startswith(str(partial)) for held in fdset["fds"]):
                found.append(int(fdset["fdset-id"]))
        return found

    def _open_file(self, descriptor: int) -> str:
        """What QEMU has open as *descriptor*; empty where this user may not know."""
        try:
            return str(Path(f"/proc/{self.pid}/fd/{descriptor}").readlink())
        except OSError:
            return ""

    def _machine_monitor(self, command: str, arguments: Mapping[str, Any]) -> Any:
        """What QEMU's machine protocol returns (QEMU, docs/interop/qemu-qmp-ref)."""
        import libvirt_qemu

        request = json.dumps({"execute": command, "arguments": arguments})
        with self._errors(f"run {command!r} in QEMU's monitor", "see QEMU's log"):
            answer = json.loads(libvirt_qemu.qemuMonitorCommand(self._handle, request, 0))
        if "error" in answer:
            raise HostError(
                f"QEMU refuses {command!r}: {answer['error']['desc']}", hint="see its log"
            )
        return answer["return"]

    def _forwarded(self, netdev: str) -> int | None:
        within = False
        for line in self._monitor("info usernet").splitlines():
            if not line.startswith(" "):
                within = f"({netdev})" in line
            match = _FORWARD.search(line + " ")
            if within and match and int(match[2]) == _SSH_PORT:
                return int(match[1])
        return None

    def _require_space(self, directory: Path) -> None:
        needed = int(self._handle.memoryStats().get("rss", 0)) * 1024
        free = shutil.disk_usage(directory).free
        if free < needed:
            raise HostError(
                f"saving takes up to {needed >> 20} MiB and {directory} has {free >> 20} MiB free",
                hint="free some (the host runs on) and repeat",
            )
