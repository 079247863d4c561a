# SPDX-License-Identifier: Apache-2.0
"""A program that the lab's supervisor keeps running."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

_NAME = re.compile(r"[a-z][a-z0-9-]*\Z", re.ASCII)


class Tier(IntEnum):
    """What stands on what: a lower one is stopped only after all of the higher ones."""

    BASE = 1
    BROKER = 2
    SERVICE = 3


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to end it.

    :param argv: with no secret in it, and neither has *environment*
    :param directory: the working directory
    :param log: the file for all that it says, rotated by size
    :param environment: all that it gets besides the PATH and the locale
    :param start_s: how long it must have lived for its end to count as a crash of a
        running program, which is started again at once
    :param stop_signal: asks it to end, as in ``TERM``
    :param stop_limit_s: how long it may take for that before it is killed
    :param autorestart: start it again when it ends by itself
    """

    name: str
    argv: tuple[str, ...]
    directory: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    start_s: int = 1
    stop_signal: str = "TERM"
    stop_limit_s: int = 10
    autorestart: bool = True
    tier: Tier = Tier.SERVICE

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ValueError(f"{self.name!r} is no program name")
        if not self.argv:
            raise ValueError(f"{self.name}: nothing to run")
