# SPDX-License-Identifier: Apache-2.0
"""How long the parts of a lab's coming up took; some of them run at the same time.

Whatever thread or command a stage ends in, it appends a line to the lab's ``stages.jsonl``.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.lab.state.directory import LabDirectory


class Stage(StrEnum):
    """A part of ``lab up`` or ``lab reset``, by what it makes or brings back."""

    ENVIRONMENT = "environment"
    GUEST = "guest's image"
    TABLES = "tables"
    COPIES = "copies of the snapshot"
    HOST = "host"
    BASE = "database, broker"
    CONTROL_PLANE = "control plane"
    COMPUTE = "nova-compute"
    SAVE = "saving the host"
    SNAPSHOT = "snapshot"
    RESTORE = "host restored"
    CHECKS = "checks"


@dataclass(frozen=True, slots=True)
class Timing:
    """A stage that ended well; several hosts have one each.

    :param begin_s: by the machine's monotonic clock
    """

    stage: Stage
    begin_s: float
    duration_s: float


def forget(lab: LabDirectory) -> None:
    """Begin anew."""
    lab.stages.unlink(missing_ok=True)


@contextmanager
def of(lab: LabDirectory, stage: Stage) -> Iterator[None]:
    """Record how long the block takes, where it does not fail.

    :raises LocalError: the disk does not take it
    """
    begin_s = time.monotonic()
    yield
    timing = Timing(stage, begin_s, time.monotonic() - begin_s)
    line = json.dumps(asdict(timing)) + "\n"
    try:
        # One write each, so that lines of several threads stay whole.
        with lab.stages.open("ab", buffering=0) as file:
            file.write(line.encode())
    except OSError as error:
        raise LocalError(
            f"cannot write {lab.stages}: {error.strerror}", hint="see XDG_STATE_HOME"
        ) from None


def read(lab: LabDirectory) -> tuple[Timing, ...]:
    """Those of the last ``lab up`` or ``lab reset``, in the order of their beginnings."""
    if not lab.stages.exists():
        return ()
    lines = map(json.loads, lab.stages.read_text(encoding="utf-8").splitlines())
    found = (Timing(**{**line, "stage": Stage(line["stage"])}) for line in lines)
    return tuple(sorted(found, key=lambda timing: timing.begin_s))
