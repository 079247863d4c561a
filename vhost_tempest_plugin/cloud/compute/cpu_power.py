# SPDX-License-Identifier: Apache-2.0
"""CPUs that Nova takes offline in a host, and that come back without the option.

With ``[libvirt]cpu_power_management`` nova-compute takes the dedicated CPUs offline when it
starts (nova/virt/libvirt/cpu/api.py, ``power_down_all_dedicated_cpus``), and never puts them
online again where the option is gone: it refuses to start then, or reports fewer CPUs.  The other
strategy, governors, has no effect here: emulated CPUs have no cpufreq.
"""

import shlex
from pathlib import Path, PurePosixPath

# Exists where nova-compute was last started with the option.
MARKER = PurePosixPath("/opt/vhost/cpu-power-management")
CPUS = PurePosixPath("/sys/devices/system/cpu")

# As oslo.config reads it: the last one counts.
_IS_ON = (
    "awk -F ' *= *' '$1 == \"cpu_power_management\" { value = tolower($2) } "
    "END { exit value !~ /^(1|t|true|on|y|yes)$/ }'"
)


def settled(
    configuration: PurePosixPath | Path,
    marker: PurePosixPath | Path = MARKER,
    cpus: PurePosixPath | Path = CPUS,
) -> str:
    """A command of a shell, for before nova-compute starts: all CPUs are online without the option.

    CPUs that something else took offline are left as they are.

    :param configuration: nova-compute's file
    """
    mark = shlex.quote(str(marker))
    return (
        f"if {_IS_ON} {shlex.quote(str(configuration))}; then touch {mark}; "
        f"elif [ -e {mark} ]; then "
        f"for cpu in {shlex.quote(str(cpus))}/cpu[0-9]*/online; do "
        f'[ "$(cat "$cpu")" = 1 ] || echo 1 >"$cpu"; done; rm {mark}; fi'
    )
