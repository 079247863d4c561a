# SPDX-License-Identifier: Apache-2.0
"""The emulated hosts of a lab, brought up and down by the ``vhost`` command.

A process can hold one embedded libvirt only, so each host has a command of its own.
"""

import contextlib
import re
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from vhost_tempest_plugin import errors
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.network.uplink import UplinkSpec
from vhost_tempest_plugin.hypervisor import orphan_processes
from vhost_tempest_plugin.util import process
from vhost_tempest_plugin.util.progress import Progress

_STAMP = re.compile(r"\[ *[0-9.]+ s\] ")
_COMPLAINT = "vhost: "
_MOST = 8
# A command that is ended removes what it has begun.
_END_LIMIT_S = 60.0


def up(
    host: ComputeHost,
    topology: Path,
    shares: Mapping[Path, Path],
    uplink: UplinkSpec | None = None,
) -> list[str]:
    """The command that brings a host up, from whatever state it is in.

    :param shares: image files by the directory at which the host has them
    :param uplink: what it is connected to beside its user-mode link
    """
    words = [f"--share={image}:{path}" for path, image in shares.items()]
    if uplink is not None:
        words.append(f"--network={uplink}")
    accelerator = f"--accelerator={host.accelerator}"
    return ["up", str(topology), "--name", host.name, accelerator, *words]


def destroy(name: str, progress: Progress) -> None:
    """Remove everything of a host, if there is anything."""
    if HostDirectory.of(name).exists:
        run(["destroy", name], progress)


def power_off(name: str) -> None:
    """Take the power from a host; what it had written is on its disk.

    :raises HostError: it does not run
    """
    with status.connected(name) as (record, machine):
        machine.run(["sync"])
    orphan_processes.kill(record.uuid)


def run(
    words: list[str],
    progress: Progress,
    started: Callable[[Callable[[], None]], None] = lambda end: None,
) -> None:
    """Run a command as a user does, passing on its news; it ends with this process.

    :param started: is given what ends the command
    :raises VhostError: what the command failed with, as its exit code says
    """
    argv: list[str | Path] = [process.which("setpriv"), "--pdeathsig", "TERM"]
    argv += [sys.executable, "-m", "vhost_tempest_plugin.cli.main", *words]

    def pass_on(line: str) -> None:
        news, stamped = _STAMP.subn("", line, count=1)
        if stamped:
            progress(news)

    done = process.follow(argv, pass_on, started=started, grace_s=_END_LIMIT_S)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"'vhost {words[0]}' said nothing"]
        raise _error(done.returncode)(lines[-1].removeprefix(_COMPLAINT))


class Jobs:
    """Work on several hosts at once, beside what the block does.

    The block's end waits for all of it; where the block or one of them fails, or the waiting
    is interrupted, the commands are ended.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._pool = ThreadPoolExecutor(_MOST)
        self._futures: list[Future[None]] = []
        self._lock = Lock()
        self._ends: list[Callable[[], None]] = []
        self._failed = False

    def __enter__(self) -> Self:
        return self

    def start(
        self,
        *commands: list[str],
        before: Callable[[], None] = lambda: None,
        within: AbstractContextManager[None] = nullcontext(),  # noqa: B008 - it has no state
    ) -> None:
        """Run ``vhost`` commands one after the other, in a thread.

        :param before: called there first
        :param within: entered there around all of it
        """

        def work() -> None:
            with within:
                before()
                for words in commands:
                    if not self._failed:
                        run(words, self._progress, self._note)

        self._futures.append(self._pool.submit(work))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                self._end()
            for future in self._futures:
                with contextlib.suppress(*([VhostError] if error is not None else [])):
                    future.result()
        except BaseException:
            self._end()
            raise
        finally:
            self._pool.shutdown()

    def _note(self, end: Callable[[], None]) -> None:
        """Remember what ends a command that was started, or end it where it is too late."""
        with self._lock:
            if not self._failed:
                self._ends.append(end)
                return
        end()

    def _end(self) -> None:
        with self._lock:
            self._failed = True
        for end in self._ends:
            end()


def _error(code: int) -> type[VhostError]:
    """The class whose exit code this is."""
    return next(
        (
            kind
            for kind in vars(errors).values()
            if isinstance(kind, type)
            and issubclass(kind, VhostError)
            and kind.exit_code == code
            and "__init__" not in vars(kind)
        ),
        VhostError,
    )
