# SPDX-License-Identifier: Apache-2.0
"""nova-compute in one host: its files and its life.

It runs as root from a unit of systemd, out of an environment that the host mounts read-only,
and out of copies of source trees, of which the host gets what has changed.
"""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from vhost_tempest_plugin.cloud.compute import copies as copies_module
from vhost_tempest_plugin.cloud.compute import cpu_power
from vhost_tempest_plugin.cloud.compute.copies import Copy
from vhost_tempest_plugin.cloud.compute.unit import (
    BEGIN,
    INSTALLED,
    LOG,
    PRELOADER,
    REPORTED,
    STARTED,
    Unit,
)
from vhost_tempest_plugin.cloud.configuration.in_host import PRELOAD
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.util import cache, speed
from vhost_tempest_plugin.util.waiting import seldom, wait_for

_LIMIT_S = 120.0
_LOOK_S = 4.0
_PRELOAD = Path(__file__).with_name("preload.py")
# A digest of all that was imported, as it was installed last.
_LOADED = INSTALLED.with_name("preload.digest")
_GAVE_UP = (
    f'$0 == "{BEGIN}" {{ critical = reported = 0 }} / CRITICAL nova / {{ critical = 1 }} '
    f'$0 == "{REPORTED}" {{ reported = 1 }} END {{ print critical && !reported }}'
)
# The end of a text in a script; nothing that is installed has such a line.
_END = "end-of-what-vhost-writes"


class ComputeService:
    """The service in one host, over a connection to it."""

    def __init__(self, unit: Unit, connection: HostConnection) -> None:
        self.unit = unit
        self.connection = connection
        self._limit_s = _LIMIT_S * speed.timeout_scale()
        # Where it is frozen: systemd refuses to thaw what does not run.
        self.thaw = (
            f'[ "$(systemctl show -P FreezerState {unit.name})" != frozen ] || '
            f"systemctl thaw {unit.name}"
        )

    def bring_up_to_date(
        self, configuration: str, copies: Sequence[Copy], spool: Path, *more: str
    ) -> bool:
        """Install what has changed; whether it would run with others than it does.

        :param configuration: what is to be in its file
        :param spool: a directory of the machine for what is on its way
        :param more: of what else the service depends on
        :raises HostError: the host does not take it
        """
        text, loader = self.unit.text(), self._loader()
        program = copies_module.digest(copies)
        wanted = cache.digest(configuration, text, *loader, program, *more)
        digests = f'echo "$(cat {INSTALLED})"; echo "$(cat {STARTED})"'
        installed, started = self.run("sh", "-c", digests).splitlines()
        if installed != wanted:
            # Should this be interrupted, the next one begins anew.
            self.shell(f"mkdir -p {INSTALLED.parent}", f"rm -f {INSTALLED}")
            for copy in copies:
                copy.bring_up_to_date(self.connection, spool)
            self.shell(
                *written(configuration, str(self.unit.configuration), 0o600),
                *written(text, str(self.unit.file), 0o644),
                *self._loaded(loader, program),
                f"systemctl enable -q {self.unit.name}",
                *written(f"{wanted}\n", str(INSTALLED), 0o644),
            )
        return started != wanted

    def _loader(self) -> tuple[str, ...]:
        """What imports for it: the unit's file, and the program."""
        return (
            (self.unit.loader_text(), _PRELOAD.read_text(encoding="utf-8"))
            if self.unit.preloaded
            else ()
        )

    def _loaded(self, loader: Sequence[str], program: str) -> tuple[str, ...]:
        """Commands of a shell that make units known, and have it import where that has changed."""
        if not loader:
            return ("systemctl daemon-reload",)
        text, script = loader
        wanted = cache.digest(*loader, program)
        return (
            *written(text, f"/etc/systemd/system/{PRELOADER}", 0o644),
            *written(script, str(PRELOAD), 0o644),
            "systemctl daemon-reload",
            f'[ "$(cat {_LOADED} 2>/dev/null)" = {wanted} ] || systemctl stop {PRELOADER}',
            f"systemctl start --no-block {PRELOADER}",
            *written(f"{wanted}\n", str(_LOADED), 0o644),
        )

    def start(self) -> None:
        """Start it, where it does not run or does nothing any more.

        What an option that is gone has done to the host's CPUs is undone first.
        """
        if self.gave_up():
            self.stop()
        settled = cpu_power.settled(self.unit.configuration)
        self.shell(settled, self.thaw, f"systemctl start {self.unit.name}")

    def stop(self) -> None:
        """End it; afterwards nothing of the old process reports any more."""
        # What is frozen would not hear of it.
        self.shell(self.thaw, f"systemctl stop {self.unit.name}")

    def state(self) -> str:
        """What systemd says: active, activating, failed, inactive, ..."""
        done = self.connection.run(
            ["systemctl", "is-active", self.unit.name], check=False, timeout_s=self._limit_s
        )
        return done.stdout.strip()

    def is_running(self) -> bool:
        """Whether it runs, frozen or not."""
        return self.state() == "active"

    def ends(self) -> int:
        """How often systemd has restarted it by itself since the last start on request."""
        said = self.run("systemctl", "show", "-P", "NRestarts", self.unit.name).strip()
        return int(said or 0)

    def gave_up(self) -> bool:
        """Whether it met an error while it started, and would have to be started again.

        It stays then, doing nothing (threads of oslo.service keep the process).  Once it has
        reported itself, such an error is one of a thread, as after its connections were ended.
        """
        argv = ["awk", _GAVE_UP, str(LOG)]
        # There is no log before the first start.
        said = self.connection.run(argv, check=False, timeout_s=self._limit_s).stdout
        return said.strip() == "1"

    def wait_until(
        self,
        is_ready: Callable[[], bool],
        what: str,
        limit_s: float,
        error: Callable[[str], Exception],
        poll_s: float,
    ) -> None:
        """Wait until it is ready, make sure that it lives meanwhile, and note its report.

        :param what: that makes it ready, as ``wait_for`` has it
        :param error: makes the exception of what was seen, as in ``ended``
        """
        ended = self.ends()

        def look() -> None:
            if self.ends() > ended or self.state() == "failed":
                raise error("ended")
            if self.gave_up():
                raise error("gave up")

        wait_for(
            is_ready,
            what,
            limit_s,
            watch=seldom(_LOOK_S, look),
            poll_s=poll_s,
            error=lambda fact: error(f"is not ready: {fact}"),
        )
        self.note_report()

    def note_report(self) -> None:
        """Write down that it has reported itself since it was started.

        What it wrote meanwhile, as its ``compute_id``, must outlive a host that loses its power:
        without the file's text Nova does not start again (``nova/virt/node.py``).
        """
        self.shell(f"echo {REPORTED} >>{LOG}", "sync")

    def since_start(self, count: int) -> list[str]:
        """Of the end of its log what it has said since it was last started.

        Where systemd has started it again by itself, from the start before: why it ended is there.
        """
        lines = self.last_lines(count)
        begins = [index + 1 for index, line in enumerate(lines) if line == BEGIN]
        counted = 2 if self.ends() else 1
        return lines[begins[-counted] :] if len(begins) >= counted else lines

    def last_lines(self, count: int) -> list[str]:
        """The end of its log."""
        done = self.connection.run(["tail", "-n", str(count), str(LOG)], check=False)
        return done.stdout.splitlines()

    def shell(self, *commands: str) -> None:
        """Run commands of a shell up to the first that fails, over its standard input.

        So in one go, and no text in them is in a process list.
        """
        script = "\n".join(["set -e", *commands, ""])
        self.connection.run(["sh", "-s"], input_text=script, timeout_s=self._limit_s)

    def run(self, *argv: str) -> str:
        """What a program in the host says."""
        return self.connection.run(argv, timeout_s=self._limit_s).stdout


def written(text: str, path: str, mode: int) -> tuple[str, ...]:
    """Commands of a shell that write *text*, which ends with a line's end, to a file."""
    return (
        f"install -D -m {mode:o} /dev/stdin {shlex.quote(path)} <<'{_END}'",
        f"{text}{_END}",
    )
