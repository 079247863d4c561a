# SPDX-License-Identifier: Apache-2.0
"""The libvirts that a host or a network can be in."""

from enum import StrEnum


class LibvirtUri(StrEnum):
    """A libvirt of this machine (https://libvirt.org/uri.html).

    No other URI is accepted, from a command line or from a record: some transports run a command
    that the URI names, parameters name other sockets and configuration files, and the test driver
    reads any file.
    """

    SYSTEM = "qemu:///system"
    SESSION = "qemu:///session"
    # libvirt's test driver, whose networks and domains exist in memory only.
    TEST = "test:///default"
