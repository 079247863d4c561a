# SPDX-License-Identifier: Apache-2.0
"""The networks of a libvirt of this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from uuid import UUID

from vhost_tempest_plugin.errors import HostError, LocalError
from vhost_tempest_plugin.hypervisor import library
from vhost_tempest_plugin.hypervisor.library import Handle, Library, host_errors
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri

_PACKAGE = "libvirt-daemon-system"


class Networks:
    """Makes and ends transient networks, by their UUIDs; made by ``open``."""

    def __init__(self, libvirt: Library, handle: Handle) -> None:
        self._libvirt = libvirt
        self._handle = handle

    @classmethod
    @contextmanager
    def open(cls, uri: LibvirtUri) -> Iterator[Self]:
        """Connect to *uri*.

        :raises LocalError: libvirt is missing, does not answer, or knows no networks
        """
        libvirt = library.load(Path(os.devnull))
        try:
            handle = libvirt.open(uri)
        except libvirt.libvirtError as error:
            raise LocalError(
                f"libvirt does not open '{uri}': {error}",
                hint=f"install {_PACKAGE!r} and start libvirtd, or choose another with --connect",
            ) from None
        try:
            handle.numOfNetworks()
            yield cls(libvirt, handle)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
                raise HostError(f"libvirt at '{uri}' fails: {error}", hint="see its log") from None
            raise LocalError(
                f"libvirt at '{uri}' has no driver for networks",
                hint=(
                    f"install {_PACKAGE!r} and start "
                    "libvirtd anew, or choose another with --connect"
                ),
            ) from None
        finally:
            handle.close()

    def has(self, uuid: UUID) -> bool:
        """Whether there is a network with *uuid*."""
        return self._find(uuid) is not None

    def create(self, xml: str) -> None:
        """Start a transient network.

        :raises HostError: libvirt refuses it, or cannot make its bridge or rules
        """
        with host_errors(self._libvirt, "start the network", "see libvirtd's log"):
            self._handle.networkCreateXML(xml)

    def destroy(self, uuid: UUID) -> None:
        """End a network; nothing happens where there is none.

        :raises HostError: libvirt cannot
        """
        found = self._find(uuid)
        if found is not None:
            with host_errors(self._libvirt, "end the network", "see libvirtd's log"):
                found.destroy()

    def xml_of_all(self) -> tuple[str, ...]:
        """The XML of all networks, active or not."""
        with host_errors(self._libvirt, "list the networks", "see libvirtd's log"):
            return tuple(str(found.XMLDesc(0)) for found in self._handle.listAllNetworks())

    def _find(self, uuid: UUID) -> Handle | None:
        try:
            return self._handle.networkLookupByUUIDString(str(uuid))
        except self._libvirt.libvirtError as error:
            if error.get_error_code() == self._libvirt.VIR_ERR_NO_NETWORK:
                return None
            raise
