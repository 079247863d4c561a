# SPDX-License-Identifier: Apache-2.0
"""The lab's figures, with labs that are not there."""

import json
import os
import tempfile
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from tests.unit import lab_settings
from vhost_tempest_plugin.bench import (
    lab,
    lab_guests,
    lab_life,
    lab_size,
    lab_tests,
    processes,
)
from vhost_tempest_plugin.bench.lab_guests import Boot
from vhost_tempest_plugin.bench.lab_size import Idle
from vhost_tempest_plugin.bench.processes import Usage
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.bench.workplace import Workplace
from vhost_tempest_plugin.cloud.client import contents
from vhost_tempest_plugin.cloud.client.resources import CloudError, Server
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.errors import CommandError, InputError, LocalError, VhostError
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab.services import orphan_processes
from vhost_tempest_plugin.lab.state import stages
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.stages import Stage
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util.progress import silent


class DirectoryCase(unittest.TestCase):
    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.place = Workplace(self.path / "bench")
        self.place.lab(lab.NAME).mkdir(parents=True)
        layout = catalog.find("small")
        self.setting = Setting(self.place, layout, "small", Accelerator.TCG, 2, silent)


class StagesTest(DirectoryCase):
    def setUp(self) -> None:
        super().setUp()
        self.lab = LabDirectory(self.path)

    def test_nothing_was_done(self) -> None:
        self.assertEqual((), stages.read(self.lab))
        stages.forget(self.lab)

    def test_stages_that_overlap(self) -> None:
        ended = threading.Event()

        def host() -> None:
            with stages.of(self.lab, Stage.HOST):
                ended.wait()

        with stages.of(self.lab, Stage.TABLES):
            pass
        booting = threading.Thread(target=host)
        booting.start()
        with stages.of(self.lab, Stage.BASE):
            pass
        ended.set()
        booting.join()
        tables, *both = stages.read(self.lab)
        self.assertEqual(Stage.TABLES, tables.stage)
        self.assertEqual({Stage.HOST, Stage.BASE}, {timing.stage for timing in both})
        duration_s = {timing.stage: timing.duration_s for timing in both}
        self.assertGreater(duration_s[Stage.HOST], 0)
        stages.forget(self.lab)
        self.assertEqual((), stages.read(self.lab))

    def test_one_that_fails_is_not_recorded(self) -> None:
        with self.assertRaises(ZeroDivisionError), stages.of(self.lab, Stage.HOST):
            raise ZeroDivisionError
        self.assertEqual((), stages.read(self.lab))

    def test_a_disk_that_does_not_take_it(self) -> None:
        self.lab.stages.mkdir()
        with self.assertRaises(LocalError), stages.of(self.lab, Stage.HOST):
            pass


class FakeLab:
    """Stands for ``vhost lab``: a clock that the commands move, and their stages."""

    def __init__(self, directory: LabDirectory) -> None:
        self.takes_s = {"up": 200.0, "reset": 10.0, "down": 5.0}
        self.fails_uncached = False
        self.now_s = 1000.0
        self.commands: list[tuple[str, ...]] = []
        self.caches: list[Path] = []
        self.exists = False
        self._directory = directory

    def vhost(self, *words: str, cache: Path | None = None) -> None:
        self.commands.append(words)
        if cache is not None:
            self.caches.append(cache)
            self.content = {path.name for path in (cache / "vhost").iterdir()}
            self.pip = (cache / "pip").exists()
        if words[1] == "destroy":
            self.exists = False
            return
        begun_s, took_s = self.now_s, self.takes_s[words[1]]
        if words[1] == "up" and self.exists:
            took_s = 20.0
        self.exists = True
        if cache and self.fails_uncached:
            raise CommandError("pip finds nothing", 1)
        self.now_s += took_s
        stages.forget(self._directory)
        if words[1] != "down":
            clock = [begun_s + 1, begun_s + took_s / 2]
            with (
                mock.patch.object(stages.time, "monotonic", side_effect=clock),
                stages.of(self._directory, Stage.HOST),
            ):
                pass


class LifeTest(DirectoryCase):
    def setUp(self) -> None:
        super().setUp()
        self.lab = FakeLab(lab.directory(self.place))
        for patcher in (
            mock.patch.object(Workplace, "vhost", self.lab.vhost),
            mock.patch.object(lab_life.time, "monotonic", side_effect=lambda: self.lab.now_s),
            mock.patch.object(lab, "fill_cache"),
            mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.path / "cache")}),
        ):
            self.enterContext(patcher)

    def test_figures_share_their_rounds(self) -> None:
        taken = {
            measurement.name: measurement
            for figure in (lab_life.cold, lab_life.warm, lab_life.reset)
            for measurement in figure(self.setting)
        }
        cold, warm = taken["cold lab up"], taken["warm lab up"]
        self.assertEqual((200.0, 200.0), cold.samples)
        self.assertEqual((200.0, 480.0, True), (cold.value, cold.limit, cold.met))
        self.assertEqual((20.0, 0.1, 30.0), (warm.value, warm.ratio, warm.limit))
        self.assertEqual(0.05, taken["lab reset"].ratio)
        self.assertEqual(5.0, taken["lab down"].value)
        self.assertEqual(2, len([words for words in self.lab.commands if "--topology" in words]))

    def test_stages(self) -> None:
        stage = next(m for m in lab_life.cold(self.setting) if m.name == "cold lab up: host")
        self.assertEqual((99.0, 200.0), (stage.value, stage.baseline_value))
        self.assertEqual("the whole; from 1 s", stage.baseline)

    def test_the_first_has_all_but_what_is_to_be_made(self) -> None:
        own = self.path / "cache"
        for kind in ("vhost/image", "vhost/schema", "vhost/environment", "vhost/bench", "pip"):
            (own / kind).mkdir(parents=True)
        first, *_ = lab_life.first(self.setting)
        self.assertEqual({"image"}, self.lab.content)
        self.assertTrue(self.lab.pip)
        self.assertEqual((200.0, 1.0), (first.value, first.ratio))
        self.assertFalse(self.lab.exists)
        self.assertFalse(self.lab.caches[0].exists())
        self.assertTrue((own / "vhost/image").is_dir())

    def test_a_lab_in_a_cache_that_goes_is_destroyed(self) -> None:
        (self.path / "cache/vhost").mkdir(parents=True)
        self.lab.fails_uncached = True
        with self.assertRaises(CommandError):
            list(lab_life.first(self.setting))
        self.assertFalse(self.lab.exists)
        self.assertFalse(self.lab.caches[0].exists())


class FakeCloud:
    """A cloud whose guests take as long as their flavor's id says."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self.now_s = 0.0
        self.fails = False

    def clock(self) -> float:
        return self.now_s

    def flavors(self) -> dict[str, str]:
        return {"vhost.numa": "2", "vhost.pci": "6"}

    def images(self) -> dict[str, str]:
        return {contents.IMAGE: "image"}

    def create_server(self, name: str, *, flavor: str, image: str) -> Server:
        self.left.append(flavor)
        return Server(flavor, name, "BUILD", None, "", "")

    def wait_for_server(self, uuid: str, limit_s: float) -> None:
        if self.fails:
            raise CloudError("it is not active")
        self.now_s += float(uuid)

    def delete_server(self, uuid: str, limit_s: float) -> None:
        self.now_s += 100
        self.left.remove(uuid)

    def await_report(self, cloud: object, uuid: str) -> None:
        self.now_s += 2 * float(uuid)


class GuestsTest(DirectoryCase):
    def setUp(self) -> None:
        super().setUp()
        self.cloud = FakeCloud()

        @contextmanager
        def opened(settings: Settings) -> Iterator[FakeCloud]:
            yield self.cloud

        @contextmanager
        def up(setting: Setting) -> Iterator[Settings]:
            yield lab_settings.settings()

        for patcher in (
            mock.patch.object(lab_guests.Cloud, "open", opened),
            mock.patch.object(lab_guests.lab, "up", up),
            mock.patch.object(lab_guests.smoke_guest, "await_report", self.cloud.await_report),
            mock.patch.object(
                lab_guests.time, "perf_counter", side_effect=lambda: self.cloud.now_s
            ),
        ):
            self.enterContext(patcher)

    def test_ratios(self) -> None:
        active, report, first = lab_guests.measure(self.setting)
        self.assertEqual(((6.0, 6.0), (2.0, 2.0)), (active.samples, active.baseline_samples))
        self.assertEqual((18.0, 6.0), (report.value, report.baseline_value))
        self.assertEqual((2.0, 1.0), (first.value, first.ratio))
        self.assertEqual([], self.cloud.left)

    def test_one_that_fails_is_deleted(self) -> None:
        self.cloud.fails = True
        with self.assertRaises(CloudError):
            list(lab_guests.measure(self.setting))
        self.assertEqual([], self.cloud.left)

    def test_a_topology_without_nics(self) -> None:
        with self.assertRaisesRegex(InputError, "NICs"):
            lab_guests.boot(self.cloud, "vhost.huge")  # type: ignore[arg-type]

    def test_times_are_from_the_request(self) -> None:
        self.assertEqual(Boot(2.0, 6.0), lab_guests.boot(self.cloud, "vhost.numa"))  # type: ignore[arg-type]


class SizeTest(DirectoryCase):
    def test_parts(self) -> None:
        marked = {orphan_processes.MARK: os.path.realpath(self.place.lab(lab.NAME))}
        state = dict([self.place.mark])
        for variables, expected in (
            ({**marked, "SUPERVISOR_PROCESS_NAME": "keystone"}, "keystone"),
            (marked, "supervisor"),
            (state, "vhost commands"),
            ({orphan_processes.MARK: "/labs/another"}, None),
            ({"XDG_STATE_HOME": "/home/me"}, None),
            ({}, None),
        ):
            with self.subTest(variables=variables):
                self.assertEqual(expected, lab_size.part(variables, self.place))

    def test_all_but_the_host_is_beside_it(self) -> None:
        mib = {1: 900.0, 2: 100.0, 3: 30.0, 4: 7.0}
        service = {
            orphan_processes.MARK: str(self.place.lab(lab.NAME)),
            "SUPERVISOR_PROCESS_NAME": "glance",
        }
        found = {1: service, 2: service, 3: service, 4: dict([self.place.mark]), 5: {}}
        with (
            mock.patch.object(lab_size.orphan_processes, "find", return_value=[1]),
            mock.patch.object(
                lab_size.machine, "others", return_value=[SimpleNamespace(pid=pid) for pid in found]
            ),
            mock.patch.object(lab_size.machine, "variables", lambda process: found[process.pid]),
            mock.patch.object(
                processes, "proportional_mib", lambda pids: sum(mib[pid] for pid in pids)
            ),
        ):
            taken = lab_size._memory_mib(self.place)
        self.assertEqual(137.0, taken.pop("everything beside the host"))
        self.assertEqual({"the host's QEMU": 900.0, "glance": 130.0, "vhost commands": 7.0}, taken)

    def test_peaks(self) -> None:
        peaks = {"the host's QEMU": 2000.0, "everything beside the host": 3072.5, "glance": 100.0}
        beside, glance, compute = lab_size._peaks(peaks, Usage(150.0, 200.0, 1.0))
        self.assertEqual((3072.5, False), (beside.value, beside.met))
        self.assertEqual((0.05, None), (glance.ratio, glance.met))
        self.assertEqual((200.0, 0.1), (compute.value, compute.ratio))

    def test_idle_cpu_is_of_the_time_between(self) -> None:
        idle = lab_size._between((10.0, Usage(1, 1, 5.0)), (30.0, Usage(3, 3, 7.0)))
        self.assertEqual(Idle(3, 10.0), idle)

    def test_idle_figures(self) -> None:
        idle = {"the host's QEMU": Idle(2000, 50.0), "glance": Idle(100, 1.0)}
        memory, cpu = lab_size._idles([idle, idle])
        self.assertEqual(("idle memory, glance", 0.05), (memory.name, memory.ratio))
        self.assertEqual(("idle CPU, glance", (1.0, 1.0)), (cpu.name, cpu.samples))


class TestsTest(unittest.TestCase):
    def test_share_of_the_harness(self) -> None:
        found = lab_tests.shares([(10.0, 300.0), (14.0, 310.0), (12.0, 290.0)])
        self.assertEqual(
            (12.0, 300.0, 0.04, True), (found.value, found.baseline_value, found.ratio, found.met)
        )
        self.assertFalse(lab_tests.shares([(20.0, 300.0)]).met)

    def test_what_a_run_left(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            outcomes = [
                {"elapsed_s": 40.0, "record": {"own_s": 2.0}},
                {"elapsed_s": 30.0, "record": {"own_s": 1.0}},
                {"elapsed_s": 100.0, "record": None},
            ]
            (Path(directory) / "tests.json").write_text(json.dumps({"outcomes": outcomes}))
            self.assertEqual((3.0, 70.0), lab_tests._run(Path(directory)))
        with self.assertRaises(VhostError):
            lab_tests._run(Path(directory))
