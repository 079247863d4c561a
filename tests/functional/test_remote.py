# SPDX-License-Identifier: Apache-2.0
"""Libvirt seen from elsewhere: a real daemon of nobody's, with libvirt's test driver in it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.errors import HostError, LocalError
from vhost_tempest_plugin.hypervisor import Remote
from vhost_tempest_plugin.util import disk, speed

NOBODY = "nobody"
LIMIT_S = 60
# What ssh and virt-ssh-helper do between two machines, between a socket and us.
CARRIER = """
import os, socket, sys, threading
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])

def outward():
    while data := os.read(0, 65536):
        link.sendall(data)
    os._exit(0)

threading.Thread(target=outward, daemon=True).start()
while data := link.recv(65536):
    os.write(1, data)
"""

# Opens the embedded driver, and what the carrier leads to beside it.
BESIDE = """
import sys
from pathlib import Path
from vhost_tempest_plugin.hypervisor import Connection, Remote
root, directory, *carrier = sys.argv[1:]
with (
    Connection.open(None, Path(root)),
    Remote.open(carrier, Path(directory), "test:///default", limit_s=60) as remote,
):
    print(len(remote.domains()))
"""


def answers(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as link:
        return link.connect_ex(str(path)) == 0


class RemoteTest(unittest.TestCase):
    """As nobody, who has no domain, network or pool that the daemon could touch."""

    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.directory.chmod(0o755)
        home = self.directory / "home of nobody"
        home.mkdir()
        argv = [shutil.which("libvirtd", path=f"{os.environ['PATH']}:/usr/sbin") or "libvirtd"]
        if os.geteuid() == 0:
            shutil.chown(home, NOBODY)
            argv = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", *argv]
        places = ("HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
        log = self.enterContext((self.directory / "log").open("wb"))
        self.daemon = subprocess.Popen(
            argv, env={**os.environ, **dict.fromkeys(places, str(home))}, stdout=log, stderr=log
        )
        self.addCleanup(self.end)
        self.socket = home / "libvirt/libvirt-sock"
        end_s = time.monotonic() + LIMIT_S * speed.timeout_scale()
        while not answers(self.socket):
            self.assertIsNone(self.daemon.poll(), (self.directory / "log").read_text())
            self.assertLess(time.monotonic(), end_s, "libvirtd does not listen")
            time.sleep(0.05)

    def end(self) -> None:
        self.daemon.kill()
        self.daemon.wait()

    def remote(self, limit_s: float = LIMIT_S) -> Remote:
        # Its path is relative: the carrier must be started in that directory.
        carrier = [sys.executable, "-c", CARRIER, str(self.socket.relative_to(self.directory))]
        opened = Remote.open(carrier, self.directory, "test:///default", limit_s=limit_s)
        return self.enterContext(opened)

    def test_its_domains(self) -> None:
        remote = self.remote()
        (domain,) = remote.domains()
        self.assertIn("<name>test</name>", domain)
        self.assertEqual((domain,), remote.domains())

    def test_nothing_can_be_changed(self) -> None:
        (handle,) = self.remote()._handle.listAllDomains()
        with self.assertRaisesRegex(Exception, "read only"):
            handle.destroy()

    def test_a_daemon_that_ends(self) -> None:
        remote = self.remote()
        self.end()
        with self.assertRaisesRegex(HostError, "cannot list the guests of the host: .*daemon"):
            remote.domains()

    def test_beside_the_embedded_driver(self) -> None:
        carrier = [sys.executable, "-c", CARRIER, str(self.socket)]
        words = [str(self.directory / "embedded"), str(self.directory), *carrier]
        done = subprocess.run(
            [sys.executable, "-c", BESIDE, *words], capture_output=True, text=True, check=False
        )
        self.assertEqual(("1", 0), (done.stdout.strip(), done.returncode), done.stderr)

    def test_where_no_program_may_be_run_in_the_temporary_directory(self) -> None:
        carrier = [sys.executable, "-c", CARRIER, str(self.socket)]
        words = [str(self.directory / "embedded"), str(self.directory), *carrier]
        scratch = self.directory / "scratch"
        scratch.mkdir()
        namespace, user = ["unshare", "--mount"], os.geteuid()
        if user:
            # Root in a namespace only mounts: libvirt would take it for the machine's.
            namespace.append("--map-root-user")
        program = [*(["unshare", f"--map-user={user}"] if user else []), sys.executable]
        script = 'mount -t tmpfs -o noexec none "$TMPDIR"; exec "$@"'
        done = subprocess.run(
            [*namespace, "sh", "-ec", script, "sh", *program, "-c", BESIDE, *words],
            # Above it is what root has, who is nobody in an ordinary user's namespace.
            env={
                **os.environ,
                "TMPDIR": str(scratch),
                "HOME": str(self.directory),
                "XDG_CACHE_HOME": str(self.directory / "cache"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(("1", 0), (done.stdout.strip(), done.returncode), done.stderr)

    def test_a_directory_where_no_program_may_be_run(self) -> None:
        carrier = [sys.executable, "-c", CARRIER, str(self.socket)]
        with (
            mock.patch.object(disk, "may_run_programs", return_value=False),
            self.assertRaisesRegex(LocalError, "no program may be run in .*; set XDG_STATE_HOME"),
            Remote.open(carrier, self.directory, limit_s=LIMIT_S),
        ):
            self.fail("it is open")

    def test_a_carrier_that_fails(self) -> None:
        # Libvirt may write to it before it has ended, or after, and has an error for each.
        for first in ("head -c 1 >/dev/null", *[":"] * 20):
            with self.subTest(first):
                self.fails(["sh", "-c", f"{first}; echo no way there >&2; exit 255"])

    def fails(self, carrier: list[str]) -> None:
        with (
            self.assertRaisesRegex(HostError, "cannot reach libvirt in the host: .*no way there"),
            Remote.open(carrier, self.directory, limit_s=LIMIT_S),
        ):
            self.fail("it is open")

    def test_a_carrier_that_says_nothing(self) -> None:
        # Without any time it has not even started when that is over.
        for limit_s in (0, 0.5):
            with (
                self.subTest(limit_s),
                self.assertRaisesRegex(HostError, f"cannot reach .* answer within {limit_s:g} s; "),
                Remote.open(["sleep", "infinity"], self.directory, limit_s=limit_s),
            ):
                self.fail("it is open")

    def test_a_daemon_that_stops_answering(self) -> None:
        limit_s = 5 * speed.timeout_scale()
        remote = self.remote(limit_s)
        self.assertEqual(1, len(remote.domains()))
        self.daemon.send_signal(signal.SIGSTOP)
        with self.assertRaisesRegex(HostError, f"cannot list .* no answer within {limit_s:g} s; "):
            remote.domains()
