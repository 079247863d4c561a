# SPDX-License-Identifier: Apache-2.0
import dataclasses
import tempfile
import unittest
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host import acceleration, kvm_probe
from vhost_tempest_plugin.host.acceleration import AccelerationInputs, Device, choose, decide
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator

SEEN = AccelerationInputs(
    qemu="/usr/bin/qemu-system-x86_64",
    qemu_version="QEMU emulator version 10.0.2",
    qemu_changed_ns=1,
    kernel="6.1.0-28-amd64",
    user=1000,
    groups=(1000,),
    device=Device(owner=0, group=106, mode=0o660, usable=True),
    nested=(("kvm_intel", "Y"),),
    cpu_flag="vmx",
)


class Guest:
    """A probe with a known outcome that counts how often it is run."""

    def __init__(self, outcome: kvm_probe.ProbeOutcome) -> None:
        self.outcome = outcome
        self.runs = 0

    def __call__(
        self, qemu: Path, accelerator: Accelerator, limit_s: float
    ) -> kvm_probe.ProbeOutcome:
        self.runs += 1
        return self.outcome


WORKS = kvm_probe.ProbeOutcome(True)


class DecideTest(unittest.TestCase):
    def decide(
        self, outcome: kvm_probe.ProbeOutcome = WORKS, **changes: object
    ) -> acceleration.AccelerationVerdict:
        self.guest = Guest(outcome)
        return decide(dataclasses.replace(SEEN, **changes), self.guest)

    def test_kvm_that_runs_a_guest(self) -> None:
        verdict = self.decide()
        self.assertEqual(Accelerator.KVM, verdict.accelerator)
        self.assertTrue(verdict.nested)
        self.assertEqual("", verdict.hint)
        self.assertEqual(1, self.guest.runs)

    def test_kvm_that_opens_but_runs_nothing(self) -> None:
        verdict = self.decide(kvm_probe.ProbeOutcome(False, "KVM internal error"))
        self.assertEqual(Accelerator.TCG, verdict.accelerator)
        self.assertIn("opens, but a guest does not run on it: KVM internal error", verdict.reason)
        self.assertIn("dmesg", verdict.hint)

    def test_nested_off_still_uses_kvm_and_says_so(self) -> None:
        for module, value in (("kvm_intel", "N"), ("kvm_amd", "0")):
            with self.subTest(module):
                verdict = self.decide(nested=((module, value),))
                self.assertEqual(Accelerator.KVM, verdict.accelerator)
                self.assertFalse(verdict.nested)
                self.assertIn(f"nested virtualization is off ({module})", verdict.reason)
                self.assertIn(f"modprobe {module} nested=1", verdict.hint)

    def test_without_permission_no_guest_is_run(self) -> None:
        verdict = self.decide(device=Device(0, 106, 0o660, usable=False))
        self.assertEqual(Accelerator.TCG, verdict.accelerator)
        self.assertIn("uid 1000) may not open /dev/kvm (mode 0660, uid 0, gid 106)", verdict.reason)
        self.assertIn("usermod -aG", verdict.hint)
        self.assertEqual(0, self.guest.runs)

    def test_a_device_of_root_alone_has_another_remedy(self) -> None:
        verdict = self.decide(device=Device(0, 0, 0o600, usable=False))
        self.assertIn("chmod 660 /dev/kvm", verdict.hint)

    def test_module_not_loaded(self) -> None:
        for flag, module in (("vmx", "kvm_intel"), ("svm", "kvm_amd")):
            with self.subTest(flag):
                verdict = self.decide(device=None, nested=(), cpu_flag=flag)
                self.assertEqual(Accelerator.TCG, verdict.accelerator)
                self.assertIn(f"the CPU has {flag}: {module} is not loaded", verdict.reason)
                self.assertIn(f"modprobe {module}", verdict.hint)

    def test_no_virtualization_in_the_cpu(self) -> None:
        verdict = self.decide(device=None, nested=(), cpu_flag=None)
        self.assertIn("neither vmx nor svm", verdict.reason)
        self.assertIn("firmware", verdict.hint)

    def test_every_reason_is_a_line_of_its_own(self) -> None:
        verdicts = [
            self.decide(),
            self.decide(kvm_probe.ProbeOutcome(False, "x")),
            self.decide(nested=(("kvm_intel", "N"),)),
            self.decide(device=Device(0, 106, 0o660, usable=False)),
            self.decide(device=None),
            self.decide(device=None, cpu_flag=None),
        ]
        self.assertEqual(len(verdicts), len({verdict.reason for verdict in verdicts}))


class ChooseTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.cache = Path(directory.name)

    def test_the_answer_is_remembered(self) -> None:
        guest = Guest(WORKS)
        first = choose(seen=SEEN, probe_guest=guest, cache=self.cache)
        second = choose(seen=SEEN, probe_guest=guest, cache=self.cache)
        self.assertEqual(first, second)
        self.assertEqual(1, guest.runs)

    def test_a_change_of_any_circumstance_asks_again(self) -> None:
        changes = {
            "qemu": "/opt/qemu",
            "qemu_version": "QEMU emulator version 10.1",
            "qemu_changed_ns": 2,
            "kernel": "6.1.0-29-amd64",
            "user": 0,
            "groups": (106,),
            "device": Device(0, 106, 0o666, usable=True),
            "nested": (("kvm_intel", "N"),),
            "cpu_flag": None,
        }
        self.assertEqual({field.name for field in dataclasses.fields(SEEN)}, set(changes))
        guest = Guest(WORKS)
        choose(seen=SEEN, probe_guest=guest, cache=self.cache)
        for name, value in changes.items():
            with self.subTest(name):
                before = guest.runs
                choose(
                    seen=dataclasses.replace(SEEN, **{name: value}),
                    probe_guest=guest,
                    cache=self.cache,
                )
                self.assertEqual(before + 1, guest.runs)

    def test_a_broken_cache_is_as_good_as_none(self) -> None:
        guest = Guest(WORKS)
        choose(seen=SEEN, probe_guest=guest, cache=self.cache)
        for text in ("", "{", "[]", '{"accelerator": "magic"}'):
            with self.subTest(text):
                for file in self.cache.rglob("*.json"):
                    file.write_text(text)
                verdict = choose(seen=SEEN, probe_guest=guest, cache=self.cache)
                self.assertEqual(Accelerator.KVM, verdict.accelerator)
        self.assertEqual(5, guest.runs)

    def test_a_cache_that_cannot_be_written_is_only_a_cache(self) -> None:
        place = Path("/proc/vhost")
        with self.assertLogs("vhost_tempest_plugin.util.cache", "WARNING") as logs:
            for _ in range(2):
                verdict = choose(seen=SEEN, probe_guest=Guest(WORKS), cache=place)
                self.assertEqual(Accelerator.KVM, verdict.accelerator)
        (said,) = logs.output
        self.assertRegex(said, "the cache /proc/vhost cannot be written .*; going on without it")

    def test_a_guest_that_ran_out_of_time_is_asked_again(self) -> None:
        late = kvm_probe.ProbeOutcome.unfinished(15, "")
        slow, well = Guest(late), Guest(WORKS)
        first = choose(seen=SEEN, probe_guest=slow, cache=self.cache)
        self.assertEqual(Accelerator.TCG, first.accelerator)
        self.assertIn("did not end within 15 s", first.reason)
        second = choose(seen=SEEN, probe_guest=well, cache=self.cache)
        self.assertEqual((Accelerator.KVM, 1), (second.accelerator, well.runs))

    def test_emulation_on_request_runs_no_guest(self) -> None:
        guest = Guest(WORKS)
        verdict = choose(Accelerator.TCG, seen=SEEN, probe_guest=guest, cache=self.cache)
        self.assertEqual(Accelerator.TCG, verdict.accelerator)
        self.assertEqual(0, guest.runs)

    def test_kvm_on_request_is_refused_where_it_does_not_work(self) -> None:
        guest = Guest(kvm_probe.ProbeOutcome(False, "it did not end within 5 s"))
        with self.assertRaisesRegex(LocalError, "KVM does not work here: .* 5 s; .*dmesg"):
            choose(Accelerator.KVM, seen=SEEN, probe_guest=guest, cache=self.cache)


class ObserveTest(unittest.TestCase):
    def test_flags_modules_and_device_are_read(self) -> None:
        for flags, expected in (("fpu vmx sse", "vmx"), ("fpu svm", "svm"), ("fpu vmxnope", None)):
            with self.subTest(flags), tempfile.TemporaryDirectory() as directory:
                root = Path(directory)
                (root / "proc").mkdir()
                (root / "proc/cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
                parameter = root / "sys/module/kvm_amd/parameters/nested"
                parameter.parent.mkdir(parents=True)
                parameter.write_text("1\n")
                seen = acceleration.observe(root)
                self.assertEqual(expected, seen.cpu_flag)
                self.assertEqual((("kvm_amd", "1"),), seen.nested)
                self.assertIsNone(seen.device)
                (root / "dev").mkdir()
                (root / "dev/kvm").touch(0o640)
                device = acceleration.observe(root).device
                assert device is not None
                self.assertEqual(0o640, device.mode)
                self.assertTrue(device.usable)
