# SPDX-License-Identifier: Apache-2.0
"""Reads and changes files of oslo.config (oslo_config/iniparser.py) that others wrote."""

import re
from collections.abc import Iterator

from vhost_tempest_plugin.cloud.configuration.override import DEFAULT
from vhost_tempest_plugin.cloud.configuration.settings import Options, Value
from vhost_tempest_plugin.errors import InputError

_SECTION = re.compile(r"\[(.+)\]")


def parse(text: str, name: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """The options of a file, each with all values that the file gives it, in their order.

    :param name: of the file, for the error
    :raises InputError: it is no such file; the line is told
    """
    sections: dict[str, dict[str, list[str]]] = {}
    section: str | None = None
    last: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if not content:
            last = None
        elif content[0] in "#;":
            continue
        elif line[0] in " \t":
            if last is None:
                raise InputError(f"{name}, line {number}, continues nothing; correct it")
            last[-1] += f"\n{content}"
        elif header := _SECTION.fullmatch(content):
            section, last = header[1], None
            sections.setdefault(section, {})
        else:
            option, separator, value = _halves(content)
            if not separator or section is None:
                raise InputError(f"{name}, line {number}, is no 'option = value'; correct it")
            last = sections[section].setdefault(option, [])
            last.append(_unquoted(value))
    return {
        section: {option: tuple(values) for option, values in content.items()}
        for section, content in sections.items()
    }


def last(options: Options, option: str, section: str = DEFAULT) -> str | None:
    """The value that counts for an option with one value; None where there is none."""
    value = options.get(section, {}).get(option)
    return value[-1] if isinstance(value, tuple) else value


def edited(text: str, options: Options) -> str:
    """A file's text with *options* in place of what it had for them; all else stays as it is.

    The same text for the same options: to edit it once more changes nothing.
    """
    lines = list(_without(text, options))
    for section, content in options.items():
        header = f"[{section}]"
        if header not in lines:
            lines += ([""] if lines and lines[-1] else []) + [header]
        place = lines.index(header) + 1
        lines[place:place] = [
            f"{option} = {each}" for option, value in content.items() for each in _each(value)
        ]
    return "".join(f"{line}\n" for line in lines)


def _without(text: str, options: Options) -> Iterator[str]:
    """The lines but those of *options*."""
    section, dropping = "", False
    for line in text.splitlines():
        if header := _SECTION.fullmatch(line.strip()):
            section, dropping = header[1], False
        elif line[:1] not in (" ", "\t", "", "#", ";"):
            dropping = _halves(line.strip())[0] in options.get(section, {})
        elif not line.strip() or line[0] in "#;":
            dropping = False
        if not dropping:
            yield line


def _each(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)


def _halves(line: str) -> tuple[str, str, str]:
    """What stands before and after the first of ``=`` and ``:``."""
    places = [place for place in (line.find("="), line.find(":")) if place >= 0]
    if not places:
        return line, "", ""
    place = min(places)
    return line[:place].strip(), line[place], line[place + 1 :].strip()


def _unquoted(value: str) -> str:
    if value and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
