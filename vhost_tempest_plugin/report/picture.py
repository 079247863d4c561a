# SPDX-License-Identifier: Apache-2.0
"""Pictures as files: graphviz's dot makes SVG and PNG."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Self

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.topology.drawing import Drawing, dot, text
from vhost_tempest_plugin.util import process

_TIMEOUT_S = 120.0
_DPI = 120


class PictureFormat(StrEnum):
    """What a picture is made into."""

    SVG = "svg"
    PNG = "png"
    TXT = "txt"
    DOT = "dot"

    @classmethod
    def of(cls, path: Path) -> Self:
        """The format that a file's name asks for.

        :raises InputError: none
        """
        try:
            return cls(path.suffix.removeprefix(".").lower())
        except ValueError:
            raise InputError(
                f"the name {path.name!r} does not have the suffix of a picture format",
                hint=(
                    f"end it in "
                    f"{', '.join(f'.{format_}' for format_ in cls)} or give --picture-format"
                ),
            ) from None


def text_of(drawing: Drawing, format_: PictureFormat, columns: int = 80) -> str:
    """A picture in one of the formats that are text.

    :param columns: the least width of TXT
    :raises LocalError: graphviz is not installed
    :raises InputError: the format is not text
    """
    if format_ is PictureFormat.TXT:
        return text.render(drawing, columns)
    source = dot.render(drawing)
    if format_ is PictureFormat.DOT:
        return source
    if format_ is PictureFormat.SVG:
        return process.run(
            [process.which("dot"), "-Tsvg"], input_text=source, timeout_s=_TIMEOUT_S
        ).stdout
    raise InputError(f"a {format_} picture is not text", hint="give --output a file's name")


def save(drawing: Drawing, path: Path, format_: PictureFormat) -> None:
    """Write a picture to a file, whole or not at all.

    :raises LocalError: graphviz is not installed
    :raises InputError: the file cannot be written
    """
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".vhost-draw-") as directory:
            made = Path(directory) / f"picture.{format_}"
            if format_ is PictureFormat.PNG:
                argv: list[str | Path] = [
                    process.which("dot"),
                    "-Tpng",
                    f"-Gdpi={_DPI}",
                    "-o",
                    made,
                ]
                process.run(argv, input_text=dot.render(drawing), timeout_s=_TIMEOUT_S)
            else:
                made.write_text(text_of(drawing, format_), encoding="utf-8")
            made.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot write the picture {str(path)!r}: {error.strerror}", hint="choose another file"
        ) from None
