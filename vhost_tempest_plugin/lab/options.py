# SPDX-License-Identifier: Apache-2.0
"""Whether a service knows the options that are set for it, by what it registers itself."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from vhost_tempest_plugin import process, speed
from vhost_tempest_plugin.configuration import in_host
from vhost_tempest_plugin.configuration.service import Service
from vhost_tempest_plugin.configuration.settings import Override, Settings
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab import services

_SCRIPT = Path(__file__).with_name("option_lookup.py")
_LIMIT_S = 60.0

# The entry points with what every service may have, beside its own.
_COMMON = ("oslo.", "keystonemiddleware.", "osprofiler", "os_vif", "vif_plug", "os_brick")
# How neutron says to others who it is.
_NEUTRON = ("nova.auth", "placement.auth")
# Sections whose names are made up by who configures them.
_MADE_UP = ("neutron_physnet_", "os_glance_")


def verify(settings: Settings, overrides: Iterable[Override]) -> None:
    """Refuse options that a service of a lab does not know, and values of the wrong type.

    :raises InputError: with what is wrong with the first
    :raises CommandError: the environment does not answer
    """
    verify_in(
        settings.environment, overrides, lambda service: services.variables(settings, service)
    )


def verify_in(
    environment: Path,
    overrides: Iterable[Override],
    variables: Callable[[Service], Mapping[str, str]] = lambda service: {},
) -> None:
    """Refuse options that a service of an environment does not know, and wrong values.

    :param environment: a virtual environment with the services
    :param variables: what a service has in its environment
    :raises InputError: with what is wrong with the first
    :raises CommandError: the environment does not answer
    """
    asked: dict[Service, list[Override]] = {}
    for override in overrides:
        if override.section not in in_host.PRIVILEGED and not override.section.startswith(_MADE_UP):
            asked.setdefault(override.service, []).append(override)
    for service, entries in asked.items():
        for complaint in _look_up(environment, variables(service), service, entries):
            if complaint is not None:
                raise InputError(f"{service} {complaint}")


def _look_up(
    environment: Path, variables: Mapping[str, str], service: Service, entries: list[Override]
) -> list[str | None]:
    own = _NEUTRON if service is Service.NEUTRON else ()
    question = {
        "prefixes": [service.value.partition("-")[0], *own, *_COMMON],
        "options": [
            [e.section, e.option, list(e.value) if isinstance(e.value, tuple) else [e.value]]
            for e in entries
        ],
    }
    done = process.run(
        [environment / "bin/python", "-P", _SCRIPT],
        input_text=json.dumps(question),
        environment=variables,
        timeout_s=_LIMIT_S * speed.slowness(),
    )
    answer: list[str | None] = json.loads(done.stdout)
    return answer
