# SPDX-License-Identifier: Apache-2.0
"""The options that nova-compute runs with in a lab's hosts, and those that tests count on."""

from vhost_tempest_plugin.cloud.compute import in_force as cloud_in_force
from vhost_tempest_plugin.cloud.configuration import render
from vhost_tempest_plugin.cloud.configuration.override import DEFAULT
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Settings
from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.nova.compute_options import ComputeOptions

# The scenarios compute the outcome of requests from what follows from the topology; they set
# other values themselves, and only for as long as they need them.
_COUNTED_ON = frozenset(
    {
        (DEFAULT, "vcpu_pin_set"),
        ("compute", "cpu_dedicated_set"),
        ("compute", "cpu_shared_set"),
        ("libvirt", "file_backed_memory"),
        ("pci", "alias"),
        ("pci", "device_spec"),
    }
)


def show(settings: Settings, host: ComputeHost) -> VhostCommand:
    """The command that prints nova-compute's options, for hints."""
    service = Service.NOVA_COMPUTE
    return VhostCommand("lab", "config", "show", service, name=settings.name, host=host.name)


def in_force(settings: Settings, host: ComputeHost) -> ComputeOptions:
    """What the options that nova-compute runs with lead to, those set by hand included.

    :raises InterfaceNameError: that cannot be known
    :raises HostError: Nova would not take one of them
    """
    options = render.compute_options(settings, host)
    return cloud_in_force.read(options, host, f"{show(settings, host)} prints them")


def require_computed(settings: Settings) -> None:
    """Refuse a lab in which options that the scenarios count on were set by hand.

    :raises InputError: with all of them
    """
    service = Service.NOVA_COMPUTE
    names = sorted(
        f"{override.section}.{override.option}"
        for override in settings.overrides
        if override.service is service and (override.section, override.option) in _COUNTED_ON
    )
    if names:
        unset = VhostCommand("lab", "config", "unset", service, *names, name=settings.name)
        raise InputError(
            f"lab {settings.name!r} has {', '.join(names)} set by hand, and the tests of this "
            "plugin count on what follows from the topology",
            hint=f"{unset} brings that back",
        )
