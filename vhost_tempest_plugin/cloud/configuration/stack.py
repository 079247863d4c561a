# SPDX-License-Identifier: Apache-2.0
"""Options of Nova and tempest in a devstack with emulated hosts.

devstack writes the files; here is what is added to them.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.cloud.configuration import in_host, ini, render
from vhost_tempest_plugin.cloud.configuration.override import DEFAULT, apply
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Options, Override, Value
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.topology.layout import Layout

# Where a host has nova-compute's configuration: where devstack has it on the machine.
COMPUTE_FILE = PurePosixPath("/etc/nova/nova-cpu.conf")

# How long a host may go without a cell, once nova-compute has reported itself.
_DISCOVERY_S = 5
_REPORT_S = 10

# The sections of what a compute host must not know, and the options of the machine's own.
_WITHHELD_SECTIONS = ("database", "api_database", "cache", "keystone_authtoken")
_WITHHELD = (
    *((DEFAULT, option) for option in ("instances_path", "rootwrap_config", "bindir")),
    *((DEFAULT, f"logging_{what}") for what in ("context_format_string", "default_format_string")),
    *((DEFAULT, f"logging_{what}") for what in ("debug_format_suffix", "exception_prefix")),
    *((DEFAULT, option) for option in ("use_journal", "use_syslog", "log_color")),
    *(("libvirt", option) for option in ("cpu_model", "cpu_models", "live_migration_uri")),
    ("pci", "device_spec"),
)

# Where services are that a host has to reach, and what in there means the host itself.
_PLACES = ((DEFAULT, "transport_url"), ("placement", "auth_url"), ("service_user", "auth_url"))
_HERE = ("//127.", "@127.", "//localhost", "@localhost", "//[::1]", "@[::1]")


def control_plane(base: Options, layouts: Iterable[Layout], *, pci_in_placement: bool) -> Options:
    """Additions to nova.conf, which nova-api, the scheduler and every nova-compute have.

    :param base: what is in the file
    """
    options: dict[str, dict[str, Value]] = {
        "pci": {"alias": pci_devices.aliases(layouts)},
        "scheduler": {"discover_hosts_in_cells_interval": str(_DISCOVERY_S)},
        "filter_scheduler": {"enabled_filters": ",".join(filters(base))},
    }
    if pci_in_placement:
        options["filter_scheduler"]["pci_in_placement"] = "true"
    return render.literal(options)


def filters(base: Options) -> tuple[str, ...]:
    """The scheduler's filters with those that the hosts need.

    :param base: what is in nova.conf
    """
    text = ini.last(base, "enabled_filters", "filter_scheduler") or ""
    known = [name for each in text.split(",") if (name := each.strip())]
    return tuple(
        dict.fromkeys((*known, *pci_devices.DEVICE_FILTERS) if known else pci_devices.FILTERS)
    )


def compute(
    base: Options,
    host: ComputeHost,
    programs: Path,
    overrides: Iterable[Override] = (),
    *,
    pci_in_placement: bool = False,
    has_ports: bool = False,
) -> Options:
    """nova-compute's options in *host*.

    :param base: devstack's own for nova-compute on the machine
    :param programs: where devstack's virtual environment has its programs
    :param overrides: what was set by hand for the hosts; it wins
    :param has_ports: guests there may have ordinary ports
    :raises InputError: *base* has places that mean the host itself there
    """
    _require_reachable(base)
    merged = _kept(base)
    for section, content in _additions(host, programs, pci_in_placement, has_ports).items():
        merged.setdefault(section, {}).update(content)
    if host.is_reachable:
        for section, content in _reached(host, base).items():
            merged[section].update(content)
    return apply(merged, Service.NOVA_COMPUTE, overrides)


def text(options: Options) -> str:
    """The file."""
    return render.text(options)


def _additions(
    host: ComputeHost, programs: Path, pci_in_placement: bool, has_ports: bool
) -> Options:
    computed = render.literal(in_host.options(host, programs, COMPUTE_FILE))
    spoken = {
        "debug": "false",
        "use_stderr": "true",
        "report_interval": str(_REPORT_S),
        "periodic_fuzzy_delay": "0",
        "rpc_response_timeout": str(in_host.ANSWER_S),
    }
    # Where there is a way to the metadata service, there need not be one to it from here.
    drive = {"force_config_drive": "true"} if has_ports else {}
    additions = {**computed, DEFAULT: {**computed[DEFAULT], **spoken, **drive}}
    if pci_in_placement:
        additions["pci"] = {**computed["pci"], "report_in_placement": "true"}
    return additions


def _reached(host: ComputeHost, base: Options) -> Options:
    """What a host can do that the machine and other hosts reach at its address.

    Disks are copied by ssh to ``my_ip`` as it is (migration_inbound_addr); a guest that is moved
    while it runs needs an option, since a host cannot be found by its name.
    """
    moves = {"live_migration_scheme": "ssh", "live_migration_inbound_addr": host.address}
    # devstack says where to listen where it has a proxy (lib/nova, configure_console_compute).
    if ini.last(base, "server_listen", "vnc") is None:
        return {"libvirt": moves}
    listening = {"server_listen": host.address, "server_proxyclient_address": host.address}
    return {"libvirt": moves, "vnc": {"enabled": "true", **listening}}


def _kept(base: Options) -> dict[str, dict[str, Value]]:
    return {
        section: {
            option: value for option, value in content.items() if (section, option) not in _WITHHELD
        }
        for section, content in base.items()
        if section not in _WITHHELD_SECTIONS
    }


def _require_reachable(base: Options) -> None:
    for section, option in _PLACES:
        value = ini.last(base, option, section) or ""
        if any(here in value for here in _HERE):
            raise InputError(
                f"devstack's [{section}]{option} names this machine's loopback address, where an "
                "emulated host finds itself",
                hint=(
                    "set HOST_IP in local.conf to another address of this machine, and stack again"
                ),
            )
