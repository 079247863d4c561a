# SPDX-License-Identifier: Apache-2.0
"""A command to run, as the last arguments of one of ours."""

import argparse


def add_command(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Take all that follows as a command; a ``--`` before it is not part of it."""
    parser.add_argument("command", nargs=argparse.REMAINDER, help=help_text)


def command(arguments: argparse.Namespace) -> list[str]:
    """Its words; none where there is none."""
    words: list[str] = arguments.command
    return words[1:] if words[:1] == ["--"] else words
