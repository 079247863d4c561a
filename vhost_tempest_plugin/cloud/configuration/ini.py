# SPDX-License-Identifier: Apache-2.0
"""Files of oslo.config: read and changed as oslo.config reads them, and written.

Reading is oslo.config's own parser, so that what is found in a file is what Nova runs with.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from oslo_config import iniparser

from vhost_tempest_plugin.cloud.configuration.override import DEFAULT
from vhost_tempest_plugin.cloud.configuration.settings import Options, Value
from vhost_tempest_plugin.errors import InputError

_CONTINUED = "\n    "


@dataclass(frozen=True, slots=True)
class _Assignment:
    """One value of an option.

    :param lines: the numbers of its lines, from 1
    """

    section: str
    option: str
    value: str
    lines: range


class _File(iniparser.BaseParser):
    """What is in a file, and where.

    :ivar headers: the number of the first line of each section
    """

    def __init__(self) -> None:
        super().__init__()
        self.headers: dict[str, int] = {}
        self.assignments: list[_Assignment] = []
        self._section: str | None = None
        self._begun = 0

    def new_section(self, section: str) -> None:
        self._section = _normalized(section)
        self.headers.setdefault(self._section, self.lineno)

    def assignment(self, key: str, value: list[str]) -> None:
        if self._section is None:
            raise self.parse_exc("no section begins before this assignment", self._begun, key)
        lines = range(self._begun, self._begun + len(value))
        self.assignments.append(_Assignment(self._section, key, "\n".join(value), lines))

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        self._begun = self.lineno
        return super()._split_key_value(line)


def parse(text: str, name: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """The options of a file, each with all values that the file gives it, in their order.

    Sections are named as oslo.config looks them up: in small letters, but for ``DEFAULT``.

    :param name: of the file, for the error
    :raises InputError: oslo.config refuses the file; with the line
    """
    file = _read(text, name)
    sections: dict[str, dict[str, tuple[str, ...]]] = {section: {} for section in file.headers}
    for each in file.assignments:
        known = sections[each.section].get(each.option, ())
        sections[each.section][each.option] = (*known, each.value)
    return sections


def last(options: Options, option: str, section: str = DEFAULT) -> str | None:
    """The value that counts for an option with one value; None where there is none."""
    value = options.get(section, {}).get(option)
    return value[-1] if isinstance(value, tuple) else value


def edited(text: str, options: Options, name: str = "the file") -> str:
    """A file's text with *options* in place of what it had for them; all else stays as it is.

    ``parse`` finds these values in it. To edit it once more changes nothing.

    :param name: of the file, for the error
    :raises InputError: oslo.config refuses the file; with the line
    """
    file = _read(text, name)
    dropped = {
        number
        for each in file.assignments
        if each.option in options.get(each.section, {})
        for number in each.lines
    }
    added = {
        file.headers[section]: list(_section(content))
        for section, content in options.items()
        if section in file.headers
    }
    lines: list[str] = []
    for number, line in enumerate(io.StringIO(text), 1):
        if number not in dropped:
            lines.append(line.removesuffix("\n"))
        lines += added.get(number, ())
    for section, content in options.items():
        if section not in file.headers:
            lines += [*([""] if lines and lines[-1] else []), f"[{section}]", *_section(content)]
    return "".join(f"{line}\n" for line in lines)


def assignments(option: str, value: Value) -> Iterator[str]:
    """What a file has for an option: a text of one line or more for each of its values."""
    for each in value if isinstance(value, tuple) else (value,):
        first, *others = each.split("\n")
        yield _CONTINUED.join([f"{option} = {_quoted(first)}".rstrip(), *others])


def _section(content: Mapping[str, Value]) -> Iterator[str]:
    for option, value in content.items():
        yield from assignments(option, value)


def _read(text: str, name: str) -> _File:
    file = _File()
    try:
        # Its lines end as those of a file that is read, and nowhere else.
        file.parse(io.StringIO(text))
    except iniparser.ParseError as error:
        raise InputError(
            f"{name}, line {error.lineno}: {error.msg}: {error.line!r}", hint="correct it"
        ) from None
    return file


def _normalized(section: str) -> str:
    """As oslo_config/cfg.py, ``_normalize_group_name``."""
    return section if section == DEFAULT else section.lower()


def _quoted(line: str) -> str:
    """A value that has quotes or blanks around it needs quotes, one pair of which is taken off."""
    if line and (line != line.strip() or (line[0] == line[-1] and line[0] in "\"'")):
        return f'"{line}"'
    return line
