# SPDX-License-Identifier: Apache-2.0
"""neutron.conf: the API with ML2, and no agents."""

from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import REGION, Options, Settings

USER = "neutron"


def options(settings: Settings) -> Options:
    """The file's, those of ML2 included."""
    return {
        "DEFAULT": {
            **common.logging(),
            "api_paste_config": str(settings.environment / "etc/neutron/api-paste.ini"),
            "state_path": str(settings.run / "neutron"),
            "transport_url": common.broker_url(settings),
            "core_plugin": "ml2",
            "service_plugins": "",
            "dhcp_agent_notification": "false",
        },
        "database": common.database(settings, Database.NEUTRON),
        "keystone_authtoken": common.authtoken(settings, USER),
        # It finds these two in the catalogue.
        "nova": {**common.account(settings, USER), "region_name": REGION},
        "placement": {**common.account(settings, USER), "region_name": REGION},
        "ml2": {
            "type_drivers": "flat,vlan,local",
            "project_network_types": "local",
            "mechanism_drivers": "sriovnicswitch",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "*"},
        "oslo_concurrency": common.locks(settings, Service.NEUTRON),
        "oslo_messaging_rabbit": common.messaging(),
    }
