# SPDX-License-Identifier: Apache-2.0
"""Arguments that name files: types for argparse, which say what a command does with them.

Root's commands run as an account of their own (``util/service_account.py``), to which what they
read is opened and what they write is given.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path, PosixPath


class Source(PosixPath):
    """A file or directory that the command reads."""


class Destination(PosixPath):
    """A directory that the command makes or writes to."""


class TopologyText(str):
    """A topology's name or file."""

    __slots__ = ()


class ShareText(str):
    """``SOURCE[:PATH]``, a share of a directory or of an image."""

    __slots__ = ()


def sources(arguments: argparse.Namespace) -> Iterator[Path]:
    """What the command reads."""
    for value in _values(arguments):
        match value:
            case Source():
                yield Path(value).expanduser()
            case TopologyText():
                yield Path(value)
            case ShareText():
                source, colon, path = value.rpartition(":")
                yield Path(source if colon else path)


def destinations(arguments: argparse.Namespace) -> Iterator[Path]:
    """The directories that the command writes to."""
    return (Path(value) for value in _values(arguments) if isinstance(value, Destination))


def _values(arguments: argparse.Namespace) -> Iterator[object]:
    for value in vars(arguments).values():
        yield from value if isinstance(value, list) else (value,)
