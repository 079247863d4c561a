# SPDX-License-Identifier: Apache-2.0
"""The tiny guest that runs inside an emulated host with a NIC assigned."""

from vhost_tempest_plugin.host.nested_guest.build import PARAMETERS, GuestImage, build
from vhost_tempest_plugin.host.nested_guest.report import (
    LAST_LINE,
    Failure,
    GuestCpu,
    GuestDevice,
    GuestNode,
    GuestReport,
    Lease,
    parse,
)

__all__ = [
    "LAST_LINE",
    "PARAMETERS",
    "Failure",
    "GuestCpu",
    "GuestDevice",
    "GuestImage",
    "GuestNode",
    "GuestReport",
    "Lease",
    "build",
    "parse",
]
