# SPDX-License-Identifier: Apache-2.0
"""What is put over the packages' files: configuration, units, and what must not start."""

import io
import tarfile
from pathlib import Path

_FILES = Path(__file__).with_name("overlay")
_UNITS = "etc/systemd/system"

# Nothing here is needed by a host that lives for a test, and each takes its time.
_MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty-static.service",
    "libvirt-guests.service",
    "logrotate.timer",
    "man-db.timer",
    "modprobe@.service",
    "motd-news.timer",
    "polkit.service",
    "proc-sys-fs-binfmt_misc.automount",
    "serial-getty@ttyS0.service",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-tracing.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-initctl.socket",
    "systemd-journal-flush.service",
    "systemd-journald-audit.socket",
    "systemd-machine-id-commit.service",
    "systemd-networkd-wait-online.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-repart.service",
    "systemd-resolved.service",
    "systemd-sysusers.service",
    "systemd-timesyncd.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
    "ua-timer.timer",
    "ubuntu-advantage.service",
)

_WANTED = {
    "multi-user.target": ("ssh.service", "vhost-devices.service"),
    "sysinit.target": ("vhost-devices-early.service",),
}


def _links() -> dict[str, str]:
    """Symbolic links by their place, with what they point at."""
    links = {f"{_UNITS}/{unit}": "/dev/null" for unit in _MASKED}
    for target, units in _WANTED.items():
        for unit in units:
            ours = (_FILES / _UNITS / unit).exists()
            place = f"/{_UNITS}/{unit}" if ours else f"/lib/systemd/system/{unit}"
            links[f"{_UNITS}/{target}.wants/{unit}"] = place
    links[f"{_UNITS}/default.target"] = "/lib/systemd/system/multi-user.target"
    return links


def archive() -> bytes:
    """The overlay as a tar archive, everything root's; equal files give equal bytes."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(_FILES.rglob("*")):
            if path.is_file():
                member = tarfile.TarInfo(str(path.relative_to(_FILES)))
                member.size = path.stat().st_size
                member.mode = 0o644
                with path.open("rb") as content:
                    tar.addfile(member, content)
        for place, target in sorted(_links().items()):
            link = tarfile.TarInfo(place)
            link.type = tarfile.SYMTYPE
            link.linkname = target
            tar.addfile(link)
    return output.getvalue()
