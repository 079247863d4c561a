# SPDX-License-Identifier: Apache-2.0
"""What long work tells its user while it runs."""

import sys
import time
from typing import Protocol, TextIO


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
