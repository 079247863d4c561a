# SPDX-License-Identifier: Apache-2.0
"""The system account as which root's commands run.

QEMU, a Nova under test, tempest and the servers of a lab need no root, and not all of them are to
be trusted with it. A command of root's gives up being root before it does anything, and becomes
this account's for good: it has the account's groups, home, state and cache, and all that it starts
has too. What root names on the command line is opened to the account first.
"""

import compileall
import os
import pwd
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.util import atomic_file, interpreter, process
from vhost_tempest_plugin.util.progress import Progress

NAME = "vhost"
HOME = Path("/var/lib/vhost")
CACHE = Path("/var/cache/vhost")
# tools/bootstrap.sh has the same command. The ranges of ids are for mmdebstrap (subuid(5)).
CREATION = (
    "useradd --system --user-group --add-subids-for-system --no-create-home"
    f" --home-dir {HOME} --shell /usr/sbin/nologin {NAME}"
)

_PACKAGE = Path(__file__).resolve().parents[1]
_KVM = Path("/dev/kvm")
_PIP_CONFIGURATION = Path(".config/pip/pip.conf")
# What is root's own.
_ROOTS = (
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_SESSION_ID"),
    *("DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK"),
)


@dataclass(frozen=True, slots=True)
class Account:
    """Who the account is.

    :param groups: its own, and that of ``/dev/kvm``
    """

    uid: int
    gid: int
    groups: tuple[int, ...]

    @classmethod
    def find(cls) -> Self:
        """The account of this machine.

        :raises LocalError: it has none, or one that is root's
        """
        try:
            entry = pwd.getpwnam(NAME)
        except KeyError:
            raise LocalError(
                f"root's commands run as the system account {NAME!r}, which this machine lacks",
                hint=f"create it: {CREATION!r}, as 'make bootstrap' does",
            ) from None
        if entry.pw_uid == 0:
            raise LocalError(
                f"the account {NAME!r} has root's user id", hint="give it one of its own"
            )
        groups = {*os.getgrouplist(NAME, entry.pw_gid), *_kvm_group()} - {0}
        return cls(entry.pw_uid, entry.pw_gid, tuple(sorted(groups)))

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """*inherited* with what differs for the account."""
        kept = {name: value for name, value in inherited.items() if name not in _ROOTS}
        if not self._may(Path(inherited.get("TMPDIR", "/tmp")), os.W_OK | os.X_OK):  # noqa: S108
            kept.pop("TMPDIR", None)
        return {**kept, "HOME": str(HOME), "USER": NAME, "LOGNAME": NAME}

    def let_reach(self, path: Path, progress: Progress) -> None:
        """Let the account reach *path*, which exists: into each directory above that it may not
        enter, it may from now on, and still not list it.

        :raises LocalError: the file system does not take it
        """
        for place in dict.fromkeys((path.absolute(), path.resolve())):
            for directory in reversed(place.parents):
                if not self._may(directory, os.X_OK):
                    _let_enter(directory)
                    progress(f"the account {NAME!r} may enter {directory} from now on (setfacl)")

    def give(self, directory: Path) -> None:
        """Have the account own *directory*, which is made where there is none.

        :raises InputError: it is somebody else's, and the account may not write there
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if directory.stat().st_uid == 0 and not any(directory.iterdir()):
                os.chown(directory, self.uid, self.gid, follow_symlinks=False)
        except OSError as error:
            raise InputError(f"cannot make {str(directory)!r}: {error.strerror}") from None
        if directory.stat().st_uid != self.uid and not self._may(directory, os.W_OK):
            raise InputError(
                f"{str(directory)!r} is not the account's as which root's commands run",
                hint=f"run 'chown -R {NAME}: {directory}', or give another directory",
            )

    def require(self, path: Path, mode: int) -> None:
        """Check that the account may read or write *path*.

        :raises InputError: it may not
        """
        if not self._may(path, mode):
            what, option = ("write to", "w") if mode & os.W_OK else ("read", "r")
            raise InputError(
                f"the account {NAME!r}, as which root's commands run, may not {what} {str(path)!r}",
                hint=f"run 'setfacl -R -m u:{NAME}:{option}X {path}', or give another place",
            )

    def _may(self, path: Path, mode: int) -> bool:
        with self._seeing():
            return os.access(path, mode, effective_ids=True)

    @contextmanager
    def _seeing(self) -> Iterator[None]:
        """Have the account's permissions for a moment."""
        groups, group = os.getgroups(), os.getegid()
        os.setgroups(self.groups)
        os.setegid(self.gid)
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)


def is_current() -> bool:
    """Whether this process runs as the account."""
    try:
        return pwd.getpwnam(NAME).pw_uid == os.geteuid() != 0
    except KeyError:
        return False


def prepare(sources: Iterable[Path], directories: Iterable[Path], progress: Progress) -> Account:
    """Let the account run this program; for root.

    :param sources: what it reads, opened to the account where it exists
    :param directories: what it writes to, given to the account
    :raises LocalError: there is no account, or it cannot reach this program
    :raises InputError: what it was given cannot be the account's
    """
    account = Account.find()
    # As it comes from a shell that has another umask, others may read it all the same.
    if _PACKAGE.stat().st_uid == 0:
        compileall.compile_dir(_PACKAGE, quiet=2)
    program = _program()
    account.give(HOME)
    account.give(CACHE)
    written = tuple(directories)
    for directory in written:
        account.give(directory)
    named = tuple(path for path in sources if path.exists())
    for path in (*program, *named, *written):
        account.let_reach(path, progress)
    for path in (*program, *named):
        account.require(path, os.R_OK)
    return account


def become(sources: Iterable[Path], directories: Iterable[Path], progress: Progress) -> NoReturn:
    """Run this very command again as the account, in place of this process.

    The parameters and errors are those of ``prepare``.
    """
    account = prepare(sources, directories, progress)
    pip = _content(Path.home() / _PIP_CONFIGURATION)
    environment = account.environment(os.environ)
    os.setgroups(account.groups)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    if not os.access(".", os.X_OK):
        os.chdir("/")
    _take_over(pip)
    words = interpreter.again()
    os.execve(words[0], words, environment)  # noqa: S606 - there is no shell to be had


def _program() -> Sequence[Path]:
    """What this program is made of."""
    words = interpreter.again()
    scripts = (path for word in words[1:2] if (path := Path(word)).is_file())
    return (Path(words[0]), Path(sys.prefix), _PACKAGE / "__init__.py", *scripts)


def _kvm_group() -> tuple[int, ...]:
    try:
        return (_KVM.stat().st_gid,)
    except OSError:
        return ()


def _let_enter(directory: Path) -> None:
    argv: list[str | Path] = [process.which("setfacl"), "--modify", f"user:{NAME}:x", directory]
    done = process.run(argv, check=False)
    if done.returncode != 0:
        raise LocalError(
            f"the account {NAME!r}, as which root's commands run, may not enter {directory}, and "
            f"setfacl cannot change that: {done.stderr.strip()}",
            hint="move what is needed to where everybody may enter",
        )


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _take_over(pip: bytes | None) -> None:
    """Have root's configuration of pip for the account too: its index, its certificates."""
    file = HOME / _PIP_CONFIGURATION
    if pip is not None and pip != _content(file):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic_file.write(file, pip)
