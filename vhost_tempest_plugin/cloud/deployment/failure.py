# SPDX-License-Identifier: Apache-2.0
"""Why a program of a lab did not start, as far as its log shows."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.errors import MASK, VhostCommand, without_passwords

_TAIL_BYTES = 64 * 1024
_LINES = 20
_LINE_CHARS = 400

# What to look for in a log and what it means; the first that is found wins.  A group of
# the pattern goes into the text.
_CAUSES = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"no space left on device|\benospc\b|disk is full|errno: 28\b", "the disk is full"),
        (
            r"cannot allocate memory|out of memory|\bMemoryError\b|eheap_alloc|errno: 12\b",
            "there is not enough memory",
        ),
        (
            r"address already in use|\beaddrinuse\b|errno 98\b|error: 98\b",
            "another program has its port",
        ),
        (
            r"unknown database ('[^']+')|no such table: (\S+)|"
            r"table ('[^']+') doesn't exist",
            "the database's schema is missing: {}",
        ),
        (
            r"access denied for user ('[^']+'@'[^']+')|(ACCESS_REFUSED)",
            "it was refused with its password: {}",
        ),
        (r"can't connect to (?:mysql|local) server", "the database does not answer"),
        (r"amqp server on (\S+) is unreachable", "the broker at {} does not answer"),
        (r"supervisor: (couldn't exec .*)", "it cannot be run: {}"),
        (r"permission denied(?:[:,]? (\S.*))?|\beacces\b", "it lacks a permission: {}"),
    )
)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):")
# The line of a traceback that names the exception: "ModuleNotFoundError: No module named 'x'";
# services put a prefix with date, level and request before it.
_EXCEPTION = re.compile(
    r"(?:^|\s)((?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|NotFound)\b.*"
    # Nova's and Neutron's own are named as they like.
    r"|(?:[a-z_]\w*\.)+exceptions?\.[A-Z]\w*: .*)"
)
# What oslo.log wrote of an error: "... 12 ERROR nova.service [None req-...] Error starting thread".
_LOGGED = re.compile(r"\s(?:ERROR|CRITICAL) [\w.]+ (?:\[[^\]]*\] )*(\S.*)")


def of_log(
    program: str, what: str, lines: tuple[str, ...], hint: str, *, where: str = ""
) -> StartError:
    """The error that says why *program* failed, on one line.

    :param what: what was seen of it, as in ``ended (exit status 1)``
    :param lines: the end of its log since it was started
    :param hint: where all of the log is
    :param where: it ran, as in ``in the emulated host``
    """
    cause = likely_cause("\n".join(lines)) or "its log is empty"
    name = f"{program} {where}" if where else program
    return StartError(f"{name} {what}: {cause}", program, lines[-_LINES:], hint=hint)


def in_lab(lab: str, program: str, what: str, lines: tuple[str, ...]) -> StartError:
    """The same for a program of a lab.

    :param lines: as ``tail`` has it
    """
    return of_log(
        program, what, lines, f"{VhostCommand('lab', 'logs', program, name=lab)} shows its log"
    )


def tail(log: Path, hidden: Iterable[str] = (), begin: int = 0) -> tuple[str, ...]:
    """The last lines of a log, 64 KiB at most, what is hidden masked; none without a log.

    :param begin: from which byte on; all of a log that has been rotated since
    """
    try:
        with log.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            begin = begin if begin <= size else 0
            first = max(begin, size - _TAIL_BYTES)
            file.seek(first)
            text = file.read().decode(errors="replace")
    except OSError:
        return ()
    if first > begin:
        text = text.partition("\n")[2]
    return tuple(mask(text, hidden).splitlines())


def mask(text: str, hidden: Iterable[str]) -> str:
    """*text* with all that is hidden, also as in a URL, and every URL's password replaced."""
    text = without_passwords(text)
    # The longest first: one may be a part of another.
    for secret in sorted(hidden, key=len, reverse=True):
        for form in {secret, quote(secret, safe="")} - {""}:
            text = text.replace(form, MASK)
    return text


def likely_cause(text: str) -> str:
    """What the end of a log says of why the program ended, on one line; empty for no lines.

    A cause that is known comes first, then the exception of the last traceback, then the last
    error that was logged, then the last line.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for pattern, meaning in _CAUSES:
        for line in reversed(lines):
            if found := pattern.search(line):
                detail = next((group for group in found.groups() if group), line)
                return meaning.format(detail)[:_LINE_CHARS]
    if any(_TRACEBACK.search(line) for line in lines):
        for line in reversed(lines):
            if raised := _EXCEPTION.search(line):
                return raised[1][:_LINE_CHARS]
    for line in reversed(lines):
        if logged := _LOGGED.search(line):
            return logged[1][:_LINE_CHARS]
    return lines[-1][:_LINE_CHARS] if lines else ""
