# SPDX-License-Identifier: Apache-2.0
"""The waiting for a line in a file of a host, by a real shell."""

import subprocess
import tempfile
import threading
import unittest
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from vhost_tempest_plugin.nova.readers import ComputeHostReader, Link


class Here:
    """A connection to this machine."""

    def run(self, argv: Sequence[str], *, input_text: str, timeout_s: float) -> Any:
        return subprocess.run(
            argv, input=input_text, timeout=timeout_s, check=True, capture_output=True, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class ThisNode(ComputeHostReader):
    """This machine as a compute host."""

    def connection(self) -> Any:
        return Here()


def after(seconds: float, action: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


class WaitingTest(unittest.TestCase):
    def setUp(self) -> None:
        directory: Any = self.enterContext(tempfile.TemporaryDirectory())
        self.log = Path(directory) / "it's a log"
        self.link = Link(ThisNode("here", SimpleNamespace()))  # type: ignore[arg-type]

    def test_it_comes_later(self) -> None:
        timer = after(0.5, lambda: self.log.write_text("[ 1.0] guest: done\n"))
        self.assertTrue(self.link.has(str(self.log), "guest: done"))
        timer.join()

    def test_it_does_not_come(self) -> None:
        self.log.write_text("guest: done for, or $(exit 1)\n")
        self.assertFalse(self.link.has(str(self.log), "guest: .*done", patience_s=1))
        self.assertFalse(self.link.has("/no/such/file", "x", patience_s=0))
