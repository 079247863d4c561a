# SPDX-License-Identifier: Apache-2.0
"""Unit files of systemd (systemd.unit(5), systemd.service(5))."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from vhost_tempest_plugin.errors import InputError

Directives = Mapping[str, str]

# What systemd takes for nothing else than itself, wherever it stands in a word.
_PLAIN = re.compile(r"[A-Za-z0-9/._=+:,@-]+")


def command(program: str, *arguments: str) -> str:
    """A command line for ``ExecStart=``, whose words arrive as they are.

    systemd puts variables in place of ``$NAME`` in arguments, and none in the program's name.

    :raises InputError: the program's name has a quote or a backslash, which systemd refuses
    """
    if set(program) & set("\"'\\"):
        raise InputError(
            f"systemd runs no program whose name has a quote or a backslash: {program}",
            hint="have it at another place",
        )
    return " ".join([_word(program), *(_word(word.replace("$", "$$")) for word in arguments)])


def variable(name: str, value: str) -> str:
    """A value for ``Environment=`` that sets one variable."""
    return _word(f"{name}={value}")


def _word(text: str) -> str:
    """A word in quotes where it needs them (systemd.syntax(7)), without specifiers."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def unit_file(unit: Directives, service: Directives, install: Directives | None = None) -> str:
    """The text of one with these sections, what is in them in its order."""
    sections = {"Unit": unit, "Service": service, "Install": install or {}}
    return "\n".join(
        "".join([f"[{name}]\n", *(f"{key}={value}\n" for key, value in directives.items())])
        for name, directives in sections.items()
        if directives
    )


def daemon(
    description: str, log: PurePosixPath, service: Directives, wants: Sequence[str], *after: str
) -> str:
    """The text of one that is enabled, and whose program is started again whenever it ends.

    :param log: gets all that the program says
    :param service: what else is special about the service
    :param wants: units that are started with it, and before it
    :param after: other units that it is started after
    """
    return unit_file(
        {
            "Description": description,
            "Wants": " ".join(wants),
            "After": " ".join((*wants, *after)),
            "StartLimitIntervalSec": "0",
        },
        {
            **service,
            "StandardOutput": f"append:{log}",
            "StandardError": f"append:{log}",
            "Restart": "always",
            "RestartSec": "2",
        },
        {"WantedBy": "multi-user.target"},
    )
