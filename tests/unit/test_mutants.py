# SPDX-License-Identifier: Apache-2.0
"""Mutants, their fates, and the copy of Nova that they are made in."""

import json
import re
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.lab.environment import mutant_tree as copies
from vhost_tempest_plugin.lab.mutation import trial
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabRecord
from vhost_tempest_plugin.mutation import (
    Edit,
    HostMutant,
    NovaMutant,
    catalogue,
    hosts,
    mutated,
)
from vhost_tempest_plugin.report.results.mutation import (
    Fate,
    MutantResult,
    Mutation,
    mutant_results,
    write,
)
from vhost_tempest_plugin.scenario import required_tests
from vhost_tempest_plugin.topology import catalog


class EditTest(unittest.TestCase):
    def test_it_is_applied(self) -> None:
        self.assertEqual("a x c", Edit("f", "b", "x").applied("a b c"))

    def test_words_that_are_not_there_or_twice(self) -> None:
        for text in ("a c", "b b"):
            with self.subTest(text=text), self.assertRaisesRegex(InputError, "not once"):
                Edit("f", "b", "x").applied(text)

    def test_a_file_that_is_not_there(self) -> None:
        with self.assertRaisesRegex(InputError, "there is no f"):
            mutated({}, [Edit("f", "b", "x")])

    def test_several_are_made_one_after_the_other(self) -> None:
        edits = [Edit("f", "a", "b"), Edit("f", "b", "c"), Edit("g", "a", "x")]
        texts = {"f": "a", "g": "a", "h": "a"}
        self.assertEqual({"f": "c", "g": "x"}, mutated(texts, edits))

    def test_one_that_changes_nothing(self) -> None:
        for old, new in (("", "x"), ("a", "a")):
            with self.subTest(old=old), self.assertRaises(ValueError):
                Edit("f", old, new)


class CatalogueTest(unittest.TestCase):
    def test_names_are_said_once_and_sort(self) -> None:
        names = [mutant.name for mutant in catalogue.load()]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name) for name in names))

    def test_bugs_say_their_number(self) -> None:
        for mutant in catalogue.load():
            if mutant.name.startswith("bug-"):
                with self.subTest(mutant=mutant.name):
                    self.assertTrue(mutant.reference.endswith(mutant.name.removeprefix("bug-")))

    def test_those_that_match(self) -> None:
        (found,) = catalogue.chosen("^numatune-left")
        self.assertEqual("numatune-left-out", found.name)
        for pattern in ("no such", "("):
            with self.subTest(pattern=pattern), self.assertRaises(InputError):
                catalogue.chosen(pattern)

    def test_there_are_tests_for_each(self) -> None:
        layouts = tuple(catalog.find(name) for name in ("article", "lopsided"))
        tests = [entry.full_name for entry in required_tests.entries(TestEnvironment(layouts))]
        for mutant in catalogue.load():
            with self.subTest(mutant=mutant.name):
                self.assertTrue([t for t in tests if re.search(mutant.tests, t)], mutant.tests)

    def test_what_shows_on_no_host_without_threads_is_not_tried_there(self) -> None:
        (mutant,) = catalogue.chosen("^bug-1889633$")
        assert isinstance(mutant, NovaMutant)
        small, smt = (TestEnvironment((catalog.find(name),)) for name in ("small", "smt"))
        self.assertEqual(
            ("needs 2 threads a core, has 1",), requirement.unmet(mutant.requires, small)
        )
        self.assertEqual((), requirement.unmet(mutant.requires, smt))

    def test_hosts_can_be_made(self) -> None:
        for name in ("article", "small", "lopsided", "sockets", "smt", "wide"):
            layout = catalog.find(name)
            for mutant in hosts.mutants():
                with self.subTest(topology=name, mutant=mutant.name):
                    if mutant.hardware:
                        self.assertNotEqual(layout.host, mutant.hardware(layout).host)
                    elif mutant.script:
                        self.assertIn("numa_node", mutant.script(layout))
                    elif mutant.companion:
                        self.assertIn(mutant.companion(layout), layout.devices)

    def test_a_mutant_that_is_none(self) -> None:
        with self.assertRaises(ValueError):
            NovaMutant("a-b", "", ())
        with self.assertRaises(ValueError):
            HostMutant("a-b", "")

    def test_the_services_concerned(self) -> None:
        def of(*paths: str) -> set[Service]:
            edits = tuple(Edit(path, "a", "b") for path in paths)
            return trial.services(NovaMutant("a-b", "", edits))

        self.assertEqual({Service.NOVA_COMPUTE}, of("nova/virt/libvirt/driver.py"))
        self.assertEqual(
            {Service.NOVA_API, Service.NOVA_COMPUTE},
            of("nova/pci/manager.py", "nova/compute/api.py"),
        )
        self.assertEqual(4, len(of("nova/virt/hardware.py")))


class FateTest(unittest.TestCase):
    def test_all(self) -> None:
        for ran, failed, unfit, fate, killers in (
            (["a", "b"], ["b"], [], Fate.KILLED, ("b",)),
            (["a", "b"], [], [], Fate.SURVIVED, ()),
            ([], [], [], Fate.UNSEEN, ()),
            (["a"], ["a"], ["a"], Fate.UNSEEN, ()),
            (["a", "b"], ["a"], ["a"], Fate.SURVIVED, ()),
            ([], ["setUpClass (a)"], [], Fate.KILLED, ("setUpClass (a)",)),
        ):
            with self.subTest(ran=ran, failed=failed, unfit=unfit):
                self.assertEqual((fate, killers), mutant_results(ran, failed, unfit))

    def test_the_report(self) -> None:
        trials = (
            MutantResult("a-b", "breaks a", "https://x/1", Fate.KILLED, ("m.C.test_x",), 2, 3.0),
            MutantResult("c-d", "breaks <c>", "", Fate.SURVIVED, (), 1, 4.0),
            MutantResult("e-f", "breaks e", "", Fate.STILLBORN, (), 0, 4.0, "it does not import"),
        )
        mutation = Mutation("Mutants", trials, ("m.C.test_y",), 11.0)
        self.assertEqual("1 killed, 1 survived, 1 does not start", mutation.summary)
        self.assertFalse(mutation.is_good)
        self.assertTrue(Mutation("Mutants", trials[:1], (), 3.0).is_good)
        self.assertFalse(Mutation("Mutants", trials[2:], (), 3.0).is_good)
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "new", "a-b").mkdir(parents=True)
            Path(directory, "new", "a-b", "index.html").write_text("<html>")
            index = write(mutation, Path(directory, "new"))
            page = index.with_name("mutants.html").read_text()
            said = json.loads(Path(directory, "new", "mutants.json").read_text())
        for words in ("C.test_x", "m.C.test_y", "breaks &lt;c&gt;", "https://x/1", "not import"):
            self.assertIn(words, page)
        self.assertIn('href="a-b/index.html"', page)
        self.assertNotIn('href="c-d/index.html"', page)
        self.assertEqual("killed", said["trials"][0]["fate"])


class CopyTest(unittest.TestCase):
    def setUp(self) -> None:
        path = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = path / "source"
        (self.source / "nova/pci").mkdir(parents=True)
        (self.source / "nova/__init__.py").touch()
        (self.source / "setup.cfg").write_text("[metadata]\nname = nova\n")
        self.file = self.source / "nova/pci/stats.py"
        self.file.write_text("x = 1\n")
        self.lab = cast(LabDirectory, SimpleNamespace(path=path / "lab"))
        self.record = self.of(self.source)

    def of(self, nova: Path | None) -> LabRecord:
        return cast(LabRecord, SimpleNamespace(name="lab", nova=nova))

    def test_a_copy_is_edited_and_is_as_it_was(self) -> None:
        copy = copies.make(self.lab, self.record, cast(Any, None))
        edited = copy / "nova/pci/stats.py"
        mutant = NovaMutant("a-b", "", (Edit("nova/pci/stats.py", "1", "2"),))
        with self.assertRaises(KeyError), copies.applied(mutant, copy):
            self.assertEqual("x = 2\n", edited.read_text())
            raise KeyError
        self.assertEqual("x = 1\n", edited.read_text())
        self.assertEqual("x = 1\n", self.file.read_text())

    def test_one_that_does_not_fit_changes_nothing(self) -> None:
        copy = copies.make(self.lab, self.record, cast(Any, None))
        edits = (Edit("nova/pci/stats.py", "1", "2"), Edit("nova/pci/stats.py", "1", "3"))
        with (
            self.assertRaises(InputError),
            copies.applied(NovaMutant("a-b", "", edits), copy),
        ):
            self.fail("it is applied")
        self.assertEqual("x = 1\n", (copy / "nova/pci/stats.py").read_text())

    def test_what_the_lab_had_is_known_afterwards(self) -> None:
        self.assertEqual(self.source, copies.before(self.lab, self.record))
        copy = copies.make(self.lab, self.record, cast(Any, None))
        mutant = self.of(copy)
        self.assertTrue(copies.is_mutated(self.lab, mutant))
        self.assertEqual(self.source, copies.before(self.lab, mutant))
        (self.lab.path / "mutants/before.json").unlink()
        with self.assertRaisesRegex(HostError, "--release-nova"):
            copies.before(self.lab, mutant)
