# SPDX-License-Identifier: Apache-2.0
"""KVM inside the host, where the host itself runs on KVM."""

import base64

from vhost_tempest_plugin.errors import VhostCommand
from vhost_tempest_plugin.host import kvm_probe
from vhost_tempest_plugin.host.acceleration import CPU_MODULES
from vhost_tempest_plugin.host.checks.base import Check, Subject
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator

_EXPECTED = "vmx or svm, a /dev/kvm, and a guest that runs on it"
# Each probe has a file of its own: several checks of a host may run at once.
_SCRIPT = """
rom=$(mktemp /run/vhost-probe.XXXXXX) || exit
trap 'rm -f "$rom"' EXIT
base64 -d >"$rom" || exit
timeout "$@" -bios "$rom"
"""
_TIMED_OUT = 124  # timeout(1), EXIT STATUS


class Kvm(Check):
    """A guest on KVM runs inside the host."""

    name = "kvm"

    def run(self, subject: Subject) -> Finding:
        if subject.accelerator is not Accelerator.KVM:
            return self.not_applicable(
                f"the host is emulated in software ({subject.accelerator}), whose CPUs have no "
                "virtualization"
            )
        fault = _fault(subject)
        if fault is not None:
            return self.failed(_EXPECTED, *fault)
        outcome = run_guest(subject.connection, Accelerator.KVM)
        if outcome.works:
            return self.passed(_EXPECTED, _EXPECTED)
        return self.failed(
            _EXPECTED,
            f"/dev/kvm is there, but a guest on it does not run: {outcome.detail}",
            f"see with {VhostCommand('doctor')} whether this machine's nested virtualization is "
            f"sound, or run {VhostCommand('destroy', subject.connection.name)} and start the host "
            "again with --accelerator tcg",
        )


def _fault(subject: Subject) -> tuple[str, str] | None:
    """What is missing before a guest need be tried, and what to do."""
    seen = subject.observation
    flags = sorted(CPU_MODULES.keys() & seen.cpu_flags)
    if not flags:
        return (
            "neither vmx nor svm among the CPU's flags",
            "switch nested virtualization on in this machine's kvm_intel or kvm_amd module "
            f"(nested=1; {VhostCommand('doctor')} shows how); {subject.anew}",
        )
    if not seen.kvm_device:
        module = CPU_MODULES[flags[0]]
        loaded = ", ".join(sorted(seen.kvm_modules)) or "none"
        return (
            f"the flag {flags[0]}, but no /dev/kvm (modules loaded: {loaded})",
            f"run 'modprobe {module}' in the host; 'dmesg' there shows why it refuses",
        )
    return None


def run_guest(connection: HostConnection, accelerator: Accelerator) -> kvm_probe.ProbeOutcome:
    """Run the probe's guest inside the host.

    :raises HostError: the host does not answer
    """
    limit_s = kvm_probe.limit_s()
    qemu = kvm_probe.argv("qemu-system-x86_64", accelerator)
    done = connection.run(
        ["sh", "-c", _SCRIPT, "sh", f"{limit_s:g}", *qemu],
        input_text=base64.b64encode(kvm_probe.rom()).decode(),
        check=False,
    )
    if done.returncode == _TIMED_OUT:
        return kvm_probe.ProbeOutcome.unfinished(limit_s, done.stderr)
    return kvm_probe.ProbeOutcome.ended(done.returncode, done.stderr)
