# SPDX-License-Identifier: Apache-2.0
"""The exceptions that a user can meet, and the commands that their hints name.

An error has a fact and a hint; its text has both, on one line. ``exit_code`` is what the ``vhost``
command returns for it. Passwords within URLs, as those of proxies, are in no error.
"""

import re
import shlex
from dataclasses import dataclass
from typing import ClassVar

MASK = "***"
# The look-behind begins where few others do, so that it takes linear time.
_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):[^\s/]*@")


def without_passwords(text: str) -> str:
    """*text* with the password of every ``scheme://user:password@host`` masked."""
    return _PASSWORD.sub(rf"\1:{MASK}@", text)


@dataclass(frozen=True, slots=True, init=False)
class VhostCommand:
    """A ``vhost`` command in a hint, with the names that it needs here.

    Its text is what a user can paste, in quotes: ``VhostCommand("lab", "logs", name="demo")`` is
    ``'vhost lab logs --name demo'``. ``tests/unit/test_hints.py`` parses every one in the package
    with the command line's own parser.

    :param words: the command, and the arguments that it takes by position
    :param options: its options, with underscores for dashes; ``True`` is a flag, and an option
        that is ``False``, ``None`` or empty is left out
    """

    words: tuple[str, ...]
    options: tuple[tuple[str, str | bool], ...]

    def __init__(self, *words: object, **options: object) -> None:
        object.__setattr__(self, "words", tuple(map(str, words)))
        given = tuple(
            (f"--{name.replace('_', '-')}", value if value is True else str(value))
            for name, value in options.items()
            if value is not None and value is not False and value != ""
        )
        object.__setattr__(self, "options", given)

    @property
    def argv(self) -> tuple[str, ...]:
        """The arguments of ``vhost``."""
        options = ((name,) if value is True else (name, str(value)) for name, value in self.options)
        return (*self.words, *(word for option in options for word in option))

    @property
    def as_root(self) -> str:
        """Its text with ``sudo``."""
        return f"'sudo vhost {shlex.join(self.argv)}'"

    def __str__(self) -> str:
        return f"'vhost {shlex.join(self.argv)}'"


class VhostError(Exception):
    """Something failed that is not the user's mistake; exit code 1.

    :param fact: what failed, and why
    :param hint: what to do about it; empty where there is nothing
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, fact: str, *, hint: str = "") -> None:
        fact = without_passwords(fact)
        super().__init__(fact)
        self.fact = fact
        self.hint = without_passwords(hint)

    def __str__(self) -> str:
        return f"{self.fact}; {self.hint}" if self.hint else self.fact


class InputError(VhostError):
    """What the user gave is refused before anything is touched; exit code 2."""

    exit_code = 2


class TopologyError(InputError):
    """A topology cannot work.

    :param fact: with every number involved
    :param key: where in the topology, as keys and indexes from the top
    """

    def __init__(self, fact: str, key: tuple[str | int, ...] = (), *, hint: str = "") -> None:
        super().__init__(fact, hint=hint)
        self.key = key


class LocalError(VhostError):
    """This machine lacks something that is needed; exit code 3."""

    exit_code = 3


class HostError(VhostError):
    """The emulated host failed: it did not boot, answer or survive; exit code 4."""

    exit_code = 4


class BusyError(VhostError):
    """Another command holds the host; exit code 5."""

    exit_code = 5


class CommandError(VhostError):
    """A program that was run failed; exit code 1.

    :param fact: the program, how it ended and the end of what it printed
    :param returncode: its exit status, None where it ran out of time
    :param stderr: all that it printed there
    """

    def __init__(
        self, fact: str, returncode: int | None = None, stderr: str = "", *, hint: str = ""
    ) -> None:
        super().__init__(fact, hint=hint)
        self.returncode = returncode
        self.stderr = without_passwords(stderr)


class TooMuchOutputError(CommandError):
    """A program printed more than anybody should keep, and was ended; exit code 1."""


def in_order(error: VhostError) -> tuple[VhostError, ...]:
    """An error, after those that were being cleaned up when it was raised; the first is the cause.

    What an error was raised in place of (``raise ... from``) is not among them.
    """
    found = [error]
    latest: BaseException = error
    while (earlier := latest.__context__) is not None:
        if not latest.__suppress_context__ and isinstance(earlier, VhostError):
            found.append(earlier)
        latest = earlier
    return tuple(reversed(found))
