# SPDX-License-Identifier: Apache-2.0
"""How many files a process may have open (getrlimit(2), RLIMIT_NOFILE)."""

import resource

from vhost_tempest_plugin.errors import LocalError


def require(least: int, what: str) -> None:
    """Have this process, and what it starts, open that many; what may be more stays.

    :param what: begins "... needs 1024 open files"
    :raises LocalError: the limit that only root can raise is lower
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < least:
        raise LocalError(
            f"{what} needs {least} open files, and this session allows {hard}",
            hint="raise the limit, see 'ulimit -Hn' and limits.conf(5)",
        )
    if soft != resource.RLIM_INFINITY and soft < least:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, hard))
