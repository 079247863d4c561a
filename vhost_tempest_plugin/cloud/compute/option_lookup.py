# SPDX-License-Identifier: Apache-2.0
"""Looks options up in what the services register; run as a script by their environment's Python.

On standard input a JSON object ``{"prefixes": [...], "options": [[section, option, [value, ...]],
...]}``, where the prefixes choose the entry points in the namespace ``oslo.config.opts``.  On
standard output a JSON list with, for each of the options, null or what is wrong with it, and
whether its value is a secret.
"""

import difflib
import json
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg

DEFAULT = "DEFAULT"

# How one service says to another who it is; whichever is chosen by auth_type.
_AUTH_PLUGINS = ("password", "v3password", "v3applicationcredential")

Known = dict[str, dict[str, cfg.Opt]]


def known(prefixes: Iterable[str]) -> Known:
    """All options by section and name, the names that are deprecated included."""
    options: Known = {}
    for section, option in _listed(tuple(prefixes)):
        options.setdefault(section, {})[option.dest] = option
        for old in option.deprecated_opts:
            options.setdefault(old.group or section, {}).setdefault(old.name or option.dest, option)
    for plugin in _AUTH_PLUGINS:
        for option in loading.get_auth_plugin_conf_options(plugin):
            for content in options.values():
                if "auth_type" in content:
                    content.setdefault(option.dest, option)
    return options


def complaint(options: Known, section: str, name: str, values: list[str]) -> str | None:
    """What is wrong with values for an option."""
    if section not in options:
        return f"has no section {section!r}{_near(section, options)}"
    option = options[section].get(name.replace("-", "_"))
    if option is None:
        return f"has no option {section}.{name}{_near(name, options[section], f'{section}.')}"
    if len(values) > 1 and not option.multi:
        return f"takes one value of {section}.{name}, not {len(values)}"
    for value in values:
        # What has the value of another option in it can only be judged by the service.
        if "$" not in value:
            try:
                option.type(value)
            except ValueError as error:
                if option.secret:
                    return f"does not take this value for {section}.{name}, a secret"
                return f"does not take {value!r} for {section}.{name}: {error}"
    return None


def is_secret(options: Known, section: str, name: str) -> bool:
    """Whether an option is registered with ``secret=True``."""
    option = options.get(section, {}).get(name.replace("-", "_"))
    return option is not None and bool(option.secret)


def _listed(prefixes: tuple[str, ...]) -> Iterator[tuple[str, cfg.Opt]]:
    for entry in entry_points(group="oslo.config.opts"):
        if not entry.name.startswith(prefixes):
            continue
        for group, options in entry.load()():
            section = str(getattr(group, "name", group) or DEFAULT)
            yield from ((section, option) for option in options)


def _near(name: str, names: Iterable[str], before: str = "") -> str:
    found = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {before}{found[0]}?" if found else ""


def main() -> None:
    """Answer one question."""
    asked: dict[str, Any] = json.load(sys.stdin)
    options = known(asked["prefixes"])
    answers = [
        [complaint(options, *words), is_secret(options, *words[:2])] for words in asked["options"]
    ]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
