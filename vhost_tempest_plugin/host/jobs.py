# SPDX-License-Identifier: Apache-2.0
"""Work on emulated hosts, each in a process of its own, several at once."""

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from types import TracebackType
from typing import Self

from vhost_tempest_plugin.errors import VhostCommand, VhostError
from vhost_tempest_plugin.host import ownership, status, worker_protocol
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.owner import HostOwner
from vhost_tempest_plugin.host.worker_protocol import Answer, Destroy, Request
from vhost_tempest_plugin.hypervisor import orphan_processes
from vhost_tempest_plugin.util import followed_program, interpreter, process
from vhost_tempest_plugin.util.die_with_parent import asked_to_end
from vhost_tempest_plugin.util.name import is_name
from vhost_tempest_plugin.util.progress import Progress

_WORKER = "vhost_tempest_plugin.host.worker"
_MOST = 8
# A worker that is ended removes what it has begun.
_END_LIMIT_S = 60.0


def destroy(name: str, owner: HostOwner, progress: Progress) -> None:
    """Remove everything of a host, if there is anything; one of another owner stays."""
    if not is_name(name) or not HostDirectory.of(name).exists:
        return
    found = ownership.owner(name)
    if found in (None, owner):
        run(Destroy(name, owner), progress)
    else:
        progress(f"host {name!r} belongs to {found.words} and stays")


def destroy_all(names: Iterable[str], owner: HostOwner, progress: Progress) -> None:
    """Remove hosts of one owner; each is tried, whatever becomes of the others.

    :raises VhostError: some could not be removed; those after the first are reported
    """
    failures: list[VhostError] = []
    for name in names:
        try:
            destroy(name, owner, progress)
        except VhostError as error:
            failures.append(error)
    for other in failures[1:]:
        progress(str(other))
    if failures:
        raise failures[0]


def power_off(name: str, owner: HostOwner) -> None:
    """Take the power from a host; what it had written is on its disk.

    :raises HostError: it does not run
    :raises InputError: it is not *owner*'s
    """
    ownership.require(name, owner)
    with status.connected(name) as (record, connection):
        connection.run(["sync"])
    orphan_processes.kill(record.uuid, record.uri)


def run(
    request: Request,
    progress: Progress,
    started: Callable[[Callable[[], None]], None] = lambda end: None,
) -> None:
    """Have a worker carry out a request, passing on its news; it ends with this process.

    :param started: is given what ends the worker
    :raises VhostError: as the worker raised it, of the same class
    """
    argv = interpreter.own("-m", _WORKER, worker_protocol.dump_request(request))
    last: Answer | None = None

    def read(line: str) -> None:
        nonlocal last
        answer = worker_protocol.load_answer(line)
        if answer is not None and answer.news is not None:
            progress(answer.news)
        elif answer is not None:
            last = answer

    ended = followed_program.follow(
        asked_to_end(argv), read, stream="stdout", started=started, grace_s=_END_LIMIT_S
    )
    if last is None:
        raise _broken(request, ended)
    if last.error is not None:
        raise last.error


def _broken(request: Request, ended: process.Completed) -> VhostError:
    """The error of a worker that ended without an answer."""
    how = f"exit code {ended.returncode}"
    if ended.returncode < 0:
        how = f"signal {-ended.returncode}"
    lines = ended.stderr.strip().splitlines()
    return VhostError(
        f"the worker for {worker_protocol.verb(request)} of {request.name!r} ended without an "
        f"answer ({how}{f': {lines[-1]}' if lines else ''})",
        hint=f"see {VhostCommand('list')} for what there is of the host",
    )


class Jobs:
    """Work on several hosts at once, beside what the block does.

    The block's end waits for all of it; where the block or one of them fails, or the waiting
    is interrupted, the workers are ended.
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
        *requests: Request,
        before: Callable[[], None] = lambda: None,
        within: AbstractContextManager[None] = nullcontext(),  # noqa: B008 - it has no state
    ) -> None:
        """Carry out requests one after the other, in a thread.

        :param before: called there first
        :param within: entered there around all of it
        """

        def work() -> None:
            with within:
                before()
                for request in requests:
                    if not self._failed:
                        run(request, self._progress, self._note)

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
        """Remember what ends a worker that was started, or end it where it is too late."""
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
