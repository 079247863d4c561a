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
Compute hosts that the scenarios boot guests on and look at.

Effect: guests are expected on these hosts, and on no others: where the cloud has others, tests put
these into an availability zone of their own meanwhile. Where none is set the scenarios are skipped.
Unit: names as Nova has them (OS-EXT-SRV-ATTR:host), separated by commas; that of an emulated host
is its own ('vhost list'). Source: 'openstack compute service list', 'vhost up --name'.
""",
    ),
    cfg.StrOpt(
        "topology",
        help="""
Topology of the compute hosts.

Effect: what the scenarios expect is computed from it, and which of them must run; an emulated
host is also checked against it.
Unit: a name as 'vhost topology list' prints it, or the path of a file. Source: whoever
prescribes the hardware that the tests are to run on; for real hardware a file that describes it.
""",
    ),
    cfg.DictOpt(
        "topologies",
        default={},
        help="""
Topologies of those compute hosts that have another than [vhost]topology.

Effect: as that of [vhost]topology, for these hosts.
Unit: host:topology, separated by commas. Source: as for [vhost]topology.
""",
    ),
    cfg.ListOpt(
        "checks",
        default=[],
        help="""
Checks that the emulated hosts must pass.

Effect: these checks run and no others; all of them where the list is empty.
Unit: names of checks, separated by commas. Source: 'vhost check --help' and the checks
reference in the documentation.
""",
    ),
    cfg.DictOpt(
        "ssh_addresses",
        default={},
        help="""
Addresses of the compute hosts that are no emulated hosts of this machine.

Effect: libvirt and sysfs of these hosts are looked at over ssh there; of hosts that are left out
the way is known ('vhost list').
Unit: host:address or host:address:port, separated by commas. Source: whoever runs the hosts.
""",
    ),
    cfg.StrOpt(
        "ssh_user",
        default="root",
        help="""
Who to log in as to the hosts of [vhost]ssh_addresses.

Effect: one that is not root must be let become it by 'sudo -n', as libvirt and /proc want it.
Unit: an account's name. Source: whoever runs the hosts.
""",
    ),
    cfg.StrOpt(
        "ssh_key",
        help="""
Private key for the hosts of [vhost]ssh_addresses.

Effect: the only way in; passwords are not tried. Needed where there are such hosts.
Unit: the path of a file. Source: whoever runs the hosts.
""",
    ),
    cfg.StrOpt(
        "ssh_known_hosts",
        help="""
Public keys of the hosts of [vhost]ssh_addresses.

Effect: a host with another key, or with none here, is not talked to.
Unit: the path of a file in the format of ssh's known_hosts, with the hosts' names as in
[vhost]hosts. Source: 'ssh-keyscan', compared with what the host prints itself.
""",
    ),
    cfg.StrOpt(
        "nova_cell_database",
        secret=True,
        help="""
The database of Nova's cell with the compute hosts; it is only read.

Effect: pci_devices and instance_extra are compared with what the others say. The password is in
it, as the administrator's is in this file: keep the file to yourself (mode 0600).
Unit: a URL, mysql+pymysql://user:password@address:port/nova_cell1. Source: [database]connection
of nova-conductor; better an account that may only SELECT.
""",
    ),
    cfg.StrOpt(
        "driver",
        help="""
The driver that changes options and restarts services of the deployment.

Effect: tests that need this use it; where it is not set they are skipped and do not belong to
those that must run.
Unit: the name of an entry point of 'vhost_tempest_plugin.deployments'. Source: how the deployment
was made: 'lab' or 'devstack'.
""",
    ),
    cfg.StrOpt(
        "deployment_name",
        default="",
        help="""
Which deployment it is.

Effect: the driver finds by it what to change.
Unit: the driver's own: for 'lab' a lab's name. Source: 'vhost lab list'.
""",
    ),
    cfg.IntOpt(
        "reserved_memory_mib",
        default=512,
        help="""
Memory of a compute host that no guest is given.

Effect: a guest for which there is not enough beside it must be refused.
Unit: MiB. Source: [DEFAULT]reserved_host_memory_mb of nova-compute.
""",
    ),
    cfg.FloatOpt(
        "cpu_allocation_ratio",
        default=4.0,
        help="""
How many floating CPUs guests may have for each of a host's shared ones.

Effect: a guest for which there are not enough must be refused.
Unit: a factor. Source: [DEFAULT]cpu_allocation_ratio of nova-compute, or the
initial_cpu_allocation_ratio.
""",
    ),
    cfg.FloatOpt(
        "ram_allocation_ratio",
        default=1.0,
        help="""
How much memory guests may have for each piece of a host's.

Effect: a guest for which there is not enough must be refused.
Unit: a factor. Source: [DEFAULT]ram_allocation_ratio of nova-compute, or the
initial_ram_allocation_ratio.
""",
    ),
    cfg.BoolOpt(
        "numa_packing",
        default=False,
        help="""
Whether Nova puts guests on NUMA nodes that have some already.

Effect: which of several nodes that will do is expected, where a test looks at that.
Unit: a boolean. Source: [compute]packing_host_numa_cells_allocation_strategy of nova-scheduler.
""",
    ),
    cfg.BoolOpt(
        "neutron_ports",
        default=False,
        help="""
Whether guests of the compute hosts may have ordinary ports of Neutron's.

Effect: tests with such ports run, and belong to those that must; elsewhere they are skipped.
Unit: a boolean. Source: whether an agent of Neutron's that binds ports runs on the hosts
('openstack network agent list').
""",
    ),
    cfg.StrOpt(
        "results_dir",
        help="""
Where each test leaves a record of what it saw.

Effect: a JSON file a test: its guests with their nodes, CPUs and devices, what the views did not
agree on, how long was waited and for what; 'vhost lab test' makes its page of them. None are
written where it is not set.
Unit: the path of a directory. Source: whoever wants them.
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
