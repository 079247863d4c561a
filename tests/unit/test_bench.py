# SPDX-License-Identifier: Apache-2.0
import fcntl
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.bench import (
    bare,
    booting,
    building,
    figures,
    laying_out,
    processes,
    watching,
    workplace,
)
from vhost_tempest_plugin.bench.measurement import Measurement, in_turn, seconds
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.cli import bench
from vhost_tempest_plugin.errors import BusyError, CommandError
from vhost_tempest_plugin.host import image
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.distribution import Distribution
from vhost_tempest_plugin.host.image import archives, distribution
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab.services import orphan_processes
from vhost_tempest_plugin.topology import catalog, layout
from vhost_tempest_plugin.util import interpreter, process
from vhost_tempest_plugin.util.progress import silent
from vhost_tempest_plugin.util.waiting import wait_for

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def measurement(aim: float | None) -> Measurement:
    return Measurement("it", "s", (3.0, 30.0, 2.0), "that", (2.0, 1.0, 2.5), aim)


class MeasurementTest(unittest.TestCase):
    def test_medians(self) -> None:
        taken = measurement(None)
        self.assertEqual((3.0, 2.0, 1.5), (taken.value, taken.baseline_value, taken.ratio))

    def test_aim(self) -> None:
        for aim, limit, met in (
            (1.5, None, True),
            (1.49, None, False),
            (None, None, None),
            (None, 3.0, True),
            (None, 2.9, False),
            (1.5, 2.9, False),
            (1.49, 3.0, False),
        ):
            with self.subTest(aim=aim, limit=limit):
                self.assertIs(met, replace(measurement(aim), limit=limit).met)

    def test_in_turn(self) -> None:
        order: list[str] = []
        news: list[str] = []

        def reading(name: str) -> float:
            order.append(name)
            return float(len(order))

        samples = in_turn(2, lambda: reading("a"), lambda: reading("b"), report=news.append)
        self.assertEqual(["a", "b", "a", "b"], order)
        self.assertEqual([(1.0, 3.0), (2.0, 4.0)], samples)
        self.assertEqual(["run 1 of 2: 1.0, 2.0", "run 2 of 2: 3.0, 4.0"], news)

    def test_seconds(self) -> None:
        self.assertGreaterEqual(seconds(lambda: time.sleep(0.02)), 0.02)

    def test_row_has_a_cell_for_each_column(self) -> None:
        row = dict(zip(bench._COLUMNS, bench.row(measurement(1.25)), strict=True))
        self.assertEqual((1.5, 1.25, False), (row["ratio"], row["aim"], row["met"]))


# As a program root would become the account, which cannot reach a test's directory.
STAYS_ROOT = (
    "import sys; from vhost_tempest_plugin.cli import main; sys.exit(main.main(sys.argv[1:]))"
)


class WorkplaceCase(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(
            mock.patch.object(
                workplace.Workplace,
                "argv",
                lambda place, *words: interpreter.own("-c", STAYS_ROOT, *words),
            )
        )
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = Path(directory.name)
        patcher = mock.patch.dict(os.environ, {"XDG_CACHE_HOME": directory.name})
        patcher.start()
        self.addCleanup(patcher.stop)


class WorkplaceTest(WorkplaceCase):
    def test_one_at_a_time(self) -> None:
        with workplace.opened(), self.assertRaises(BusyError), workplace.opened():
            pass

    def test_nothing_is_left_when_it_fails(self) -> None:
        with (
            self.assertRaises(KeyboardInterrupt),
            workplace.opened() as place,
            place.fresh("files") as directory,
        ):
            (directory / "file").touch()
            raise KeyboardInterrupt
        self.assertFalse(place.directory.exists())

    def test_hosts_are_destroyed(self) -> None:
        with workplace.opened() as place:
            (place.directory / "vhost/hosts/bench").mkdir(parents=True)
            with place.host("bench"):
                pass
            self.assertFalse((place.directory / "vhost/hosts/bench").exists())

    def test_labs_are_destroyed_whatever_happens(self) -> None:
        gone = []

        def destroy(place: workplace.Workplace, *words: str) -> None:
            gone.append(words)
            raise CommandError("it does not want to", 1)

        with (
            mock.patch.object(workplace.Workplace, "vhost", destroy),
            self.assertRaises(CommandError),
            workplace.opened() as place,
        ):
            place.lab("bench").mkdir(parents=True)
            (place.directory / "vhost/hosts/bench-0").mkdir(parents=True)
            environment = {orphan_processes.MARK: str(place.lab("bench"))}
            program = self.enterContext(
                process.running(SLEEPER, log=place.directory / "log", environment=environment)
            )
            # Its environment, by which it is found, is there a moment after the program.
            wait_for(
                lambda: orphan_processes.find(place.lab("bench")) or None, "its environment", 30
            )
        self.assertEqual([("lab", "destroy", "--name", "bench"), ("destroy", "bench-0")], gone)
        self.assertEqual(-signal.SIGKILL, program.wait())
        self.assertFalse(place.directory.exists())

    def test_what_a_killed_one_left_goes(self) -> None:
        left = self.home / "vhost/bench/vhost/hosts/left"
        left.mkdir(parents=True)
        with workplace.opened():
            self.assertFalse(left.exists())

    def test_the_lock_goes_with_the_process(self) -> None:
        with workplace.opened():
            pass
        with (self.home / "vhost/bench.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_commands_have_a_state_of_their_own(self) -> None:
        with workplace.opened() as place:
            self.assertEqual("[]", place.vhost("list", "-f", "json").stdout.strip())
            with self.assertRaises(CommandError):
                place.vhost("show", "nobody")


class FiguresTest(WorkplaceCase):
    def setting(self, place: workplace.Workplace) -> Setting:
        return Setting(place, catalog.find("small"), "small", Accelerator.TCG, 1, silent)

    def test_layout(self) -> None:
        with mock.patch.object(figures.acceleration, "choose"):
            taken = figures.measure(["layout"], "small", 1, silent)
        self.assertEqual(["9 NICs", "9 NICs"], [each.baseline for each in taken])
        self.assertTrue(all(0 < each.ratio < math.inf for each in taken))

    def test_most_nics(self) -> None:
        most = laying_out.most_nics()
        self.assertEqual(most, len(layout.lay_out(laying_out._host(most)).devices))

    def test_the_second_up_uses_the_cache_of_the_first(self) -> None:
        caches = []

        def up_s(setting: Setting, topology: str, cache: Path) -> float:
            caches.append(cache)
            return 8.0 / len(caches)

        with workplace.opened() as place, mock.patch.object(booting, "up_s", up_s):
            taken = next(booting.second_up(self.setting(place)))
        self.assertEqual(0.5, taken.ratio)
        self.assertEqual(caches[0], caches[1])
        self.assertFalse(caches[0].exists())

    def test_sizes(self) -> None:
        seen = []

        def up_s(setting: Setting, topology: str) -> float:
            seen.append(len(catalog.find(topology).devices))
            return 1.0 + seen[-1]

        with (
            workplace.opened() as place,
            mock.patch.object(booting, "up_s", up_s),
            mock.patch.object(booting.image, "build"),
        ):
            taken = list(booting.by_size(self.setting(place)))
        self.assertEqual(0, seen[0])
        self.assertEqual(72, seen[-1])
        self.assertEqual([1.0 + nics for nics in seen[1:]], [each.ratio for each in taken])


class ArgumentsTest(unittest.TestCase):
    def test_the_bare_qemu_has_nothing_of_the_topology(self) -> None:
        here = Path("/x")
        made = image.Image(here, here, here, here, "0")
        host = catalog.find("article").host
        words = [
            str(word) for word in bare.argv(host, Accelerator.TCG, made, HostDirectory(here), 2222)
        ]
        self.assertIn("8192M", words)
        self.assertTrue(words[words.index("-smp") + 1].startswith("8,"))
        for absent in ("-device", "-numa", "-object", "-name"):
            self.assertNotIn(absent, words)

    def test_bootstrap_has_the_packages_and_no_hooks(self) -> None:
        system = distribution.of(Distribution("debian", "bookworm"))
        with (
            tempfile.TemporaryDirectory() as directory,
            mock.patch.object(building.distribution, "here", return_value=system),
            mock.patch.object(building.archives, "own", return_value=()),
            mock.patch.object(archives, "settings", return_value=('Acquire::Retries "3";',)),
            mock.patch.object(building.process, "which", Path),
        ):
            words = [str(word) for word in building.argv(Path(directory))]
        self.assertIn(f"--include={','.join(system.packages)}", words)
        hooks = [word for word in words if "hook" in word]
        self.assertEqual(1, len(hooks), "but for the settings of apt")
        self.assertTrue(hooks[0].startswith("--setup-hook=tar-in "))


class MemoryTest(unittest.TestCase):
    def test_processes_by_their_environment(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            mark = ("XDG_STATE_HOME", directory)
            log = Path(directory) / "log"
            self.assertEqual([], processes.marked(*mark))
            with process.running(SLEEPER, log=log, environment=dict([mark])) as program:
                # Its environment is there a moment after the program.
                marked = wait_for(lambda: processes.marked(*mark) or None, "its environment", 30)
                self.assertEqual([program.pid], marked)
                time.sleep(0.2)
                taken = processes.usage_of([program.pid])
                self.assertGreater(taken.pss_mib, 0.5)
                self.assertGreater(taken.peak_mib, taken.pss_mib)
                self.assertAlmostEqual(
                    taken.pss_mib, processes.proportional_mib([program.pid]), delta=2
                )
            self.assertEqual([], processes.marked(*mark))
            self.assertEqual(processes.Usage(0, 0, 0), processes.usage_of([program.pid]))

    def test_recorded_processes_add_up(self) -> None:
        text = (Path(__file__).parent / "recorded/processes.txt").read_text()
        taken = processes.usage(text)
        self.assertEqual((14626 + 144748) / 1024, taken.pss_mib)
        self.assertEqual((25676 + 165132) / 1024, taken.peak_mib)
        self.assertAlmostEqual((10 + 3 + 187 + 42) / 100, taken.cpu_s)

    def test_a_program_may_be_called_anything(self) -> None:
        line = "7 (a) S 1 2 (b) R 6009 6994 6009 0 -1 4194304 1 2 3 4 50 25 0 0 30 10\n"
        self.assertEqual(0.75, processes.usage(line).cpu_s)

    def test_peaks(self) -> None:
        seen = iter([{"a": 1.0}, {"a": 3.0, "b": -2.0}, {"a": 2.0}])
        enough = threading.Event()

        def look() -> dict[str, float]:
            if (reading := next(seen, None)) is None:
                enough.set()
            return reading or {}

        with watching.peaks(look, 0.001) as peaks:
            wait_for(enough.is_set, "readings", 30, poll_s=0.01)
        self.assertEqual({"a": 3.0, "b": -2.0}, peaks)

    def test_a_look_that_fails_is_not_hidden(self) -> None:
        with self.assertRaises(ZeroDivisionError), watching.peaks(lambda: {"a": 1 / 0}, 0.001):
            pass


class RunningTest(unittest.TestCase):
    def test_it_is_killed_however_the_block_ends(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "log"
            with self.assertRaises(KeyboardInterrupt), process.running(SLEEPER, log=log) as program:
                self.assertIsNone(program.poll())
                raise KeyboardInterrupt
            self.assertEqual(-signal.SIGTERM, program.returncode)

    def test_one_that_has_ended_is_left_alone(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "log"
            with process.running(["sh", "-c", "echo said; exit 3"], log=log) as program:
                self.assertEqual(3, program.wait())
            self.assertEqual("said\n", log.read_text())
            self.assertIsInstance(program, subprocess.Popen)
