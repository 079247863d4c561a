# SPDX-License-Identifier: Apache-2.0
"""Looks again and again while something else happens."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def peaks(look: Callable[[], Mapping[str, float]], poll_s: float) -> Iterator[dict[str, float]]:
    """The greatest of each reading that *look* gives while the block runs; complete after it."""
    found: dict[str, float] = {}
    ended = threading.Event()

    def watch() -> None:
        while True:
            for name, value in look().items():
                found[name] = max(found.get(name, value), value)
            if ended.wait(poll_s):
                return

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield found
        finally:
            ended.set()
        watching.result()
