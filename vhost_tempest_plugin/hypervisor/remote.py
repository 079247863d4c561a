# SPDX-License-Identifier: Apache-2.0
"""The libvirt of another machine, to look at alone."""

import contextlib
import os
import shlex
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self, TextIO
from urllib.parse import quote

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.hypervisor import library
from vhost_tempest_plugin.hypervisor.library import Handle, Library, host_errors
from vhost_tempest_plugin.util import disk

_REMEDY = "does its daemon run, and does the machine?"
_OWNER_RUNS = 0o700
_POLL_S = 0.05


class Remote:
    """Reads domains, over a connection that stays: a look costs no program its start.

    https://libvirt.org/uri.html#remote-uris
    """

    def __init__(self, libvirt: Library, handle: Handle, carrier: "_Carrier") -> None:
        self._libvirt = libvirt
        self._handle = handle
        self._carrier = carrier

    @classmethod
    @contextmanager
    def open(
        cls,
        argv: Sequence[str],
        directory: Path,
        uri: str = "qemu:///system",
        *,
        limit_s: float,
    ) -> Iterator[Self]:
        """Connect, without the right to change anything.

        :param argv: a program that carries libvirt's protocol on its standard streams, as
            ``virt-ssh-helper -r qemu:///system`` does there; started in *directory*
        :param directory: this user's own; a program is made there for the moment of connecting
        :param uri: what the libvirt there calls it
        :param limit_s: how long it may take to answer, now and each time
        :raises HostError: it does not carry it, or libvirt there does not answer
        :raises LocalError: libvirt's binding is not installed here, or no program may be run in
            *directory*
        """
        libvirt = library.load(Path(os.devnull))
        if not disk.may_run_programs(directory):
            raise LocalError(
                f"no program may be run in {directory}: it is mounted noexec",
                hint="set XDG_STATE_HOME to a directory where programs may be run",
            )
        with ExitStack() as held:
            with tempfile.TemporaryDirectory(prefix=".libvirt-", dir=directory) as scratch:
                # Libvirt takes the name of a program, and no words for it.  It says what the
                # program says only where it reads first, not where it writes to one that has ended.
                place = Path(scratch)
                program, said, pid = place / "carrier", place / "said", place / "pid"
                log = held.enter_context(said.open("a+", encoding="utf-8", errors="replace"))
                words = (
                    f"exec 2>>{shlex.quote(str(said))}\n"
                    f"echo $$ >{shlex.quote(str(pid))}\n"
                    f"cd {shlex.quote(str(directory))} && exec {shlex.join(argv)}"
                )
                program.write_text(f"#!/bin/sh\n{words}\n", encoding="utf-8")
                program.chmod(_OWNER_RUNS)
                carrier = _Carrier(log, pid, limit_s)
                # In a process that has opened the embedded driver, libvirt takes an address without
                # a server for one of its own (src/remote/remote_driver.c, remoteConnectOpen).
                driver, _, path = uri.partition("://")
                with (
                    host_errors(libvirt, "reach libvirt in the host", _REMEDY, log),
                    carrier.limited(),
                ):
                    handle = libvirt.openReadOnly(
                        f"{driver}+ext://host{path}?command={quote(str(program))}"
                    )
            held.callback(handle.close)
            yield cls(libvirt, handle, carrier)

    def domains(self) -> tuple[str, ...]:
        """The XML of all domains, running or not.

        :raises HostError: the connection is gone
        """
        found = []
        action = "list the guests of the host"
        with (
            host_errors(self._libvirt, action, _REMEDY, self._carrier.log),
            self._carrier.limited(),
        ):
            for handle in self._handle.listAllDomains():
                try:
                    found.append(handle.XMLDesc())
                except self._libvirt.libvirtError as error:
                    # It may have been deleted since.
                    if error.get_error_code() != self._libvirt.VIR_ERR_NO_DOMAIN:
                        raise
        return tuple(found)


class _Carrier:
    """The program between libvirt here and there, which is ended where no answer comes.

    Libvirt waits for ever; it fails once the program has ended.

    :param log: what it says, and of us that it was ended
    :param pid_file: where its process id is found once it has started, until it is connected
    """

    def __init__(self, log: TextIO, pid_file: Path, limit_s: float) -> None:
        self.log = log
        self._pid_file = pid_file
        self._limit_s = limit_s
        self._pid: int | None = None

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Wait in the block no longer than the limit."""
        answered = threading.Event()
        clock = threading.Thread(target=self._end_unless, args=(answered,), daemon=True)
        clock.start()
        try:
            yield
        finally:
            answered.set()
            clock.join()
            self._pid = self._pid or self._find()

    def _find(self) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            return int(self._pid_file.read_text(encoding="utf-8"))
        return None

    def _end_unless(self, answered: threading.Event) -> None:
        if answered.wait(self._limit_s):
            return
        self.log.write(f"no answer within {self._limit_s:g} s")
        self.log.flush()
        # It may not have written its id yet.
        while (pid := self._pid or self._find()) is None:
            if answered.wait(_POLL_S):
                return
        # Libvirt collects it, and not before the connection is closed.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
