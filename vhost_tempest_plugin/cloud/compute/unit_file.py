# SPDX-License-Identifier: Apache-2.0
"""Unit files of systemd (systemd.unit(5), systemd.service(5))."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

Directives = Mapping[str, str]


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
