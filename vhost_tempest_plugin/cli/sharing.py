# SPDX-License-Identifier: Apache-2.0
"""The option with which commands are told of shares."""

import argparse

from vhost_tempest_plugin.host.share import MOST


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--share``, whose texts become the list *share*."""
    parser.add_argument(
        "--share",
        metavar="SOURCE[:PATH]",
        action="append",
        default=[],
        help="a tree of this machine that the host has, read-only, at PATH: a directory (default "
        "for PATH: the same) as it is when the host boots, or a file with an ext4 file system; "
        f"up to {MOST} times (default: what the host had)",
    )
