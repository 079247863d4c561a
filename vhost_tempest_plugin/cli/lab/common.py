# SPDX-License-Identifier: Apache-2.0
"""What the commands of ``vhost lab`` have in common."""

import argparse

DEFAULT_NAME = "lab"

STATUS_COLUMNS = ("part", "where", "state", "pid", "up s", "restarts")


def add_name(parser: argparse.ArgumentParser) -> None:
    """The option that says which lab."""
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help=f"the lab's name (default: {DEFAULT_NAME})"
    )
