# SPDX-License-Identifier: Apache-2.0
"""The plugin's options in tempest.conf."""

from pathlib import Path
from types import SimpleNamespace

from oslo_config import cfg

from vhost_tempest_plugin.errors import InputError

vhost_group = cfg.OptGroup(name="vhost", title="The compute hosts that tests run against")

VhostGroup = [
    cfg.ListOpt(
        "hosts",
        default=[],
        help="""
Compute hosts that the scenarios use.

Effect: the scenarios boot servers on these hosts only. If the cloud has other compute hosts, the
tests put these into an availability zone of their own while they run. Without a value the scenarios
are skipped.
Unit: names in Nova (OS-EXT-SRV-ATTR:host), separated by commas. The name of an emulated host is its
name in Nova. Source: 'openstack compute service list', 'vhost list'.
""",
    ),
    cfg.StrOpt(
        "topology",
        help="""
Topology of the compute hosts.

Effect: the scenarios compute the expected outcomes from it, and which scenarios are required.
Emulated hosts are also checked against it.
Unit: a name from 'vhost topology list', or the path of a file. Source: the hardware that the tests
need; for real hardware a file that describes it.
""",
    ),
    cfg.DictOpt(
        "topologies",
        default={},
        help="""
Topologies of compute hosts that differ from [vhost]topology.

Effect: overrides [vhost]topology for these hosts.
Unit: host:topology, separated by commas. Source: as for [vhost]topology.
""",
    ),
    cfg.ListOpt(
        "checks",
        default=[],
        help="""
Checks that the emulated hosts must pass.

Effect: only these checks run; all checks if the list is empty.
Unit: names of checks, separated by commas. Source: 'vhost check --help' and the checks
reference in the documentation.
""",
    ),
    cfg.DictOpt(
        "ssh_addresses",
        default={},
        help="""
Addresses of compute hosts that are not emulated hosts of this machine.

Effect: the tests read libvirt and sysfs of these hosts over ssh. Emulated hosts of this machine
('vhost list') need no address.
Unit: host:address or host:address:port, separated by commas. Source: the operator of the hosts.
""",
    ),
    cfg.StrOpt(
        "ssh_user",
        default="root",
        help="""
User for ssh to the hosts of [vhost]ssh_addresses.

Effect: the tests log in as this user. A user other than root needs 'sudo -n', because libvirt and
/proc need root.
Unit: the name of an account. Source: the operator of the hosts.
""",
    ),
    cfg.StrOpt(
        "ssh_key",
        help="""
Private key for ssh to the hosts of [vhost]ssh_addresses.

Effect: the tests log in with this key and never with a password. Required for these hosts.
Unit: the path of a file. Source: the operator of the hosts.
""",
    ),
    cfg.StrOpt(
        "ssh_known_hosts",
        help="""
Public keys of the hosts of [vhost]ssh_addresses.

Effect: the tests refuse a host whose key differs or is missing here.
Unit: the path of a file in the format of ssh's known_hosts, with the hosts' names as in
[vhost]hosts. Source: 'ssh-keyscan', compared with the keys that the host itself prints.
""",
    ),
    cfg.StrOpt(
        "nova_cell_database",
        secret=True,
        help="""
The database of Nova's cell with the compute hosts.

Effect: the tests read pci_devices and instance_extra and compare them with the other views. They
never write. The URL has a password: keep this file at mode 0600.
Unit: a URL, mysql+pymysql://user:password@address:port/nova_cell1, or with ?unix_socket=/path for
one on this machine. Source: [database]connection of nova-conductor; better an account that may
only SELECT.
""",
    ),
    cfg.StrOpt(
        "driver",
        help="""
Driver that changes options and restarts services of the deployment.

Effect: tests that change the deployment use it. Without a driver these tests are skipped and are
not required.
Unit: the name of an entry point of 'vhost_tempest_plugin.deployments'. Source: how the cloud was
deployed: 'lab' or 'devstack'.
""",
    ),
    cfg.StrOpt(
        "deployment_name",
        default="",
        help="""
Name of the deployment.

Effect: the driver uses it to find the deployment.
Unit: depends on the driver; for 'lab' the name of a lab. Source: 'vhost lab list'.
""",
    ),
    cfg.IntOpt(
        "reserved_memory_mib",
        default=512,
        help="""
Memory of a compute host that servers do not get.

Effect: the tests expect that Nova refuses a server that does not fit into the rest.
Unit: MiB. Source: [DEFAULT]reserved_host_memory_mb of nova-compute.
""",
    ),
    cfg.FloatOpt(
        "cpu_allocation_ratio",
        default=4.0,
        help="""
How many floating CPUs servers may have for each shared CPU of a host.

Effect: the tests expect that Nova refuses a server that exceeds it.
Unit: a factor. Source: [DEFAULT]cpu_allocation_ratio of nova-compute, or
initial_cpu_allocation_ratio.
""",
    ),
    cfg.FloatOpt(
        "ram_allocation_ratio",
        default=1.0,
        help="""
How much memory servers may have for each MiB of a host.

Effect: the tests expect that Nova refuses a server that exceeds it.
Unit: a factor. Source: [DEFAULT]ram_allocation_ratio of nova-compute, or
initial_ram_allocation_ratio.
""",
    ),
    cfg.BoolOpt(
        "numa_packing",
        default=False,
        help="""
Whether Nova prefers NUMA nodes that already have servers.

Effect: the tests of Nova's preferences expect packed NUMA nodes if true, and spread ones if false.
Unit: a boolean. Source: [compute]packing_host_numa_cells_allocation_strategy of nova-scheduler.
""",
    ),
    cfg.BoolOpt(
        "neutron_ports",
        default=False,
        help="""
Whether servers on the compute hosts can have Neutron ports.

Effect: tests with such ports run and are required if true, and are skipped if false.
Unit: a boolean. Source: whether a Neutron agent that binds ports runs on the hosts
('openstack network agent list').
""",
    ),
    cfg.StrOpt(
        "results_dir",
        help="""
Directory for a record of each test.

Effect: each test writes a JSON file with its servers, their nodes, CPUs and devices, disagreements
between views, and waiting times. 'vhost lab test' makes its page from them. Without a value no
records are written.
Unit: the path of a directory. Source: any writable directory.
""",
    ),
    cfg.BoolOpt(
        "keep_failed_servers",
        default=False,
        help="""
Whether the servers of a test that fails are kept, for debugging.

Effect: if true, the first test that fails leaves its servers, flavors and images, and all later
tests are skipped: they need free hosts. Servers that a test placed while it had changed options of
Nova are deleted all the same, before the options are put back.
Unit: a boolean. Source: whoever debugs a failure. Delete the servers before the next run.
""",
    ),
]


# tempest's own (tempest/config.py), with its defaults.
_FEATURES: list[cfg.Opt] = [
    cfg.BoolOpt(name, default=True) for name in ("cold_migration", "live_migration")
]


def read(file: Path) -> SimpleNamespace:
    """The plugin's part of a tempest.conf, and what of tempest's it wants; sets nothing up.

    The sections are attributes, as those of ``tempest.config.CONF``.

    :raises InputError: it cannot be read, or has a value that is none
    """
    conf = cfg.ConfigOpts()
    known = [*list_opts(), (cfg.OptGroup("compute-feature-enabled"), _FEATURES)]
    for group, options in known:
        conf.register_opts(options, group=group)
    try:
        conf([], project="tempest", default_config_files=[str(file)], default_config_dirs=[])
        sections = {
            group.name.replace("-", "_"): SimpleNamespace(
                **{option.dest: conf[group.name][option.dest] for option in options}
            )
            for group, options in known
        }
    except (cfg.Error, ValueError, UnicodeError) as error:
        raise InputError(f"cannot read {file}: {error}", hint="give another file") from None
    return SimpleNamespace(**sections)


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """The options as oslo.config's generator and tempest want them."""
    return [(vhost_group, VhostGroup)]
