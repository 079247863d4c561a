# SPDX-License-Identifier: Apache-2.0
"""The image's initramfs: busybox, a script and the few modules that lead to the root disk."""

from pathlib import Path

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host.image import kernel
from vhost_tempest_plugin.util.cpio import Entry, archive

# The management NIC's driver is among them so that its interface is eth0.
MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "virtio_net")

_DIRECTORIES = ("bin", "dev", "proc", "root", "sys", "modules")


def script() -> str:
    """What the initramfs runs."""
    return Path(__file__).with_name("init.sh").read_text(encoding="utf-8")


def make(tree: Path, release: str, work: Path) -> bytes:
    """The initramfs for the kernel *release* in the root file system *tree*.

    :raises LocalError: the tree has no static busybox
    """
    busybox = tree / "usr/bin/busybox"
    if not busybox.exists():
        busybox = tree / "bin/busybox"
    if not busybox.exists():
        raise LocalError(
            "the image has no busybox", hint="its package list must name busybox-static"
        )
    files = kernel.modules(tree / "lib/modules" / release, MODULES)
    plain = {path.name.split(".ko")[0] + ".ko": path for path in files}
    return archive(
        [
            *(Entry(name) for name in _DIRECTORIES),
            Entry("bin/busybox", busybox.read_bytes(), 0o755),
            Entry("init", script().encode(), 0o755),
            Entry("modules/order", "".join(f"{name}\n" for name in plain).encode(), 0o644),
            *(
                Entry(f"modules/{name}", kernel.decompress(path.read_bytes(), work), 0o644)
                for name, path in plain.items()
            ),
        ]
    )
