# SPDX-License-Identifier: Apache-2.0
"""The supervisor of a lab: supervisord runs its programs and starts again what dies.

It is a daemon with a unix socket in the lab's ``run`` directory.  A command that ends or is
killed leaves it running, and the next one finds it there.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.errors import CommandError, VhostError
from vhost_tempest_plugin.lab.services import (
    orphan_processes,
    program_state,
    supervisor_client,
    supervisor_file,
)
from vhost_tempest_plugin.lab.services.program import Program, Tier
from vhost_tempest_plugin.lab.services.program_state import ProgramState
from vhost_tempest_plugin.lab.services.supervisor_client import Absent, Fault
from vhost_tempest_plugin.util import (
    atomic_file,
    interpreter,
    private_files,
    process,
    processes,
    speed,
    tcp_ports,
)
from vhost_tempest_plugin.util.waiting import TimedOutError, wait_for

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_POLL_S = 0.1
_START_LIMIT_S = 60.0
# Long after the limits of the programs, at which supervisord kills them.
_STOP_LIMIT_S = 180.0
_KILL_LIMIT_S = 20.0
_GRACE_S = 20.0


class Supervision:
    """The supervisor of the lab in *directory*, whether it runs or not.

    :param hidden: masked in what errors show of logs
    """

    def __init__(self, directory: Path, hidden: Iterable[str] = ()) -> None:
        self._directory = directory
        self._hidden = tuple(hidden)
        self._run = directory / "run"
        self._socket = self._run / supervisor_file.SOCKET.name
        # By program, from the time it was started: its restarts, and the length of its log.
        self._begun: dict[str, tuple[int, int]] = {}

    def is_running(self) -> bool:
        """Whether the supervisor runs and answers.

        :raises VhostError: it runs but does not answer
        """
        try:
            with supervisor_client.connected(self._socket, self._directory.name) as server:
                server.supervisor.getPID()
        except Absent:
            return False
        return True

    def launch(self, programs: Sequence[Program], ports: Collection[int] = ()) -> tuple[str, ...]:
        """Have the supervisor run with these programs; none is started.

        From now on to its end it holds *ports*: no other user can listen there, whether one of
        the programs does or not.

        One that runs already takes them over, and stops those that are gone or have changed;
        returns those that ran and have changed.  What a killed one left running is ended first.

        :raises PortTakenError: another program has one of the ports
        :raises VhostError: it does not start
        """
        self._run.chmod(0o700)
        atomic_file.write(
            self._run / supervisor_file.NAME, supervisor_file.render(programs, self._run, ports)
        )
        for program in programs:
            private_files.touch(program.log)
        if self.is_running():
            return self._reload()
        self._clean_up()
        private_files.touch(self._run / supervisor_file.LOG)
        environment = {**orphan_processes.marks(self._directory), "HOME": str(self._directory)}
        environment |= {"PATH": _PATH, "LANG": "C.UTF-8"}
        argv: list[str | Path] = [process.which("env"), "-i"]
        argv += [f"{name}={value}" for name, value in environment.items()]
        argv += interpreter.own(
            "-m", "supervisor.supervisord", "-c", self._run / supervisor_file.NAME
        )
        try:
            process.run(argv, directory=self._run, timeout_s=_START_LIMIT_S * speed.timeout_scale())
        except CommandError:
            for port in ports:
                tcp_ports.hold(port).close()
            raise
        return ()

    def states(self) -> tuple[ProgramState, ...]:
        """All programs, the lower tiers first.

        :raises VhostError: no supervisor answers
        """
        with supervisor_client.connected(self._socket, self._directory.name) as server:
            return program_state.read(server.supervisor.getAllProcessInfo(), server.vhost.getEnds())

    def start(self, *names: str) -> None:
        """Start programs that are not running, without waiting for anything.

        :raises StartError: one cannot be run at all
        """
        states = {state.name: state for state in self.states()}
        for name in names:
            state = states[name]
            if state.phase.is_up:
                continue
            self._begun[name] = (state.restarts, _size(state.log))
            try:
                with supervisor_client.connected(self._socket, self._directory.name) as server:
                    server.supervisor.startProcess(str(name), False)
            except Fault as fault:
                if fault.faultCode not in supervisor_client.STARTED_FAULTS:
                    raise StartError(f"{name} cannot be run: {fault.faultString}", name) from None

    def wait(self, ready: Mapping[str, Callable[[], bool]], limit_s: float) -> None:
        """Wait until programs that were started are ready, and make sure that they live.

        :param ready: by a program's name, whether it is ready
        :param limit_s: on the machine of ``speed.timeout_scale``
        :raises StartError: one ended, or is not ready within the limit
        """
        waiting = dict(ready)

        def are_ready() -> bool:
            came = [name for name, is_ready in waiting.items() if is_ready()]
            # Looked at after that: what answered may have been another one on its port.
            self._check(waiting)
            for name in came:
                del waiting[name]
            return not waiting

        wait_for(
            are_ready,
            "its answer",
            limit_s,
            poll_s=_POLL_S,
            error=lambda fact: self._failure(next(iter(waiting)), f"is not ready: {fact}"),
        )

    def stop(self, *names: str) -> None:
        """Stop programs, higher tiers first, and wait for the end of all their processes.

        :raises VhostError: one does not end, not even when killed
        """
        with supervisor_client.connected(self._socket, self._directory.name) as server:
            infos = server.supervisor.getAllConfigInfo()
        # One that is gone from the file since it was started has no entry any more.
        tiers = dict.fromkeys(names, Tier.SERVICE)
        tiers |= {info["name"]: info["group_prio"] for info in infos if info["name"] in names}
        for tier in sorted(set(tiers.values()), reverse=True):
            self._stop_together({name for name in names if tiers[name] == tier})

    def restart(self, *names: str) -> None:
        """Stop programs and start them again, without waiting until they are ready."""
        self.stop(*names)
        self.start(*names)

    def shutdown(self) -> None:
        """End all programs and the supervisor, whatever state they are in.

        :raises VhostError: a process does not end, not even when killed
        """
        with contextlib.suppress(VhostError, Fault):
            self.stop(*(state.name for state in self.states()))
            with supervisor_client.connected(self._socket, self._directory.name) as server:
                server.supervisor.shutdown()
        self._clean_up()

    def _clean_up(self) -> None:
        orphan_processes.end(self._directory, _GRACE_S)
        for name in (supervisor_file.SOCKET.name, supervisor_file.PID_FILE, supervisor_file.LOG):
            (self._run / name).unlink(missing_ok=True)

    def _reload(self) -> tuple[str, ...]:
        ran = [state.name for state in self.states() if not state.phase.is_down]
        with supervisor_client.connected(self._socket, self._directory.name) as server:
            ((added, changed, removed),) = server.supervisor.reloadConfig()
        self.stop(*changed, *removed)
        with supervisor_client.connected(self._socket, self._directory.name) as server:
            for name in (*changed, *removed):
                server.supervisor.removeProcessGroup(name)
            for name in (*changed, *added):
                server.supervisor.addProcessGroup(name)
        return tuple(name for name in ran if name in changed)

    def _check(self, names: Iterable[str]) -> None:
        for state in self.states():
            if state.name not in names:
                continue
            restarts, _ = self._begun.get(state.name, (state.restarts, 0))
            if state.restarts > restarts:
                log = failure.tail(self._run / supervisor_file.LOG)
                raise self._failure(
                    state.name, f"ended ({program_state.last_end(state.name, log)})"
                )
            if not state.phase.is_up:
                raise self._failure(state.name, f"is {state.phase}")

    def _failure(self, name: str, what: str) -> StartError:
        log = next(state.log for state in self.states() if state.name == name)
        _, begin = self._begun.get(name, (0, 0))
        return failure.in_lab(
            self._directory.name, name, what, failure.tail(log, self._hidden, begin)
        )

    def _stop_together(self, names: set[str]) -> None:
        groups = [state.pid for state in self.states() if state.name in names and state.pid]
        with supervisor_client.connected(self._socket, self._directory.name) as server:
            for name in names:
                try:
                    server.supervisor.stopProcess(str(name), False)
                except Fault as fault:
                    if fault.faultCode != supervisor_client.NOT_RUNNING:
                        raise

        def left() -> list[str]:
            return [s.name for s in self.states() if s.name in names and not s.phase.is_down]

        wait_for(
            lambda: not left(),
            "the end of what was killed",
            _STOP_LIMIT_S,
            poll_s=_POLL_S,
            error=lambda fact: VhostError(f"{fact}: {', '.join(left())}", hint="see dmesg"),
        )
        for group in groups:
            _outlive(group)


def _outlive(group: int) -> None:
    """Wait for the end of a process group whose leader has ended: it may hold the port.

    :raises VhostError: it does not end, not even when killed
    """

    def is_gone() -> bool:
        return not processes.in_group(group)

    try:
        wait_for(is_gone, "its end", _KILL_LIMIT_S, poll_s=_POLL_S / 2)
    except TimedOutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        wait_for(
            is_gone,
            f"the end of process group {group}, which was killed",
            _KILL_LIMIT_S,
            poll_s=_POLL_S / 2,
            error=lambda fact: VhostError(fact, hint="see dmesg"),
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
