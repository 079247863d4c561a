# SPDX-License-Identifier: Apache-2.0
"""From a host's record to its start: what it boots from, and with what domain."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from vhost_tempest_plugin.errors import LocalError, VhostCommand
from vhost_tempest_plugin.host import (
    acceleration,
    image,
    kernel_parameters,
    share,
    share_images,
    ssh_keys,
)
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.network import uplinks
from vhost_tempest_plugin.host.network.uplink import Uplink
from vhost_tempest_plugin.host.record import HostRecord, Phase
from vhost_tempest_plugin.host.share import Share
from vhost_tempest_plugin.hypervisor import Connection, Domain, domain
from vhost_tempest_plugin.hypervisor.domain import Tap, share_serial
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import requirements
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import atomic_file
from vhost_tempest_plugin.util.progress import Progress

# Where distributions keep OVMF's code: Debian and Ubuntu, Fedora, SUSE, Arch.
_FIRMWARE = (
    Path("/usr/share/OVMF/OVMF_CODE_4M.fd"),
    Path("/usr/share/OVMF/OVMF_CODE.fd"),
    Path("/usr/share/edk2/ovmf/OVMF_CODE.fd"),
    Path("/usr/share/qemu/ovmf-x86_64-code.bin"),
    Path("/usr/share/edk2/x64/OVMF_CODE.4m.fd"),
)

# Checks read what the kernel said while it booted; 72 NICs make it say more than the 128 KiB that
# distributions give its log (CONFIG_LOG_BUF_SHIFT).
_PARAMETERS = (*image.PARAMETERS, "log_buf_len=1M")

# On a busy machine the kernel may take timer ticks that come late for a timer that does not work
# (arch/x86/kernel/apic/io_apic.c, check_timer), and panics.  With mitigations of what such a CPU
# has not got, each system call empties QEMU's translations of addresses (page table isolation):
# 12 times as dear, measured.
_EMULATED_PARAMETERS = ("no_timer_check", "mitigations=off")

# QEMU that emulates several CPUs loses a write to memory-mapped registers now and then while
# another CPU changes the memory map.  Where it is one by which a CPU acknowledges an interrupt,
# the local APIC has that vector in service for ever, and the CPU gets no interrupt of a device
# again (seen with 10.0: while the kernel sized the PCI BARs, in one boot of an article-sized host
# in five).  With x2APIC there is no such write; without it the kernel does its sizing on one CPU
# alone, and the image's initramfs sets the others going afterwards.
_ONE_CPU = "maxcpus=1"


def start(
    connection: Connection,
    directory: HostDirectory,
    record: HostRecord,
    layout: Layout,
    progress: Progress,
) -> Domain:
    """Make what the host boots from, where it is not there yet, and start its domain.

    :raises InputError: what it shares or is connected to is gone
    :raises LocalError: this machine lacks something
    :raises HostError: libvirt or QEMU refuses the host
    """
    uplink = uplinks.current(record.uplink)
    made = _image(directory, record, progress)
    disks = share_images.attach(record.shares, directory, progress)
    record = replace(
        record,
        phase=Phase.PREPARING,
        image_digest=made.digest,
        share_disks=disks,
        replugged=False,
        failure="",
        uplink=uplink,
    )
    directory.write(record)
    ssh_keys.obtain(directory)
    image.write(made.initrd, _seed(directory, record), directory.seed)
    if not directory.overlay.exists():
        with atomic_file.replacing(directory.overlay, durable=True) as overlay:
            image.create_overlay(made, overlay)
    directory.console_log.unlink(missing_ok=True)
    progress(f"starting {record.name!r} with {record.accelerator.upper()}")
    directory.write(replace(record, phase=Phase.BOOTING))
    x2apic = requirements.has_x2apic(layout.host, connection.versions)
    return connection.create(xml(layout, directory, record, made, x2apic))


def xml(
    layout: Layout,
    directory: HostDirectory,
    record: HostRecord,
    made: image.Image,
    x2apic: bool,
) -> str:
    """The domain XML with which a host is started."""
    efi = layout.firmware is layout.firmware.EFI
    return domain.render(
        layout,
        name=f"vhost-{record.name}",
        uuid=record.uuid,
        boot=domain.Boot(
            kernel=made.bzimage if efi else made.kernel,
            initrd=directory.seed,
            command_line=" ".join(
                (
                    *parameters(record.accelerator, x2apic=x2apic),
                    kernel_parameters.command_line(layout),
                )
            ).strip(),
            disk=directory.overlay,
            console_log=directory.console_log,
            firmware=_firmware() if efi else None,
            shares=tuple(disk.image for disk in record.share_disks),
            uplink=_tap(record.uplink),
            internet=record.internet,
        ),
        accelerator=record.accelerator,
        x2apic=x2apic,
    )


def parameters(accelerator: Accelerator, *, x2apic: bool = True) -> tuple[str, ...]:
    """What every host has on its kernel's command line."""
    if accelerator is not Accelerator.TCG:
        return _PARAMETERS
    return (*_PARAMETERS, *_EMULATED_PARAMETERS, *(() if x2apic else (_ONE_CPU,)))


def preview(layout: Layout, shares: Sequence[Share] = ()) -> str:
    """The domain XML with which a new host would be started; nothing is made.

    :raises InputError: it cannot have these shares
    :raises LocalError: the image has not been built yet
    """
    made = image.find()
    if made is None:
        raise LocalError("there is no image yet", hint=f"{VhostCommand('image', 'build')} makes it")
    directory = HostDirectory.of(layout.host.name)
    share.validate(shares)
    share_images.require(shares, directory)
    record = HostRecord(
        name=layout.host.name,
        uuid=UUID(int=0),
        topology=layout.host.name,
        accelerator=acceleration.choose().accelerator,
        created="",
        share_disks=share_images.disks(shares, directory),
    )
    with Connection.open_temporary() as connection:
        x2apic = requirements.has_x2apic(layout.host, connection.versions)
    return xml(layout, directory, record, made, x2apic)


def _image(directory: HostDirectory, record: HostRecord, progress: Progress) -> image.Image:
    """The image that the host's disk lies over; for a new host the current one."""
    if record.image_digest is None or not directory.overlay.exists():
        return image.build(progress)
    made = image.kept(record.image_digest)
    if made is None:
        raise LocalError(
            f"the image {record.image_digest} under the disk of {record.name!r} is gone from the "
            f"cache",
            hint=f"run {VhostCommand('destroy', record.name)} and bring it up anew",
        )
    return made


def _seed(directory: HostDirectory, record: HostRecord) -> image.Seed:
    return image.Seed(
        hostname=directory.name,
        authorized_keys=ssh_keys.public(directory.client_key),
        host_key=directory.host_key.read_text(encoding="utf-8"),
        host_key_public=ssh_keys.public(directory.host_key),
        topology=directory.topology.read_text(encoding="utf-8"),
        shares=tuple(
            (share_serial(number), shared.path) for number, shared in enumerate(record.shares, 1)
        ),
        uplink=record.uplink,
        internet=record.internet,
        machine=uplinks.machine_addresses(record.uplink),
    )


def _tap(uplink: Uplink | None) -> Tap | None:
    return None if uplink is None else Tap(uplink.tap, uplink.mac)


def _firmware() -> Path:
    for path in _FIRMWARE:
        if path.exists():
            return path
    raise LocalError(
        "the host needs OVMF, its NICs are too many for SeaBIOS", hint="install 'ovmf'"
    )
