# SPDX-License-Identifier: Apache-2.0
"""What can be done to a deployment besides asking its APIs."""

from enum import StrEnum


class DriverCapability(StrEnum):
    """What a deployment's driver can do; tests say what they need of it."""

    CONFIGURE = "change options of services"
    RESTART = "restart, stop and kill services"
    REBOOT = "reboot compute hosts"
    UNPLUG = "unplug devices of compute hosts"
    REWIRE = "boot compute hosts with other hardware"
