# SPDX-License-Identifier: Apache-2.0
"""vhost lab list."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from vhost_tempest_plugin.cli.output import Lister, Location, Moment
from vhost_tempest_plugin.lab import status

_COLUMNS = ("name", "state", "topology", "release", "hosts", "nova", "created")


class List(Lister):
    """List the labs."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        return _COLUMNS, [_row(lab) for lab in status.overview()]


def _row(lab: status.LabStatus) -> tuple[Any, ...]:
    record = lab.record
    if record is None:
        return (lab.directory.name, lab.phase, "", "", "", "", "")
    return (
        record.name,
        lab.phase,
        record.topology,
        record.release,
        " ".join(record.hosts),
        Location(str(record.nova)) if record.nova else "the release's",
        Moment(record.created),
    )
