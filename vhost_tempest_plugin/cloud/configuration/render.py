# SPDX-License-Identifier: Apache-2.0
"""The services' options, and the text of their files."""

from collections.abc import Callable, Iterator, Mapping

from vhost_tempest_plugin.cloud.configuration import (
    glance,
    ini,
    keystone,
    neutron,
    nova,
    override,
    placement,
)
from vhost_tempest_plugin.cloud.configuration.override import CONFIGURABLE, DEFAULT
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Options, Settings, Value

_OTHERS: Mapping[Service, Callable[[Settings], Options]] = {
    Service.KEYSTONE: keystone.options,
    Service.GLANCE: glance.options,
    Service.PLACEMENT: placement.options,
    Service.NEUTRON: neutron.options,
}


def options(settings: Settings) -> Mapping[Service, Options]:
    """Those of every service on the machine that has any, what was set by hand included."""
    return {
        service: override.apply(literal(_computed(settings, service)), service, settings.overrides)
        for service in CONFIGURABLE
        if not service.in_host
    }


def compute_options(settings: Settings, host: ComputeHost) -> Options:
    """Those of nova-compute in *host*, what was set by hand included."""
    computed = literal(nova.compute(settings, host))
    return override.apply(computed, Service.NOVA_COMPUTE, settings.overrides)


def text(options: Options) -> str:
    """The file, as oslo.config reads it; the same text for the same options."""
    sections = sorted(options, key=lambda section: (section != DEFAULT, section))
    return "\n".join(
        "".join(f"{line}\n" for line in (f"[{section}]", *_lines(options[section])))
        for section in sections
    )


def _computed(settings: Settings, service: Service) -> Options:
    if service.is_nova:
        return nova.options(settings, service)
    return _OTHERS[service](settings)


def literal(options: Options) -> Options:
    """*options* protected from oslo.config, which puts other options in place of ``$name``."""

    def protect(value: Value) -> Value:
        if isinstance(value, tuple):
            return tuple(each.replace("$", "$$") for each in value)
        return value.replace("$", "$$")

    return {
        section: {option: protect(value) for option, value in content.items()}
        for section, content in options.items()
    }


def _lines(content: Mapping[str, Value]) -> Iterator[str]:
    for option in sorted(content):
        yield from ini.assignments(option, content[option])
