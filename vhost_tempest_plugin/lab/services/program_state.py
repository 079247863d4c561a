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
    :param restarts: how often it ended by itself since the supervisor started
    """

    name: str
    phase: Phase
    log: Path
    pid: int | None = None
    since_s: int | None = None
    restarts: int = 0


def read(infos: Iterable[Mapping[str, Any]], ends: Mapping[str, int]) -> tuple[ProgramState, ...]:
    """Put together what supervisord answers.

    :param infos: the structs of ``getAllProcessInfo``
    :param ends: how often a program ended by itself (``supervisor_plugin``)
    """
    return tuple(
        ProgramState(
            name=info["name"],
            phase=Phase(info["statename"].lower()),
            log=Path(info["stdout_logfile"]),
            pid=info["pid"] or None,
            since_s=info["start"] or None,
            restarts=ends.get(info["name"], 0),
        )
        for info in infos
    )


def last_end(name: str, supervisor_log: Iterable[str]) -> str:
    """How a program last ended by itself, as in ``terminated by SIGKILL`` or ``exit status 1``.

    :param supervisor_log: lines; of supervisord only its log has that
    """
    found = (match for line in supervisor_log if (match := _ENDED.search(line)))
    hows = [match["how"] for match in found if match["name"] == name]
    return hows[-1] if hows else "its log does not say how"
