# SPDX-License-Identifier: Apache-2.0
"""vhost collect."""

import argparse
from pathlib import Path

from cliff.command import Command

from vhost_tempest_plugin.cli.collected import tell
from vhost_tempest_plugin.host import status as host_status
from vhost_tempest_plugin.host.collect import host
from vhost_tempest_plugin.host.collect.collection import Collection
from vhost_tempest_plugin.util import progress


class Collect(Command):
    """Put what there is to tell of hosts into a directory, for who looks at it elsewhere.

    Their consoles, domain XML, devices as libvirt and the kernel see them, journals and logs;
    of a host that does not answer, what is on this machine.  ``collected.json`` lists what is
    there, and why what is not there is not.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("directory", type=Path, help="where to; it is made")
        parser.add_argument("names", nargs="*", metavar="host", help="these alone (default: all)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        collection = Collection(parsed_args.directory, progress=progress.Lines())
        names = parsed_args.names or [status.directory.name for status in host_status.overview()]
        for name in names:
            host.collect(name, collection)
        collection.finish()
        self.app.stdout.write(tell(collection))
