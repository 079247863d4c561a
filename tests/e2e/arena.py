# SPDX-License-Identifier: Apache-2.0
"""A machine's network and libvirt of the tests' own: namespaces, and a libvirtd in them.

What is done in there the real machine's network, libvirt and /run know nothing of, and it is gone
with the last process.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from vhost_tempest_plugin.util import process, speed

# Of the machine, beside those of its networks (RFC 5737).
ADDRESS = "198.51.100.7"

# Everything of libvirtd's that is not the tests' business; the tun device as udev makes it
# (rules.d/50-udev-default.rules); sysfs as these namespaces have it.
_SCRIPT = f"""\
set -e
ip link set lo up
ip address add {ADDRESS}/32 dev lo
for place in /run /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mkdir -p $place
    mount -t tmpfs -o mode=755 tmpfs $place
done
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /dev/net
mknod -m 666 /dev/net/tun c 10 200
exec libvirtd --timeout 0
"""
_LIMIT_S = 60.0


class Arena:
    """The namespaces; ``prefix`` makes a command run in them."""

    def __init__(self, pid: int) -> None:
        nsenter = shutil.which("nsenter") or "nsenter"
        self.prefix = (nsenter, f"--target={pid}", "--net", "--mount", f"--wd={Path.cwd()}")

    def run(self, *words: str, check: bool = True) -> str:
        """What a program says in there."""
        done = subprocess.run(
            [*self.prefix, *words], capture_output=True, text=True, check=False, timeout=_LIMIT_S
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{words} gave {done.returncode}: {done.stderr}")
        return done.stdout


def lacking() -> str | None:
    """Why there can be none here, None where there can."""
    return None if os.geteuid() == 0 else "only root makes networks"


@contextlib.contextmanager
def opened() -> Iterator[Arena]:
    """Begin one; at the end its libvirtd is ended."""
    unshare = [str(process.which("unshare")), "--net", "--mount", "--propagation", "private"]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [*unshare, "sh", "-c", _SCRIPT], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as libvirtd,
    ):
        try:
            arena = Arena(libvirtd.pid)
            end_s = time.monotonic() + _LIMIT_S * speed.timeout_scale()
            while not arena.run("virsh", "-c", "qemu:///system", "uri", check=False):
                log.seek(0)
                assert libvirtd.poll() is None, log.read()
                assert time.monotonic() < end_s, log.read()
                time.sleep(0.2)
            yield arena
        finally:
            libvirtd.terminate()
