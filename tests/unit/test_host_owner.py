# SPDX-License-Identifier: Apache-2.0
"""Nobody touches the host of another, and nobody takes its name."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock
from uuid import UUID

from vhost_tempest_plugin.cli import describe
from vhost_tempest_plugin.devstack import lifecycle as stack_lifecycle
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.devstack.spec import DevstackSpec
from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.host import hotplug, jobs, lifecycle, owner, ownership, rewire, status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.owner import USER, HostOwner, OwnerKind
from vhost_tempest_plugin.host.record import HostRecord, Phase
from vhost_tempest_plugin.host.spec import HostSpec
from vhost_tempest_plugin.host.worker_protocol import Destroy, Request
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab import lifecycle as lab_lifecycle
from vhost_tempest_plugin.lab.hosts import snapshot
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.spec import LabSpec
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util.progress import silent

LAB = owner.lab("lab")
NIC = PciAddress.parse("0000:b5:00.0")
LAYOUT = catalog.find("small")


class StateTest(unittest.TestCase):
    """A state directory in which records are written, and workers only note what they are asked."""

    def setUp(self) -> None:
        state = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(
            mock.patch.dict(os.environ, {"XDG_STATE_HOME": state, "XDG_CACHE_HOME": state})
        )
        self.state = Path(state)
        self.asked: list[Request] = []
        self.enterContext(mock.patch.object(jobs, "run", self.note))
        self.news: list[str] = []

    def note(self, request: Request, *others: object) -> None:
        self.asked.append(request)

    def host(self, name: str, whose: HostOwner = USER) -> HostDirectory:
        directory = HostDirectory.of(name)
        directory.write(HostRecord(name, UUID(int=1), "small", Accelerator.TCG, "", owner=whose))
        return directory

    def damaged(self, name: str) -> HostDirectory:
        directory = self.host(name)
        (directory.path / "record.json").write_text("{")
        return directory

    def stack_spec(self, name: str) -> DevstackSpec:
        configuration = self.state / "nova-cpu.conf"
        configuration.write_text("[DEFAULT]\n")
        return DevstackSpec(
            name, "small", 2, self.state / "nova.conf", configuration, self.state / "venv"
        )


class ValueTest(StateTest):
    def test_its_text(self) -> None:
        for each in (USER, LAB, owner.devstack("vhost-a")):
            with self.subTest(each):
                self.assertEqual(each, HostOwner.parse(str(each)))
        self.assertEqual(("user", "lab lab"), (str(USER), str(LAB)))
        with self.assertRaises(ValueError):
            HostOwner.parse("cloud a")

    def test_where_its_files_are(self) -> None:
        self.assertIsNone(USER.directory)
        self.assertEqual(LabDirectory.of("lab").path, LabDirectory.of("lab").owner.directory)
        self.assertEqual(StackDirectory.of("a").path, StackDirectory.of("a").owner.directory)

    def test_it_is_recorded_and_shown(self) -> None:
        self.host("lab-0", LAB)
        self.host("one")
        shown = [dict(zip(describe.HOST_COLUMNS, row, strict=True)) for row in self.rows()]
        self.assertEqual(["lab lab", "user"], [row["owner"] for row in shown])

    def test_one_with_a_damaged_record_has_none_that_is_shown(self) -> None:
        self.damaged("one")
        (row,) = self.rows()
        self.assertEqual(len(describe.HOST_COLUMNS), len(row))
        self.assertEqual("", dict(zip(describe.HOST_COLUMNS, row, strict=True))["owner"])

    def test_names_of_hosts_are_claimed_while_there_is_something_of_a_lab(self) -> None:
        LabDirectory.of("lab").path.mkdir(parents=True)
        StackDirectory.of("a").path.mkdir(parents=True)
        self.assertEqual((LAB,), owner.claimants("lab-0"))
        self.assertEqual((owner.devstack("a"),), owner.claimants("a-12"))
        for free in ("lab", "lab-", "lab-x", "b-0", "lab-0-0", "-0"):
            with self.subTest(free):
                self.assertEqual((), owner.claimants(free))

    def rows(self) -> list[tuple[object, ...]]:
        return [describe.host_row(found) for found in status.overview()]


class ByHandTest(StateTest):
    """What a user does to a lab's host by hand."""

    def setUp(self) -> None:
        super().setUp()
        LabDirectory.of("lab").path.mkdir(parents=True)
        self.directory = self.host("lab-0", LAB)
        self.kept = self.directory.read()

    def test_its_life_is_the_labs(self) -> None:
        for act in (lifecycle.down, lifecycle.save, lifecycle.restore, lifecycle.destroy):
            with (
                self.subTest(act.__name__),
                self.assertRaisesRegex(InputError, "vhost lab destroy --name lab'") as caught,
            ):
                act("lab-0", silent)
            self.assertEqual("host 'lab-0' belongs to lab 'lab'", caught.exception.fact)
            self.assertEqual(self.kept, self.directory.read())

    def test_it_is_not_taken_for_another(self) -> None:
        with self.assertRaisesRegex(InputError, "belongs to lab 'lab'"):
            lifecycle.up(HostSpec(LAYOUT, "lab-0", Accelerator.TCG), silent)
        self.assertEqual(self.kept, self.directory.read())

    def test_a_name_that_is_a_labs(self) -> None:
        with self.assertRaisesRegex(InputError, "hosts called 'lab-3' belong to lab 'lab'"):
            lifecycle.up(HostSpec(LAYOUT, "lab-3", Accelerator.TCG), silent)
        self.assertFalse(HostDirectory.of("lab-3").exists)

    def test_one_whose_record_is_damaged_is_the_labs(self) -> None:
        self.damaged("lab-0")
        with self.assertRaisesRegex(InputError, "belongs to lab 'lab'"):
            lifecycle.destroy("lab-0", silent)
        with self.assertRaisesRegex(HostError, "run 'vhost lab down --name lab'"):
            self.directory.read()

    def test_one_whose_record_is_damaged_and_that_has_nobodys_name_is_the_users(self) -> None:
        directory = self.damaged("two")
        with self.assertRaisesRegex(HostError, "run 'vhost destroy two'"):
            directory.read()
        lifecycle.destroy("two", silent)
        self.assertFalse(directory.exists)

    def test_devices_may_be_pulled(self) -> None:
        with (
            mock.patch.object(status, "intended", return_value=LAYOUT),
            mock.patch.object(hotplug.Connection, "open") as opened,
        ):
            opened.return_value.__enter__.return_value.find.return_value = None
            address = LAYOUT.devices[0].address
            for act in (hotplug.plug, hotplug.unplug):
                with self.assertRaisesRegex(InputError, "does not run"):
                    act("lab-0", address, silent)
                with self.assertRaisesRegex(InputError, "belongs to lab 'lab'"):
                    act("lab-0", address, silent, owner=owner.lab("other"))

    def test_its_directory_half_made_is_nobodys(self) -> None:
        HostDirectory.of("x-0").path.mkdir()
        self.assertIsNone(ownership.owner("x-0"))
        lifecycle.destroy("x-0", silent)
        self.assertFalse(HostDirectory.of("x-0").exists)


class OfTheUserTest(StateTest):
    """What a lab or a devstack does where a user has a host of that name."""

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(mock.patch.object(lab_lifecycle.preflight, "require"))
        self.enterContext(mock.patch.object(lab_lifecycle.preflight, "require_places"))
        for module, name in (
            (lab_lifecycle.environment, "obtain"),
            (lab_lifecycle.nested_guest, "build"),
            (lab_lifecycle.schema, "obtain"),
            (lab_lifecycle.snapshot, "digest"),
        ):
            self.enterContext(mock.patch.object(module, name, side_effect=HostError("too far")))
        self.enterContext(mock.patch.object(Supervision, "shutdown"))

    def test_a_lab_does_not_come_up(self) -> None:
        for name in ("lab-0", "lab-1"):
            directory = self.host(name)
            with self.subTest(name), self.assertRaises(InputError) as caught:
                lab_lifecycle.up(LabSpec("lab", hosts=2), silent)
            self.assertEqual(
                f"host {name!r} belongs to you; give the lab another --name, or "
                f"'vhost destroy {name}' first",
                str(caught.exception),
            )
            self.assertFalse(LabDirectory.of("lab").exists)
            directory.remove()
        self.assertEqual([], self.asked)

    def test_a_host_beyond_the_labs_does_not_matter(self) -> None:
        self.host("lab-2")
        with self.assertRaisesRegex(HostError, "too far"):
            lab_lifecycle.up(LabSpec("lab", hosts=2), silent)

    def test_a_lab_does_not_come_up_where_it_cannot_know(self) -> None:
        directory = self.damaged("lab-0")
        with self.assertRaisesRegex(InputError, "not known whose it is.*'vhost destroy lab-0'"):
            lab_lifecycle.up(LabSpec("lab"), silent)
        self.assertTrue(directory.exists)
        lifecycle.destroy("lab-0", silent)

    def test_nor_does_a_devstack(self) -> None:
        self.host("vhost-1")
        with self.assertRaisesRegex(InputError, "'vhost-1' belongs to you; set another VHOST_NAME"):
            stack_lifecycle.up(self.stack_spec("vhost"), silent)
        self.assertFalse(StackDirectory.of("vhost").exists)
        self.assertEqual([], self.asked)

    def test_a_devstack_is_refused_before_anything_is_installed(self) -> None:
        stack_lifecycle.require_names("vhost", 2)
        self.host("vhost-1")
        with self.assertRaisesRegex(InputError, "'vhost-1' belongs to you; set another VHOST_NAME"):
            stack_lifecycle.require_names("vhost", 2)
        self.assertFalse(StackDirectory.of("vhost").exists)

    def test_a_devstack_of_a_labs_name_and_a_lab_of_a_devstacks(self) -> None:
        LabDirectory.of("a").path.mkdir(parents=True)
        StackDirectory.of("b").path.mkdir(parents=True)
        with self.assertRaisesRegex(InputError, "belong to lab 'a'; set another VHOST_NAME"):
            stack_lifecycle.up(self.stack_spec("a"), silent)
        with self.assertRaisesRegex(InputError, "'b-0' belong to devstack 'b'; give the lab"):
            lab_lifecycle.up(LabSpec("b"), silent)
        self.assertFalse(LabDirectory.of("b").exists)
        self.assertFalse(StackDirectory.of("a").exists)

    def test_a_lab_whose_record_is_damaged_has_only_its_own_hosts(self) -> None:
        lab = LabDirectory.of("lab")
        lab.path.mkdir(parents=True)
        (lab.path / "record.json").write_text("{")
        self.host("lab-0", LAB)
        kept = [
            self.host("lab-1"),
            self.host("lab-2", owner.devstack("lab")),
            self.damaged("lab-3"),
        ]
        lab_lifecycle.destroy("lab", self.news.append)
        self.assertEqual([Destroy("lab-0", LAB)], self.asked)
        self.assertTrue(all(directory.exists for directory in kept))
        self.assertIn("'vhost destroy lab-3' removes it", "\n".join(self.news))
        self.assertFalse(lab.exists)

    def test_a_devstack_whose_record_is_damaged_likewise(self) -> None:
        stack = StackDirectory.of("lab")
        stack.path.mkdir(parents=True)
        (stack.path / "record.json").write_text("{")
        self.host("lab-0", stack.owner)
        self.host("lab-1")
        stack_lifecycle.destroy("lab", self.news.append)
        self.assertEqual([Destroy("lab-0", stack.owner)], self.asked)

    def test_what_is_to_be_removed_and_is_anothers_stays(self) -> None:
        self.host("lab-0")
        jobs.destroy("lab-0", LAB, self.news.append)
        self.assertEqual(["host 'lab-0' belongs to you and stays"], self.news)
        for absent in ("lab-1", "Lab-0", "a" * 41, "../lab-0"):
            jobs.destroy(absent, LAB, self.news.append)
        self.assertEqual([], self.asked)

    def test_a_labs_own_host_whose_record_is_damaged_is_removed(self) -> None:
        LabDirectory.of("lab").path.mkdir(parents=True)
        self.damaged("lab-0")
        jobs.destroy("lab-0", LAB, silent)
        self.assertEqual([Destroy("lab-0", LAB)], self.asked)

    def test_nothing_else_is_done_to_it(self) -> None:
        kept = self.host("lab-0")
        before = kept.read()
        lab = LabDirectory.of("lab")
        (lab.snapshot / "hosts/lab-0").mkdir(parents=True)
        for act in (
            lambda: jobs.power_off("lab-0", LAB),
            lambda: rewire.rewire("lab-0", LAB, LAYOUT, silent),
            lambda: snapshot.put_back_host(lab, "lab-0"),
            lambda: hotplug.plug("lab-0", NIC, silent, owner=LAB),
            lambda: lifecycle.up(HostSpec(LAYOUT, "lab-0", owner=LAB), silent),
            *(
                lambda act=act: act("lab-0", silent, owner=LAB)
                for act in (lifecycle.down, lifecycle.save, lifecycle.restore, lifecycle.destroy)
            ),
        ):
            with (
                mock.patch.object(hotplug, "_device", return_value=None),
                self.assertRaisesRegex(InputError, "'lab-0' belongs to you"),
            ):
                act()
        self.assertEqual((before, Phase.PREPARING), (kept.read(), before.phase))


class NamesTest(StateTest):
    """A lab's or a devstack's name leaves room for the names of its hosts."""

    def test_every_legal_length(self) -> None:
        for length in range(1, owner.LONGEST_CHARS + 1):
            name = "a" * length
            for directory in (LabDirectory.of(name), StackDirectory.of(name)):
                for host in directory.owner.host_names(owner.MOST_HOSTS):
                    self.assertEqual(host, HostDirectory.of(host).name)

    def test_longer_ones_are_refused_at_once(self) -> None:
        self.assertEqual(38, owner.LONGEST_CHARS)
        for length in (39, 40, 41):
            name = "a" * length
            for act in (
                lambda name=name: lab_lifecycle.up(LabSpec(name), silent),
                lambda name=name: lab_lifecycle.destroy(name, silent),
                lambda name=name: stack_lifecycle.up(self.stack_spec(name), silent),
                lambda name=name: stack_lifecycle.destroy(name, silent, missing_ok=True),
            ):
                with self.assertRaisesRegex(InputError, "use at most 38 small letters"):
                    act()
        self.assertFalse((self.state / "vhost").exists())

    def test_such_a_place_is_no_lab(self) -> None:
        (self.state / "vhost/labs" / ("a" * 39)).mkdir(parents=True)
        self.assertEqual([], LabDirectory.all())


class KindTest(unittest.TestCase):
    def test_every_kind_can_be_removed_and_named(self) -> None:
        for kind in OwnerKind:
            whose = HostOwner(kind, "a")
            self.assertTrue(whose.words)
            self.assertIn("destroy", whose.removal("a-0").argv)
