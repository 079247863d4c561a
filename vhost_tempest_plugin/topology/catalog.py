# SPDX-License-Identifier: Apache-2.0
"""Topologies by name: those of this package, and those that others register.

An entry point in NAMESPACE is a callable that returns a Host, or the path of a topology
file.  A shipped name cannot be taken.
"""

import difflib
import importlib.resources
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from stevedore.extension import Extension, ExtensionManager

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.topology import yaml_file
from vhost_tempest_plugin.topology.layout import Layout, lay_out
from vhost_tempest_plugin.topology.model import Host

NAMESPACE = "vhost_tempest_plugin.topologies"
DEFAULT = "article"

Registered = Callable[[], Host] | str | Path


@dataclass(frozen=True, slots=True)
class Catalog:
    """The shipped topologies with the *registered* ones, each by its name."""

    shipped: dict[str, Path]
    registered: dict[str, Registered]
    broken: dict[str, str]

    def names(self) -> tuple[str, ...]:
        """What ``find`` takes, ascending; not those that cannot be loaded."""
        return tuple(sorted({*self.shipped, *self.registered}))

    def find(self, name_or_path: str) -> Layout:
        """The topology of that name, else the one in that file.

        :raises InputError: there is none, or it does not describe a host that can work
        """
        if name_or_path in self.shipped:
            return yaml_file.load_layout(self.shipped[name_or_path])
        if name_or_path in self.registered:
            return _made(name_or_path, self.registered[name_or_path])
        if name_or_path in self.broken:
            raise InputError(self.broken[name_or_path])
        path = Path(name_or_path)
        if "/" in name_or_path or path.suffix in (".yaml", ".yml", ".json") or path.is_file():
            return yaml_file.load_layout(path)
        close = difflib.get_close_matches(name_or_path, self.names(), n=3)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        raise InputError(
            f"there is no topology {name_or_path!r}",
            hint=f"{hint}known are {', '.join(self.names())}, or give the path of a file",
        )


def _made(name: str, registered: Registered) -> Layout:
    if isinstance(registered, str | Path):
        return yaml_file.load_layout(Path(registered))
    host = registered()
    if not isinstance(host, Host):
        raise InputError(
            f"the topology {name!r} gave a {type(host).__name__} and no Host",
            hint=f"correct the entry point in {NAMESPACE}",
        )
    return lay_out(host)


def load(manager: ExtensionManager[Registered] | None = None) -> Catalog:
    """The catalog of this installation.

    :param manager: what is registered, by default all that is installed
    """
    broken: dict[str, str] = {}

    def failed(_: object, entry_point: object, error: BaseException) -> None:
        name = getattr(entry_point, "name", "?")
        broken[name] = (
            f"the topology {name!r} cannot be loaded: {type(error).__name__}: {error}; "
            f"correct its entry point in {NAMESPACE}"
        )

    if manager is None:
        manager = ExtensionManager(NAMESPACE, on_load_failure_callback=failed)
    directory = importlib.resources.files("vhost_tempest_plugin.topology") / "shipped"
    files = (Path(str(entry)) for entry in directory.iterdir())
    return Catalog(
        shipped={path.stem: path for path in files if path.suffix == ".yaml"},
        registered={extension.name: _plugin(extension) for extension in manager},
        broken=broken,
    )


def _plugin(extension: Extension[Registered]) -> Registered:
    # stevedore's types know classes alone; an entry point may be any object
    return cast("Registered", extension.plugin)


def names() -> tuple[str, ...]:
    """The names of all topologies, ascending."""
    return load().names()


def find(name_or_path: str) -> Layout:
    """The topology of that name, else the one in that file.

    :raises InputError: there is none, or it does not describe a host that can work
    """
    return load().find(name_or_path)
