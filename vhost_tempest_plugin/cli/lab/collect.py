# SPDX-License-Identifier: Apache-2.0
"""vhost lab collect."""

import argparse
from functools import partial

from cliff.command import Command

from vhost_tempest_plugin.cli.arguments import Destination
from vhost_tempest_plugin.cli.collected import summary
from vhost_tempest_plugin.cli.lab.common import add_name
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.host.collect.collection import Collection
from vhost_tempest_plugin.lab import collect
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.util import progress


class Collect(Command):
    """Collect logs, configuration and state of a lab and its hosts for offline debugging.

    The directory gets logs, configuration, Nova's and Placement's tables, and for each host what
    'vhost collect' collects. Secrets are masked. It also works on a broken lab:
    ``collected.json`` lists what was unavailable, and why.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            "directory", type=Destination, help="the directory to write, which is created"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        name = parsed_args.name
        mask = partial(failure.mask, hidden=Lab.find(name).settings.hidden)
        collection = Collection(parsed_args.directory, mask, progress.Lines())
        collect.collect(name, collection)
        collection.finish()
        self.app.stdout.write(summary(collection))
