# SPDX-License-Identifier: Apache-2.0
"""What the seconds of a test went to."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager


class Stopwatch:
    """Runs from its making; what is not waited for Nova or a server is the harness's own.

    :param news: is given what is waited for from now on, and nothing when that wait has ended
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        news: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._clock = clock
        self._news = news
        self._begun_s = clock()
        self._waited_s: dict[str, float] = {}
        self._worked_s: dict[str, float] = {}
        self._waiting = False

    @contextmanager
    def waiting(self, what: str, detail: str = "") -> Iterator[None]:
        """The block waits for something; blocks within it are the same wait.

        :param detail: what exactly, where *what* is a kind of wait
        """
        if self._waiting:
            yield
            return
        begun_s, self._waiting = self._clock(), True
        self._news(detail or what)
        try:
            yield
        finally:
            self._waiting = False
            self._news("")
            spent_s = self._clock() - begun_s
            self._waited_s[what] = self._waited_s.get(what, 0.0) + spent_s

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """The block is work of the harness; waits within it do not count."""
        begun_s = self.own_s
        try:
            yield
        finally:
            spent_s = self.own_s - begun_s
            self._worked_s[what] = self._worked_s.get(what, 0.0) + spent_s

    @contextmanager
    def within(self, what: str, manager: AbstractContextManager[object]) -> Iterator[None]:
        """The block runs in a context both of whose ends are waits; it gets no error."""
        with self.waiting(what), ExitStack() as entered:
            entered.enter_context(manager)
            leaving = entered.pop_all()
        try:
            yield
        finally:
            with self.waiting(what):
                leaving.close()

    @property
    def waited_s(self) -> dict[str, float]:
        """Seconds by what was waited for."""
        return dict(self._waited_s)

    @property
    def worked_s(self) -> dict[str, float]:
        """Seconds of the harness's own by what was done."""
        return dict(self._worked_s)

    @property
    def total_s(self) -> float:
        """Seconds since it was made."""
        return self._clock() - self._begun_s

    @property
    def own_s(self) -> float:
        """Seconds of the harness's own."""
        return self.total_s - sum(self._waited_s.values())
