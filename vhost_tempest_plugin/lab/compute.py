# SPDX-License-Identifier: Apache-2.0
"""nova-compute in an emulated host: its files, its Nova and its life.

It runs as root from a unit of systemd, out of the environment that the host mounts
read-only, or out of the Nova under test, of which the host gets what has changed.
"""

import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin import speed
from vhost_tempest_plugin.configuration.settings import MACHINE_IN_HOST, Settings
from vhost_tempest_plugin.machine import Machine

UNIT = "nova-compute.service"
LOG = PurePosixPath("/var/log/nova-compute.log")
CONFIGURATION = PurePosixPath("/etc/nova/nova.conf")

_NOVA = PurePosixPath("/opt/vhost/nova")
_MANIFEST = PurePosixPath("/opt/vhost/nova.json")
# Where the image has libvirt's binding, of its own libvirt's version, and nothing else.
_BINDING = PurePosixPath("/usr/lib/python3/dist-packages")
_UNIT_FILE = f"/etc/systemd/system/{UNIT}"
_LIMIT_S = 120.0
# Written to the log before each start.
_BEGIN = "nova-compute starts"
_GIVEN_UP = " CRITICAL nova "
_LINES = 100


@dataclass(frozen=True, slots=True)
class Tree:
    """The Nova under test: where it is on the machine, and what is in it.

    :param manifest: a digest of each file, by its path below *directory*
    """

    directory: Path
    manifest: Mapping[str, str]


class Compute:
    """The service in one host, over a connection to it."""

    def __init__(self, settings: Settings, machine: Machine) -> None:
        self._settings = settings
        self._machine = machine
        self._limit_s = _LIMIT_S * speed.slowness()

    def install(self, configuration: str, tree: Tree | None) -> bool:
        """Bring the service's files up to date; whether any was not.

        :param configuration: what is to be in nova.conf
        :param tree: None for the environment's own Nova
        :raises HostError: the host does not take them
        """
        unit = self._unit(under_test=tree is not None)
        changed = self._put(configuration, str(CONFIGURATION), 0o600)
        if self._put(unit, _UNIT_FILE, 0o644):
            changed = True
            self._run("systemctl", "daemon-reload")
            self._run("systemctl", "enable", "-q", UNIT)
        if tree is not None:
            changed = self._send(tree) or changed
        return changed

    def start(self) -> None:
        """Start it, where it does not run or does nothing any more."""
        if self.gave_up():
            self.stop()
        self._run("systemctl", "start", UNIT)

    def stop(self) -> None:
        """End it; afterwards nothing of the old process reports any more."""
        self._run("systemctl", "stop", UNIT)

    def state(self) -> str:
        """What systemd says: active, activating, failed, inactive, ..."""
        done = self._machine.run(
            ["systemctl", "is-active", UNIT], check=False, timeout_s=self._limit_s
        )
        return done.stdout.strip()

    def ends(self) -> int:
        """How often systemd has started it again by itself since it was last told to."""
        said = self._run("systemctl", "show", "-P", "NRestarts", UNIT).strip()
        return int(said or 0)

    def gave_up(self) -> bool:
        """Whether it met an error from which it would have to be started again.

        It stays then, doing nothing (threads of oslo.service keep the process).
        """
        return any(_GIVEN_UP in line for line in self.since_start(_LINES))

    def since_start(self, count: int) -> list[str]:
        """Of the end of its log what it has said since it was last started."""
        lines = self.last_lines(count)
        begins = [index for index, line in enumerate(lines) if line == _BEGIN]
        return lines[begins[-1] + 1 :] if begins else lines

    def last_lines(self, count: int) -> list[str]:
        """The end of its log."""
        done = self._machine.run(["tail", "-n", str(count), str(LOG)], check=False)
        return done.stdout.splitlines()

    def reconnect(self) -> None:
        """End its connections to the machine, which a restored host only believes to have.

        User-mode networking forgets them over a save, and the service would find out by its
        next heartbeat.
        """
        ports = self._settings.ports
        gone = (
            *(ports.database, ports.broker, ports.keystone, ports.glance),
            *(ports.placement, ports.neutron, ports.nova_api),
        )
        condition = " or ".join(f"dport = :{port}" for port in gone)
        self._run("ss", "-K", "dst", MACHINE_IN_HOST, "and", f"( {condition} )")

    def _unit(self, *, under_test: bool) -> str:
        program = self._settings.environment / "bin" / "nova-compute"
        lines = [
            "[Unit]",
            "Description=OpenStack Nova compute",
            "Wants=libvirtd.service",
            "After=libvirtd.service vhost-devices.service",
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            f"Environment=PYTHONPATH={f'{_NOVA}:' if under_test else ''}{_BINDING}",
            f"ExecStartPre=/bin/sh -c 'echo {_BEGIN} >>{LOG}'",
            f"ExecStart={program} --config-file {CONFIGURATION}",
            f"StandardOutput=append:{LOG}",
            f"StandardError=append:{LOG}",
            "StateDirectory=nova nova/instances",
            "KillMode=mixed",
            "TimeoutStopSec=10",
            "Restart=always",
            "RestartSec=2",
            "",
            "[Install]",
            "WantedBy=multi-user.target",
        ]
        return "\n".join(lines) + "\n"

    def _put(self, text: str, path: str, mode: int) -> bool:
        """Write a file where the host has another; whether it had."""
        if self._machine.run(["cat", path], check=False).stdout == text:
            return False
        self._machine.put(text, path, mode)
        return True

    def _send(self, tree: Tree) -> bool:
        """Bring the host's copy of the Nova under test up to date; whether it was not."""
        said = self._machine.run(["cat", str(_MANIFEST)], check=False).stdout
        there: dict[str, str] = json.loads(said) if said else {}
        wanted = tree.manifest
        changed = sorted(name for name in wanted if there.get(name) != wanted[name])
        removed = sorted(name for name in there if name not in wanted)
        if not changed and not removed:
            return False
        # Should this be interrupted, the next one begins from nothing.
        self._run("rm", "-f", str(_MANIFEST))
        if removed:
            self._machine.run(
                ["xargs", "-0", "rm", "-f"],
                input_text="".join(f"{_NOVA / name}\0" for name in removed),
            )
        if changed:
            self._unpack(tree.directory, changed)
        self._machine.put(json.dumps(dict(wanted)), str(_MANIFEST))
        return True

    def _unpack(self, directory: Path, names: list[str]) -> None:
        archive = self._settings.run / "nova.tar"
        with tarfile.open(archive, "w") as tar:
            for name in names:
                tar.add(directory / name, name, recursive=False)
        try:
            self._run("mkdir", "-p", str(_NOVA))
            self._machine.send([archive], str(_NOVA.parent))
        finally:
            archive.unlink()
        packed = str(_NOVA.parent / archive.name)
        # The files are root's there, whoever has them on the machine.
        self._run("tar", "xf", packed, "--no-same-owner", "-C", str(_NOVA))
        self._run("rm", packed)

    def _run(self, *argv: str) -> str:
        return self._machine.run(argv, timeout_s=self._limit_s).stdout
