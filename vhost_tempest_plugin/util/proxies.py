# SPDX-License-Identifier: Apache-2.0
"""HTTP proxies in the environment, through which nothing of this machine's loopback may go."""

import os
from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Programs read one of them or the other, and most of them this one first.
_VARIABLES = ("no_proxy", "NO_PROXY")
_EVERYTHING = "*"


def sparing_loopback(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables for a program that talks to services on the loopback address.

    :param environment: what the program has otherwise; hosts that it spares already stay spared
    """
    given = next(filter(None, (environment.get(name, "") for name in _VARIABLES)), "")
    hosts = [host for host in (part.strip() for part in given.split(",")) if host]
    if _EVERYTHING in hosts:
        return dict.fromkeys(_VARIABLES, _EVERYTHING)
    more = [host for host in LOOPBACK if host not in hosts]
    return dict.fromkeys(_VARIABLES, ",".join((*more, *hosts)))
