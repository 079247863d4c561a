# SPDX-License-Identifier: Apache-2.0
"""What the session of a user must have before hosts are made in it."""

from vhost_tempest_plugin.util import account, open_files

# QEMU takes some thirty, and what comes with each shared directory and each network.
HOST_FILES = 256


def require(what: str, files: int = HOST_FILES) -> None:
    """Refuse a session in which it cannot end well; nothing was made then.

    :param what: is to be made, and completes an error: "a host"
    :param files: how many files a program of it may have to open
    :raises LocalError: the user has no name, or too few files may be open
    """
    account.name()
    open_files.require(files, what)
