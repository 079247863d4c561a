# SPDX-License-Identifier: Apache-2.0
"""The plugin's options in tempest.conf."""

from oslo_config import cfg

vhost_group = cfg.OptGroup(name="vhost", title="The emulated host that tests run against")

VhostGroup = [
    cfg.StrOpt(
        "host",
        help="""
Name of the running emulated host that the scenarios look at.

Effect: the scenarios look at this host. Where it is not set, those that need an emulated
host are skipped.
Unit: a name as 'vhost list' prints it. Source: 'vhost up --name'.
""",
    ),
    cfg.StrOpt(
        "topology",
        help="""
Topology that the emulated host must have.

Effect: what the scenarios expect is computed from this topology; from the one that the host
was brought up with where it is not set.
Unit: a name as 'vhost topology list' prints it, or the path of a file. Source: whoever
prescribes the hardware that the tests are to run on.
""",
    ),
    cfg.ListOpt(
        "checks",
        default=[],
        help="""
Checks that the emulated host must pass.

Effect: these checks run and no others; all of them where the list is empty.
Unit: names of checks, separated by commas. Source: 'vhost check --help' and the checks
reference in the documentation.
""",
    ),
]


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """The options as oslo.config's generator and tempest want them."""
    return [(vhost_group, VhostGroup)]
