# SPDX-License-Identifier: Apache-2.0
"""What Nova must do with a request on a host that has a topology and a load.

``expectation`` says where an instance may be placed and with which devices, or that it must be
refused, and why; ``admits`` compares that with what was observed; ``ranked`` says what of it
Nova prefers.  A ``HostLoads`` is several hosts with their loads.
"""

from vhost_tempest_plugin.nova.expect.comparison import admits
from vhost_tempest_plugin.nova.expect.domain_settings import DomainSettings, domain_settings
from vhost_tempest_plugin.nova.expect.expectation import expectation
from vhost_tempest_plugin.nova.expect.host_loads import (
    HostCandidate,
    HostLoads,
    RequestOutcome,
    order_differences,
    outcome_differences,
    possible_outcomes,
    refusal,
)
from vhost_tempest_plugin.nova.expect.limits import Limits
from vhost_tempest_plugin.nova.expect.observation import InstanceNode, Observation, Rejection
from vhost_tempest_plugin.nova.expect.outcome import Choice, Expectation, Placed, Refused, example
from vhost_tempest_plugin.nova.expect.pcpu import pcpu_fallback, pcpus
from vhost_tempest_plugin.nova.expect.preference import departures, ranked
from vhost_tempest_plugin.nova.expect.reason import Conflict, Shortage
from vhost_tempest_plugin.nova.expect.reported import DeviceProvider, device_providers
from vhost_tempest_plugin.nova.expect.usage import after

__all__ = [
    "Choice",
    "Conflict",
    "DeviceProvider",
    "DomainSettings",
    "Expectation",
    "HostCandidate",
    "HostLoads",
    "InstanceNode",
    "Limits",
    "Observation",
    "Placed",
    "Refused",
    "Rejection",
    "RequestOutcome",
    "Shortage",
    "admits",
    "after",
    "departures",
    "device_providers",
    "domain_settings",
    "example",
    "expectation",
    "order_differences",
    "outcome_differences",
    "pcpu_fallback",
    "pcpus",
    "possible_outcomes",
    "ranked",
    "refusal",
]
