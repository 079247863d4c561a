# SPDX-License-Identifier: Apache-2.0
"""vhost topology list, validate, show and schema."""

import argparse
import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from cliff.command import Command

from vhost_tempest_plugin.cli.arguments import TopologyText
from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.topology import catalog, serialization, yaml_file
from vhost_tempest_plugin.topology.model import Host
from vhost_tempest_plugin.topology.schema import SCHEMA

_LOG = logging.getLogger(__name__)
_SUBJECT = "a topology's name or file"


def _numbers(host: Host) -> tuple[int, int, int, int, int]:
    groups = [group for _, group in host.groups()]
    return (
        host.cpus.count,
        host.memory_mib,
        len(host.nodes),
        sum(group.count for group in groups),
        sum(group.count * group.vfs for group in groups),
    )


class List(Lister):
    """List the named topologies, including those of other packages."""

    def take_action(
        self, arguments: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        known = catalog.load()
        for fault in known.broken.values():
            _LOG.warning(fault)
        rows = []
        for name in known.names():
            try:
                rows.append((name, *_numbers(known.find(name).host)))
            except InputError as error:
                _LOG.warning(error)
        return ("Name", "CPUs", "Memory (MiB)", "NUMA nodes", "NICs", "VFs"), rows


class Validate(Command):
    """Check topologies; exit code 2 if one of them cannot work."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "topologies",
            type=TopologyText,
            nargs="+",
            metavar="topology",
            help=_SUBJECT,
        )
        return parser

    def take_action(self, arguments: argparse.Namespace) -> int:
        refused = 0
        for subject in arguments.topologies:
            try:
                host = catalog.find(subject).host
            except InputError as error:
                _LOG.error(error)
                refused = error.exit_code
            else:
                cpus, memory_mib, nodes, nics, vfs = _numbers(host)
                self.app.stdout.write(
                    f"{subject}: valid: CPUs {cpus}, memory {memory_mib} MiB, NUMA nodes {nodes}, "
                    f"NICs {nics}, VFs {vfs}\n"
                )
        return refused


class Show(Command):
    """Print a topology as a file that you can change; defaults are left out."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("topology", type=TopologyText, help=_SUBJECT)
        parser.add_argument(
            "-f", "--format", choices=["yaml", "json"], default="yaml", help="default: yaml"
        )
        return parser

    def take_action(self, arguments: argparse.Namespace) -> None:
        host = catalog.find(arguments.topology).host
        if arguments.format == "json":
            self.app.stdout.write(json.dumps(serialization.write(host), indent=2) + "\n")
        else:
            self.app.stdout.write(yaml_file.dump(host))


class Schema(Command):
    """Print the JSON Schema of topology files, for editors and other programs."""

    def take_action(self, arguments: argparse.Namespace) -> None:
        self.app.stdout.write(json.dumps(SCHEMA, indent=2) + "\n")
