# SPDX-License-Identifier: Apache-2.0
"""What the commands of ``vhost lab`` have in common."""

import argparse

from vhost_tempest_plugin.host.owner import MOST_HOSTS

DEFAULT_NAME = "lab"

STATUS_COLUMNS = ("part", "where", "state", "pid", "up s", "restarts")


def add_name(parser: argparse.ArgumentParser) -> None:
    """The option that says which lab."""
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help=f"the lab's name (default: {DEFAULT_NAME})"
    )


def host_count(text: str) -> int:
    """How many hosts a lab is to have, as it is typed."""
    number = int(text)
    if not 1 <= number <= MOST_HOSTS:
        raise argparse.ArgumentTypeError(f"must be from 1 to {MOST_HOSTS}")
    return number
