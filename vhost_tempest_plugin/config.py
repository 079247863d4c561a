# SPDX-License-Identifier: Apache-2.0
"""The plugin's options in tempest.conf."""

from oslo_config import cfg

vhost_group = cfg.OptGroup(name="vhost", title="The emulated host that tests run against")

VhostGroup = [
    cfg.StrOpt(
        "host",
        help="""
Name of the running emulated host that the scenarios look at.

Effect: its state directory is opened, and its topology says what the scenarios expect.
Where it is not set, the scenarios that need an emulated host are skipped.
Unit: a name as 'vhost list' prints it. Source: 'vhost up --name'.
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
