# SPDX-License-Identifier: Apache-2.0
"""vhost lab set."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from cliff.lister import Lister

from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.cloud.configuration.override import CONFIGURABLE
from vhost_tempest_plugin.lab import overrides, status
from vhost_tempest_plugin.util import progress

_COLUMNS = ("service", "section", "option", "value")


class Set(Lister):
    """Set options of a service and of all that read them, and restart those; or list what is set.

    A service that does not come up with its options gets its old ones back.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("service", nargs="?", help=f"one of {', '.join(CONFIGURABLE)}")
        parser.add_argument(
            "assignments",
            nargs="*",
            metavar="section.option=value",
            help="one that is given more than once has all of the values",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        name, service = parsed_args.name, parsed_args.service
        if parsed_args.assignments:
            overrides.put(name, service, parsed_args.assignments, progress.Lines())
        _, record = status.find(name)
        return _COLUMNS, [
            (entry.service, entry.section, entry.option, _said(entry.value))
            for entry in record.overrides
            if service in (None, entry.service)
        ]


def _said(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else "\n".join(value)
