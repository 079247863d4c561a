# SPDX-License-Identifier: Apache-2.0
"""Whether a service knows the options that are set for it, by what it registers itself."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import in_host
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.util import interpreter, process, speed

_SCRIPT = Path(__file__).with_name("option_lookup.py")
_LIMIT_S = 60.0

# The entry points with what every service may have, beside its own.
_COMMON = ("oslo.", "keystonemiddleware.", "osprofiler", "os_vif", "vif_plug", "os_brick")
# How neutron says to others who it is.
_NEUTRON = ("nova.auth", "placement.auth")
# Sections whose names are made up by who configures them.
_MADE_UP = ("neutron_physnet_", "os_glance_")


def verify(
    environment: Path,
    overrides: Iterable[Override],
    variables: Callable[[Service], Mapping[str, str]] = lambda service: {},
) -> tuple[Override, ...]:
    """Refuse options that a service of an environment does not know, and wrong values.

    Returns the overrides, by service, with those marked whose values are secrets.

    :param environment: a virtual environment with the services
    :param variables: what a service has in its environment
    :raises InputError: with what is wrong with the first
    :raises CommandError: the environment does not answer
    """
    asked: dict[Service, list[Override]] = {}
    found = []
    for override in overrides:
        if override.section in in_host.PRIVILEGED or override.section.startswith(_MADE_UP):
            found.append(override)
        else:
            asked.setdefault(override.service, []).append(override)
    for service, entries in asked.items():
        answers = _look_up(environment, variables(service), service, entries)
        for entry, (complaint, secret) in zip(entries, answers, strict=True):
            if complaint is not None:
                raise InputError(f"{service} {complaint}")
            found.append(replace(entry, secret=secret))
    return tuple(found)


def _look_up(
    environment: Path, variables: Mapping[str, str], service: Service, entries: list[Override]
) -> list[tuple[str | None, bool]]:
    own = _NEUTRON if service is Service.NEUTRON else ()
    question = {
        "prefixes": [service.value.partition("-")[0], *own, *_COMMON],
        "options": [
            [e.section, e.option, list(e.value) if isinstance(e.value, tuple) else [e.value]]
            for e in entries
        ],
    }
    done = process.run(
        interpreter.of(environment, _SCRIPT),
        input_text=json.dumps(question),
        environment={**interpreter.NEUTRAL, **variables},
        timeout_s=_LIMIT_S * speed.timeout_scale(),
    )
    return [(complaint, secret) for complaint, secret in json.loads(done.stdout)]
