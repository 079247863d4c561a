# SPDX-License-Identifier: Apache-2.0
"""nova.conf, of the services on the machine and of nova-compute in a host."""

import shlex
from pathlib import PurePosixPath

from vhost_tempest_plugin import cpuset, novaconf
from vhost_tempest_plugin.accelerator import Accelerator
from vhost_tempest_plugin.configuration import common
from vhost_tempest_plugin.configuration.common import Database
from vhost_tempest_plugin.configuration.service import Service
from vhost_tempest_plugin.configuration.settings import LOOPBACK, ComputeHost, Options, Settings

USER = "nova"
CELL = "cell1"

# Where nova-compute's files are in a host.
COMPUTE_FILE = PurePosixPath("/etc/nova/nova.conf")
_COMPUTE_STATE = PurePosixPath("/var/lib/nova")
# A host's own address in user-mode networking.
_HOST_ADDRESS = "10.0.2.15"

# A service that is gone is noticed sooner than by the defaults (10 s and 60 s).
_REPORT_S = 5
_DOWN_S = 30
_DISCOVERY_S = 5
# Under emulation an answer takes its time.
_ANSWER_S = 180

# Sections of those that become root by themselves: nova-compute is root already.
PRIVILEGED = (
    "nova_sys_admin",
    "privsep_osbrick",
    "vif_plug_linux_bridge_privileged",
    "vif_plug_ovs_privileged",
)


def options(settings: Settings, service: Service) -> Options:
    """Those of a service on the machine: they all share one set."""
    return {
        "DEFAULT": {
            **_every(settings.name),
            "my_ip": LOOPBACK,
            "state_path": str(settings.run / "nova"),
            "transport_url": common.broker_url(settings),
            "allow_resize_to_same_host": "true",
        },
        "api_database": common.database(settings, Database.NOVA_API),
        "database": common.database(settings, Database.NOVA_CELL1),
        "keystone_authtoken": common.authtoken(settings, USER),
        **_clients(settings, in_host=False),
        "neutron": {
            **common.client(settings, USER, Service.NEUTRON),
            "service_metadata_proxy": "true",
            "metadata_proxy_shared_secret": settings.secrets.metadata,
        },
        "conductor": {"workers": "1"},
        "scheduler": {"workers": "1", "discover_hosts_in_cells_interval": str(_DISCOVERY_S)},
        "filter_scheduler": {"enabled_filters": ",".join(novaconf.FILTERS)},
        "pci": {"alias": _alias(settings)},
        "oslo_concurrency": common.locks(settings, service),
        "oslo_messaging_rabbit": common.messaging(),
    }


def compute(settings: Settings, host: ComputeHost) -> Options:
    """Those of nova-compute in *host*; of the lab's secrets it has what it needs."""
    program = settings.environment / "bin/privsep-helper"
    helper = f"{shlex.quote(str(program))} --config-file {COMPUTE_FILE}"
    cpus = novaconf.cpu_sets(host.layout)
    dedicated = {"cpu_dedicated_set": cpuset.format(cpus.dedicated)} if cpus.dedicated else {}
    return {
        "DEFAULT": {
            **_every(host.name),
            "my_ip": _HOST_ADDRESS,
            "state_path": str(_COMPUTE_STATE),
            "transport_url": common.broker_url(settings, in_host=True),
            "compute_driver": "libvirt.LibvirtDriver",
            "reserved_host_memory_mb": "256",
            "reserved_host_disk_mb": "0",
            "update_resources_interval": "10",
            "use_cow_images": "false",
            # A guest's disk is sparse, and of what it may take it uses next to nothing.
            "disk_allocation_ratio": "16.0",
            "shutdown_timeout": "10",
        },
        **_clients(settings, in_host=True),
        "neutron": common.client(settings, USER, Service.NEUTRON, in_host=True),
        "compute": {"cpu_shared_set": cpuset.format(cpus.shared), **dedicated},
        "pci": {"device_spec": novaconf.device_spec(host.layout), "alias": _alias(settings)},
        "libvirt": {
            "virt_type": host.accelerator.domain_type,
            "cpu_mode": "host-passthrough" if host.accelerator is Accelerator.KVM else "none",
            "hw_machine_type": "x86_64=q35",
            "images_type": "raw",
            "wait_soft_reboot_seconds": "10",
        },
        # Without its APIC an emulated guest has no MSI-X, which its NICs want.
        "workarounds": {"libvirt_disable_apic": "false"},
        "vnc": {"enabled": "false"},
        "spice": {"enabled": "false"},
        **{section: {"helper_command": helper} for section in PRIVILEGED},
        "oslo_concurrency": {"lock_path": str(_COMPUTE_STATE / "lock")},
        "oslo_messaging_rabbit": common.messaging(),
    }


def _every(host: str) -> dict[str, str]:
    """What each of Nova's services has in ``[DEFAULT]``."""
    return {
        **common.logging(),
        "host": host,
        "report_interval": str(_REPORT_S),
        "service_down_time": str(_DOWN_S),
        # Periodic tasks begin at once, not within a minute.
        "periodic_fuzzy_delay": "0",
        "rpc_response_timeout": str(_ANSWER_S),
    }


def _clients(settings: Settings, *, in_host: bool) -> dict[str, dict[str, str]]:
    """How Nova talks to the other services, neutron left out."""
    return {
        "service_user": {
            **common.account(settings, USER, in_host=in_host),
            "send_service_user_token": "true",
        },
        "placement": common.client(settings, USER, Service.PLACEMENT, in_host=in_host),
        # Here Nova is always who it works for.
        "glance": common.place(settings, Service.GLANCE, in_host=in_host),
    }


def _alias(settings: Settings) -> tuple[str, ...]:
    return novaconf.aliases(host.layout for host in settings.hosts)
