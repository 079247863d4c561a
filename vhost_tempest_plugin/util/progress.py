# SPDX-License-Identifier: Apache-2.0
"""What long work prints while it runs."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TextIO


class Progress(Protocol):
    """Takes a line of news; the elapsed time is the receiver's business."""

    def __call__(self, news: str) -> None: ...


def silent(news: str) -> None:
    """Report to nobody."""


class Lines:
    """Writes a line of news with the seconds since the beginning to standard error.

    The work goes on, and is put in order where it fails, also where nobody reads the news any
    more: the terminal is gone, the pipe is closed, the disk is full.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._begun_s = time.monotonic()

    def __call__(self, news: str) -> None:
        elapsed_s = time.monotonic() - self._begun_s
        with suppress(OSError):
            print(f"[{elapsed_s:7.1f} s] {news}", file=self._stream, flush=True)


class Pulse:
    """Reports each thing that goes on, again and again for as long as it takes.

    :param interval_s: from its beginning to the first time, and on
    :param detail: what more there is to say of it at that moment
    """

    def __init__(
        self,
        progress: Progress,
        interval_s: float,
        detail: Callable[[str], str] = lambda what: "",
    ) -> None:
        self._progress = progress
        self._interval_s = interval_s
        self._detail = detail
        self._under_way: dict[str, tuple[threading.Event, threading.Thread]] = {}

    def begin(self, what: str) -> None:
        """This goes on from now."""
        ended = threading.Event()
        thread = threading.Thread(target=self._run, args=(what, ended), daemon=True)
        self._under_way[what] = ended, thread
        thread.start()

    def end(self, what: str) -> None:
        """This has ended, if it began."""
        if what in self._under_way:
            ended, thread = self._under_way.pop(what)
            ended.set()
            thread.join()

    def close(self) -> None:
        """Nothing goes on."""
        for what in tuple(self._under_way):
            self.end(what)

    def _run(self, what: str, ended: threading.Event) -> None:
        begun_s = time.monotonic()
        while not ended.wait(self._interval_s):
            detail = self._detail(what)
            more = f": {detail}" if detail else ""
            self._progress(f"running  {time.monotonic() - begun_s:6.1f} s  {what}{more}")
