# SPDX-License-Identifier: Apache-2.0
"""A connection to libvirt."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from uuid import UUID

from vhost_tempest_plugin.errors import BusyError, LocalError, VhostCommand
from vhost_tempest_plugin.hypervisor import alias, embedded, image, library
from vhost_tempest_plugin.hypervisor.library import Handle, Library, host_errors
from vhost_tempest_plugin.hypervisor.running_domain import Domain
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.topology.requirements import Versions
from vhost_tempest_plugin.util import disk


class Connection:
    """Starts and finds domains; made by ``open``.

    Domains are transient and found by UUID, so that nothing stays defined in the user's
    libvirt and no domain of anyone else's is ever touched.
    """

    def __init__(self, libvirt: Library, handle: Handle) -> None:
        self._libvirt = libvirt
        self._handle = handle

    @classmethod
    @contextmanager
    def open(cls, uri: LibvirtUri | None, root: Path) -> Iterator[Self]:
        """Connect to *uri*, or to a libvirt that works without touching the user's.

        :param uri: None for the embedded driver under *root*, or where this libvirt has
            none, the user's session (root: the system)
        :param root: a directory of the host's own; libvirt's log goes there
        :raises BusyError: another process has the embedded driver open
        :raises LocalError: libvirt is missing or does not answer
        """
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(
                f"cannot make {root}: {error.strerror}", hint=disk.write_hint(error)
            ) from None
        libvirt = library.load(alias.obtain(root) / "libvirt.log")
        handle = _connect(libvirt, uri) if uri else _connect_own(libvirt, root)
        connection = cls(libvirt, handle)
        try:
            connection._await_reconnection()
            yield connection
        finally:
            handle.close()

    @classmethod
    @contextmanager
    def open_temporary(cls) -> Iterator[Self]:
        """Connect to a libvirt that runs nothing and leaves nothing, as for its version.

        :raises LocalError: libvirt is missing or does not answer
        """
        with tempfile.TemporaryDirectory(prefix="vhost-libvirt-") as scratch:
            try:
                with cls.open(None, Path(scratch)) as connection:
                    yield connection
            finally:
                alias.forget(Path(scratch))

    @property
    def uri(self) -> str:
        """What it is connected to; opening this again reaches the same domains."""
        return str(self._handle.getURI())

    @property
    def libvirt_version(self) -> tuple[int, int]:
        """The major and minor version of the libvirt that runs the domains."""
        return _version(self._handle.getLibVersion())

    @property
    def qemu_version(self) -> tuple[int, int]:
        """The major and minor version of its hypervisor."""
        return _version(self._handle.getVersion())

    @property
    def versions(self) -> Versions:
        """Both."""
        return Versions(self.qemu_version, self.libvirt_version)

    def create(self, xml: str) -> Domain:
        """Start a transient domain.

        :raises HostError: libvirt or QEMU refuses it
        """
        with host_errors(self._libvirt, "start the host", "see QEMU's log in the host's directory"):
            return self._domain(self._handle.createXML(xml, 0))

    def find(self, uuid: UUID) -> Domain | None:
        """The domain with *uuid*, None where none is running or paused."""
        try:
            return self._domain(self._handle.lookupByUUIDString(str(uuid)))
        except self._libvirt.libvirtError as error:
            if error.get_error_code() == self._libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise LocalError(f"libvirt at {self.uri} does not answer: {error}") from None

    def restore(self, path: Path, uuid: UUID, name: str) -> Domain:
        """Bring the domain *name* back that was saved to *path*, paused; the file stays.

        Until ``Domain.resume`` nothing on its disk changes, so the file may be kept that long.

        :raises HostError: the file is damaged, or this QEMU cannot take it
        """
        paused = self._libvirt.VIR_DOMAIN_SAVE_PAUSED
        hint = f"{VhostCommand('up', name=name, cold=True)} boots the host afresh"
        with host_errors(self._libvirt, f"restore the host from {path}", hint):
            if image.is_sparse(path):
                self._handle.restoreParams(image.parameters(self._libvirt, path), paused)
            else:
                self._handle.restoreFlags(str(path), None, paused)
            return self._domain(self._handle.lookupByUUIDString(str(uuid)))

    def _domain(self, handle: Handle) -> Domain:
        sparse = (
            self.libvirt_version >= image.LIBVIRT_FLOOR
            and self.qemu_version >= image.QEMU_FLOOR
            and image.is_offered(self._libvirt)
            and self._handle.getType() == "QEMU"
        )
        return Domain(self._libvirt, handle, sparse=sparse)

    def _await_reconnection(self) -> None:
        """Wait until libvirt has taken over what a former process started.

        A process that ends while that is under way takes the domain with it.  A monitor
        command waits for it.
        """
        if not self.uri.startswith("qemu:///embed"):
            return
        for handle in self._handle.listAllDomains():
            Domain(self._libvirt, handle).await_monitor()


def _connect(libvirt: Library, uri: LibvirtUri) -> Handle:
    try:
        return libvirt.open(uri)
    except libvirt.libvirtError as error:
        raise LocalError(
            f"libvirt does not open '{uri}': {error}", hint="start its daemon or choose another URI"
        ) from None


def _connect_own(libvirt: Library, root: Path) -> Handle:
    if libvirt.getVersion() >= embedded.LIBVIRT_FLOOR:
        uri = embedded.prepare(root)
        embedded.claim(root)
        try:
            with embedded.on_one_cpu(), embedded.own_runtime(root):
                return libvirt.open(uri)
        except libvirt.libvirtError as error:
            holder = embedded.holder(root)
            if holder is not None:
                raise BusyError(
                    f"{root} is in use by {holder}", hint="wait for it or end it"
                ) from None
            if error.get_error_code() != libvirt.VIR_ERR_NO_CONNECT:
                raise LocalError(
                    f"libvirt's embedded driver does not start in {root}: {error}",
                    hint=library.hint_of(str(error), f"run {VhostCommand('doctor')}"),
                ) from None
    return _connect(libvirt, LibvirtUri.SYSTEM if os.geteuid() == 0 else LibvirtUri.SESSION)


def _version(number: int) -> tuple[int, int]:
    return number // 1_000_000, number // 1000 % 1000
