# SPDX-License-Identifier: Apache-2.0
"""The lab's use of the vhost command, with programs that behave like it."""

import os
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin import errors
from vhost_tempest_plugin.cloud.compute import host_commands
from vhost_tempest_plugin.errors import BusyError, HostError, InputError
from vhost_tempest_plugin.util import process


class RunTest(unittest.TestCase):
    """A real vhost command with nothing to do."""

    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))
        self.state = Path(state)

    def test_a_failure_is_of_the_class_of_its_exit_code(self) -> None:
        with self.assertRaisesRegex(InputError, r"\Athere is no host 'gone'"):
            host_commands.run(["save", "gone"], lambda news: None)

    def test_exit_codes_and_classes(self) -> None:
        self.assertIs(HostError, host_commands._error(HostError.exit_code))
        self.assertIs(BusyError, host_commands._error(BusyError.exit_code))
        self.assertIs(errors.VhostError, host_commands._error(139))

    def test_nothing_to_destroy(self) -> None:
        host_commands.destroy("gone", lambda news: self.fail(news))


class JobsTest(unittest.TestCase):
    def test_the_first_failure_comes_out_after_all_have_ended(self) -> None:
        ended = threading.Event()
        with (
            self.assertRaisesRegex(InputError, "no host 'gone'"),
            host_commands.Jobs(lambda news: None) as jobs,
        ):
            jobs.start(["save", "gone"])
            jobs.start(["list"], before=ended.set)
        self.assertTrue(ended.is_set())

    def test_commands_are_ended_where_the_block_fails(self) -> None:
        begun = threading.Event()
        argv = [sys.executable, "-c", "import time; time.sleep(1000)"]

        def sleep(words: list[str], progress: object, started: object) -> None:
            def note(end: object) -> None:
                started(end)  # type: ignore[operator]
                begun.set()

            process.follow(argv, lambda line: None, started=note)

        with (
            mock.patch.object(host_commands, "run", sleep),
            self.assertRaises(ZeroDivisionError),
            host_commands.Jobs(lambda news: None) as jobs,
        ):
            jobs.start(["up"])
            self.assertTrue(begun.wait(30))
            raise ZeroDivisionError
