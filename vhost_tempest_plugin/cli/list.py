# SPDX-License-Identifier: Apache-2.0
"""vhost list."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from vhost_tempest_plugin.cli.describe import HOST_COLUMNS, host_row
from vhost_tempest_plugin.cli.output import Lister
from vhost_tempest_plugin.host import status as host_status


class List(Lister):
    """List the hosts of this user."""

    def take_action(
        self, arguments: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        return HOST_COLUMNS, [host_row(status) for status in host_status.overview()]
