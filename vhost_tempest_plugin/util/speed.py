# SPDX-License-Identifier: Apache-2.0
"""How fast this machine is now, so that time limits fit it."""

import hashlib
import time

from vhost_tempest_plugin.util import capacity

_BLOCK = b"\0" * (1 << 20)
_BLOCKS = 160
# Seconds that the work below takes on the machine on which the limits were measured
# (2 cores, otherwise idle, November 2026).
_REFERENCE_S = 0.09
_REFERENCE_CPUS = 2


def timeout_scale() -> float:
    """How many times slower than the reference machine this one is now; at least 1.

    The wall time of a fixed piece of work is taken, the load of other programs included,
    since they slow an emulated host in the same way.  It keeps one CPU busy, and hosts several:
    fewer CPUs than the reference machine has, as in a container with a quota, count apart.
    """
    begun_s = time.perf_counter()
    for _ in range(_BLOCKS):
        hashlib.sha1(_BLOCK, usedforsecurity=False).digest()
    work = max(1.0, (time.perf_counter() - begun_s) / _REFERENCE_S)
    return work * max(1.0, _REFERENCE_CPUS / capacity.cpus())
