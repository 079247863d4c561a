# SPDX-License-Identifier: Apache-2.0
"""vhost collect."""

import argparse

from cliff.command import Command

from vhost_tempest_plugin.cli.arguments import Destination
from vhost_tempest_plugin.cli.collected import summary
from vhost_tempest_plugin.host import status as host_status
from vhost_tempest_plugin.host.collect import host
from vhost_tempest_plugin.host.collect.collection import Collection
from vhost_tempest_plugin.util import progress


class Collect(Command):
    """Collect logs, configuration and state of hosts for offline debugging.

    The directory gets consoles, domain XML, devices, journals and logs. If a host does not
    answer, it gets what is on this machine. ``collected.json`` lists what was collected, what was
    unavailable, and why.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "directory", type=Destination, help="the directory to write, which is created"
        )
        parser.add_argument(
            "names", nargs="*", metavar="host", help="only these hosts (default: all)"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        collection = Collection(parsed_args.directory, progress=progress.Lines())
        names = parsed_args.names or [status.directory.name for status in host_status.overview()]
        for name in names:
            host.collect(name, collection)
        collection.finish()
        self.app.stdout.write(summary(collection))
