# SPDX-License-Identifier: Apache-2.0
"""Installs distributions with pip, telling its stages, and says in a line why it failed."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.lab.environment import pip_output
from vhost_tempest_plugin.util import interpreter, process
from vhost_tempest_plugin.util.die_with_parent import killed_with_parent
from vhost_tempest_plugin.util.progress import Progress, silent
from vhost_tempest_plugin.util.waiting import wait_for

_LIMIT_S = 1800
_POLL_S = 0.2
_NEWS_S = 10.0

# What of the user's own environment would change what is installed, or where.
_NEUTRAL = {
    **interpreter.NEUTRAL,
    **dict.fromkeys(("PIP_CONSTRAINT", "PIP_TARGET", "PIP_PREFIX"), ""),
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_USER": "0",
}


def install(
    environment: Path,
    words: Sequence[str | Path],
    *,
    log: Path,
    what: str,
    progress: Progress = silent,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Run ``pip install`` of a virtual environment; it ends with this process.

    :param environment: its directory
    :param words: what to install, and options
    :param log: a file for what pip says; removed where it succeeds
    :param what: begins each line of news
    :param variables: of the environment, for what is built
    :raises LocalError: it failed; with the package and the reason
    """
    options = ("--progress-bar", "off", "--no-compile")
    argv = killed_with_parent(
        interpreter.isolated(environment, "-m", "pip", "install", *options, *words)
    )
    reported, reported_s = "", time.monotonic()

    def report() -> None:
        nonlocal reported, reported_s
        news, now_s = pip_output.stage(_lines(log)), time.monotonic()
        is_due = _kind(news) != _kind(reported) or now_s - reported_s >= _NEWS_S
        if news != reported and is_due:
            progress(f"{what}: {news}")
            reported, reported_s = news, now_s

    with process.running(argv, log=log, environment={**_NEUTRAL, **(variables or {})}) as pip:
        status = wait_for(
            pip.poll,
            "pip",
            _LIMIT_S,
            watch=report,
            poll_s=_POLL_S,
            error=lambda fact: LocalError(
                f"{fact} ({reported or 'it printed nothing'})", hint="check the network"
            ),
        )
        report()
    if status != 0:
        cause = pip_output.cause(_lines(log))
        raise LocalError(f"{what} cannot be installed: {cause.fact}", hint=cause.hint)
    log.unlink()


def _kind(news: str) -> str:
    """A stage without its number."""
    return news.partition(",")[0]


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace", encoding="utf-8").splitlines()
