# SPDX-License-Identifier: Apache-2.0
"""A running host, reached by ssh.

One connection (OpenSSH's ControlMaster) carries every command, also of several of our
processes at once; when none has used it for a while, as after a SIGKILL, it ends by
itself.  Its socket is in the host's directory and named relative to it, since the path of
a socket has at most 107 bytes (unix(7)).
"""

import itertools
import math
import shlex
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from vhost_tempest_plugin.errors import CommandError, HostError, TooMuchOutputError, VhostCommand
from vhost_tempest_plugin.util import process, speed
from vhost_tempest_plugin.util.waiting import wait_for

_SOCKET = "ssh.socket"
_SSH_FAILED = 255  # ssh(1), EXIT STATUS
PERSIST_S = 30
_POLL_S = 0.1
_LOGIN_S = 30.0
# For what is given no other limit; nothing in a host may keep a command for ever.
_LIMIT_S = 600.0
_CONTROL_S = 60.0
_PATIENCE_S = (1.0, 2.0, 4.0, 8.0)
_TAIL_CHARS = 400
_CLOCK = ("date", "+%s.%N")


@dataclass(frozen=True, slots=True)
class Ssh:
    """How a host is reached.

    :param directory: the host's; the connection's socket and log go there
    :param port: on the loopback address
    :param key: the private key that the host accepts
    :param known_hosts: a file with the host's public key
    :param alias: the host's name in *known_hosts*
    :param persist_s: how long the connection stays while nobody uses it
    """

    directory: Path
    port: int
    key: Path
    known_hosts: Path
    alias: str
    user: str = "root"
    address: str = "127.0.0.1"
    persist_s: int = PERSIST_S

    def argv(self, program: str = "ssh") -> list[str]:
        """The client with everything that identifies the host, the user's own files left out."""
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityFile": _quoted(self.key.absolute()),
            "UserKnownHostsFile": _quoted(self.known_hosts.absolute()),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "HostKeyAlias": self.alias,
            "UpdateHostKeys": "no",
            # The default of newer clients takes an emulated host 80 ms longer.
            "KexAlgorithms": "^curve25519-sha256",
            "LogLevel": "ERROR",
            "ControlMaster": "auto",
            "ControlPath": _SOCKET,
            "ControlPersist": f"{self.persist_s}",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "8",
        }
        port = "-P" if program == "scp" else "-p"
        words = [program, "-F", "none", port, str(self.port)]
        return words + [f"-o{name}={value}" for name, value in options.items()]

    def login(self) -> str:
        """A command line for people, that stands alone and shares no connection."""
        words = [word for word in self.argv() if not word.startswith("-oControl")]
        return shlex.join([*words, self.destination])

    @property
    def destination(self) -> str:
        """Who and where."""
        return f"{self.user}@{self.address}"


class HostConnection:
    """A connection to a host; a context manager that closes it."""

    def __init__(self, ssh: Ssh) -> None:
        self._ssh = ssh

    @property
    def name(self) -> str:
        """The host's name."""
        return self._ssh.alias

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection end once no other process uses it."""
        self._control("stop")

    def wait_until_ready(self, limit_s: float, watch: Callable[[], None] = lambda: None) -> float:
        """Wait until the host accepts ssh; returns by how many seconds its clock is behind.

        :param watch: called at each attempt; what it raises ends the waiting
        :param limit_s: on the machine of ``speed.timeout_scale``
        :raises HostError: it did not within *limit_s*, or it refuses the key
        """
        patience_s = itertools.chain(_PATIENCE_S, itertools.repeat(_PATIENCE_S[-1]))
        wait_for(
            lambda: self._answers(next(patience_s)),
            f"an ssh server on port {self._ssh.port}",
            limit_s,
            watch=watch,
            poll_s=_POLL_S,
            error=lambda fact: HostError(
                fact, hint=f"{VhostCommand('console', self.name)} shows how far the host has come"
            ),
        )
        return self._lag_s(self.run(_CLOCK, timeout_s=max(_LOGIN_S, limit_s)))

    def lets_in(self, patience_s: float) -> float | None:
        """By how many seconds the clock of a host is behind that has booted; None if it is mute.

        One connection, where ``wait_until_ready`` first makes another to see a server: under
        emulation each takes its time.
        """
        patience = f"-oConnectTimeout={math.ceil(patience_s)}"
        words = [self._ssh.destination, "--", shlex.join(_CLOCK)]
        try:
            done = self._client(["ssh", patience], words, None, patience_s)
        except HostError:
            return None
        return self._lag_s(done) if done.returncode == 0 else None

    def set_clock(self) -> None:
        """Give the host our time, right to half the time that a command takes.

        :raises HostError: it cannot be set
        """
        begun_s = time.time()
        behind_s = self._lag_s(self.run(_CLOCK)) - (time.time() - begun_s) / 2
        self.run(["date", "-u", "-s", f"{behind_s:+.3f} seconds"])

    def run(
        self,
        argv: Sequence[str],
        *,
        input_text: str | None = None,
        timeout_s: float | None = None,
        check: bool = True,
    ) -> process.Completed:
        """Run a program in the host to its end; the words reach it as they are.

        :param timeout_s: 10 minutes on the machine of ``speed.timeout_scale`` by default
        :param check: raise where it fails
        :raises HostError: it failed, ran out of time or printed more than 64 MiB, or the host
            cannot be reached
        """
        command = shlex.join(argv)
        done = self._client(["ssh"], [self._ssh.destination, "--", command], input_text, timeout_s)
        if done.returncode == _SSH_FAILED and not self._control("check"):
            raise HostError(
                f"ssh to port {self._ssh.port} failed during {command!r}: {_tail(done.stderr)}",
                hint=f"{VhostCommand('console', self.name)} shows whether the host still runs",
            )
        if check and done.returncode != 0:
            raise HostError(
                f"{command!r} in the host exited with {done.returncode}: "
                f"{_tail(done.stderr or done.stdout)}",
                hint=f"try it by hand with {VhostCommand('ssh', self.name)}",
            )
        return done

    @property
    def directory(self) -> Path:
        """Where ``argv`` has to be started."""
        return self._ssh.directory

    def argv(self, argv: Sequence[str]) -> list[str]:
        """The command line here of a program in the host that talks on its standard streams.

        It shares the connection where there is one, and does not become the one to be shared:
        that would stay, and keep its streams open.
        """
        words = [self._ssh.destination, "--", shlex.join(argv)]
        name, *options = self._ssh.argv()
        return [name, "-oControlMaster=no", *options, *words]

    def put(self, text: str, path: str, mode: int = 0o644) -> None:
        """Write *text* to a file in the host; directories are made.

        :raises HostError: it could not be written
        """
        self.run(["install", "-D", "-m", f"{mode:o}", "/dev/stdin", path], input_text=text)

    def send(self, files: Sequence[Path], directory: str) -> None:
        """Copy files into an existing directory in the host.

        :raises HostError: they could not be copied
        """
        # -O: the host needs no sftp server for scp's own protocol.
        sources = [str(file.absolute()) for file in files]
        target = f"{self._ssh.destination}:{directory}/"
        done = self._client(["scp", "-O", "-q"], ["--", *sources, target], None, None)
        if done.returncode != 0:
            raise HostError(
                f"cannot copy to {directory!r} in the host: {_tail(done.stderr)}",
                hint=f"is there room? {VhostCommand('ssh', self.name, 'df')} shows it",
            )

    def _client(
        self,
        program: list[str],
        words: list[str],
        input_text: str | None,
        timeout_s: float | None,
    ) -> process.Completed:
        timeout_s = timeout_s or _LIMIT_S * speed.timeout_scale()
        name, *flags = program
        try:
            return process.run(
                [*self._ssh.argv(name), *flags, *words],
                input_text=input_text,
                timeout_s=timeout_s,
                directory=self._ssh.directory,
                check=False,
            )
        except TooMuchOutputError:
            raise HostError(
                f"{words[-1]!r} in the host printed too much and was ended",
                hint=f"{VhostCommand('ssh', self.name)} shows why",
            ) from None
        except CommandError as error:
            if error.returncode is not None:
                raise
            raise HostError(
                f"{words[-1]!r} in the host did not end within {timeout_s:.0f} s",
                hint="is the machine busy with other work?",
            ) from None

    def _lag_s(self, answer: process.Completed) -> float:
        """By how much the clock that *answer* shows is behind ours now."""
        try:
            return time.time() - float(answer.stdout)
        except ValueError:
            raise HostError(
                f"the host's 'date' says {answer.stdout[:80]!r}",
                hint=f"{VhostCommand('ssh', self.name)} shows who prints that",
            ) from None

    def _control(self, command: str) -> bool:
        """Tell the shared connection something; whether there is one."""
        argv = [*self._ssh.argv(), "-O", command, self._ssh.destination]
        limit_s = _CONTROL_S * speed.timeout_scale()
        try:
            done = process.run(argv, directory=self._ssh.directory, timeout_s=limit_s, check=False)
        except CommandError:
            return False
        return done.returncode == 0

    def _answers(self, patience_s: float) -> bool:
        """Whether a server greets us: user-mode networking accepts long before the host does."""
        try:
            where = (self._ssh.address, self._ssh.port)
            with socket.create_connection(where, timeout=patience_s) as link:
                if link.recv(4) == b"SSH-":
                    return True
        except OSError:
            pass
        return False


def _quoted(path: Path) -> str:
    """A path as ssh_config(5) takes it."""
    return f'"{str(path).replace("%", "%%")}"'


def _tail(text: str) -> str:
    return " / ".join(line for line in text[-_TAIL_CHARS:].splitlines() if line.strip())
