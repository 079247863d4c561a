# SPDX-License-Identifier: Apache-2.0
"""Options of nova-compute that follow from running in an emulated host of any cloud."""

import shlex
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Options
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.util import interpreter

STATE = PurePosixPath("/var/lib/nova")

# Where a host has what imports Nova once for all its programs (``compute.preload``).
PRELOAD = PurePosixPath("/opt/vhost/preload.py")
PRELOAD_SOCKET = PurePosixPath("/run/vhost-preload")

# Of the host's memory, what no guest is given.
RESERVED_MIB = 256
# Under emulation an answer takes its time.
ANSWER_S = 180

# Sections of those that become root by themselves: nova-compute is root already.
PRIVILEGED = (
    "nova_sys_admin",
    "privsep_osbrick",
    "vif_plug_linux_bridge_privileged",
    "vif_plug_ovs_privileged",
)


def preloaded(programs: Path) -> tuple[str, ...]:
    """What comes before a Python program's command to have it run with Nova imported already.

    :param programs: where its environment has its programs
    """
    return tuple(interpreter.isolated(programs.parent, "-S", PRELOAD, "run", PRELOAD_SOCKET))


def options(
    host: ComputeHost, programs: Path, file: PurePosixPath, before: tuple[str, ...] = ()
) -> Options:
    """The options that follow from the host alone; no secret is in them.

    :param programs: where the environment that the host shares has its programs
    :param file: where the host has the configuration
    :param before: what comes before the command of Nova's privileged helper
    """
    helper = shlex.join((*before, str(programs / "privsep-helper"), "--config-file", str(file)))
    cpus = pci_devices.cpu_sets(host.layout)
    dedicated = {"cpu_dedicated_set": cpuset.format(cpus.dedicated)} if cpus.dedicated else {}
    return {
        "DEFAULT": {
            "host": host.name,
            "my_ip": host.address,
            "state_path": str(STATE),
            "compute_driver": "libvirt.LibvirtDriver",
            "reserved_host_memory_mb": str(RESERVED_MIB),
            "reserved_host_disk_mb": "0",
            "update_resources_interval": "30",
            "use_cow_images": "false",
            # A guest's disk is sparse, and of what it may take it uses next to nothing.
            "disk_allocation_ratio": "16.0",
            # Those that boot a kernel do not answer the power button.
            "shutdown_timeout": "2",
        },
        "compute": {"cpu_shared_set": cpuset.format(cpus.shared), **dedicated},
        "pci": {"device_spec": pci_devices.device_spec(host.layout)},
        "libvirt": {
            "virt_type": host.accelerator.domain_type,
            "cpu_mode": "host-passthrough" if host.accelerator is Accelerator.KVM else "none",
            "hw_machine_type": "x86_64=q35",
            "images_type": "raw",
            "wait_soft_reboot_seconds": "2",
        },
        # Without its APIC an emulated guest has no MSI-X, which its NICs want.
        "workarounds": {"libvirt_disable_apic": "false"},
        "vnc": {"enabled": "false"},
        "spice": {"enabled": "false"},
        **{section: {"helper_command": helper} for section in PRIVILEGED},
        "oslo_concurrency": {"lock_path": str(STATE / "lock")},
    }
