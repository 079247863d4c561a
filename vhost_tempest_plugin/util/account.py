# SPDX-License-Identifier: Apache-2.0
"""The account of the system that this process runs as."""

import os
import pwd

from vhost_tempest_plugin.errors import LocalError


def name() -> str:
    """Its name; ssh does not run without one.

    :raises LocalError: it has none
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise LocalError(
            f"user {os.geteuid()} has no entry in the passwd database, which ssh needs",
            hint="add the user to /etc/passwd",
        ) from None
