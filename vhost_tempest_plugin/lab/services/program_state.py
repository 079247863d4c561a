# SPDX-License-Identifier: Apache-2.0
"""What the supervisor knows of its programs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

# As in "2026-11-24 13:19:02,123 WARN exited: keystone (exit status 1; not expected)".
_ENDED = re.compile(r" exited: (?P<name>\S+) \((?P<how>.*); (?:not )?expected\)$", re.MULTILINE)


class Phase(StrEnum):
    """Where a program is in its life, in supervisord's words.

    http://supervisord.org/subprocess.html#process-states
    """

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    EXITED = "exited"
    FATAL = "fatal"
    UNKNOWN = "unknown"

    @property
    def is_up(self) -> bool:
        """Whether there is a process that is not being ended."""
        return self in (Phase.STARTING, Phase.RUNNING)

    @property
    def is_down(self) -> bool:
        """Whether there is no process and will be none."""
        return self in (Phase.STOPPED, Phase.EXITED, Phase.FATAL)


@dataclass(frozen=True, slots=True)
class ProgramState:
    """A program as it is now.

    :param pid: None where there is no process
    :param since_s: when it was last started, in seconds since the epoch; None if never
    :param restarts: how often it ended without being told to, since the supervisor started
    :param last_end: how it did so last, as in ``terminated by SIGKILL`` or ``exit status 1``
    """

    name: str
    phase: Phase
    log: Path
    pid: int | None = None
    since_s: int | None = None
    restarts: int = 0
    last_end: str = ""


def read(infos: Iterable[Mapping[str, Any]], supervisor_log: str) -> tuple[ProgramState, ...]:
    """Put together what supervisord answers and what it logged, which alone has the ends.

    :param infos: the structs of ``getAllProcessInfo``
    """
    ends: dict[str, list[str]] = {}
    for ended in _ENDED.finditer(supervisor_log):
        ends.setdefault(ended["name"], []).append(ended["how"])
    return tuple(
        ProgramState(
            name=info["name"],
            phase=Phase(info["statename"].lower()),
            log=Path(info["stdout_logfile"]),
            pid=info["pid"] or None,
            since_s=info["start"] or None,
            restarts=len(ends.get(info["name"], [])),
            last_end=ends.get(info["name"], [""])[-1],
        )
        for info in infos
    )
