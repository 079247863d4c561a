# SPDX-License-Identifier: Apache-2.0
"""vhost lab config: the options of a lab's services."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cliff.command import Command

from vhost_tempest_plugin.cli.arguments import Source
from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.cloud.configuration import override, render
from vhost_tempest_plugin.cloud.configuration.override import CONFIGURABLE
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.errors import MASK, InputError
from vhost_tempest_plugin.lab import overrides
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.util import progress

_COLUMNS = ("service", "section", "option", "value")
_SERVICES = ", ".join(CONFIGURABLE)


class List(Lister):
    """List the options that were set by hand; secrets are masked."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("service", nargs="?", help=f"one of {_SERVICES} (default: all)")
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        record = Lab.find(parsed_args.name).record
        return _COLUMNS, [
            (entry.service, entry.section, entry.option, _text(entry))
            for entry in record.overrides
            if parsed_args.service in (None, entry.service)
        ]


class Set(List):
    """Set options of a service, restart every service that reads them, and list what is set.

    If a service does not start with its new options, it gets its old ones back.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = Lister.get_parser(self, prog_name)
        add_name(parser)
        parser.add_argument("service", help=f"one of {_SERVICES}")
        parser.add_argument(
            "assignments",
            nargs="*",
            metavar="section.option=value",
            help="repeat an option to give it several values",
        )
        parser.add_argument(
            "--from-file",
            type=Source,
            metavar="FILE",
            help="read assignments from this file, one a line, or from standard input with '-'; "
            "for secrets, which other users can see on a command line",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        name, service = parsed_args.name, parsed_args.service
        assignments = [*parsed_args.assignments, *_assignments(parsed_args.from_file)]
        if not assignments:
            raise InputError(
                "no option is given", hint="give section.option=value, or a file with --from-file"
            )
        overrides.put(name, service, assignments, progress.Lines())
        return super().take_action(parsed_args)


def _assignments(file: Path | None) -> list[str]:
    if file is None:
        return []
    if file == Path("-"):
        return override.lines(sys.stdin.read(), "standard input")
    try:
        return override.lines(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}", hint="give another file") from None


class Unset(Command):
    """Unset options that were set by hand, and restart every service that reads them."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("service", help=f"one of {_SERVICES}")
        parser.add_argument(
            "options", nargs="*", metavar="section.option", help="only these (default: all)"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        overrides.take_back(
            parsed_args.name, parsed_args.service, parsed_args.options, progress.Lines()
        )


class Show(Command):
    """Print the whole configuration of a service; passwords are masked."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("service", choices=[service.value for service in CONFIGURABLE])
        parser.add_argument("--host", help="the host, in a lab with several (default: the first)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        lab = Lab.find(parsed_args.name)
        settings = lab.settings
        service = Service(parsed_args.service)
        if service.in_host:
            host = lab.host(parsed_args.host)
            options = render.compute_options(settings, host)
        else:
            options = render.options(settings)[service]
        self.app.stdout.write(failure.mask(render.text(options), settings.hidden))


def _text(entry: Override) -> str:
    return MASK if entry.secret else "\n".join(entry.values)
