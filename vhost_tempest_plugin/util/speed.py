# SPDX-License-Identifier: Apache-2.0
"""How fast this machine is now, so that time limits fit it."""

import hashlib
import time

_BLOCK = b"\0" * (1 << 20)
_BLOCKS = 160
# Seconds that the work below takes on the machine on which the limits were measured
# (2 cores, otherwise idle, November 2026).
_REFERENCE_S = 0.09


def timeout_scale() -> float:
    """How many times slower than the reference machine this one is now; at least 1.

    The wall time of a fixed piece of work is taken, the load of other programs included,
    since they slow an emulated host in the same way.
    """
    begun_s = time.perf_counter()
    for _ in range(_BLOCKS):
        hashlib.sha1(_BLOCK, usedforsecurity=False).digest()
    return max(1.0, (time.perf_counter() - begun_s) / _REFERENCE_S)
