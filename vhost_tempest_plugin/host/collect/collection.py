# SPDX-License-Identifier: Apache-2.0
"""A directory of texts, with a list of what is in it and of what was not to be had."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import InputError, without_passwords
from vhost_tempest_plugin.util import growing_file
from vhost_tempest_plugin.util.progress import Progress, silent

INDEX = "collected.json"

# What is longer is cut at its beginning: what went wrong stands at the end.
LIMIT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that was asked for.

    :param path: below the collection's directory
    :param size_bytes: of what is there; None where it was not to be had
    :param missing: why it was not, else empty
    """

    path: str
    size_bytes: int | None
    missing: str = ""


class Collection:
    """Takes one piece after the other; what cannot be read is noted and stops nothing.

    :param mask: takes the secrets out of a text
    """

    def __init__(
        self,
        directory: Path,
        mask: Callable[[str], str] = without_passwords,
        progress: Progress = silent,
    ) -> None:
        self.directory = directory
        self._mask = mask
        self._progress = progress
        self._pieces: list[Piece] = []

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All that was asked for so far, in that order."""
        return tuple(self._pieces)

    def take(self, path: str, read: Callable[[], str]) -> None:
        """Write what *read* gives to *path* below the directory.

        :raises InputError: the directory cannot be written
        """
        self._progress(path)
        try:
            text = read()
        except Exception as error:
            self.lack(path, " ".join(str(error).split()) or type(error).__name__)
            return
        if not text.strip():
            self.lack(path, "it is empty")
            return
        content = self._mask(text).encode(errors="replace")
        cut = len(content) - LIMIT_BYTES
        if cut > 0:
            content = f"[{cut} bytes before this were left out]\n".encode() + content[cut:]
        self._write(path, content)
        self._pieces.append(Piece(path, len(content)))

    def take_file(self, path: str, source: Path) -> None:
        """As ``take``, from a file of the machine."""
        self.take(path, lambda: tail(source))

    def lack(self, path: str, why: str) -> None:
        """Note that something is not to be had."""
        self._progress(f"{path}: {why}")
        self._pieces.append(Piece(path, None, self._mask(why)))

    def finish(self) -> None:
        """Write the list.

        :raises InputError: the directory cannot be written
        """
        listed = [asdict(piece) for piece in self._pieces]
        self._write(INDEX, (json.dumps(listed, indent=2) + "\n").encode())

    def _write(self, path: str, content: bytes) -> None:
        target = self.directory / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise InputError(
                f"cannot write {target}: {error.strerror}", hint="give another directory"
            ) from None


def tail(source: Path) -> str:
    """The end of a file, a little more than a collection keeps of it."""
    return growing_file.tail(source, LIMIT_BYTES + 1024)
