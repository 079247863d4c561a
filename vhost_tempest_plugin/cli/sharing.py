# SPDX-License-Identifier: Apache-2.0
"""The option ``--share``."""

import argparse

from vhost_tempest_plugin.cli.arguments import ShareText
from vhost_tempest_plugin.host.share import MOST


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--share``, whose texts become the list *share*."""
    parser.add_argument(
        "--share",
        type=ShareText,
        metavar="SOURCE[:PATH]",
        action="append",
        default=[],
        help="mount a directory or an ext4 image of this machine in the host, read-only, at PATH "
        "(default for a directory: the same path); a directory is copied when the host boots; "
        f"repeat it up to {MOST} times (default: the host's previous shares)",
    )
