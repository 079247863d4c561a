# SPDX-License-Identifier: Apache-2.0
"""What the commands of ``vhost stack`` have in common."""

import argparse

DEFAULT_NAME = "vhost"


def add_name(parser: argparse.ArgumentParser) -> None:
    """The option that says which devstack."""
    parser.add_argument(
        "--name",
        default=DEFAULT_NAME,
        help=f"what the hosts' names begin with; devstack's VHOST_NAME (default: {DEFAULT_NAME})",
    )
