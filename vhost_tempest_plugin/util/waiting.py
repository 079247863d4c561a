# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to happen, by asking again and again until a limit."""

import time
from collections.abc import Callable
from typing import TypeVar

from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.util import speed

T = TypeVar("T")

# Of the time that was waited, the share that a pause grows to.
_PAUSE_SHARE = 0.04


class TimedOutError(VhostError):
    """What was waited for did not happen within its limit."""


def wait_for(
    probe: Callable[[], T | None],
    what: str,
    limit_s: float | None,
    *,
    watch: Callable[[], None] = lambda: None,
    poll_s: float = 0.5,
    first_s: float | None = None,
    error: Callable[[str], Exception] = TimedOutError,
) -> T:
    """Ask *probe* until it returns something else than None or False, and return that.

    :param what: completes "timed out after 60 s waiting for ..."
    :param limit_s: on the reference machine of ``speed.timeout_scale``, longer on a slower one;
        0 to ask once; None to wait as long as it takes
    :param watch: called after each answer that is not the one; what it raises ends the waiting,
        as where the one who should answer has died
    :param poll_s: the pause between two questions
    :param first_s: the pause at first, which grows to *poll_s*: what is quick is noticed soon
    :param error: makes the exception from the fact
    :raises TimedOutError: or what *error* makes: it did not happen within the limit
    """
    begun_s = time.monotonic()
    scaled = False
    while True:
        found = probe()
        if found is not None and found is not False:
            return found
        watch()
        waited_s = time.monotonic() - begun_s
        if limit_s is not None and (waited_s > limit_s or not limit_s):
            if scaled or not limit_s:
                raise error(f"timed out after {limit_s:.0f} s waiting for {what}")
            # Not before: to measure it takes a while.
            limit_s, scaled = limit_s * speed.timeout_scale(), True
            continue
        time.sleep(
            poll_s if first_s is None else min(poll_s, max(first_s, waited_s * _PAUSE_SHARE))
        )


def seldom(interval_s: float, action: Callable[[], None]) -> Callable[[], None]:
    """*action*, done at a call only where *interval_s* has passed since the last time.

    For what costs more than the probe beside which it is a ``watch``.
    """
    last_s = time.monotonic()

    def act() -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= interval_s:
            last_s = time.monotonic()
            action()

    return act
