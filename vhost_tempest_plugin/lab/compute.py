# SPDX-License-Identifier: Apache-2.0
"""nova-compute in an emulated host: its files, its Nova and its life.

It runs as root from a unit of systemd, out of the environment that the host mounts
read-only, or out of the Nova under test, of which the host gets what has changed.
"""

import json
import shlex
import tarfile
import time
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin import cache, speed
from vhost_tempest_plugin.configuration.settings import MACHINE_IN_HOST, Settings
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.lab.under_test import Tree
from vhost_tempest_plugin.machine import Machine

UNIT = "nova-compute.service"
LOG = PurePosixPath("/var/log/nova-compute.log")
CONFIGURATION = PurePosixPath("/etc/nova/nova.conf")

_NOVA = PurePosixPath("/opt/vhost/nova")
_MANIFEST = PurePosixPath("/opt/vhost/nova.json")
# A digest of all that the service depends on: of what is installed, and, copied at its start,
# of what it runs with.
_INSTALLED = PurePosixPath("/opt/vhost/nova-compute.digest")
_STARTED = PurePosixPath("/run/nova-compute.digest")
# Where the image has libvirt's binding, of its own libvirt's version, and nothing else.
_BINDING = PurePosixPath("/usr/lib/python3/dist-packages")
_UNIT_FILE = f"/etc/systemd/system/{UNIT}"
_LIMIT_S = 120.0
# Written to the log before each start.
_BEGIN = "nova-compute starts"
_REPORTED = "nova-compute has reported"
_GAVE_UP = (
    f'$0 == "{_BEGIN}" {{ critical = reported = 0 }} / CRITICAL nova / {{ critical = 1 }} '
    f'$0 == "{_REPORTED}" {{ reported = 1 }} END {{ print critical && !reported }}'
)
# The end of a text in a script; nothing that is installed has such a line.
_END = "end-of-what-vhost-writes"

# Where it is frozen: systemd refuses to thaw what does not run.
_THAW = f'[ "$(systemctl show -P FreezerState {UNIT})" != frozen ] || systemctl thaw {UNIT}'
# Long enough for an answer that was under way to arrive.
_QUIET_S = 2.0
_ASLEEP_LIMIT_S = 120.0
_POLL_S = 0.5
# A heartbeat has 8 (AMQP 0-9-1, 4.2.7), an answer hundreds.
_HEARTBEATS_BYTES = 64


class Compute:
    """The service in one host, over a connection to it."""

    def __init__(self, settings: Settings, machine: Machine) -> None:
        self._settings = settings
        self._machine = machine
        self._limit_s = _LIMIT_S * speed.slowness()

    def install(self, configuration: str, tree: Tree | None) -> bool:
        """Bring the service's files up to date; whether it would run with others than it does.

        :param configuration: what is to be in nova.conf
        :param tree: None for the environment's own Nova
        :raises HostError: the host does not take them
        """
        unit = self._unit(under_test=tree is not None)
        wanted = cache.digest(configuration, unit, tree.digest if tree else "")
        digests = f'echo "$(cat {_INSTALLED})"; echo "$(cat {_STARTED})"'
        installed, started = self._run("sh", "-c", digests).splitlines()
        if installed != wanted:
            # Should this be interrupted, the next one begins anew.
            self._shell(f"rm -f {_INSTALLED}")
            if tree is not None:
                self._send(tree)
            self._shell(
                *_written(configuration, str(CONFIGURATION), 0o600),
                *_written(unit, _UNIT_FILE, 0o644),
                "systemctl daemon-reload",
                f"systemctl enable -q {UNIT}",
                *_written(f"{wanted}\n", str(_INSTALLED), 0o644),
            )
        return started != wanted

    def start(self) -> None:
        """Start it, where it does not run or does nothing any more."""
        if self.gave_up():
            self.stop()
        self._shell(_THAW, f"systemctl start {UNIT}")

    def stop(self) -> None:
        """End it; afterwards nothing of the old process reports any more."""
        # What is frozen would not hear of it.
        self._shell(_THAW, f"systemctl stop {UNIT}")

    def fall_asleep(self) -> None:
        """Freeze it (cgroups' freezer) while it waits for no answer from Nova's conductor.

        In a host that is saved with such a call under way, it would wait until the call's time
        is over, with the lock held under which guests are started.

        :raises HostError: there is no such moment
        """
        slowness = speed.slowness()
        deadline_s = time.monotonic() + _ASLEEP_LIMIT_S * slowness
        self._shell(f"systemctl freeze {UNIT}")
        while not self._stays_quiet(_QUIET_S * slowness):
            self._shell(_THAW)
            if time.monotonic() > deadline_s:
                raise HostError(
                    f"nova-compute waits for answers at every moment of {_ASLEEP_LIMIT_S:.0f} s; "
                    "see 'vhost lab logs nova-conductor'"
                )
            time.sleep(_POLL_S)
            self._shell(f"systemctl freeze {UNIT}")

    def wake_up(self) -> None:
        """Let it go on after its host was restored.

        Its connections to the machine, which user-mode networking forgets over a save, are
        ended first: it would find out by its next heartbeat.
        """
        self._shell(
            f"ss -K dst {MACHINE_IN_HOST} and '( {self._places()} )' >/dev/null",
            _THAW,
        )

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
        """Whether it met an error while it started, and would have to be started again.

        It stays then, doing nothing (threads of oslo.service keep the process).  Once it has
        reported itself, such an error is one of a thread, as after its connections were ended.
        """
        argv = ["awk", _GAVE_UP, str(LOG)]
        # There is no log before the first start.
        said = self._machine.run(argv, check=False, timeout_s=self._limit_s).stdout
        return said.strip() == "1"

    def note_report(self) -> None:
        """Write down that it has reported itself since it was started."""
        self._shell(f"echo {_REPORTED} >>{LOG}")

    def since_start(self, count: int) -> list[str]:
        """Of the end of its log what it has said since it was last started."""
        lines = self.last_lines(count)
        begins = [index for index, line in enumerate(lines) if line == _BEGIN]
        return lines[begins[-1] + 1 :] if begins else lines

    def last_lines(self, count: int) -> list[str]:
        """The end of its log."""
        done = self._machine.run(["tail", "-n", str(count), str(LOG)], check=False)
        return done.stdout.splitlines()

    def _places(self) -> str:
        """The machine's services to which it has connections, in the words of ss(8)."""
        ports = self._settings.ports
        numbers = (
            *(ports.database, ports.broker, ports.keystone, ports.glance),
            *(ports.placement, ports.neutron, ports.nova_api),
        )
        return " or ".join(f"dport = :{port}" for port in numbers)

    def _stays_quiet(self, limit_s: float) -> bool:
        """Whether the broker sends nothing but heartbeats, now that nobody reads it."""
        end_s = time.monotonic() + limit_s
        broker = f"dst {MACHINE_IN_HOST} and dport = :{self._settings.ports.broker}"
        while True:
            lines = self._run("ss", "-Htn", *broker.split()).splitlines()
            if any(int(line.split()[1]) > _HEARTBEATS_BYTES for line in lines):
                return False
            if time.monotonic() > end_s:
                return True
            time.sleep(_POLL_S)

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
            f"ExecStartPre=/bin/sh -c 'echo {_BEGIN} >>{LOG}; cp {_INSTALLED} {_STARTED}'",
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

    def _send(self, tree: Tree) -> None:
        """Bring the host's copy of the Nova under test up to date."""
        said = self._machine.run(["cat", str(_MANIFEST)], check=False).stdout
        there: dict[str, str] = json.loads(said) if said else {}
        wanted = tree.manifest
        changed = sorted(name for name in wanted if there.get(name) != wanted[name])
        removed = sorted(name for name in there if name not in wanted)
        if not changed and not removed:
            return
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
        packed = _NOVA.parent / archive.name
        # The files are root's there, whoever has them on the machine.
        self._shell(f"tar xf {packed} --no-same-owner -C {_NOVA}", f"rm {packed}")

    def _shell(self, *commands: str) -> None:
        """Run commands of a shell up to the first that fails, over its standard input.

        So in one go, and no text in them is in a process list.
        """
        script = "\n".join(["set -e", *commands, ""])
        self._machine.run(["sh", "-s"], input_text=script, timeout_s=self._limit_s)

    def _run(self, *argv: str) -> str:
        return self._machine.run(argv, timeout_s=self._limit_s).stdout


def _written(text: str, path: str, mode: int) -> tuple[str, ...]:
    """Commands of a shell that write *text*, which ends with a line's end, to a file."""
    return (
        f"install -D -m {mode:o} /dev/stdin {shlex.quote(path)} <<'{_END}'",
        f"{text}{_END}",
    )
