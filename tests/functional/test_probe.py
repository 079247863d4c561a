# SPDX-License-Identifier: Apache-2.0
import tempfile
import time
import unittest
from pathlib import Path

from vhost_tempest_plugin.host import acceleration, kvm_probe
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import process, speed


class ProbeTest(unittest.TestCase):
    def test_the_guest_runs_under_emulation(self) -> None:
        """The positive control: where the guest fails on KVM, it is not the guest's fault."""
        outcome = kvm_probe.run(process.which(acceleration.QEMU), Accelerator.TCG, limit_s=60)
        self.assertEqual(kvm_probe.ProbeOutcome(True), outcome)

    def test_a_guest_that_does_not_finish_is_found_out(self) -> None:
        outcome = kvm_probe.run(process.which(acceleration.QEMU), Accelerator.TCG, limit_s=0.01)
        self.assertFalse(outcome.works)
        self.assertIn("did not end within 0.01 s", outcome.detail)

    def test_an_accelerator_that_fails_at_once_says_why(self) -> None:
        outcome = kvm_probe.run(process.which("false"), Accelerator.KVM, limit_s=60)
        self.assertEqual(
            kvm_probe.ProbeOutcome(False, "it ended too early; QEMU's exit status 1"), outcome
        )

    def test_this_machine_gets_an_answer_in_time(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            begun_s = time.monotonic()
            verdict = acceleration.choose(cache=Path(directory))
            self.assertLess(
                time.monotonic() - begun_s, kvm_probe.limit_s() + 10 * speed.timeout_scale()
            )
            self.assertIn(verdict.accelerator, list(Accelerator))
            if verdict.accelerator is Accelerator.TCG:
                self.assertTrue(verdict.hint)

    def test_the_bytes_are_the_assembled_source(self) -> None:
        source = Path(__file__).with_name("probe_guest.S")
        with tempfile.TemporaryDirectory() as directory:
            assembled = Path(directory) / "guest.o"
            flat = Path(directory) / "guest.bin"
            process.run(["as", "--64", source, "-o", assembled])
            process.run(["objcopy", "-O", "binary", "-j", ".text", assembled, flat])
            self.assertEqual(flat.read_bytes(), kvm_probe.GUEST)
