# SPDX-License-Identifier: Apache-2.0
"""Work on hosts in processes of their own: the protocol, real workers, and several at once."""

import os
import select
import signal
import sys
import tempfile
import threading
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from unittest import mock

from vhost_tempest_plugin import errors
from vhost_tempest_plugin.errors import (
    CommandError,
    InputError,
    TopologyError,
    VhostError,
)
from vhost_tempest_plugin.host import jobs, worker_protocol
from vhost_tempest_plugin.host.network.uplink import UplinkSpec
from vhost_tempest_plugin.host.owner import USER, HostOwner, OwnerKind
from vhost_tempest_plugin.host.share import Share
from vhost_tempest_plugin.host.worker_protocol import (
    Answer,
    Destroy,
    Down,
    Plug,
    Restore,
    Save,
    Unplug,
    Up,
)
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util import followed_program, process
from vhost_tempest_plugin.util.progress import silent
from vhost_tempest_plugin.util.waiting import wait_for

NIC = PciAddress.parse("0000:b5:00.0")
LAB = HostOwner(OwnerKind.LAB, "lab")
CLASSES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, VhostError)
]


class ProtocolTest(unittest.TestCase):
    def test_requests(self) -> None:
        shares = (Share(Path("/ca:che/image"), PurePosixPath("/opt/sta:ck")),)
        for request in (
            Up("a", LAB, Path("/t.yaml"), Accelerator.TCG, shares, UplinkSpec("lan", 3)),
            Up("a", LAB, Path("/t.yaml")),
            Down("a", USER),
            Save("a", LAB),
            Restore("a", LAB),
            Destroy("a", LAB),
            Plug("a", LAB, NIC, multifunction=True),
            Unplug("a", LAB, NIC, wait=False),
        ):
            with self.subTest(request=request):
                text = worker_protocol.dump_request(request)
                self.assertEqual(request, worker_protocol.load_request(text))

    def test_what_is_no_request(self) -> None:
        for text in ("", "{}", "[]", '{"request": "fly"}', '{"request": "save", "speed": 3}'):
            with self.subTest(text=text), self.assertRaises(ValueError):
                worker_protocol.load_request(text)

    def test_an_error_of_each_class(self) -> None:
        for kind in CLASSES:
            with self.subTest(kind=kind.__name__):
                answer = worker_protocol.load_answer(
                    worker_protocol.failure(kind("it failed", hint="mend it"))
                )
                assert answer is not None
                assert answer.error is not None
                self.assertIs(kind, type(answer.error))
                self.assertEqual("it failed; mend it", str(answer.error))
                self.assertEqual("mend it", answer.error.hint)

    def test_what_classes_have_of_their_own(self) -> None:
        for error in (
            TopologyError("no", ("nodes", 1, "cpus")),
            CommandError("no", 3, "what it printed"),
        ):
            answer = worker_protocol.load_answer(worker_protocol.failure(error))
            assert answer is not None
            self.assertEqual(vars(error), vars(answer.error))

    def test_a_class_that_only_the_worker_has_is_its_base(self) -> None:
        class OwnError(errors.HostError):
            pass

        answer = worker_protocol.load_answer(worker_protocol.failure(OwnError("no")))
        assert answer is not None
        self.assertIs(errors.HostError, type(answer.error))

    def test_other_lines(self) -> None:
        self.assertEqual(
            Answer(news="a"), worker_protocol.load_answer(worker_protocol.progress("a"))
        )
        self.assertEqual(Answer(), worker_protocol.load_answer(worker_protocol.done()))
        for line in ("libvirt: warning", "3", '{"error": "no"}', ""):
            self.assertIsNone(worker_protocol.load_answer(line))


class RunTest(unittest.TestCase):
    """A real worker with nothing to do."""

    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))

    def test_a_failure_is_of_the_workers_class(self) -> None:
        with self.assertRaisesRegex(InputError, r"\Athere is no host 'gone'"):
            jobs.run(Save("gone", LAB), silent)

    def test_nothing_to_destroy(self) -> None:
        jobs.destroy("gone", LAB, lambda news: self.fail(news))

    def test_news_and_the_end(self) -> None:
        reported: list[str] = []
        lines = [worker_protocol.progress("one"), "noise", worker_protocol.done()]
        with self.stand_in(f"print({os.linesep.join(lines)!r})"):
            jobs.run(Save("a", LAB), reported.append)
        self.assertEqual(["one"], reported)

    def test_a_worker_that_dies(self) -> None:
        for program, how in (
            ("import os; os.kill(os.getpid(), 9)", "signal 9"),
            ("raise ValueError('a bug')", "exit code 1: ValueError: a bug"),
        ):
            with (
                self.subTest(program=program),
                self.stand_in(program),
                self.assertRaises(VhostError) as caught,
            ):
                jobs.run(Save("a", LAB), silent)
            self.assertIn(f"save of 'a' ended without an answer ({how})", str(caught.exception))

    def test_a_worker_ends_with_its_parent(self) -> None:
        child = "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"
        parent = (
            "import sys; from vhost_tempest_plugin.util import die_with_parent, followed_program;"
            f"argv = die_with_parent.asked_to_end([sys.executable, '-c', {child!r}]);"
            "followed_program.follow(argv, lambda pid: print(pid, flush=True), stream='stdout')"
        )
        with process.running([sys.executable, "-c", parent]) as program:
            assert program.stdout is not None
            child_fd = os.pidfd_open(int(program.stdout.readline()))
            self.addCleanup(os.close, child_fd)
            os.kill(program.pid, signal.SIGKILL)
            ended, _, _ = select.select([child_fd], [], [], 30)
        self.assertEqual([child_fd], ended)

    def test_a_worker_is_asked_to_end(self) -> None:
        with self.stand_in("import time; time.sleep(1000)"), self.assertRaises(VhostError):
            jobs.run(Save("a", LAB), silent, started=lambda end: end())

    @contextmanager
    def stand_in(self, program: str) -> Iterator[None]:
        """Another program in the worker's place."""
        with mock.patch.object(jobs, "asked_to_end", return_value=[sys.executable, "-c", program]):
            yield


class JobsTest(unittest.TestCase):
    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": state}))

    def test_the_first_failure_comes_out_after_all_have_ended(self) -> None:
        ended = threading.Event()
        with (
            self.assertRaisesRegex(InputError, "no host 'gone'"),
            jobs.Jobs(silent) as both,
        ):
            both.start(Save("gone", LAB))
            both.start(before=ended.set)
        self.assertTrue(ended.is_set())

    def test_workers_are_ended_where_the_block_fails(self) -> None:
        begun = threading.Event()
        argv = [sys.executable, "-c", "import time; time.sleep(1000)"]

        def sleep(
            request: object, progress: object, started: Callable[[Callable[[], None]], None]
        ) -> None:
            def note(end: Callable[[], None]) -> None:
                started(end)
                begun.set()

            followed_program.follow(argv, lambda line: None, started=note)

        with (
            mock.patch.object(jobs, "run", sleep),
            self.assertRaises(ZeroDivisionError),
            jobs.Jobs(silent) as both,
        ):
            both.start(Save("a", LAB))
            wait_for(begun.is_set, "the program", 30, poll_s=0.01)
            raise ZeroDivisionError
