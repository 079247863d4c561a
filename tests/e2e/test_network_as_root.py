# SPDX-License-Identifier: Apache-2.0
"""What ``vhost network`` does as root for a user whom it must not trust, as by a rule of sudoers.

That user chooses the words, the current directory and the environment, but for the variables
that sudo never lets through (``PYTHONPATH``, ``LD_PRELOAD``), and has files of its own everywhere.
The network and /run are namespaces of the tests' own.
"""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from vhost_tempest_plugin.host.network.nat import Identity
from vhost_tempest_plugin.util import interpreter, process

_USER = 65534
_NAME = "lan"
_BRIDGE = Identity(_NAME).bridge
# The test driver of libvirt makes no bridge.
_SCRIPT = f"""\
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /dev/net
mknod -m 666 /dev/net/tun c 10 200
ip link add {_BRIDGE} type bridge
cd "$EVIL"
set +e
env "$@"
echo "ended with $?"
ip -brief link
ls -lR /run/vhost || true
"""
_MODULES = (
    *("argparse", "cliff", "difflib", "encodings", "grp", "ipaddress", "json", "libvirt"),
    *("libvirtmod", "logging", "lxml", "pwd", "sitecustomize", "subprocess", "usercustomize"),
)
_PROGRAMS = ("ip", "python", "python3", "sh", "env", "ssh", "nc", "virsh", "virt-ssh-helper")
_RECORD = {
    **{"name": _NAME, "subnet": "192.168.128.0/24", "ports": 2, "owner": _USER, "format": 1},
    "uri": "qemu+ext:///system?command=EVIL",
}


@unittest.skipUnless(os.geteuid() == 0, "only root makes networks")
class AsRootTest(unittest.TestCase):
    def setUp(self) -> None:
        self.evil = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.mark = self.evil / "mark"
        self.program = self.evil / "program"
        self.program.write_text(f"#!/bin/sh\necho $0 >>{self.mark}\n")
        self.program.chmod(0o755)
        for name in _PROGRAMS:
            (self.evil / name).symlink_to(self.program)
        for name in _MODULES:
            (self.evil / f"{name}.py").write_text(
                f"open({str(self.mark)!r}, 'a').write({name!r})\n"
            )
        records = self.evil / "networks"
        records.mkdir()
        (records / f"{_NAME}.json").write_text(
            json.dumps(_RECORD).replace("EVIL", str(self.program))
        )
        (self.evil / "libvirt").mkdir()
        uri = f"qemu+ext:///system?command={self.program}"
        (self.evil / "libvirt/libvirt.conf").write_text(
            f'uri_default = "{uri}"\nuri_aliases = ["test={uri}", "qemu={uri}"]\n'
        )
        for path in (self.evil, *self.evil.rglob("*")):
            os.chown(path, _USER, _USER, follow_symlinks=False)
        self.evil.chmod(0o777)

    def variables(self) -> dict[str, str]:
        """What a rule with ``env_keep`` or ``SETENV`` might let through."""
        place = str(self.evil)
        uri = f"qemu+ext:///system?command={self.program}"
        places = ("HOME", "TMPDIR", "VHOST_RUN_DIR", "LIBVIRT_DRIVER_DIR", "LIBVIRT_LOCK_MANAGER")
        homes = ("CONFIG", "STATE", "CACHE", "DATA")
        return {
            **{f"XDG_{name}_HOME": place for name in homes},
            **dict.fromkeys(places, place),
            "XDG_RUNTIME_DIR": place,
            "PATH": f"{place}:/usr/bin:/bin",
            "LIBVIRT_DEFAULT_URI": uri,
            "VIRSH_DEFAULT_CONNECT_URI": uri,
            "LIBVIRT_LOG_OUTPUTS": f"1:file:{self.mark}",
            "LIBVIRT_AUTH_FILE": str(self.program),
            "SUDO_UID": str(_USER),
            "SUDO_COMMAND": str(self.program),
        }

    def run_vhost(self, *words: str) -> subprocess.CompletedProcess[str]:
        unshare = [str(process.which("unshare")), "--net", "--mount", "--propagation", "private"]
        command = interpreter.own("-m", "vhost_tempest_plugin.cli.main", *words)
        given = [f"{name}={value}" for name, value in self.variables().items()]
        done = subprocess.run(
            [*unshare, "/bin/sh", "-c", _SCRIPT, "sh", *given, *command],
            env={"EVIL": str(self.evil), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertFalse(self.mark.exists(), self.mark.exists() and self.mark.read_text())
        self.assertNotIn("Traceback", done.stderr)
        return done

    def create(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run_vhost("network", "create", *words)

    def test_a_network_is_made_by_the_machines_own_programs(self) -> None:
        done = self.create(_NAME, "--owner", str(_USER), "--connect", "test:///default")
        self.assertIn("ended with 0\n", done.stdout, done.stderr)
        for port in (0, 1):
            self.assertIn(f"{_BRIDGE}p{port}", done.stdout)
        self.assertRegex(done.stdout, r"-rw-r--r-- 1 root root .* lan\.json")

    def test_a_record_of_the_users_is_not_read(self) -> None:
        for words in (("destroy", _NAME), ("list",)):
            with self.subTest(words):
                self.assertNotIn("qemu+ext", self.run_vhost("network", *words).stderr)

    def test_words_are_words(self) -> None:
        run = f"$({self.program})"
        cases = (
            *(
                ("create", name, "--owner", "0")
                for name in ("../../etc/x", "-", run, "a\nb", "lan;id")
            ),
            *(("create", _NAME, "--owner", user) for user in ("", "-1", run, "9" * 40)),
            *(("create", _NAME, "--owner", "0", "--ports", ports) for ports in ("254", run)),
            ("create", _NAME, "--owner", "0", "--connect", f"qemu+ext:///?command={self.program}"),
            *(("destroy", name) for name in ("../networks/lan", run, "x" * 4096)),
        )
        for words in cases:
            with self.subTest(words):
                done = self.run_vhost("network", *words)
                self.assertIn("ended with 2\n", done.stdout, done.stderr)
                self.assertNotIn(f"{_BRIDGE}p0", done.stdout)
