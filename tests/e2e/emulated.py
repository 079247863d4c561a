# SPDX-License-Identifier: Apache-2.0
"""The real ``vhost`` command with hosts of its own, and the shared cache of images."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from vhost_tempest_plugin.util import service_account, speed

VHOST = Path(sys.executable).with_name("vhost")
# Building the image and a nested guest's kernel comes first on a bare machine.
LIMIT_S = 2400.0
_CONNECT = """\
timeout 20 bash -c 'exec 3<>/dev/tcp/{}/{}' 2>/dev/null && echo connected || echo refused
"""


class Vhost:
    """Runs commands with a state directory of its own; ``home`` makes and ends one.

    :param prefix: the words before each command, such as those that make it another user's
    :param environment: variables beside this process's
    """

    def __init__(
        self,
        state: Path,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] = types.MappingProxyType({}),
    ) -> None:
        self.state = state
        self._prefix = tuple(prefix)
        self._environment = {**os.environ, **environment, "XDG_STATE_HOME": str(state)}

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command whose end is the test's business."""
        return subprocess.Popen(
            [*self._prefix, VHOST, *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command; its news go to our standard error as they come."""
        process = self.start(*words)
        out, news = process.stdout, process.stderr
        assert out is not None
        assert news is not None
        said: list[str] = []

        def pass_on() -> None:
            for line in news:
                said.append(line)
                print(f"    {line}", end="", file=sys.__stderr__, flush=True)

        listener = threading.Thread(target=pass_on)
        listener.start()
        killer = threading.Timer(LIMIT_S * speed.timeout_scale(), process.kill)
        killer.start()
        try:
            output = out.read()
            code = process.wait()
        finally:
            killer.cancel()
            listener.join()
            out.close()
            news.close()
        done = subprocess.CompletedProcess(process.args, code, output, "".join(said))
        if check and code != 0:
            said_in_all = f"{done.stderr}{done.stdout}"
            raise AssertionError(f"vhost {' '.join(map(str, words))} gave {code}: {said_in_all}")
        return done

    def json(self, *words: str | Path, check: bool = True) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.run(*words, "--format", "json", check=check).stdout)

    def findings(self, *words: str | Path) -> dict[str, dict[str, str]]:
        """What ``vhost check`` finds, by check; its exit code must repeat the verdicts."""
        done = self.run("check", *words, "--format", "json", check=False)
        found = {finding["check"]: finding for finding in json.loads(done.stdout)}
        failed = any(finding["verdict"] in ("failed", "error") for finding in found.values())
        assert done.returncode == int(failed), done
        return found

    def ssh(self, name: str, command: str) -> str:
        """What a shell command in the host says."""
        return self.run("ssh", name, command).stdout

    def reaches(self, name: str, address: str, port: int) -> bool:
        """Whether a host can connect to a TCP port."""
        said = self.ssh(name, _CONNECT.format(address, port)).strip()
        assert said in ("connected", "refused"), said
        return said == "connected"


def as_account(vhost: Vhost, source: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    """What makes a program run as root's commands do: the words before it, and its environment.

    :param vhost: whose state it has
    :param source: what it reads
    """
    own = {"XDG_STATE_HOME": str(vhost.state)}
    if os.geteuid() != 0:
        return (), {**os.environ, **own}
    found = service_account.prepare([source], [vhost.state / "vhost"], print)
    words = (f"--reuid={found.uid}", f"--regid={found.gid}", "--init-groups")
    return ("setpriv", *words), found.environment({**os.environ, **own})


@contextlib.contextmanager
def read_as_account() -> Iterator[None]:
    """Where this is root, have the package take what is the account's for this process's own."""
    uid = os.geteuid() or service_account.Account.find().uid
    with (
        mock.patch("os.geteuid", return_value=uid),
        mock.patch("os.getuid", return_value=uid),
    ):
        yield


def parsed(text: str) -> Any:
    """A JSON text."""
    return json.loads(text)


@contextlib.contextmanager
def home() -> Iterator[Vhost]:
    """A state directory; at the end its hosts are destroyed, and must be gone."""
    with (
        tempfile.TemporaryDirectory(prefix="vhost-e2e-") as directory,
        ended(Vhost(Path(directory))) as vhost,
    ):
        yield vhost


@contextlib.contextmanager
def ended(vhost: Vhost) -> Iterator[Vhost]:
    """Destroy all labs and hosts of a state directory at the end."""
    try:
        yield vhost
    finally:
        for lab in vhost.json("lab", "list"):
            vhost.run("lab", "destroy", "--name", lab["name"])
        for host in vhost.json("list"):
            vhost.run("destroy", host["name"])


def users(vhost: Vhost) -> dict[str, set[int]]:
    """The user ids of what runs for a state directory's hosts and labs, by program."""
    found: dict[str, set[int]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            bears = (*process.cmdline(), *process.environ().values())
            if any(str(vhost.state) in word for word in bears):
                found.setdefault(process.name(), set()).update(process.uids())
    return found


def qemu_pids(vhost: Vhost) -> list[int]:
    """The QEMU processes with files in this state directory."""
    found = subprocess.run(
        ["pgrep", "-f", f"qemu-system.*{vhost.state}"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in found.stdout.split()]
