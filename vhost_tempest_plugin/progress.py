# SPDX-License-Identifier: Apache-2.0
"""What long work tells its user while it runs."""

import sys
import threading
import time
from types import TracebackType
from typing import Protocol, Self, TextIO


class Progress(Protocol):
    """Takes a line of news; the elapsed time is the receiver's business."""

    def __call__(self, news: str) -> None: ...


def silent(news: str) -> None:
    """Tell nobody."""


class Lines:
    """Writes a line of news with the seconds since the beginning to standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._begun_s = time.monotonic()

    def __call__(self, news: str) -> None:
        elapsed_s = time.monotonic() - self._begun_s
        print(f"[{elapsed_s:7.1f} s] {news}", file=self._stream, flush=True)


class Pulse:
    """Tells what goes on, again and again for as long as it takes; a context manager.

    :param interval_s: from its beginning to the first time, and on
    """

    def __init__(self, progress: Progress, interval_s: float) -> None:
        self._progress = progress
        self._interval_s = interval_s
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def begin(self, what: str) -> None:
        """This goes on now, and nothing else."""
        self.end()
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, args=(what,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Nothing goes on."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, what: str) -> None:
        begun_s = time.monotonic()
        while not self._ended.wait(self._interval_s):
            self._progress(f"running  {time.monotonic() - begun_s:6.1f} s  {what}")
