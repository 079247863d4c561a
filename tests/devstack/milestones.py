# SPDX-License-Identifier: Apache-2.0
"""What stack.sh has come to, from what it says."""

import re
import time
from collections.abc import Callable

Report = Callable[[str], None]
# Of the lines of "set -o xtrace", and of what the vhost command prints.
_PHASE = re.compile(r"source \S*/vhost-tempest-plugin/devstack/plugin\.sh (\S+ \S+)")
_NEWS = re.compile(r"\[ *\d+\.\d s\] (.*)")


class Milestones:
    """Reports the plugin's phases and its command's news, with the time since the beginning."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._begun_s = time.monotonic()
        self._last = ""

    def __call__(self, line: str) -> None:
        found = _PHASE.search(line) or _NEWS.search(line)
        if found and found[1] != self._last:
            self._last = found[1]
            self._report(f"{time.monotonic() - self._begun_s:6.0f} s  {found[1]}")
