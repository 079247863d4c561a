# SPDX-License-Identifier: Apache-2.0
"""A wrong ``[pci] alias`` is reported at once, by the service that reads it or to the user.

nova/pci/request.py, ``get_alias_from_config``: nova-api and nova-compute call it as they start.
"""

import json
from collections.abc import Mapping

from tempest.lib import decorators

from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.requirement import deployment, devices
from vhost_tempest_plugin.nova.expect import Conflict
from vhost_tempest_plugin.nova.pci_devices import NumaPolicy, kinds
from vhost_tempest_plugin.nova.request import DeviceRequest
from vhost_tempest_plugin.scenario.base_config import ALIAS, BaseConfigTest
from vhost_tempest_plugin.scenario.requests.server_requests import request
from vhost_tempest_plugin.scenario.requires import requires
from vhost_tempest_plugin.topology.devices import MODELS

NOVA_API = "nova-api"
_NAME = "vhost-alias"
# An alias of all the NICs that there may be.
_PRODUCTS = tuple(f"{kind.id.product:04x}" for model in MODELS.values() for kind in kinds(model))


class UnknownAliasTest(BaseConfigTest):
    """A flavor asks by a name that there is not."""

    @decorators.attr(type=["smoke", "device-spec"])
    @decorators.idempotent_id("01d1091b-2abd-4f55-aabb-676bdb6f1008")
    def test_unknown_alias_is_refused(self) -> None:
        asked = request(devices=(DeviceRequest(None, name=_NAME),))
        rejection = self.refused(asked, Conflict.UNKNOWN_ALIAS)
        self.assertIn(f"PCI alias {_NAME} is not defined", rejection.message)


@requires(deployment(DriverCapability.CONFIGURE), devices(1))
class AliasTest(BaseConfigTest):
    """nova-api refuses to start."""

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("f37bf91a-cfc5-415f-a220-0dae5955425f")
    def test_unknown_policy(self) -> None:
        """What the schema does not know."""
        self.alias_refused("'nearby' is not one of", self.alias(numa_policy="nearby"))

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("4ed9d4bd-c6d9-47c1-9652-f3eb670f0b0b")
    def test_two_policies_for_one_alias(self) -> None:
        self.alias_refused(
            f"NUMA policy mismatch for alias '{_NAME}'",
            self.alias(numa_policy=NumaPolicy.REQUIRED.value),
            self.alias(numa_policy=NumaPolicy.PREFERRED.value),
        )

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("b87ce150-1a39-4ff6-bc90-ca3fcd75325e")
    def test_two_types_for_one_alias(self) -> None:
        self.alias_refused(
            f"Device type mismatch for alias '{_NAME}'",
            self.alias(device_type="type-PCI"),
            self.alias(device_type="type-VF"),
        )

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("276b5434-0fed-49b9-a551-8da34e90d765")
    def test_alias_without_ids(self) -> None:
        self.alias_refused(
            f"The PCI alias(es) {_NAME} does not have vendor_id and product_id fields set",
            {"name": _NAME, "device_type": self.kind.dev_type.value},
        )

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("e834f988-1528-46b8-a196-b30d1dc9baad")
    def test_two_sorts_for_one_alias_in_placement(self) -> None:
        """Placement is asked for one resource class (bug 2102038)."""
        words = self.alias(device_type=self.kind.dev_type.value)
        written = (json.dumps(words), json.dumps({**words, "product_id": "10c9"}))
        self.start_refused(
            NOVA_API,
            {ALIAS: written, "filter_scheduler.pci_in_placement": "true"},
            "PciInvalidAlias",
            f"The PCI alias(es) {_NAME} have multiple specs",
        )

    @decorators.attr(type=["device-spec", "slow"])
    @decorators.idempotent_id("ebb26654-2d29-4753-a820-539b1705c4cf")
    def test_two_sorts_for_one_alias(self) -> None:
        """Without device_type, which an alias need not have; a server has either of them."""
        words = self.alias(numa_policy=NumaPolicy.REQUIRED.value)
        written = tuple(json.dumps({**words, "product_id": each}) for each in _PRODUCTS)
        asked = DeviceRequest(self.kind, 1, NumaPolicy.REQUIRED, _NAME)
        with (
            self.known_bug(
                "nova-bugs.rst, alias-without-type",
                ".*Invalid PCI alias definition: 'dev_type'.*",
            ),
            self.configured(NOVA_API, {ALIAS: written}),
        ):
            self.place(request(devices=(asked,)))

    def alias(self, **words: str) -> Mapping[str, str]:
        """One of the first kind of device."""
        return {
            "name": _NAME,
            "vendor_id": f"{self.kind.id.vendor:04x}",
            "product_id": f"{self.kind.id.product:04x}",
            **words,
        }

    def alias_refused(self, message: str, *aliases: Mapping[str, str]) -> None:
        """Fail where Nova starts with them, or says anything else."""
        written = tuple(json.dumps(alias) for alias in aliases)
        self.start_refused(NOVA_API, {ALIAS: written}, "PciInvalidAlias", message)
