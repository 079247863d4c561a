# SPDX-License-Identifier: Apache-2.0
"""vhost doctor."""

import argparse
import dataclasses
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cliff.lister import Lister

from vhost_tempest_plugin.cli.lab.common import host_count
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host.doctor import doctor
from vhost_tempest_plugin.topology import catalog

_COLUMNS = tuple(field.name for field in dataclasses.fields(doctor.Finding))


class Doctor(Lister):
    """Tell whether this machine can bring a host up, and what to do if not.

    Exit code 3 where something is missing.
    """

    _missing = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "topology",
            nargs="?",
            default="article",
            help="name or file of what is to be brought up (default: article)",
        )
        parser.add_argument("--lab", action="store_true", help="with a lab around it")
        parser.add_argument(
            "--hosts", type=host_count, default=1, metavar="N", help="so many hosts (default: 1)"
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the findings; 3 where something is missing."""
        return super().run(parsed_args) or (LocalError.exit_code if self._missing else 0)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        layout = catalog.find(parsed_args.topology)
        need = doctor.ResourceRequirement(layout, parsed_args.hosts, parsed_args.lab)
        with tempfile.TemporaryDirectory(prefix="vhost-doctor-") as scratch:
            findings = doctor.judge(doctor.gather(Path(scratch)), need)
        self._missing = any(finding.verdict is doctor.DoctorVerdict.MISSING for finding in findings)
        return _COLUMNS, [
            [str(getattr(finding, column)) for column in _COLUMNS] for finding in findings
        ]
