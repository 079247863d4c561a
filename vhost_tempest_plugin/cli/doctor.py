# SPDX-License-Identifier: Apache-2.0
"""vhost doctor."""

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from vhost_tempest_plugin.cli import verdicts
from vhost_tempest_plugin.cli.arguments import TopologyText
from vhost_tempest_plugin.cli.findings import is_verbose
from vhost_tempest_plugin.cli.lab.common import host_count
from vhost_tempest_plugin.cli.output import TABLE, Lister
from vhost_tempest_plugin.cli.terminal import Terminal
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host.doctor import doctor
from vhost_tempest_plugin.topology import catalog

_COLUMNS = tuple(field.name for field in dataclasses.fields(doctor.Diagnosis))


class Doctor(Lister):
    """Check whether this machine can run a host, and print what to do if not.

    The exit code is 3 if something is missing. What is fine is one line; ``--verbose`` shows its
    details.
    """

    _diagnoses: Sequence[doctor.Diagnosis] = ()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "topology",
            type=TopologyText,
            nargs="?",
            default="article",
            help="name or file of the topology (default: article)",
        )
        parser.add_argument("--lab", action="store_true", help="check for a lab as well")
        parser.add_argument(
            "--hosts", type=host_count, default=1, metavar="N", help="number of hosts (default: 1)"
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the diagnoses; 3 where something is missing."""
        code = super().run(parsed_args)
        missing = any(each.verdict is doctor.DoctorVerdict.MISSING for each in self._diagnoses)
        return code or (LocalError.exit_code if missing else 0)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        layout = catalog.find(parsed_args.topology)
        need = doctor.ResourceRequirement(layout, parsed_args.hosts, parsed_args.lab)
        diagnoses = doctor.judge(doctor.gather(), need)
        self._diagnoses = diagnoses
        return _COLUMNS, [
            [str(getattr(diagnosis, column)) for column in _COLUMNS] for diagnosis in diagnoses
        ]

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
    ) -> int:
        """As text, unless columns or another format are chosen."""
        if parsed_args.formatter != TABLE or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        terminal = Terminal.of(self.app.stdout)
        verbose = is_verbose(self)
        entries = [
            verdicts.of_diagnosis(each, terminal, verbose=verbose) for each in self._diagnoses
        ]
        self.app.stdout.write(verdicts.render(entries, terminal))
        return 0
