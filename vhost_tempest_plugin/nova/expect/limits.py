# SPDX-License-Identifier: Apache-2.0
"""How much more than there is a host may be asked for, and what it keeps for itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Options of nova.conf; the defaults are Nova's (nova/conf/compute.py).

    :param cpu_ratio: floating guest CPUs for each shared host CPU
    :param ram_ratio: instances' memory for each piece of the host's
    :param reserved_mib: of the host's memory, what no instance is given
    :param pack: whether instances are put where others are already
        (``[compute] packing_host_numa_cells_allocation_strategy``)
    """

    cpu_ratio: float = 4.0
    ram_ratio: float = 1.0
    reserved_mib: int = 512
    pack: bool = False
