# SPDX-License-Identifier: Apache-2.0
"""The namespace in which mmdebstrap builds a root file system."""

from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.util import process

_SYSCTLS = Path("/proc/sys")
# A sysctl and its value with which a kernel refuses, and what to do about it.
_RESTRICTIONS = (
    (
        "kernel.unprivileged_userns_clone",
        "0",
        "run 'sysctl kernel.unprivileged_userns_clone=1' as root",
    ),
    (
        "kernel.apparmor_restrict_unprivileged_userns",
        "1",
        "add an AppArmor profile that allows mmdebstrap the rule 'userns,' (the troubleshooting "
        "page has one)",
    ),
    ("user.max_user_namespaces", "0", "raise it as root"),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why mmdebstrap cannot have its namespace here, and what to do about it."""

    fact: str
    hint: str


def refusal() -> Refusal | None:
    """What keeps this user from building as mmdebstrap does; None where nothing does.

    mmdebstrap itself tries: AppArmor may allow it what other programs may not do.

    :raises LocalError: mmdebstrap is not installed
    """
    tried = process.run([process.which("mmdebstrap"), "--unshare-helper", "true"], check=False)
    if tried.returncode == 0:
        return None
    for name, value, hint in _RESTRICTIONS:
        if _sysctl(name) == value:
            return Refusal(f"{name} is {value}", hint)
    last = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
    return Refusal(
        last,
        "see that the user has a range in /etc/subuid and in /etc/subgid",
    )


def _sysctl(name: str) -> str:
    try:
        return (_SYSCTLS / name.replace(".", "/")).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
