# SPDX-License-Identifier: Apache-2.0
"""Reads configuration files of oslo.config (oslo_config/iniparser.py), as others wrote them."""

from vhost_tempest_plugin.configuration.override import DEFAULT
from vhost_tempest_plugin.configuration.settings import Options
from vhost_tempest_plugin.errors import InputError


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
        elif content[0] == "[" and content[-1] == "]":
            section, last = content[1:-1], None
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


def _halves(line: str) -> tuple[str, str, str]:
    """What stands before and after the first of ``=`` and ``:``."""
    places = [place for place in (line.find("="), line.find(":")) if place >= 0]
    if not places:
        return line, "", ""
    place = min(places)
    return line[:place].strip(), line[place], line[place + 1 :].strip()


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
