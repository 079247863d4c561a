# SPDX-License-Identifier: Apache-2.0
"""What the commands of ``vhost stack`` have in common."""

import argparse

from vhost_tempest_plugin.cli.arguments import Source

DEFAULT_NAME = "vhost"


def add_name(parser: argparse.ArgumentParser) -> None:
    """The option that says which devstack."""
    parser.add_argument(
        "--name",
        default=DEFAULT_NAME,
        help=f"prefix of the hosts' names, devstack's VHOST_NAME (default: {DEFAULT_NAME})",
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """The option with all that devstack's plugin says of the hosts."""
    parser.add_argument(
        "--config",
        type=Source,
        required=True,
        metavar="FILE",
        help="the INI file that devstack/plugin.sh writes: the variables of local.conf in [vhost], "
        "what stack.sh knows in [devstack]",
    )
