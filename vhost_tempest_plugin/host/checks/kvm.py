# SPDX-License-Identifier: Apache-2.0
"""KVM inside the host, where the host itself runs on KVM."""

import base64

from vhost_tempest_plugin.host import kvm_probe
from vhost_tempest_plugin.host.checks.base import Check, Subject
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.host.observe import Observation
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator

_EXPECTED = "vmx or svm, a /dev/kvm, and a guest that runs on it"
_MODULES = {"vmx": "kvm_intel", "svm": "kvm_amd"}
_ROM = "/run/vhost-probe.rom"
_LIMIT_S = 30


class Kvm(Check):
    """A guest on KVM runs inside the host."""

    name = "kvm"

    def run(self, subject: Subject) -> Finding:
        if subject.accelerator is not Accelerator.KVM:
            return self.not_applicable(
                f"the host is emulated in software ({subject.accelerator}), whose CPUs have no "
                "virtualization"
            )
        fault = _fault(subject.observation)
        if fault is not None:
            return self.failed(_EXPECTED, *fault)
        outcome = run_guest(subject.machine, Accelerator.KVM)
        if outcome.works:
            return self.passed(_EXPECTED, _EXPECTED)
        return self.failed(
            _EXPECTED,
            f"/dev/kvm is there, but a guest on it does not run: {outcome.detail}",
            "'vhost doctor' tells whether this machine's nested virtualization is sound; "
            "'vhost up --accelerator tcg' does without",
        )


def _fault(seen: Observation) -> tuple[str, str] | None:
    """What is missing before a guest need be tried, and its remedy."""
    flags = sorted(_MODULES.keys() & seen.cpu_flags)
    if not flags:
        return (
            "neither vmx nor svm among the CPU's flags",
            "switch nested virtualization on in this machine's kvm_intel or kvm_amd module "
            "(nested=1; 'vhost doctor' tells how), then 'vhost down' and 'vhost up'",
        )
    if not seen.kvm_device:
        module = _MODULES[flags[0]]
        loaded = ", ".join(sorted(seen.kvm_modules)) or "none"
        return (
            f"the flag {flags[0]}, but no /dev/kvm (modules loaded: {loaded})",
            f"'modprobe {module}' in the host, 'dmesg' there tells why it refuses",
        )
    return None


def run_guest(machine: HostConnection, accelerator: Accelerator) -> kvm_probe.ProbeOutcome:
    """Run the smallest guest there is inside the host."""
    machine.run(
        ["sh", "-c", f"base64 -d > {_ROM}"], input_text=base64.b64encode(kvm_probe.rom()).decode()
    )
    argv = kvm_probe.argv("qemu-system-x86_64", accelerator, _ROM)
    done = machine.run(["timeout", str(_LIMIT_S), *argv], check=False)
    machine.run(["rm", "-f", _ROM])
    if done.returncode == kvm_probe.SUCCESS:
        return kvm_probe.ProbeOutcome(True)
    lines = done.stderr.strip().splitlines()
    return kvm_probe.ProbeOutcome(
        False, f"{lines[0] if lines else 'silent'}; status {done.returncode}"
    )
