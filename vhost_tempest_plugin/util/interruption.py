# SPDX-License-Identifier: Apache-2.0
"""What asks a process to end: Ctrl-C, SIGTERM, and SIGHUP where its terminal or ssh is gone.

The first one raises KeyboardInterrupt, and what was begun is ended.  While that lasts the next one
is only answered, since half a clean-up is worse than a long one.  One more ends the process at
once.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from vhost_tempest_plugin.util import child

EXIT_CODE = 130

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The one that is only answered.
_PATIENCE = 2


@contextmanager
def handled(second: Callable[[], None], third: Callable[[], None]) -> Iterator[None]:
    """A block that is interrupted once, by whichever signal; those that are ignored stay so.

    :param second: called while the block cleans up, when it is asked to end again
    :param third: called before the process ends at once
    """
    asked = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise KeyboardInterrupt
        if asked == _PATIENCE:
            second()
        else:
            third()
            child.ask_all_to_end()
            os._exit(EXIT_CODE)

    with _handling(handle):
        yield


@contextmanager
def handled_once() -> Iterator[None]:
    """As ``handled``, but the clean-up comes to its end whatever is asked meanwhile."""
    is_asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal is_asked
        if not is_asked:
            is_asked = True
            raise KeyboardInterrupt

    with _handling(handle):
        yield


def say(text: str) -> None:
    """Write a line to standard error, also where the signal came amid another line."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())


@contextmanager
def _handling(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {
        number: signal.signal(number, handle)
        for number in _SIGNALS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
