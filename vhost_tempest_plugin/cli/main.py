# SPDX-License-Identifier: Apache-2.0
"""The ``vhost`` command: global options, exit codes, and the way to its commands."""

import difflib
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cliff.app import App
from cliff.command import Command
from cliff.commandmanager import CommandManager

from vhost_tempest_plugin.cli import arguments, streams
from vhost_tempest_plugin.errors import InputError, VhostCommand, VhostError, in_order
from vhost_tempest_plugin.util import (
    bytecode,
    interruption,
    paths,
    progress,
    service_account,
    trust,
)

NAMESPACE = "vhost_tempest_plugin.cli"
_DISTRIBUTION = "vhost-tempest-plugin"
# What needs root; all else runs as the account.
_ROOTS_COMMANDS = frozenset(("network create", "network destroy"))

_EPILOGUE = """\
exit codes: 0 success; 1 a program or a check failed; 2 the input was refused;
3 this machine lacks something (see 'vhost doctor'); 4 the emulated host failed;
5 another command holds the host; 130 interrupted
"""


class Commands(CommandManager):
    """The commands by name; a command's module is imported when it is run.

    cliff itself imports all of them at each start.
    """

    def load_commands(self, namespace: str) -> None:
        """Find the entry points of a namespace; ``topology_list`` is ``topology list``."""
        self.group_list.append(namespace)
        for entry_point in importlib.metadata.entry_points(group=namespace):
            self.commands[entry_point.name.replace("_", " ")] = entry_point

    def suggestion(self, argv: Sequence[str]) -> str:
        """What to write in place of a command that does not exist."""
        names = sorted(self.commands)
        words = [word for word in argv if not word.startswith("-")][:2]
        below = [name for name in names if words and name.startswith(f"{words[0]} ")]
        if below:
            return f"give one of: {', '.join(below)}"
        close = difflib.get_close_matches(" ".join(words), names, n=3) or (
            difflib.get_close_matches(words[0], names, n=3) if words else []
        )
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        return f"{hint}'vhost --help' lists the commands"


class VhostApp(App):
    """The application.

    :param gives_up_root: commands that need no root run as the account
    """

    NAME = "vhost"
    CONSOLE_MESSAGE_FORMAT = "vhost: %(message)s"
    DEFAULT_VERBOSE_LEVEL = 0

    def __init__(self, *, gives_up_root: bool = False) -> None:
        self._gives_up_root = gives_up_root
        self._commands = Commands(NAMESPACE)
        self._failure: VhostError | None = None
        super().__init__(
            description="Emulated NUMA/PCI hosts for testing OpenStack Nova's scheduling.",
            version=_version(),
            command_manager=self._commands,
            deferred_help=True,
        )
        self.parser.epilog = _EPILOGUE

    def run_subcommand(self, argv: list[str]) -> int:
        """Run a command and give its exit code."""
        try:
            factory, name, rest = self._commands.find_command(argv)
        except ValueError:
            hint = self._commands.suggestion(argv)
            self.LOG.error("%s", InputError(f"there is no command {argv[0]!r}", hint=hint))
            return InputError.exit_code
        if self._gives_up_root and name not in _ROOTS_COMMANDS:
            try:
                self._become_account(factory(self, self.options), name, rest)
            except VhostError as error:
                self.LOG.error("%s", error)
                return error.exit_code
        code = super().run_subcommand(argv)
        return code if self._failure is None else self._failure.exit_code

    def _become_account(self, command: Command, name: str, words: list[str]) -> NoReturn:
        """Begin again as the account, with what the arguments name open to it."""
        given = command.get_parser(f"{self.NAME} {name}").parse_args(words)
        service_account.become(
            arguments.sources(given),
            (
                *filter(None, (paths.configured_state(), paths.configured_cache())),
                *arguments.destinations(given),
            ),
            progress.Lines(),
        )

    def clean_up(self, cmd: Command, result: int, err: BaseException | None) -> None:
        """Keep the exit code of the error that was first; cliff has 1 for all, and prints the last.

        The last line is what the command failed with, and not what its clean-up failed with.
        """
        if isinstance(err, VhostError):
            *earlier, last = in_order(err)
            for error in reversed(earlier):
                self.LOG.error("%s", error)
            self._failure = (*earlier, last)[0]

    def interact(self) -> None:
        """Nothing was asked for: say what there is, in place of cliff's own shell."""
        self.LOG.error("%s", InputError("no command is given", hint="'vhost --help' lists them"))
        raise SystemExit(InputError.exit_code)


def _version() -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _say_ending() -> None:
    interruption.say("vhost: ending; once more to give up")


def _say_left() -> None:
    shown = f"{VhostCommand('list')} and {VhostCommand('lab', 'list')}"
    interruption.say(f"vhost: gave up; {shown} show what is left")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code.

    :param argv: the arguments for a caller that is no program; root stays root then
    """
    bytecode.leave_none()
    trust.limit_umask()
    with streams.prepared():
        gives_up_root = argv is None and os.geteuid() == 0
        return _run(list(sys.argv[1:] if argv is None else argv), gives_up_root=gives_up_root)


def _run(argv: list[str], *, gives_up_root: bool) -> int:
    try:
        # Before stevedore makes a cache where a relative one would be.
        paths.require(trusted=not gives_up_root)
    except VhostError as error:
        print(f"{VhostApp.NAME}: {error}", file=sys.stderr)
        return error.exit_code
    try:
        # So that what was begun is ended, whichever way the command is.
        with interruption.handled(_say_ending, _say_left):
            code = VhostApp(gives_up_root=gives_up_root).run(argv)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return interruption.EXIT_CODE
    except BrokenPipeError:
        # Python flushes at its end once more, which must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


if __name__ == "__main__":
    sys.exit(main())
