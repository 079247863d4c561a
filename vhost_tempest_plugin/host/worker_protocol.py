# SPDX-License-Identifier: Apache-2.0
"""What a worker process is asked to do with a host, and what it answers.

The request is one JSON object, the worker's only argument.  It says for whom: a host that belongs
to another is left alone.  On its standard output the worker
writes JSON objects, one a line: any number of ``{"progress": "..."}``, then ``{"done": true}`` or
``{"error": {"class": "HostError", "fact": "...", "hint": "...", ...}}``.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from vhost_tempest_plugin import errors
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.host.network import uplink
from vhost_tempest_plugin.host.network.uplink import UplinkSpec
from vhost_tempest_plugin.host.owner import HostOwner
from vhost_tempest_plugin.host.share import Share
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class Up:
    """Bring a host up, from whatever state it is in.

    :param topology: the file with its topology
    :param accelerator: None takes the one that works here
    :param shares: trees of the machine for the host to have
    :param uplink: what it is connected to beside its user-mode link
    :param internet: let it reach what the machine reaches, its loopback too
    """

    name: str
    owner: HostOwner
    topology: Path
    accelerator: Accelerator | None = None
    shares: tuple[Share, ...] = ()
    uplink: UplinkSpec | None = None
    internet: bool = False


@dataclass(frozen=True, slots=True)
class Down:
    """Shut a host down; its disk stays."""

    name: str
    owner: HostOwner


@dataclass(frozen=True, slots=True)
class Save:
    """Save a running host to its directory and end it."""

    name: str
    owner: HostOwner


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring a saved host back."""

    name: str
    owner: HostOwner


@dataclass(frozen=True, slots=True)
class Destroy:
    """Remove everything of a host."""

    name: str
    owner: HostOwner


@dataclass(frozen=True, slots=True)
class Plug:
    """Put a NIC back that was unplugged.

    :param multifunction: with another device in its slot
    """

    name: str
    owner: HostOwner
    address: PciAddress
    multifunction: bool = False


@dataclass(frozen=True, slots=True)
class Unplug:
    """Pull a NIC out of a running host.

    :param wait: until the host has released it
    """

    name: str
    owner: HostOwner
    address: PciAddress
    wait: bool = True


Request: TypeAlias = Up | Down | Save | Restore | Destroy | Plug | Unplug

_REQUESTS: dict[str, type[Request]] = {
    kind.__name__.lower(): kind for kind in (Up, Down, Save, Restore, Destroy, Plug, Unplug)
}
# How the fields that are not plain JSON are read back from their text.
_PARSERS: dict[str, Any] = {
    "owner": HostOwner.parse,
    "topology": Path,
    "accelerator": Accelerator,
    "shares": lambda pairs: tuple(Share(Path(one), PurePosixPath(two)) for one, two in pairs),
    "uplink": uplink.parse,
    "address": PciAddress.parse,
}


def verb(request: Request) -> str:
    """What a request is called: ``up``, ``save`` ..."""
    return type(request).__name__.lower()


def dump_request(request: Request) -> str:
    """A request as JSON."""
    fields = {
        each.name: _plain(getattr(request, each.name)) for each in dataclasses.fields(request)
    }
    return json.dumps({"request": verb(request), **fields})


def load_request(text: str) -> Request:
    """Read what ``dump_request`` wrote.

    :raises ValueError: for anything else
    """
    try:
        fields = json.loads(text)
        kind = _REQUESTS[fields.pop("request")]
        return kind(
            **{
                name: _PARSERS[name](value) if name in _PARSERS and value is not None else value
                for name, value in fields.items()
            }
        )
    except (AttributeError, KeyError, TypeError, VhostError) as error:
        raise ValueError(f"{text!r} is no request: {error!r}") from None


def progress(news: str) -> str:
    """The line for news."""
    return json.dumps({"progress": news})


def done() -> str:
    """The line for a request that was carried out."""
    return json.dumps({"done": True})


def failure(error: VhostError) -> str:
    """The line for an error, with everything that its class carries."""
    fields = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    kinds = (kind.__name__ for kind in type(error).__mro__ if _is_known(kind))
    return json.dumps({"error": {"class": next(kinds), **fields}}, default=str)


@dataclass(frozen=True, slots=True)
class Answer:
    """A line of a worker.

    :param news: what it reports; None where it has ended
    :param error: why it failed; None where it has not
    """

    news: str | None = None
    error: VhostError | None = None


def load_answer(line: str) -> Answer | None:
    """Read a line of a worker; None for one that is not the protocol's."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    match said:
        case {"progress": str(news)}:
            return Answer(news=news)
        case {"done": True}:
            return Answer()
        case {"error": {"class": str(name), "fact": str(fact), "hint": str(hint), **others}}:
            return Answer(error=_error(name, fact, hint, others))
    return None


def _error(name: str, fact: str, hint: str, fields: Mapping[Any, Any]) -> VhostError:
    kind = getattr(errors, name, VhostError)
    error: VhostError = kind(fact, hint=hint) if _is_known(kind) else VhostError(fact, hint=hint)
    for field, value in fields.items():
        setattr(error, field, tuple(value) if isinstance(value, list) else value)
    return error


def _is_known(kind: type) -> bool:
    """Whether a class is one of ``errors``, which both ends have."""
    return issubclass(kind, VhostError) and getattr(errors, kind.__name__, None) is kind


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        # A path may have any mark that could stand between two.
        return [(str(each.source), str(each.path)) for each in value]
    return value if value is None or isinstance(value, bool | str) else str(value)
