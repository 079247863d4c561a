# SPDX-License-Identifier: Apache-2.0
"""The libvirt of another machine, to look at alone."""

import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self, TextIO
from urllib.parse import quote

from vhost_tempest_plugin.hypervisor import library
from vhost_tempest_plugin.hypervisor.library import Handle, Library, told

_REMEDY = "does its daemon run, and does the machine?"
_OWNER_RUNS = 0o700


class Remote:
    """Tells of domains, over a connection that stays: a look costs no program its start.

    https://libvirt.org/uri.html#remote-uris
    """

    def __init__(self, libvirt: Library, handle: Handle, carrier_log: TextIO) -> None:
        self._libvirt = libvirt
        self._handle = handle
        self._carrier_log = carrier_log

    @classmethod
    @contextmanager
    def open(
        cls, argv: Sequence[str], directory: Path, uri: str = "qemu:///system"
    ) -> Iterator[Self]:
        """Connect, without the right to change anything.

        :param argv: a program that carries libvirt's protocol on its standard streams, as
            ``virt-ssh-helper -r qemu:///system`` does there; started in *directory*
        :param uri: what the libvirt there calls it
        :raises HostError: it does not carry it, or libvirt there does not answer
        :raises MachineError: libvirt's binding is not installed here
        """
        libvirt = library.load(Path(os.devnull))
        with ExitStack() as held:
            with tempfile.TemporaryDirectory(prefix="vhost-libvirt-") as scratch:
                # Libvirt takes the name of a program, and no words for it.  It tells what the
                # program says only where it reads first, not where it writes to one that has ended.
                program, said = Path(scratch) / "carrier", Path(scratch) / "said"
                log = held.enter_context(said.open("w+", encoding="utf-8", errors="replace"))
                words = (
                    f"exec 2>{shlex.quote(str(said))}\n"
                    f"cd {shlex.quote(str(directory))} && exec {shlex.join(argv)}"
                )
                program.write_text(f"#!/bin/sh\n{words}\n", encoding="utf-8")
                program.chmod(_OWNER_RUNS)
                # In a process that has opened the embedded driver, libvirt takes an address without
                # a server for one of its own (src/remote/remote_driver.c, remoteConnectOpen).
                driver, _, path = uri.partition("://")
                with told(libvirt, "reach libvirt in the host", _REMEDY, log):
                    handle = libvirt.openReadOnly(
                        f"{driver}+ext://host{path}?command={quote(str(program))}"
                    )
            held.callback(handle.close)
            yield cls(libvirt, handle, log)

    def domains(self) -> tuple[str, ...]:
        """The XML of all domains, running or not.

        :raises HostError: the connection is gone
        """
        found = []
        with told(self._libvirt, "list the guests of the host", _REMEDY, self._carrier_log):
            for handle in self._handle.listAllDomains():
                try:
                    found.append(handle.XMLDesc())
                except self._libvirt.libvirtError as error:
                    # It may have been deleted since.
                    if error.get_error_code() != self._libvirt.VIR_ERR_NO_DOMAIN:
                        raise
        return tuple(found)
