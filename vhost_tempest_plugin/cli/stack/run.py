# SPDX-License-Identifier: Apache-2.0
"""vhost stack run."""

import argparse
from contextlib import closing, suppress

from cliff.command import Command

from vhost_tempest_plugin.cli.stack.common import add_name
from vhost_tempest_plugin.devstack import lifecycle
from vhost_tempest_plugin.util import progress


class Run(Command):
    """Run nova-compute in a host until this command ends, and print its log.

    devstack's unit of the host runs this.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument("host")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        lines = lifecycle.run(parsed_args.name, parsed_args.host, progress.Lines())
        # To be ended is how it ends: to systemd that is no failure.
        with suppress(KeyboardInterrupt), closing(lines):
            for line in lines:
                self.app.stdout.write(f"{line}\n")
                self.app.stdout.flush()
