# SPDX-License-Identifier: Apache-2.0
"""Installs distributions with pip, telling its stages, and says in a line why it failed."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vhost_tempest_plugin import process, speed
from vhost_tempest_plugin.errors import MachineError
from vhost_tempest_plugin.progress import Progress, silent
from vhost_tempest_plugin.tether import tethered

_LIMIT_S = 1800
_POLL_S = 0.2
_NEWS_S = 10.0

# What of the user's own environment would change what is installed, or where.
_NEUTRAL = {
    **dict.fromkeys(("PIP_CONSTRAINT", "PIP_TARGET", "PIP_PREFIX", "PYTHONPATH"), ""),
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_USER": "0",
    "PYTHONNOUSERSITE": "1",
}

_COLLECTED = re.compile(r"Collecting |Requirement already satisfied: ")
_BUILDING = re.compile(r"Building wheel for (\S+)")
_INSTALLING = re.compile(r"Installing collected packages: (.*)")

_UNREACHABLE = "Retrying (Retry("
_ABSENT = re.compile(r"No matching distribution found for ([^\s;(]+)")
_UNBUILT = re.compile(
    r"(?:Failed to build(?: installable wheels for some pyproject\.toml based projects)?"
    r"|Could not build wheels for|Failed building wheel for) \(?([^\s,)]+)"
)
_FAULT = re.compile(r"(?:fatal error: |Package '[^']*', required by|No package '|No space left).*")
_ADDRESS = re.compile(r"\w+://\S+")


def install(
    python: Path,
    words: Sequence[str | Path],
    *,
    log: Path,
    what: str,
    progress: Progress = silent,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Run ``pip install`` for *python*; it ends with this process.

    :param words: what to install, and options
    :param log: a file for what pip says; removed where it succeeds
    :param what: begins each line of news
    :param variables: of the environment, for what is built
    :raises MachineError: it failed; with the package and the reason
    """
    options = ("--progress-bar", "off", "--no-compile")
    argv = tethered([python, "-m", "pip", "install", *options, *words])
    limit_s = _LIMIT_S * speed.slowness()
    begun_s = told_s = time.monotonic()
    told = ""
    with process.running(argv, log=log, environment={**_NEUTRAL, **(variables or {})}) as pip:
        while (status := pip.poll()) is None:
            time.sleep(_POLL_S)
            now_s = time.monotonic()
            news = stage(_lines(log))
            if news != told and (_kind(news) != _kind(told) or now_s - told_s >= _NEWS_S):
                progress(f"{what}: {news}")
                told, told_s = news, now_s
            if now_s - begun_s > limit_s:
                raise MachineError(
                    f"pip did not end within {limit_s:.0f} s while {told}; look at the network"
                )
    if status != 0:
        raise MachineError(f"{what} cannot be installed: {cause(_lines(log))}")
    log.unlink()


def stage(lines: Iterable[str]) -> str:
    """What pip is doing, having said *lines*."""
    news, collected = "asking the package index", 0
    for line in lines:
        if _COLLECTED.match(line.lstrip()):
            collected += 1
            news = f"collecting packages, {collected} so far"
        elif match := _BUILDING.search(line):
            news = f"building {match[1]}"
        elif match := _INSTALLING.match(line):
            names = match[1].split(", ")
            news = f"installing {names[0] if len(names) == 1 else f'{len(names)} packages'}"
    return news


def cause(lines: Sequence[str]) -> str:
    """Why pip failed, having said *lines*, and what to do; without addresses."""
    text = "\n".join(lines)
    if absent := _ABSENT.search(text):
        if _UNREACHABLE in text:
            return (
                f"no package index was reached for {absent[1]!r};"
                " look at the network and at 'pip config list'"
            )
        return (
            f"the package index has no {absent[1]!r} for this Python;"
            " look at 'pip config list', or use another release"
        )
    if unbuilt := _UNBUILT.search(text):
        fault = _FAULT.search(text)
        reason = f" ({_ADDRESS.sub('...', fault[0])})" if fault else ""
        return f"{unbuilt[1]!r} does not build{reason}; run 'vhost doctor' for what it needs"
    said = [line for line in lines if line.strip()]
    errors = [line for line in said if line.lower().startswith("error:")] or said[-1:]
    last = errors[-1] if errors else "pip said nothing"
    return _ADDRESS.sub("...", last.strip())


def _kind(news: str) -> str:
    """A stage without its number."""
    return news.partition(",")[0]


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()
